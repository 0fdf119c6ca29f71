"""The gated recurrent unit as a Keras layer, in each of its four forms, and a decoder that uses one.

    r_t = sig(Wr [x_t, y_{t-1}] + br)                       reset gate
    u_t = sig(Wu [x_t, y_{t-1}] + bu)                       update gate
    a_t = tanh(Wa [x_t, r_t y_{t-1}] + ba)                  candidate, reset before the product
    a_t = tanh(Wx x_t + ba + r_t (Wy y_{t-1} + bs))         candidate, reset after it; Wa = [Wx, Wy]
    y_t = u_t y_{t-1} + (1 - u_t) a_t                       output, the update gate keeps
    y_t = (1 - u_t) y_{t-1} + u_t a_t                       output, the update gate takes

Source: Cho et al. (2014) and Chung et al. (2014). Its twin in NumPy, `forecaster.equations.gru`,
says which of the two papers has which form.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.layers.recurrent import InputAndState

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
        """Add the three matrices and the biases."""
        n, rows = self.units, int(input_shape[-1] or 0) + self.units
        self.matrices, self.biases = {}, {}
        for k, gate in enumerate(GATES):
            # Each matrix is drawn with two seeds, one for its input's rows and one for its state's.
            initial = InputAndState(2 * (self.seed * len(GATES) + k))
            self.matrices[gate] = self.add_weight(name=f"W{gate}", shape=(rows, n), initializer=initial)
        for letter in GATES + ("s" if self.reset == "after" else ""):
            self.biases[letter] = self.add_weight(name=f"b{letter}", shape=(n,), initializer="zeros")
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Return the outputs of the equations over the S steps of `x` (B, S, N)."""
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
        if self.reset == "before":
            a = ops.tanh(ops.matmul(ops.concatenate([x, r * y], axis=-1), W["a"]) + b["a"])
        else:
            Wx, Wy = W["a"][: -self.units], W["a"][-self.units :]
            a = ops.tanh(ops.matmul(x, Wx) + b["a"] + r * (ops.matmul(y, Wy) + b["s"]))
        return u * y + (1 - u) * a if self.mix == "update-keeps" else (1 - u) * y + u * a

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        names = ("units", "mix", "reset", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("forecaster")
class ParallelDecoder(keras.layers.Layer):
    """The states (B, K, n) of all segments ahead: one more step of `unit` from the state h (B, n) for each of them.

        y_k = unit(P_k, h),  k = 1 .. K

    P_k is learned and says which of the segments is meant; the K steps do not depend on one
    another.

    Source: Lin et al., "SegRNN: Segment Recurrent Neural Network for Long-Term Time Series
    Forecasting" (2023), section 3.3, parallel multi-step forecasting.
    """

    def __init__(self, unit: GRU, segments: int, *, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.unit, self.segments, self.seed = unit, segments, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the positions P (K, n)."""
        normal = keras.initializers.RandomNormal(0.0, 1.0, seed=self.seed)
        shape = (self.segments, int(input_shape[-1] or 0))
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal)
        super().build(input_shape)

    def call(self, h: Any) -> Any:
        """Return the state after one step from `h` (B, n) for each position."""
        batch = ops.shape(h)[0]
        states = ops.repeat(h[:, None], self.segments, axis=1)
        positions = ops.broadcast_to(self.kernel[None], (batch, *self.kernel.shape))
        return self.unit.advance(positions, states)
