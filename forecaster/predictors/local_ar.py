"""An autoregression fitted to each context itself, by Burg's method.

    x[t] = a[1] x[t - 1] + ... + a[p] x[t - p]      about the mean of the context

Each window gets its own coefficients, so a signal whose pitch or damping wanders is followed
without any training; only the order p is chosen, on the training part. No reflection
coefficient exceeds 1 in size, so that the forecast never runs away.

Source: Burg, "Maximum Entropy Spectral Analysis" (1975); Vos, "A Fast Implementation of Burg's
Method" (2013), which needs the autocorrelation alone instead of a pass over the samples an order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from pydantic import FailFast, Field

from forecaster.config import Frozen, Window
from forecaster.predictors.base import Array, Predictor, Specs
from forecaster.predictors.selection import learned
from forecaster.signal.context import Context
from forecaster.signal.splits import WindowSplits

MAX_TAPS = 4096
ORDERS = (1, 2, 4, 8, 16, 32, 64)
ROWS = 16
"""Windows whose autocorrelation is taken together: they stay in the cache."""
FLOOR = 1e-9
"""White noise of this power, relative to the context's own, keeps the division sound for a pure sine."""
TINY = 1e-200
"""A power up to this is that of a constant."""


class Orders(Frozen):
    """The order of each channel."""

    orders: Annotated[tuple[Annotated[int, Field(ge=1, le=ORDERS[-1])], ...], FailFast()]


@dataclass(frozen=True)
class LocalAR(Predictor):
    """An autoregression fitted to each context by Burg's method, its order chosen on the training part."""

    name: ClassVar[str] = "local-ar"
    label: ClassVar[str] = "an autoregression fitted to the context"
    is_baseline: ClassVar[bool] = True
    Parameters: ClassVar[type[Frozen]] = Orders
    parameters: Orders

    @classmethod
    def fit(cls, parts: WindowSplits) -> Self:
        """Take for each channel the order that is best for the next segment of training windows."""
        return cls(Orders(orders=tuple(_best(parts, c) for c in range(parts.channels))), parts.window)

    @classmethod
    def specs(cls, parameters: Orders, window: Window, channels: int) -> Specs:
        """It has no tensors; ValueError unless there is one order, within the context, for each channel."""
        if len(parameters.orders) != channels:
            raise ValueError(f"orders needs one value for each of the {channels} channels")
        if max(parameters.orders) > max(1, window.context - 1):
            raise ValueError("an order is longer than the context")
        return {}

    def predict(self, context: Context) -> Array:
        """Continue each context by its own autoregression, (B, N)."""
        result = np.empty((len(context.values), self.window.n_input))
        order = np.asarray(self.parameters.orders)[context.channel]
        for p in np.unique(order):
            rows = np.flatnonzero(order == p)
            result[rows] = next(continued(context.values[rows], self.window.n_input, (int(p),)))
        return result


def continued(values: Array, count: int, orders: tuple[int, ...]) -> Iterator[Array]:
    """Yield for each of `orders` the next `count` samples (B, count) of the contexts `values` (B, L).

    >>> next(continued(np.cos(np.arange(60.0) * np.pi / 6)[None], 3, (2,))).round(1).tolist()
    [[1.0, 0.8, 0.5]]
    """
    x = np.ascontiguousarray(values[:, -MAX_TAPS:])
    mean = x.mean(axis=1, keepdims=True)
    x = x - mean
    # Powers of the context's own size: neither a large signal nor a small one leaves the range of numbers.
    size = np.abs(x).max(axis=1, keepdims=True)
    unit = x / np.where(size > TINY, size, 1.0)
    for a in burg(np.where(size > TINY, unit, 0.0), orders):
        yield _extrapolated(x, a, count) + mean


def burg(x: Array, orders: tuple[int, ...]) -> Iterator[Array]:
    """Yield for each of the ascending `orders` p the coefficients (B, p) by which `x` (B, L) goes on.

    A sum is taken along each row alone, so a row's bits do not depend on the others.
    """
    last = orders[-1]
    c = _autocorrelation(x, last)
    power = np.where(c[:, 0] > 0, c[:, 0], 1.0)
    floor = 2 * FLOOR * power
    a = np.ones((len(x), 1))
    g = np.stack((2 * c[:, 0] - x[:, 0] ** 2 - x[:, -1] ** 2 + floor, 2 * c[:, 1]), axis=1)
    r = 2 * c[:, 1:2]
    for i in range(last):
        longer = np.pad(a, ((0, 0), (0, 1)))
        reflection = _reflection(longer, g, floor)
        a = longer + reflection * longer[:, ::-1]
        if i + 1 in orders:
            yield -a[:, 1:]
        if i + 1 == last:
            return
        begin, end = x[:, : i + 2], x[:, -2 - i :]
        r = np.concatenate((2 * c[:, i + 2 : i + 3], r - _edges(x, i)), axis=1)
        change = _outer(begin[:, ::-1], a) + _outer(end, a)
        g = np.concatenate((g + reflection * g[:, ::-1] - change, _dot(r, a)), axis=1)


def _reflection(a: Array, g: Array, floor: Array) -> Array:
    """Return the next reflection coefficient (B, 1), at most 1 in size."""
    below = np.maximum(_dot(a, g), floor[:, None])
    return np.clip(-_dot(a, g[:, ::-1]) / below, -1.0, 1.0)


def _edges(x: Array, i: int) -> Array:
    """Return the products that order i + 2 no longer sums, at both ends, (B, i + 1)."""
    begin, end = x[:, : i + 1], x[:, ::-1][:, : i + 1]
    return begin * x[:, i + 1 : i + 2] + end * x[:, -2 - i : -1 - i]


def _outer(x: Array, a: Array) -> Array:
    return x * _dot(x, a)


def _dot(left: Array, right: Array) -> Array:
    """Return the product of each row of `left` with that of `right`, (B, 1)."""
    product: Array = np.ascontiguousarray(left * right).sum(axis=1, keepdims=True)
    return product


def _autocorrelation(x: Array, most: int) -> Array:
    """Return ``sum over t of x[t] x[t + k]``, (B, most + 1)."""
    found = np.empty((len(x), most + 1))
    for begin in range(0, len(x), ROWS):
        some = x[begin : begin + ROWS]
        for k in range(most + 1):
            found[begin : begin + ROWS, k] = (some[:, : x.shape[1] - k] * some[:, k:]).sum(axis=1)
    return found


def _extrapolated(x: Array, a: Array, count: int) -> Array:
    """Go on from `x` (B, L) by the coefficients `a` (B, p), nearest sample first: (B, count)."""
    p = a.shape[1]
    made = np.concatenate((x[:, -p:], np.empty((len(x), count))), axis=1)
    backwards = np.ascontiguousarray(a[:, ::-1])
    for h in range(count):
        made[:, p + h] = (made[:, h : h + p] * backwards).sum(axis=1)
    return made[:, p:]


def _best(parts: WindowSplits, channel: int) -> int:
    """Return the order of the least squared error; 1 where there is nothing to choose by."""
    orders = _possible(parts.window.context)
    found = learned(parts, channel)
    if found is None or len(orders) == 1:
        return orders[0]
    contexts, targets = found
    made = continued(contexts, targets.shape[1], orders)
    errors = [float(np.square(one - targets).mean()) for one in made]
    return orders[int(np.argmin(errors))]


def _possible(context: int) -> tuple[int, ...]:
    """Return the orders for which a context is long enough; at least the first."""
    return tuple(p for p in ORDERS if 3 * p < min(context, MAX_TAPS)) or ORDERS[:1]
