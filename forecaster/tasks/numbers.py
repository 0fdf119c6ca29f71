"""Numbers: the next segment of a channel, with a band calibrated on the validation part, scored by squared errors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Recipe, RunConfig, Split, Window
from forecaster.conformal import bands, residuals
from forecaster.conformal.local_scale import LOOKBACK, local_scale
from forecaster.errors import OutputError, SignalError, UsageError
from forecaster.evaluation import ForecastFn, NumberScorer
from forecaster.forecasting.forecast import NO_BAND_THERE, Forecast, far_from_training, runaway
from forecaster.forecasting.rollout import rollout
from forecaster.predictors import Predictor
from forecaster.predictors.naive import SeasonalNaive
from forecaster.reading.survey import survey
from forecaster.signal.calendar import SCALE
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins, batched, spread_before
from forecaster.signal.scaling import Scaler, differ, level_and_spread
from forecaster.signal.signal import Signal
from forecaster.signal.training_range import Departure, TrainingRange
from forecaster.signal.windows import QUIETEST, WindowSplits, boundaries, chosen_until, steps_of_many, suggest
from forecaster.tasks.base import Array, Examples, Series, Task
from forecaster.tasks.fitted import FittedModel, in_blocks

# Earlier segments whose values a network's units may follow.
DELAYS = 3


class Numbers(Task):
    """The next segment of a channel of numbers."""

    name = "forecast"
    noun = "numbers"
    columns = "columns of numbers"
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {"reading": {"symbols": False}}
    loss_label = "mean squared error, scaled signal"
    rollout = staticmethod(rollout)
    is_continuous = True

    # --- reading -------------------------------------------------------------------------

    def suggested_training(self, signal: Signal) -> str | None:
        """Return a command that trains a model which fits `signal`, or None if it is too short for any."""
        return survey(signal).command

    def holds(self, signal: Signal) -> bool:
        """Return whether `signal` holds numbers."""
        return not signal.symbols

    def aligned(self, signal: Signal, labels: tuple[str, ...]) -> Signal:
        """Return `signal` as it is; SignalError if it holds symbols."""
        if not self.holds(signal):
            raise SignalError(
                "symbols", path=signal.path, column=signal.channels[0], expected="numbers, as in training"
            )
        return signal

    # --- training ------------------------------------------------------------------------

    def loss(self, recipe: Recipe) -> str:
        """Return the loss of the recipe."""
        return recipe.loss

    def window_fields(self, config: RunConfig, signals: Sequence[Signal]) -> dict[str, int]:
        """Return how many covariates and other targets each channel sees, and whether windows are normalised.

        Windows of many series get fewer steps where some series are shorter than the usual context.
        """
        signal = signals[0]
        fields = {"exogenous": len(signal.exogenous), "known": signal.known, "symbols": 0, "others": 0}
        if not config.joint:
            rows = [len(recording) for each in signals for recording in each.series() if recording.label]
            n_step = steps_of_many(rows, config.split, config.window)
            window = config.window.model_copy(update={"n_step": n_step})
            normalised = not config.carry_state and _differ(signals, config, window)
            return {**fields, "n_step": n_step, "normalised": normalised}
        if config.carry_state:
            problem = "--joint: a state is carried for each channel alone, past what the others were forecast to be."
            raise UsageError(problem, hint="Leave out --joint or --carry-state.")
        if len(signal.channels) == 1:
            problem = f"--joint: {signal.channels[0]} is the only channel to be forecast, and has no others to see."
            raise UsageError(problem, hint="Read more with --column, or leave it out.")
        return {**fields, "others": len(signal.channels) - 1}

    def window_size(self, window: Window, fields: Mapping[str, int]) -> str:
        """Return how large a window is, in words."""
        other_targets = f"{fields['others']} other and " if fields["others"] else ""
        return f"{window.n_step} x {window.n_input} with {other_targets}{fields['exogenous']} exogenous channels"

    def suggested_window(self, rows: int, split: Split, period: float | None) -> tuple[int, int] | None:
        """Return an (S, N) whose context is at most a fifth of the training part; each later part holds a target."""
        b1, b2 = boundaries(rows, split)
        window = suggest(b1, period)
        if window is None:
            return None
        n_step, n_input = window
        later = min([part for part in (b2 - b1, rows - b2) if part > 0], default=0)
        n_input = min(n_input, later)
        return (n_step, n_input) if n_input else None

    def fit_scaler(self, training: Sequence[Array], signal: Signal) -> Scaler:
        """Return the scaler of the `training` rows; the columns of a calendar are scaled as over whole cycles."""
        scaler = Scaler.fit(training)
        is_calendar = np.arange(len(signal.columns)) >= len(signal.columns) - 2 * len(signal.calendar)
        return Scaler(np.where(is_calendar, 0.0, scaler.mean), np.where(is_calendar, SCALE, scaler.scale))

    def training_range(
        self, parts: Sequence[Array], scaler: Scaler, window: Window, signal: Signal
    ) -> TrainingRange | None:
        """Return the range of the contexts in the training and validation `parts` of all recordings.

        The columns of a calendar, which come last, have no range: they follow the date.
        """
        return TrainingRange.fit(parts, scaler, window, len(signal.columns) - 2 * len(signal.calendar))

    def remarks(self, parts: Sequence[Array], window: Window) -> tuple[str, ...]:
        """Return that each window counts in units of its own spread, and by how much the spreads differ."""
        if not window.normalised:
            return ()
        spreads = np.array([part.std(axis=0) for part in parts if len(part) >= window.context + window.n_input])
        ratio = max(float(spread[spread > 0].max() / spread[spread > 0].min()) for spread in spreads.T if spread.any())
        difference = "the recordings differ in level or size"
        if 1.5 < ratio < 1e9:
            difference = f"the recordings differ, their spread by up to {ratio:.3g} times"
        return (f"{difference}: each window is taken relative to its own level, and in units of its own spread",)

    def choice_ends(self, begins: NDArray[np.int64], ends: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
        """Return the row at which the last third of each run's validation part begins."""
        rows = [chosen_until(int(b), int(e), window.n_input) for b, e in zip(begins, ends, strict=True)]
        return np.array(rows, dtype=np.int64)

    def examples(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], window: Window) -> Examples:
        """Return the windows and their targets as they are."""
        return inputs, targets

    def calibrate(
        self, predictor: Predictor, splits: WindowSplits, config: RunConfig, fold_predictors: Sequence[Predictor]
    ) -> tuple[bands.IntervalState, NDArray[np.float32]]:
        """Return the quantiles of the residuals on the validation part, and what they are good for."""
        by_channel = residuals.residuals(predictor, splits, fold_predictors, stateful=config.carry_state)
        state, quantiles = bands.calibrate(
            [channel.errors for channel in by_channel],
            [channel.effective_sizes for channel in by_channel],
            n_input=splits.window.n_input,
            reference=[channel.reference_mse for channel in by_channel],
            lookback=LOOKBACK,
        )
        state = state.model_copy(update={"seamless": True, "at_any_level": True})
        return state, bands.without_seam(quantiles, splits.window.n_input)

    # --- forecasting ---------------------------------------------------------------------

    def forecasts(
        self, model: FittedModel, series: Sequence[Series], context: Context, rolled: Array, levels: Sequence[int]
    ) -> list[Forecast]:
        """Return the forecast of each of `series` in the channel's unit, with its bands."""
        origins, horizon = [end.origin for end in series], rolled.shape[1]
        means = model.scaler.inverse(rolled, np.array([origin.channel for origin in origins]))
        bands_of, channels = ModelBands(model), {origin.channel for origin in origins}
        columns = model.manifest.channels.columns
        halves = {channel: bands_of.half_widths(channel, horizon, levels) for channel in channels}
        scales = np.ones((len(series), 1))
        # Past segments are forecast only where a band is scaled by their errors.
        if any(half is not None for widths in halves.values() for half, _ in widths.values()):
            scales = bands_of.local_scale(origins, horizon)
        forecasts = [
            self._forecast(model, end, mean, halves[end.origin.channel], scale)
            for end, mean, scale in zip(series, means, scales, strict=True)
        ]
        return [
            forecast
            if departure is None
            else _far(forecast, departure.describe(columns[departure.column]), has_bands=model.has_bands(departure))
            for forecast, departure in zip(forecasts, model.departures(context), strict=True)
        ]

    def _forecast(self, model: FittedModel, end: Series, mean: Array, halves: HalfWidths, scale: Array) -> Forecast:
        """Return the forecast of one series within the training range; OutputError if it is not finite."""
        if not np.isfinite(mean).all():
            source = end.signal.path or end.signal.name
            raise OutputError(f"The forecast of {source} is not finite; nothing was written.")
        history = end.origin.context(model.manifest.window).values[0]
        return Forecast(
            **end.named(model.manifest.channels),
            mean=mean,
            history=history,
            bands={
                level: None if half is None else (mean - half * scale, mean + half * scale)
                for level, (half, _) in halves.items()
            },
            reasons={str(level): reason for level, (_, reason) in halves.items() if reason},
            warnings=tuple(filter(None, [runaway(mean, history)])),
        )

    # --- evaluation ----------------------------------------------------------------------

    def forecast_fn(self, model: FittedModel) -> ForecastFn:
        """Return the function that forecasts with several predictors at once, in blocks that fit into memory."""
        grouped = model.manifest.window.others > 0

        def forecast_fn(group: Sequence[Origins], horizon: int, names: Collection[str]) -> dict[str, Array]:
            """Return the forecasts from the same rows of all channels."""
            size = model.rows_at_once if grouped else len(group[0])
            blocks = [model.forecasts_from(block, horizon, names) for block in in_blocks(group, size)]
            shape = (len(group), -1, horizon)
            return {
                name: np.concatenate([block[name].reshape(shape) for block in blocks], axis=1).reshape(-1, horizon)
                for name in names
            }

        return forecast_fn

    def scorer(self, model: FittedModel, levels: Sequence[int]) -> NumberScorer:
        """Return what scores numbers by their squared errors, and the bands by how often they hold the target."""
        lags = next((p.parameters.lags for p in model.predictors if isinstance(p, SeasonalNaive)), ())
        return NumberScorer(_mase_scale(model), ModelBands(model), tuple(levels), lags)

    # --- showing -------------------------------------------------------------------------

    def features(self, values: Array, window: Window, labels: Sequence[str]) -> dict[str, NDArray[np.floating]]:
        """Return level, size and rise of each segment, the level of earlier ones, and the steps taken."""
        segments = values.reshape(-1, window.n_step, window.n_input)
        level, half = segments.mean(axis=2), max(1, window.n_input // 2)
        features = {"the segment's level": level}
        if window.n_input > 1:
            features["the segment's size"] = segments.std(axis=2)
            features["the segment's rise"] = segments[:, :, -half:].mean(axis=2) - segments[:, :, :half].mean(axis=2)
        for delay in range(1, min(DELAYS, window.n_step - 2) + 1):
            features[f"the level {delay} segment{'s' if delay > 1 else ''} ago"] = delayed(level, delay)
        if window.n_step > 1:
            steps = np.arange(window.n_step, dtype=float)
            features["steps since the window began"] = np.broadcast_to(steps, level.shape)
        return features


def _far(forecast: Forecast, description: str, *, has_bands: bool) -> Forecast:
    """Return a `forecast` whose context lies far from the training range with the warning, and without bands if so."""
    warnings = (far_from_training(description, has_bands=has_bands), *forecast.warnings)
    if has_bands:
        return replace(forecast, warnings=warnings)
    reasons = {str(level): NO_BAND_THERE for level in forecast.bands}
    return replace(forecast, bands=dict.fromkeys(forecast.bands), reasons=reasons, warnings=warnings)


HalfWidths = dict[int, tuple[Array | None, str]]
"""By level: half the width of a band at local scale 1, (H,) in the channel's unit, or None and the reason."""


@dataclass(frozen=True)
class ModelBands:
    """The bands of a fitted model, in the channels' units."""

    model: FittedModel

    def half_width(self, level: int, channel: int, horizon: int) -> tuple[Array | None, str]:
        """Return half the width of a band at local scale 1, (H,), or None and the reason.

        Where windows are normalised, it is in units of the context's spread, by which the local scale is multiplied.
        """
        manifest = self.model.manifest
        half, reason = bands.band(manifest.intervals, self.model.quantiles, level, channel=channel, horizon=horizon)
        scale = 1.0 if manifest.window.normalised else manifest.scaler.scale[channel]
        return (None if half is None else half * scale), reason

    def half_widths(self, channel: int, horizon: int, levels: Sequence[int]) -> HalfWidths:
        """Return half of each band, NaN beyond the calibrated steps, and why any is missing there."""
        reach = self._reach(horizon)
        halves: HalfWidths = {}
        for level in levels:
            half, reason = self.half_width(level, channel, reach)
            if half is not None and reach < horizon:
                _, reason = self.half_width(level, channel, horizon)
                half = np.concatenate((half, np.full(horizon - reach, np.nan)))
            halves[level] = half, reason
        return halves

    def local_scale(self, origins: Sequence[Origins], horizon: int) -> Array:
        """Return the factor by which bands are wider at each of `origins` and each step, (O, H)."""
        state, manifest = self.model.manifest.intervals, self.model.manifest
        units = np.concatenate([self._units(places) for places in origins])
        reference = np.array(state.reference)
        if not reference.any():
            return np.repeat(units if manifest.window.normalised else np.ones_like(units), horizon, axis=1)
        channel = np.concatenate([np.full(len(places), places.channel) for places in origins])
        with np.errstate(over="ignore"):
            reference_mse = reference[channel] * units[:, 0] ** 2
        reach, scales, done = self._reach(horizon), [], 0
        for batch in self.model.batches(origins):
            count = sum(len(places) for places in origins[batch])
            scales.append(
                local_scale(
                    self.model.forecast_from,
                    origins[batch],
                    manifest.window,
                    reference_mse[done : done + count],
                    horizon=reach,
                    lookback=state.lookback,
                    seamless=state.seamless,
                )
            )
            done += count
        # Beyond the calibrated steps the last scale is held.
        scale = np.pad(np.concatenate(scales), ((0, 0), (0, horizon - reach)), mode="edge")
        return scale * units if manifest.window.normalised else scale

    def _units(self, origins: Origins) -> Array:
        """Return the unit in which the errors from each origin were counted, (O, 1), in the channel's own."""
        manifest = self.model.manifest
        if manifest.window.normalised:
            return level_and_spread(origins.context(manifest.window).values, QUIETEST * spread_before(origins))[1]
        return np.full((len(origins), 1), manifest.scaler.scale[origins.channel])

    def has_bands(self, departure: Departure | None) -> bool:
        """Return whether there are bands for a context that leaves the training range like this."""
        return self.model.has_bands(departure)

    def departures(self, origins: Sequence[Origins]) -> list[Departure | None]:
        """Return how the context of each of `origins` leaves the training range."""
        batches = batched(origins, self.model.rows_at_once)
        return [departure for batch in batches for departure in self.model.departures(self.model.context(batch))]

    def effective_sample_size(self, channel: int, horizon: int) -> float | None:
        """Return how many independent errors the bands of the next `horizon` steps were made of."""
        manifest = self.model.manifest
        return bands.effective_sample_size(manifest.intervals, channel, horizon, manifest.window.n_input)

    def _reach(self, horizon: int) -> int:
        """Return how many of `horizon` steps may have bands."""
        return min(horizon, max(1, self.model.manifest.intervals.horizon))


def _differ(signals: Sequence[Signal], config: RunConfig, window: Window) -> bool:
    """Return whether the targets of the machines have no scale in common, by their recordings that hold a window.

    A machine is a file, a series of a table, or a group of rows. The pieces between the gaps of a file are one.
    """
    channels, parts = len(signals[0].channels), dict[tuple[int, str, int], list[Array]]()
    for number, signal in enumerate(signals):
        for group, recording in enumerate(signal.recordings):
            training = recording.values[: boundaries(len(recording), config.split)[0], :channels]
            if len(training) >= window.context + window.n_input:
                machine = number, recording.label, group if config.reading.group_column else 0
                parts.setdefault(machine, []).append(training)
    return differ([np.concatenate(pieces) if len(pieces) > 1 else pieces[0] for pieces in parts.values()])


def delayed(values: Array, steps: int) -> Array:
    """Return `values` (W, S) as they were `steps` steps before, NaN where a window does not reach back so far."""
    earlier = np.full(values.shape, np.nan)
    earlier[:, steps:] = values[:, :-steps]
    return earlier


def _mase_scale(model: FittedModel) -> list[float | None]:
    """Return the seasonal naive error on the training part by which MASE is scaled, (C,) in the channels' units."""
    errors = next((p.mase_scale for p in model.predictors if p.mase_scale is not None), None)
    scales = model.manifest.scaler.scale[: model.manifest.n_channels]
    if errors is None:
        return [None] * len(scales)
    return [error * scale for error, scale in zip(errors, scales, strict=True)]
