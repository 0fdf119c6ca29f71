"""The Keras callback that keeps the best weights, the learning curve and the learning rate, and stops on NaN."""

from __future__ import annotations

import math
import time
from typing import Any

import keras
import numpy as np

from forecaster.bundle.checkpoint import NetworkCheckpoint, TrainingState
from forecaster.config import Recipe
from forecaster.training import state
from forecaster.training.progress import Progress
from forecaster.training.schedule import learning_rate
from forecaster.training.weights import weights_of


class BestWeights(keras.callbacks.Callback):
    """Keeps the weights with the least validation loss; stops on NaN, or after `patience` epochs without gain.

    After an epoch that is not the last it offers the state of the training to the checkpoint, if there is one.
    """

    def __init__(self, name: str, recipe: Recipe, progress: Progress, slot: NetworkCheckpoint | None = None) -> None:
        super().__init__()
        self.name, self.recipe, self.progress, self.slot = name, recipe, progress, slot
        self.history: list[dict[str, float]] = []
        self.best: dict[str, Any] | None = None
        self.best_loss, self.best_epoch = math.inf, -1
        self.step, self.interrupted, self.diverged = 0, False, False
        self.mean: list[Any] = []
        self.own: list[Any] = []

    def keep(self, model: Any, loss: float) -> None:
        """Keep the weights that `model` has now, if they are finite and their validation `loss` the least so far."""
        weights = weights_of(model) if loss < self.best_loss else {}
        if weights and all(np.isfinite(one).all() for one in weights.values()):
            self.best, self.best_loss, self.best_epoch = weights, loss, len(self.history) - 1

    def resume(self, model: Any, course: TrainingState, found: state.Vectors) -> None:
        """Take over what an interrupted training had kept: `found` is its state."""
        self.history, self.step = [{**row, "step": int(row["step"])} for row in course.history], course.step
        if course.best_loss is not None:
            self.best = state.by_name(model, found["best"])
            self.best_loss, self.best_epoch = course.best_loss, course.best_epoch
        self.mean = state.parted(model, found["average"]) if "average" in found else []

    @property
    def note(self) -> str:
        """Say where the loss stopped being finite, what is kept, and what to try; "" if it did not."""
        if not self.diverged:
            return ""
        epoch, kept = len(self.history), "there is nothing to keep"
        if self.best is not None:
            best = f"of epoch {self.best_epoch + 1}" if self.best_epoch >= 0 else "that it started from"
            kept = f"the weights {best} are kept, the best before"
        found = f"the losses or the weights stopped being finite in epoch {epoch}, by step {self.step}; {kept}."
        rate = f"--learning-rate {self.recipe.learning_rate / 3:.1g}"
        return f"{found} Try a lower learning rate: {rate}, or look at the signal with 'forecaster check'."

    @property
    def course(self) -> TrainingState:
        """How far the training has come."""
        best = self.best_loss if math.isfinite(self.best_loss) else None
        own = {"step": self.step, "best_loss": best, "best_epoch": self.best_epoch, "history": tuple(self.history)}
        return TrainingState.model_validate({"name": self.name, **own})

    def on_train_begin(self, logs: Any = None) -> None:
        """Start the clock, or let it go on and tell the watcher how far the training is."""
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
        loss, validation = float(logs["loss"]), float(logs["val_loss"]) if self._is_finite() else math.nan
        rate = float(self.model.optimizer.learning_rate)
        row = {"step": self.step, "loss": loss, "validation_loss": validation, "learning_rate": rate}
        finite = {name: value for name, value in row.items() if math.isfinite(value)}
        self.history.append({**finite, "seconds": round(time.monotonic() - self.began, 3)})
        self.keep(self.model, validation)
        self._set(self.own)
        self.diverged = len(finite) < len(row)
        patience = self.recipe.patience
        if self.diverged or (patience is not None and epoch - self.best_epoch >= patience):
            self.model.stop_training = True
        if self.slot and not self.model.stop_training:
            self._offer(self.slot)
        self.progress.update(self.step, loss, validation)

    def _is_finite(self) -> bool:
        """Tell whether the weights are; a loss may look right while they are not."""
        return all(bool(np.isfinite(variable.numpy()).all()) for variable in self.model.trainable_variables)

    def _offer(self, slot: NetworkCheckpoint) -> None:
        """Let the checkpoint have the state, unless a moment has overflowed: the one before it is as good."""

        def made() -> tuple[TrainingState, state.Vectors] | None:
            found = state.vectors(self.model, self.best, self.mean)
            return (self.course, found) if state.is_finite(found) else None

        slot.offer(made)
