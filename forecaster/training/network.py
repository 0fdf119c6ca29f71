"""A network's training by Keras' fit: a budget of steps, the best weights on validation kept.

The optimizer is Adam (Kingma and Ba, 2015) on the objective of the network's task. The
default recipe warms the learning rate up and lets it fall along a cosine (Loshchilov and
Hutter, "SGDR", 2017), clips the gradient's global norm, disturbs input and states, and stops
when validation has not improved for a while. The lecture's recipe does none of that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster import networks
from forecaster.bundle.checkpoint import NetworkCheckpoint, TrainingState
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import DivergedError
from forecaster.networks import Setting, network
from forecaster.predictors import Predictor, TensorSpec, parameters, predictor_class
from forecaster.signal.splits import WindowSplits
from forecaster.training import state
from forecaster.training.objectives import OBJECTIVES, Objective
from forecaster.training.progress import Progress
from forecaster.training.tensorflow import stderr_aside, tensorflow
from forecaster.training.weights import weight_name

MAX_VALIDATION = 2048
"""Validation windows that are looked at after each epoch, evenly spread."""
VALIDATION_BATCH = 256
MAX_VALUES = 50_000_000
"""What these may hold together: fewer windows are looked at where one is large."""


@dataclass(frozen=True)
class Outcome:
    """A trained network and its learning curve.

    `interrupted` tells that Ctrl-C ended it early, `improved` that it is better than what it started from;
    `note` says that the loss stopped being finite, and what to try, or is "".
    """

    predictor: Predictor
    history: list[dict[str, float]]
    interrupted: bool
    improved: bool
    note: str = ""


def train_network(
    parts: WindowSplits,
    config: RunConfig,
    progress: Progress,
    fitted: Mapping[str, Predictor] | None = None,
    *,
    slot: NetworkCheckpoint | None = None,
) -> Outcome:
    """Train the network that `config` names on the training windows; `fitted` are the baselines it may start from.

    `slot` is its part of the checkpoint: it goes on where that one stands, and is written there.
    Raises DivergedError if the loss or the weights stopped being finite before there were any to keep,
    UsageError if the network does not have the parameters named, ModelError if the checkpoint is damaged.
    """
    own = parameters(config.predictor, {**networks.ahead(config.predictor, config.ahead), **config.parameters})
    parts = parts.farther(getattr(own, "segments", 1))
    if slot and slot.state and slot.state.name != config.predictor:
        raise slot.refused(f"the course of {slot.state.name!r} in place of {config.predictor!r}")
    if slot and slot.state and slot.state.done:
        return _ended(slot, slot.state, own, parts.window)
    best_weights = _trained(parts, config, own, (progress, fitted or {}, slot))
    outcome = _outcome(best_weights, own, parts.window)
    if slot and not best_weights.interrupted:
        course = best_weights.course.model_copy(update={"note": best_weights.note, "failed": outcome is None})
        slot.finish(course, {} if outcome is None else outcome.predictor.tensors())
    if outcome is None:
        raise DivergedError(_sentence(best_weights.note))
    return outcome


def _trained(
    parts: WindowSplits,
    config: RunConfig,
    own: Any,
    given: tuple[Progress, Mapping[str, Predictor], NetworkCheckpoint | None],
) -> Any:
    """Train from the start, or from where the checkpoint stands; return what was kept."""
    tensorflow()
    from forecaster.training.callbacks import BestWeights
    from forecaster.training.data import in_order

    recipe, (progress, fitted, slot) = config.recipe, given
    setting = Setting(config.seed, recipe.noise, recipe.dropout, recipe.name == "lecture")
    objective = OBJECTIVES[predictor_class(config.predictor).task]
    with stderr_aside():
        model = network(config.predictor).build(own, parts.window, setting)
        started = _start(model, network(config.predictor), own, (parts.window, fitted))
        _compile(model, recipe, recipe.loss if objective.loss == "mse" else objective.loss)
    best_weights = BestWeights(config.predictor, recipe, progress, slot)
    held_back = in_order(*objective.examples(*_held_back(parts), parts.window), VALIDATION_BATCH)
    if slot and slot.state:
        found = state.read(model, slot, slot.state, recipe)
        state.restore(model, found)
        best_weights.resume(model, slot.state, found)
    elif started:
        best_weights.keep(model, float(model.evaluate(held_back, verbose=0)))
    _fit(model, parts, config, best_weights=best_weights, given=(objective, held_back))
    return best_weights


def _outcome(best_weights: Any, own: Any, window: Window) -> Outcome | None:
    """Return the best weights as a predictor; None where there are none to keep."""
    if best_weights.best is None:
        return None
    predictor = predictor_class(best_weights.name).restore(own, best_weights.best, window)
    return Outcome(
        predictor, best_weights.history, best_weights.interrupted, best_weights.best_epoch >= 0, best_weights.note
    )


def _ended(slot: NetworkCheckpoint, course: TrainingState, own: Any, window: Window) -> Outcome:
    """Return what the training of a network gave before another was interrupted; DivergedError if it gave nothing."""
    if course.failed:
        raise DivergedError(_sentence(course.note))
    shapes = network(course.name).tensor_shapes(own, window)
    weights = slot.tensors({name: TensorSpec("F32", shape) for name, shape in shapes.items()})
    history = [{**row, "step": int(row["step"])} for row in course.history]
    return Outcome(
        predictor_class(course.name).restore(own, weights, window), history, False, course.best_epoch >= 0, course.note
    )


def _sentence(note: str) -> str:
    return note[:1].upper() + note[1:]


def _start(model: Any, module: Any, own: Any, given: tuple[Window, Mapping[str, Predictor]]) -> bool:
    """Give the Keras model the weights that its network starts from; say whether it does not start at random."""
    if not (given[1] and hasattr(module, "initial")):
        return False
    start = module.initial(own, *given)
    for variable in model.trainable_variables:
        if weight_name(variable.path) in start:
            variable.assign(start[weight_name(variable.path)].astype(np.float32))
    return True


def _held_back(parts: WindowSplits) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the validation windows that are looked at, evenly spread, with their targets."""
    looked_at = max(1, min(MAX_VALIDATION, MAX_VALUES // (parts.window.n_step * parts.window.width)))
    return parts.validation.take(np.unique(np.linspace(0, len(parts.validation) - 1, looked_at).astype(np.int64)))


def _compile(model: Any, recipe: Recipe, loss: str) -> None:
    """Compile with the optimizer's moments made already: made in the first step, they would have it traced twice."""
    import keras

    optimizer = keras.optimizers.Adam(recipe.learning_rate, epsilon=recipe.epsilon, global_clipnorm=recipe.clip_norm)
    optimizer.build(model.trainable_variables)
    per_call = math.gcd(recipe.steps_per_epoch, recipe.steps, 10)
    model.compile(optimizer, loss=loss, jit_compile=False, steps_per_execution=per_call)


def _fit(
    model: Any, parts: WindowSplits, config: RunConfig, *, best_weights: Any, given: tuple[Objective, Any]
) -> None:
    """Run Keras' fit on what is learned, with the held-back examples; Ctrl-C ends it with the best weights so far."""
    from forecaster.training.data import batches

    recipe, (objective, held_back) = config.recipe, given
    epochs = math.ceil(recipe.steps / recipe.steps_per_epoch)
    steps = epochs * recipe.steps_per_epoch
    source = {"batch": recipe.batch, "steps": steps, "first": best_weights.step, "seed": config.seed}
    feed = batches(parts.training, **source, examples=objective.examples)
    options: Mapping[str, Any] = {
        "validation_data": held_back,
        "initial_epoch": len(best_weights.history),
        "epochs": epochs,
        "steps_per_epoch": recipe.steps_per_epoch,
        "verbose": 0,
        "shuffle": False,
    }
    try:
        model.fit(feed, callbacks=[best_weights], **options)
    except KeyboardInterrupt:
        best_weights.interrupted = True
        if best_weights.best is None:
            raise
    finally:
        best_weights.progress.finish()
