"""`forecaster forecast`: one file, or folders of files, with one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.options import Span
from forecaster.commands.terminal import Terminal, bar, number, suggested, table
from forecaster.durations import samples_and_time
from forecaster.errors import ForecasterError, TooShortError, printable

if TYPE_CHECKING:
    from forecaster.batch import Job, Outcome
    from forecaster.config import ReadingOptions
    from forecaster.forecasting.forecast import Forecast
    from forecaster.model import Forecaster
    from forecaster.reading.inputs import Input

SHOWN_ROWS, SHOWN_FAILURES, SHOWN_SYMBOLS = 5, 10, 8


@click.command("forecast")
@options.model
@options.signals
@options.output("DIR", "Folder for the forecasts; a second call goes on where the first stopped.")
@options.horizon
@options.levels
@options.form
@options.filename
@options.on_error
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
    options.check_task(ctx, forecaster.manifest.task, "levels")
    job = _job(forecaster, options.explicit(ctx), chosen)
    found = inputs.find(signals, apart=job.directory)
    outcome = _run(terminal, lambda tick: batch.run(forecaster, model, found, job, tick=tick), len(found))
    if chosen["as_json"]:
        terminal.json(outcome.ledger.to_json())
    if len(found) == 1 and outcome.failed:
        raise _explained(next(iter(outcome.failed.values())), found[0], job.reading, ctx.command)
    return _report(terminal, found, outcome, forecaster)


def _job(forecaster: Forecaster, given: dict[str, Any], chosen: dict[str, Any]) -> Job:
    """Gather what the batch is to do."""
    from forecaster.batch import Job
    from forecaster.commands import configure

    reading = configure.reading(given, forecaster.manifest.config.reading)
    horizon: Span | None = chosen["horizon"]
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
        figure=_picture if chosen["plot"] else None,
    )


def _picture(forecasts: Sequence[Forecast]) -> bytes:
    """Draw the forecasts of one file."""
    from forecaster import plots

    draw = plots.symbols if forecasts[0].symbols else plots.forecast
    return plots.png(draw(forecasts))


def _run(terminal: Terminal, work: Callable[[Callable[[int], None]], Outcome], total: int) -> Outcome:
    """Run the batch, behind a bar where many files meet a terminal."""
    if not terminal.interactive or total < 2:
        return work(lambda count: None)
    with bar() as progress:
        task = progress.add_task("files", total=total)
        return work(lambda count: progress.update(task, completed=count))


def _report(terminal: Terminal, found: Sequence[Input], outcome: Outcome, forecaster: Forecaster) -> int:
    """Tell what was made and what failed; return the exit code."""
    from forecaster.forecasting.forecast import CARRIED

    if forecaster.config.carry_state and outcome.done:
        terminal.say(f"note: {CARRIED}")
    for reason in sorted(set(outcome.reasons.values())):
        terminal.warn(f"note: {reason}")
    for warning in outcome.warnings[:SHOWN_FAILURES]:
        terminal.warn(f"warning: {warning}")
    if len(outcome.warnings) > SHOWN_FAILURES:
        terminal.warn(f"warning: {len(outcome.warnings) - SHOWN_FAILURES} more forecasts ran away like these")
    for path, error in list(outcome.failed.items())[:SHOWN_FAILURES]:
        terminal.warn(_failure(path, str(error)))
    if len(outcome.failed) > SHOWN_FAILURES:
        terminal.warn(f"failed: {len(outcome.failed) - SHOWN_FAILURES} more, named in manifest.json")
    if len(found) == 1 and outcome.done:
        _tell_one(terminal, found[0], outcome, forecaster)
    terminal.say(_totals(outcome))
    return 1 if outcome.failed else 0


def _explained(error: ForecasterError, item: Input, reading: ReadingOptions, command: click.Command) -> ForecasterError:
    """Return the error of a single file; one that is too short for the model gets a training that fits it."""
    if not isinstance(error, TooShortError) or item.path == "-":
        return error
    from forecaster.commands import labels
    from forecaster.reading import read_signal
    from forecaster.reading.survey import survey

    arguments = options.as_arguments(command, reading.model_dump(exclude_defaults=True))
    if reading.symbols:
        fitting = labels.look(item, reading, arguments).command
    else:
        fitting = suggested(survey(read_signal(item.path, reading, name=item.name)).command, arguments)
    if fitting is None:
        return error
    return TooShortError(error.found, path=error.path, hint=f"A model that fits this file: {fitting}")


def _failure(path: str, message: str) -> str:
    return f"failed: {message}" if path in message else f"failed: {path}: {message}"


def _totals(outcome: Outcome) -> str:
    """Say in one line how many files were forecast, skipped and failed."""
    where = printable(outcome.ledger.directory)
    if outcome.skipped and not outcome.done and not outcome.failed:
        return f"nothing to do: {_files(len(outcome.skipped))} forecast already in {where}"
    parts = [f"{_files(len(outcome.done))} forecast into {where}"]
    parts += [f"{len(outcome.skipped)} done before"] if outcome.skipped else []
    parts += [f"{len(outcome.failed)} failed"] if outcome.failed else []
    return ", ".join(parts)


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _tell_one(terminal: Terminal, item: Input, outcome: Outcome, forecaster: Forecaster) -> None:
    """Show the first rows of a single file's forecast."""
    from forecaster.batch.tables import safe_text

    for note in outcome.notes.get(item.path, ()):
        terminal.say(f"note: {printable(note)}")
    for forecast in outcome.last:
        length = samples_and_time(len(forecast.mean), forecaster.manifest.sample_rate_hz)
        unit = f" [{printable(forecast.unit)}]" if forecast.unit else ""
        terminal.say(f"{safe_text(forecast.unique_id)}{unit}: the next {length}")
        terminal.say(_first_rows(forecast))


def _first_rows(forecast: Forecast) -> str:
    """Lay out the first rows of a forecast with its bands, or its probabilities."""
    shown = min(SHOWN_ROWS, len(forecast.mean))
    rest = len(forecast.mean) - shown
    header, rows = (_symbol_rows if forecast.symbols else _number_rows)(forecast, shown)
    return table(header, rows) + (f"\n  ... {rest} more" if rest else "")


def _symbol_rows(forecast: Forecast, shown: int) -> tuple[list[str], list[list[str]]]:
    """Lay out symbols, and the probabilities of the first ones of the alphabet."""
    from forecaster.batch.tables import symbol_block

    header = ["  ds", "y_hat", "p", *(printable(f"p-{symbol}", 20) for symbol in forecast.symbols[:SHOWN_SYMBOLS])]
    first = zip(*symbol_block(forecast)[1 : len(header) + 1], strict=True)
    rows = [[f"  {ds}", str(symbol), *(f"{p:.3f}" for p in chances)] for ds, symbol, *chances in first]
    return header, rows[:shown]


def _number_rows(forecast: Forecast, shown: int) -> tuple[list[str], list[list[str]]]:
    """Lay out numbers with their bands."""
    from forecaster.batch.tables import stamps

    levels = [level for level, band in sorted(forecast.bands.items()) if band is not None]
    header = ["  ds", "y_hat", *(f"{side} {level} %" for level in levels for side in ("lower", "upper"))]
    sides = [side for level in levels for side in forecast.bands[level] or ()]
    values = zip(stamps(forecast)[:shown], forecast.mean, *sides, strict=False)
    return header, [[f"  {stamp}", *(number(float(value)) for value in row)] for stamp, *row in values]
