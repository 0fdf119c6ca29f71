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
from typing import Annotated, Self

import numpy as np
from pydantic import FailFast, Field

from forecaster.config import Frozen, Window
from forecaster.predictors.base import Array, Predictor, Specs
from forecaster.predictors.fitting import training_examples
from forecaster.signal.context import Context
from forecaster.signal.windows import WindowSplits

MAX_TAPS = 4096
ORDERS = (1, 2, 4, 8, 16, 32, 64)
# Windows whose autocorrelation is taken together: so many stay in the cache.
ROWS = 16
# White noise of this power, relative to the context's own, keeps the division sound for a pure sine.
NOISE_FLOOR = 1e-9
# A context whose largest distance from its mean is at most this is constant.
TINY = 1e-200


class Orders(Frozen):
    """The order of each channel."""

    orders: Annotated[tuple[Annotated[int, Field(ge=1, le=ORDERS[-1])], ...], FailFast()]


class LocalAR(Predictor):
    """An autoregression fitted to each context by Burg's method, its order chosen on the training part."""

    name = "local-ar"
    label = "an autoregression fitted to the context"
    is_baseline = True
    Parameters = Orders
    parameters: Orders

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much: always."""
        return True

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor with the order of each channel that is best for the next segment of training windows."""
        orders = tuple(_best_order(splits, channel) for channel in range(splits.channels))
        return cls(Orders(orders=orders), splits.window)

    @classmethod
    def specs(cls, parameters: Orders, window: Window, channels: int) -> Specs:
        """Return no tensors; ValueError unless there is one order, within the context, for each channel."""
        if len(parameters.orders) != channels:
            raise ValueError(f"orders needs one value for each of the {channels} channels")
        if max(parameters.orders) > max(1, window.context - 1):
            raise ValueError("an order is longer than the context")
        return {}

    def predict(self, context: Context) -> Array:
        """Return the continuation of each context by its own autoregression, (B, N)."""
        y_hat = np.empty((len(context.values), self.window.n_input))
        order = np.asarray(self.parameters.orders)[context.channel]
        for p in np.unique(order):
            rows = np.flatnonzero(order == p)
            y_hat[rows] = next(continued(context.values[rows], self.window.n_input, (int(p),)))
        return y_hat


def _best_order(splits: WindowSplits, channel: int) -> int:
    """Return the order of the least squared error; the first one where there are no examples to choose by."""
    orders = tuple(p for p in ORDERS if 3 * p < min(splits.window.context, MAX_TAPS)) or ORDERS[:1]
    chosen_by = training_examples(splits, channel)
    if chosen_by is None or len(orders) == 1:
        return orders[0]
    contexts, targets = chosen_by
    errors = [float(np.square(y_hat - targets).mean()) for y_hat in continued(contexts, targets.shape[1], orders)]
    return orders[int(np.argmin(errors))]


# --- the mathematics --------------------------------------------------------------------


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

    A sum is taken along each row alone, so a row's bits do not depend on the others. The letters are those of Vos.
    """
    last = orders[-1]
    c = _autocorrelation(x, last)
    power = np.where(c[:, 0] > 0, c[:, 0], 1.0)
    floor = 2 * NOISE_FLOOR * power
    a = np.ones((len(x), 1))
    g = np.stack((2 * c[:, 0] - x[:, 0] ** 2 - x[:, -1] ** 2 + floor, 2 * c[:, 1]), axis=1)
    r = 2 * c[:, 1:2]
    for i in range(last):
        padded = np.pad(a, ((0, 0), (0, 1)))
        reflection = np.clip(-_dot(padded, g[:, ::-1]) / np.maximum(_dot(padded, g), floor[:, None]), -1.0, 1.0)
        a = padded + reflection * padded[:, ::-1]
        if i + 1 in orders:
            yield -a[:, 1:]
        if i + 1 == last:
            return
        # The sums of the next order lack the products of the samples at both ends.
        first, final = x[:, : i + 1], x[:, ::-1][:, : i + 1]
        edges = first * x[:, i + 1 : i + 2] + final * x[:, -2 - i : -1 - i]
        r = np.concatenate((2 * c[:, i + 2 : i + 3], r - edges), axis=1)
        begin, end = x[:, : i + 2][:, ::-1], x[:, -2 - i :]
        change = begin * _dot(begin, a) + end * _dot(end, a)
        g = np.concatenate((g + reflection * g[:, ::-1] - change, _dot(r, a)), axis=1)


def _dot(left: Array, right: Array) -> Array:
    """Return the product of each row of `left` with that of `right`, (B, 1)."""
    product: Array = np.ascontiguousarray(left * right).sum(axis=1, keepdims=True)
    return product


def _autocorrelation(x: Array, largest_lag: int) -> Array:
    """Return ``sum over t of x[t] x[t + k]`` for k = 0 .. `largest_lag`, (B, largest_lag + 1)."""
    result = np.empty((len(x), largest_lag + 1))
    for begin in range(0, len(x), ROWS):
        block = x[begin : begin + ROWS]
        for k in range(largest_lag + 1):
            result[begin : begin + ROWS, k] = (block[:, : x.shape[1] - k] * block[:, k:]).sum(axis=1)
    return result


def _extrapolated(x: Array, a: Array, count: int) -> Array:
    """Return the next `count` samples (B, count) of `x` (B, L) by the coefficients `a` (B, p), nearest sample first."""
    p = a.shape[1]
    samples = np.concatenate((x[:, -p:], np.empty((len(x), count))), axis=1)
    oldest_first = np.ascontiguousarray(a[:, ::-1])
    for h in range(count):
        samples[:, p + h] = (samples[:, h : h + p] * oldest_first).sum(axis=1)
    return samples[:, p:]
