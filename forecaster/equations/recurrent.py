"""Three networks with one recursion: through the state, through the output, and over symbols.

The basic RNN, with act the hyperbolic tangent as in the decks, or ReLU:

    s_t = act(W [x_t, s_{t-1}] + b)              state
    y_t = s_t                                    output

Jordan's network, whose output is fed back, and not its hidden units. It is the model of
infinite response Y_t = f(X_t, Y_{t-1}), and the nonlinear autoregressive model with exogenous
inputs (NARX) with one output delay:

    z_t = tanh(W [x_t, y_{t-1}] + b)             hidden units
    y_t = V z_t + c,   y_0 = 0                   output

The softmax RNN over symbols. x_t is one-hot, so that Whx x_t is one column of Whx. The state
h_1 is given; each symbol leads to the next state, whose y says which symbol is expected next:

    h_{t+1} = tanh(Whx x_t + Whh h_t + bias)     state
    y_t = Why h_t                                a number for each symbol, without a bias
    p_t = softmax(y_t)                           the probability of each symbol to come next

Source: deck A (COMP5331), "Basic RNN"; the same in deck B (COMP7/8118 M50). Decks C and D
write W as two matrices, one of the input and one of the state. ReLU: Le, Jaitly and Hinton,
"A Simple Way to Initialize Recurrent Networks of Rectified Linear Units" (2015).

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the infinite-response model.
Jordan, "Serial Order: A Parallel Distributed Processing Approach" (1986); Lin, Horne, Tino and
Giles, "Learning Long-Term Dependencies in NARX Recurrent Neural Networks" (1996).

Source: deck C (K. H. Wong, RNN v.250224b), demo_rnn4b, slides 14 to 23. Deck E has the softmax
RNN under the names o_t = c + V h_t, with an output bias c.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import relu
from forecaster.equations.linear import by_blocks, by_windows

Activation = Literal["tanh", "relu"]
ACTIVATIONS: dict[str, Callable[[NDArray], NDArray]] = {"tanh": np.tanh, "relu": relu}


def basic_rnn(
    x: NDArray, weights: NDArray, bias: NDArray, *, start: NDArray | None = None, activation: Activation = "tanh"
) -> NDArray:
    """Return every output y (B, S, n) of the basic RNN over `x` (B, S, N).

    `weights` (N + n, n) is W transposed: first the rows of the input, then those of the state.
    `bias` has the shape (n,). `start` is the state before the first step, (B, n), or (n,) for
    all windows alike; without it the state starts at zero.

    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> basic_rnn(x, np.array([[0.7], [0.3], [0.4]]), np.array([0.4])).round(4).ravel().tolist()
    [0.5299, 0.8791]
    """
    n = weights.shape[1]
    # The input's share of the sums is one product for all steps; only the state's share has to wait.
    projected = by_windows(x, weights[:-n]) + bias
    state = np.broadcast_to(np.zeros(n, x.dtype) if start is None else start, (len(x), n))
    outputs = np.empty_like(projected)
    for t in range(x.shape[1]):
        state = ACTIVATIONS[activation](projected[:, t] + by_blocks(state, weights[-n:]))
        outputs[:, t] = state
    return outputs


class JordanTrace(NamedTuple):
    """The hidden units z (B, S, n) and the outputs y (B, S, M) of Jordan's network at every step."""

    z: NDArray
    y: NDArray


def jordan(x: NDArray, weights: Mapping[str, NDArray]) -> JordanTrace:
    """Return the hidden units and the outputs of Jordan's network over `x` (B, S, N), from the output zero.

    `weights` has W (N + M, n) and V (n, M), the matrices above transposed, with the rows of W in
    the order of [x_t, y_{t-1}], and the biases b (n,) and c (M,).

    >>> weights = {"W": np.array([[1.0], [1.0]]), "b": np.zeros(1), "V": np.array([[2.0]]), "c": np.ones(1)}
    >>> jordan(np.zeros((1, 2, 1)), weights).y.round(4).ravel().tolist()
    [1.0, 2.5232]
    """
    M = len(weights["c"])
    projected = by_windows(x, weights["W"][:-M]) + weights["b"]
    y = np.zeros((len(x), M), x.dtype)
    z, outputs = np.empty_like(projected), np.empty((*x.shape[:2], M), projected.dtype)
    for t in range(x.shape[1]):
        z[:, t] = np.tanh(projected[:, t] + by_blocks(y, weights["W"][-M:]))
        outputs[:, t] = y = by_blocks(z[:, t], weights["V"]) + weights["c"]
    return JordanTrace(z, outputs)


class SoftmaxTrace(NamedTuple):
    """The states h (B, S, n) after every symbol, and the numbers y (B, S, K) that go into the softmax."""

    h: NDArray
    y: NDArray


def softmax_rnn(x: NDArray, weights: Mapping[str, NDArray], start: NDArray | None = None) -> SoftmaxTrace:
    """Return the states and the outputs of the softmax RNN after every symbol of `x` (B, S, K).

    `weights` has Whx (K, n), Whh (n, n) and Why (n, K), the deck's matrices transposed, and bias
    (n,). `start` is h_1, (B, n), or (n,) for all windows alike; without it the state starts at
    zero. The first state that is returned, h[:, 0], is the deck's h_2.

    >>> weights = {"Whx": np.eye(2), "Whh": np.zeros((2, 2)), "bias": np.zeros(2), "Why": np.eye(2)}
    >>> softmax_rnn(np.array([[[1.0, 0.0], [0.0, 1.0]]]), weights).y.round(4).tolist()
    [[[0.7616, 0.0], [0.0, 0.7616]]]
    """
    projected = by_windows(x, weights["Whx"]) + weights["bias"]
    state = np.broadcast_to(np.zeros(projected.shape[-1], x.dtype) if start is None else start, projected[:, 0].shape)
    h = np.empty_like(projected)
    for t in range(x.shape[1]):
        h[:, t] = state = np.tanh(projected[:, t] + by_blocks(state, weights["Whh"]))
    return SoftmaxTrace(h, by_windows(h, weights["Why"]))
