"""Three recurrent layers in Keras, written as the lectures write them, and how their matrices start.

`BasicRNN`:

    s_t = act(W [x_t, s_{t-1}] + b),   y_t = s_t

`Jordan`, which feeds its output back:

    z_t = tanh(W [x_t, y_{t-1}] + b)             hidden units
    y_t = V z_t + c,   y_0 = 0                   output

`SymbolState` and `SymbolOutput`, the softmax RNN over symbols:

    h_{t+1} = tanh(Whx x_t + Whh h_t + bias)     state
    y_t = Why h_t                                a number for each symbol, without a bias
    p_t = softmax(y_t)                           the probability of each symbol to come next

Source: deck A (COMP5331, R. Wong), "Basic RNN". Deck E (Recurrent Neural Network, Industrial
AI Lab), the infinite-response model Y_t = f(X_t, Y_{t-1}); Jordan (1986); Lin, Horne, Tino and
Giles (1996). Deck C (K. H. Wong, RNN v.250224b), demo_rnn4b, slides 14 to 23. Their twins in
NumPy are in `forecaster.equations.recurrent`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

ACTIVATIONS = {"tanh": ops.tanh, "relu": ops.relu}


class InputAndState(keras.initializers.Initializer):
    """Initial matrix (N + n, n) on [x_t, s_{t-1}]: the input's rows Glorot-uniform, the state's orthogonal.

    An orthogonal matrix neither lengthens nor shortens the state from step to step. The two
    parts are drawn with `seed` and ``seed + 1``.

    Source: Glorot and Bengio (2010); Saxe, McClelland and Ganguli, "Exact Solutions to the
    Nonlinear Dynamics of Learning in Deep Linear Neural Networks" (2014).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Return a matrix of `shape` (N + n, n)."""
        rows, n = shape
        input_rows = keras.initializers.GlorotUniform(seed=self.seed)((rows - n, n), dtype=dtype)
        state_rows = keras.initializers.Orthogonal(seed=self.seed + 1)((n, n), dtype=dtype)
        return ops.concatenate([input_rows, state_rows], axis=0)

    def get_config(self) -> dict[str, int]:
        """Return the arguments that make the same initializer again."""
        return {"seed": self.seed}


@keras.saving.register_keras_serializable("forecaster")
class BasicRNN(keras.layers.Layer):
    """A basic RNN of n units over (B, S, N): every output (B, S, n), or the last one (B, n).

    One matrix W (N + n, n), the deck's transposed, acts on [x_t, s_{t-1}]; the bias b (n,)
    starts at 0. The state before the first step is 0, or with `trained_start` the weight s0
    (n,), which starts at 0 and is learnt.
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
        """Add the matrix, the bias and the first state."""
        n = self.units
        # The state's rows start orthogonal for ReLU too: on segments of a real signal the identity
        # of Le, Jaitly and Hinton (2015) was slower to train.
        initial = InputAndState(self.seed)
        self.W = self.add_weight(name="W", shape=(int(input_shape[-1] or 0) + n, n), initializer=initial)
        self.b = self.add_weight(name="b", shape=(n,), initializer="zeros")
        self.s0 = self.add_weight(name="s0", shape=(n,), initializer="zeros") if self.trained_start else None
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Return the outputs of the deck's equation over the S steps of `x` (B, S, N)."""
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
        """Return the arguments that make the same layer again."""
        names = ("units", "activation", "trained_start", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("forecaster")
class Jordan(keras.layers.Layer):
    """n hidden units and M outputs over (B, S, N): every output (B, S, M), or the last one (B, M).

    W (N + M, n) acts on [x_t, y_{t-1}] and V (n, M) on z_t; the biases are b (n,) and c (M,).
    """

    def __init__(
        self, units: int, outputs: int, *, return_sequences: bool = False, seed: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.units, self.outputs, self.return_sequences, self.seed = units, outputs, return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the two matrices, from a normal distribution of deviation .01, and the two biases, from 0."""
        rows, n, M = int(input_shape[-1] or 0) + self.outputs, self.units, self.outputs
        # As small as the deck's dense layers start, so that many exogenous channels do not drown the
        # channel that is forecast.
        first, second = (keras.initializers.RandomNormal(0, 0.01, seed=self.seed + k) for k in range(2))
        self.W = self.add_weight(name="W", shape=(rows, n), initializer=first)
        self.V = self.add_weight(name="V", shape=(n, M), initializer=second)
        self.b = self.add_weight(name="b", shape=(n,), initializer="zeros")
        self.c = self.add_weight(name="c", shape=(M,), initializer="zeros")
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Return the outputs of the equations over the S steps of `x` (B, S, N)."""
        W, V, b, c = self.W, self.V, self.b, self.c
        y = ops.zeros((ops.shape(x)[0], self.outputs), dtype=self.compute_dtype)
        outputs = []
        for t in range(x.shape[1]):
            z = ops.tanh(ops.matmul(ops.concatenate([x[:, t], y], axis=1), W) + b)
            y = ops.matmul(z, V) + c
            outputs.append(y)
        return ops.stack(outputs, axis=1) if self.return_sequences else y

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        names = ("units", "outputs", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}


@keras.saving.register_keras_serializable("forecaster")
class SymbolState(keras.layers.Layer):
    """A state of n units over one-hot symbols (B, S, K): the state after every symbol (B, S, n).

    Whx (K, n) and Whh (n, n) are the deck's transposed; `bias` has the shape (n,). The state
    before the first symbol, h1 (n,), starts at zero and is learnt where it is `trained`.
    """

    def __init__(self, units: int, *, trained: bool = True, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.trained, self.seed = units, trained, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the two matrices, the bias and the first state."""
        n, symbols = self.units, int(input_shape[-1] or 0)
        glorot, orthogonal = keras.initializers.GlorotUniform, keras.initializers.Orthogonal
        self.Whx = self.add_weight(name="Whx", shape=(symbols, n), initializer=glorot(seed=self.seed))
        self.Whh = self.add_weight(name="Whh", shape=(n, n), initializer=orthogonal(seed=self.seed + 1))
        self.bias = self.add_weight(name="bias", shape=(n,), initializer="zeros")
        self.h1 = self.add_weight(name="h1", shape=(n,), initializer="zeros") if self.trained else None
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Return the states of the deck's first equation over the S steps of `x` (B, S, K)."""
        h = ops.zeros((ops.shape(x)[0], self.units), dtype=self.compute_dtype)
        h = h if self.h1 is None else h + self.h1
        states = []
        for t in range(x.shape[1]):
            h = ops.tanh(ops.matmul(x[:, t], self.Whx) + ops.matmul(h, self.Whh) + self.bias)
            states.append(h)
        return ops.stack(states, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "units": self.units, "trained": self.trained, "seed": self.seed}


@keras.saving.register_keras_serializable("forecaster")
class SymbolOutput(keras.layers.Layer):
    """softmax(Why h) after every step: states (B, S, n) to probabilities of the next symbol (B, S, K)."""

    def __init__(self, symbols: int, *, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.symbols, self.seed = symbols, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the matrix Why (n, K), the deck's transposed."""
        shape = (int(input_shape[-1] or 0), self.symbols)
        initializer = keras.initializers.GlorotUniform(seed=self.seed)
        self.Why = self.add_weight(name="Why", shape=shape, initializer=initializer)
        super().build(input_shape)

    def call(self, h: Any) -> Any:
        """Return the probabilities of the deck's second and third equation for the states `h` (B, S, n)."""
        return keras.activations.softmax(ops.matmul(h, self.Why))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "symbols": self.symbols, "seed": self.seed}
