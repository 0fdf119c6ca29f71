"""The basic recurrent network as a Keras layer, written as the lecture writes it.

    s_t = act(W [x_t, s_{t-1}] + b),   y_t = s_t

Source: deck A (COMP5331, R. Wong), "Basic RNN". Its twin in NumPy is
`forecaster.equations.basic_rnn`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.layers.initial import InputAndState

ACTIVATIONS = {"tanh": ops.tanh, "relu": ops.relu}


@keras.saving.register_keras_serializable("forecaster")
class BasicRNN(keras.layers.Layer):
    """A basic RNN of n units over (B, S, N): every output (B, S, n), or the last one (B, n).

    One matrix W (N + n, n), the deck's transposed, acts on [x_t, s_{t-1}]; the bias b (n,)
    starts at 0. The state's rows of W start orthogonal, for ReLU too: on segments of a real signal
    the identity of Le, Jaitly and Hinton (2015) was slower to train. The state before the first
    step is 0, or with `trained_start` the weight s0 (n,), which starts at 0 and is learnt.
    """

    def __init__(
        self,
        units: int,
        *,
        activation: str = "tanh",
        trained_start: bool = False,
        return_sequences: bool = False,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.units, self.activation, self.trained_start = units, activation, trained_start
        self.return_sequences, self.seed = return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrix, the bias and the first state."""
        n, initial = self.units, InputAndState(self.seed)
        self.W = self.add_weight(name="W", shape=(int(input_shape[-1] or 0) + n, n), initializer=initial)
        self.b = self.add_weight(name="b", shape=(n,), initializer="zeros")
        self.s0 = self.add_weight(name="s0", shape=(n,), initializer="zeros") if self.trained_start else None
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Run the deck's equation over the S steps of `x` (B, S, N)."""
        act, W, b = ACTIVATIONS[self.activation], self.W, self.b
        s = ops.zeros((ops.shape(x)[0], self.units), dtype=self.compute_dtype)
        if self.s0 is not None:
            s = s + self.s0
        outputs = []
        for t in range(x.shape[1]):
            s = act(ops.matmul(ops.concatenate([x[:, t], s], axis=1), W) + b)
            outputs.append(s)
        return ops.stack(outputs, axis=1) if self.return_sequences else s

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        names = ("units", "activation", "trained_start", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
