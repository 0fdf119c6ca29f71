"""The whole state of a training between two epochs, as tensors for a checkpoint and back.

Besides the weights that is: Adam's two moments of each, its count of steps, the counters that
noise and dropout draw from, the best weights so far, and the moving average if one is kept. The
learning rate and the order of the windows are functions of the step. Each kind lies end to end in
one vector, in the order of the model's variables.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle.checkpoint import NetworkCheckpoint, TrainingState
from forecaster.config import Recipe
from forecaster.predictors import TensorSpec
from forecaster.training.weights import weight_name

MOMENTS = ("momentum", "velocity")
Vectors = dict[str, NDArray]


def vectors(model: Any, best: dict[str, NDArray] | None, mean: list[NDArray]) -> Vectors:
    """Return the state of a compiled `model` that has been trained, with the best weights and the average so far."""
    found: Vectors = {"weights": _joined(_values(model.trainable_variables)), "counters": _counters(model)}
    found |= {kind: _joined(_values(_moments(model, kind))) for kind in MOMENTS}
    if best is not None:
        found["best"] = _joined([best[weight_name(one.path)] for one in model.trainable_variables])
    return found | ({"average": _joined(mean)} if mean else {})


def is_finite(state: Vectors) -> bool:
    """Tell whether a checkpoint can hold this state."""
    return all(bool(np.isfinite(one).all()) for one in state.values())


def read(model: Any, slot: NetworkCheckpoint, course: TrainingState, recipe: Recipe) -> Vectors:
    """Return the state that `course` left behind, checked against `model` and `recipe`; ModelError if it is not so."""
    epochs = len(course.history)
    if course.step != epochs * recipe.steps_per_epoch or not 0 < course.step < recipe.steps:
        raise slot.refused(f"step {course.step} after {epochs} epochs of {recipe.steps_per_epoch} steps")
    if not all(row.keys() >= {"loss", "validation_loss"} for row in course.history):
        raise slot.refused("an epoch without its losses")
    size = sum(math.prod(one.shape) for one in model.trainable_variables)
    kinds = ["weights", *MOMENTS, *(["average"] if recipe.average else [])]
    kinds += ["best"] if course.best_loss is not None else []
    specs = {kind: TensorSpec("F32", (size,)) for kind in kinds}
    counters = sum(math.prod(one.shape) for one in _counting(model))
    return slot.tensors(specs | {"counters": TensorSpec("I64", (counters,))})


def restore(model: Any, state: Vectors) -> None:
    """Give `model`, compiled with its moments made, the weights, moments and counters that it had."""
    _assign(model.trainable_variables, state["weights"])
    for kind in MOMENTS:
        _assign(_moments(model, kind), state[kind])
    _assign(_counting(model), state["counters"])


def parted(model: Any, vector: NDArray) -> list[NDArray]:
    """Return a vector as arrays of the shapes of the trained variables."""
    return _parted(model.trainable_variables, vector)


def by_name(model: Any, vector: NDArray) -> Vectors:
    """Return a vector as the trained tensors by layer and weight name."""
    names = [weight_name(one.path) for one in model.trainable_variables]
    return dict(zip(names, parted(model, vector), strict=True))


def _moments(model: Any, kind: str) -> list[Any]:
    """Return Adam's moments of one kind, in the order of the variables that they belong to."""
    return [one for one in model.optimizer.variables if one.path.endswith(f"_{kind}")]


def _counting(model: Any) -> list[Any]:
    """Return the integers that a step may change: the optimizer's count, and what layers draw from."""
    return [model.optimizer.iterations, *model.non_trainable_variables]


def _counters(model: Any) -> NDArray[np.int64]:
    return np.concatenate([np.asarray(one.numpy(), np.int64).reshape(-1) for one in _counting(model)])


def _values(variables: list[Any]) -> list[NDArray]:
    return [one.numpy() for one in variables]


def _joined(arrays: list[NDArray]) -> NDArray[np.float32]:
    return np.concatenate([one.reshape(-1) for one in arrays]).astype(np.float32, copy=False)


def _parted(variables: list[Any], vector: NDArray) -> list[NDArray]:
    shapes = [tuple(one.shape) for one in variables]
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    pieces = np.split(vector, ends[:-1])
    return [piece.reshape(shape).copy() for piece, shape in zip(pieces, shapes, strict=True)]


def _assign(variables: list[Any], vector: NDArray) -> None:
    for variable, value in zip(variables, _parted(variables, vector), strict=True):
        variable.assign(value.astype(variable.dtype))
