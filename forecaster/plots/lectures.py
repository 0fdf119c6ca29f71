"""The figures of the lectures' worked examples: activations with their slopes, and the vanishing gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.lectures.gradients import FUNCTIONS, factors, powers
from forecaster.lectures.working import power, short
from forecaster.plots.figures import COLOURS, FAINT, INK, MODEL, canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMULAS = {
    "sigmoid": ("1 / (1 + exp(-x))", "sigmoid (1 - sigmoid)"),
    "tanh": ("2 sigmoid(2x) - 1", "1 - tanh²"),
    "ReLU": ("max(x, 0)", "1 where x > 0, else 0"),
    "softplus": ("log(1 + exp(x))", "sigmoid"),
}
SLOPE = COLOURS["ridge"]


def activations(numbers: Mapping[str, NDArray]) -> Figure:
    """Return the figure of each activation with its derivative, in axes each, and the points x of the example."""
    marked = numbers["x"]
    reach = float(min(max(4.0, 1.15 * np.abs(marked).max()), 1000))
    x = np.linspace(-reach, reach, 2001)
    with canvas(1100, 800) as figure:
        figure.suptitle("Activations and their derivatives", weight="bold", x=0.01, ha="left")
        for axes, name in zip(figure.subplots(2, 2, sharex=True).flat, FUNCTIONS, strict=True):
            _draw_activation(axes, name, x, marked)
    return figure


def _draw_activation(axes: Axes, name: str, x: NDArray, marked: NDArray) -> None:
    """Draw one activation and its derivative over `x`, with dots at the points `marked`."""
    (function, derivative), (formula, derivative_formula) = FUNCTIONS[name], FORMULAS[name]
    slope = derivative(x)
    if name == "ReLU":
        # A gap at the jump of the derivative: a jump is not a line.
        slope = np.where(np.abs(x) < (x[1] - x[0]) / 2, np.nan, slope)
    axes.plot(x, function(x), color=MODEL, ls="-", lw=2.2, label=f"{name}(x) = {formula}")
    axes.plot(marked, function(marked), "o", color=MODEL, ms=5)
    axes.plot(x, slope, color=SLOPE, ls="--", lw=2.2, label=f"derivative = {derivative_formula}")
    axes.plot(marked, derivative(marked), "o", color=SLOPE, ms=5)
    axes.axhline(0, color=FAINT, lw=0.8, zorder=0)
    axes.axvline(0, color=FAINT, lw=0.8, zorder=0)
    axes.set_xlabel("x")
    axes.xaxis.set_tick_params(labelbottom=True)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0.3)


def vanishing_gradient(numbers: Mapping[str, NDArray]) -> Figure:
    """Return the figure of what is left of a gradient by the number of steps back, on a logarithmic axis."""
    lags = np.arange(max(int(numbers["lags"].max()), 1) + 1, dtype=np.float64)
    marked = numbers["lags"].astype(int)
    left = {name: np.abs(values) for name, values in powers(numbers, lags).items()}
    with canvas(1000, 640) as figure:
        axes = figure.subplots()
        axes.set_title(
            f"What is left of a gradient, by the number of steps back in time\n(one unit, weight w = "
            f"{short(float(numbers['w']))}, slopes at the sum x = {short(float(numbers['x']))}; x = 0 is the best case)"
        )
        for (name, values), tint in zip(left.items(), (SLOPE, MODEL, COLOURS["seasonal-naive"]), strict=True):
            # A logarithmic axis has no place for zero.
            size = np.where(values > 0, values, np.nan)
            axes.plot(lags, size, color=tint, lw=2.2, label=f"{name}: {short(factors(numbers)[name])} at each step")
            axes.plot(numbers["lags"], size[marked], "o", color=tint, ms=6)
        axes.set_yscale("log")
        axes.set_xlabel("steps back in time")
        axes.set_ylabel("share of the gradient that is left (logarithmic)")
        axes.grid(color="#eeeeee")
        look: Any = {"textcoords": "offset points", "color": INK, "weight": "bold"}
        for lag in marked:
            share = left["sigmoid"][lag]
            if share > 0:
                axes.annotate(power(share), (lag, share), (8, 6), **look)
        axes.legend(loc="lower left")
    return figure


LECTURES: dict[str, Callable[[Mapping[str, NDArray]], Figure]] = {
    "activations": activations,
    "vanishing-gradient": vanishing_gradient,
}
