"""The scalar LSTM (sLSTM) as a Keras layer.

    z_t = tanh(Wz [x_t, h_{t-1}] + bz)                      candidate
    o_t = sig(Wo [x_t, h_{t-1}] + bo)                       output gate
    k_t = Wi [x_t, h_{t-1}] + bi                            logarithm of the input gate
    l_t = log sig(Wf [x_t, h_{t-1}] + bf)                   logarithm of the forget gate
    m_t = max(l_t + m_{t-1}, k_t)                           stabiliser
    c_t = exp(l_t + m_{t-1} - m_t) c_{t-1} + exp(k_t - m_t) z_t      state
    n_t = exp(l_t + m_{t-1} - m_t) n_{t-1} + exp(k_t - m_t)          normaliser
    h_t = o_t c_t / n_t                                     output

Source: Beck et al., "xLSTM: Extended Long Short-Term Memory" (2024), equations 8 to 17. Its twin in
NumPy is `forecaster.equations.slstm`.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from forecaster.layers.recurrent import InputAndState

GATES = "zoif"
# The stabiliser before the first step: so low that nothing is kept, and finite, as a gradient needs it.
LOWEST = -1e30


@keras.saving.register_keras_serializable("forecaster")
class SLSTM(keras.layers.Layer):
    """An sLSTM of n units over (B, S, N): every output (B, S, n), or the last one (B, n).

    Four matrices Wz, Wo, Wi, Wf (N + n, n) act on [x_t, h_{t-1}]; their state's rows start
    orthogonal. There are four biases (n,); that of the forget gate starts at 3, so that much is kept.
    """

    def __init__(self, units: int, *, return_sequences: bool = False, seed: int = 0, **options: Any) -> None:
        super().__init__(**options)
        self.units, self.return_sequences, self.seed = units, return_sequences, seed

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Add the four matrices and the four biases."""
        n, rows = self.units, int(input_shape[-1] or 0) + self.units
        self.matrices, self.biases = {}, {}
        for k, gate in enumerate(GATES):
            # Each matrix is drawn with two seeds, one for its input's rows and one for its state's.
            initial = InputAndState(2 * (self.seed * len(GATES) + k))
            self.matrices[gate] = self.add_weight(name=f"W{gate}", shape=(rows, n), initializer=initial)
        for gate in GATES:
            initial = keras.initializers.Constant(3.0 if gate == "f" else 0.0)
            self.biases[gate] = self.add_weight(name=f"b{gate}", shape=(n,), initializer=initial)
        super().build(input_shape)

    def call(self, x: Any) -> Any:
        """Return the outputs of the equations over the S steps of `x` (B, S, N)."""
        n = self.units
        joined = ops.concatenate([self.matrices[gate] for gate in GATES], axis=1)
        projected = ops.matmul(x, joined[:-n]) + ops.concatenate([self.biases[gate] for gate in GATES], axis=0)
        state = normaliser = output = ops.zeros((ops.shape(x)[0], n), dtype=self.compute_dtype)
        stabiliser = state + LOWEST
        outputs = []
        for t in range(x.shape[1]):
            sums = projected[:, t] + ops.matmul(output, joined[-n:])
            z, o = ops.tanh(sums[:, :n]), ops.sigmoid(sums[:, n : 2 * n])
            log_i, log_f = sums[:, 2 * n : 3 * n], ops.log_sigmoid(sums[:, 3 * n :])
            following = ops.maximum(log_f + stabiliser, log_i)
            i, f = ops.exp(log_i - following), ops.exp(log_f + stabiliser - following)
            state, normaliser, stabiliser = f * state + i * z, f * normaliser + i, following
            output = o * state / normaliser
            outputs.append(output)
        return ops.stack(outputs, axis=1) if self.return_sequences else output

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        names = ("units", "return_sequences", "seed")
        return {**super().get_config(), **{name: getattr(self, name) for name in names}}
