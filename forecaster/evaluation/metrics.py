"""Metrics: how far forecasts are from what came after their origins, taken from running sums.

The targets `y_true` and the forecasts `y_hat` are (O, H): O origins, H steps ahead, in the signal's unit. They are
added block by block, so that memory hardly grows with the origins and no origin is dropped. A metric without a
value (a constant signal has no normalised error) is None, with the reason in words.

To add a metric, write its function and its entry in `NUMBER_METRICS` or `SYMBOL_METRICS`, both in this module: the
scores, the JSON and the printed tables then show it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.spectra import SpectraSums
from forecaster.signal.spectrum import SHORTEST

Array = NDArray[np.float64]
StepRow = dict[str, int | float | None]

# A frequency bin counts in the spectral error if it lies within 30 dB of the strongest bin of the target ...
IN_SPECTRUM = 1e-3
# ... and power below -60 dB of that bin counts as -60 dB: nobody needs to hit what cannot be seen.
FLOOR = 1e-6
# A probability below this counts as this, so that one symbol costs at most 27.6 nats.
LEAST_PROBABILITY = 1e-12


class Score(NamedTuple):
    """The value of a metric, or None and the `reason` why it has none."""

    value: float | None
    reason: str = ""


NOTHING_SCORED = Score(None, "nothing was scored")
TOO_FEW = Score(None, "fewer than 2 values were scored, so they have no variance")
CONSTANT = Score(None, "the scored values are constant, so their variance is 0")
NO_SPECTRUM = Score(None, f"a spectrum needs an origin and a horizon of at least {SHORTEST} samples")
EMPTY_SPECTRUM = Score(None, "the scored values are constant, so their spectrum is empty")


# --- sums -----------------------------------------------------------------------------------


@dataclass
class Moments:
    """Count, mean and summed squared distance from the mean, merged block by block.

    Merging, and counting from the first value, keep the variance right for signals with an offset far above
    their spread.

    Source: Chan, Golub, LeVeque 1979, "Updating formulae", equation 2.1.

    >>> moments = Moments()
    >>> moments.add(np.array([1.0, 2.0]))
    >>> moments.add(np.array([3.0]))
    >>> moments.count, moments.mean, moments.square
    (3, 2.0, 2.0)
    """

    count: int = 0
    mean_above_first: float = 0.0
    square: float = 0.0
    first: float = 0.0

    def add(self, values: Array) -> None:
        """Merge all of `values`, of any shape."""
        if values.size == 0:
            return
        self.first = self.first if self.count else float(values.flat[0])
        values = values - self.first
        block_mean = float(values.mean())
        block_square = float(np.square(values - block_mean).sum())
        total, distance = self.count + values.size, block_mean - self.mean_above_first
        self.square += block_square + distance * distance * (self.count * values.size / total)
        self.mean_above_first += distance * values.size / total
        self.count = total

    @property
    def mean(self) -> float:
        """The mean of all values."""
        return self.first + self.mean_above_first

    @property
    def variance(self) -> float:
        """The population variance; 0 where the spread is only the rounding of the mean."""
        variance = self.square / self.count if self.count else 0.0
        rounding = float(np.square(min(np.finfo(np.float64).eps * 4 * abs(self.first), 1e150)))
        return variance if variance > rounding else 0.0


@dataclass
class ErrorSums:
    """What is summed of the errors of one predictor.

    `square_by_step` (H,) has the squared errors summed by step, `origin_mses` one mean squared error an origin, in
    blocks (for the uncertainty of a comparison), `losses` the summed elementwise loss of each metric that has one.
    """

    horizon: int
    y_true: Moments = field(default_factory=Moments)
    y_hat: Moments = field(default_factory=Moments)
    square_by_step: Array = field(default_factory=lambda: np.zeros(0))
    origin_mses: list[Array] = field(default_factory=list)
    losses: dict[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, y_true: Array, y_hat: Array) -> ErrorSums:
        """Return the sums of one pair of arrays (O, H)."""
        sums = cls(np.asarray(y_true).shape[-1])
        sums.add(y_true, y_hat)
        return sums

    def add(self, y_true: Array, y_hat: Array, scaling: tuple[Array, Array] | None = None) -> None:
        """Add a block of origins, both (B, H).

        With a `scaling`, level and spread of each origin (B, 1), errors count in units of the spread, and values
        relative to the level.
        """
        y_true, y_hat = np.asarray(y_true, dtype=np.float64), np.asarray(y_hat, dtype=np.float64)
        if y_true.ndim != 2 or y_true.shape != y_hat.shape:
            raise ValueError(f"y_true {y_true.shape} and y_hat {y_hat.shape} must be the same (O, H)")
        # A forecast that ran away overflows here; its metrics then say so.
        with np.errstate(over="ignore", invalid="ignore"):
            values = y_true, y_hat
            if scaling is not None:
                level, spread = scaling
                y_true, y_hat = (y_true - level) / spread, (y_hat - level) / spread
            square = np.square(y_hat - y_true)
            self.y_true.add(y_true)
            self.y_hat.add(y_hat)
            self.square_by_step = square.sum(axis=0) + (self.square_by_step if self.square_by_step.size else 0.0)
            self.origin_mses.append(square.mean(axis=1))
            for metric in NUMBER_METRICS:
                if metric.loss is not None:
                    block_loss = float(metric.loss(*(values if metric.is_of_values else (y_true, y_hat))).sum())
                    self.losses[metric.name] = self.losses.get(metric.name, 0.0) + block_loss

    @property
    def origin_mse(self) -> Array:
        """The mean squared error of each origin, (O,)."""
        return np.concatenate(self.origin_mses) if self.origin_mses else np.zeros(0)

    def mse(self) -> Score:
        """Return the mean squared error over all origins and steps."""
        return _finite(self.square_by_step.sum() / self.y_true.count) if self.y_true.count else NOTHING_SCORED

    def nmse(self) -> Score:
        """Return the mean squared error over the variance of all targets: 1 is what their mean would reach."""
        return self._over_variance(self.mse())

    def mean_loss(self, name: str) -> Score:
        """Return the mean over all origins and steps of the loss of the metric `name`."""
        return _finite(self.losses[name] / self.y_true.count) if self.y_true.count else NOTHING_SCORED

    def by_step(self) -> list[StepRow]:
        """Return `nmse` and `rmse` of each step; all are divided by the variance of ALL targets, as the nmse is."""
        if not self.y_true.count:
            return []
        mses = [_finite(total / (self.y_true.count // self.horizon)) for total in self.square_by_step]
        return [
            {"step": step, "nmse": self._over_variance(mse).value, "rmse": _root(mse).value}
            for step, mse in enumerate(mses, start=1)
        ]

    def _over_variance(self, mse: Score) -> Score:
        if mse.value is None:
            return mse
        if self.y_true.count < 2:
            return TOO_FEW
        with np.errstate(all="ignore"):
            return _finite(np.divide(mse.value, self.y_true.variance)) if self.y_true.variance > 0 else CONSTANT


@dataclass
class CoverageSums:
    """How many targets lie inside a band: `shares` has the share of each origin, in blocks of (B,)."""

    shares: list[Array] = field(default_factory=list)

    def add(self, y_true: Array, y_hat: Array, half_width: Array) -> None:
        """Add a block of origins (B, H) and half the width of the band there, (H,) or (B, H); borders belong to it."""
        inside = (y_hat - half_width <= y_true) & (y_true <= y_hat + half_width)
        self.shares.append(inside.mean(axis=1))

    @property
    def by_origin(self) -> Array:
        """The share of covered targets of each origin, (O,)."""
        return np.concatenate(self.shares) if self.shares else np.zeros(0)

    def score(self) -> Score:
        """Return the share of all targets that lie inside the band, 0 to 1."""
        if not self.shares:
            return Score(None, "there is no band")
        return Score(float(self.by_origin.mean())) if self.by_origin.size else NOTHING_SCORED


@dataclass
class SymbolSums:
    """What is summed of one predictor of symbols: hits and surprise by step (H,), and the loss of each origin."""

    hits: Array = field(default_factory=lambda: np.zeros(0))
    surprise: Array = field(default_factory=lambda: np.zeros(0))
    losses: list[Array] = field(default_factory=list)

    def add(self, y_true: Array, codes: Array, probabilities: Array) -> None:
        """Add a block of origins: the symbols that came and those forecast (B, H), the probabilities (B, H, K)."""
        of_true = np.take_along_axis(probabilities, y_true.astype(np.int64)[..., None], axis=2)[..., 0]
        hits, surprise = (codes == y_true).astype(np.float64), -np.log(np.maximum(of_true, LEAST_PROBABILITY))
        self.hits = hits.sum(axis=0) + (self.hits if self.hits.size else 0.0)
        self.surprise = surprise.sum(axis=0) + (self.surprise if self.surprise.size else 0.0)
        # Beyond one step the probabilities are given the symbols forecast before: being right is what compares.
        self.losses.append(surprise[:, 0] if y_true.shape[1] == 1 else 1 - hits.mean(axis=1))

    @property
    def loss(self) -> Array:
        """The loss of each origin, (O,): cross-entropy of one step, the share of wrong symbols of several."""
        return np.concatenate(self.losses)

    def by_step(self) -> list[StepRow]:
        """Return accuracy and cross-entropy of each step."""
        count = len(self.loss)
        pairs = zip((self.hits / count).tolist(), (self.surprise / count).tolist(), strict=True)
        return [
            {"step": step, "accuracy": accuracy, "cross_entropy": cross_entropy}
            for step, (accuracy, cross_entropy) in enumerate(pairs, start=1)
        ]


# --- metrics of numbers ---------------------------------------------------------------------


@dataclass(frozen=True)
class MetricInputs:
    """What a metric of numbers may use: sums over all origins of one predictor in one channel.

    `y_true_density` and `y_hat_density` (F,) are power spectral densities, empty where the horizon is too short;
    `seasonal_error` is the mean absolute error of the seasonal-naive forecast on the training part, in the signal's
    unit; `coverages` has the share of covered targets by level in percent, or why there is none. Where there are many
    series of different size, `scaled_errors` has the MASE of each.
    """

    errors: ErrorSums
    y_true_density: Array
    y_hat_density: Array
    seasonal_error: float | None = None
    coverages: Mapping[int, Score] = field(default_factory=dict)
    scaled_errors: Array | None = None


def nmse(inputs: MetricInputs) -> Score:
    """Return the mean squared error over the variance of all targets: 1 is what predicting their mean would reach."""
    return inputs.errors.nmse()


def rmse(inputs: MetricInputs) -> Score:
    """Return the root mean squared error, in the signal's unit."""
    return _root(inputs.errors.mse())


def absolute_error(y_true: Array, y_hat: Array) -> Array:
    """Return ``|y - y_hat|``."""
    return np.abs(y_hat - y_true)


def mase(inputs: MetricInputs) -> Score:
    """Return the mean absolute error over that of the seasonal-naive forecast on the training part.

    Of many series it is the mean of each.

    Source: Hyndman, Koehler 2006, "Another look at measures of forecast accuracy", section 3.
    """
    mae = inputs.errors.mean_loss("mae")
    if mae.value is None:
        return mae
    if inputs.scaled_errors is not None:
        no_error = Score(None, "no series had a seasonal-naive error to scale by")
        return _finite(inputs.scaled_errors.mean()) if len(inputs.scaled_errors) else no_error
    if inputs.seasonal_error is None or not np.isfinite(inputs.seasonal_error):
        return Score(None, "the training part gave no seasonal-naive error to scale by")
    if inputs.seasonal_error <= 0:
        return Score(None, "the seasonal-naive error on the training part is 0")
    return _finite(mae.value / inputs.seasonal_error)


def symmetric_error(y_true: Array, y_hat: Array) -> Array:
    """Return ``|y - y_hat| / (|y| + |y_hat|)``: from 0 to 1 (not the 0 to 200 % of some texts), 0 where both are 0."""
    size = np.abs(y_true) + np.abs(y_hat)
    share: Array = np.divide(np.abs(y_hat - y_true), size, out=np.zeros_like(size), where=size > 0)
    return share


def coverage(inputs: MetricInputs, level: int) -> Score:
    """Return the share of targets inside the band at `level` percent, 0 to 1."""
    return inputs.coverages[level]


def psd_error_db(inputs: MetricInputs) -> Score:
    """Return the mean absolute difference of the two spectra in dB, over the bins that have power in the target.

    Bins count if the target is within 30 dB of its strongest bin there (`IN_SPECTRUM`); a forecast below -60 dB of
    that bin (`FLOOR`) counts as -60 dB.
    """
    y_true, y_hat = inputs.y_true_density, inputs.y_hat_density
    if y_true.size == 0:
        return NO_SPECTRUM
    # What is left of a constant target is rounding, and has a spectrum of its own.
    if inputs.errors.y_true.variance == 0:
        return EMPTY_SPECTRUM
    strongest = y_true.max()
    if not (np.isfinite(strongest) and np.isfinite(y_hat).all()):
        return Score(None, "the values are too large for a spectrum")
    if strongest <= np.finfo(np.float64).tiny / FLOOR:
        return EMPTY_SPECTRUM
    bins = y_true >= IN_SPECTRUM * strongest
    shown = np.maximum(y_hat[bins], FLOOR * strongest)
    return Score(float(np.abs(10 * np.log10(shown / y_true[bins])).mean()))


def rms_ratio(inputs: MetricInputs) -> Score:
    """Return the spread of the forecasts over the spread of the targets: below 1 the forecast is too flat."""
    y_true, y_hat = inputs.errors.y_true, inputs.errors.y_hat
    if y_true.count < 2:
        return TOO_FEW
    if y_true.variance == 0:
        return CONSTANT
    with np.errstate(all="ignore"):
        return _finite(np.sqrt(np.divide(y_hat.square / y_hat.count, y_true.variance)))


# --- metrics of symbols ---------------------------------------------------------------------


def accuracy(sums: SymbolSums) -> Score:
    """Return the share of symbols that were forecast right."""
    return Score(float(sums.hits.mean() / len(sums.loss)))


def cross_entropy(sums: SymbolSums) -> Score:
    """Return the mean of -ln p over the symbols that came, in nats: ln K for one to whom all K symbols are alike."""
    return Score(float(sums.surprise.mean() / len(sums.loss)))


def perplexity(sums: SymbolSums) -> Score:
    """Return the exponential of the cross-entropy: K for one to whom all K symbols are alike."""
    return Score(float(np.exp(sums.surprise.mean() / len(sums.loss))))


# --- the registry ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Metric:
    """A metric: its `name` in JSON and tables, and how it is computed.

    `score` takes the summed inputs (`MetricInputs`, of symbols `SymbolSums`), of a metric `per_level` also the
    level of the band in percent. A metric of numbers may name an elementwise `loss` of y_true and y_hat, (B, H)
    each: its sum is kept in `ErrorSums.losses`, and without a `score` the metric is its mean. `perfect` is the value of
    a forecast without error. `smaller_is_better` is None where a value in between is best. A loss `is_of_values` that
    needs the values in the signal's unit, where errors count in another. Tables show `digits` significant digits.
    """

    name: str
    score: Callable[..., Score] | None = None
    loss: Callable[[Array, Array], Array] | None = None
    perfect: float = 0.0
    smaller_is_better: bool | None = True
    is_of_values: bool = False
    per_level: bool = False
    digits: int = 4

    def names(self, levels: Iterable[int]) -> list[str]:
        """Return the names of its scores: one, or one for each of `levels`."""
        return [f"{self.name}-{level}" for level in levels] if self.per_level else [self.name]

    def scores(self, inputs: Any, levels: Iterable[int] = ()) -> dict[str, Score]:
        """Return its scores by name."""
        if self.per_level and self.score is not None:
            return {f"{self.name}-{level}": self.score(inputs, level) for level in levels}
        return {self.name: inputs.errors.mean_loss(self.name) if self.score is None else self.score(inputs)}


# The order is that of the JSON and of the tables.
NUMBER_METRICS: tuple[Metric, ...] = (
    Metric("nmse", nmse),
    Metric("rmse", rmse),
    Metric("mae", loss=absolute_error),
    Metric("mase", mase),
    Metric("smape", loss=symmetric_error, is_of_values=True),
    Metric("coverage", coverage, perfect=1.0, smaller_is_better=None, per_level=True),
    Metric("psd_error_db", psd_error_db),
    Metric("rms_ratio", rms_ratio, perfect=1.0, smaller_is_better=None),
)

SYMBOL_METRICS: tuple[Metric, ...] = (
    Metric("accuracy", accuracy, perfect=1.0, smaller_is_better=False),
    Metric("cross_entropy", cross_entropy),
    Metric("perplexity", perplexity, perfect=1.0),
)


def number_names(levels: Sequence[int]) -> tuple[str, ...]:
    """Return the names of all scores of numbers, those of bands once for each of `levels`.

    >>> [name for name in number_names((80, 90)) if name.startswith("coverage")]
    ['coverage-80', 'coverage-90']
    """
    return tuple(name for metric in NUMBER_METRICS for name in metric.names(levels))


def number_scores(inputs: MetricInputs, levels: Sequence[int]) -> dict[str, Score]:
    """Return all scores of numbers by name, those of bands for each of `levels`."""
    return {name: score for metric in NUMBER_METRICS for name, score in metric.scores(inputs, levels).items()}


def symbol_names() -> tuple[str, ...]:
    """Return the names of all scores of symbols."""
    return tuple(metric.name for metric in SYMBOL_METRICS)


def symbol_scores(sums: SymbolSums) -> dict[str, Score]:
    """Return all scores of symbols by name."""
    return {name: score for metric in SYMBOL_METRICS for name, score in metric.scores(sums).items()}


def columns(present: Collection[str], levels: Iterable[int]) -> dict[str, int]:
    """Return the scores among `present` that a table shows, in its order, each with its significant digits.

    >>> columns({"mae", "nmse", "coverage-80", "coverage-90"}, [90])
    {'nmse': 4, 'mae': 4, 'coverage-90': 4}
    """
    levels = sorted(set(levels))
    by_name = {name: metric for metric in (*NUMBER_METRICS, *SYMBOL_METRICS) for name in metric.names(levels)}
    return {name: metric.digits for name, metric in by_name.items() if name in present}


def scores(
    y_true: Array,
    y_hat: Array,
    *,
    seasonal_error: float | None = None,
    half_widths: Mapping[int, Array] | None = None,
) -> dict[str, Score]:
    """Return all metrics of numbers for one pair of arrays (O, H).

    `seasonal_error` is what MASE divides by, `half_widths` has half the width (H,) or (O, H) of a band by its level in
    percent.

    >>> y_true, y_hat = np.array([[1.0, 3.0]]), np.array([[2.0, 2.0]])
    >>> scores(y_true, y_hat)["nmse"], scores(y_true, y_hat)["mae"]
    (Score(value=1.0, reason=''), Score(value=1.0, reason=''))
    >>> scores(y_true, y_hat)["psd_error_db"].reason
    'a spectrum needs an origin and a horizon of at least 8 samples'
    """
    y_true_spectra, y_hat_spectra = SpectraSums(), SpectraSums()
    y_true_spectra.add(y_true)
    y_hat_spectra.add(y_hat)
    coverages = {}
    for level, half_width in (half_widths or {}).items():
        coverage = CoverageSums()
        coverage.add(y_true, y_hat, half_width)
        coverages[level] = coverage.score()
    inputs = MetricInputs(
        ErrorSums.of(y_true, y_hat), y_true_spectra.coarse, y_hat_spectra.coarse, seasonal_error, coverages
    )
    return number_scores(inputs, tuple(coverages))


def _root(mse: Score) -> Score:
    return mse if mse.value is None else Score(float(np.sqrt(mse.value)))


def _finite(value: float) -> Score:
    return Score(float(value)) if np.isfinite(value) else Score(None, "the errors are too large to be squared")
