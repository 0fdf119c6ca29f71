"""`forecaster explain`: what a network does on a real signal, and how far back it looks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.options import Span, SpanType
from forecaster.commands.terminal import Terminal, table
from forecaster.durations import samples_and_time
from forecaster.errors import OutputError, UsageError, printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from forecaster.explanation import Explanation, Reach
    from forecaster.model import Forecaster
    from forecaster.signal.signal import Signal

# The file with all that is drawn, as numbers.
NUMBERS = "explanation.json"
AFRESH = "the model carries its state over the recording; the gates and the gradient are those of a window read afresh"


@click.command("explain")
@options.model
@click.argument("signal", metavar="SIGNAL")
@options.output("DIR", "Folder for the figures and the numbers.")
@options.option("--beside", type=options.FilePath(), multiple=True, metavar="MODEL", help="Another model; repeatable.")
@options.option("--channel", metavar="NAME", help="Channel to explain.  [the first]")
@options.option("--at", type=SpanType(), help="Where to forecast from: a row, or a time from the start.  [the end]")
@options.convert
@options.overwrite
@options.as_json
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, model: Path, signal: str, output: Path, **chosen: Any) -> None:
    """Watch a network think on a real signal.

    DIR gets a picture of each recurrent layer's gates and state over the window of one
    forecast, the gradient of the forecast by lag (how far back does it look?), for --beside
    models too, and the share of saturated gates; explanation.json has all the numbers.
    """
    from forecaster.explanation import explain
    from forecaster.model import Forecaster

    terminal: Terminal = ctx.obj
    _check_folder(output, overwrite=chosen["overwrite"])
    forecaster = Forecaster.load(model)
    other_models = [Forecaster.load(path) for path in chosen["beside"]]
    read = _read(ctx, forecaster, signal)
    # Another model may read other columns of the file.
    pairs = [(other, _read(ctx, other, signal)) for other in other_models]
    at: Span | None = chosen["at"]
    row = None if at is None else at.resolve(read.sample_rate_hz, "--at")
    terminal.say("measuring ...")
    explanation = explain(forecaster, read, at=row, channel=chosen["channel"])
    explanation = _with_reaches(explanation, pairs)
    written = _write(explanation, output)
    if forecaster.config.carry_state:
        terminal.say(f"note: {AFRESH}")
    terminal.json(explanation.to_json()) if chosen["as_json"] else terminal.out(report(explanation, written))


def report(explanation: Explanation, written: Sequence[Path]) -> str:
    """Return an explanation laid out for people, with the files that were `written`."""
    from forecaster.explanation.measures import summary

    predictor = explanation.predictor
    name = f"{printable(explanation.signal)} / {printable(explanation.channel)}"
    lines = [f"{predictor} on {name}, the forecast from row {explanation.origin}", ""]
    if explanation.quantities:
        head = ["layer", "gate or state", "< .1", "> .9", "what most units follow"]
        lines += [table(head, summary(explanation.quantities)), ""]
    else:
        lines += [f"{predictor} has no gates and no state to show.", ""]
    lines += [_reach(reach) for reach in explanation.reaches]
    return "\n".join([*lines, "", "wrote", *(f"  {printable(path)}" for path in written)])


def _reach(reach: Reach) -> str:
    """Return in words how far back a model looks."""
    name = printable(reach.name or reach.predictor)
    if reach.gradient is None:
        return f"{name}: {reach.reason}"
    step = reach.gradient.reach
    if step is None:
        return f"{name} ({reach.predictor}): its gradient stays above 1 % of its largest over the whole context"
    lag = samples_and_time((step - 1) * reach.n_input + 1, reach.sample_rate_hz)
    return f"{name} ({reach.predictor}): its gradient is under 1 % of its largest from step {step} back on, {lag}"


def _check_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, before the work is done."""
    from forecaster.files import is_vacant

    if path.exists() and not path.is_dir():
        raise OutputError(f"{printable(path)} is not a folder.", hint="Choose another with -o.")
    if not is_vacant(path) and not overwrite:
        raise UsageError(f"{printable(path)} is not empty.", hint="Choose another folder, or add --overwrite.")


def _read(ctx: click.Context, forecaster: Forecaster, path: str) -> Signal:
    """Return the one signal that `path` names, read as `forecaster` reads it."""
    from forecaster.commands import configure
    from forecaster.reading import inputs, read_signal

    reading = configure.reading(options.explicit(ctx), forecaster.manifest.config.reading)
    items = inputs.find([path])
    if len(items) != 1:
        raise UsageError(f"{printable(path)} is {len(items)} files.", hint="Explain one signal at a time.")
    signal = read_signal(items[0].path, reading, name=items[0].name, expected=forecaster.manifest.channels.columns)
    return forecaster.converted(signal) if ctx.params["convert"] else signal


def _with_reaches(explanation: Explanation, pairs: Sequence[tuple[Forecaster, Signal]]) -> Explanation:
    """Return `explanation` with how far back the models of `pairs` look on the same channel, each on its signal."""
    from forecaster.explanation import reach

    reaches = list(explanation.reaches)
    for forecaster, signal in pairs:
        names = forecaster.manifest.channels.target
        channel = names.index(explanation.channel) if explanation.channel in names else 0
        reaches.append(reach(forecaster, signal, channel))
    return replace(explanation, reaches=tuple(reaches))


def _write(explanation: Explanation, folder: Path) -> list[Path]:
    """Write the figures, then the numbers, and return their paths."""
    from forecaster import plots
    from forecaster.files import write_file

    written = []
    for name, figure in _figures(explanation):
        plots.save(figure, folder / name)
        written.append(folder / name)
    write_file(folder / NUMBERS, json.dumps(explanation.to_json(), allow_nan=False) + "\n")
    return [*written, folder / NUMBERS]


def _figures(explanation: Explanation) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that can be drawn, each with its file name."""
    from forecaster.plots import explanation as draw

    for layer, figure in draw.layers(explanation).items():
        yield f"gates-{layer}.png", figure
    if any(quantity.is_gate for quantity in explanation.quantities):
        yield "saturation.png", draw.saturation(explanation)
    if any(reach.gradient is not None for reach in explanation.reaches):
        yield "gradient-by-lag.png", draw.gradient_by_lag(explanation.reaches)
