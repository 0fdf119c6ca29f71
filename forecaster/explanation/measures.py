"""What is measured of a model: what its gates and states do, what each unit follows, and how far back it looks.

A unit follows the feature of the segments with which its value has the largest correlation over
many windows of the signal: how high a segment lies, how large it swings, how steeply it rises,
the same of earlier segments, or simply how many steps the window has taken.

How far back a model looks is the size of its forecast's gradient by lag:

    g(lag) = |d (next segment) / d x(lag)|,   the Euclidean norm over the N samples of the forecast

It is taken by central differences in double precision, so it is the same for every predictor. The
forecast is smooth: with a step of h the error of a difference is of order h^2 + 1e-16 / h. A network
sees a whole segment at each step, so all samples of a segment are the same number of recurrent steps
away, and `by_step` adds them up.

Source: Karpathy, Johnson and Fei-Fei, "Visualizing and Understanding Recurrent Networks" (2015),
for the share of saturated gates: below .1, above .9. Bengio, Simard and Frasconi, "Learning Long-Term
Dependencies with Gradient Descent is Difficult" (1994), and decks A to E, for the vanishing gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.predictors import Predictor
from forecaster.predictors.base import one_blas_thread
from forecaster.signal.context import Context

Array = NDArray[np.floating]
# A gate below the first is nearly closed, one above the second nearly open.
LOW, HIGH = 0.1, 0.9
# The least correlation, in magnitude, at which a unit is said to follow a feature.
CLEAR = 0.3
UNCLEAR = "nothing clear"
# The step of the differences in scaled units: 1e-8 of curvature error, 1e-12 of rounding.
STEP = 1e-4
# Lags that are moved in one call of the predictor, each up and down.
BLOCK = 125
# The share of the largest norm under which a step no longer counts.
THRESHOLD = 0.01


# --- gates and states -------------------------------------------------------------------


@dataclass(frozen=True)
class Quantity:
    """One gate or state of one layer.

    `values` (S, n) are those of its n units in the window that is explained. Measured over many windows, each unit
    `follows` (n,) a feature with a `correlation` (n,), and `low` and `high` are the shares of its values below .1 and
    above .9: of the magnitude where it is no gate, and None where the magnitude is not bounded by 1.
    """

    layer: str
    name: str
    values: Array
    follows: tuple[str, ...]
    correlation: Array
    low: float | None
    high: float | None

    @property
    def is_gate(self) -> bool:
        """Whether it lies between 0, closed, and 1, open."""
        return self.name.endswith("gate")

    @property
    def order(self) -> NDArray[np.int64]:
        """The units (n,), those that follow the same thing together, the largest group first."""
        sizes = {name: self.follows.count(name) for name in self.follows}
        units = zip(self.follows, self.correlation, strict=True)
        keys = [(name == UNCLEAR, -sizes[name], name, -r) for name, r in units]
        return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)

    @property
    def groups(self) -> list[tuple[str, int]]:
        """What is followed and by how many units, in the order of `order`."""
        names = [self.follows[unit] for unit in self.order]
        return [(name, names.count(name)) for name in dict.fromkeys(names)]

    def to_json(self) -> dict[str, Any]:
        """Return the quantity as plain data."""
        follows = zip(self.follows, self.correlation.tolist(), strict=True)
        return {
            "layer": self.layer,
            "quantity": self.name,
            "units": self.values.shape[1],
            "share_below_0.1": self.low,
            "share_above_0.9": self.high,
            "groups": [{"follows": name, "units": count} for name, count in self.groups],
            "units_follow": [{"follows": name, "correlation": round(r, 4)} for name, r in follows],
            "values": [[float(f"{value:.4g}") for value in row] for row in self.values.tolist()],
        }


def quantities(
    explained: dict[str, dict[str, Array]], traced: dict[str, dict[str, Array]], features: dict[str, Array]
) -> list[Quantity]:
    """Return every gate and state of a trace.

    `explained` is the trace of the explained window, by layer and name (1, S, n); `traced` that of many windows, each
    (W, S, n); `features` are what units may follow in those, each (W, S).
    """
    listed = []
    for layer, values_by_name in explained.items():
        for name, values in values_by_name.items():
            follows, correlation = followed(traced[layer][name], features)
            low, high = saturated(traced[layer][name], gate=name.endswith("gate"))
            listed.append(Quantity(layer, name, values[0], follows, correlation, low, high))
    return listed


def followed(values: Array, features: dict[str, Array]) -> tuple[tuple[str, ...], Array]:
    """Return what each unit of `values` (W, S, n) follows, and the correlation (n,).

    >>> x = np.random.default_rng(0).normal(size=(50, 8))
    >>> followed(-x[:, :, None], {"x": x, "noise": x[::-1]})[0]
    ('x',)
    """
    units = values.reshape(-1, values.shape[2]).astype(np.float64)
    correlations = np.stack([_correlation(units, feature.reshape(-1)) for feature in features.values()])
    best = np.abs(correlations).argmax(axis=0)
    r = correlations[best, np.arange(len(best))]
    names = list(features)
    return tuple(names[k] if abs(c) >= CLEAR else UNCLEAR for k, c in zip(best, r, strict=True)), r


def saturated(values: Array, *, gate: bool) -> tuple[float | None, float | None]:
    """Return the shares below .1 and above .9: of a gate, or of the magnitude of what is bounded by 1."""
    size = values if gate else np.abs(values)
    if size.max() > 1:
        return None, None
    return float(np.mean(size < LOW)), float(np.mean(size > HIGH))


def summary(listed: Sequence[Quantity]) -> list[list[str]]:
    """Return a row for each gate and state: layer, name, saturated shares, and what most units follow."""
    rows = []
    for quantity in listed:
        shares = ["-" if share is None else f"{100 * share:.0f} %" for share in (quantity.low, quantity.high)]
        most = ", ".join(f"{count} {name}" for name, count in quantity.groups[:2])
        rows.append([quantity.layer, quantity.name, *shares, most])
    # A table aligns all but its first column to the right; this text is to begin at the left.
    width = max((len(row[-1]) for row in rows), default=0)
    return [[*row[:-1], row[-1].ljust(width)] for row in rows]


def _correlation(units: Array, feature: Array) -> Array:
    """Return the correlation of each column of `units` (M, n) with `feature` (M,), 0 where either is constant."""
    defined = np.isfinite(feature)
    x, y = units[defined] - units[defined].mean(axis=0), feature[defined] - feature[defined].mean()
    scale = np.sqrt(np.square(x).sum(axis=0) * np.square(y).sum())
    return np.divide(y @ x, scale, out=np.zeros(x.shape[1]), where=scale > 1e-12)


# --- the gradient by lag ----------------------------------------------------------------


@dataclass(frozen=True)
class LagGradient:
    """The gradient of a forecast by lag, its root mean square over several windows, in scaled units.

    `by_sample` (L,) is for lag 1, the newest sample, to lag L; `by_step` (S,) is the norm over all samples of a
    segment, from the newest segment to the oldest.
    """

    by_sample: Array
    by_step: Array

    @property
    def reach(self) -> int | None:
        """The first step back (from 1) from which on the norm stays under 1 % of its largest; None if it never does.

        >>> LagGradient(np.ones(3), np.array([1.0, 0.05, 0.001])).reach
        3
        """
        norms = self.by_step
        large = np.flatnonzero(norms >= THRESHOLD * norms.max()) if norms.any() else np.arange(0)
        first = int(large[-1]) + 2 if len(large) else 1
        return first if first <= len(norms) else None

    def to_json(self, n_input: int, sample_rate_hz: float | None) -> dict[str, Any]:
        """Return the gradient as plain data, relative to its largest, with the lag where it is under 1 %."""
        step = self.reach
        place = None
        if step is not None:
            lag = (step - 1) * n_input + 1
            place = {"steps": step, "samples": lag, "seconds": lag / sample_rate_hz if sample_rate_hz else None}
        return {
            "falls_under_1_percent": place,
            "reason": "" if place else "it never falls under 1 % of its largest within the context",
            "largest": float(self.by_step.max()),
            "by_step": _relative_to_largest(self.by_step),
            "by_sample": _relative_to_largest(self.by_sample),
        }


def lag_gradient(predictor: Predictor, context: Context) -> LagGradient:
    """Return the gradient of the next segment with respect to the channel's own past, over the windows of `context`.

    A network's weights should be in double precision: `in_double`.
    """
    squares = np.zeros(context.values.shape[1])
    with one_blas_thread():
        for row in range(len(context.values)):
            squares += _squares(predictor, context[row : row + 1])
    newest_first = (squares / len(context.values))[::-1]
    by_step = np.sqrt(newest_first.reshape(predictor.window.n_step, -1).sum(axis=1))
    return LagGradient(np.sqrt(newest_first), by_step)


def _squares(predictor: Predictor, context: Context) -> Array:
    """Return the squared norm (L,) of each column of the Jacobian (N, L) at the one window of `context`."""
    length = context.values.shape[1]
    squares = np.empty(length)
    for begin in range(0, length, BLOCK):
        lags = np.arange(begin, min(begin + BLOCK, length))
        # The window once up and once down for each lag.
        moved = context[np.zeros(2 * len(lags), dtype=np.int64)]
        values = moved.values.copy()
        values[np.arange(len(lags)), lags] += STEP
        values[np.arange(len(lags), 2 * len(lags)), lags] -= STEP
        forecast = predictor.predict(replace(moved, values=values))
        slope = (forecast[: len(lags)] - forecast[len(lags) :]) / (2 * STEP)
        squares[lags] = np.square(slope).sum(axis=1)
    return squares


def _relative_to_largest(norms: Array) -> list[float]:
    """Return the norms relative to the largest, with four digits."""
    largest = norms.max() or 1.0
    return [float(f"{value:.4g}") for value in (norms / largest).tolist()]
