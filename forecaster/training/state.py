"""The whole state of a training between two epochs, as tensors for a checkpoint and back.

Besides the weights these are Adam's two moments of each, its count of steps, the counters that
noise and dropout draw from, the best weights so far, and the moving average if one is kept. The
learning rate and the order of the windows are functions of the step. Each kind lies end to end in
one vector, in the order of the model's variables.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Recipe
from forecaster.predictors import TensorSpec

if TYPE_CHECKING:
    from forecaster.bundle.checkpoint import NetworkCheckpoint, TrainingState

MOMENTS = ("momentum", "velocity")
Vectors = dict[str, NDArray]


# --- weights by name --------------------------------------------------------------------


def weights_of(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the weights of a Keras model by layer and weight name, as a model folder has them."""
    return {weight_name(variable.path): np.array(variable.numpy()) for variable in model.trainable_variables}


def weight_name(path: str) -> str:
    """Return the layer and the name of a Keras variable, from its path.

    >>> weight_name("lstm_1/lstm_cell/kernel")
    'lstm_1.kernel'
    """
    parts = path.split("/")
    return f"{parts[0]}.{parts[-1]}"


def by_weight_name(model: Any, vector: NDArray) -> dict[str, NDArray]:
    """Return a vector as the weights of `model` by name."""
    names = [weight_name(variable.path) for variable in model.trainable_variables]
    return dict(zip(names, split_vector(model.trainable_variables, vector), strict=True))


# --- the state --------------------------------------------------------------------------


def state_vectors(model: Any, best: dict[str, NDArray] | None, average: list[NDArray]) -> Vectors:
    """Return the state of a `model` in training, with the best weights and the moving average so far."""
    trained = model.trainable_variables
    vectors: Vectors = {"weights": _joined(_values(trained))}
    vectors["counters"] = np.concatenate([np.asarray(v, np.int64).reshape(-1) for v in _values(_counters(model))])
    vectors |= {kind: _joined(_values(_moments(model, kind))) for kind in MOMENTS}
    if best is not None:
        vectors["best"] = _joined([best[weight_name(variable.path)] for variable in trained])
    if average:
        vectors["average"] = _joined(average)
    return vectors


def is_finite(vectors: Vectors) -> bool:
    """Return whether all numbers of a state are finite, so that a checkpoint can hold it."""
    return all(bool(np.isfinite(vector).all()) for vector in vectors.values())


def read_state(model: Any, checkpoint: NetworkCheckpoint, state: TrainingState, recipe: Recipe) -> Vectors:
    """Return the vectors of `state`; ModelError if they cannot be of this `model` and `recipe`."""
    epochs = len(state.history)
    if state.step != epochs * recipe.steps_per_epoch or not 0 < state.step < recipe.steps:
        raise checkpoint.refused(f"step {state.step} after {epochs} epochs of {recipe.steps_per_epoch} steps")
    if not all(row.keys() >= {"loss", "validation_loss"} for row in state.history):
        raise checkpoint.refused("an epoch without its losses")
    kinds = ["weights", *MOMENTS]
    if recipe.average:
        kinds.append("average")
    if state.best_loss is not None:
        kinds.append("best")
    specs = {kind: TensorSpec("F32", (_size(model.trainable_variables),)) for kind in kinds}
    return checkpoint.tensors(specs | {"counters": TensorSpec("I64", (_size(_counters(model)),))})


def restore_state(model: Any, vectors: Vectors) -> None:
    """Set weights, moments and counters of a compiled `model`, whose moments exist."""
    _assign(model.trainable_variables, vectors["weights"])
    for kind in MOMENTS:
        _assign(_moments(model, kind), vectors[kind])
    _assign(_counters(model), vectors["counters"])


def _moments(model: Any, kind: str) -> list[Any]:
    """Return Adam's moments of one kind, in the order of the variables that they belong to."""
    return [variable for variable in model.optimizer.variables if variable.path.endswith(f"_{kind}")]


def _counters(model: Any) -> list[Any]:
    """Return the integers that a step changes: the optimizer's count, and what noise and dropout draw from."""
    return [model.optimizer.iterations, *model.non_trainable_variables]


# --- vectors ----------------------------------------------------------------------------


def split_vector(variables: list[Any], vector: NDArray) -> list[NDArray]:
    """Return a vector as arrays of the shapes of `variables`."""
    shapes = [tuple(variable.shape) for variable in variables]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    pieces = np.split(vector, ends[:-1])
    return [piece.reshape(shape).copy() for piece, shape in zip(pieces, shapes, strict=True)]


def _joined(arrays: list[NDArray]) -> NDArray[np.float32]:
    return np.concatenate([array.reshape(-1) for array in arrays]).astype(np.float32, copy=False)


def _values(variables: list[Any]) -> list[NDArray]:
    return [variable.numpy() for variable in variables]


def _size(variables: list[Any]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)


def _assign(variables: list[Any], vector: NDArray) -> None:
    for variable, value in zip(variables, split_vector(variables, vector), strict=True):
        variable.assign(value.astype(variable.dtype))
