"""The softmax RNN's Keras layers against the equations, gradients against finite differences."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from forecaster.equations.activations import softmax
from forecaster.equations.recurrent import softmax_rnn
from forecaster.layers.recurrent import SymbolOutput, SymbolState

B, S, K, UNITS = 5, 7, 4, 3
NAMES = ("Whx", "Whh", "bias", "h1", "Why")


@pytest.fixture
def pair():
    """Both layers with random weights, those weights by name, and an input."""
    rng = np.random.default_rng(3)
    state, output = SymbolState(UNITS), SymbolOutput(K)
    state.build((None, S, K))
    output.build((None, S, UNITS))
    shapes = ((K, UNITS), (UNITS, UNITS), (UNITS,), (UNITS,), (UNITS, K))
    weights = {name: rng.normal(size=shape).astype(np.float32) for name, shape in zip(NAMES, shapes, strict=True)}
    for name, value in weights.items():
        getattr(state if hasattr(state, name) else output, name).assign(value)
    return state, output, weights, np.eye(K, dtype=np.float32)[rng.integers(0, K, (B, S))]


def test_the_layers_equal_the_equations(pair):
    state, output, weights, x = pair
    found = softmax_rnn(x, weights, weights["h1"])
    np.testing.assert_allclose(state(x), found.h, atol=1e-6)
    np.testing.assert_allclose(output(state(x)), softmax(found.y), atol=1e-6)


def test_without_a_trained_start_the_state_before_is_zero(pair):
    _, _, weights, x = pair
    layer = SymbolState(UNITS, trained=False)
    layer.build((None, S, K))
    assert [variable.name for variable in layer.trainable_variables] == ["Whx", "Whh", "bias"]
    layer.set_weights([weights[name] for name in NAMES[:3]])
    np.testing.assert_allclose(layer(x), softmax_rnn(x, weights).h, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_the_cross_entropy_by_finite_differences(pair, name):
    state, output, weights, x = pair
    following = np.random.default_rng(5).integers(0, K, (B, S))
    variables = {variable.name: variable for layer in (state, output) for variable in layer.trainable_variables}
    with tf.GradientTape() as tape:
        y = output(state(tf.constant(x)))
        loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(following, y))
    gradient = tape.gradient(loss, variables[name].value).numpy()

    def moved(place, change):
        wide = {key: value.astype(np.float64) for key, value in weights.items()}
        wide[name][place] += change
        p = softmax(softmax_rnn(x.astype(np.float64), wide, wide["h1"]).y)
        return -np.log(np.take_along_axis(p, following[..., None], axis=2)).mean()

    for place in np.ndindex(gradient.shape):
        assert (moved(place, 1e-5) - moved(place, -1e-5)) / 2e-5 == pytest.approx(gradient[place], rel=1e-3, abs=1e-5)


def test_the_layers_are_made_again_from_their_config():
    again = SymbolState.from_config(SymbolState(UNITS, trained=False, seed=5).get_config())
    assert (again.units, again.trained, again.seed) == (UNITS, False, 5)
    output = SymbolOutput.from_config(SymbolOutput(K, seed=6).get_config())
    assert (output.symbols, output.seed) == (K, 6)
