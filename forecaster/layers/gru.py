"""The gated recurrent unit as a Keras layer, in each of its four forms.

    r_t = sig(Wr [x_t, y_{t-1}] + br)                       reset gate
    u_t = sig(Wu [x_t, y_{t-1}] + bu)                       update gate
    a_t = tanh(Wa [x_t, r_t y_{t-1}] + ba)                  candidate, reset before the product
    a_t = tanh(Wx x_t + ba + r_t (Wy y_{t-1} + bs))         candidate, reset after it; Wa = [Wx, Wy]
    y_t = u_t y_{t-1} + (1 - u_t) a_t                       output, the update gate keeps
    y_t = (1 - u_t) y_{t-1} + u_t a_t                       output, the update gate takes

Source: Cho et al. (2014) and Chung et al. (2014); see its twin in NumPy,
`forecaster.equations.gru`, for which of them has which.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.layers.initial import InputAndState

GATES = "rua"


@keras.saving.register_keras_serializable("forecaster")
class GRU(keras.layers.Layer):
    """A GRU of n units over (B, S, N): every output (B, S, n), or the last one (B, n).

    Three matrices Wr, Wu, Wa (N + n, n) act on [x_t, y_{t-1}]; their state's rows start
    orthogonal. The biases br, bu, ba, and bs where the reset comes after the product, (n,)
    each, start at 0. `mix` is update-keeps or update-takes, `reset` before or after.
    """

    def __init__(
        self,
        units: int,
        *,
        mix: str = "update-keeps",
        reset: str = "after",
        return_sequences: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units, self.mix, self.reset = units, mix, reset
        self.return_sequences, self.seed = return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the three matrices and the biases."""
        rows = int(input_shape[-1] or 0) + self.units
        self.matrices = {gate: self._matrix(gate, rows) for gate in GATES}
        letters = GATES + ("s" if self.reset == "after" else "")
        self.biases = {
            letter: self.add_weight(name=f"b{letter}", shape=(self.units,), initializer="zeros") for letter in letters
        }
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Run the equations over the S steps of `x` (B, S, N)."""
        y = ops.zeros((ops.shape(x)[0], self.units), dtype=self.compute_dtype)
        outputs = []
        for t in range(x.shape[1]):
            y = self.advance(x[:, t], y)
            outputs.append(y)
        return ops.stack(outputs, axis=1) if self.return_sequences else y

    def advance(self, x: Any, y: Any) -> Any:
        """Return y_t (..., n) from x_t (..., N) and y_{t-1} (..., n)."""
        W, b = self.matrices, self.biases
        xy = ops.concatenate([x, y], axis=-1)
        r = ops.sigmoid(ops.matmul(xy, W["r"]) + b["r"])
        u = ops.sigmoid(ops.matmul(xy, W["u"]) + b["u"])
        a = self._candidate(x, r, y)
        return u * y + (1 - u) * a if self.mix == "update-keeps" else (1 - u) * y + u * a

    def _candidate(self, x: Any, r: Any, y: Any) -> Any:
        """Return a_t (..., n) from x_t (..., N), r_t (..., n) and y_{t-1} (..., n)."""
        W, b = self.matrices["a"], self.biases
        if self.reset == "before":
            return ops.tanh(ops.matmul(ops.concatenate([x, r * y], axis=-1), W) + b["a"])
        Wx, Wy = W[: -self.units], W[-self.units :]
        return ops.tanh(ops.matmul(x, Wx) + b["a"] + r * (ops.matmul(y, Wy) + b["s"]))

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        names = ("units", "mix", "reset", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}

    def _matrix(self, gate: str, rows: int) -> keras.Variable:
        initializer = InputAndState(2 * (self.seed * len(GATES) + GATES.index(gate)))
        return self.add_weight(name=f"W{gate}", shape=(rows, self.units), initializer=initializer)
