"""What a network is trained to do, by its task: the loss, and the examples that it is taken on.

Symbols are learned synchronised, many to many: every step of a window answers with the
probabilities of the symbol that follows it, and the loss is the cross-entropy of all S answers.
Their input is one-hot and gets no noise, whatever the recipe says: half a symbol means nothing.

Source: deck C (K. H. Wong), demo_rnn4b; deck E, "Recurrent Neural Network", the kinds of
sequence task.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Task, Window
from forecaster.predictors.symbolic import one_hot

Example = tuple[NDArray, NDArray]
Examples = Callable[[NDArray[np.float32], NDArray[np.float32], Window], Example]


@dataclass(frozen=True)
class Objective:
    """A loss by its Keras name, and how windows (B, S, N) with targets (B, N) become what it is taken on."""

    loss: str
    examples: Examples


def next_segment(inputs: NDArray[np.float32], targets: NDArray[np.float32], window: Window) -> Example:
    """Return the windows and their targets as they are."""
    return inputs, targets


def next_symbols(inputs: NDArray[np.float32], targets: NDArray[np.float32], window: Window) -> Example:
    """Return the symbols one-hot (B, S, K), and the codes (B, S) that follow each: the window moved on by one.

    >>> codes = np.array([[[0], [1]]], np.float32)
    >>> x, y = next_symbols(codes, np.array([[2]], np.float32), Window(n_step=2, n_input=1, symbols=3))
    >>> x.tolist(), y.tolist()
    ([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], [[1.0, 2.0]])
    """
    codes = inputs[:, :, 0]
    following = np.concatenate((codes[:, 1:], targets), axis=1)
    return one_hot(codes, window.symbols, inputs.dtype), following


OBJECTIVES: dict[Task, Objective] = {
    "forecast": Objective("mse", next_segment),
    "symbols": Objective("sparse_categorical_crossentropy", next_symbols),
}
