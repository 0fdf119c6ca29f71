"""The figures of a forecast: the end of the history, what is expected, and how sure that is.

Numbers are drawn as a line with its bands, symbols as steps with the probability of each as a
shade. `draw_numbers` and `draw_symbols` draw one forecast into axes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forecaster.errors import printable
from forecaster.plots.figures import FAINT, INK, MODEL, TimeScale, ahead, canvas, quantity, stroke

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecaster.forecasting.forecast import Forecast
    from forecaster.tasks import SymbolForecast

MOST_PANELS = 4
MOST_SYMBOLS = 16


def forecast(forecasts: Sequence[Forecast]) -> Figure:
    """Return the figure of the forecasts of one file, of numbers."""
    return _panels(forecasts, draw_numbers, min_height=700, panel_height=260)


def symbols(forecasts: Sequence[SymbolForecast]) -> Figure:
    """Return the figure of the forecasts of one file, of symbols."""
    rows = min(MOST_SYMBOLS, len(forecasts[0].symbols)) if forecasts else 1
    return _panels(forecasts, draw_symbols, min_height=420, panel_height=150 + 34 * rows)


def _panels(
    forecasts: Sequence[Any], draw: Callable[[Axes, Any], None], *, min_height: int, panel_height: int
) -> Figure:
    """Return a figure of the first `MOST_PANELS` forecasts, one below the other, each drawn by `draw`."""
    shown = forecasts[:MOST_PANELS]
    with canvas(height=max(min_height, panel_height * len(shown))) as figure:
        panels = figure.subplots(max(1, len(shown)), 1, squeeze=False)[:, 0]
        for axes, forecast in zip(panels, shown, strict=False):
            draw(axes, forecast)
        if len(forecasts) > len(shown):
            figure.suptitle(f"the first {len(shown)} of {len(forecasts)} series and channels", color=FAINT, fontsize=10)
    return figure


def draw_numbers(axes: Axes, forecast: Forecast) -> None:
    """Draw a forecast of numbers: the end of the history, the mean and the bands."""
    scale, horizon = TimeScale(forecast.time, forecast.sample_rate_hz), len(forecast.mean)
    kept = min(len(forecast.history), max(3 * horizon, 100))
    past = scale.at(forecast.first - kept, kept)
    axes.plot(past, forecast.history[-kept:], color=INK, lw=stroke(kept, 1.3), label="history")
    steps, marker = scale.at(forecast.first, horizon), "o" if horizon < 12 else None
    _draw_bands(axes, forecast, steps)
    axes.plot(steps, forecast.mean, color=MODEL, lw=stroke(horizon, 2), marker=marker, ms=4, label="forecast")
    axes.axvline(scale.at(forecast.first - 1, 1)[0], color=FAINT, lw=1, ls="--")
    axes.set_title(f"{printable(forecast.unique_id, 80)}: {ahead(horizon, forecast.sample_rate_hz)}", weight="bold")
    axes.set_ylabel(quantity(forecast.channel, forecast.unit))
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#eeeeee")
    scale.dress(axes)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 0), ncols=6)
    # The curves leave the lowest tenth to the legend.
    low, high = axes.get_ylim()
    axes.set_ylim(low - 0.12 * (high - low), high)


def _draw_bands(axes: Axes, forecast: Forecast, steps: np.ndarray) -> None:
    """Shade the bands, the widest palest, and say why one is missing."""
    bands = {level: band for level, band in forecast.bands.items() if band is not None}
    for k, level in enumerate(sorted(bands, reverse=True)):
        lower, upper = bands[level]
        shade = 0.16 + 0.14 * k / max(1, len(bands) - 1)
        axes.fill_between(steps, lower, upper, color=MODEL, alpha=shade, lw=0, label=f"{level} % band")
    missing = [f"no {level} % band: {reason}" for level, reason in forecast.reasons.items()]
    if missing:
        text = printable("; ".join(missing), 150)
        axes.text(1, 1.01, text, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=FAINT)


def draw_symbols(axes: Axes, forecast: SymbolForecast) -> None:
    """Draw a forecast of symbols: the end of the history as steps, the forecast as dots on its probabilities."""
    horizon, scale = len(forecast.mean), TimeScale(forecast.time, forecast.sample_rate_hz)
    kept = min(len(forecast.history), max(2 * horizon, 24))
    shown = _shown_codes(forecast, kept)
    row_of = {int(code): float(row) for row, code in enumerate(shown)}
    axes.set_yticks(range(len(shown)), [printable(forecast.symbols[code], 20) for code in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    # Each symbol of the history is held over its own sample; one that has no row leaves a gap.
    past = scale.at(forecast.first - kept, kept)
    edges = np.append(past, past[-1] + (past[-1] - past[-2] if kept > 1 else 1))
    rows = [row_of.get(int(code), np.nan) for code in forecast.history[-kept:]]
    axes.step(edges, [*rows, rows[-1]], where="post", color=INK, lw=2, label="history")
    steps = scale.at(forecast.first, horizon + 1)
    if forecast.probabilities is not None:
        _shade_probabilities(axes, forecast.probabilities[:, shown], steps)
    # Halves of differences, because the steps may be dates, which cannot be added.
    middles = steps[:-1] + (steps[1:] - steps[:-1]) / 2
    dots = [row_of.get(int(code), np.nan) for code in forecast.mean]
    label = "forecast: the likeliest, given those before it"
    axes.plot(middles, dots, "o", color="white", mec=INK, ms=5, label=label)
    axes.axvline(steps[0], color=FAINT, lw=1, ls="--")
    left = f", {len(shown)} of {len(forecast.symbols)} symbols" if len(shown) < len(forecast.symbols) else ""
    reach = ahead(horizon, forecast.sample_rate_hz)
    axes.set_title(f"{printable(forecast.unique_id, 80)}: {reach}{left}", weight="bold")
    axes.set_ylabel(quantity(forecast.channel, ""))
    axes.margins(x=0.01)
    scale.dress(axes)
    axes.legend(loc="upper left", bbox_to_anchor=(0, -0.12), ncols=3)


def _shown_codes(forecast: SymbolForecast, kept: int) -> np.ndarray:
    """Return the codes that get a row, in the alphabet's order: the likeliest, then those seen most in the history."""
    counts = np.bincount(forecast.history[-kept:].astype(np.int64), minlength=len(forecast.symbols))
    weight = counts / kept + (0 if forecast.probabilities is None else forecast.probabilities.max(axis=0))
    return np.sort(np.argsort(-weight, kind="stable")[:MOST_SYMBOLS])


def _shade_probabilities(axes: Axes, probabilities: np.ndarray, steps: np.ndarray) -> None:
    """Shade the probability (H, rows) of each row's symbol at each step, with a colour bar."""
    from matplotlib.colors import LinearSegmentedColormap

    shades = LinearSegmentedColormap.from_list("probability", ["white", MODEL])
    edges = np.arange(probabilities.shape[1] + 1) - 0.5
    mesh = axes.pcolormesh(steps, edges, probabilities.T, cmap=shades, vmin=0, vmax=1)
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.01, aspect=14)
    bar.set_label("probability")
