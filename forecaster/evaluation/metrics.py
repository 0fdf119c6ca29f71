"""Scores of a forecast against what came: all from running sums, so that no origin is dropped.

`truth` and `forecast` are (O, H): O origins, H steps ahead, in the signal's own unit. A score
that has no value (a constant signal has no normalised error) is None with the reason in words.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Score(NamedTuple):
    """A score, or None and the `reason` why there is none."""

    value: float | None
    reason: str = ""


@dataclass
class Moments:
    """Count, mean and summed squared distance from the mean, merged block by block.

    Merging, and counting from the first value, keep the variance right for signals with an
    offset far above their spread.
    Source: Chan, Golub, LeVeque 1979, "Updating formulae", equation 2.1.

    >>> moments = Moments()
    >>> moments.add(np.array([1.0, 2.0]))
    >>> moments.add(np.array([3.0]))
    >>> moments.count, moments.mean, moments.square
    (3, 2.0, 2.0)
    """

    count: int = 0
    above: float = 0.0
    square: float = 0.0
    first: float = 0.0

    def add(self, values: Array) -> None:
        """Merge all of `values`, of any shape."""
        if values.size == 0:
            return
        self.first = self.first if self.count else float(values.flat[0])
        values = values - self.first
        above = float(values.mean())
        square = float(np.square(values - above).sum())
        total, apart = self.count + values.size, above - self.above
        self.square += square + apart * apart * (self.count * values.size / total)
        self.above += apart * values.size / total
        self.count = total

    @property
    def mean(self) -> float:
        """The mean of all values."""
        return self.first + self.above

    @property
    def variance(self) -> float:
        """The population variance; 0 where the spread is only the rounding of the mean."""
        variance = self.square / self.count if self.count else 0.0
        rounding = float(np.square(min(np.finfo(np.float64).eps * 4 * abs(self.first), 1e150)))
        return variance if variance > rounding else 0.0


@dataclass
class Tally:
    """Everything the scores need, summed over blocks of origins; memory grows by one number an origin.

    `origin_mse` holds one mean squared error an origin (for the uncertainty of a comparison),
    `step_square` (H,) the squared errors summed by step.
    """

    horizon: int
    truth: Moments = field(default_factory=Moments)
    forecast: Moments = field(default_factory=Moments)
    step_square: Array = field(default_factory=lambda: np.zeros(0))
    absolute: float = 0.0
    relative: float = 0.0
    blocks: list[Array] = field(default_factory=list)

    def add(self, truth: Array, forecast: Array) -> None:
        """Add a block of origins, both (O, H)."""
        truth, forecast = _pair(truth, forecast)
        with np.errstate(over="ignore", invalid="ignore"):
            error = forecast - truth
            square = np.square(error)
            self.truth.add(truth)
            self.forecast.add(forecast)
            self.step_square = square.sum(axis=0) + (self.step_square if self.step_square.size else 0.0)
            self.blocks.append(square.mean(axis=1))
            self.absolute += float(np.abs(error).sum())
            self.relative += float(_relative(truth, forecast).sum())

    @classmethod
    def of(cls, truth: Array, forecast: Array) -> Tally:
        """Tally one pair of arrays (O, H)."""
        truth, forecast = _pair(truth, forecast)
        tally = cls(truth.shape[1])
        tally.add(truth, forecast)
        return tally

    @property
    def origin_mse(self) -> Array:
        """The mean squared error of each origin, (O,)."""
        return np.concatenate(self.blocks) if self.blocks else np.zeros(0)

    def mse(self) -> Score:
        """The mean squared error over all origins and steps."""
        return _finite(self.step_square.sum() / self.truth.count) if self.truth.count else _NOTHING

    def rmse(self) -> Score:
        """The root of the mean squared error, in the signal's unit."""
        mse = self.mse()
        return mse if mse.value is None else Score(float(np.sqrt(mse.value)))

    def mae(self) -> Score:
        """The mean absolute error, in the signal's unit."""
        return _finite(self.absolute / self.truth.count) if self.truth.count else _NOTHING

    def nmse(self) -> Score:
        """MSE / variance of all scored targets stacked: 1 is what predicting their mean would reach."""
        return self._by_variance(self.mse())

    def smape(self) -> Score:
        """The mean of ``|y - y_hat| / (|y| + |y_hat|)``: a fraction from 0 to 1, 0 where both are 0."""
        return _finite(self.relative / self.truth.count) if self.truth.count else _NOTHING

    def mase(self, scale: float | None) -> Score:
        """MAE / `scale`, the mean absolute error of the seasonal-naive forecast on the training part."""
        mae = self.mae()
        if mae.value is None:
            return mae
        if scale is None or not np.isfinite(scale):
            return Score(None, "the training part gave no seasonal-naive error to scale by")
        if scale <= 0:
            return Score(None, "the seasonal-naive error on the training part is 0")
        return _finite(mae.value / scale)

    def rms_ratio(self) -> Score:
        """The spread of the forecasts over the spread of the truth: below 1 the forecast is too flat."""
        if self.truth.count < 2:
            return _FEW
        if self.truth.variance == 0:
            return _CONSTANT
        with np.errstate(all="ignore"):
            return _finite(np.sqrt(np.divide(self.forecast.square / self.forecast.count, self.truth.variance)))

    def by_step(self) -> list[dict[str, int | float | None]]:
        """Score each step: `rmse`, and `nmse` by the variance of ALL targets, so that its mean is the nmse."""
        if not self.truth.count:
            return []
        mse = [_finite(total / (self.truth.count // self.horizon)) for total in self.step_square]
        return [
            {
                "step": step,
                "nmse": self._by_variance(value).value,
                "rmse": None if value.value is None else float(np.sqrt(value.value)),
            }
            for step, value in enumerate(mse, start=1)
        ]

    def _by_variance(self, mse: Score) -> Score:
        """Divide a mean squared error by the variance of the truth, where there is one."""
        if mse.value is None:
            return mse
        if self.truth.count < 2:
            return _FEW
        with np.errstate(all="ignore"):
            return _finite(np.divide(mse.value, self.truth.variance)) if self.truth.variance > 0 else _CONSTANT


@dataclass
class Coverage:
    """How many targets lie inside a band: `shares` holds one number an origin, blocks of (O,)."""

    shares: list[Array] = field(default_factory=list)

    def add(self, truth: Array, forecast: Array, half_width: Array) -> None:
        """Add a block of origins (O, H); `half_width` (H,) or (O, H) is that of the band; borders belong to it."""
        inside = (forecast - half_width <= truth) & (truth <= forecast + half_width)
        self.shares.append(inside.mean(axis=1))

    @property
    def by_origin(self) -> Array:
        """The share of covered targets of each origin, (O,)."""
        return np.concatenate(self.shares) if self.shares else np.zeros(0)

    def score(self) -> Score:
        """The share of scored targets that lie inside the band, 0 to 1."""
        return Score(float(self.by_origin.mean())) if self.shares else Score(None, "there is no band")


_NOTHING = Score(None, "nothing was scored")
_FEW = Score(None, "fewer than 2 values were scored, so they have no variance")
_CONSTANT = Score(None, "the scored values are constant, so their variance is 0")


def nmse(truth: Array, forecast: Array) -> Score:
    """MSE / variance of all scored targets stacked; 1.0 is the error of predicting their mean.

    >>> nmse(np.array([[1.0, 3.0]]), np.array([[2.0, 2.0]]))
    Score(value=1.0, reason='')
    >>> nmse(np.array([[1.0, 1.0]]), np.array([[2.0, 2.0]])).value is None
    True
    """
    return Tally.of(truth, forecast).nmse()


def rmse(truth: Array, forecast: Array) -> Score:
    """The root mean squared error."""
    return Tally.of(truth, forecast).rmse()


def mae(truth: Array, forecast: Array) -> Score:
    """The mean absolute error."""
    return Tally.of(truth, forecast).mae()


def mase(truth: Array, forecast: Array, *, scale: float | None) -> Score:
    """The mean absolute error over `scale`. Source: Hyndman, Koehler 2006, section 3."""
    return Tally.of(truth, forecast).mase(scale)


def smape(truth: Array, forecast: Array) -> Score:
    """The symmetric relative error as a fraction from 0 to 1 (not the 0 to 200 % of some texts).

    >>> smape(np.array([[1.0, 0.0]]), np.array([[3.0, 0.0]])).value
    0.25
    """
    return Tally.of(truth, forecast).smape()


def coverage(truth: Array, forecast: Array, *, half_width: Array) -> Score:
    """The share of targets within `half_width` (H,) of the forecast, borders included."""
    found = Coverage()
    found.add(*_pair(truth, forecast), half_width)
    return found.score()


def rms_ratio(truth: Array, forecast: Array) -> Score:
    """The spread of the forecast about its mean over that of the truth."""
    return Tally.of(truth, forecast).rms_ratio()


def by_step(truth: Array, forecast: Array) -> list[dict[str, int | float | None]]:
    """Return `nmse` and `rmse` of each step 1..H."""
    return Tally.of(truth, forecast).by_step()


def _pair(truth: Array, forecast: Array) -> tuple[Array, Array]:
    """Return both as float64 (O, H), or say that they do not match."""
    truth, forecast = (
        np.asarray(truth, dtype=np.float64),
        np.asarray(forecast, dtype=np.float64),
    )
    if truth.ndim != 2 or truth.shape != forecast.shape:
        raise ValueError(f"truth {truth.shape} and forecast {forecast.shape} must be the same (O, H)")
    return truth, forecast


def _relative(truth: Array, forecast: Array) -> Array:
    """Return ``|y - y_hat| / (|y| + |y_hat|)``, 0 where both are 0."""
    size = np.abs(truth) + np.abs(forecast)
    share: Array = np.divide(np.abs(forecast - truth), size, out=np.zeros_like(size), where=size > 0)
    return share


def _finite(value: float) -> Score:
    """A score, or the reason why its value cannot be written down."""
    return Score(float(value)) if np.isfinite(value) else Score(None, "the errors are too large to be squared")
