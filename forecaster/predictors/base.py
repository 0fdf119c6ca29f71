"""What all predictors share: their base class, and the one thread in which they compute.

A predictor forecasts the next segment of a context, in scaled units. It is fitted on windows pooled
over all channels, and each context says which channel it is of. It is made in two ways: by `fit`
from training windows (a network: by `forecaster.training`), and by `restore` from a model folder.

What a predictor is and can do, it says by attributes; nothing outside this package asks for its
name or class.

A predictor's matrices are small: a second BLAS thread makes their products slower, and makes their
last bits vary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Frozen, TaskName, Window
from forecaster.signal.context import Context
from forecaster.signal.windows import WindowSplits

Array = NDArray[np.float64]
State = tuple[NDArray, ...]


class TensorSpec(NamedTuple):
    """What a tensor in a model folder must be: its dtype as safetensors writes it, and its shape."""

    dtype: str
    shape: tuple[int, ...]


Specs = dict[str, TensorSpec]


class NoParameters(Frozen):
    """The parameters of a predictor that has none."""


@dataclass(frozen=True)
class Predictor(ABC):
    """Forecasts the next segment of a context.

    A subclass needs `name`, `label` and `predict`, and a docstring whose first line describes it in
    lists. What it learns lies in `parameters`, which model.json holds, and in `tensors`.
    """

    name: ClassVar[str]
    # What the verdict calls it: "Better than repeating the last value".
    label: ClassVar[str]
    task: ClassVar[TaskName] = "forecast"
    Parameters: ClassVar[type[Frozen]] = NoParameters
    # Fitted at every training of its task, and scored beside the model.
    is_baseline: ClassVar[bool] = False
    # Fitted by `fit`, without gradients and without TensorFlow.
    is_closed_form: ClassVar[bool] = True
    # A member of the ensemble; every baseline is one anyway.
    joins_ensemble: ClassVar[bool] = False
    # Can be fitted to forecast several segments in one pass.
    is_direct: ClassVar[bool] = False
    # Has `start` and `advance`: its state can run on over a whole recording.
    is_stateful: ClassVar[bool] = False

    parameters: Any
    window: Window

    # --- fitting, storing, restoring ----------------------------------------------------

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor fitted on the training windows, its sizes chosen on the validation windows.

        The default is for a predictor with nothing to fit.
        """
        if not cls.is_closed_form:
            raise NotImplementedError(f"{cls.name} is trained by forecaster.training")
        return cls(cls.Parameters(), splits.window)

    @classmethod
    def specs(cls, parameters: Any, window: Window, channels: int) -> Specs:
        """Return what its tensors must be; ValueError if `parameters` do not fit the window or `channels`."""
        return {}

    @classmethod
    def restore(cls, parameters: Any, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the predictor that was stored; `tensors` agree with `specs`."""
        return cls(parameters, window)

    def tensors(self) -> dict[str, NDArray]:
        """Return its tensors, as `specs` names them."""
        return {}

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much."""
        return False

    @property
    def adds_to_ensemble(self) -> bool:
        """Whether there is something in it that the other members of an ensemble do not have."""
        return True

    def with_members(self, predictors: Sequence[Predictor]) -> Self:
        """Return the predictor with its members, which are among `predictors`, if it has members."""
        return self

    def with_training_errors(self, training: Sequence[Array], scale: Array) -> Self:
        """Return the predictor with its `mase_scale` measured on the training rows before they were scaled.

        `training` has the training rows of each recording (T, C + X); `scale` (C + X,) scales them.
        """
        return self

    def in_double(self) -> Self:
        """Return the predictor in double precision."""
        return self

    # --- forecasting --------------------------------------------------------------------

    @abstractmethod
    def predict(self, context: Context) -> Array:
        """Return the forecast of the next segment (B, N), or of the next K `segments` (B, K N)."""

    def limits(self, context: Context) -> tuple[Array, Array] | None:
        """Return between what, both (B, 1), the recursive forecast of each context is held; None without limits."""
        return None

    @property
    def segments(self) -> int:
        """The segments that `predict` forecasts in one pass."""
        return 1

    @property
    def sees_other_targets(self) -> bool:
        """Whether the forecast of a channel depends on the other channels that are forecast."""
        return False

    @property
    def mase_scale(self) -> tuple[float, ...] | None:
        """The mean absolute error on the training part by which MASE is scaled, of each channel; None without one."""
        return None

    # --- ensembles ----------------------------------------------------------------------

    @property
    def is_ensemble(self) -> bool:
        """Whether it mixes the forecasts of other predictors."""
        return False

    def without_shift(self, context: Context) -> Context:
        """Return `context` as the members of an ensemble see it."""
        return context

    def active_members(self, context: Context) -> tuple[Predictor, ...]:
        """Return the members of an ensemble that have a weight somewhere in the forecast of `context`."""
        return ()

    def mix(self, forecasts: Mapping[str, Array], context: Context) -> Array:
        """Return the ensemble's forecast (B, H) from the `forecasts` (B, H) of its active members by name."""
        raise NotImplementedError(f"{self.name} has no members")

    def mean_weights(self, first: int = 0, end: int | None = None) -> dict[str, float]:
        """Return the mean weight of each active member in the segments `first` to `end`, the largest first."""
        return {}

    # --- networks -----------------------------------------------------------------------

    def trace(self, context: Context) -> dict[str, dict[str, NDArray]]:
        """Return what gates and states did: layer -> quantity -> (B, S, n)."""
        return {}

    def start(self, batch: int) -> State:
        """Return the state before the first segment, each part (B, n)."""
        raise NotImplementedError(f"{self.name} has no state")

    def advance(self, state: State, segment: Array) -> tuple[State, Array]:
        """Return the state after one more step of input (B, N (1 + X)), and the forecast of the next segment (B, N)."""
        raise NotImplementedError(f"{self.name} has no state")


class SymbolPredictor(Predictor):
    """Forecasts the probability of each symbol of an alphabet to come next."""

    task: ClassVar[TaskName] = "symbols"

    @abstractmethod
    def probabilities(self, context: Context) -> Array:
        """Return the probability of each symbol to come next, (B, K); a row sums to 1."""

    def predict(self, context: Context) -> Array:
        """Return the code of the likeliest next symbol, (B, 1)."""
        return likeliest(self.probabilities(context))


def likeliest(probabilities: Array) -> Array:
    """Return the code of the likeliest symbol of each row of (B, K), (B, 1); the first of equals.

    >>> likeliest(np.array([[0.2, 0.8], [0.5, 0.5]])).tolist()
    [[1.0], [0.0]]
    """
    return probabilities.argmax(axis=1).astype(np.float64)[:, None]


def one_blas_thread() -> AbstractContextManager[Any]:
    """Return a context in which the linear algebra libraries (BLAS) behind NumPy and SciPy use one thread.

    >>> import numpy as np
    >>> with one_blas_thread():
    ...     np.ones((2, 2)) @ np.ones(2)
    array([2., 2.])
    """
    return _blas_libraries().limit(limits=1)


@cache
def _blas_libraries() -> Any:
    # The search for the loaded libraries takes milliseconds, so it is made once; threadpoolctl is imported
    # with the first product, so that commands that compute nothing start without it.
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")
