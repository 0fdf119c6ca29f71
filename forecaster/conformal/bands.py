"""Conformal bands: quantiles of the residuals on the validation part, step by step.

For each channel and step the absolute residuals of the n calibration origins are sorted, the smallest first. The half
width of the band that is to cover the share p is the residual at the place

    rank = ceil(n (p + (p - 1/2) / m) + 1/2)

Origins overlap, so their errors resemble each other: n residuals are worth m independent ones. With m = n the rank is
ceil((n + 1) p), which covers at least p of new targets wherever these are exchangeable with the validation part. With n
far more than m it covers p on average, to the second order: the sample quantile at p of a sample that is worth m covers
p - (p - 1/2) / m. Where the residuals come in units of a local scale (`local_scale`), so do the half widths.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, "Distribution-Free Predictive Inference for Regression",
section 2.2; by step: Stankeviciute, Alaa, van der Schaar 2021; for m, the expansion in David and Nagaraja 2003, "Order
Statistics", section 4.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import FailFast, Field, model_validator

from forecaster.config import MAX_CONTEXT, Frozen, Text

LEVELS = tuple(range(1, 100))
# A residual that is larger, or not finite, counts as this: finite in float32 with room to spare.
LARGEST = 1e38

Count = Annotated[int, Field(ge=0, le=10**12)]
Lookback = tuple[Annotated[int, Field(ge=1, le=16)], Annotated[float, Field(gt=0, le=1e6)]]
"""How many segments before the origin count in the local scale, and the weight of the reference error, in segments."""
# What a model folder that names no lookback was calibrated with.
DEFAULT_LOOKBACK: tuple[Lookback, Lookback] = ((2, 0.5), (2, 0.5))


class IntervalState(Frozen):
    """What the stored quantiles are good for.

    Attributes:
        levels: Levels in percent.
        horizon: The steps that were calibrated; 0: none.
        origins: The number of validation origins of each channel.
        reason: Why there is no band at all, or "".
        reference: The reference MSE of each channel, scaled: the unit of the local scale. Left out, the bands are as
            wide everywhere.
        lookback: What counts in the local scale, for the next segment and for recursive ones.
        seamless: Whether the local scale passes smoothly from that of the next segment to that of recursive ones.
        at_any_level: Whether the bands hold at levels that the training did not have, if the forecast follows these.
        separate: For each channel the effective sample size of the next segment and of recursive ones; 0: none; left
            out: not known.
    """

    levels: Annotated[tuple[Annotated[int, Field(ge=1, le=99)], ...], Field(max_length=99), FailFast()] = LEVELS
    horizon: Annotated[int, Field(ge=0, le=MAX_CONTEXT)] = 0
    origins: Annotated[tuple[Count, ...], FailFast()] = ()
    reason: Text = ""
    reference: tuple[Annotated[float, Field(ge=0, le=1e300)], ...] = ()
    lookback: tuple[Lookback, Lookback] = DEFAULT_LOOKBACK
    separate: Annotated[tuple[tuple[Count, Count], ...], FailFast()] = ()
    seamless: Annotated[bool, Field(exclude_if=lambda seamless: not seamless)] = False
    at_any_level: Annotated[bool, Field(exclude_if=lambda at_any_level: not at_any_level)] = False

    @model_validator(mode="after")
    def _ascending(self) -> IntervalState:
        if any(low >= high for low, high in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError("the levels must ascend")
        return self


def calibrate(
    errors: Sequence[NDArray],
    effective_sizes: Sequence[NDArray] = (),
    *,
    n_input: int | None = None,
    reference: Sequence[float] = (),
    lookback: tuple[Lookback, Lookback] = DEFAULT_LOOKBACK,
    reason: str = "",
) -> tuple[IntervalState, NDArray[np.float32]]:
    """Return the state that says what the quantiles are good for, and the quantiles (C, H, 99) of absolute residuals.

    A level whose rank exceeds the number of origins holds the largest residual, and `band` refuses it. With no origin
    in any channel the state has horizon 0 and the `reason`.

    Args:
        errors: The residuals (O, H) of each channel, scaled; NaN where there is none, so steps may have fewer origins.
        effective_sizes: For each channel how many independent residuals those of each step are worth, (H,). All, if
            left out.
        n_input: How many steps the next segment has, which the state tells from those beyond; all of them if None.
        reference: The reference MSE of each channel, kept for residuals in units of a local scale.
        lookback: What counts in the local scale, kept with it.
        reason: Why there is no band, where it is known.
    """
    counts = [(~np.isnan(residuals)).sum(axis=0) for residuals in errors]
    horizon = max((residuals.shape[1] for residuals in errors if len(residuals)), default=0)
    origins = tuple(
        int(count.min(initial=10**12)) if len(residuals) else 0 for residuals, count in zip(errors, counts, strict=True)
    )
    if not any(origins):
        reason = reason or "the validation part is too short to calibrate bands by"
        return IntervalState(origins=origins, reason=reason), np.zeros((len(errors), 0, len(LEVELS)), np.float32)
    sizes = effective_sizes or counts
    quantiles = np.stack([_quantiles(np.abs(rows), horizon, size) for rows, size in zip(errors, sizes, strict=True)])
    pairs = tuple(
        _near_and_far(size, n_input or len(size)) if channel_origins else (0, 0)
        for size, channel_origins in zip(effective_sizes, origins, strict=bool(effective_sizes))
    )
    state = IntervalState(
        horizon=horizon, origins=origins, reference=tuple(reference), lookback=lookback, separate=pairs
    )
    return state, quantiles


def without_seam(quantiles: NDArray[np.float32], n_input: int) -> NDArray[np.float32]:
    """Return `quantiles` (C, H, 99) that pass smoothly from the next segment, of `n_input` steps, to what is recursive.

    The two were calibrated on different origins. Over the first recursive segment the last width of the next segment
    gives way to those that were calibrated there, so what a rank promises does not hold to the letter in between.

    >>> without_seam(np.array([[[1.0], [1.0], [4.0], [4.0], [4.0]]], dtype=np.float32), 2)[0, :, 0].tolist()
    [1.0, 1.0, 2.0, 3.0, 4.0]
    """
    smooth = quantiles.copy()
    recursive = smooth[:, n_input : 2 * n_input]
    share = passed(recursive.shape[1], n_input)[:, None].astype(np.float32)
    recursive[:] = (1 - share) * smooth[:, n_input - 1 : n_input] + share * recursive
    return smooth


def passed(steps: int, n_input: int) -> NDArray[np.float64]:
    """Return for the first `steps` of a recursive segment the share that its own values have there, (steps,).

    >>> passed(3, 3).tolist()
    [0.25, 0.5, 0.75]
    """
    return np.arange(1, steps + 1) / (n_input + 1)


def effective_sample_size(state: IntervalState, channel: int, horizon: int, n_input: int) -> float | None:
    """Return how many independent errors the band of the next `horizon` steps was made of; None if that is not known.

    The mean over the steps is taken of 1 / sqrt(m), so that steps with few independent errors weigh most.
    """
    near, far = state.separate[channel] if channel < len(state.separate) else (0, 0)
    first = min(horizon, n_input)
    if not near or (not far and horizon > first):
        return None
    return _mean_size([near, far or near], [first, horizon - first])


def likely(level: int, effective_size: float) -> tuple[float, float]:
    """Return the 95 % range of the share of new targets that a band at `level` percent covers.

    That holds if nothing has changed. The fewer independent errors the band was made of, the more chance decides.

    >>> [round(share, 3) for share in likely(80, 9)], [round(share, 3) for share in likely(80, 900)]
    ([0.518, 0.972], [0.773, 0.825])

    Source: Vovk 2012, "Conditional validity of inductive conformal predictors", section 2: a beta distribution.
    """
    from scipy.special import betaincinv

    place = min((effective_size + 1) * level / 100, effective_size)
    low, high = betaincinv(place, effective_size + 1 - place, [0.025, 0.975])
    return float(low), float(high)


def band(
    state: IntervalState,
    quantiles: NDArray[np.float32],
    level: int,
    *,
    channel: int,
    horizon: int,
) -> tuple[NDArray[np.float64] | None, str]:
    """Return half the width of the band at `level` percent, (H,) in scaled units, or None and the reason.

    >>> state, quantiles = calibrate([np.arange(1.0, 20.0)[:, None]])
    >>> band(state, quantiles, 90, channel=0, horizon=1)
    (array([18.]), '')
    >>> band(state, quantiles, 99, channel=0, horizon=1)[1]
    'a 99 % band needs at least 99 origins in the validation part, and there are 19'
    """
    reason = unavailable(state, level, channel=channel, horizon=horizon)
    if reason:
        return None, reason
    return quantiles[channel, :horizon, state.levels.index(level)].astype(np.float64), ""


def unavailable(state: IntervalState, level: int, *, channel: int, horizon: int) -> str:
    """Return why there is no band at `level` percent for `horizon` steps, or "" if there is one."""
    if state.reason or state.horizon == 0:
        return state.reason or "the model holds no bands"
    if level not in state.levels:
        return f"the model holds bands for whole levels from {state.levels[0]} to {state.levels[-1]} %, not {level} %"
    origins = state.origins[channel] if channel < len(state.origins) else 0
    if rank(level, origins) > origins:
        return (
            f"a {level} % band needs at least {needed(level)} origins in the validation part, and there are {origins}"
        )
    if horizon > state.horizon:
        return f"bands reach {state.horizon} steps ahead, not {horizon}: the validation part is too short for more"
    return ""


def rank(level: int, origins: int) -> int:
    """Return the rank, counted from the smallest, of the residual that bounds `level` percent of n `origins`.

    It is ceil((n + 1) p / 100).
    """
    return -(-(origins + 1) * level // 100)


def needed(level: int) -> int:
    """Return the fewest origins that can give `level` percent.

    >>> needed(90), needed(99), needed(50)
    (9, 99, 1)
    """
    return -(-level // (100 - level))


def _near_and_far(effective_sizes: NDArray, n_input: int) -> tuple[int, int]:
    """Return the mean effective size of the next segment and of the recursive ones; 0 if there are none."""
    near, far = (round(_mean_size(part)) if len(part) else 0 for part in np.split(effective_sizes, [n_input]))
    return near, far


def _mean_size(effective_sizes: ArrayLike, steps: Sequence[int] | None = None) -> float:
    """Return the mean of `effective_sizes` m, each weighted by its number of `steps`: (mean of 1/sqrt(m))^-2."""
    return float(np.average(np.asarray(effective_sizes, dtype=np.float64) ** -0.5, weights=steps) ** -2)


def _quantiles(residuals: NDArray, horizon: int, effective_size: NDArray) -> NDArray[np.float32]:
    """Return the half widths of every level, (H, 99), of absolute `residuals` (O, H); zeros where there are none."""
    if not len(residuals):
        return np.zeros((horizon, len(LEVELS)), np.float32)
    ordered = np.sort(residuals, axis=0)  # NaN stands last
    n, m = (~np.isnan(ordered)).sum(axis=0), effective_size
    # The rank in whole numbers, so that no rounding moves it by one.
    ranks = [-(-(n * (level * (m + 1) - 50) + 50 * m) // (100 * m)) for level in LEVELS]
    half_widths = np.take_along_axis(ordered, np.clip(np.array(ranks), 1, np.maximum(n, 1)) - 1, axis=0)
    # Rounded up to float32, so that a bound still covers the residual that it was taken from.
    exact = np.minimum(half_widths.T, LARGEST)
    nearest = exact.astype(np.float32)
    return np.where(nearest < exact, np.nextafter(nearest, np.float32(np.inf)), nearest)
