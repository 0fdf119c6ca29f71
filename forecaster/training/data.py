"""The windows as TensorFlow takes them: batches gathered as they are needed, in a shuffled order.

Step k takes windows ``k * B`` to ``(k + 1) * B - 1`` of an endless sequence; each pass over all
windows is shuffled by a permutation of its own, computed an index at a time from (seed, epoch).
So the order needs no memory, differs in every epoch, and can be computed at any step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.windows import Windows
from forecaster.tasks.base import Examples


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
    """Map positions (B,) of the endless sequence to window numbers, each epoch a permutation of all."""
    import tensorflow as tf

    epoch, place = position // windows, position % windows
    columns = (tf.fill(tf.shape(epoch), tf.constant(seed, tf.int64)), epoch, tf.zeros_like(epoch))
    key = tf.cast(tf.stack(columns, axis=1), tf.int32)
    # The public wrapper, tf.random.experimental.index_shuffle, pads a key per index wrongly.
    last = tf.constant(windows - 1, tf.int64)
    return tf.raw_ops.RandomIndexShuffle(index=place, seed=key, max_index=last, rounds=4)
