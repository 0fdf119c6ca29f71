"""Figures of the glass box: gates and states over time, the gradient by lag, saturated gates."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forecaster.durations import duration
from forecaster.errors import printable
from forecaster.plots.figures import FAINT, INK, MODEL, TimeScale, canvas, quantity, stroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecaster.explanation import Explanation, Reach
    from forecaster.explanation.gates import Quantity

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8c6d31", "#7b4173")
SMALLEST = 1e-9
SHOWN = ("forget gate", "input gate", "output gate", "reset gate", "update gate", "state", "output")


def layers(explanation: Explanation) -> dict[str, Figure]:
    """Draw each recurrent layer: its gates and its state over the window, above the signal; by the layer's name."""
    names = dict.fromkeys(one.layer for one in explanation.quantities)
    return {name: _layer(explanation, [q for q in explanation.quantities if q.layer == name]) for name in names}


def _layer(explanation: Explanation, traced: Sequence[Quantity]) -> Figure:
    by_name = {one.name: one for one in traced}
    known = [by_name[name] for name in SHOWN if name in by_name and (name != "output" or "state" not in by_name)]
    shown = known or list(traced)
    heights = [1.25] * len(shown) + [1]
    with canvas(height=130 + 230 * len(shown) + 190) as figure:
        figure.suptitle(_title(explanation, shown[0].layer), x=0.01, ha="left", fontsize=12)
        panels = figure.subplots(len(shown) + 1, 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        scale = TimeScale(explanation.time, explanation.sample_rate_hz)
        for axes, one in zip(panels, shown, strict=False):
            _heat(figure, axes, one, _edges(explanation, scale, len(one.values)))
        _signal(panels[-1], explanation, scale)
    return figure


def _title(explanation: Explanation, layer: str) -> str:
    what = f"{explanation.predictor}, layer {layer}: what it does, step by step, to make one forecast of"
    name = f"{printable(explanation.signal, 50)} / {printable(explanation.channel, 40)}"
    how = "A row is a unit, a column one step: the segment below it is read. Units are sorted by what they follow."
    return f"{what} {name}\n{how}"


def _edges(explanation: Explanation, scale: TimeScale, steps: int) -> Any:
    """Return the borders of the steps on the time axis, (S + 1,)."""
    length = len(explanation.context)
    places = scale.at(explanation.origin - length, length + 1)
    return places[:: length // steps]


def _heat(figure: Figure, axes: Axes, one: Quantity, edges: Any) -> None:
    """Draw one gate or state: units by steps."""
    values, units = one.values[:, one.order].T, one.values.shape[1]
    largest = max(1.0, float(np.abs(values).max()))
    limits: Any = {"cmap": "viridis", "vmin": 0, "vmax": 1}
    if not one.is_gate:
        limits = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    mesh = axes.pcolormesh(edges, np.arange(units + 1), values, rasterized=True, **limits)
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, fraction=0.05, aspect=12)
    bar.set_label("0 closed, 1 open" if one.is_gate else one.name, fontsize=9)
    axes.set_title(f"{one.name}{_shares(one)}")
    axes.set_ylabel("units")
    axes.invert_yaxis()
    _groups(axes, one)


def _shares(one: Quantity) -> str:
    if one.low is None or one.high is None or not one.is_gate:
        return ""
    return f": {100 * one.low:.0f} % of the time nearly closed (< .1), {100 * one.high:.0f} % nearly open (> .9)"


def _groups(axes: Axes, one: Quantity) -> None:
    """Mark at the side how many units follow the same thing, the larger groups by name."""
    begin, units, last = 0, one.values.shape[1], -1.0
    places, labels = [], []
    for name, count in one.groups:
        if begin:
            axes.axhline(begin, color="white", lw=1.2)
        place = begin + count / 2
        if count >= 0.07 * units and place - last >= 0.13 * units:
            last = place
            places.append(place)
            labels.append("\n".join(textwrap.wrap(f"{count}: {printable(name, 60)}", 22)))
        begin += count
    axes.set_yticks(places, labels, fontsize=9)
    axes.tick_params(axis="y", length=0)


def _signal(axes: Axes, explanation: Explanation, scale: TimeScale) -> None:
    """Draw the window that was read, and the forecast behind it."""
    length, ahead = len(explanation.context), len(explanation.forecast)
    begin, line = explanation.origin - length, "o" if explanation.symbols else "-"
    read: Any = {"color": INK, "lw": stroke(length, 1.4), "label": "the window read", "clip_on": line == "-"}
    axes.plot(scale.at(begin, length), explanation.context, line, **read)
    joined = np.concatenate((explanation.context[-1:], explanation.forecast))[bool(explanation.symbols) :]
    steps = scale.at(explanation.origin - 1, ahead + 1)[bool(explanation.symbols) :]
    axes.plot(steps, joined, line, color=MODEL, lw=2, clip_on=line == "-", label="the forecast made of it")
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.97), ncols=2)
    axes.set_ylabel(quantity(explanation.channel, explanation.unit))
    if explanation.symbols:
        codes = np.unique(np.concatenate((explanation.context, explanation.forecast))).astype(np.int64)
        axes.set_yticks(codes, [printable(explanation.symbols[code], 20) for code in codes])
    axes.margins(x=0)
    scale.dress(axes)


def gradient_by_lag(reaches: Sequence[Reach]) -> Figure:
    """Draw how much a forecast still depends on what was read k steps ago, one line a model."""
    known = [one for one in reaches if one.gradient is not None]
    with canvas(width=1200, height=760) as figure:
        axes = figure.subplots()
        for k, one in enumerate(known):
            _decay(axes, one, LINES[k % len(LINES)])
        axes.axhline(0.01, color=INK, lw=1, ls="--")
        axes.text(0.005, 0.0108, "1 % of the largest", transform=axes.get_yaxis_transform(), va="bottom")
        _sigmoids(axes, known)
        axes.set_yscale("log")
        axes.set_ylim(max(SMALLEST, min([0.006, *(_lowest(one) for one in known)]) / 2), 2)
        axes.set_ylabel("size of the gradient, relative to its largest")
        rates = {one.sample_rate_hz for one in known}
        axes.set_xlabel("lag in samples: how long ago it was read (0 is now)" + _in_time(rates))
        axes.set_title(CAPTION)
        axes.grid(color="#eeeeee")
        axes.margins(x=0.01)
        title = "model: where it falls under 1 % for good; what is left at the oldest step"
        figure.legend(loc="outside lower left", title=title, alignment="left")
    return figure


CAPTION = (
    "How far back does the network look? A point says how much the forecast moves if what was read that long ago\n"
    "moves a little. Where a line falls steeply, the gradient vanishes: from further back it could learn nothing."
)


def _decay(axes: Axes, one: Reach, colour: str) -> None:
    """Draw one model: a point a step, and where it falls under 1 %."""
    gradient = one.gradient
    if gradient is None:
        return
    norms = np.maximum(gradient.by_step / (gradient.by_step.max() or 1), SMALLEST / 10)
    lags = (np.arange(len(norms)) + 0.5) * one.n_input
    axes.plot(lags, norms, color=colour, lw=2, marker="o", ms=5, label=_legend(one))
    if gradient.reach is not None:
        lag = (gradient.reach - 0.5) * one.n_input
        axes.plot([lag], [norms[gradient.reach - 1]], "o", ms=13, mfc="none", mec=colour, mew=2)


def _legend(one: Reach) -> str:
    name = printable(one.predictor, 40) + (f" ({printable(one.name, 40)})" if one.name else "")
    step, left = (one.gradient.reach, f"{100 * _last(one):.2g} %") if one.gradient else (None, "")
    if step is None:
        return f"{name}: never within the context; {left}"
    samples = (step - 1) * one.n_input + 1
    rate = one.sample_rate_hz
    return f"{name}: step {step}, {samples} samples{f' = {duration(samples, rate)}' if rate else ''} back; {left}"


def _last(one: Reach) -> float:
    norms = one.gradient.by_step if one.gradient else np.ones(1)
    return float(norms[-1] / (norms.max() or 1))


def _sigmoids(axes: Axes, known: Sequence[Reach]) -> None:
    """Draw the lecture's worst case: a chain of sigmoids, whose slope is at most a quarter."""
    if not known:
        return
    steps = np.arange(16)
    lags = (steps + 0.5) * max(one.n_input for one in known)
    label = "for comparison: a chain of sigmoids, at most a quarter left at each step"
    axes.plot(lags, 0.25**steps, color=FAINT, lw=1.4, ls=":", label=label)


def _in_time(rates: set[float | None]) -> str:
    (rate,) = rates if len(rates) == 1 else (None,)
    return f"; 100 samples are {duration(100, rate)}" if rate else ""


def _lowest(one: Reach) -> float:
    norms = one.gradient.by_step if one.gradient else np.ones(1)
    return float(norms.min() / (norms.max() or 1)) or SMALLEST


def saturation(explanation: Explanation) -> Figure:
    """Draw for each gate how often it is nearly closed and nearly open."""
    gates = [one for one in explanation.quantities if one.is_gate and one.low is not None]
    with canvas(height=max(320, 130 + 55 * len(gates))) as figure:
        axes = figure.subplots()
        names = [f"{one.layer}, {one.name}" for one in gates]
        low, high = (100 * np.array([getattr(one, side) for one in gates], dtype=float) for side in ("low", "high"))
        axes.barh(names, low, color="#440154", label="nearly closed (< .1)", height=0.6)
        axes.barh(names, 100 - low - high, left=low, color="#dddddd", label="between", height=0.6)
        axes.barh(names, high, left=100 - high, color="#D7B800", label="nearly open (> .9)", height=0.6)
        for row, (closed, opened) in enumerate(zip(low, high, strict=True)):
            axes.text(1, row, f"{closed:.0f} %", color="white" if closed > 6 else INK, va="center")
            axes.text(99, row, f"{opened:.0f} %", color=INK, va="center", ha="right")
        axes.set_xlim(0, 100)
        axes.invert_yaxis()
        axes.set_xlabel("share of all units, steps and windows, %")
        axes.set_title("Saturated gates: a gate that is always open or closed has stopped deciding")
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_color(FAINT)
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3)
    return figure
