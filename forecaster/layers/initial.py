"""Initial weights: as TensorFlow 1's cell draws them, and for a matrix that acts on [x_t, s_{t-1}]."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops


class JointGlorot(keras.initializers.Initializer):
    """Glorot-uniform over the one [x, h] -> 4n matrix of TensorFlow 1, drawn a part at a time.

    Keras keeps the input's and the state's matrix apart, and would draw each with a limit of
    its own (the state's orthogonal); `fan_in` is the rows of both together, N + n.

    Source: deck E, "LSTM with TensorFlow"; Glorot and Bengio (2010).
    """

    def __init__(self, fan_in: int, seed: int) -> None:
        self.fan_in, self.seed = fan_in, seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Draw a part of `shape` (rows, 4n)."""
        limit = (6 / (self.fan_in + shape[-1])) ** 0.5
        return keras.random.uniform(shape, -limit, limit, dtype=dtype, seed=self.seed)

    def get_config(self) -> dict[str, int]:
        """Return what is needed to make the initializer again."""
        return {"fan_in": self.fan_in, "seed": self.seed}


class InputAndState(keras.initializers.Initializer):
    """A matrix (N + n, n) on [x_t, s_{t-1}]: the input's rows Glorot-uniform, the state's orthogonal.

    An orthogonal matrix neither lengthens nor shortens the state from step to step. The two
    parts are drawn with `seed` and ``seed + 1``.

    Source: Glorot and Bengio (2010); Saxe, McClelland and Ganguli, "Exact Solutions to the
    Nonlinear Dynamics of Learning in Deep Linear Neural Networks" (2014).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __call__(self, shape: tuple[int, ...], dtype: Any = None) -> Any:
        """Draw the matrix of `shape` (N + n, n)."""
        rows, n = shape
        above = keras.initializers.GlorotUniform(seed=self.seed)((rows - n, n), dtype=dtype)
        below = keras.initializers.Orthogonal(seed=self.seed + 1)((n, n), dtype=dtype)
        return ops.concatenate([above, below], axis=0)

    def get_config(self) -> dict[str, int]:
        """Return what is needed to make the initializer again."""
        return {"seed": self.seed}
