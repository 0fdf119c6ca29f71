"""What all figures share: colours that colour-blind people can tell apart, sizes, time axes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.durations import duration
from forecaster.errors import printable
from forecaster.signal.time_axis import TimeAxis

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, FAINT, MODEL = "#333333", "#9a9a9a", "#0072B2"
COLOURS = {
    "model": MODEL,
    "ridge": "#D55E00",
    "seasonal-naive": "#009E73",
    "repeat-segment": "#CC79A7",
    "last-value": "#E69F00",
}
"""Source: Okabe, Ito 2008, "Color Universal Design"."""
OTHERS = ("#56B4E9", "#8c6d31", "#7b4173")
OTHER_DASHES = (0, (4, 1, 1, 1, 1, 1))
DASHES: dict[str, Any] = {
    "model": "-",
    "ridge": (0, (5, 2)),
    "seasonal-naive": (0, (3, 1, 1, 1)),
    "repeat-segment": (0, (1, 1)),
}
_NANOSECONDS = {"timestamps": 1, "epoch-s": 1e9, "epoch-ms": 1e6, "epoch-us": 1e3, "epoch-ns": 1}


def colour(name: str) -> str:
    """Return the colour of a predictor, the same in every figure."""
    return COLOURS.get(name) or OTHERS[sum(name.encode()) % len(OTHERS)]


@contextmanager
def canvas(width: int = 1200, height: int = 700) -> Iterator[Figure]:
    """Give a Figure of `width` x `height` pixels; names from files are never read as formulas."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings: Any = {
        "text.parse_math": False,
        "font.size": 11,
        "axes.edgecolor": FAINT,
        "axes.labelcolor": INK,
        "axes.titlesize": 11,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "legend.frameon": False,
        "legend.fontsize": 10,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with rc_context(settings):
        yield Figure(figsize=(width / 100, height / 100), dpi=100, layout="constrained", facecolor="white")


@dataclass(frozen=True)
class TimeScale:
    """Turns sample numbers of a recording into places on the x axis, in the input's own terms."""

    time: TimeAxis
    sample_rate_hz: float | None = None

    @property
    def dated(self) -> bool:
        """Whether the axis shows dates."""
        return self.time.kind in _NANOSECONDS

    @property
    def label(self) -> str:
        """What stands under the axis."""
        if self.time.kind == "timestamps":
            return f"time ({self.time.utc_offset})" if self.time.utc_offset else "time"
        if self.dated:
            return "time (UTC)"
        return "time, s" if self.time.kind == "seconds" or self.sample_rate_hz else "sample"

    def at(self, first: int, count: int) -> NDArray[Any]:
        """Return the places of samples `first` .. `first + count - 1`: numbers, or datetime64."""
        index: NDArray[Any] = np.arange(first, first + count)
        if self.time.calendar is not None:
            return np.array([str(stamp)[:19] for stamp in self.time.stamps(first, count)], dtype="datetime64[s]")
        if self.dated:
            size = _NANOSECONDS[self.time.kind]
            steps = np.rint(index * (self.time.step * size)).astype(np.int64)
            stamps: NDArray[Any] = (steps + round(self.time.start * size)).astype("datetime64[ns]")
            return stamps
        if self.time.kind == "seconds":
            index = self.time.start + index * self.time.step
        elif self.sample_rate_hz:
            index = index / self.sample_rate_hz
        return index

    def dress(self, axes: Axes, *, ticks: int = 7) -> None:
        """Label the x axis and choose at most about `ticks` ticks."""
        from matplotlib import dates, ticker

        axes.set_xlabel(self.label)
        if self.dated:
            locator: Any = dates.AutoDateLocator(minticks=2, maxticks=ticks)  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        else:
            axes.xaxis.set_major_locator(ticker.MaxNLocator(ticks))
            axes.xaxis.set_major_formatter(ticker.ScalarFormatter(useOffset=False))


def ahead(horizon: int, sample_rate_hz: float | None) -> str:
    """Say how far a forecast reaches: ``next 100 samples (8.33 ms)``."""
    samples = f"next {horizon} sample{'s' if horizon > 1 else ''}"
    return f"{samples} ({duration(horizon, sample_rate_hz)})" if sample_rate_hz else samples


def stroke(samples: int, width: float) -> float:
    """Return the width of a line through `samples` points: thinner where they are dense."""
    return width if samples < 400 else width / 2


def rounded(value: float) -> str:
    """Write a number with three digits, without an exponent where people need none.

    >>> rounded(2590.4), rounded(0.03229)
    ('2590', '0.0323')
    """
    return f"{value:.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def quantity(channel: str, unit: str) -> str:
    """Name what stands on the y axis."""
    name, symbol = printable(channel, 40), printable(unit, 20)
    return f"{name}, {symbol}" if name and symbol else name or symbol or "value"


def plain_log(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers."""
    from matplotlib import ticker

    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())
    low, high = axis.get_view_interval()
    if low > 0 and high / low < 30:
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))


def wide(values: list[float]) -> bool:
    """Whether positive `values` span so much that only a logarithmic axis shows them all."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 8


def fit_bars(axes: Axes, values: list[float]) -> None:
    """Fit the x axis to bars of `values` and the numbers at their ends; logarithmic where they span much."""
    if wide(values):
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 2.5, max(values) * 4)
        plain_log(axes.xaxis)
    elif values:
        axes.set_xlim(0, max(values) * 1.3 or 1)
