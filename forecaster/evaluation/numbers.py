"""Numbers scored: errors, bands, spectra, lag correlation, recursive segments, and examples for figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation import sentences
from forecaster.evaluation.bands import LEVELS, NO_BAND, Bands, band_scores
from forecaster.evaluation.metrics import CoverageSums, ErrorSums, MetricInputs, Score, number_names, number_scores
from forecaster.evaluation.panel import Panel, SeriesErrors, seasonal_error
from forecaster.evaluation.recursive import RecursiveSegments, StepSums, recursive_segments
from forecaster.evaluation.results import ChannelScores, Example
from forecaster.evaluation.scoring import ForecastFn, Place, Plan, located, too_short
from forecaster.evaluation.spectra import LagCorrelationSums, LaggedTargets, SpectraSums, Spectrum, spectrum
from forecaster.evaluation.verdict import compare, is_rival
from forecaster.forecasting.forecast import NO_BAND_THERE
from forecaster.predictors.naive import SeasonalNaive
from forecaster.signal.origins import Origins, spread_before
from forecaster.signal.scaling import level_and_spread
from forecaster.signal.signal import Signal
from forecaster.signal.training_range import Departure
from forecaster.signal.windows import QUIETEST

Array = NDArray[np.float64]
NOT_THEIRS = Score(None, "bands belong to the model alone")


@dataclass
class ForecastSums:
    """What is summed of one predictor's forecasts; `steps` is None where no segment is forecast from forecasts."""

    errors: ErrorSums
    spectra: SpectraSums = field(default_factory=SpectraSums)
    lag_correlation: LagCorrelationSums = field(default_factory=LagCorrelationSums)
    steps: StepSums | None = None
    series: SeriesErrors = field(default_factory=SeriesErrors)


@dataclass(frozen=True)
class NumberScorer:
    """How forecasts of numbers are scored.

    `seasonal_errors` (C,) is the mean absolute error of the seasonal-naive forecast on the training part, in the
    signal's unit: what MASE divides by, None where it is not known. The coverage of `bands` is taken at `levels` and at
    90 percent; figures show the highest of `levels`. `lags` (C,) are the periods of the channels (samples), by which
    MASE is taken of each series where windows are normalised.
    """

    seasonal_errors: Sequence[float | None]
    bands: Bands | None = None
    levels: Sequence[int] = LEVELS
    lags: Sequence[int] = ()
    step_name: ClassVar[str] = "sample"

    def channel(self, signal: Signal, channel: int, places: Sequence[Place], plan: Plan) -> NumberChannel:
        """Return the empty scores of a channel whose origins lie at `places`."""
        return NumberChannel(signal, channel, places, plan=plan, scorer=self)

    def block_size(self, plan: Plan, most: int) -> int:
        """Return how many origins are forecast at once."""
        return most


class NumberChannel:
    """The scores of one channel of numbers in the making."""

    def __init__(
        self, signal: Signal, channel: int, places: Sequence[Place], *, plan: Plan, scorer: NumberScorer
    ) -> None:
        self._signal, self._channel, self._places, self._plan = signal, channel, places, plan
        self._bands, self._seasonal_error = scorer.bands, scorer.seasonal_errors[channel]
        self._levels = tuple(sorted({*LEVELS, *scorer.levels}))
        self._shown_level = max(scorer.levels, default=LEVELS[0])
        self.sums = {name: ForecastSums(ErrorSums(plan.horizon)) for name in plan.names}
        self._is_panel = plan.window.normalised
        self._lag = scorer.lags[channel] if scorer.lags else 1
        self._seasonal_errors: dict[int, float] = {}
        self._target_spectra = SpectraSums()
        self._target_steps: StepSums | None = None
        count = sum(len(place.rows) for place in places)
        self._lagged = LaggedTargets.of(plan.window.context, plan.horizon, count)
        self._half_widths: dict[int, Array] = {}
        self._no_band: dict[int, str] = {}
        for level in self._levels:
            asked = None if scorer.bands is None else scorer.bands.half_width(level, channel, plan.horizon)
            half_width, reason = asked or (None, NO_BAND)
            if half_width is None:
                self._no_band[level] = reason
            else:
                self._half_widths[level] = half_width
        self._coverages = {level: CoverageSums() for level in self._half_widths}
        self._far: list[Departure] = []

    def add(self, recording: int, block: Origins, y_true: Array, forecasts: Mapping[str, Array]) -> dict[int, Array]:
        """Add a block of origins (B, H) of a recording; return half the width of the model's bands, by level (B, H)."""
        if self._plan.horizon > self._plan.window.n_input and self._target_steps is None:
            self._target_steps = StepSums(float(y_true.mean()))
            for name in forecasts:
                self.sums[name].steps = StepSums(self._target_steps.pivot)
        self._target_spectra.add(y_true)
        if self._target_steps is not None:
            self._target_steps.add(y_true)
        self._add_errors(recording, block, y_true, forecasts)
        places, transform = self._lagged.add(block.values, block.rows)
        for name, y_hat in forecasts.items():
            sums = self.sums[name]
            sums.spectra.add(y_hat)
            if sums.steps is not None:
                sums.steps.add(y_hat)
            sums.lag_correlation.add(self._lagged, y_hat[places], transform)
        departures = self._departures(block)
        self._far.extend(departure for departure in departures if departure is not None)
        half_widths = self._scaled_half_widths(block, departures)
        banded = self._has_band(departures)
        for level, coverage in self._coverages.items():
            if banded.any():
                coverage.add(y_true[banded], forecasts["model"][banded], half_widths[level][banded])
        return half_widths

    def _add_errors(self, recording: int, block: Origins, y_true: Array, forecasts: Mapping[str, Array]) -> None:
        """Add the errors of a block, those of a panel in units of each context's spread."""
        scaling = None
        if self._is_panel:
            scaling = level_and_spread(block.context(self._plan.window).values, QUIETEST * spread_before(block))
            if recording not in self._seasonal_errors:
                self._seasonal_errors[recording] = seasonal_error(block, self._lag)
        for name, y_hat in forecasts.items():
            self.sums[name].errors.add(y_true, y_hat, scaling)
            self.sums[name].series.add(recording, y_true, y_hat)

    def _departures(self, block: Origins) -> list[Departure | None]:
        """Return how the context of each origin of a block leaves the training range."""
        return [None] * len(block) if self._bands is None else self._bands.departures([block])

    def _has_band(self, departures: Sequence[Departure | None]) -> NDArray[np.bool_]:
        """Return for each origin whether the bands hold there, (B,)."""
        bands = self._bands
        return np.array([bands is not None and bands.has_bands(departure) for departure in departures], dtype=bool)

    def _scaled_half_widths(self, block: Origins, departures: Sequence[Departure | None]) -> dict[int, Array]:
        """Return half the width of each band at each origin of a block, (B, H) by level, NaN where there is none."""
        if self._bands is None or not self._half_widths:
            return {}
        has_band = self._has_band(departures)[:, None]
        scale = np.where(has_band, self._bands.local_scale([block], self._plan.horizon), np.nan)
        return {level: scale * half_width for level, half_width in self._half_widths.items()}

    def result(self) -> ChannelScores:
        """Return the scores over all blocks."""
        signal, channel, plan = self._signal, self._channel, self._plan
        if not self._places:
            reason, metrics = too_short(signal, plan), number_names(self._levels)
            scores = ChannelScores.without_origins(
                signal, channel, predictors=plan.names, metrics=metrics, reason=reason
            )
            bands = band_scores({}, dict.fromkeys(self._levels, reason), overlap=1)
            return replace(scores, bands=bands, spectrum=self._spectrum())
        for level, coverage in self._coverages.items():
            if not coverage.shares:
                self._no_band[level] = NO_BAND_THERE
        errors = {name: sums.errors for name, sums in self.sums.items()}
        recursive = None if self._is_panel else self._recursive(errors)
        verdict = compare(errors, overlap=plan.overlap, own_baseline=plan.own_baseline)
        if recursive is not None and verdict.kind == "better":
            verdict = verdict.and_then(recursive.usable_horizon.ahead(plan.horizon, signal.sample_rate_hz))
        scores = ChannelScores.of(
            signal,
            channel,
            origins=len(errors["model"].origin_mse),
            scores={name: self._scores(name) for name in plan.names},
            by_step={name: sums.by_step() for name, sums in errors.items()},
            verdict=verdict,
        )
        panel = self._compared_by_series() if self._is_panel else None
        if panel is not None:
            clause = sentences.better_series(panel.better, panel.series, SeasonalNaive.label)
            scores = replace(scores, panel=panel, verdict=verdict.and_then(clause))
        effective_size = None if self._bands is None else self._bands.effective_sample_size(channel, plan.horizon)
        bands = band_scores(self._coverages, self._no_band, overlap=plan.overlap, effective_sample_size=effective_size)
        warnings = self._warnings(scores.origins)
        return replace(scores, bands=bands, spectrum=self._spectrum(), recursive=recursive, warnings=warnings)

    def _compared_by_series(self) -> Panel | None:
        """Return how the model does beside the seasonal-naive forecast, series by series."""
        baseline = self.sums.get(SeasonalNaive.name)
        return None if baseline is None else Panel.of(self.sums["model"].series, baseline.series)

    def _warnings(self, origins: int) -> tuple[str, ...]:
        """Return in a sentence how many of the `origins` are far from the training range, and how far at worst."""
        if not self._far:
            return ()
        farthest = max(self._far, key=lambda departure: departure.size)
        description = farthest.describe(self._signal.columns[farthest.column])
        count = f"{len(self._far)} of {origins} origins are far from the training range"
        has_bands = self._bands is not None and self._bands.has_bands(farthest)
        outcome = "follow it, and their bands their last errors" if has_bands else "are extrapolated, and have no bands"
        return (f"{count}: at worst {description}; the forecasts there {outcome}",)

    def _scores(self, name: str) -> dict[str, Score]:
        """Return all metrics of one predictor."""
        coverages = dict.fromkeys(self._levels, NOT_THEIRS)
        if name == "model":
            coverages = {level: Score(None, reason) for level, reason in self._no_band.items()}
            coverages |= {level: sums.score() for level, sums in self._coverages.items() if sums.shares}
        sums = self.sums[name]
        densities = self._target_spectra.coarse, sums.spectra.coarse
        scaled_errors = sums.series.scaled(self._seasonal_errors) if self._is_panel else None
        inputs = MetricInputs(sums.errors, *densities, self._seasonal_error, coverages, scaled_errors)
        return number_scores(inputs, self._levels)

    def _recursive(self, errors: Mapping[str, ErrorSums]) -> RecursiveSegments | None:
        """Return the scores of each segment, None where none is forecast from forecasts."""
        forecast_steps = self.sums["model"].steps
        if self._target_steps is None or forecast_steps is None:
            return None
        return recursive_segments(
            errors,
            target_steps=self._target_steps,
            forecast_steps=forecast_steps,
            baselines=[name for name in self._plan.names if is_rival(name, self._plan.own_baseline)],
            segment_length=self._plan.window.n_input,
            rate_hz=self._signal.sample_rate_hz,
        )

    def _spectrum(self) -> Spectrum:
        return spectrum(
            self._target_spectra,
            self._lagged,
            {name: (sums.spectra, sums.lag_correlation) for name, sums in self.sums.items()},
            rate_hz=self._signal.sample_rate_hz,
            constant=self.sums["model"].errors.y_true.variance == 0,
        )

    def examples(self, forecast_fn: ForecastFn) -> tuple[Example, ...]:
        """Return the best, the median and the worst origin of the model, forecast once more."""
        horizon, context, examples = self._plan.horizon, self._plan.window.context, []
        for kind, place in chosen(self.sums["model"].errors.origin_mse, self._places).items():
            first, origin = int(place.rows[0]), located(self._signal, self._channel, place)
            forecasts = forecast_fn([origin], horizon, self._plan.names)
            half_width = self._scaled_half_widths(origin, self._departures(origin)).get(self._shown_level)
            example = Example(
                kind,
                first,
                self._signal.recordings[place.recording].time,
                origin.values[first - context : first].astype(np.float64),
                origin.y_true(horizon)[0],
                {name: forecasts[name][0] for name in self._plan.names},
                None if half_width is None or np.isnan(half_width).any() else half_width[0],
                self._shown_level,
            )
            examples.append(example)
        return tuple(examples)


def chosen(errors: Array, places: Sequence[Place]) -> dict[str, Place]:
    """Return the best, the median and the worst of all origins at `places` by the model's `errors` (O,).

    >>> chosen(np.array([3.0, 1.0, 2.0]), [Place(0, np.array([10])), Place(1, np.array([20, 30]))])["worst"]
    Place(recording=0, rows=array([10]))
    """
    order = np.argsort(errors, kind="stable")
    recordings = np.concatenate([np.full(len(place.rows), place.recording) for place in places])
    rows = np.concatenate([place.rows for place in places])
    picks = {"best": order[0], "median": order[(len(order) - 1) // 2], "worst": order[-1]}
    return {kind: Place(int(recordings[k]), rows[k : k + 1]) for kind, k in picks.items()}
