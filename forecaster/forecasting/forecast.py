"""A forecast: the mean, its bands, and the time axis that it continues."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import OutputError, printable
from forecaster.signal.time_axis import TimeAxis

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

CARRIED = (
    "the state is carried from the recording's first sample on, a step a segment; "
    "it is another forecast than one that re-reads its window"
)
REREAD = "the window is re-read for every segment, the forecast ones fed back"
JOINT = "each channel sees all others that are forecast; in closed loop they advance together"
# A forecast farther from the middle of its context than this many times half the context's range has run away.
RUNAWAY = 10.0
# Why a context that lies far from those of the training has no band.
NO_BAND_THERE = "bands were calibrated on contexts within the training range, and hold for none far from it"
# Warnings that a notebook shows above a table.
SHOWN_WARNINGS = 10
# What makes a spreadsheet take a cell for a formula: the full-width forms, too.
FORMULA = tuple("=+-@＝＋－＠")

Array = NDArray[np.float64]
Bands = dict[int, tuple[Array, Array] | None]
Cell = str | int | float | None


@dataclass(frozen=True)
class Forecast:
    """What is expected of one channel of one series.

    Attributes:
        unique_id: The name of the series: the signal's, then its label and channel where there are several.
        channel: The channel's name.
        unit: The unit of all values, "" where none is known.
        time: The time axis; step k has the stamp ``first + k``.
        first: The place of the first forecast sample on `time`.
        mean: (H,), the forecast.
        history: (L,), the context; its last sample has the stamp ``first - 1``.
        bands: By level in percent the lower and the upper bound (H,), NaN at steps without one, or None.
        reasons: By level as text, why there is no band, or none at some steps.
        warnings: In plain words, how far the context lies from the training, and whether the forecast ran away.
    """

    unique_id: str
    channel: str
    unit: str
    time: TimeAxis
    first: int
    mean: Array
    history: Array
    bands: Bands = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    sample_rate_hz: float | None = None
    warnings: tuple[str, ...] = ()

    @property
    def warning(self) -> str:
        """All warnings in one text, "" where there is none."""
        return "; ".join(self.warnings)

    def header(self, levels: Sequence[int]) -> list[str]:
        """Return the names of the columns, two for the band of each of `levels`."""
        return self.header_of(levels)

    @staticmethod
    def header_of(levels: Sequence[int]) -> list[str]:
        """Return the names of the columns of any forecast of numbers.

        >>> Forecast.header_of([90])
        ['unique_id', 'ds', 'y_hat', 'y_hat-lo-90', 'y_hat-hi-90']
        """
        return ["unique_id", "ds", "y_hat", *(f"y_hat-{side}-{level}" for level in levels for side in ("lo", "hi"))]

    def columns(self, levels: Sequence[int]) -> list[list[Cell]]:
        """Return the columns, H cells each, None where a band has no bound.

        Raises:
            OutputError: a value is not finite.
        """
        count = len(self.mean)
        columns: list[list[Cell]] = [
            [safe_text(self.unique_id)] * count,
            self.stamps(),
            finite(self.mean, self.unique_id),
        ]
        for level in levels:
            band = self.bands.get(level)
            columns += [[None] * count] * 2 if band is None else [_bound(side, self.unique_id) for side in band]
        return columns

    def preview(self, count: int) -> tuple[list[str], list[list[Cell]]]:
        """Return the first `count` rows with the bands that there are, and their header."""
        levels = [level for level, band in sorted(self.bands.items()) if band is not None]
        header = ["ds", "y_hat", *(f"{side} {level} %" for level in levels for side in ("lower", "upper"))]
        sides = [side for level in levels for side in self.bands[level] or ()]
        values = zip(self.stamps()[:count], self.mean, *sides, strict=False)
        return header, [[str(stamp), *map(float, row)] for stamp, *row in values]

    def stamps(self) -> list[Cell]:
        """Return the time stamps of the forecast samples as plain Python values."""
        listed = np.asarray(self.time.stamps(self.first, len(self.mean))).tolist()
        return [stamp if isinstance(stamp, int | float) else str(stamp) for stamp in listed]

    def to_frame(self, levels: Sequence[int] | None = None) -> DataFrame:
        """Return the forecast as a DataFrame: unique_id, ds, y_hat, then y_hat-lo-L and y_hat-hi-L of each level.

        Args:
            levels: Levels in percent; those that the forecast was made with, if left out.
        """
        import pandas as pd

        levels = sorted(self.bands if levels is None else levels)
        columns = dict(zip(self.header(levels), self.columns(levels), strict=True))
        frame = pd.DataFrame(columns)
        if self.time.kind == "timestamps":
            frame["ds"] = pd.to_datetime(frame["ds"], utc=bool(self.time.utc_offset or self.time.zone))
            if self.time.zone:
                frame["ds"] = frame["ds"].dt.tz_convert(self.time.zone)
        bounds = [name for name in self.header(levels) if name.startswith(("y_hat-", "p-"))]
        return frame.astype(dict.fromkeys(bounds, float))

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return the picture of the forecast, and write it to `path` if there is one (.png, .svg or .pdf)."""
        return Forecasts([self]).plot(path)

    def _repr_html_(self) -> str:
        return Forecasts([self])._repr_html_()

    @classmethod
    def figure(cls, forecasts: Sequence[Any]) -> Figure:
        """Return the picture of the forecasts of one file."""
        from forecaster.plots.forecasts import forecast

        return forecast(forecasts)


class Forecasts(Sequence[Forecast]):
    """The forecasts of several series, in the order of the signals and their channels."""

    def __init__(self, forecasts: Sequence[Forecast]) -> None:
        self._forecasts = tuple(forecasts)

    @overload
    def __getitem__(self, place: int) -> Forecast: ...
    @overload
    def __getitem__(self, place: slice) -> Forecasts: ...
    def __getitem__(self, place: int | slice) -> Forecast | Forecasts:
        """Return the forecast at `place`, or those of a slice."""
        return Forecasts(self._forecasts[place]) if isinstance(place, slice) else self._forecasts[place]

    def __len__(self) -> int:
        return len(self._forecasts)

    def __repr__(self) -> str:
        names = ", ".join(forecast.unique_id for forecast in self[:3])
        return f"Forecasts of {len(self)} series ({names}{', ...' if len(self) > 3 else ''})"

    def to_frame(self, levels: Sequence[int] | None = None) -> DataFrame:
        """Return all forecasts as one DataFrame, one series below the other, as `Forecast.to_frame` does."""
        import pandas as pd

        return pd.concat([forecast.to_frame(levels) for forecast in self], ignore_index=True)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return the picture of the first forecasts, and write it to `path` if there is one (.png, .svg or .pdf)."""
        from forecaster.plots import save

        figure = self[0].figure(self)
        if path is not None:
            save(figure, path)
        return figure

    def _repr_html_(self) -> str:
        warned = [forecast for forecast in self if forecast.warnings]
        lines = [
            f"<p>{escape(f'{forecast.unique_id}: {forecast.warning}')}</p>" for forecast in warned[:SHOWN_WARNINGS]
        ]
        return "".join(lines) + self.to_frame().to_html(index=False, max_rows=10)


def safe_text(text: str) -> str:
    r"""Return `text` as a cell that no spreadsheet runs, control characters escaped.

    >>> safe_text("=1+1"), safe_text(" =1+1"), safe_text("pump\n1")
    ("'=1+1", "' =1+1", 'pump\\n1')
    """
    # Spreadsheets may cut the spaces in front, and a tab and a line's end are spaces to them.
    is_formula = text.startswith(("\t", "\r")) or text.lstrip().startswith(FORMULA)
    return printable(f"'{text}" if is_formula else text, 4096)


def finite(values: Array, unique_id: str) -> list[Cell]:
    """Return `values` as Python floats; OutputError names the first step of `unique_id` that is not finite."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        step = int(np.flatnonzero(~np.isfinite(array))[0]) + 1
        raise OutputError(f"The forecast of {printable(unique_id)} is not finite from step {step} on.")
    listed: list[Cell] = array.tolist()
    return listed


def _bound(values: Array, unique_id: str) -> list[Cell]:
    """Return one side of a band, None at the steps that have none."""
    numbers = finite(np.nan_to_num(values, nan=0.0, posinf=np.inf, neginf=-np.inf), unique_id)
    return [None if missing else number for number, missing in zip(numbers, np.isnan(values).tolist(), strict=True)]


def far_from_training(description: str, *, has_bands: bool) -> str:
    """Return the warning of a context that lies far from those of the training, as `description` says."""
    outcome = "follows it, and its bands follow its last errors" if has_bands else "is extrapolated, and has no bands"
    return f"far from the training range: {description}; the forecast {outcome}"


def runaway(mean: Array, history: Array) -> str:
    """Say from which step on a forecast (H,) lies far beyond anything in its context (L,), or "".

    >>> runaway(np.array([2.0, 30.0]), np.array([1.0, 3.0]))
    'from step 2 on the forecast is more than 10 times as far from the middle of its context as the context ever was'
    >>> runaway(np.array([2.0, 3.5]), np.array([1.0, 3.0]))
    ''
    """
    low, high = float(history.min()), float(history.max())
    half = high / 2 - low / 2
    far = np.abs(mean - (low + half)) > RUNAWAY * half
    if not (half > 0 and far.any()):
        return ""
    return (
        f"from step {int(np.argmax(far)) + 1} on the forecast is more than {RUNAWAY:g} times as far from the middle "
        "of its context as the context ever was"
    )
