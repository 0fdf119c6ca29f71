"""`forecaster evaluate`: a model's scores beside naive baselines, with a verdict."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.options import Span
from forecaster.commands.scores import report
from forecaster.commands.terminal import Terminal

if TYPE_CHECKING:
    from forecaster.evaluation import Evaluation, Keep
    from forecaster.model import Forecaster
    from forecaster.signal.signal import Signal


@click.command("evaluate")
@options.model
@options.optional_signals
@options.horizon
@options.origins
@options.levels
@options.least_skill
@options.as_json
@options.backtest
@options.plot("Draw history, truth, forecast and the error by step.")
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, model: Path, signals: tuple[str, ...], **chosen: Any) -> int:
    """Score a model beside naive baselines, with a verdict.

    Without SIGNAL: the scores of the held-back part, taken at training. With a file that the
    model was trained on: its held-back part, scored now. With another file: all of it.
    """
    from forecaster.model import Forecaster

    terminal: Terminal = ctx.obj
    options.check_picture(chosen["plot"])
    forecaster, refused = Forecaster.load(model), 0
    for name in ("plot", "levels", "forecasts"):
        options.check_task(ctx, forecaster.manifest.task, name)
    if not signals:
        _no_file_options(options.explicit(ctx))
        result = _stored(forecaster, *_sizes(forecaster, chosen), levels=chosen["levels"])
    else:
        found, refused = _read(ctx, forecaster, signals)
        evaluation = _score(terminal, forecaster, found, chosen)
        result = evaluation.to_json()
        if chosen["plot"] is not None:
            _draw(terminal, evaluation, chosen["plot"])
    _print(terminal, {**result, "model": str(model)}, forecaster, chosen)
    code = _judged(terminal, result, forecaster, chosen["least_skill"])
    return (_unscored(terminal, result, len(found) + refused) if signals else 0) or code or min(refused, 1)


def _sizes(forecaster: Forecaster, chosen: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return horizon and stride in samples, None where the default holds."""
    rate_hz = chosen["rate_hz"] or forecaster.manifest.sample_rate_hz
    horizon: Span | None = chosen["horizon"]
    stride: Span | None = chosen["stride"]
    return (
        None if horizon is None else horizon.resolve(rate_hz, "-n"),
        None if stride is None else stride.resolve(rate_hz, "--stride"),
    )


def _no_file_options(given: Mapping[str, Any]) -> None:
    """Refuse options that only a file can meet."""
    from forecaster.commands.configure import READING
    from forecaster.errors import UsageError

    if given.get("plot") is not None:
        raise UsageError("--plot needs a SIGNAL: the stored scores hold no curves.", hint="Name the training file.")
    if given.get("forecasts") is not None:
        hint = "Name the training file."
        raise UsageError("--forecasts needs a SIGNAL: the stored scores hold no forecasts.", hint=hint)
    if READING & set(given):
        raise UsageError("Reading options need a SIGNAL to read.", hint="Name the file after MODEL.")


def _stored(
    forecaster: Forecaster, horizon: int | None, stride: int | None, *, levels: Sequence[int]
) -> dict[str, Any]:
    """Return the stored evaluation with this horizon and stride; the first where none is asked for."""
    from forecaster.errors import UsageError

    hint = "Name the training file behind MODEL: its held-back part is then scored anew."
    for evaluation in forecaster.stored:
        if horizon in (None, evaluation["horizon"]) and stride in (None, evaluation["stride"]):
            known = {metric for part in evaluation["parts"] for row in part["scores"].values() for metric in row}
            lacking = [str(level) for level in levels if f"coverage-{level}" not in known]
            if lacking and forecaster.manifest.task == "forecast":
                raise UsageError(f"The model holds no coverage of a band at {', '.join(lacking)} %.", hint=hint)
            return dict(evaluation)
    stored = ", ".join(f"-n {one['horizon']} --stride {one['stride']}" for one in forecaster.stored) or "none"
    raise UsageError(f"The model holds no scores of that horizon and stride; it holds: {stored}.", hint=hint)


def _read(ctx: click.Context, forecaster: Forecaster, signals: tuple[str, ...]) -> tuple[list[Signal], int]:
    """Read the files, as the model's training files were unless options say otherwise.

    Of several, those that cannot be read or scored are told and counted; one that is alone is an error.
    """
    from forecaster.commands import configure
    from forecaster.errors import ForecasterError
    from forecaster.reading import inputs, read_signal

    reading = configure.reading(options.explicit(ctx), forecaster.manifest.config.reading)
    items, found = inputs.find(signals), []
    for item in items:
        try:
            signal = read_signal(item.path, reading, name=item.name)
            forecaster.check(signal)
        except ForecasterError as error:
            if len(items) == 1:
                raise
            ctx.obj.warn(f"Error: {error}")
            continue
        found.append(signal)
    if not found:
        raise click.exceptions.Exit(1)
    return found, len(items) - len(found)


def _score(
    terminal: Terminal, forecaster: Forecaster, found: Sequence[Signal], chosen: Mapping[str, Any]
) -> Evaluation:
    """Score the model on the files."""
    if chosen["forecasts"] is None:
        return _evaluated(forecaster, found, chosen, None)
    return _written(terminal, forecaster, found, chosen)


def _evaluated(
    forecaster: Forecaster, found: Sequence[Signal], chosen: Mapping[str, Any], keep: Keep | None
) -> Evaluation:
    horizon, stride = _sizes(forecaster, chosen)
    return forecaster.evaluate(found, horizon=horizon, stride=stride, levels=chosen["levels"], keep=keep)


def _written(
    terminal: Terminal, forecaster: Forecaster, found: Sequence[Signal], chosen: Mapping[str, Any]
) -> Evaluation:
    """Score, and write all forecasts meanwhile: the whole file, or none."""
    from forecaster.batch.backtest import Backtest
    from forecaster.errors import printable
    from forecaster.files import writing

    path = chosen["forecasts"]
    _free(path, forecaster, found)
    with writing(path) as append:
        backtest = Backtest(append, chosen["levels"])
        evaluation = _evaluated(forecaster, found, chosen, backtest)
        backtest.close(list(evaluation.parts[0].scores))
    terminal.say(f"wrote {printable(path)}: {backtest.rows} rows")
    return evaluation


def _free(path: Path, forecaster: Forecaster, found: Sequence[Signal]) -> None:
    """Refuse to take the place of an input, of the model, or of what is no table of a backtest."""
    from forecaster.batch.backtest import is_backtest
    from forecaster.errors import UsageError, printable

    real, shown = Path(os.path.realpath(path)), f"--forecasts {printable(path, 400)}"
    if any(real == Path(os.path.realpath(signal.path)) for signal in found if signal.path != "-"):
        raise UsageError(f"{shown} would take the place of an input.")
    if Path(os.path.realpath(forecaster.name)) in real.parents:
        raise UsageError(f"{shown} lies in the model's folder.", hint="Choose another place.")
    if real.is_file() and not is_backtest(real):
        raise UsageError(f"{shown} is there, and holds no forecasts that were scored.", hint="Choose another name.")


def _draw(terminal: Terminal, evaluation: Evaluation, path: Path) -> None:
    """Write the picture of an evaluation."""
    from forecaster import plots
    from forecaster.errors import printable

    plots.save(plots.evaluation(evaluation), path)
    terminal.say(f"wrote {printable(path)}")


def _print(terminal: Terminal, result: dict[str, Any], forecaster: Forecaster, chosen: Mapping[str, Any]) -> None:
    carriers = forecaster.manifest.combination
    if chosen["as_json"]:
        terminal.json(result | ({"combination": carriers.model_dump(mode="json")} if carriers else {}))
        return
    from forecaster.bundle.card import members_and_weights
    from forecaster.forecasting.forecast import CARRIED

    if forecaster.config.carry_state:
        terminal.say(f"note: {CARRIED}")
    if carriers:
        terminal.out(f"carried by: {members_and_weights(forecaster.manifest)}\n")
    terminal.out(report(result, forecaster.manifest.sample_rate_hz, chosen["levels"]))


def _unscored(terminal: Terminal, result: Mapping[str, Any], files: int) -> int:
    """Return 2 for the one file, or 1 for several, and say so, where not one part could be scored; else 0."""
    if any(part["origins"] for part in result["parts"]):
        return 0
    terminal.warn("nothing was scored: no rows have the model's context behind them and the horizon ahead.")
    return 2 if files == 1 else 1


def _judged(terminal: Terminal, result: Mapping[str, Any], forecaster: Forecaster, least: float | None) -> int:
    """Return 1, and say why, where the skill of any part is below `least` or undefined; else 0."""
    from forecaster.errors import printable

    if least is None:
        return 0
    first = forecaster.manifest.predictors[0].name
    parts = [(part, _skill(part, result["horizon"], first)) for part in result["parts"]]
    below = [(part, skill) for part, skill in parts if skill is None or not skill >= least]
    for part, skill in below[:10]:
        name = printable("/".join(text for text in (part["signal"], part["channel"]) if text), 200)
        terminal.warn(f"skill below {least:g}: {name}: {'undefined' if skill is None else f'{skill:.4g}'}")
    if len(below) > 10:
        terminal.warn(f"and {len(below) - 10} more of {len(parts)} parts")
    if not parts:
        terminal.warn(f"skill below {least:g}: undefined, nothing was scored")
    return 1 if below or not parts else 0


def _skill(part: Mapping[str, Any], horizon: int, first: str) -> float | None:
    """Return a part's gain over the best baseline; from the scores where an older version stored no gain.

    `first` is the predictor that the model is: a baseline does not compete with itself.
    """
    from forecaster.evaluation.verdict import PLAIN

    if part.get("skill"):
        gain: float | None = part["skill"]["gain"]
        return gain
    losses = {name: _loss(row, horizon) for name, row in part["scores"].items()}
    own, others = losses.get("model"), _known(loss for name, loss in losses.items() if name in PLAIN and name != first)
    return 1 - own / min(others) if own is not None and others and min(others) > 0 else None


def _loss(scores: Mapping[str, float | None], horizon: int) -> float | None:
    """Return what the verdict compares: squared error, cross-entropy one step ahead, or the share of wrong symbols."""
    if "accuracy" not in scores:
        return scores.get("nmse")
    accuracy = scores["accuracy"]
    return scores.get("cross_entropy") if horizon == 1 else None if accuracy is None else 1 - accuracy


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]
