"""Conformal bands: how far off the forecast was on the validation part, step by step.

For each channel and step the absolute residuals of the calibration origins are sorted. The band that is to
cover the share p reaches to that of the n whose place, the smallest first, is

    rank = ceil(n (p + (p - 1/2) / m) + 1/2)

They are worth m independent ones: origins overlap, and so their errors resemble each other. With m = n this is
ceil((n + 1) p), which covers at least p of new targets wherever these are exchangeable with the validation part.
With n far more than m it covers p on average, to the second order: the sample quantile at p of a
sample that is worth m covers p - (p - 1/2) / m. The residuals may come in units of a local scale
(`local_scale`): then the bounds do, too.

Source: Lei, G'Sell, Rinaldo, Tibshirani, Wasserman 2018, "Distribution-Free Predictive
Inference for Regression", section 2.2; by step: Stankeviciute, Alaa, van der Schaar 2021; for m, the expansion in
David and Nagaraja 2003, "Order Statistics", section 4.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import FailFast, Field, model_validator

from forecaster.config import MAX_CONTEXT, Frozen, Text

LEVELS = tuple(range(1, 100))
LARGEST = 1e38
"""A residual that ran away counts as this: finite in float32 with room to spare."""


Worth = Annotated[int, Field(ge=0, le=10**12)]
Lookback = tuple[Annotated[int, Field(ge=1, le=16)], Annotated[float, Field(gt=0, le=1e6)]]
"""How many segments before the origin count in the local scale, and what the usual error counts, in segments."""
UNSAID: tuple[Lookback, Lookback] = ((2, 0.5), (2, 0.5))
"""What a model without a lookback was calibrated with."""


class IntervalState(Frozen):
    """What the stored quantiles are good for.

    `levels` in percent; `horizon` the steps that were calibrated (0: none); `origins` the
    number of validation origins per channel; `reason` why there is no band at all, or "";
    `reference` the mean square error there by channel, scaled, which the local scale is measured by
    (left out: the bands are as wide everywhere); `lookback` what counts in that, for the next segment and for what is
    fed back. `separate` has for each channel how many independent errors those of the next segment and those fed back
    are worth (0: none; left out: not known).
    """

    levels: Annotated[tuple[Annotated[int, Field(ge=1, le=99)], ...], Field(max_length=99), FailFast()] = LEVELS
    horizon: Annotated[int, Field(ge=0, le=MAX_CONTEXT)] = 0
    origins: Annotated[tuple[Annotated[int, Field(ge=0, le=10**12)], ...], FailFast()] = ()
    reason: Text = ""
    reference: tuple[Annotated[float, Field(ge=0, le=1e300)], ...] = ()
    lookback: tuple[Lookback, Lookback] = UNSAID
    separate: Annotated[tuple[tuple[Worth, Worth], ...], FailFast()] = ()

    @model_validator(mode="after")
    def _ascending(self) -> IntervalState:
        if any(low >= high for low, high in zip(self.levels, self.levels[1:], strict=False)):
            raise ValueError("the levels must ascend")
        return self


def calibrate(
    errors: Sequence[NDArray],
    separate: Sequence[NDArray] = (),
    *,
    n_input: int | None = None,
    reference: Sequence[float] = (),
    lookback: tuple[Lookback, Lookback] = UNSAID,
    reason: str = "",
) -> tuple[IntervalState, NDArray[np.float32]]:
    """Take the quantiles of the absolute residuals: one (O_c, H) array a channel, scaled units.

    NaN stands where there was nothing to compare with, so that steps may have fewer origins.
    `separate` has for each channel how many independent ones they are worth at each step, (H,); all, if left out.
    The state keeps it for the next segment, `n_input` steps (None: all of them), and for the steps beyond.
    `reference` and `lookback` are kept for those whose residuals come in units of a local scale.
    Returns the state and the quantiles (C, H, 99). A level that n origins cannot give (its
    rank exceeds n) holds the largest residual, and `band` refuses it. With no origin in any
    channel the state has horizon 0 and the `reason`.
    """
    counts = [(~np.isnan(rows)).sum(axis=0) for rows in errors]
    horizon = max((rows.shape[1] for rows in errors if len(rows)), default=0)
    origins = tuple(
        int(count.min(initial=10**12)) if len(rows) else 0 for rows, count in zip(errors, counts, strict=True)
    )
    if not any(origins):
        reason = reason or "the validation part is too short to calibrate bands by"
        return IntervalState(origins=origins, reason=reason), np.zeros((len(errors), 0, len(LEVELS)), np.float32)
    apart = separate or counts
    quantiles = np.stack([_quantiles(np.abs(rows), horizon, m) for rows, m in zip(errors, apart, strict=True)])
    pairs = tuple(
        _parted(one, n_input or len(one)) if own else (0, 0)
        for one, own in zip(separate, origins, strict=bool(separate))
    )
    state = IntervalState(
        horizon=horizon, origins=origins, reference=tuple(reference), lookback=lookback, separate=pairs
    )
    return state, quantiles


def worth(state: IntervalState, channel: int, horizon: int, n_input: int) -> float | None:
    """Return how many independent errors the band of the next `horizon` steps was made of; None where not known.

    Steps with fewer count more: what is sure of a band goes with the root of their number.
    """
    near, far = state.separate[channel] if channel < len(state.separate) else (0, 0)
    first = min(horizon, n_input)
    if not near or (not far and horizon > first):
        return None
    return _together([near, far or near], [first, horizon - first])


def likely(level: int, separate: float) -> tuple[float, float]:
    """Return what share of new targets a band at `level` percent covers, 95 times in 100, if nothing has changed.

    It was made of `separate` independent errors: the fewer, the more chance decides.

    >>> [round(share, 3) for share in likely(80, 9)], [round(share, 3) for share in likely(80, 900)]
    ([0.518, 0.972], [0.773, 0.825])

    Source: Vovk 2012, "Conditional validity of inductive conformal predictors", section 2: a beta distribution.
    """
    from scipy.special import betaincinv

    place = min((separate + 1) * level / 100, separate)
    low, high = betaincinv(place, separate + 1 - place, [0.025, 0.975])
    return float(low), float(high)


def _parted(separate: NDArray, n_input: int) -> tuple[int, int]:
    """Return what `separate` (H,) comes to over the next segment, and over what is fed back, 0 where nothing is."""
    near, far = (round(_together(part)) if len(part) else 0 for part in (separate[:n_input], separate[n_input:]))
    return near, far


def _together(counts: ArrayLike, steps: Sequence[int] | None = None) -> float:
    """Return what `counts` of separate errors come to, each that of so many `steps`: (mean of 1/sqrt(m))^-2."""
    return float(np.average(np.asarray(counts, dtype=np.float64) ** -0.5, weights=steps) ** -2)


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
    """Return which smallest of `origins` residuals bounds `level` percent: ceil((n + 1) p / 100)."""
    return -(-(origins + 1) * level // 100)


def needed(level: int) -> int:
    """Return the fewest origins that can give `level` percent.

    >>> needed(90), needed(99), needed(50)
    (9, 99, 1)
    """
    return -(-level // (100 - level))


def _quantiles(residuals: NDArray, horizon: int, separate: NDArray) -> NDArray[np.float32]:
    """Return the bounds of every level, (H, 99), of `residuals` (O, H); zeros where there are none."""
    if not len(residuals):
        return np.zeros((horizon, len(LEVELS)), np.float32)
    ordered = np.sort(residuals, axis=0)  # NaN stands last
    counts = (~np.isnan(ordered)).sum(axis=0)
    ranks = [-(-(counts * (level * (separate + 1) - 50) + 50 * separate) // (100 * separate)) for level in LEVELS]
    bounds = np.take_along_axis(ordered, np.clip(np.array(ranks), 1, np.maximum(counts, 1)) - 1, axis=0)
    return _rounded_up(np.minimum(bounds.T, LARGEST))


def _rounded_up(values: NDArray) -> NDArray[np.float32]:
    """Round to float32 away from zero, so that a bound still covers the residual it was taken from."""
    nearest = values.astype(np.float32)
    return np.where(nearest < values, np.nextafter(nearest, np.float32(np.inf)), nearest)
