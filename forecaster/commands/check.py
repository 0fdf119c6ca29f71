"""`forecaster check`: what signal files hold, before anything is trained on them.

A file without numbers may hold labels, and text columns beside numbers may be labels too: they are surveyed as well.
"""

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
    from forecaster.reading.inputs import Input
    from forecaster.reading.survey import ChannelSurvey, LabelSurvey, Survey

HEADER = ("channel", "mean", "sd", "min", "max", "rms", "peak", "crest", "kurtosis", "dominant Hz", "period")
COLUMNS = ("mean", "standard_deviation", "minimum", "maximum", "rms", "peak", "crest_factor", "kurtosis", "dominant_hz")
# Below this rate, the time between two rows says more than hertz do.
SLOW_HZ = 0.1
# Text columns that are surveyed for labels, and labels whose share is shown.
MOST_COLUMNS, MOST_SHARES = 5, 8


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
    explicit = options.explicit(ctx)
    reading, arguments = configure.reading(explicit), options.as_arguments(ctx.command, explicit)
    items = inputs.find(signals)
    documents: list[dict[str, Any]] = []
    failed = False
    for item in items:
        try:
            document, text = _surveyed(item, reading, arguments)
        except ForecasterError as error:
            failed = True
            documents.append({"name": item.name, "path": item.path, "error": str(error)})
            if len(items) == 1:
                if as_json:
                    terminal.json({"signals": documents})
                raise
            message = str(error)
            terminal.warn(message if item.path in message else f"{item.path}: {message}")
            continue
        documents.append({**document, "error": None})
        if not as_json:
            terminal.out(text + ("\n" if len(items) > 1 else ""))
    if as_json:
        terminal.json({"signals": documents})
    return 1 if failed else 0


def _surveyed(item: Input, reading: ReadingOptions, arguments: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return the survey of one file as plain data, and laid out for people.

    The commands that it suggests keep `arguments`, the user's reading options.
    """
    from forecaster.reading import read
    from forecaster.reading.columns import NO_NUMBERS
    from forecaster.reading.survey import survey

    try:
        result = read(item.path, reading, name=item.name)
    except SignalError as error:
        # The standard input is used up by now.
        readable = item.path != "-" and error.found.startswith(NO_NUMBERS)
        labels = _labels(item, reading, arguments) if readable else None
        if labels is None:
            raise
        return labels.to_json(), label_report(labels)
    numbers = survey(result.signal, dialect=result.dialect, timing=result.timing)
    numbers = replace(numbers, command=suggested(numbers.command, arguments))
    columns = []
    for name in result.dropped_columns[:MOST_COLUMNS] if item.path != "-" else ():
        alone = {"columns": (name,), "exogenous": (), "known": (), "calendar": (), "units": ()}
        labels = _labels(item, reading.model_copy(update=alone), ["--column", name])
        columns += [] if labels is None else [labels]
    lines = [line for labels in columns for line in _label_column(labels)]
    document = {**numbers.to_json(), "labels": [labels.to_json() for labels in columns]}
    return document, "\n".join([report(numbers), *lines])


# --- numbers -----------------------------------------------------------------------------


def report(survey: Survey) -> str:
    """Return a survey laid out for people."""
    lines = [f"{printable(survey.path or survey.name, 400)}: {_shape(survey)}"]
    if survey.dialect:
        marks = (key for key in ("encoding", "delimiter", "decimal", "header", "skip_rows") if key in survey.dialect)
        lines.append("file: " + ", ".join(f"{key.replace('_', ' ')} {_mark(survey.dialect[key])}" for key in marks))
    lines.append(f"time: {', '.join(_timing(survey))}")
    lines.append(table(HEADER, [_channel(channel, survey.sample_rate_hz) for channel in survey.channels]))
    lines += [f"note: {printable(note, 400)}" for note in survey.notes]
    lines += [f"warning: {printable(warning, 400)}" for warning in survey.warnings]
    if survey.window is not None and survey.command is not None:
        n_step, n_input = survey.window
        context = samples_and_time(n_step * n_input, survey.sample_rate_hz)
        lines.append(f"window: {n_step} segments of {n_input} fit, context {context}")
        lines.append(f"next: {survey.command}")
    return "\n".join(lines)


def _shape(survey: Survey) -> str:
    """Return how many rows, channels, recordings and series there are."""
    channels = len(survey.channels)
    parts = [f"{survey.rows} rows", f"{channels} channel" if channels == 1 else f"{channels} channels"]
    if len(survey.recordings) > 1:
        shortest, longest = min(survey.recordings), max(survey.recordings)
        parts.append(f"{len(survey.recordings)} recordings of {shortest} to {longest} rows")
    if survey.series > 1:
        parts.append(f"{survey.series} series")
    return ", ".join(parts)


def _mark(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, str) and len(value) == 1 else printable(value)


def _timing(survey: Survey) -> list[str]:
    """Return how the file is sampled: its rate, how long it lasts, and what disturbs it."""
    rate_hz = survey.sample_rate_hz
    if rate_hz is None:
        return [survey.time, "rate not known (--rate HZ gives it)"]
    rate = f"{rate_hz:.6g} Hz" if rate_hz >= SLOW_HZ else f"a row every {duration(1, rate_hz)} ({rate_hz:.6g} Hz)"
    parts = [survey.time, f"{rate}, {duration(survey.rows, rate_hz)} in all"]
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


# --- labels ------------------------------------------------------------------------------


def _labels(item: Input, reading: ReadingOptions, arguments: Sequence[str]) -> LabelSurvey | None:
    """Return the survey of the one column of labels that `reading` leaves; None where it holds no labels."""
    from forecaster.reading.text.cells import kind

    try:
        survey = survey_labels(item, reading, arguments)
    except SignalError:
        return None
    kinds = {kind(symbol) for symbol in survey.symbols}
    # Numbers are a signal with a bad cell, and marks of a missing value are no states of a machine.
    unfit = "number" in kinds or kinds <= {"missing", "empty"} or len(survey.symbols) == 1
    return None if unfit else survey


def survey_labels(item: Input, reading: ReadingOptions, arguments: Sequence[str]) -> LabelSurvey:
    """Return the survey of a column of labels; the command that it suggests keeps the `arguments` of the reading."""
    from forecaster.reading import read
    from forecaster.reading.survey import survey_labels as survey
    from forecaster.tasks import SYMBOLS

    result = read(item.path, reading.model_copy(update={"symbols": True}), name=item.name)
    labels = survey(result.signal, SYMBOLS.best_network, dialect=result.dialect)
    return replace(labels, command=suggested(labels.command, arguments))


def label_report(survey: LabelSurvey) -> str:
    """Return a survey of labels laid out for people."""
    name, rate_hz = printable(survey.path or survey.name, 400), survey.sample_rate_hz
    time = f"{survey.time}, a row every {duration(1, rate_hz)}" if rate_hz else f"{survey.time}, rate not known"
    notes = [f"note: {printable(note, 400)}" for note in survey.notes]
    return "\n".join([f"{name}: {survey.rows} rows of labels", f"time: {time}", *_label_column(survey), *notes])


def _label_column(survey: LabelSurvey) -> list[str]:
    """Return what a column of labels holds, and the command that trains on it."""
    ordered = sorted(survey.shares.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{printable(symbol, 64)} {share:.1%}" for symbol, share in ordered[:MOST_SHARES])
    more = ", ..." if len(ordered) > MOST_SHARES else ""
    facts = f"{survey.changes} changes, at most {survey.longest_run} alike in a row"
    return [
        f"labels: column {printable(survey.channel, 60)!r} holds {len(ordered)} ({shares}{more}), {facts}",
        f"next: {survey.command}" if survey.command else "too few rows to train on",
    ]
