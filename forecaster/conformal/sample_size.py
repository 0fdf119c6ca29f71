"""The effective sample size: how many independent residuals overlapping ones are worth.

Origins lie a few samples apart, so their targets overlap and their errors resemble each other. A quantile of them is as
uncertain as one of far fewer independent errors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.signal import sampling

Array = NDArray[np.float64]
# Errors are compared by whether they exceed the bound that covers this share: that of the default band.
COVERED = 0.9
# A residual beyond this counts as this.
HUGE = 1e100
# Steps whose errors are transformed at once.
STEPS = 64


def effective_sample_sizes(samples: Sequence[sampling.Sample], errors: Sequence[Array]) -> NDArray[np.int64]:
    """Return for each step how many independent origins those that have a target there are worth, (H,).

    `errors` (O, H) has those of each fold. The folds of a run are one sequence.
    """
    runs: dict[int, list[Array]] = {}
    for sample, fold in zip(samples, _centred(errors), strict=True):
        sizes = [len(origins) for origins in sample.origins]
        for run, values in zip(sample.runs, np.split(fold, np.cumsum(sizes)[:-1]), strict=False):
            runs.setdefault(run, []).append(values)
    counts = np.sum([(~np.isnan(fold)).sum(axis=0) for fold in errors], axis=0)
    inefficiency = statistical_inefficiency([np.concatenate(values) for values in runs.values()])
    return np.maximum(1, counts / inefficiency).astype(np.int64)


def _centred(errors: Sequence[Array]) -> list[Array]:
    """Return what tells how the `errors` (O, H) resemble each other, less its mean at each step.

    Bands are bounds on the errors. So it is whether an error exceeds the bound of 90 % of all, or, where too few do,
    its size.

    Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021, "Rank-normalization, folding, and localization", section
    4: the effective sample size of a quantile.
    """
    sizes = np.minimum(np.abs(np.concatenate(errors)), HUGE)
    is_known = ~np.isnan(sizes)
    counts = np.maximum(1, is_known.sum(axis=0))
    if len(sizes) * (1 - COVERED) >= sampling.FEWEST:
        place = np.ceil(COVERED * counts).astype(np.int64) - 1
        bound = np.take_along_axis(np.sort(sizes, axis=0), place[None], axis=0)  # NaN stands last
        sizes = np.where(is_known, (sizes > bound) | (sizes == HUGE), np.nan)
    means = np.where(is_known, sizes, 0).sum(axis=0) / counts
    return np.split(sizes - means, np.cumsum([len(fold) for fold in errors])[:-1])


def statistical_inefficiency(runs: Sequence[Array]) -> float:
    """Return the statistical inefficiency of the centred `runs`, each (O, H): at least 1.

    It is 1 + twice the sum of their autocorrelations, over the lags until these first fall to 0.

    Source: Geyer 1992, "Practical Markov Chain Monte Carlo", section 3.3.
    """
    covariance = np.zeros(max((len(run) for run in runs), default=1))
    for run in runs:
        covariance[: len(run)] += _autocovariance(np.nan_to_num(run))
    if not covariance[0] > 0:
        return 1.0
    correlation = covariance / covariance[0]
    first = int(np.argmax(correlation <= 0)) or len(correlation)
    return float(1 + 2 * correlation[1:first].sum())


def _autocovariance(run: Array) -> Array:
    """Return the sum of the products of `run` (O, H) with itself by lag, (O,), over all steps."""
    count = len(run)
    power = np.zeros(count + 1)
    for begin in range(0, run.shape[1], STEPS):
        power += (np.abs(np.fft.rfft(run[:, begin : begin + STEPS], 2 * count, axis=0)) ** 2).sum(axis=1)
    covariance: Array = np.fft.irfft(power, 2 * count)[:count]
    return covariance
