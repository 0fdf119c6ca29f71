"""What all figures share: their look, their time axes, and how they become bytes.

The colours are those that colour-blind people can tell apart. The same figure always gives the
same bytes: neither a date nor a program's name is in them.

Source: Okabe and Ito, "Color Universal Design" (2008), for the colours.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.durations import duration
from forecaster.errors import UsageError, printable
from forecaster.files import write_file
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
# The colours and the dashes of predictors that have none of their own.
OTHER_COLOURS = ("#56B4E9", "#8c6d31", "#7b4173")
OTHER_DASHES = (0, (4, 1, 1, 1, 1, 1))
DASHES: dict[str, Any] = {
    "model": "-",
    "ridge": (0, (5, 2)),
    "seasonal-naive": (0, (3, 1, 1, 1)),
    "repeat-segment": (0, (1, 1)),
}
# Nanoseconds in one unit of a time axis, for the kinds of axis that are drawn as dates.
NANOSECONDS = {"timestamps": 1, "epoch-s": 1e9, "epoch-ms": 1e6, "epoch-us": 1e3, "epoch-ns": 1}

SUFFIXES = (".png", ".svg", ".pdf")
# What would make the bytes of a figure differ from run to run, left out.
NO_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


@contextmanager
def canvas(width: int = 1200, height: int = 700) -> Iterator[Figure]:
    """Yield a figure of `width` x `height` pixels; names from files are never read as formulas."""
    from matplotlib import rc_context

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
        yield _notebook_figure()(figsize=(width / 100, height / 100), dpi=100, layout="constrained", facecolor="white")


@cache
def _notebook_figure() -> type[Figure]:
    """Return a figure that a notebook shows as a picture, though it was not made by pyplot."""
    from matplotlib.figure import Figure

    class NotebookFigure(Figure):
        def _repr_png_(self) -> bytes:
            return png(self)

    return NotebookFigure


def png(figure: Figure) -> bytes:
    """Return `figure` as PNG, at 100 pixels an inch."""
    return image(figure, ".png")


def image(figure: Figure, suffix: str) -> bytes:
    """Return `figure` in the format of `suffix`.

    Raises:
        UsageError: the suffix is none of `SUFFIXES`; names those that work.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    kind = suffix.lower()
    if kind not in SUFFIXES:
        refusal = f"A picture cannot be written as {printable(suffix) or 'a file without suffix'}."
        raise UsageError(refusal, hint=f"Name the file with one of {', '.join(SUFFIXES)}.")
    # The Agg canvas of the figure itself: pyplot would keep every figure, and may look for a display.
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "forecaster", "path.simplify": True}), warnings.catch_warnings():
        # A name in a script that the font lacks is shown as boxes.
        warnings.filterwarnings("ignore", message="Glyph")
        # A long range of dates gets the coarsest interval, which is what it needs.
        warnings.filterwarnings("ignore", message="AutoDateLocator")
        figure.savefig(buffer, format=kind[1:], metadata=NO_METADATA[kind])
    return buffer.getvalue()


def save(figure: Figure, path: Path | str) -> None:
    """Write `figure` to `path`, whole or not at all, in the format of its suffix.

    Raises:
        UsageError: the suffix is none of `SUFFIXES`.
        OutputError: the file cannot be written.
    """
    write_file(path, image(figure, Path(path).suffix))


@dataclass(frozen=True)
class TimeScale:
    """The x axis of a recording: turns its sample numbers into places, in the terms of the input."""

    time: TimeAxis
    sample_rate_hz: float | None = None

    @property
    def dated(self) -> bool:
        """Whether the axis shows dates."""
        return self.time.kind in NANOSECONDS

    @property
    def label(self) -> str:
        """The text below the axis."""
        if self.time.kind == "timestamps":
            return (
                "time (UTC)" if self.time.zone else f"time ({self.time.utc_offset})" if self.time.utc_offset else "time"
            )
        if self.dated:
            return "time (UTC)"
        return "time, s" if self.time.kind == "seconds" or self.sample_rate_hz else "sample"

    def at(self, first: int, count: int) -> NDArray[Any]:
        """Return the places of samples `first` .. `first + count - 1`: numbers, or datetime64."""
        index: NDArray[Any] = np.arange(first, first + count)
        if self.time.calendar is not None:
            return np.array([str(stamp)[:19] for stamp in self.time.stamps(first, count)], dtype="datetime64[s]")
        if self.dated:
            unit = NANOSECONDS[self.time.kind]
            # From the start in whole nanoseconds: a float cannot hold an epoch to the nanosecond.
            steps = np.rint(index * (self.time.step * unit)).astype(np.int64)
            return (steps + round(self.time.start * unit)).astype("datetime64[ns]")
        if self.time.kind == "seconds":
            return self.time.start + index * self.time.step
        return index / self.sample_rate_hz if self.sample_rate_hz else index

    def dress(self, axes: Axes, *, ticks: int = 7) -> None:
        """Label the x axis, with about `ticks` ticks at most."""
        from matplotlib import dates, ticker

        axes.set_xlabel(self.label)
        if self.dated:
            locator: Any = dates.AutoDateLocator(minticks=2, maxticks=ticks)  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        else:
            axes.xaxis.set_major_locator(ticker.MaxNLocator(ticks))
            axes.xaxis.set_major_formatter(ticker.ScalarFormatter(useOffset=False))


def colour(name: str) -> str:
    """Return the colour of a predictor, the same in every figure."""
    return COLOURS.get(name) or OTHER_COLOURS[sum(name.encode()) % len(OTHER_COLOURS)]


def stroke(samples: int, width: float) -> float:
    """Return the width of a line through `samples` points: thinner where they are dense."""
    return width if samples < 400 else width / 2


def ahead(horizon: int, sample_rate_hz: float | None) -> str:
    """Return how far a forecast reaches: ``next 100 samples (8.33 ms)``."""
    samples = f"next {horizon} sample{'s' if horizon > 1 else ''}"
    return f"{samples} ({duration(horizon, sample_rate_hz)})" if sample_rate_hz else samples


def rounded(value: float) -> str:
    """Write a number with three digits, without an exponent where people need none.

    >>> rounded(2590.4), rounded(0.03229)
    ('2590', '0.0323')
    """
    return f"{value:.0f}" if 1000 <= value < 1e6 else f"{value:.3g}"


def quantity(channel: str, unit: str) -> str:
    """Return the label of a y axis: ``acc, g``."""
    name, symbol = printable(channel, 40), printable(unit, 20)
    return f"{name}, {symbol}" if name and symbol else name or symbol or "value"


def wide(values: list[float]) -> bool:
    """Whether positive `values` span so much that only a logarithmic axis shows them all."""
    return bool(values) and min(values) > 0 and max(values) / min(values) > 8


def plain_log(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers."""
    from matplotlib import ticker

    axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(ticker.NullFormatter())
    low, high = axis.get_view_interval()
    if low > 0 and high / low < 30:
        # Over so short a range the decades alone would leave an axis of one or two numbers.
        axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))


def fit_bars(axes: Axes, values: list[float]) -> None:
    """Fit the x axis to bars of `values` and the numbers at their ends; logarithmic where they span much."""
    if wide(values):
        axes.set_xscale("log")
        axes.set_xlim(min(values) / 2.5, max(values) * 4)
        plain_log(axes.xaxis)
    elif values:
        axes.set_xlim(0, max(values) * 1.3 or 1)
