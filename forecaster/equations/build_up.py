"""The LSTM as it is built up, state by state, without biases.

    f_t = sig(Wf [x_t, h_{t-1}])             forget gate, where the form has one
    i_t = sig(Wi [x_t, h_{t-1}])             input gate, where the form has one
    a_t = tanh(Wa [x_t, h_{t-1}])            candidate, c~ in the deck
    o_t = sig(Wo [x_t, h_{t-1}])             output gate
    h_t = o_t tanh(c_t)                      output

    add             c_t = c_{t-1} + a_t
    forget          c_t = f_t c_{t-1} + a_t
    input           c_t = f_t c_{t-1} + i_t a_t          the LSTM of `equations.lstm`
    sigmoid-state   c_t = sig(f_t c_{t-1} + i_t a_t)     contradicts the deck's other slides

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the slides that build up the LSTM;
one of them has the sigmoid around the state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.equations.activations import sigmoid

Form = Literal["add", "forget", "input", "sigmoid-state"]


class Trace(NamedTuple):
    """What every gate did at every step: f, i, a, c, o, h, each (B, S, n); 1 where a form has no gate."""

    f: NDArray
    i: NDArray
    a: NDArray
    c: NDArray
    o: NDArray
    h: NDArray


def build_up(x: NDArray, weights: Mapping[str, NDArray], form: Form) -> Trace:
    """Run a form over `x` (B, S, N) from state zero.

    `weights` has Wf, Wi, Wa, Wo, each (N + n, n): the matrices above transposed, rows in the
    order of [x_t, h_{t-1}].

    >>> rows = {"Wf": [0.7, 0.3, 0.4], "Wi": [0.2, 0.3, 0.4], "Wa": [0.4, 0.2, 0.1], "Wo": [0.8, 0.9, 0.2]}
    >>> weights = {name: np.array(row)[:, None] for name, row in rows.items()}
    >>> build_up(np.array([[[0.1, 0.4], [0.7, 0.9]]]), weights, "input").h.round(4).ravel().tolist()
    [0.0388, 0.2369]
    """
    c = h = np.zeros((len(x), weights["Wa"].shape[1]), x.dtype)
    steps = []
    for t in range(x.shape[1]):
        seen = np.concatenate((x[:, t], h), axis=1)
        a, o = np.tanh(seen @ weights["Wa"]), sigmoid(seen @ weights["Wo"])
        f = np.ones_like(a) if form == "add" else sigmoid(seen @ weights["Wf"])
        i = np.ones_like(a) if form in {"add", "forget"} else sigmoid(seen @ weights["Wi"])
        c = f * c + i * a
        if form == "sigmoid-state":
            c = sigmoid(c)
        h = o * np.tanh(c)
        steps.append((f, i, a, c, o, h))
    return Trace(*(np.stack(part, axis=1) for part in zip(*steps, strict=True)))
