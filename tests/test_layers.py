"""The Keras layers against the layers of Keras and against the equations, gradients too."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from forecaster.equations.activations import softmax
from forecaster.equations.gru import gru
from forecaster.equations.linear import folded_convolution
from forecaster.equations.lstm import lstm, textbook_gates
from forecaster.equations.recurrent import basic_rnn, jordan, softmax_rnn
from forecaster.equations.slstm import slstm
from forecaster.layers.gru import GRU
from forecaster.layers.lstm import GATES, JointGlorot, TextbookLSTM
from forecaster.layers.recurrent import BasicRNN, InputAndState, Jordan, SymbolOutput, SymbolState
from forecaster.layers.regularise import Dropout, Noise
from forecaster.layers.slstm import SLSTM

B, S, N, UNITS = 5, 7, 3, 4
K = 4
SYMBOL_WEIGHTS = ("Whx", "Whh", "bias", "h1", "Why")


@pytest.fixture
def pair():
    """A textbook layer and Keras' own with the same random weights, and an input."""
    rng = np.random.default_rng(3)
    textbook, keras_lstm = TextbookLSTM(UNITS, return_sequences=True), keras.layers.LSTM(UNITS, return_sequences=True)
    textbook.build((None, S, N))
    keras_lstm.build((None, S, N))
    weights = {f"W{gate}": rng.normal(size=(N + UNITS, UNITS)).astype(np.float32) for gate in GATES}
    weights |= {f"b{gate}": rng.normal(size=UNITS).astype(np.float32) for gate in GATES}
    for gate in GATES:
        textbook.matrices[gate].assign(weights[f"W{gate}"])
        textbook.biases[gate].assign(weights[f"b{gate}"])
    keras_lstm.set_weights(textbook_gates(weights))
    return textbook, keras_lstm, weights, rng.normal(size=(B, S, N)).astype(np.float32)


def gradients(layer, x):
    x = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(tf.square(layer(x)) * tf.range(1.0, S + 1)[:, None])
    return tape.gradient(loss, [x, *layer.trainable_variables])


def test_textbook_equals_keras_and_the_equations(pair):
    textbook, keras_lstm, weights, x = pair
    np.testing.assert_allclose(textbook(x), keras_lstm(x), atol=1e-6)
    np.testing.assert_allclose(lstm(x, *textbook_gates(weights)), keras_lstm(x), atol=1e-6)


def test_the_gradients_equal_those_of_keras(pair):
    textbook, keras_lstm, _, x = pair
    mine, theirs = gradients(textbook, x), gradients(keras_lstm, x)
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
        return float((np.square(lstm(x.astype(np.float64), *textbook_gates(moved))) * scale).sum())

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


LAYERS = {
    "basic-rnn tanh": lambda: BasicRNN(UNITS, return_sequences=True),
    "basic-rnn relu": lambda: BasicRNN(UNITS, activation="relu", return_sequences=True),
    "basic-rnn from a trained start": lambda: BasicRNN(UNITS, trained_start=True, return_sequences=True),
    "gru keeps, after": lambda: GRU(UNITS, return_sequences=True),
    "gru keeps, before": lambda: GRU(UNITS, reset="before", return_sequences=True),
    "gru takes, after": lambda: GRU(UNITS, mix="update-takes", return_sequences=True),
    "gru takes, before": lambda: GRU(UNITS, mix="update-takes", reset="before", return_sequences=True),
    "jordan": lambda: Jordan(UNITS, 2, return_sequences=True),
    "slstm": lambda: SLSTM(UNITS, return_sequences=True),
}


def twin(layer):
    """The layer's equations in NumPy: a function of x and the weights by name."""
    if isinstance(layer, BasicRNN):
        activation = layer.activation
        return lambda x, w: basic_rnn(x, w["W"], w["b"], start=w.get("s0"), activation=activation)
    if isinstance(layer, GRU):
        return lambda x, w: gru(x, w, layer.mix)
    if isinstance(layer, SLSTM):
        return slstm
    return lambda x, w: jordan(x, w).y


def filled(layer, seed=3):
    """The layer built with random weights, and those by name."""
    layer.build((None, S, N))
    rng = np.random.default_rng(seed)
    for variable in layer.trainable_variables:
        variable.assign(rng.normal(0, 0.6, variable.shape))
    return layer, {variable.name: variable.numpy() for variable in layer.trainable_variables}


def inputs():
    return np.random.default_rng(4).normal(size=(B, S, N)).astype(np.float32)


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
class TestLayer:
    def test_it_equals_its_equations(self, make):
        layer, weights = filled(make())
        y = np.asarray(layer(inputs()))
        np.testing.assert_allclose(twin(layer)(inputs(), weights), y, atol=1e-6)
        assert np.abs(y).max() > 0.3

    def test_its_gradients_are_the_finite_differences_of_its_equations(self, make):
        layer, weights = filled(make())
        x, scale = inputs(), np.arange(1.0, S + 1)[:, None]
        exact_gradients = gradients(layer, x)
        exact = {"x": x.astype(np.float64)} | {name: w.astype(np.float64) for name, w in weights.items()}
        equations = twin(layer)

        def loss():
            return float((np.square(equations(exact["x"], exact)) * scale).sum())

        named = dict(zip(["x", *weights], exact_gradients, strict=True))
        assert {"x", *weights} == set(named)
        for name, gradient in named.items():
            numeric = np.empty_like(exact[name])
            for place in np.ndindex(numeric.shape):
                kept = exact[name][place]
                both = []
                for change in (1e-6, -1e-6):
                    exact[name][place] = kept + change
                    both.append(loss())
                exact[name][place] = kept
                numeric[place] = (both[0] - both[1]) / 2e-6
            np.testing.assert_allclose(gradient, numeric, rtol=1e-4, atol=2e-6 + 1e-4 * np.abs(numeric).max())

    def test_the_last_output_alone(self, make):
        layer, _ = filled(make())
        options = layer.get_config() | {"return_sequences": False}
        last = type(layer).from_config(options)
        last.build((None, S, N))
        last.set_weights(layer.get_weights())
        np.testing.assert_array_equal(last(inputs()), layer(inputs())[:, -1])

    def test_it_is_made_again_from_its_config(self, make):
        layer = make()
        layer.seed = 5
        layer.build((None, S, N))
        again = type(layer).from_config(layer.get_config())
        again.build((None, S, N))
        for mine, theirs in zip(layer.get_weights(), again.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(again(inputs()), layer(inputs()))


def simple_rnn(activation):
    """A basic RNN and Keras' own with the same weights; how Keras' gradients are laid out as ours."""
    mine, weights = filled(BasicRNN(UNITS, activation=activation, return_sequences=True))
    theirs = keras.layers.SimpleRNN(UNITS, activation=activation, return_sequences=True)
    theirs.build((None, S, N))
    theirs.set_weights([weights["W"][:N], weights["W"][N:], weights["b"]])
    return mine, theirs, lambda kernel, recurrent, bias: {"W": np.concatenate((kernel, recurrent)), "b": bias}


def keras_gru(reset):
    """A GRU and Keras' own with the same weights: Keras' gates are u, r, a, its second biases of u and r are 0."""
    mine, weights = filled(GRU(UNITS, reset=reset, return_sequences=True))
    theirs = keras.layers.GRU(UNITS, reset_after=reset == "after", return_sequences=True)
    theirs.build((None, S, N))
    joined = np.concatenate([weights[f"W{gate}"] for gate in "ura"], axis=1)
    bias = np.concatenate([weights[f"b{gate}"] for gate in "ura"])
    if reset == "after":
        bias = np.stack((bias, np.concatenate((np.zeros(2 * UNITS), weights["bs"]))))
    theirs.set_weights([joined[:N], joined[N:], bias])

    def laid_out(kernel, recurrent, bias):
        columns = {gate: slice(k * UNITS, (k + 1) * UNITS) for k, gate in enumerate("ura")}
        both = np.concatenate((kernel, recurrent))
        first = bias[0] if reset == "after" else bias
        by_name = {f"W{gate}": both[:, column] for gate, column in columns.items()}
        by_name |= {f"b{gate}": first[column] for gate, column in columns.items()}
        return by_name | ({"bs": bias[1][columns["a"]]} if reset == "after" else {})

    return mine, theirs, laid_out


@pytest.mark.parametrize(
    "make",
    [
        lambda: simple_rnn("tanh"),
        lambda: simple_rnn("relu"),
        lambda: keras_gru("before"),
        lambda: keras_gru("after"),
    ],
    ids=["tanh", "relu", "gru reset before", "gru reset after"],
)
def test_it_equals_keras_own_and_so_do_its_gradients(make):
    mine, theirs, laid_out = make()
    np.testing.assert_allclose(mine(inputs()), theirs(inputs()), atol=1e-6)
    actual, expected = gradients(mine, inputs()), gradients(theirs, inputs())
    np.testing.assert_allclose(actual[0], expected[0], rtol=1e-5, atol=1e-5)
    by_name = laid_out(*(np.asarray(gradient) for gradient in expected[1:]))
    names = [variable.name for variable in mine.trainable_variables]
    assert set(names) == set(by_name)
    for name, gradient in zip(names, actual[1:], strict=True):
        np.testing.assert_allclose(gradient, by_name[name], rtol=1e-5, atol=1e-4, err_msg=name)


def test_the_four_forms_of_the_gru_are_four_with_two_units_and_two_with_one():
    x, rng = np.random.default_rng(0).normal(size=(1, 5, 1)), np.random.default_rng(1)
    for units, forms in ((2, 4), (1, 2)):
        weights = {f"W{gate}": rng.normal(size=(1 + units, units)) for gate in "rua"}
        weights |= {f"b{gate}": rng.normal(size=units) for gate in "rua"}
        after = weights | {"bs": np.zeros(units)}
        outputs = [gru(x, w, mix)[0, -1] for w in (weights, after) for mix in ("update-keeps", "update-takes")]
        assert len({tuple(y.round(9)) for y in outputs}) == forms


@pytest.mark.parametrize("length", [1, 6, 27, 28, 40])
def test_the_folded_convolutions_are_keras_causal_dilated_ones_at_the_last_sample(length):
    taps, rng = 3, np.random.default_rng(length)
    x = rng.normal(size=(B, length, 2)).astype(np.float32)
    shapes = ((taps, 2, 5), (taps, 5, 4), (taps, 4, 4))
    kernels = [(rng.normal(0, 0.5, shape).astype(np.float32), rng.normal(size=shape[-1])) for shape in shapes]
    kernels = [(kernel, bias.astype(np.float32)) for kernel, bias in kernels]
    slow, fast = x, x
    for k, (kernel, bias) in enumerate(kernels):
        options = {"dilation_rate": taps**k, "padding": "causal", "activation": "relu"}
        layer = keras.layers.Conv1D(kernel.shape[-1], taps, **options)
        layer.build(slow.shape)
        layer.set_weights([kernel, bias])
        slow, fast = layer(slow), folded_convolution(fast, kernel, bias)
    assert fast.shape == (B, -(-length // taps**3), 4)
    np.testing.assert_allclose(fast[:, -1], slow[:, -1], atol=1e-6, rtol=1e-6)


def test_the_states_rows_start_orthogonal_and_the_inputs_within_their_limit():
    layer = BasicRNN(6, seed=2)
    layer.build((None, S, N))
    W = layer.W.numpy()
    np.testing.assert_allclose(W[N:] @ W[N:].T, np.eye(6), atol=1e-6)
    limit = np.sqrt(6 / (N + 6))
    assert limit / 2 < np.abs(W[:N]).max() <= limit
    again = InputAndState.from_config(InputAndState(2).get_config())
    np.testing.assert_array_equal(again((N + 6, 6)), W)


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


@pytest.fixture
def symbol_pair():
    """Both layers with random weights, those weights by name, and an input."""
    rng = np.random.default_rng(3)
    state, output = SymbolState(UNITS), SymbolOutput(K)
    state.build((None, S, K))
    output.build((None, S, UNITS))
    shapes = ((K, UNITS), (UNITS, UNITS), (UNITS,), (UNITS,), (UNITS, K))
    weights = {
        name: rng.normal(size=shape).astype(np.float32) for name, shape in zip(SYMBOL_WEIGHTS, shapes, strict=True)
    }
    for name, value in weights.items():
        getattr(state if hasattr(state, name) else output, name).assign(value)
    return state, output, weights, np.eye(K, dtype=np.float32)[rng.integers(0, K, (B, S))]


def test_the_symbol_layers_equal_the_equations(symbol_pair):
    state, output, weights, x = symbol_pair
    trace = softmax_rnn(x, weights, weights["h1"])
    np.testing.assert_allclose(state(x), trace.h, atol=1e-6)
    np.testing.assert_allclose(output(state(x)), softmax(trace.y), atol=1e-6)


def test_without_a_trained_start_the_state_before_is_zero(symbol_pair):
    _, _, weights, x = symbol_pair
    layer = SymbolState(UNITS, trained=False)
    layer.build((None, S, K))
    assert [variable.name for variable in layer.trainable_variables] == ["Whx", "Whh", "bias"]
    layer.set_weights([weights[name] for name in SYMBOL_WEIGHTS[:3]])
    np.testing.assert_allclose(layer(x), softmax_rnn(x, weights).h, atol=1e-6)


@pytest.mark.parametrize("name", SYMBOL_WEIGHTS)
def test_the_gradient_of_the_cross_entropy_by_finite_differences(symbol_pair, name):
    state, output, weights, x = symbol_pair
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


def test_the_symbol_layers_are_made_again_from_their_config():
    again = SymbolState.from_config(SymbolState(UNITS, trained=False, seed=5).get_config())
    assert (again.units, again.trained, again.seed) == (UNITS, False, 5)
    output = SymbolOutput.from_config(SymbolOutput(K, seed=6).get_config())
    assert (output.symbols, output.seed) == (K, 6)
