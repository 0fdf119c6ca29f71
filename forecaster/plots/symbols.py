"""The picture of a forecast of symbols: those that were, as steps, and how likely each is to come, as shades."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import printable
from forecaster.plots.forecasts import stacked
from forecaster.plots.style import FAINT, INK, MODEL, TimeScale, ahead, quantity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecaster.forecasting.forecast import Forecast

MOST_SYMBOLS = 16


def symbols(forecasts: Sequence[Forecast]) -> Figure:
    """Draw the forecasts of one file."""
    rows = min(MOST_SYMBOLS, len(forecasts[0].symbols)) if forecasts else 1
    return stacked(forecasts, _panel, least=420, each=150 + 34 * rows)


def _panel(axes: Axes, one: Forecast) -> None:
    """Draw one forecast."""
    horizon, scale = len(one.mean), TimeScale(one.time, one.sample_rate_hz)
    kept = min(len(one.history), max(2 * horizon, 24))
    rows = _rows(one, kept)
    place = {int(code): float(row) for row, code in enumerate(rows)}
    axes.set_yticks(range(len(rows)), [printable(one.symbols[code], 20) for code in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    _history(axes, [place.get(int(code), np.nan) for code in one.history[-kept:]], scale.at(one.first - kept, kept))
    steps = scale.at(one.first, horizon + 1)
    _shades(axes, one, rows, steps=steps)
    named = [place.get(int(code), np.nan) for code in one.mean]
    axes.plot(
        _middles(steps),
        named,
        "o",
        color="white",
        mec=INK,
        ms=5,
        label="forecast: the likeliest, given those before it",
    )
    axes.axvline(steps[0], color=FAINT, lw=1, ls="--")
    left = f", {len(rows)} of {len(one.symbols)} symbols" if len(rows) < len(one.symbols) else ""
    axes.set_title(f"{printable(one.unique_id, 80)}: {ahead(horizon, one.sample_rate_hz)}{left}", weight="bold")
    axes.set_ylabel(quantity(one.channel, ""))
    axes.margins(x=0.01)
    scale.dress(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=3)


def _rows(one: Forecast, kept: int) -> NDArray[np.int64]:
    """Return the codes to show, in the alphabet's order: the likeliest, and then those most often seen."""
    counts = np.bincount(one.history[-kept:].astype(np.int64), minlength=len(one.symbols))
    weight = counts / kept + (0 if one.probabilities is None else one.probabilities.max(axis=0))
    return np.sort(np.argsort(-weight, kind="stable")[:MOST_SYMBOLS])


def _history(axes: Axes, rows: Sequence[float], steps: NDArray) -> None:
    """Draw what was as steps, each symbol held over its own sample."""
    edges = np.append(steps, steps[-1] + (steps[-1] - steps[-2] if len(steps) > 1 else 1))
    axes.step(edges, [*rows, rows[-1]], where="post", color=INK, lw=2, label="history")


def _shades(axes: Axes, one: Forecast, rows: NDArray[np.int64], *, steps: NDArray) -> None:
    """Shade how likely each symbol is at each step, with the scale beside."""
    from matplotlib.colors import LinearSegmentedColormap

    if one.probabilities is None:
        return
    shades = LinearSegmentedColormap.from_list("probability", ["white", MODEL])
    edges = np.arange(len(rows) + 1) - 0.5
    mesh = axes.pcolormesh(steps, edges, one.probabilities[:, rows].T, cmap=shades, vmin=0, vmax=1)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.01, aspect=14)
    bar.set_label("probability")


def _middles(steps: NDArray) -> NDArray:
    """Return the middle of each step between its edges, dates too."""
    return steps[:-1] + (steps[1:] - steps[:-1]) / 2
