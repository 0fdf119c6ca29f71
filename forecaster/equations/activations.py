"""The activations that gates and states pass through, and their derivatives.

Training multiplies the derivatives along a chain, each at the sum x before the activation:

    sig'(x)      = sig(x) (1 - sig(x))   at most 1/4, at x = 0: what vanishes
    tanh'(x)     = 1 - tanh(x)^2         at most 1, at x = 0
    relu'(x)     = 1 where x > 0, else 0
    softplus'(x) = sig(x)

Source: decks A to E, the sections on activations and on the vanishing gradient. ReLU has no
derivative at 0; 0 is taken there, as every framework does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sigmoid(x: NDArray) -> NDArray:
    """Return 1 / (1 + exp(-x)), without overflow: it is written with tanh, which saturates.

    >>> float(sigmoid(np.float64(0)))
    0.5
    """
    half = x.dtype.type(0.5)
    return half * np.tanh(half * x) + half


def tanh(x: NDArray) -> NDArray:
    """Return the hyperbolic tangent, 2 sig(2x) - 1."""
    return np.tanh(x)


def relu(x: NDArray) -> NDArray:
    """Return max(x, 0)."""
    return np.maximum(x, x.dtype.type(0))


def softplus(x: NDArray) -> NDArray:
    """Return log(1 + exp(x)), without overflow: a ReLU with its corner rounded off.

    >>> softplus(np.array([-1000.0, 0.0, 1000.0])).round(4).tolist()
    [0.0, 0.6931, 1000.0]
    """
    return np.logaddexp(x.dtype.type(0), x)


def softmax(y: NDArray) -> NDArray:
    """Return exp(y) over the sum of all exp(y) along the last axis, (..., K), without overflow.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    powers = np.exp(y - y.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def sigmoid_derivative(x: NDArray) -> NDArray:
    """Return sig(x) (1 - sig(x)), which is e / (1 + e)^2 with e = exp(-|x|): it keeps its digits far out.

    >>> float(sigmoid_derivative(np.float64(0)))
    0.25
    """
    e = np.exp(-np.abs(x))
    return e / (x.dtype.type(1) + e) ** 2


def tanh_derivative(x: NDArray) -> NDArray:
    """Return 1 - tanh(x)^2.

    >>> float(tanh_derivative(np.float64(0)))
    1.0
    """
    return x.dtype.type(1) - np.tanh(x) ** 2


def relu_derivative(x: NDArray) -> NDArray:
    """Return 1 where x > 0, else 0.

    >>> relu_derivative(np.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    return (x > 0).astype(x.dtype)


def softplus_derivative(x: NDArray) -> NDArray:
    """Return sig(x): the slope of softplus is the sigmoid."""
    return sigmoid(x)
