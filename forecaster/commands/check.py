"""`forecaster check`: what signal files hold, before anything is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, suggested, table
from forecaster.durations import duration, samples_and_time
from forecaster.errors import ForecasterError, SignalError, printable

if TYPE_CHECKING:
    from forecaster.config import ReadingOptions
    from forecaster.reading import Reading
    from forecaster.reading.inputs import Input
    from forecaster.reading.survey import ChannelSurvey, Survey

COLUMNS = ("mean", "standard_deviation", "minimum", "maximum", "rms", "peak", "crest_factor", "kurtosis", "dominant_hz")
SLOW_HZ = 0.1
HEADER = ("channel", "mean", "sd", "min", "max", "rms", "peak", "crest", "kurtosis", "dominant Hz", "period")


@click.command("check")
@options.signals
@options.as_json
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, signals: tuple[str, ...], as_json: bool, **chosen: Any) -> int:
    """Say what signal files hold, and which window would fit.

    Dialect, rate, jitter, gaps, duplicates; and for each channel RMS, peak, crest factor,
    kurtosis, the dominant frequency, clipping and a stuck sensor.
    """
    from forecaster.commands import configure
    from forecaster.reading import inputs

    terminal: Terminal = ctx.obj
    reading = configure.reading(options.explicit(ctx))
    found = inputs.find(signals)
    documents: list[dict[str, Any]] = []
    errors: list[ForecasterError] = []
    for item in found:
        arguments = options.as_arguments(ctx.command, options.explicit(ctx))
        try:
            document, text = _looked_at(item, reading, arguments)
        except ForecasterError as error:
            errors.append(error)
            documents.append({"name": item.name, "path": item.path, "error": str(error)})
            _complain(terminal, item, error, len(found))
            continue
        documents.append({**document, "error": None})
        if not as_json:
            terminal.out(text + ("\n" if len(found) > 1 else ""))
    if as_json:
        terminal.json({"signals": documents})
    if errors and len(found) == 1:
        raise errors[0]
    return 1 if errors else 0


def _complain(terminal: Terminal, item: Input, error: ForecasterError, total: int) -> None:
    """Tell of one bad file among several; a single one is the boundary's to tell."""
    if total > 1:
        message = str(error)
        terminal.warn(message if item.path in message else f"{item.path}: {message}")


def _looked_at(item: Input, reading: ReadingOptions, arguments: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Read one file and look at it: as data, and laid out; a file without numbers may hold labels."""
    from forecaster.commands import labels
    from forecaster.reading import read
    from forecaster.reading.columns import NO_NUMBERS

    try:
        result = read(item.path, reading, name=item.name)
    except SignalError as error:
        able = item.path != "-" and error.found.startswith(NO_NUMBERS)
        alone = labels.alone(item, reading, arguments) if able else None
        if alone is None:
            raise
        return alone.to_json(), labels.report(alone)
    found = _survey(result, arguments)
    beside = labels.beside(item, reading, result.dropped_columns)
    lines = [line for one in beside for line in labels.column(one)]
    return {**found.to_json(), "labels": [one.to_json() for one in beside]}, "\n".join([report(found), *lines])


def _survey(result: Reading, arguments: Sequence[str]) -> Survey:
    """Survey what was read; the command that it suggests keeps the user's reading options."""
    from forecaster.reading.survey import survey

    found = survey(result.signal, dialect=result.dialect, timing=result.timing)
    return replace(found, command=suggested(found.command, arguments))


def report(survey: Survey) -> str:
    """Lay out a survey for people."""
    name = printable(survey.path or survey.name, 400)
    lines = [
        f"{name}: {_shape(survey)}",
        *_facts(survey),
        table(HEADER, [_channel(one, survey.sample_rate_hz) for one in survey.channels]),
    ]
    lines += [f"note: {printable(note, 400)}" for note in survey.notes]
    lines += [f"warning: {printable(warning, 400)}" for warning in survey.warnings]
    return "\n".join([*lines, *_window(survey)])


def _shape(survey: Survey) -> str:
    """Say how much there is."""
    parts = [f"{survey.rows} rows", _count(len(survey.channels), "channel")]
    if len(survey.recordings) > 1:
        parts.append(
            f"{len(survey.recordings)} recordings of {min(survey.recordings)} to {max(survey.recordings)} rows"
        )
    if survey.series > 1:
        parts.append(f"{survey.series} series")
    return ", ".join(parts)


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _facts(survey: Survey) -> list[str]:
    """Say how the file is written and how it is sampled."""
    lines = []
    if survey.dialect:
        marks = ("encoding", "delimiter", "decimal", "header", "skip_rows")
        shown = (f"{key.replace('_', ' ')} {_mark(survey.dialect[key])}" for key in marks if key in survey.dialect)
        lines.append(f"file: {', '.join(shown)}")
    return [*lines, f"time: {', '.join(_timing(survey))}"]


def _mark(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, str) and len(value) == 1 else printable(value)


def _timing(survey: Survey) -> list[str]:
    rate_hz = survey.sample_rate_hz
    parts = [survey.time]
    if rate_hz is None:
        return [*parts, "rate not known (--rate HZ gives it)"]
    rate = f"{rate_hz:.6g} Hz" if rate_hz >= SLOW_HZ else f"a row every {duration(1, rate_hz)} ({rate_hz:.6g} Hz)"
    parts.append(f"{rate}, {duration(survey.rows, rate_hz)} in all")
    jitter = survey.timing.get("jitter")
    if jitter is not None:
        parts.append(f"jitter {jitter:.2g} of a step" if jitter else "no jitter")
    counts = ((name, survey.timing.get(name, 0)) for name in ("gaps", "duplicates", "interpolated"))
    return parts + [f"{count} {name}" for name, count in counts if count]


def _channel(channel: ChannelSurvey, sample_rate_hz: float | None) -> list[str]:
    """Return a row of the table."""
    label = f"{channel.name} [{channel.unit}]" if channel.unit else channel.name
    period = "-"
    if channel.period is not None:
        time = duration(channel.period, sample_rate_hz)
        period = f"{channel.period:.4g} samples" + (f" ({time})" if time else "")
    return [printable(label, 60), *(number(getattr(channel, name)) for name in COLUMNS), period]


def _window(survey: Survey) -> list[str]:
    """Say which window would fit, and the command that trains with it."""
    if survey.window is None or survey.command is None:
        return []
    n_step, n_input = survey.window
    context = samples_and_time(n_step * n_input, survey.sample_rate_hz)
    return [f"window: {n_step} segments of {n_input} fit, context {context}", f"next: {survey.command}"]
