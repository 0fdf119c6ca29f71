"""The figures of an explained forecast: gates and states over time, the gradient by lag, and saturated gates."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.durations import duration
from forecaster.errors import printable
from forecaster.plots.figures import FAINT, INK, MODEL, TimeScale, canvas, stroke
from forecaster.plots.figures import quantity as quantity_label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecaster.explanation import Explanation, Reach
    from forecaster.explanation.measures import LagGradient, Quantity

LINES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8c6d31", "#7b4173")
# The smallest relative gradient that is drawn: a logarithmic axis has no place for zero.
SMALLEST = 1e-9
SHOWN = ("forget gate", "input gate", "output gate", "reset gate", "update gate", "state", "output")


def layers(explanation: Explanation) -> dict[str, Figure]:
    """Return by layer the figure of its gates and its state over the window, above the signal."""
    names = dict.fromkeys(quantity.layer for quantity in explanation.quantities)
    return {name: _layer(explanation, [q for q in explanation.quantities if q.layer == name]) for name in names}


def _layer(explanation: Explanation, traced: Sequence[Quantity]) -> Figure:
    by_name = {quantity.name: quantity for quantity in traced}
    shown = [by_name[name] for name in SHOWN if name in by_name]
    # The output is a squashed state: it is drawn only where there is no state.
    shown = [quantity for quantity in shown if quantity.name != "output" or "state" not in by_name] or list(traced)
    with canvas(height=130 + 230 * len(shown) + 190) as figure:
        signal = f"{printable(explanation.signal, 50)} / {printable(explanation.channel, 40)}"
        title = f"{explanation.predictor}, layer {shown[0].layer}: what it does, step by step, to make one forecast of"
        how = "A row is a unit, a column one step: the segment below it is read. Units are sorted by what they follow."
        figure.suptitle(f"{title} {signal}\n{how}", x=0.01, ha="left", fontsize=12)
        heights = [1.25] * len(shown) + [1]
        panels = figure.subplots(len(shown) + 1, 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
        scale = TimeScale(explanation.time, explanation.sample_rate_hz)
        length = len(explanation.context)
        places = scale.at(explanation.origin - length, length + 1)
        for axes, quantity in zip(panels, shown, strict=False):
            _draw_quantity(figure, axes, quantity, places[:: length // len(quantity.values)])
        _draw_signal(panels[-1], explanation, scale)
    return figure


def _draw_quantity(figure: Figure, axes: Axes, quantity: Quantity, edges: NDArray[Any]) -> None:
    """Draw one gate or state, units by steps; `edges` (S + 1,) are the borders of the steps on the time axis."""
    values, units = quantity.values[:, quantity.order].T, quantity.values.shape[1]
    largest = max(1.0, float(np.abs(values).max()))
    limits: Any = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest}
    if quantity.is_gate:
        limits = {"cmap": "viridis", "vmin": 0, "vmax": 1}
    mesh = axes.pcolormesh(edges, np.arange(units + 1), values, rasterized=True, **limits)
    bar = figure.colorbar(mesh, ax=axes, pad=0.01, fraction=0.05, aspect=12)
    bar.set_label("0 closed, 1 open" if quantity.is_gate else quantity.name, fontsize=9)
    title = quantity.name
    if quantity.is_gate and quantity.low is not None and quantity.high is not None:
        closed, opened = f"{100 * quantity.low:.0f} %", f"{100 * quantity.high:.0f} %"
        title += f": {closed} of the time nearly closed (< .1), {opened} nearly open (> .9)"
    axes.set_title(title)
    axes.set_ylabel("units")
    axes.invert_yaxis()
    _label_groups(axes, quantity)


def _label_groups(axes: Axes, quantity: Quantity) -> None:
    """Mark at the side how many units follow the same thing, the larger groups by name."""
    begin, units, last = 0, quantity.values.shape[1], -1.0
    places, labels = [], []
    for name, count in quantity.groups:
        if begin:
            axes.axhline(begin, color="white", lw=1.2)
        place = begin + count / 2
        # A small group has no room for its name, nor has one close behind a named one.
        if count >= 0.07 * units and place - last >= 0.13 * units:
            last = place
            places.append(place)
            labels.append("\n".join(textwrap.wrap(f"{count}: {printable(name, 60)}", 22)))
        begin += count
    axes.set_yticks(places, labels, fontsize=9)
    axes.tick_params(axis="y", length=0)


def _draw_signal(axes: Axes, explanation: Explanation, scale: TimeScale) -> None:
    """Draw the window that was read, and the forecast behind it; symbols as dots by their codes."""
    length, is_continuous = len(explanation.context), explanation.is_continuous
    past = scale.at(explanation.origin - length, length)
    steps = scale.at(explanation.origin - 1, len(explanation.forecast) + 1)
    # A line is joined to the last value that was read; dots are not.
    forecast = np.concatenate((explanation.context[-1:], explanation.forecast))
    line, first = ("-", 0) if is_continuous else ("o", 1)
    look: Any = {"clip_on": is_continuous}
    axes.plot(past, explanation.context, line, color=INK, lw=stroke(length, 1.4), label="the window read", **look)
    axes.plot(steps[first:], forecast[first:], line, color=MODEL, lw=2, label="the forecast made of it", **look)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0.97), ncols=2)
    axes.set_ylabel(quantity_label(explanation.channel, explanation.unit))
    if explanation.labels:
        codes = np.unique(np.concatenate((explanation.context, explanation.forecast))).astype(np.int64)
        axes.set_yticks(codes, [printable(explanation.labels[code], 20) for code in codes])
    axes.margins(x=0)
    scale.dress(axes)


def gradient_by_lag(reaches: Sequence[Reach]) -> Figure:
    """Return the figure of how much a forecast still depends on what was read k steps ago, one line a model."""
    drawn = [(reach, reach.gradient) for reach in reaches if reach.gradient is not None]
    with canvas(width=1200, height=760) as figure:
        axes = figure.subplots()
        for k, (reach, gradient) in enumerate(drawn):
            _draw_gradient(axes, reach, gradient, LINES[k % len(LINES)])
        axes.axhline(0.01, color=INK, lw=1, ls="--")
        axes.text(0.005, 0.0108, "1 % of the largest", transform=axes.get_yaxis_transform(), va="bottom")
        if drawn:
            # The lecture's worst case: the slope of a sigmoid is at most a quarter.
            steps = np.arange(16)
            lags = (steps + 0.5) * max(reach.n_input for reach, _ in drawn)
            label = "for comparison: a chain of sigmoids, at most a quarter left at each step"
            axes.plot(lags, 0.25**steps, color=FAINT, lw=1.4, ls=":", label=label)
        axes.set_yscale("log")
        lowest = [float(_relative(gradient).min()) or SMALLEST for _, gradient in drawn]
        axes.set_ylim(max(SMALLEST, min([0.006, *lowest]) / 2), 2)
        axes.set_ylabel("size of the gradient, relative to its largest")
        rates = {reach.sample_rate_hz for reach, _ in drawn}
        (rate,) = rates if len(rates) == 1 else (None,)
        in_time = f"; 100 samples are {duration(100, rate)}" if rate else ""
        axes.set_xlabel(f"lag in samples: how long ago it was read (0 is now){in_time}")
        axes.set_title(
            "How far back does the network look? A point says how much the forecast moves if what was read that long "
            "ago\nmoves a little. Where a line falls steeply, the gradient vanishes: from further back it could learn "
            "nothing."
        )
        axes.grid(color="#eeeeee")
        axes.margins(x=0.01)
        title = "model: where it falls under 1 % for good; what is left at the oldest step"
        figure.legend(loc="outside lower left", title=title, alignment="left")
    return figure


def _draw_gradient(axes: Axes, reach: Reach, gradient: LagGradient, tint: str) -> None:
    """Draw one model: a point a step, and a ring where it falls under 1 %."""
    relative = _relative(gradient)
    sizes = np.maximum(relative, SMALLEST / 10)
    lags = (np.arange(len(sizes)) + 0.5) * reach.n_input
    label = printable(reach.predictor, 40) + (f" ({printable(reach.name, 40)})" if reach.name else "")
    if gradient.reach is None:
        label += ": never within the context"
    else:
        samples, rate = (gradient.reach - 1) * reach.n_input + 1, reach.sample_rate_hz
        in_time = f" = {duration(samples, rate)}" if rate else ""
        label += f": step {gradient.reach}, {samples} samples{in_time} back"
    label += f"; {100 * float(relative[-1]):.2g} %"
    axes.plot(lags, sizes, color=tint, lw=2, marker="o", ms=5, label=label)
    if gradient.reach is not None:
        place = gradient.reach - 1
        axes.plot([lags[place]], [sizes[place]], "o", ms=13, mfc="none", mec=tint, mew=2)


def _relative(gradient: LagGradient) -> NDArray[Any]:
    """Return the gradient by step, relative to its largest."""
    return gradient.by_step / (gradient.by_step.max() or 1)


def saturation(explanation: Explanation) -> Figure:
    """Return the figure of how often each gate is nearly closed and nearly open."""
    gates = [quantity for quantity in explanation.quantities if quantity.is_gate and quantity.low is not None]
    with canvas(height=max(320, 130 + 55 * len(gates))) as figure:
        axes = figure.subplots()
        names = [f"{gate.layer}, {gate.name}" for gate in gates]
        low = 100 * np.array([gate.low for gate in gates], dtype=float)
        high = 100 * np.array([gate.high for gate in gates], dtype=float)
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
