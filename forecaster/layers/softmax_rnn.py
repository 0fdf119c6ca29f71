"""The softmax RNN over symbols as a Keras layer, written as the lecture writes it.

    h_{t+1} = tanh(Whx x_t + Whh h_t + bias)     state
    y_t = Why h_{t+1}                            a number for each symbol, without a bias
    p_t = softmax(y_t)                           the probability of each to come next

Source: deck C (K. H. Wong, RNN v.250224b), demo_rnn4b, slides 14 to 23. Its twin in NumPy is
`forecaster.equations.softmax_rnn`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.layers.regularise import Dropout


@keras.saving.register_keras_serializable("forecaster")
class SoftmaxRNN(keras.layers.Layer):
    """A state of n units over one-hot symbols (B, S, K): the probabilities of every next symbol (B, S, K).

    Whx (K, n), Whh (n, n) and Why (n, K) are the deck's transposed; `bias` (n,). The initial
    state h1 (n,) is trained, from zero, or stays zero. While training, a share `dropout` of the
    units is left out of Why h, the same at every step.
    """

    def __init__(self, units: int, *, trained: bool = True, dropout: float = 0.0, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.trained, self.amount, self.seed = units, trained, dropout, seed
        self.dropout = Dropout(dropout, seed=seed, layer=1, name="dropout")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the three matrices, the bias and the initial state."""
        symbols, n, make = int(input_shape[-1] or 0), self.units, keras.initializers
        self.Whx = self._weight("Whx", (symbols, n), make.GlorotUniform(seed=self.seed))
        self.Whh = self._weight("Whh", (n, n), make.Orthogonal(seed=self.seed + 1))
        self.bias = self._weight("bias", (n,), "zeros")
        self.Why = self._weight("Why", (n, symbols), make.GlorotUniform(seed=self.seed + 2))
        self.h1 = self._weight("h1", (n,), "zeros") if self.trained else None
        self.dropout.build((None, input_shape[1], n))
        super().build(input_shape)

    def call(self, x: Any, training: bool = False) -> Any:
        """Run the deck's equations over the S steps of `x` (B, S, K)."""
        batch = ops.shape(x)[0]
        h = ops.zeros((batch, self.units), dtype=self.compute_dtype)
        if self.h1 is not None:
            h = h + self.h1
        states = []
        for t in range(x.shape[1]):
            h = ops.tanh(ops.matmul(x[:, t], self.Whx) + ops.matmul(h, self.Whh) + self.bias)
            states.append(h)
        y = ops.matmul(self.dropout(ops.stack(states, axis=1), training=training), self.Why)
        return keras.activations.softmax(y)

    def get_config(self) -> dict[str, Any]:
        """Return what is needed to make the layer again."""
        own = {"units": self.units, "trained": self.trained, "dropout": self.amount, "seed": self.seed}
        return {**super().get_config(), **own}

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> keras.Variable:
        return self.add_weight(name=name, shape=shape, initializer=initializer)
