"""The one protocol of every predictor, from the last value to a network.

A predictor works in scaled units on windows pooled over channels: it is told each window's
channel, and most do not ask. It is made by `fit` from the windows of the training and the
validation part (a network: by `forecaster.training`), and again by `restore` from what a
model folder holds.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Frozen, Task, Window
from forecaster.signal.context import Context

Array = NDArray[np.float64]
Channel = NDArray[np.int64]


class TensorSpec(NamedTuple):
    """What a tensor in a model folder must be: its dtype as safetensors writes it, and its shape."""

    dtype: str
    shape: tuple[int, ...]


Specs = dict[str, TensorSpec]


class Predictor(Protocol):
    """What every predictor offers."""

    name: ClassVar[str]
    task: ClassVar[Task]
    is_stateful: ClassVar[bool]
    Parameters: ClassVar[type[Frozen]]
    parameters: Any
    window: Window

    @classmethod
    def specs(cls, parameters: Any, window: Window, channels: int) -> Specs:
        """Name every tensor that belongs to `parameters`; ValueError if they do not fit `channels`."""

    @classmethod
    def restore(cls, parameters: Any, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make the predictor again from its parameters and tensors."""

    def tensors(self) -> dict[str, NDArray]:
        """Return the tensors, as `specs` names them."""

    def predict(self, context: Context) -> Array:
        """Forecast the next segment (B, N) of `context`."""


class StatefulPredictor(Predictor, Protocol):
    """A predictor whose state can be carried over a whole recording, a segment at a time."""

    def start(self, batch: int) -> tuple[NDArray, ...]:
        """Return the state before the first segment, each part (B, n)."""

    def advance(self, state: tuple[NDArray, ...], segment: Array) -> tuple[tuple[NDArray, ...], Array]:
        """Take in one step's input (B, N (1 + X)); return the new state and the forecast segment (B, N)."""
