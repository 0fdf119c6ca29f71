"""The Keras callback of a training: best weights, learning curve, learning rate, checkpoint, and a stop on NaN.

Source: Loshchilov and Hutter, "SGDR" (2017), for the learning rate's cosine.
"""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from forecaster.bundle.checkpoint import NetworkCheckpoint, TrainingState
from forecaster.config import Recipe
from forecaster.training.fit import Progress
from forecaster.training.state import Vectors, by_weight_name, is_finite, split_vector, state_vectors, weights_of


def learning_rate(recipe: Recipe, step: int) -> float:
    """Return the learning rate at `step`: constant, or a linear warm-up and a cosine to zero.

    >>> recipe = Recipe(steps=100, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate(recipe, step), 3) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warmup = max(1, round(recipe.warmup * recipe.steps))
    ramp = (step + 1) / warmup
    fall = 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, recipe.steps - warmup)))
    return recipe.learning_rate * (ramp if step < warmup else fall)


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights of the least validation loss; stops on NaN, or after `patience` epochs without gain.

    `weights` are the best so far, of epoch `epoch` (-1: what the training started from), None before there are any.
    After each epoch but the last it offers the training state to the checkpoint, if there is one.
    """

    def __init__(
        self, name: str, recipe: Recipe, progress: Progress, checkpoint: NetworkCheckpoint | None = None
    ) -> None:
        super().__init__()
        self.name, self.recipe, self.progress, self.checkpoint = name, recipe, progress, checkpoint
        self.history: list[dict[str, float]] = []
        self.weights: dict[str, NDArray[np.float32]] | None = None
        self.loss, self.epoch = math.inf, -1
        self.step, self.interrupted, self.diverged = 0, False, False
        # The moving average of the weights, and the weights that it stands in for while validation runs.
        self.average: list[NDArray] = []
        self.replaced: list[NDArray] = []

    def keep(self, model: Any, loss: float) -> None:
        """Keep the weights of `model` if they are finite and their validation `loss` is the least so far."""
        if not loss < self.loss:
            return
        weights = weights_of(model)
        if all(np.isfinite(weight).all() for weight in weights.values()):
            self.weights, self.loss, self.epoch = weights, loss, len(self.history) - 1

    def resume(self, model: Any, state: TrainingState, vectors: Vectors) -> None:
        """Take over what an interrupted training had kept."""
        self.history, self.step = [{**row, "step": int(row["step"])} for row in state.history], state.step
        if state.best_loss is not None:
            self.weights = by_weight_name(model, vectors["best"])
            self.loss, self.epoch = state.best_loss, state.best_epoch
        self.average = split_vector(model.trainable_variables, vectors["average"]) if "average" in vectors else []

    @property
    def note(self) -> str:
        """Where the loss stopped being finite, what is kept, and what to try; "" if it did not."""
        if not self.diverged:
            return ""
        kept = "there is nothing to keep"
        if self.weights is not None:
            best = f"of epoch {self.epoch + 1}" if self.epoch >= 0 else "that it started from"
            kept = f"the weights {best} are kept, the best before"
        stop = f"in epoch {len(self.history)}, by step {self.step}"
        return (
            f"the losses or the weights stopped being finite {stop}; {kept}. "
            f"Try a lower learning rate: --learning-rate {self.recipe.learning_rate / 3:.1g}, "
            "or look at the signal with 'forecaster check'."
        )

    @property
    def state(self) -> TrainingState:
        """How far the training has come."""
        return TrainingState(
            name=self.name,
            step=self.step,
            best_loss=self.loss if math.isfinite(self.loss) else None,
            best_epoch=self.epoch,
            history=tuple(self.history),
        )

    # --- what Keras calls ---------------------------------------------------------------

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock; after an interruption let it go on, and tell the watcher how far the training is."""
        self.began = time.monotonic() - (self.history[-1]["seconds"] if self.history else 0.0)
        self.progress.start(self.recipe.steps)
        if self.history:
            last = self.history[-1]
            self.progress.update(self.step, last["loss"], last["validation_loss"])

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate of the coming steps."""
        self.model.optimizer.learning_rate = learning_rate(self.recipe, self.step)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the steps, which come several at a time; stop where the budget ends or the loss is not finite."""
        before, self.step = self.step, len(self.history) * self.recipe.steps_per_epoch + batch + 1
        if self.recipe.average:
            self._move_average(self.step - before)
        loss = float((logs or {}).get("loss", math.nan))
        self.progress.update(self.step, loss, None)
        if self.step >= self.recipe.steps or not math.isfinite(loss):
            self.model.stop_training = True

    def on_test_begin(self, logs: Any = None) -> None:
        """Let the moving average, if there is one, be what is scored and kept."""
        self.replaced = self._values() if self.average else []
        self._assign(self.average)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Add a row to the learning curve, without losses that are not finite; keep the weights if they are best."""
        # A loss may look right while the weights are not.
        finite_weights = all(np.isfinite(values).all() for values in self._values())
        loss, validation = float(logs["loss"]), float(logs["val_loss"]) if finite_weights else math.nan
        rate = float(self.model.optimizer.learning_rate)
        row = {"step": self.step, "loss": loss, "validation_loss": validation, "learning_rate": rate}
        finite = {name: value for name, value in row.items() if math.isfinite(value)}
        self.history.append({**finite, "seconds": round(time.monotonic() - self.began, 3)})
        self.keep(self.model, validation)
        self._assign(self.replaced)
        self.diverged = len(finite) < len(row)
        patience = self.recipe.patience
        if self.diverged or (patience is not None and epoch - self.epoch >= patience):
            self.model.stop_training = True
        if self.checkpoint and not self.model.stop_training:
            self.checkpoint.offer(self._checkpointed)
        self.progress.update(self.step, loss, validation)

    def _move_average(self, steps: int) -> None:
        """Move the average on by `steps` steps that Keras made in one call."""
        values = self._values()
        decay = min(self.recipe.average**steps, self.step / (self.step + 10 * steps))
        before = self.average or values
        self.average = [decay * old + (1 - decay) * new for old, new in zip(before, values, strict=True)]

    def _checkpointed(self) -> tuple[TrainingState, Vectors] | None:
        """Return what a checkpoint holds; None if a moment has overflowed: the checkpoint before is as good."""
        vectors = state_vectors(self.model, self.weights, self.average)
        return (self.state, vectors) if is_finite(vectors) else None

    def _values(self) -> list[NDArray]:
        return [variable.numpy() for variable in self.model.trainable_variables]

    def _assign(self, values: list[NDArray]) -> None:
        for variable, value in zip(self.model.trainable_variables, values, strict=False):
            variable.assign(value)
