"""Decoding all segments ahead at once: one step of a recurrent unit for each, from the same state.

    y_k = unit(P_k, h),  k = 1 .. K

P_k is learned and says which of the segments is meant; the K steps do not depend on one another.

Source: Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
Forecasting" (2023), section 3.3, parallel multi-step forecasting.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("forecaster")
class ParallelDecoder(keras.layers.Layer):
    """State h (B, n) of `unit` -> the states after one more step (B, K, n), one for each position."""

    def __init__(self, unit: Any, segments: int, *, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.unit, self.segments, self.seed = unit, segments, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the positions (K, n)."""
        normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        shape = (self.segments, int(input_shape[-1] or 0))
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal)
        super().build(input_shape)

    def call(self, h: Any) -> Any:
        """Take one step from `h` for each position."""
        batch = ops.shape(h)[0]
        states = ops.repeat(h[:, None], self.segments, axis=1)
        positions = ops.broadcast_to(self.kernel[None], (batch, *self.kernel.shape))
        return self.unit.advance(positions, states)
