"""Numbers: the next segment, with a band calibrated on the validation part, scored by squared errors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import RunConfig
from forecaster.conformal import bands, residuals
from forecaster.conformal.local_scale import LOOKBACK, local_scale
from forecaster.errors import SignalError
from forecaster.evaluation import Evaluation, NumberScorer, Request
from forecaster.evaluation import evaluate as score
from forecaster.predictors import Predictor
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal
from forecaster.signal.splits import WindowSplits
from forecaster.tasks.base import Array, Model, itself, scored
from forecaster.tasks.together import batches, size


def calibrate(
    predictor: Predictor, parts: WindowSplits, config: RunConfig, without: Sequence[Predictor]
) -> tuple[bands.IntervalState, NDArray[np.float32]]:
    """Return the quantiles of the residuals on the validation part, and what they are good for."""
    found = residuals.residuals(predictor, parts, without, carry=config.carry_state)
    return bands.calibrate(
        [one.errors for one in found],
        [one.separate for one in found],
        n_input=parts.window.n_input,
        reference=[one.reference for one in found],
        lookback=LOOKBACK,
    )


def own(signal: Signal, labels: tuple[str, ...]) -> Signal:
    """Return `signal` as it is; SignalError if it holds symbols."""
    if signal.symbols:
        raise SignalError("symbols", path=signal.path, column=signal.channels[0], expected="numbers, as in training")
    return signal


def made(model: Model, origins: Sequence[Origins], horizon: int, levels: Sequence[int]) -> list[dict[str, Any]]:
    """Return mean and bands from each of `origins`."""
    means = [model.run(model.predictors[0], some, horizon) for some in batches(model, origins)]
    halves = {c: _half_widths(model, c, horizon, levels) for c in {origin.channel for origin in origins}}
    scales = np.ones((len(origins), 1))
    if any(half is not None for widths in halves.values() for half, _ in widths.values()):
        scales = np.concatenate([_local(model, some, horizon) for some in batches(model, origins)])
    return [
        {
            "mean": mean,
            "bands": {level: _about(mean, half, scale) for level, (half, _) in halves[origin.channel].items()},
            "reasons": {str(level): reason for level, (_, reason) in halves[origin.channel].items() if reason},
        }
        for mean, origin, scale in zip(np.concatenate(means), origins, scales, strict=True)
    ]


def evaluate(model: Model, signals: Sequence[Signal], ranges: Sequence[Sequence[int]], request: Request) -> Evaluation:
    """Score the model and what stands beside it."""
    predictors = scored(model)
    grouped = model.manifest.window.others > 0

    def forecast_fn(blocks: Sequence[Origins], horizon: int, names: Collection[str]) -> dict[str, Array]:
        step = size(model) if grouped else len(blocks[0])
        parts: dict[str, list[Array]] = {name: [] for name in names}
        for begin in range(0, len(blocks[0]), step):
            some = [replace(block, rows=block.rows[begin : begin + step]) for block in blocks]
            made: dict[str, Array] = {}
            for name in names:
                parts[name].append(model.run(predictors[name], some, horizon, made).reshape(len(some), -1, horizon))
        return {name: np.concatenate(rows, axis=1).reshape(-1, horizon) for name, rows in parts.items()}

    return score(
        signals,
        ranges,
        forecast_fn,
        names=tuple(predictors),
        window=model.manifest.window,
        horizon=request.horizon,
        stride=request.stride,
        scorer=NumberScorer(_mase_scale(model), _Bands(model), request.levels),
        grouped=grouped,
        model=model.name,
        own_baseline=itself(model),
        reuse=None if model.known is None else model.known.setdefault(request.horizon, {}),
        keep=request.keep,
    )


@dataclass(frozen=True)
class _Bands:
    """The bands of a model, as they are scored."""

    model: Model

    def half_width(self, level: int, channel: int, horizon: int) -> tuple[Array | None, str]:
        """Return half the width of a band at local scale 1, (H,) in the channel's unit, or None and the reason."""
        return _half_width(self.model, level, channel, horizon)

    def local_scale(self, origins: Sequence[Origins], horizon: int) -> Array:
        """Return what the width of every band is multiplied by at each of `origins` and step, (O, H)."""
        return _local(self.model, origins, horizon)

    def effective_sample_size(self, channel: int, horizon: int) -> float | None:
        """Return how many independent errors the bands were made of."""
        manifest = self.model.manifest
        return bands.worth(manifest.intervals, channel, horizon, manifest.window.n_input)


def _mase_scale(model: Model) -> list[float | None]:
    """Return the error of the seasonal naive forecast on the training part, C values in the channels' units."""
    manifest = model.manifest
    seasonal = next((one for one in model.predictors if one.name == "seasonal-naive"), None)
    if seasonal is None:
        return [None] * manifest.n_channels
    scales = manifest.scaler.scale[: manifest.n_channels]
    return [error * scale for error, scale in zip(seasonal.parameters.errors, scales, strict=True)]


def _half_width(model: Model, level: int, channel: int, horizon: int) -> tuple[Array | None, str]:
    """Return half the width of a band at local scale 1, (H,) in the channel's unit, or None and the reason."""
    state = model.manifest.intervals
    half, reason = bands.band(state, model.quantiles, level, channel=channel, horizon=horizon)
    return (None if half is None else half * model.manifest.scaler.scale[channel]), reason


def _local(model: Model, origins: Sequence[Origins], horizon: int) -> Array:
    """Return what the width of every band is to be multiplied by at each of `origins` and step, (O, H)."""
    state = model.manifest.intervals
    reference = np.array(state.reference)
    if not reference.any():
        return np.ones((sum(len(one) for one in origins), horizon))
    unit = np.array(model.manifest.scaler.scale[: len(reference)])
    with np.errstate(over="ignore"):
        usual = reference * unit**2
    run, window, reach = partial(model.run, model.predictors[0]), model.manifest.window, _reach(model, horizon)
    found = local_scale(run, origins, window, usual, horizon=reach, lookback=state.lookback)
    return np.pad(found, ((0, 0), (0, horizon - reach)), mode="edge")


def _half_widths(
    model: Model, channel: int, horizon: int, levels: Sequence[int]
) -> dict[int, tuple[Array | None, str]]:
    """Return half of each band at local scale 1, (H,) and NaN beyond the calibrated steps, and why any is missing."""
    reach = _reach(model, horizon)
    found: dict[int, tuple[Array | None, str]] = {}
    for level in levels:
        half, reason = _half_width(model, level, channel, reach)
        if half is not None and reach < horizon:
            _, reason = _half_width(model, level, channel, horizon)
            half = np.concatenate((half, np.full(horizon - reach, np.nan)))
        found[level] = half, reason
    return found


def _reach(model: Model, horizon: int) -> int:
    """Return how many of `horizon` steps may have bands."""
    return min(horizon, max(1, model.manifest.intervals.horizon))


def _about(mean: Array, half: Array | None, scale: Array) -> tuple[Array, Array] | None:
    """Return the band about `mean` (H,), or None where there is none."""
    return None if half is None else (mean - half * scale, mean + half * scale)
