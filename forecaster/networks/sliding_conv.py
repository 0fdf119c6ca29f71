"""A sliding convolution over the samples: a finite response, with no state at all.

    Y_t = f(X_t, ..., X_{t-R+1}):   Conv1D x `layers`, dilated 1, p, p^2, ..., ReLU -> last sample
                                    -> Dense(100, ReLU) -> Dense(N)

It looks back on R = taps ** layers samples, by default 8^4 = 4096, or on the context where that
is shorter. Each covariate is one more input channel of every tap. The stack is causal and
dilated by its taps, so that each of the R samples reaches the last one in exactly one way, and
only what reaches it is computed. Kernels start He-normal and biases at 0; the dense layers start
from a normal distribution of deviation .01. With S = 25 and N = 100 it has 115,672 parameters.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the sliding predictor ("look at the
last few days") and the finite-response model. van den Oord et al., "WaveNet" (2016).
"""

from __future__ import annotations

from typing import Annotated, Any

from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations.linear import folded_convolution, samples
from forecaster.networks import Setting, Shapes, Tensors
from forecaster.networks._forward import Units, head, head_shapes


class Parameters(Frozen):
    """The convolutions, the taps and the filters of each, and the units of the hidden dense layer."""

    layers: Annotated[int, Field(ge=1, le=12)] = 4
    taps: Annotated[int, Field(ge=2, le=1024)] = 8
    filters: Annotated[int, Field(ge=1, le=1024)] = 64
    hidden: Units = 100


def tensor_shapes(parameters: Parameters, window: Window) -> Shapes:
    """Return the name and the shape of every tensor; a kernel is (taps, channels in, filters)."""
    channels, filters = window.columns, parameters.filters
    shapes: Shapes = {}
    for k in range(1, parameters.layers + 1):
        shapes |= {f"conv_{k}.kernel": (parameters.taps, channels, filters), f"conv_{k}.bias": (filters,)}
        channels = filters
    return shapes | head_shapes(filters, parameters.hidden, window.n_input)


def forward(parameters: Parameters, tensors: Tensors, x: NDArray) -> NDArray:
    """Return the next segment (B, N) of windows x (B, S, width)."""
    reach = parameters.taps**parameters.layers
    # Samples farther back than R would be convolved to places that the last one does not depend on.
    y = samples(x, len(tensors["segment.bias"]))[:, -reach:]
    for k in range(1, parameters.layers + 1):
        y = folded_convolution(y, tensors[f"conv_{k}.kernel"], tensors[f"conv_{k}.bias"])
    return head(tensors, y[:, -1])


def build(parameters: Parameters, window: Window, setting: Setting) -> Any:
    """Return the Keras model (B, S, width) -> (B, N)."""
    import keras

    from forecaster.layers.regularise import Dropout
    from forecaster.networks._keras import dense_head, last_samples, network_input

    taps, (inputs, y) = parameters.taps, network_input(window, setting)
    y = last_samples(y, window, taps**parameters.layers)
    for k in range(1, parameters.layers + 1):
        # Zeros go in front, so that the last fold ends at the newest sample; a stride of p makes each fold one place.
        y = keras.layers.ZeroPadding1D((-y.shape[1] % taps, 0))(y)
        start = {"kernel_initializer": keras.initializers.HeNormal(seed=setting.seed * 101 + k)}
        y = keras.layers.Conv1D(parameters.filters, taps, taps, activation="relu", name=f"conv_{k}", **start)(y)
    y = Dropout(setting.dropout, seed=setting.seed, layer=1)(keras.layers.Flatten()(y))
    return keras.Model(inputs, dense_head(y, parameters.hidden, window.n_input, setting))
