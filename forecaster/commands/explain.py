"""`forecaster explain`: what a network does on a real signal, and how far back it looks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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

NUMBERS = "explanation.json"
AFRESH = "the model carries its state over the recording; the gates and the gradient are those of a window read afresh"


@click.command("explain")
@options.model
@click.argument("signal", metavar="SIGNAL")
@options.output("DIR", "Folder for the figures and the numbers.")
@options.option("--beside", type=options.FilePath(), multiple=True, metavar="MODEL", help="Another model; repeatable.")
@options.option("--channel", metavar="NAME", help="Channel to explain.  [the first]")
@options.option("--at", type=SpanType(), help="Where to forecast from: a row, or a time from the start.  [the end]")
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
    others = [Forecaster.load(path) for path in chosen["beside"]]
    read = _read(ctx, forecaster, signal)
    pairs = [(other, _read(ctx, other, signal)) for other in others]
    at: Span | None = chosen["at"]
    row = None if at is None else at.resolve(read.sample_rate_hz, "--at")
    terminal.say("measuring ...")
    found = explain(forecaster, read, at=row, channel=chosen["channel"])
    found = _beside(found, pairs)
    written = _write(found, output)
    if forecaster.config.carry_state:
        terminal.say(f"note: {AFRESH}")
    terminal.json(found.to_json()) if chosen["as_json"] else terminal.out(report(found, written))


def report(found: Explanation, written: Sequence[Path]) -> str:
    """Lay out an explanation for people."""
    from forecaster.explanation.gates import summary

    name = f"{printable(found.signal)} / {printable(found.channel)}"
    lines = [f"{found.predictor} on {name}, the forecast from row {found.origin}", ""]
    if found.quantities:
        head = ["layer", "gate or state", "< .1", "> .9", "what most units follow"]
        lines += [table(head, summary(found.quantities)), ""]
    else:
        lines += [f"{found.predictor} has no gates and no state to show.", ""]
    lines += [_reach(one) for one in found.reaches]
    return "\n".join([*lines, "", "wrote", *(f"  {printable(path)}" for path in written)])


def _reach(one: Reach) -> str:
    """Say how far back a model looks."""
    name = printable(one.name or one.predictor)
    if one.gradient is None:
        return f"{name}: {one.reason}"
    step = one.gradient.reach
    if step is None:
        return f"{name} ({one.predictor}): its gradient stays above 1 % of its largest over the whole context"
    lag = samples_and_time((step - 1) * one.n_input + 1, one.sample_rate_hz)
    return f"{name} ({one.predictor}): its gradient is under 1 % of its largest from step {step} back on, {lag}"


def _check_folder(path: Path, *, overwrite: bool) -> None:
    """Refuse a folder that holds something, before the work is done."""
    from forecaster.files import is_vacant

    if path.exists() and not path.is_dir():
        raise OutputError(f"{printable(path)} is not a folder.", hint="Choose another with -o.")
    if not is_vacant(path) and not overwrite:
        raise UsageError(f"{printable(path)} is not empty.", hint="Choose another folder, or add --overwrite.")


def _read(ctx: click.Context, forecaster: Forecaster, path: str) -> Signal:
    from forecaster.commands import configure
    from forecaster.reading import inputs, read_signal

    reading = configure.reading(options.explicit(ctx), forecaster.manifest.config.reading)
    found = inputs.find([path])
    if len(found) != 1:
        raise UsageError(f"{printable(path)} is {len(found)} files.", hint="Explain one signal at a time.")
    return read_signal(found[0].path, reading, name=found[0].name)


def _beside(found: Explanation, others: Sequence[tuple[Forecaster, Signal]]) -> Explanation:
    """Add how far back the other models look on the same channel, each with the signal as it reads it."""
    from dataclasses import replace

    from forecaster.explanation import reach

    reaches = list(found.reaches)
    for other, signal in others:
        names = other.manifest.channels.target
        place = names.index(found.channel) if found.channel in names else 0
        reaches.append(reach(other, signal, place))
    return replace(found, reaches=tuple(reaches))


def _write(found: Explanation, folder: Path) -> list[Path]:
    """Write the figures, then the numbers."""
    import json

    from forecaster import plots
    from forecaster.files import write_file

    written = []
    for name, figure in _figures(found):
        plots.save(figure, folder / name)
        written.append(folder / name)
    write_file(folder / NUMBERS, json.dumps(found.to_json(), allow_nan=False) + "\n")
    return [*written, folder / NUMBERS]


def _figures(found: Explanation) -> Iterator[tuple[str, Figure]]:
    """Yield the figures that there are, by file name."""
    from forecaster.plots import explanation as draw

    for layer, figure in draw.layers(found).items():
        yield f"gates-{layer}.png", figure
    if any(one.is_gate for one in found.quantities):
        yield "saturation.png", draw.saturation(found)
    if any(one.gradient is not None for one in found.reaches):
        yield "gradient-by-lag.png", draw.gradient_by_lag(found.reaches)
