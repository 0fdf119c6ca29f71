"""The softmax RNN over symbols as two Keras layers, written as the lecture writes it.

    h_{t+1} = tanh(Whx x_t + Whh h_t + bias)     state
    y_t = Why h_t                                a number for each symbol, without a bias
    p_t = softmax(y_t)                           the probability of each to come next

Source: deck C (K. H. Wong, RNN v.250224b), demo_rnn4b, slides 14 to 23. Their twin in NumPy is
`forecaster.equations.softmax_rnn`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("forecaster")
class SymbolState(keras.layers.Layer):
    """A state of n units over one-hot symbols (B, S, K): the state after every symbol (B, S, n).

    Whx (K, n) and Whh (n, n) are the deck's transposed; `bias` (n,). The state before the first
    symbol, h1 (n,), is `trained`, from zero, or stays zero.
    """

    def __init__(self, units: int, *, trained: bool = True, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.trained, self.seed = units, trained, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the two matrices, the bias and the first state."""
        n, start = self.units, keras.initializers
        self.Whx = self._weight("Whx", (int(input_shape[-1] or 0), n), start.GlorotUniform(seed=self.seed))
        self.Whh = self._weight("Whh", (n, n), start.Orthogonal(seed=self.seed + 1))
        self.bias = self._weight("bias", (n,), "zeros")
        self.h1 = self._weight("h1", (n,), "zeros") if self.trained else None
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Run the deck's first equation over the S steps of `x` (B, S, K)."""
        h = ops.zeros((ops.shape(x)[0], self.units), dtype=self.compute_dtype)
        h = h if self.h1 is None else h + self.h1
        states = []
        for t in range(x.shape[1]):
            h = ops.tanh(ops.matmul(x[:, t], self.Whx) + ops.matmul(h, self.Whh) + self.bias)
            states.append(h)
        return ops.stack(states, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        return {**super().get_config(), "units": self.units, "trained": self.trained, "seed": self.seed}

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer=initializer)


@keras.saving.register_keras_serializable("forecaster")
class SymbolOutput(keras.layers.Layer):
    """softmax(Why h) after every step: states (B, S, n) to probabilities of the next symbol (B, S, K)."""

    def __init__(self, symbols: int, *, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.symbols, self.seed = symbols, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the matrix Why (n, K), the deck's transposed."""
        shape = (int(input_shape[-1] or 0), self.symbols)
        initializer = keras.initializers.GlorotUniform(seed=self.seed)
        self.Why = self.add_weight(name="Why", shape=shape, initializer=initializer)
        super().build(input_shape)

    def call(self, h: Any) -> Any:
        """Run the deck's second and third equation over the states `h` (B, S, n)."""
        return keras.activations.softmax(ops.matmul(h, self.Why))

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        return {**super().get_config(), "symbols": self.symbols, "seed": self.seed}
