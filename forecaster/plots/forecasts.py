"""The picture of a forecast: the end of the history, what is expected, and how sure that is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecaster.errors import printable
from forecaster.plots.style import FAINT, INK, MODEL, TimeScale, ahead, canvas, quantity, stroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecaster.forecasting.forecast import Forecast

    Panel = Callable[[Axes, Forecast], None]

MOST_PANELS = 4


def forecast(forecasts: Sequence[Forecast]) -> Figure:
    """Draw the forecasts of one file."""
    return stacked(forecasts, _panel, least=700, each=260)


def stacked(forecasts: Sequence[Forecast], panel: Panel, *, least: int, each: int) -> Figure:
    """Draw the first `MOST_PANELS` forecasts with `panel`, `each` pixels high, the whole at least `least`."""
    shown = forecasts[:MOST_PANELS]
    with canvas(height=max(least, each * len(shown))) as figure:
        panels = figure.subplots(max(1, len(shown)), 1, squeeze=False)[:, 0]
        for axes, one in zip(panels, shown, strict=False):
            panel(axes, one)
        if len(forecasts) > len(shown):
            figure.suptitle(f"the first {len(shown)} of {len(forecasts)} series and channels", color=FAINT, fontsize=10)
    return figure


def _panel(axes: Axes, one: Forecast) -> None:
    """Draw one forecast."""
    scale, horizon = TimeScale(one.time, one.sample_rate_hz), len(one.mean)
    kept = min(len(one.history), max(3 * horizon, 100))
    axes.plot(scale.at(one.first - kept, kept), one.history[-kept:], color=INK, lw=stroke(kept, 1.3), label="history")
    steps = scale.at(one.first, horizon)
    _bands(axes, one, steps)
    axes.plot(
        steps,
        one.mean,
        color=MODEL,
        lw=stroke(horizon, 2),
        marker="o" if horizon < 12 else None,
        ms=4,
        label="forecast",
    )
    axes.axvline(scale.at(one.first - 1, 1)[0], color=FAINT, lw=1, ls="--")
    axes.set_title(f"{printable(one.unique_id, 80)}: {ahead(horizon, one.sample_rate_hz)}", weight="bold")
    axes.set_ylabel(quantity(one.channel, one.unit))
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#eeeeee")
    scale.dress(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0), ncols=6)
    _room_for_legend(axes)


def _bands(axes: Axes, one: Forecast, steps: np.ndarray) -> None:
    """Shade the bands, the widest palest; say why one is missing."""
    levels = sorted((level for level, band in one.bands.items() if band is not None), reverse=True)
    for k, level in enumerate(levels):
        lower, upper = one.bands[level] or (one.mean, one.mean)
        shade = 0.16 + 0.14 * k / max(1, len(levels) - 1)
        axes.fill_between(steps, lower, upper, color=MODEL, alpha=shade, lw=0, label=f"{level} % band")
    missing = [f"no {level} % band: {text}" for level, text in one.reasons.items()]
    if missing:
        text = printable("; ".join(missing), 150)
        axes.text(1, 1.01, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=FAINT)


def _room_for_legend(axes: Axes) -> None:
    """Make the curves leave the lowest tenth to the legend."""
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.12 * (high - low), high)
