"""The training of one network by Keras: a budget of steps, after which the best weights on validation are kept.

The optimizer is Adam (Kingma and Ba, 2015) on the objective of the network's task. The
default recipe warms the learning rate up and lets it fall along a cosine (Loshchilov and
Hutter, "SGDR", 2017), clips the gradient's global norm, adds noise to the input and drops states
out, and stops when validation has not improved for a while. The lecture's recipe does none of that.

Batches of windows are gathered as they are needed. Step k takes windows ``k * B`` to ``(k + 1) * B - 1``
of an endless sequence; each pass over all windows is shuffled by a permutation of its own, computed an
index at a time from (seed, epoch). So the order needs no memory, differs in every epoch, and can be
computed at any step.

TensorFlow is imported when the first training begins, without its dozen lines on standard error.
"""

from __future__ import annotations

import importlib.util
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster import installing, networks
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import DivergedError, TrainingError, UsageError
from forecaster.networks import Setting, network
from forecaster.predictors import Predictor, TensorSpec, parameters, predictor_class
from forecaster.signal.windows import Windows, WindowSplits
from forecaster.tasks import Task, task_of
from forecaster.tasks.base import Examples
from forecaster.training.state import read_state, restore_state, weight_name

if TYPE_CHECKING:
    from forecaster.bundle.checkpoint import NetworkCheckpoint, TrainingState
    from forecaster.training.callbacks import BestWeights
    from forecaster.training.fit import Progress

# Validation windows that are scored after each epoch, evenly spread; fewer where one is so large that all of
# them would hold more than MAX_VALUES numbers.
MAX_VALIDATION = 2048
VALIDATION_BATCH = 256
MAX_VALUES = 50_000_000


# --- importing TensorFlow ---------------------------------------------------------------


def check_tensorflow() -> None:
    """Raise UsageError if TensorFlow is not installed; it is not imported, which would take seconds."""
    if importlib.util.find_spec("tensorflow") is None:
        raise UsageError("Training a network needs TensorFlow, which is not installed.", hint=_how_to_install())


def _how_to_install() -> str:
    install = installing.command(installing.TENSORFLOW)
    return f"Install it with: {install}. Forecasting, evaluating and predictors in closed form work without it."


def tensorflow() -> Any:
    """Import and return TensorFlow; UsageError if it is not installed, TrainingError if it cannot be imported.

    What it prints while it is imported goes to a temporary file, and is shown only if the
    import fails.
    """
    check_tensorflow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with stderr_aside():
            import tensorflow

            tensorflow.constant(0.0)
            # Several networks in one process are several functions: no reason to warn of tracing.
            tensorflow.get_logger().setLevel("ERROR")
    except ImportError as error:
        raise TrainingError(
            f"Training a network needs TensorFlow, which cannot be imported ({error}).", hint=_how_to_install()
        ) from None
    return tensorflow


@contextmanager
def stderr_aside() -> Iterator[None]:
    """Send file descriptor 2 to a temporary file, and back; show the file if an exception passes."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception:  # an interruption by the user says nothing about what was printed
            os.dup2(kept, 2)
            log.seek(0)
            os.write(2, log.read()[-4000:])
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


# --- one training -----------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    """A trained network and its learning curve.

    Attributes:
        predictor: The network with its best weights.
        history: A row an epoch.
        interrupted: Whether Ctrl-C ended the training early.
        improved: Whether the network is better than what it started from.
        note: That the loss stopped being finite, and what to try; "" if it stayed finite.
    """

    predictor: Predictor
    history: list[dict[str, float]]
    interrupted: bool
    improved: bool
    note: str = ""


def train_network(
    splits: WindowSplits,
    config: RunConfig,
    progress: Progress,
    baselines: Mapping[str, Predictor] | None = None,
    *,
    checkpoint: NetworkCheckpoint | None = None,
) -> Outcome:
    """Return the network that `config` names, trained on the training windows.

    Args:
        splits: The training and validation windows.
        config: The run, resolved.
        progress: A watcher.
        baselines: The fitted baselines, from one of which a network may start.
        checkpoint: The network's part of the checkpoint: training goes on from it, and writes it.

    Raises:
        DivergedError: The loss or the weights stopped being finite before there were any weights to keep.
        UsageError: The network does not have the parameters that `config` names.
        ModelError: The checkpoint is damaged.
    """
    name = config.predictor
    sizes = parameters(name, {**networks.ahead(name, config.ahead), **config.parameters})
    splits = splits.farther(getattr(sizes, "segments", 1))
    state = checkpoint.state if checkpoint else None
    if checkpoint and state:
        if state.name != name:
            raise checkpoint.refused(f"the training state of {state.name!r} in place of that of {name!r}")
        if state.done:
            return _finished(checkpoint, state, sizes, splits.window)
    best = _train(splits, config, sizes, progress, baselines=baselines or {}, checkpoint=checkpoint)
    outcome = None
    if best.weights is not None:
        predictor = predictor_class(name).restore(sizes, best.weights, splits.window)
        outcome = Outcome(predictor, best.history, best.interrupted, best.epoch >= 0, best.note)
    if checkpoint and not best.interrupted:
        end = best.state.model_copy(update={"note": best.note, "failed": outcome is None})
        checkpoint.finish(end, {} if outcome is None else outcome.predictor.tensors())
    if outcome is None:
        raise DivergedError(_capitalised(best.note))
    return outcome


def _finished(checkpoint: NetworkCheckpoint, state: TrainingState, sizes: Any, window: Window) -> Outcome:
    """Return the outcome of a training that had ended before another network's was interrupted."""
    if state.failed:
        raise DivergedError(_capitalised(state.note))
    shapes = network(state.name).tensor_shapes(sizes, window)
    weights = checkpoint.tensors({name: TensorSpec("F32", shape) for name, shape in shapes.items()})
    history = [{**row, "step": int(row["step"])} for row in state.history]
    predictor = predictor_class(state.name).restore(sizes, weights, window)
    return Outcome(predictor, history, interrupted=False, improved=state.best_epoch >= 0, note=state.note)


def _capitalised(note: str) -> str:
    return note[:1].upper() + note[1:]


def _train(
    splits: WindowSplits,
    config: RunConfig,
    sizes: Any,
    progress: Progress,
    *,
    baselines: Mapping[str, Predictor],
    checkpoint: NetworkCheckpoint | None,
) -> BestWeights:
    """Return the callback that kept the best weights of a training, which begins anew or at its checkpoint."""
    tensorflow()
    from forecaster.training.callbacks import BestWeights

    name, recipe = config.predictor, config.recipe
    task = task_of(name)
    with stderr_aside():
        model = network(name).build(
            sizes, splits.window, Setting(config.seed, recipe.noise, recipe.dropout, recipe.name == "lecture")
        )
        warm = _start(model, name, sizes, splits.window, baselines)
        _compile(model, recipe, task.loss(recipe))
    best = BestWeights(name, recipe, progress, checkpoint)
    validation = in_order(*_validation_examples(splits, task), VALIDATION_BATCH)
    if checkpoint and checkpoint.state:
        vectors = read_state(model, checkpoint, checkpoint.state, recipe)
        restore_state(model, vectors)
        best.resume(model, checkpoint.state, vectors)
    elif warm:
        # The weights that it starts from forecast already, and may turn out to be the best.
        best.keep(model, float(model.evaluate(validation, verbose=0)))
    _run_fit(model, splits, config, best, task=task, validation=validation)
    return best


def _start(model: Any, name: str, sizes: Any, window: Window, baselines: Mapping[str, Predictor]) -> bool:
    """Set the weights that the network starts from; return whether there are any that are not random."""
    module = network(name)
    if not (baselines and hasattr(module, "initial")):
        return False
    initial = module.initial(sizes, window, baselines)
    for variable in model.trainable_variables:
        if weight_name(variable.path) in initial:
            variable.assign(initial[weight_name(variable.path)].astype(np.float32))
    return True


def _compile(model: Any, recipe: Recipe, loss: str) -> None:
    import keras

    optimizer = keras.optimizers.Adam(recipe.learning_rate, epsilon=recipe.epsilon, global_clipnorm=recipe.clip_norm)
    # Made in the first step, the optimizer's moments would have it traced twice.
    optimizer.build(model.trainable_variables)
    steps_per_call = math.gcd(recipe.steps_per_epoch, recipe.steps, 10)
    model.compile(optimizer, loss=loss, jit_compile=False, steps_per_execution=steps_per_call)


def _validation_examples(splits: WindowSplits, task: Task) -> Examples:
    """Return the validation windows that are scored after each epoch, evenly spread, as examples."""
    window, validation = splits.window, splits.validation
    count = max(1, min(MAX_VALIDATION, MAX_VALUES // (window.n_step * window.width)))
    index = np.unique(np.linspace(0, len(validation) - 1, count).astype(np.int64))
    return task.examples(*validation.take(index), window)


def _run_fit(
    model: Any, splits: WindowSplits, config: RunConfig, best: BestWeights, *, task: Task, validation: Any
) -> None:
    """Train `model` by Keras, watched by `best`; Ctrl-C ends the training with the best weights so far."""
    recipe = config.recipe
    epochs = math.ceil(recipe.steps / recipe.steps_per_epoch)
    feed = batches(
        splits.training,
        batch=recipe.batch,
        steps=epochs * recipe.steps_per_epoch,
        first=best.step,
        seed=config.seed,
        examples=task.examples,
    )
    try:
        model.fit(
            feed,
            validation_data=validation,
            initial_epoch=len(best.history),
            epochs=epochs,
            steps_per_epoch=recipe.steps_per_epoch,
            callbacks=[best],
            verbose=0,
            shuffle=False,
        )
    except KeyboardInterrupt:
        best.interrupted = True
        if best.weights is None:
            raise
    finally:
        best.progress.finish()


# --- the windows as TensorFlow takes them -----------------------------------------------


def batches(
    windows: Windows,
    *,
    batch: int,
    steps: int,
    seed: int,
    examples: Callable[..., Examples] | None = None,
    first: int = 0,
) -> Any:
    """Return a `tf.data.Dataset` of the batches `first` to `steps`; `examples` turns windows and targets into them."""
    import tensorflow as tf

    def take(index: NDArray[np.int64]) -> Examples:
        inputs, targets = windows.take(index)
        return examples(inputs, targets, windows.window) if examples else (inputs, targets)

    shapes = [(batch, *array.shape[1:]) for array in take(np.zeros(1, dtype=np.int64))]

    def gather(step: Any) -> tuple[Any, Any]:
        index = shuffled(step * batch + tf.range(batch, dtype=tf.int64), len(windows), seed)
        inputs, targets = tf.numpy_function(take, (index,), (tf.float32, tf.float32))
        # numpy_function forgets the shapes, without which Keras cannot trace the model.
        inputs.set_shape(shapes[0])
        targets.set_shape(shapes[1])
        return inputs, targets

    return _without_autotune(tf.data.Dataset.range(first, steps).map(gather).prefetch(4))


def in_order(inputs: NDArray, targets: NDArray, batch: int) -> Any:
    """Return a `tf.data.Dataset` of all W examples in order, `batch` at a time; both are (W, ...)."""
    import tensorflow as tf

    return _without_autotune(tf.data.Dataset.from_tensor_slices((inputs, targets)).batch(batch))


def _without_autotune(dataset: Any) -> Any:
    import tensorflow as tf

    # Autotuning runs in a thread, for which the end of an iterator may wait up to a minute.
    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)


def shuffled(position: Any, windows: int, seed: int) -> Any:
    """Return the window numbers (B,) at `position` (B,) of the endless sequence. Each epoch is a permutation of all."""
    import tensorflow as tf

    epoch, place = position // windows, position % windows
    columns = (tf.fill(tf.shape(epoch), tf.constant(seed, tf.int64)), epoch, tf.zeros_like(epoch))
    key = tf.cast(tf.stack(columns, axis=1), tf.int32)
    # The public wrapper, tf.random.experimental.index_shuffle, pads a key per index wrongly.
    last = tf.constant(windows - 1, tf.int64)
    return tf.raw_ops.RandomIndexShuffle(index=place, seed=key, max_index=last, rounds=4)
