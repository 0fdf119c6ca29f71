"""The traditional LSTM as a Keras layer, written as the lecture writes it, and how TensorFlow 1 drew one.

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

    Four matrices Wf, Wi, Wa, Wo (N + n, n), the deck's transposed, act on [x_t, y_{t-1}]; there
    are four biases (n,).
    """

    def __init__(self, units: int, *, return_sequences: bool = False, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.return_sequences, self.seed = units, return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the four matrices and the four biases."""
        n, rows = self.units, int(input_shape[-1] or 0) + self.units
        self.matrices, self.biases = {}, {}
        for k, gate in enumerate(GATES):
            initial = keras.initializers.GlorotUniform(seed=self.seed * len(GATES) + k)
            self.matrices[gate] = self.add_weight(name=f"W{gate}", shape=(rows, n), initializer=initial)
        for gate in GATES:
            # The forget gate starts open, as in TensorFlow 1's cell: the state is kept until it learns better.
            initial = "ones" if gate == "f" else "zeros"
            self.biases[gate] = self.add_weight(name=f"b{gate}", shape=(n,), initializer=initial)
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Return the outputs of the deck's equations over the S steps of `x` (B, S, N)."""
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
        """Return the arguments that make the same layer again."""
        names = ("units", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


class JointGlorot(keras.initializers.Initializer):
    """Initial kernel of TensorFlow 1's cell: Glorot-uniform over its one [x, h] -> 4n matrix.

    Keras holds the input's and the state's matrix apart, and would draw each with a limit of its
    own (the state's orthogonal). `fan_in` is the rows of both together, N + n.

    Source: deck E, "LSTM with TensorFlow"; Glorot and Bengio (2010).
    """

    def __init__(self, fan_in: int, seed: int) -> None:
        self.fan_in, self.seed = fan_in, seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return the part of the matrix that has the `shape` (rows, 4n)."""
        limit = (6 / (self.fan_in + shape[-1])) ** 0.5
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self) -> dict[str, int]:
        """Return the arguments that make the same initializer again."""
        return {"fan_in": self.fan_in, "seed": self.seed}
