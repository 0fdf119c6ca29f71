"""The traditional LSTM as a Keras layer, written as the lecture writes it.

    f_t = sig(Wf [x_t, y_{t-1}] + bf)        forget gate
    i_t = sig(Wi [x_t, y_{t-1}] + bi)        input gate
    a_t = tanh(Wa [x_t, y_{t-1}] + ba)       candidate
    s_t = f_t s_{t-1} + i_t a_t              state
    o_t = sig(Wo [x_t, y_{t-1}] + bo)        output gate
    y_t = o_t tanh(s_t)                      output

Source: deck A (COMP5331, R. Wong), "Traditional LSTM". Its twin in NumPy is
`forecaster.equations.lstm`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

GATES = "fiao"


@keras.saving.register_keras_serializable("forecaster")
class TextbookLSTM(keras.layers.Layer):
    """An LSTM of n units over (B, S, N): every output (B, S, n), or the last one (B, n).

    Four matrices Wf, Wi, Wa, Wo (N + n, n), the deck's transposed, act on [x_t, y_{t-1}]; four
    biases (n,). The forget bias starts at 1, as in TensorFlow 1's cell; the others at 0.
    """

    def __init__(self, units: int, *, return_sequences: bool = False, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.return_sequences, self.seed = units, return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the four matrices and the four biases."""
        rows = int(input_shape[-1] or 0) + self.units
        self.matrices = {gate: self._matrix(gate, rows) for gate in GATES}
        self.biases = {gate: self._bias(gate) for gate in GATES}
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Run the deck's equations over the S steps of `x` (B, S, N)."""
        W, b = self.matrices, self.biases
        s = y = ops.zeros((ops.shape(x)[0], self.units), dtype=self.compute_dtype)
        outputs = []
        for t in range(x.shape[1]):
            xy = ops.concatenate([x[:, t], y], axis=1)
            f = ops.sigmoid(ops.matmul(xy, W["f"]) + b["f"])
            i = ops.sigmoid(ops.matmul(xy, W["i"]) + b["i"])
            a = ops.tanh(ops.matmul(xy, W["a"]) + b["a"])
            s = f * s + i * a
            o = ops.sigmoid(ops.matmul(xy, W["o"]) + b["o"])
            y = o * ops.tanh(s)
            outputs.append(y)
        return ops.stack(outputs, axis=1) if self.return_sequences else y

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        own = {"units": self.units, "return_sequences": self.return_sequences, "seed": self.seed}
        return {**super().get_config(), **own}

    def _matrix(self, gate: str, rows: int) -> keras.Variable:
        initializer = keras.initializers.GlorotUniform(seed=self.seed * len(GATES) + GATES.index(gate))
        return self.add_weight(name=f"W{gate}", shape=(rows, self.units), initializer=initializer)

    def _bias(self, gate: str) -> keras.Variable:
        return self.add_weight(name=f"b{gate}", shape=(self.units,), initializer="ones" if gate == "f" else "zeros")
