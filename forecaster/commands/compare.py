"""`forecaster compare`: several predictors under one budget, in one table beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, table
from forecaster.durations import samples_and_time
from forecaster.errors import TooShortError, printable
from forecaster.files import as_argument

if TYPE_CHECKING:
    from forecaster.comparison import Comparison, Horizon, Keep, Row, Scored
    from forecaster.config import RunConfig
    from forecaster.model import Forecaster
    from forecaster.signal.signal import Signal
    from forecaster.training import Progress

FAILED, INTERRUPTED = 1, 130
MARKS = {"same": "~", "unknown": "?"}
FOOTNOTES = {
    "~": "~ the difference from the best baseline is within the uncertainty",
    "?": "? too few separate origins to tell it from the best baseline",
    "*": "* a baseline: fitted in closed form, whatever the budget",
}


@click.command("compare")
@options.signals
@options.predictors
@options.output("DIR", "Folder to save the models in, each as DIR/PREDICTOR.", required=False)
@options.training
@options.config
@options.overwrite
@options.plot("Draw the errors of all as bars.")
@options.as_json
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, signals: tuple[str, ...], predictors: str | None, **chosen: Any) -> int:
    """Train several predictors under one budget, and rank them in one table.

    All have the same windows, split, recipe, seed and number of steps, and are scored from the
    same origins of the held-back part, beside the baselines. Ctrl-C ends the training: what is
    finished is printed. The parameters in a --config belong to the predictor that it names.
    """
    from forecaster.comparison import chosen as named
    from forecaster.comparison import compare

    terminal: Terminal = ctx.obj
    wanted = named(predictors)
    run = _prepare(ctx, signals, wanted, chosen)
    _announce(terminal, run)
    keep = None if run.output is None else _keeper(run.output, overwrite=chosen["overwrite"])
    try:
        result = compare(run.signals, run.config, wanted, watch=_watcher(terminal), keep=keep)
    except TooShortError as error:
        raise _with_window(error, run) from None
    _report(terminal, run, result, as_json=chosen["as_json"])
    _draw(terminal, run, result, chosen["plot"])
    for row in result.failed:
        terminal.warn(f"{row.predictor}: {row.reason}")
    if result.interrupted:
        terminal.warn(f"interrupted; not trained: {', '.join(result.missing) or 'none'}.")
        return INTERRUPTED
    return FAILED if result.failed else 0


@dataclass(frozen=True)
class _Run:
    """What is compared on what, and where the models go."""

    signals: tuple[Signal, ...]
    config: RunConfig
    output: Path | None

    @property
    def rate_hz(self) -> float | None:
        return self.signals[0].sample_rate_hz


def _prepare(ctx: click.Context, arguments: Sequence[str], wanted: Sequence[str], chosen: dict[str, Any]) -> _Run:
    """Settle everything that can be refused before a signal is read, then read."""
    from forecaster.bundle import check_target
    from forecaster.commands import configure
    from forecaster.comparison import TASK
    from forecaster.reading import inputs, read_signal
    from forecaster.training import check_installed

    source = "the options" if chosen["config"] is None else printable(chosen["config"])
    settings = configure.for_task(configure.nested(options.explicit(ctx), chosen["config"]), TASK)
    known = configure.run_config(configure.without_times(settings), source)
    check_installed(wanted)
    models = [chosen["output"] / name for name in wanted] if chosen["output"] is not None else []
    for model in models:
        check_target(model, overwrite=chosen["overwrite"])
    options.check_picture(chosen["plot"], *models)
    found = inputs.find(arguments)
    signals = tuple(read_signal(item.path, known.reading, name=item.name) for item in found)
    config = configure.run_config(configure.sizes(settings, signals[0].sample_rate_hz), source)
    return _Run(signals, config, chosen["output"])


def _announce(terminal: Terminal, run: _Run) -> None:
    """Say what the reader noted, and how far the models will look back and ahead."""
    for signal in run.signals:
        for note in signal.notes:
            terminal.say(f"note: {printable(signal.name)}: {printable(note)}")
    lengths = (
        samples_and_time(length, run.rate_hz) for length in (run.config.window.context, run.config.window.n_input)
    )
    terminal.say("context {}, horizon {}".format(*lengths))


def _watcher(terminal: Terminal) -> Any:
    """Return what says whose turn it is, and shows how its training goes."""

    def watch(name: str, place: int, count: int) -> Progress | None:
        terminal.say(f"{name}, {place} of {count}")
        return terminal.training()

    return watch


def _keeper(folder: Path, *, overwrite: bool) -> Keep:
    """Return what saves a model as a folder within `folder`."""

    def keep(name: str, model: Forecaster) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        model.save(folder / name, overwrite=overwrite)
        return str(folder / name)

    return keep


def _with_window(error: TooShortError, run: _Run) -> TooShortError:
    """Return `error` with the window that would fit in place of its hint."""
    if error.suggestion is None:
        return error
    n_step, n_input = error.suggestion
    hint = f"This fits: the same command with --n-step {n_step} --n-input {n_input}."
    path = error.path or (run.signals[0].path if len(run.signals) == 1 else "")
    return TooShortError(error.found, suggestion=error.suggestion, path=path, hint=hint)


# --- what a person sees ------------------------------------------------------------------


def _report(terminal: Terminal, run: _Run, result: Comparison, *, as_json: bool) -> None:
    """Print the table, or all of it as JSON."""
    if as_json:
        terminal.json(_summary(run, result))
        return
    terminal.out(report(result, run.rate_hz))
    saved = [row.saved for row in result.rows if row.saved]
    if saved:
        terminal.out(f"\nsaved as {', '.join(printable(as_argument(path)) for path in saved)}")


def report(result: Comparison, rate_hz: float | None) -> str:
    """Lay out a comparison for people: what was scored, the table, and what its marks mean."""
    head = [_scored(one, rate_hz) for one in result.horizons]
    columns = ["predictor", "parameters", "steps", "best at", "fit, s"]
    for one in result.horizons:
        columns += ["nmse " + _title(one), "skill  "]
    text = table(columns, [_cells(row, result.horizons) for row in result.rows])
    notes = [note for mark, note in FOOTNOTES.items() if any(mark in line for line in text.splitlines()[1:])]
    troubles = [f"{row.predictor} {row.status}: {printable(row.reason, 400)}" for row in result.failed]
    notes = ["skill: 1 - nmse / nmse of the best baseline; positive is better. fit: the training alone.", *notes]
    return "\n".join([*head, "", text, "", *notes, *troubles])


def _title(one: Horizon) -> str:
    return "closed" if one.closed else "next"


def _scored(one: Horizon, rate_hz: float | None) -> str:
    """Say what one horizon is."""
    what = "closed loop" if one.closed else "next segment"
    over = f", mean of {len(one.parts)} channels" if len(one.parts) > 1 else ""
    reach = samples_and_time(one.horizon, rate_hz)
    return f"{what}: {reach} ahead, {one.origins} origins{over}; the best baseline is {one.best}"


def _cells(row: Row, horizons: Sequence[Horizon]) -> list[str]:
    """Return one line of the table."""
    name = row.predictor + ("*" if row.baseline else "") + ("" if row.status == "done" else f" ({row.status})")
    seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
    cells = [name, number(row.parameters), number(row.steps), number(row.best_step), seconds]
    for one in horizons:
        scored = row.at(one.horizon)
        cells += [number(scored.nmse), _skill(row, scored)]
    return cells


def _skill(row: Row, scored: Scored) -> str:
    """Show a skill with its sign and mark; two characters are kept for the mark."""
    if scored.skill is None:
        return "-  "
    mark = "" if scored.against == row.predictor else MARKS.get(scored.verdict, "")
    text = f"{scored.skill:+.3f}" if abs(scored.skill) < 10 else f"{scored.skill:+.1f}"
    return f"{text.replace('+0.000', '0.000')} {mark or ' '}"


def _draw(terminal: Terminal, run: _Run, result: Comparison, path: Path | None) -> None:
    """Write the figure."""
    if path is None:
        return
    from forecaster import plots

    plots.save(plots.comparison(result, run.rate_hz), path)
    terminal.say(f"wrote {printable(path)}")


# --- what a program reads ----------------------------------------------------------------


def _summary(run: _Run, result: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON."""
    return {
        "signals": [signal.name for signal in run.signals],
        "config": result.config.model_dump(mode="json"),
        "context": run.config.window.context,
        "sample_rate_hz": run.rate_hz,
        "horizons": [
            {
                "name": _title(one),
                "horizon": one.horizon,
                "stride": one.stride,
                "best_baseline": one.best,
                "parts": [dict(zip(("signal", "channel", "origins"), part, strict=True)) for part in one.parts],
            }
            for one in result.horizons
        ],
        "predictors": [_row(row, result.horizons) for row in result.rows],
        "interrupted": result.interrupted,
        "not_trained": list(result.missing),
    }


def _row(row: Row, horizons: Sequence[Horizon]) -> dict[str, Any]:
    """Return a row as JSON; a baseline has a model and a config only where it was saved."""
    scores = {_title(one): _score(row.at(one.horizon)) for one in horizons}
    return {
        "predictor": row.predictor,
        "baseline": row.baseline,
        "status": row.status,
        "reason": row.reason or None,
        "parameters": row.parameters,
        "steps": row.steps,
        "best_step": row.best_step,
        "seconds": None if row.seconds is None else round(row.seconds, 3),
        "scores": scores,
        "model": row.saved or None,
        "config": None if row.config is None else row.config.model_dump(mode="json"),
        "history": row.history,
    }


def _score(scored: Scored) -> dict[str, Any]:
    return {
        "nmse": scored.nmse,
        "skill": scored.skill,
        "against": scored.against or None,
        "verdict": scored.verdict,
        "nmse_by_part": list(scored.parts),
    }
