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
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import DivergedError
from forecaster.networks import Setting, network
from forecaster.predictors import Parts, Predictor, kind, parameters
from forecaster.training.objectives import OBJECTIVES, Example, Objective
from forecaster.training.progress import Progress
from forecaster.training.quiet import stderr_aside, tensorflow
from forecaster.training.weights import weight_name

MAX_VALIDATION = 2048
"""Validation windows that are looked at after each epoch, evenly spread."""
VALIDATION_BATCH = 256
MAX_VALUES = 50_000_000
"""What these may hold together: fewer windows are looked at where one is large."""


@dataclass(frozen=True)
class Outcome:
    """A trained network and its learning curve.

    `interrupted` tells that Ctrl-C ended it early, `improved` that it is better than what it started from.
    """

    predictor: Predictor
    history: list[dict[str, float]]
    interrupted: bool
    improved: bool


def train_network(
    parts: Parts, config: RunConfig, progress: Progress, fitted: Mapping[str, Predictor] | None = None
) -> Outcome:
    """Train the network that `config` names on the training windows; `fitted` are the baselines it may start from.

    Raises DivergedError if the loss or the weights are not finite, UsageError if the network
    does not have the parameters named.
    """
    own = parameters(config.predictor, {**networks.ahead(config.predictor, config.ahead), **config.parameters})
    parts = parts.farther(getattr(own, "segments", 1))
    tensorflow()
    from forecaster.training.keeper import Keeper

    recipe = config.recipe
    setting = Setting(config.seed, recipe.noise, recipe.dropout, recipe.name == "lecture")
    objective = OBJECTIVES[kind(config.predictor).task]
    with stderr_aside():
        model = network(config.predictor).build(own, parts.window, setting)
        started = _start(model, network(config.predictor), own, (parts.window, fitted or {}))
        _compile(model, recipe, recipe.loss if objective.loss == "mse" else objective.loss)
    keeper = Keeper(recipe, progress)
    held_back = objective.examples(*_held_back(parts), parts.window)
    if started:
        keeper.keep(model, float(model.evaluate(*held_back, batch_size=VALIDATION_BATCH, verbose=0)))
    _fit(model, parts, config, keeper=keeper, given=(objective, held_back))
    weights = _checked(keeper)
    predictor = kind(config.predictor).restore(own, weights, parts.window)
    return Outcome(predictor, keeper.history, keeper.interrupted, keeper.best_epoch >= 0)


def _start(model: Any, module: Any, own: Any, given: tuple[Window, Mapping[str, Predictor]]) -> bool:
    """Give the Keras model the weights that its network starts from; say whether it does not start at random."""
    if not (given[1] and hasattr(module, "initial")):
        return False
    start = module.initial(own, *given)
    for variable in model.trainable_variables:
        if weight_name(variable.path) in start:
            variable.assign(start[weight_name(variable.path)].astype(np.float32))
    return True


def _held_back(parts: Parts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the validation windows that are looked at, evenly spread, with their targets."""
    looked_at = max(1, min(MAX_VALIDATION, MAX_VALUES // (parts.window.n_step * parts.window.width)))
    return parts.validation.take(np.unique(np.linspace(0, len(parts.validation) - 1, looked_at).astype(np.int64)))


def _compile(model: Any, recipe: Recipe, loss: str) -> None:
    import keras

    optimizer = keras.optimizers.Adam(recipe.learning_rate, epsilon=recipe.epsilon, global_clipnorm=recipe.clip_norm)
    per_call = math.gcd(recipe.steps_per_epoch, recipe.steps, 10)
    model.compile(optimizer, loss=loss, jit_compile=False, steps_per_execution=per_call)


def _fit(model: Any, parts: Parts, config: RunConfig, *, keeper: Any, given: tuple[Objective, Example]) -> None:
    """Run Keras' fit on what is learned, with the held-back examples; Ctrl-C ends it with the best weights so far."""
    from forecaster.training.feed import batches

    recipe, (objective, held_back) = config.recipe, given
    epochs = math.ceil(recipe.steps / recipe.steps_per_epoch)
    steps = epochs * recipe.steps_per_epoch
    feed = batches(parts.training, batch=recipe.batch, steps=steps, seed=config.seed, examples=objective.examples)
    options: Mapping[str, Any] = {
        "validation_data": held_back,
        "validation_batch_size": VALIDATION_BATCH,
        "epochs": epochs,
        "steps_per_epoch": recipe.steps_per_epoch,
        "verbose": 0,
        "shuffle": False,
    }
    try:
        model.fit(feed, callbacks=[keeper], **options)
    except KeyboardInterrupt:
        keeper.interrupted = True
        if keeper.best is None:
            raise
    finally:
        keeper.progress.finish()


def _checked(keeper: Any) -> dict[str, NDArray[np.float32]]:
    """Return the best weights; refuse those that are not finite: a loss may look right while they are not."""
    best: dict[str, NDArray[np.float32]] | None = keeper.best
    if best is not None and all(np.isfinite(tensor).all() for tensor in best.values()):
        return best
    hint = "Try a lower learning rate: --learning-rate 0.001, or look at the signal with 'forecaster check'."
    raise DivergedError(f"The losses or the weights stopped being finite at step {keeper.step}.", hint=hint)
