"""`forecaster evaluate`: a model's scores beside naive baselines, with a verdict."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.scores import report
from forecaster.commands.terminal import Terminal
from forecaster.errors import ForecasterError, UsageError, printable

if TYPE_CHECKING:
    from forecaster.evaluation import Evaluation
    from forecaster.model import Forecaster
    from forecaster.signal.signal import Signal

# Parts below the skill that was asked for which are named.
SHOWN_PARTS = 10


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
@options.convert
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
    forecaster = Forecaster.load(model)
    options.refuse_unused(ctx, forecaster.task, "plot", "levels", "forecasts")
    if not signals:
        _refuse_file_options(options.explicit(ctx))
        result = _stored(forecaster, *_sizes(forecaster, chosen), levels=chosen["levels"])
        _print(terminal, {**result, "model": str(model)}, forecaster, chosen)
        return _judged(terminal, result, forecaster, chosen["least_skill"])
    read, refused = _read(ctx, forecaster, signals, convert=chosen["convert"])
    evaluation = _scored(terminal, forecaster, read, chosen)
    if chosen["plot"] is not None:
        from forecaster import plots

        plots.save(plots.evaluation(evaluation), chosen["plot"])
        terminal.say(f"wrote {printable(chosen['plot'])}")
    result = evaluation.to_json()
    _print(terminal, {**result, "model": str(model)}, forecaster, chosen)
    too_little = _judged(terminal, result, forecaster, chosen["least_skill"])
    return _unscored(terminal, result, len(read) + refused) or too_little or min(refused, 1)


def _sizes(forecaster: Forecaster, chosen: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """Return horizon and stride in samples, None where the default holds."""
    rate_hz = chosen["rate_hz"] or forecaster.manifest.sample_rate_hz
    horizon: options.Span | None = chosen["horizon"]
    stride: options.Span | None = chosen["stride"]
    return (
        None if horizon is None else horizon.resolve(rate_hz, "-n"),
        None if stride is None else stride.resolve(rate_hz, "--stride"),
    )


def _refuse_file_options(explicit: Mapping[str, Any]) -> None:
    """Refuse options that only a file can meet."""
    from forecaster.commands.configure import READING

    if explicit.get("plot") is not None:
        raise UsageError("--plot needs a SIGNAL: the stored scores hold no curves.", hint="Name the training file.")
    if explicit.get("forecasts") is not None:
        hint = "Name the training file."
        raise UsageError("--forecasts needs a SIGNAL: the stored scores hold no forecasts.", hint=hint)
    if READING & set(explicit):
        raise UsageError("Reading options need a SIGNAL to read.", hint="Name the file after MODEL.")


def _stored(
    forecaster: Forecaster, horizon: int | None, stride: int | None, *, levels: Sequence[int]
) -> dict[str, Any]:
    """Return the stored evaluation with this horizon and stride; the first where neither is asked for."""
    hint = "Name the training file behind MODEL: its held-back part is then scored anew."
    for evaluation in forecaster.stored:
        if horizon in (None, evaluation["horizon"]) and stride in (None, evaluation["stride"]):
            metrics = {
                metric for part in evaluation["parts"] for scores in part["scores"].values() for metric in scores
            }
            lacking = [str(level) for level in levels if f"coverage-{level}" not in metrics]
            if lacking and "levels" not in forecaster.task.unused_options:
                raise UsageError(f"The model holds no coverage of a band at {', '.join(lacking)} %.", hint=hint)
            return dict(evaluation)
    pairs = (f"-n {stored['horizon']} --stride {stored['stride']}" for stored in forecaster.stored)
    holds = ", ".join(pairs) or "none"
    raise UsageError(f"The model holds no scores of that horizon and stride; it holds: {holds}.", hint=hint)


def _read(
    ctx: click.Context, forecaster: Forecaster, arguments: tuple[str, ...], *, convert: bool
) -> tuple[list[Signal], int]:
    """Return the signals, read as the model's training files were unless options say otherwise.

    Of several files, those that cannot be read or scored are reported and counted; a single one is an error.
    """
    from forecaster.commands import configure
    from forecaster.compatibility import remarks
    from forecaster.reading import inputs, read_signal

    reading = configure.reading(options.explicit(ctx), forecaster.manifest.config.reading)
    items = inputs.find(arguments)
    signals = []
    for item in items:
        try:
            signal = read_signal(item.path, reading, name=item.name, expected=forecaster.manifest.channels.columns)
            signal = forecaster.converted(signal) if convert else signal
            forecaster.check(signal)
        except ForecasterError as error:
            if len(items) == 1:
                raise
            ctx.obj.warn(f"Error: {error}")
            continue
        for remark in remarks(signal, forecaster.manifest):
            ctx.obj.say(f"note: {printable(item.path)}: {printable(remark)}")
        signals.append(signal)
    if not signals:
        raise click.exceptions.Exit(1)
    return signals, len(items) - len(signals)


def _scored(
    terminal: Terminal, forecaster: Forecaster, signals: Sequence[Signal], chosen: Mapping[str, Any]
) -> Evaluation:
    """Return the scores on `signals`; with --forecasts, write every forecast meanwhile: the whole file, or none."""
    horizon, stride = _sizes(forecaster, chosen)
    evaluate = partial(forecaster.evaluate, signals, horizon=horizon, stride=stride, levels=chosen["levels"])
    path: Path | None = chosen["forecasts"]
    if path is None:
        return evaluate()
    from forecaster.batch.tables import Backtest
    from forecaster.files import writing

    _refuse_place(path, forecaster, signals)
    with writing(path) as append:
        backtest = Backtest(append, chosen["levels"])
        evaluation = evaluate(keep=backtest)
        backtest.close(list(evaluation.parts[0].scores))
    terminal.say(f"wrote {printable(path)}: {backtest.rows} rows")
    return evaluation


def _refuse_place(path: Path, forecaster: Forecaster, signals: Sequence[Signal]) -> None:
    """Refuse to take the place of an input, of a part of the model, or of what is no table of a backtest."""
    from forecaster.batch.tables import is_backtest

    real, shown = Path(os.path.realpath(path)), f"--forecasts {printable(path, 400)}"
    if any(real == Path(os.path.realpath(signal.path)) for signal in signals if signal.path != "-"):
        raise UsageError(f"{shown} would take the place of an input.")
    if Path(os.path.realpath(forecaster.name)) in real.parents:
        raise UsageError(f"{shown} lies in the model's folder.", hint="Choose another place.")
    if real.is_file() and not is_backtest(real):
        raise UsageError(f"{shown} is there, and holds no forecasts that were scored.", hint="Choose another name.")


def _print(terminal: Terminal, result: dict[str, Any], forecaster: Forecaster, chosen: Mapping[str, Any]) -> None:
    ensemble = forecaster.manifest.combination
    if chosen["as_json"]:
        terminal.json(result | ({"combination": ensemble.model_dump(mode="json")} if ensemble else {}))
        return
    from forecaster.bundle.card import members_and_weights
    from forecaster.forecasting.forecast import CARRIED

    if forecaster.config.carry_state:
        terminal.say(f"note: {CARRIED}")
    if ensemble:
        terminal.out(f"carried by: {members_and_weights(forecaster.manifest)}\n")
    terminal.out(report(result, forecaster.manifest.sample_rate_hz, chosen["levels"]))


# --- exit codes --------------------------------------------------------------------------


def _unscored(terminal: Terminal, result: Mapping[str, Any], files: int) -> int:
    """Return 2 for the one file, or 1 for several, and say so, where not one part could be scored; else 0."""
    if any(part["origins"] for part in result["parts"]):
        return 0
    terminal.warn("nothing was scored: no rows have the model's context behind them and the horizon ahead.")
    return 2 if files == 1 else 1


def _judged(terminal: Terminal, result: Mapping[str, Any], forecaster: Forecaster, least: float | None) -> int:
    """Return 1, and say why, where the skill of any part is below `least` or undefined; else 0."""
    if least is None:
        return 0
    first = forecaster.manifest.predictors[0].name
    skills = [(part, _skill(part, result["horizon"], first)) for part in result["parts"]]
    # `not skill >= least` holds for a `least` that is NaN, too: a typing error must not pass for success.
    below = [(part, skill) for part, skill in skills if skill is None or not skill >= least]
    for part, skill in below[:SHOWN_PARTS]:
        name = printable("/".join(text for text in (part["signal"], part["channel"]) if text), 200)
        terminal.warn(f"skill below {least:g}: {name}: {'undefined' if skill is None else f'{skill:.4g}'}")
    if len(below) > SHOWN_PARTS:
        terminal.warn(f"and {len(below) - SHOWN_PARTS} more of {len(skills)} parts")
    if not skills:
        terminal.warn(f"skill below {least:g}: undefined, nothing was scored")
    return 1 if below or not skills else 0


def _skill(part: Mapping[str, Any], horizon: int, first: str) -> float | None:
    """Return a part's gain over the best baseline; from the scores where an older version stored no gain.

    `first` is the predictor that the model is: a baseline does not compete with itself.
    """
    from forecaster.evaluation.verdict import is_rival

    if part.get("skill"):
        gain: float | None = part["skill"]["gain"]
        return gain
    losses = {name: _loss(scores, horizon) for name, scores in part["scores"].items()}
    model = losses.get("model")
    baselines = [loss for name, loss in losses.items() if is_rival(name, first) and loss is not None]
    return 1 - model / min(baselines) if model is not None and baselines and min(baselines) > 0 else None


def _loss(scores: Mapping[str, float | None], horizon: int) -> float | None:
    """Return what the verdict compares: squared error, cross-entropy one step ahead, or the share of wrong symbols."""
    if "accuracy" not in scores:
        return scores.get("nmse")
    accuracy = scores["accuracy"]
    return scores.get("cross_entropy") if horizon == 1 else None if accuracy is None else 1 - accuracy
