"""The network that feeds its output back, as a Keras layer.

    z_t = tanh(W [x_t, y_{t-1}] + b)         hidden units
    y_t = V z_t + c,   y_0 = 0               output

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the infinite-response model
Y_t = f(X_t, Y_{t-1}); Jordan (1986); Lin, Horne, Tino and Giles (1996). Its twin in NumPy is
`forecaster.equations.jordan`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("forecaster")
class Jordan(keras.layers.Layer):
    """n hidden units and M outputs over (B, S, N): every output (B, S, M), or the last one (B, M).

    W (N + M, n) acts on [x_t, y_{t-1}], V (n, M) on z_t. Both start from a normal
    distribution of deviation .01, as the deck's dense layers do, so that many exogenous channels
    do not drown the one that is forecast; the biases b (n,) and c (M,) start at 0.
    """

    def __init__(
        self, units: int, outputs: int, *, return_sequences: bool = False, seed: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.units, self.outputs, self.return_sequences, self.seed = units, outputs, return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the two matrices and the two biases."""
        rows, n, M = int(input_shape[-1] or 0) + self.outputs, self.units, self.outputs
        first, second = (keras.initializers.RandomNormal(0, 0.01, seed=self.seed + k) for k in range(2))
        self.W = self.add_weight(name="W", shape=(rows, n), initializer=first)
        self.V = self.add_weight(name="V", shape=(n, M), initializer=second)
        self.b = self.add_weight(name="b", shape=(n,), initializer="zeros")
        self.c = self.add_weight(name="c", shape=(M,), initializer="zeros")
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Run the equations over the S steps of `x` (B, S, N)."""
        W, V, b, c = self.W, self.V, self.b, self.c
        y = ops.zeros((ops.shape(x)[0], self.outputs), dtype=self.compute_dtype)
        outputs = []
        for t in range(x.shape[1]):
            z = ops.tanh(ops.matmul(ops.concatenate([x[:, t], y], axis=1), W) + b)
            y = ops.matmul(z, V) + c
            outputs.append(y)
        return ops.stack(outputs, axis=1) if self.return_sequences else y

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        names = ("units", "outputs", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
