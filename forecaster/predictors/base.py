"""The one protocol of every predictor, from the last value to a network.

A predictor works in scaled units on windows pooled over channels: it is told each window's
channel, and most do not ask. It is made by `fit` from the windows of the training and the
validation part (a network: by `forecaster.training`), and again by `restore` from what a
model folder holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Frozen, Task, Window
from forecaster.windows import Windows, joined, with_others

Array = NDArray[np.float64]
Channel = NDArray[np.int64]


class TensorSpec(NamedTuple):
    """What a tensor in a model folder must be: its dtype as safetensors writes it, and its shape."""

    dtype: str
    shape: tuple[int, ...]


Specs = dict[str, TensorSpec]


@dataclass(frozen=True)
class Context:
    """What forecasts look back on, in scaled units.

    `values` (B, L); `channel` (B,), each window's channel. The X channels beside it, or None where
    there are none: `exogenous` (B, L, .) those of which the past alone is known, over the same
    samples; `known` (B, L + F, .) those of which the future is, over the same samples and the F
    that follow, a segment at least. `targets` (B, L, C) has all channels that are forecast, the
    own one among them, where they see each other, else it is None.
    """

    values: Array
    channel: Channel
    exogenous: Array | None = None
    known: Array | None = None
    targets: Array | None = None

    def __getitem__(self, rows: Any) -> Self:
        """Return the windows `rows`, a slice or an index."""
        beside = (None if part is None else part[rows] for part in (self.exogenous, self.known, self.targets))
        return type(self)(self.values[rows], self.channel[rows], *beside)

    def segments(self, window: Window) -> Array:
        """Return the windows as steps (B, S, width): each segment, those of the others, then of the exogenous channels.

        The known ones are a segment ahead: the last step sees what they do over the next segment.
        """
        own = self.values.reshape(len(self.values), window.n_step, window.n_input)
        if self.targets is not None:
            own = with_others(own, self.targets, self.channel)
        if self.exogenous is not None:
            own = joined(own, self.exogenous)
        if self.known is not None:
            own = joined(own, self.known[:, window.n_input : window.n_input + window.context])
        return own


@dataclass(frozen=True)
class Parts:
    """The windows that a predictor may learn from, and those that it may be chosen by.

    Those of `validation` choose states and penalties, those `after` them do not; both find the weights of a
    combination and calibrate the bands. None: there are none.
    """

    training: Windows
    validation: Windows
    after: Windows | None = None

    def farther(self, ahead: int) -> Parts:
        """Return the parts with targets of `ahead` segments."""
        return Parts(self.training.farther(ahead), self.validation.farther(ahead))

    def whole_validation(self) -> Windows:
        """Return the windows of the whole validation part."""
        return self.validation if self.after is None else self.validation.through(self.after)

    def stretches(self) -> list[Windows]:
        """Return the validation part in thirds, each of which is judged by what was found without it.

        The first two are one where they are too short; there are none where no recording is long enough for the last.
        """
        if self.after is None or not len(self.after):
            return []
        return [one for one in (*self.validation.halves(), self.after) if len(one)]

    @property
    def window(self) -> Window:
        """The window that both parts share."""
        return self.training.window

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.training.runs.channels


class Predictor(Protocol):
    """What every predictor offers."""

    name: ClassVar[str]
    task: ClassVar[Task]
    carries: ClassVar[bool]
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


class Carrying(Predictor, Protocol):
    """A predictor whose state can be carried over a whole recording, a segment at a time."""

    def start(self, batch: int) -> tuple[NDArray, ...]:
        """Return the state before the first segment, each part (B, n)."""

    def advance(self, state: tuple[NDArray, ...], segment: Array) -> tuple[tuple[NDArray, ...], Array]:
        """Take in one step's input (B, N (1 + X)); return the new state and the forecast segment (B, N)."""
