"""`forecaster evaluate`: a model's scores beside naive baselines, with a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.spans import Span
from forecaster.commands.terminal import Terminal, number, table
from forecaster.durations import samples_and_time

if TYPE_CHECKING:
    from forecaster.evaluation import Evaluation
    from forecaster.model import Forecaster

SCORES = (
    *("nmse", "rmse", "mae", "mase", "smape", "coverage-90", "psd_error_db", "rms_ratio"),
    *("accuracy", "cross_entropy", "perplexity"),
)


@click.command("evaluate")
@options.model
@options.some_signals
@options.horizon
@options.origins
@options.as_json
@options.plot("Draw history, truth, forecast and the error by step.")
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, model: Path, signals: tuple[str, ...], **chosen: Any) -> None:
    """Score a model beside naive baselines, with a verdict.

    Without SIGNAL: the scores of the held-back part, taken at training. With a file that the
    model was trained on: its held-back part, scored now. With another file: all of it.
    """
    from forecaster.model import Forecaster

    terminal: Terminal = ctx.obj
    options.check_picture(chosen["plot"])
    forecaster = Forecaster.load(model)
    options.check_task(ctx, forecaster.manifest.task, "plot")
    horizon, stride = _sizes(forecaster, chosen)
    if not signals:
        _no_file_options(options.given(ctx))
        result = _stored(forecaster, horizon, stride)
    else:
        evaluation = _score(ctx, forecaster, signals, (horizon, stride))
        result = evaluation.to_json()
        if chosen["plot"] is not None:
            _draw(terminal, evaluation, chosen["plot"])
    _print(terminal, {**result, "model": str(model)}, forecaster, chosen["as_json"])


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
    if READING & set(given):
        raise UsageError("Reading options need a SIGNAL to read.", hint="Name the file after MODEL.")


def _stored(forecaster: Forecaster, horizon: int | None, stride: int | None) -> dict[str, Any]:
    """Return the stored evaluation with this horizon and stride; the first where none is asked for."""
    from forecaster.errors import UsageError

    for evaluation in forecaster.stored:
        if horizon in (None, evaluation["horizon"]) and stride in (None, evaluation["stride"]):
            return dict(evaluation)
    stored = ", ".join(f"-n {one['horizon']} --stride {one['stride']}" for one in forecaster.stored) or "none"
    raise UsageError(
        f"The model holds no scores of that horizon and stride; it holds: {stored}.",
        hint="Name the training file behind MODEL: its held-back part is then scored anew.",
    )


def _score(
    ctx: click.Context, forecaster: Forecaster, signals: tuple[str, ...], sizes: tuple[int | None, int | None]
) -> Evaluation:
    """Read the files and score the model on them."""
    from forecaster.commands import configure
    from forecaster.reading import inputs, read_signal

    reading = configure.reading(options.given(ctx), forecaster.manifest.config.reading)
    found = [read_signal(item.path, reading, name=item.name) for item in inputs.find(signals)]
    horizon, stride = sizes
    return forecaster.evaluate(found, horizon=horizon, stride=stride)


def _draw(terminal: Terminal, evaluation: Evaluation, path: Path) -> None:
    """Write the picture of an evaluation."""
    from forecaster import plots
    from forecaster.errors import printable

    plots.save(plots.evaluation(evaluation), path)
    terminal.say(f"wrote {printable(path)}")


def _print(terminal: Terminal, result: dict[str, Any], forecaster: Forecaster, as_json: bool) -> None:
    if as_json:
        terminal.json(result)
        return
    from forecaster.forecasts import CARRIED

    if forecaster.config.carry_state:
        terminal.say(f"note: {CARRIED}")
    terminal.out(report(result, forecaster.manifest.sample_rate_hz))


def report(result: Mapping[str, Any], sample_rate_hz: float | None) -> str:
    """Lay out an evaluation for people: a table for each signal and channel, and the verdict."""
    horizon, stride = result["horizon"], result["stride"]
    ahead = samples_and_time(horizon, sample_rate_hz)
    blocks = [f"{ahead} ahead, an origin every {stride} samples"]
    blocks += [_part(part) for part in result["parts"]]
    return "\n\n".join([*blocks, result["verdict"]])


def _part(part: Mapping[str, Any]) -> str:
    """Lay out the scores of one signal and channel."""
    from forecaster.errors import printable

    title = " / ".join(printable(part[key]) for key in ("signal", "channel") if part[key])
    names = [name for name in SCORES if any(name in scores for scores in part["scores"].values())]
    rows = [[name, *(number(scores.get(key)) for key in names)] for name, scores in part["scores"].items()]
    own = {name.removeprefix("model."): text for name, text in part["reasons"].items() if name.startswith("model.")}
    reasons = [f"  no {printable(name)}: {printable(text, 400)}" for name, text in own.items()]
    return "\n".join([f"{title}: {part['origins']} origins", table(["", *names], rows), *reasons])
