"""The Keras layers against Keras' own and against the equations, gradients too."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from forecaster.equations.lstm import lstm, textbook_gates
from forecaster.layers.initial import JointGlorot
from forecaster.layers.regularise import Dropout, Noise
from forecaster.layers.textbook_lstm import GATES, TextbookLSTM

B, S, N, UNITS = 5, 7, 3, 4


@pytest.fixture
def pair():
    """A textbook layer and Keras' own with the same random weights, and an input."""
    rng = np.random.default_rng(3)
    textbook, own = TextbookLSTM(UNITS, return_sequences=True), keras.layers.LSTM(UNITS, return_sequences=True)
    textbook.build((None, S, N))
    own.build((None, S, N))
    weights = {f"W{gate}": rng.normal(size=(N + UNITS, UNITS)).astype(np.float32) for gate in GATES}
    weights |= {f"b{gate}": rng.normal(size=UNITS).astype(np.float32) for gate in GATES}
    for gate in GATES:
        textbook.matrices[gate].assign(weights[f"W{gate}"])
        textbook.biases[gate].assign(weights[f"b{gate}"])
    own.set_weights(textbook_gates(weights, UNITS))
    return textbook, own, weights, rng.normal(size=(B, S, N)).astype(np.float32)


def gradients(layer, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.square(layer(x)) * tf.range(1.0, S + 1)[:, None])
    return tape.gradient(loss, [x, *layer.trainable_variables])


def test_textbook_equals_keras_and_the_equations(pair):
    textbook, own, weights, x = pair
    np.testing.assert_allclose(textbook(x), own(x), atol=1e-6)
    np.testing.assert_allclose(lstm(x, *textbook_gates(weights, UNITS)), own(x), atol=1e-6)


def test_the_gradients_equal_those_of_keras(pair):
    textbook, own, _, x = pair
    mine, theirs = gradients(textbook, x), gradients(own, x)
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-5, atol=1e-6)
    by_name = {
        variable.name: gradient.numpy()
        for variable, gradient in zip(textbook.trainable_variables, mine[1:], strict=True)
    }
    kernel, recurrent, bias = (np.asarray(gradient) for gradient in theirs[1:])
    for gate, column in zip("ifao", range(4), strict=True):
        block = slice(column * UNITS, (column + 1) * UNITS)
        expected = np.concatenate((kernel[:, block], recurrent[:, block]))
        np.testing.assert_allclose(by_name[f"W{gate}"], expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(by_name[f"b{gate}"], bias[block], rtol=1e-5, atol=1e-5)


def test_the_equations_gradient_by_finite_differences(pair):
    textbook, _, weights, x = pair
    exact = weights | {}
    gradient = next(
        g for v, g in zip(textbook.trainable_variables, gradients(textbook, x)[1:], strict=True) if v.name == "Wf"
    )
    scale = np.arange(1.0, S + 1)[:, None]

    def loss(change):
        moved = {name: value.astype(np.float64) for name, value in exact.items()}
        moved["Wf"][1, 2] += change
        return float((np.square(lstm(x.astype(np.float64), *textbook_gates(moved, UNITS))) * scale).sum())

    assert (loss(1e-5) - loss(-1e-5)) / 2e-5 == pytest.approx(float(gradient[1, 2]), rel=1e-4)


def test_last_output_alone(pair):
    textbook, _, _, x = pair
    last = TextbookLSTM(UNITS)
    last.build((None, S, N))
    last.set_weights(textbook.get_weights())
    np.testing.assert_array_equal(last(x), textbook(x)[:, -1])


def test_the_layer_is_made_again_from_its_config():
    layer = TextbookLSTM(UNITS, return_sequences=True, seed=5)
    again = TextbookLSTM.from_config(layer.get_config())
    assert (again.units, again.return_sequences, again.seed) == (UNITS, True, 5)


@pytest.mark.parametrize("kind", [Noise, Dropout])
def test_a_mask_is_a_function_of_seed_step_and_layer(kind):
    x = np.ones((4, 5, 6), np.float32)

    def masks(seed, layer, count=2):
        disturb = kind(0.5, seed=seed, layer=layer)
        return [np.asarray(disturb(x, training=True)) for _ in range(count)]

    first, second = masks(1, 0)
    np.testing.assert_array_equal(masks(1, 0), [first, second])
    assert not np.array_equal(first, second)
    assert not np.array_equal(masks(2, 0)[0], first)
    assert not np.array_equal(masks(1, 1)[0], first)
    np.testing.assert_array_equal(kind(0.5, seed=1, layer=0)(x, training=False), x)


def test_dropout_keeps_the_mean_and_one_mask_for_all_steps():
    y = np.asarray(Dropout(0.25, seed=0, layer=0)(np.ones((2000, 3, 8), np.float32), training=True))
    assert y.mean() == pytest.approx(1, abs=0.02)
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)
    np.testing.assert_array_equal(y[:, 0], y[:, 2])


def test_joint_glorot_draws_within_the_limit_of_the_joined_matrix():
    fan_in, rows, columns = 200, 100, 400
    drawn = np.asarray(JointGlorot(fan_in, seed=1)((rows, columns)))
    limit = np.sqrt(6 / (fan_in + columns))
    assert np.abs(drawn).max() <= limit
    assert drawn.std() == pytest.approx(limit / np.sqrt(3), rel=0.02)
