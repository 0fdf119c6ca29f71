"""`forecaster compare`: several predictors under one budget, in one table beside the baselines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, table
from forecaster.commands.train import TrainingRun
from forecaster.durations import samples_and_time
from forecaster.errors import TooShortError, printable
from forecaster.files import as_argument

if TYPE_CHECKING:
    from forecaster.comparison import Comparison, Horizon, Row, Scored
    from forecaster.model import Forecaster
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
    folder: Path | None = chosen["output"]
    names = named(predictors)
    run = _prepare(ctx, signals, names, chosen)
    run.announce(terminal)

    def watch(name: str, place: int, count: int) -> Progress | None:
        terminal.say(f"{name}, {place} of {count}")
        return terminal.training()

    def keep(name: str, model: Forecaster) -> str:
        place = chosen["output"] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        model.save(place, overwrite=chosen["overwrite"])
        return str(place)

    try:
        result = compare(run.signals, run.config, names, watch=watch, keep=None if folder is None else keep)
    except TooShortError as error:
        raise run.too_short(error) from None
    _report(terminal, run, result, as_json=chosen["as_json"])
    if chosen["plot"] is not None:
        from forecaster import plots

        plots.save(plots.comparison(result, run.rate_hz), chosen["plot"])
        terminal.say(f"wrote {printable(chosen['plot'])}")
    for row in result.failed:
        terminal.warn(f"{row.predictor}: {row.reason}")
    if result.interrupted:
        terminal.warn(f"interrupted; not trained: {', '.join(result.missing) or 'none'}.")
        return INTERRUPTED
    return FAILED if result.failed else 0


def _prepare(ctx: click.Context, arguments: Sequence[str], names: Sequence[str], chosen: dict[str, Any]) -> TrainingRun:
    """Settle everything that can be refused before a signal is read, then read."""
    from forecaster.bundle import check_target
    from forecaster.commands.configure import RunSettings
    from forecaster.comparison import TASK
    from forecaster.training import check_installed

    settings = RunSettings.of(options.explicit(ctx), chosen["config"], TASK)
    check_installed(names)
    models = [] if chosen["output"] is None else [chosen["output"] / name for name in names]
    for model in models:
        check_target(model, overwrite=chosen["overwrite"])
    options.check_picture(chosen["plot"], *models)
    return TrainingRun.read(arguments, settings)


# --- what a person sees ------------------------------------------------------------------


def _report(terminal: Terminal, run: TrainingRun, result: Comparison, *, as_json: bool) -> None:
    """Print the table, or all of it as JSON."""
    if as_json:
        terminal.json(_summary(run, result))
        return
    terminal.out(report(result, run.rate_hz))
    saved = [row.saved for row in result.rows if row.saved]
    if saved:
        terminal.out(f"\nsaved as {', '.join(printable(as_argument(path)) for path in saved)}")


def report(result: Comparison, rate_hz: float | None) -> str:
    """Return a comparison laid out for people: what was scored, the table, and what its marks mean."""
    head = [_scored(horizon, rate_hz) for horizon in result.horizons]
    columns = ["predictor", "parameters", "steps", "best at", "fit, s"]
    for horizon in result.horizons:
        columns += [f"nmse {_title(horizon)}", "skill  "]
    text = table(columns, [_cells(row, result.horizons) for row in result.rows])
    notes = [note for mark, note in FOOTNOTES.items() if any(mark in line for line in text.splitlines()[1:])]
    troubles = [f"{row.predictor} {row.status}: {printable(row.reason, 400)}" for row in result.failed]
    notes = ["skill: 1 - nmse / nmse of the best baseline; positive is better. fit: the training alone.", *notes]
    return "\n".join([*head, "", text, "", *notes, *troubles])


def _title(horizon: Horizon) -> str:
    return "closed" if horizon.closed else "next"


def _scored(horizon: Horizon, rate_hz: float | None) -> str:
    """Return in words what one horizon is."""
    kind = "closed loop" if horizon.closed else "next segment"
    over = f", mean of {len(horizon.parts)} channels" if len(horizon.parts) > 1 else ""
    reach = samples_and_time(horizon.horizon, rate_hz)
    return f"{kind}: {reach} ahead, {horizon.origins} origins{over}; the best baseline is {horizon.best}"


def _cells(row: Row, horizons: Sequence[Horizon]) -> list[str]:
    """Return one line of the table."""
    name = row.predictor + ("*" if row.baseline else "") + ("" if row.status == "done" else f" ({row.status})")
    seconds = "-" if row.seconds is None else f"{row.seconds:.1f}"
    cells = [name, number(row.parameters), number(row.steps), number(row.best_step), seconds]
    for horizon in horizons:
        scored = row.at(horizon.horizon)
        cells += [number(scored.nmse), _skill(row, scored)]
    return cells


def _skill(row: Row, scored: Scored) -> str:
    """Return a skill with its sign and mark; two characters are kept for the mark, so that the digits align."""
    if scored.skill is None:
        return "-  "
    # The best baseline is not compared with itself.
    mark = "" if scored.against == row.predictor else MARKS.get(scored.verdict, "")
    text = f"{scored.skill:+.3f}" if abs(scored.skill) < 10 else f"{scored.skill:+.1f}"
    return f"{text.replace('+0.000', '0.000')} {mark or ' '}"


# --- what a program reads ----------------------------------------------------------------


def _summary(run: TrainingRun, result: Comparison) -> dict[str, Any]:
    """Return the comparison as JSON."""
    return {
        "signals": [signal.name for signal in run.signals],
        "config": result.config.model_dump(mode="json"),
        "context": run.config.window.context,
        "sample_rate_hz": run.rate_hz,
        "horizons": [
            {
                "name": _title(horizon),
                "horizon": horizon.horizon,
                "stride": horizon.stride,
                "best_baseline": horizon.best,
                "parts": [dict(zip(("signal", "channel", "origins"), part, strict=True)) for part in horizon.parts],
            }
            for horizon in result.horizons
        ],
        "predictors": [_row(row, result.horizons) for row in result.rows],
        "interrupted": result.interrupted,
        "not_trained": list(result.missing),
    }


def _row(row: Row, horizons: Sequence[Horizon]) -> dict[str, Any]:
    """Return a row as JSON; a baseline has a model and a config only where it was saved."""
    return {
        "predictor": row.predictor,
        "baseline": row.baseline,
        "status": row.status,
        "reason": row.reason or None,
        "parameters": row.parameters,
        "steps": row.steps,
        "best_step": row.best_step,
        "seconds": None if row.seconds is None else round(row.seconds, 3),
        "scores": {_title(horizon): _score(row.at(horizon.horizon)) for horizon in horizons},
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
