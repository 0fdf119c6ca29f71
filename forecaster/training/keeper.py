"""The Keras callback that keeps the best weights, the learning curve and the learning rate."""

from __future__ import annotations

import math
import time
from typing import Any

import keras

from forecaster.config import Recipe
from forecaster.training.progress import Progress
from forecaster.training.schedule import learning_rate
from forecaster.training.weights import weights_of


class Keeper(keras.callbacks.Callback):
    """Keeps the weights with the least validation loss; stops on NaN, or after `patience` epochs without gain."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        super().__init__()
        self.recipe, self.progress = recipe, progress
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] | None = None
        self.best_loss, self.best_epoch = math.inf, -1
        self.step, self.interrupted = 0, False
        self.mean: list[Any] = []
        self.own: list[Any] = []

    def keep(self, model: Any, loss: float) -> None:
        """Keep the weights that `model` has now, if their validation `loss` is the least so far."""
        if loss < self.best_loss:
            self.best, self.best_loss, self.best_epoch = weights_of(model), loss, len(self.history) - 1

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock."""
        self.began = time.monotonic()
        self.progress.start(self.recipe.steps)

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """Set the learning rate of the coming steps."""
        self.model.optimizer.learning_rate = learning_rate(self.recipe, self.step)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the steps, which come several at a time; stop where the budget ends or the loss is not finite."""
        before, self.step = self.step, len(self.history) * self.recipe.steps_per_epoch + batch + 1
        self._average(self.step - before)
        loss = float((logs or {}).get("loss", math.nan))
        self.progress.update(self.step, loss, None)
        if self.step >= self.recipe.steps or not math.isfinite(loss):
            self.model.stop_training = True

    def on_test_begin(self, logs: Any = None) -> None:
        """Let the moving average, if there is one, be what is judged and kept."""
        self.own = [variable.numpy() for variable in self.model.trainable_variables] if self.mean else []
        self._set(self.mean)

    def _average(self, steps: int) -> None:
        """Move the average on by what `steps` steps, which come together, have made of the weights."""
        if self.recipe.average:
            now = [variable.numpy() for variable in self.model.trainable_variables]
            decay = min(self.recipe.average**steps, self.step / (self.step + 10 * steps))
            old = self.mean or now
            self.mean = [decay * one + (1 - decay) * other for one, other in zip(old, now, strict=True)]

    def _set(self, weights: list[Any]) -> None:
        for variable, value in zip(self.model.trainable_variables, weights, strict=False):
            variable.assign(value)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch, without a loss that is not finite; keep the weights if they are the best on validation."""
        loss, validation = float(logs["loss"]), float(logs["val_loss"])
        rate = float(self.model.optimizer.learning_rate)
        row = {"step": self.step, "loss": loss, "validation_loss": validation, "learning_rate": rate}
        finite = {name: value for name, value in row.items() if math.isfinite(value)}
        self.history.append({**finite, "seconds": round(time.monotonic() - self.began, 3)})
        self.keep(self.model, validation)
        self._set(self.own)
        self.progress.update(self.step, loss, validation)
        if self.recipe.patience is not None and epoch - self.best_epoch >= self.recipe.patience:
            self.model.stop_training = True
