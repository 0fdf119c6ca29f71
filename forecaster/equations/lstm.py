"""The long short-term memory (LSTM): the traditional one, and the steps in which a lecture builds it up.

The traditional LSTM:

    f_t = sig(Wf [x_t, y_{t-1}] + bf)        forget gate
    i_t = sig(Wi [x_t, y_{t-1}] + bi)        input gate
    a_t = tanh(Wa [x_t, y_{t-1}] + ba)       candidate, c~ in deck E
    s_t = f_t s_{t-1} + i_t a_t              state, c in deck E
    o_t = sig(Wo [x_t, y_{t-1}] + bo)        output gate
    y_t = o_t tanh(s_t)                      output, h in deck E

The build-up, in deck E's letters and without biases. The gates are those above; what differs
from form to form is the state:

    add             c_t = c_{t-1} + a_t
    forget          c_t = f_t c_{t-1} + a_t
    input           c_t = f_t c_{t-1} + i_t a_t          the traditional LSTM
    sigmoid-state   c_t = sig(f_t c_{t-1} + i_t a_t)     contradicts the deck's other slides

Source: deck A (COMP5331, R. Wong), "Traditional LSTM".

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the slides that build up the LSTM;
one of them has the sigmoid around the state.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import sigmoid
from forecaster.equations.linear import by_blocks, by_windows

Form = Literal["add", "forget", "input", "sigmoid-state"]


class Trace(NamedTuple):
    """The gates f, i, o, the candidate a, the state s and the output y at every step, each (B, S, n)."""

    f: NDArray
    i: NDArray
    a: NDArray
    s: NDArray
    o: NDArray
    y: NDArray


def lstm(x: NDArray, kernel: NDArray, recurrent: NDArray, bias: NDArray) -> NDArray:
    """Return every output y (B, S, n) of the LSTM over `x` (B, S, N), from state zero.

    `kernel` (N, 4n), `recurrent` (n, 4n) and `bias` (4n,) hold the gates side by side in the
    order i, f, a, o, which is the order of Keras.
    """
    return np.stack([step[-1] for step in steps(x, kernel, recurrent, bias)], axis=1)


def trace(x: NDArray, kernel: NDArray, recurrent: NDArray, bias: NDArray) -> Trace:
    """Return what every gate of the LSTM did over `x` (B, S, N); the arguments are those of `lstm`.

    >>> W = np.array([[0.2, 0.7, 0.4, 0.8], [0.3, 0.3, 0.2, 0.9]]), np.array([[0.4, 0.4, 0.1, 0.2]])
    >>> x = np.array([[[0.1, 0.4], [0.7, 0.9]]])
    >>> trace(x, *W, np.array([0.2, 0.4, 0.5, 0.3])).y.round(4).ravel().tolist()
    [0.2107, 0.5393]
    """
    quantities = zip(*steps(x, kernel, recurrent, bias), strict=True)
    return Trace(*(np.stack(quantity, axis=1) for quantity in quantities))


def steps(x: NDArray, kernel: NDArray, recurrent: NDArray, bias: NDArray) -> Iterator[tuple[NDArray, ...]]:
    """Yield f, i, a, s, o, y of each step, each (B, n); the arguments are those of `lstm`."""
    # The input's share of all gates at all steps is one product; only the recurrent share waits for
    # the step before.
    projected = by_windows(x, kernel) + bias
    n = len(recurrent)
    state = output = np.zeros((len(x), n), x.dtype)
    for t in range(x.shape[1]):
        sums = projected[:, t] + by_blocks(output, recurrent)
        i_and_f = sigmoid(sums[:, : 2 * n])
        i, f = i_and_f[:, :n], i_and_f[:, n:]
        a, o = np.tanh(sums[:, 2 * n : 3 * n]), sigmoid(sums[:, 3 * n :])
        state = f * state + i * a
        output = o * np.tanh(state)
        yield f, i, a, state, o, output


def textbook_gates(weights: Mapping[str, NDArray]) -> tuple[NDArray, NDArray, NDArray]:
    """Return the lecture's matrices side by side: kernel (N, 4n), recurrent (n, 4n) and bias (4n,).

    `weights` has Wf, Wi, Wa, Wo, each (N + n, n), the deck's matrices transposed with rows in the
    order of [x_t, y_{t-1}], and bf, bi, ba, bo (n,).
    """
    n = len(weights["bf"])
    joined = np.concatenate([weights[f"W{gate}"] for gate in "ifao"], axis=1)
    return joined[:-n], joined[-n:], np.concatenate([weights[f"b{gate}"] for gate in "ifao"])


class BuildUpTrace(NamedTuple):
    """The gates f, i, o, the candidate a, the state c and the output h at every step, each (B, S, n).

    A gate that a form does not have is 1.
    """

    f: NDArray
    i: NDArray
    a: NDArray
    c: NDArray
    o: NDArray
    h: NDArray


def build_up(x: NDArray, weights: Mapping[str, NDArray], form: Form) -> BuildUpTrace:
    """Return what every gate of a `form` of the LSTM did over `x` (B, S, N), from state zero.

    `weights` has Wf, Wi, Wa, Wo, each (N + n, n): the deck's matrices transposed, with rows in
    the order of [x_t, h_{t-1}].

    >>> rows = {"Wf": [0.7, 0.3, 0.4], "Wi": [0.2, 0.3, 0.4], "Wa": [0.4, 0.2, 0.1], "Wo": [0.8, 0.9, 0.2]}
    >>> weights = {name: np.array(row)[:, None] for name, row in rows.items()}
    >>> build_up(np.array([[[0.1, 0.4], [0.7, 0.9]]]), weights, "input").h.round(4).ravel().tolist()
    [0.0388, 0.2369]
    """
    c = h = np.zeros((len(x), weights["Wa"].shape[1]), x.dtype)
    quantities = []
    for t in range(x.shape[1]):
        xh = np.concatenate((x[:, t], h), axis=1)
        a, o = np.tanh(xh @ weights["Wa"]), sigmoid(xh @ weights["Wo"])
        f = np.ones_like(a) if form == "add" else sigmoid(xh @ weights["Wf"])
        i = np.ones_like(a) if form in {"add", "forget"} else sigmoid(xh @ weights["Wi"])
        c = f * c + i * a
        if form == "sigmoid-state":
            c = sigmoid(c)
        h = o * np.tanh(c)
        quantities.append((f, i, a, c, o, h))
    return BuildUpTrace(*(np.stack(quantity, axis=1) for quantity in zip(*quantities, strict=True)))
