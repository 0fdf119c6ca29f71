"""Noise and dropout whose masks are a function of (seed, step, layer).

The generator of Keras' own layers has a state that is not saved, so an interrupted training
could not go on as if nothing had happened. These layers draw statelessly from a step counter,
which is a weight like any other and is saved with the weights.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf


class Stateless(keras.layers.Layer):
    """A layer that counts its training steps and draws from (seed + layer, step)."""

    def __init__(self, amount: float, *, seed: int, layer: int, **options: Any) -> None:
        super().__init__(**options)
        self.amount, self.seed, self.layer = amount, seed, layer

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the step counter."""
        self.step = self.add_weight(name="step", shape=(), dtype="int32", initializer="zeros", trainable=False)
        super().build(input_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        """Return `x` disturbed in training, and as it is otherwise."""
        if not training or not self.amount:
            return x
        # The factor keeps the layers of one seed apart from those of the next.
        key = tf.stack([self.seed * 1009 + self.layer, tf.convert_to_tensor(self.step)])
        self.step.assign_add(1)
        return self.disturb(x, key)

    def disturb(self, x: Any, key: Any) -> Any:
        """Return `x` with the disturbance drawn from `key` (2,)."""
        raise TypeError(f"{type(self).__name__} does not say how it disturbs its input")


class Noise(Stateless):
    """Normal noise of standard deviation `amount`, in scaled units, added to the input.

    It is worth a ridge penalty: Bishop, "Training with noise is equivalent to Tikhonov
    regularization", Neural Computation 7 (1995).
    """

    def disturb(self, x: Any, key: Any) -> Any:
        """Return `x` with the noise drawn from `key` (2,)."""
        return x + tf.random.stateless_normal(tf.shape(x), key, stddev=self.amount)


class Dropout(Stateless):
    """Dropout of a share `amount` of the features, the kept ones scaled up, with one mask a window.

    The mask is the same at every step of a window (Gal and Ghahramani, "A Theoretically
    Grounded Application of Dropout in Recurrent Neural Networks", 2016).
    """

    def disturb(self, x: Any, key: Any) -> Any:
        """Return `x` (B, S, n) or (B, n) without the features drawn from `key` (2,)."""
        shape = tf.shape(x)
        mask_shape = tf.stack([shape[0], 1, shape[2]]) if len(x.shape) == 3 else shape
        kept = tf.random.stateless_uniform(mask_shape, key) >= self.amount
        return x * tf.cast(kept, x.dtype) / (1 - self.amount)
