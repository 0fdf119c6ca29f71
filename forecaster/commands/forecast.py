"""`forecaster forecast`: one file, or folders of files, with one model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, bar, number, suggested, table
from forecaster.durations import samples_and_time
from forecaster.errors import ForecasterError, TooShortError, printable

if TYPE_CHECKING:
    from forecaster.batch import Job, Outcome
    from forecaster.config import ReadingOptions
    from forecaster.forecasting.forecast import Forecast
    from forecaster.model import Forecaster
    from forecaster.reading.inputs import Input
    from forecaster.tasks import Task

# What is shown of a single file's forecast, and of the failures and warnings of many files.
SHOWN_ROWS, SHOWN_FAILURES = 5, 10


@click.command("forecast")
@options.model
@options.signals
@options.output("DIR", "Folder for the forecasts; a second call goes on where the first stopped.")
@options.horizon
@options.levels
@options.form
@options.filename
@options.on_error
@options.convert
@options.overwrite
@options.option("--plot", is_flag=True, help="Draw each forecast as PNG beside its file.")
@options.as_json
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, model: Path, signals: tuple[str, ...], **chosen: Any) -> int:
    """Forecast files or folders of files with a model.

    A forecast continues each file behind its last row. It is written into DIR as
    unique_id, ds, y_hat and a band for each --level, a row a sample and channel; of symbols the
    probability of each instead. manifest.json says what was made of each file. The reading
    options stored with the model hold, unless given here.
    """
    from forecaster import batch
    from forecaster.model import Forecaster
    from forecaster.reading import inputs

    terminal: Terminal = ctx.obj
    forecaster = Forecaster.load(model)
    options.refuse_unused(ctx, forecaster.task, "levels")
    job = _job(forecaster, options.explicit(ctx), chosen)
    items = inputs.find(signals, apart=job.directory)
    if terminal.interactive and len(items) > 1:
        with bar() as progress:
            task = progress.add_task("files", total=len(items))
            outcome = batch.run(
                forecaster, model, items, job, tick=lambda count: progress.update(task, completed=count)
            )
    else:
        outcome = batch.run(forecaster, model, items, job)
    if chosen["as_json"]:
        terminal.json(outcome.ledger.to_json())
    if len(items) == 1 and outcome.failed:
        raise _explained(next(iter(outcome.failed.values())), items[0], job.reading, ctx.command, forecaster.task)
    return _report(terminal, items, outcome, forecaster)


def _job(forecaster: Forecaster, explicit: dict[str, Any], chosen: dict[str, Any]) -> Job:
    """Return what the batch is to do."""
    from forecaster.batch import Job
    from forecaster.commands import configure

    reading = configure.reading(explicit, forecaster.manifest.config.reading)
    horizon: options.Span | None = chosen["horizon"]
    rate_hz = reading.rate_hz or forecaster.manifest.sample_rate_hz
    return Job(
        directory=chosen["output"],
        reading=reading,
        horizon=None if horizon is None else horizon.resolve(rate_hz, "-n"),
        levels=tuple(chosen["levels"]),
        form=chosen["form"],
        filename=chosen["filename"],
        stop_on_error=chosen["on_error"] == "stop",
        overwrite=chosen["overwrite"],
        convert=chosen["convert"],
        figure=_picture if chosen["plot"] else None,
    )


def _picture(forecasts: Sequence[Forecast]) -> bytes:
    """Return the picture of the forecasts of one file as PNG."""
    from forecaster import plots

    return plots.png(forecasts[0].figure(forecasts))


def _explained(
    error: ForecasterError, item: Input, reading: ReadingOptions, command: click.Command, task: Task
) -> ForecasterError:
    """Return the error of a single file; one that is too short for the model gets a training that fits it."""
    if not isinstance(error, TooShortError) or item.path == "-":
        return error
    from forecaster.reading import read_signal

    arguments = options.as_arguments(command, reading.model_dump(exclude_defaults=True))
    fitting = suggested(task.suggested_training(read_signal(item.path, reading, name=item.name)), arguments)
    if fitting is None:
        return error
    return TooShortError(error.found, path=error.path, hint=f"A model that fits this file: {fitting}")


# --- what a person sees ------------------------------------------------------------------


def _report(terminal: Terminal, items: Sequence[Input], outcome: Outcome, forecaster: Forecaster) -> int:
    """Print what was made and what failed, and return the exit code."""
    from forecaster.forecasting.forecast import CARRIED

    if forecaster.config.carry_state and outcome.done:
        terminal.say(f"note: {CARRIED}")
    for reason in sorted(set(outcome.reasons.values())):
        terminal.warn(f"note: {reason}")
    for remark in _remarks(outcome) if len(items) > 1 else ():
        terminal.say(f"note: {remark}")
    for warning in _warnings(outcome, one_file=len(items) == 1):
        terminal.warn(f"warning: {warning}")
    for path, error in list(outcome.failed.items())[:SHOWN_FAILURES]:
        message = str(error)
        terminal.warn(f"failed: {message}" if path in message else f"failed: {path}: {message}")
    if len(outcome.failed) > SHOWN_FAILURES:
        terminal.warn(f"failed: {len(outcome.failed) - SHOWN_FAILURES} more, named in manifest.json")
    if len(items) == 1 and outcome.done:
        _show(terminal, items[0], outcome, forecaster)
    terminal.say(_totals(outcome))
    return 1 if outcome.failed else 0


def _remarks(outcome: Outcome) -> list[str]:
    """Return in what several files differ from what the model was trained on, those of many files first."""
    listed = [
        f"{count} of {_files(len(outcome.done))}: {printable(text)}" for text, count in outcome.remarks.most_common()
    ]
    more = len(listed) - SHOWN_FAILURES
    return listed[:SHOWN_FAILURES] + ([f"{more} more like these"] if more > 0 else [])


def _warnings(outcome: Outcome, *, one_file: bool) -> list[str]:
    """Return the warnings of a single file, and of several files in one line how many have any."""
    listed = [text for texts in outcome.warnings.values() for text in texts]
    if one_file:
        more = len(listed) - SHOWN_FAILURES
        return listed[:SHOWN_FAILURES] + ([f"{more} more, in manifest.json"] if more > 0 else [])
    if not listed:
        return []
    count = f"{len(outcome.warnings)} of {_files(len(outcome.done))}"
    return [f"the forecasts of {count} are not to be relied on: manifest.json says why. The first: {listed[0]}"]


def _totals(outcome: Outcome) -> str:
    """Return in one line how many files were forecast, skipped and failed."""
    folder = printable(outcome.ledger.directory)
    if outcome.skipped and not outcome.done and not outcome.failed:
        return f"nothing to do: {_files(len(outcome.skipped))} forecast already in {folder}"
    parts = [f"{_files(len(outcome.done))} forecast into {folder}"]
    parts += [f"{len(outcome.skipped)} done before"] if outcome.skipped else []
    parts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    return ", ".join(parts)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _show(terminal: Terminal, item: Input, outcome: Outcome, forecaster: Forecaster) -> None:
    """Print the first rows of a single file's forecast."""
    from forecaster.forecasting.forecast import safe_text

    for note in outcome.notes.get(item.path, ()):
        terminal.say(f"note: {printable(note)}")
    for forecast in outcome.last:
        rate_hz = forecast.sample_rate_hz or forecaster.manifest.sample_rate_hz
        length = samples_and_time(len(forecast.mean), rate_hz)
        unit = f" [{printable(forecast.unit)}]" if forecast.unit else ""
        terminal.say(f"{safe_text(forecast.unique_id)}{unit}: the next {length}")
        header, rows = forecast.preview(SHOWN_ROWS)
        cells = [[cell if isinstance(cell, str) else number(float(cell or 0)) for cell in row] for row in rows]
        more = len(forecast.mean) - SHOWN_ROWS
        shown = table([f"  {header[0]}", *header[1:]], [[f"  {stamp}", *row] for stamp, *row in cells])
        terminal.say(shown + (f"\n  ... {more} more" if more > 0 else ""))
