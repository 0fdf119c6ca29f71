"""The lectures' worked examples, to their digits."""

import numpy as np
import pytest

from forecaster.equations.activations import relu, sigmoid
from forecaster.equations.gru import gru
from forecaster.equations.gru import trace as gru_trace
from forecaster.equations.linear import by_blocks, folded_convolution, samples
from forecaster.equations.lstm import lstm, textbook_gates, trace
from forecaster.equations.recurrent import basic_rnn, jordan

X = np.array([[[0.1, 0.4], [0.7, 0.9]]])
TARGETS = np.array([0.3, 0.5])
DECK_A = {
    "f": ((0.7, 0.3, 0.4), 0.4),
    "i": ((0.2, 0.3, 0.4), 0.2),
    "a": ((0.4, 0.2, 0.1), 0.5),
    "o": ((0.8, 0.9, 0.2), 0.3),
}


def deck_a(forget_bias=0.0):
    weights = {f"W{gate}": np.array(row)[:, None] for gate, (row, _) in DECK_A.items()}
    weights |= {f"b{gate}": np.array([bias]) for gate, (_, bias) in DECK_A.items()}
    weights["bf"] = weights["bf"] + forget_bias
    return textbook_gates(weights)


def test_basic_rnn_of_deck_a():
    y = basic_rnn(X, np.array([[0.7], [0.3], [0.4]]), np.array([0.4])).ravel()
    assert y.round(4).tolist() == [0.5299, 0.8791]
    assert np.arctanh(y).round(4).tolist() == [0.59, 1.372]
    assert (y - TARGETS).round(4).tolist() == [0.2299, 0.3791]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("f", [0.6434, 0.7763]),
        ("i", [0.5842, 0.6669]),
        ("a", [0.5511, 0.7535]),
        ("s", [0.3220, 0.7525]),
        ("o", [0.6770, 0.8471]),
        ("y", [0.2107, 0.5393]),
    ],
)
def test_traditional_lstm_of_deck_a(name, expected):
    assert getattr(trace(X, *deck_a()), name).ravel().round(4).tolist() == expected


def test_errors_of_the_traditional_lstm():
    assert (lstm(X, *deck_a()).ravel() - TARGETS).round(4).tolist() == [-0.0893, 0.0393]


def test_an_added_forget_bias_is_another_network():
    assert lstm(X, *deck_a(forget_bias=1.0)).ravel().round(4).tolist() == [0.2107, 0.5595]


def test_lstm_returns_what_trace_calls_y():
    np.testing.assert_array_equal(lstm(X, *deck_a()), trace(X, *deck_a()).y)


def test_a_relu_network_adds_up_what_it_sees():
    x = np.array([[[1.0], [-3.0], [2.0]]])
    y = basic_rnn(x, np.array([[1.0], [1.0]]), np.zeros(1), activation="relu")
    assert y.ravel().tolist() == [1, 0, 2]


def test_a_basic_rnn_goes_on_from_its_last_state():
    rng = np.random.default_rng(0)
    x, weights, bias = rng.normal(size=(3, 6, 2)), rng.normal(size=(6, 4)), rng.normal(size=4)
    y = basic_rnn(x, weights, bias)
    resumed = basic_rnn(x[:, 2:], weights, bias, start=y[:, 1])
    np.testing.assert_array_equal(resumed, y[:, 2:])
    np.testing.assert_array_equal(basic_rnn(x, weights, bias, start=np.zeros(4)), y)


def deck_a_gru():
    """Deck A's weights in a GRU: reset <- f, update <- i, candidate <- a."""
    pairs = {"r": DECK_A["f"], "u": DECK_A["i"], "a": DECK_A["a"]}
    weights = {f"W{gate}": np.array(row)[:, None] for gate, (row, _) in pairs.items()}
    return weights | {f"b{gate}": np.array([bias]) for gate, (_, bias) in pairs.items()}


@pytest.mark.parametrize(("mix", "expected"), [("update-keeps", [0.2292, 0.4025]), ("update-takes", [0.3220, 0.6152])])
@pytest.mark.parametrize("reset", ["before", "after"])
def test_a_gru_with_deck_a_weights(mix, expected, reset):
    weights = deck_a_gru() | ({"bs": np.zeros(1)} if reset == "after" else {})
    assert gru(X, weights, mix).ravel().round(4).tolist() == expected


def test_a_gru_returns_what_its_trace_calls_y():
    done = gru_trace(X, deck_a_gru())
    np.testing.assert_array_equal(gru(X, deck_a_gru()), done.y)
    assert done.r.ravel()[0] == pytest.approx(0.6434, abs=5e-5)
    np.testing.assert_allclose(done.y[:, 1], done.u[:, 1] * done.y[:, 0] + (1 - done.u[:, 1]) * done.a[:, 1])


def test_the_output_comes_back_and_nothing_else():
    rng = np.random.default_rng(0)
    weights = {"W": rng.normal(size=(5, 4)), "b": rng.normal(size=4), "V": rng.normal(size=(4, 2))}
    weights["c"] = rng.normal(size=2)
    x = rng.normal(size=(1, 2, 3))
    done = jordan(x, weights)
    z1 = np.tanh(x[0, 0] @ weights["W"][:3] + weights["b"])
    y1 = z1 @ weights["V"] + weights["c"]
    z2 = np.tanh(np.concatenate((x[0, 1], y1)) @ weights["W"] + weights["b"])
    np.testing.assert_allclose(done.z[0], [z1, z2], rtol=1e-12)
    np.testing.assert_allclose(done.y[0], [y1, z2 @ weights["V"] + weights["c"]], rtol=1e-12)


def test_segments_lie_out_by_sample_with_their_covariates():
    from forecaster.signal.context import joined

    rng = np.random.default_rng(0)
    channel, covariates = rng.normal(size=(2, 12)), rng.normal(size=(2, 12, 3))
    steps = joined(channel.reshape(2, 3, 4), covariates)
    np.testing.assert_array_equal(samples(steps, 4), np.concatenate((channel[:, :, None], covariates), axis=2))


def test_a_folded_convolution_by_hand():
    x = np.array([[[1.0], [2.0], [3.0], [4.0]]])
    kernel = np.array([[[1.0, 0.0]], [[10.0, -1.0]]])
    assert folded_convolution(x, kernel, np.array([0.5, 3.5])).tolist() == [[[21.5, 1.5], [43.5, 0.0]]]


def test_activations_saturate_without_a_warning():
    x = np.array([-1e30, -1.0, 0.0, 1.0, 1e30])
    np.testing.assert_allclose(sigmoid(x), [0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1], rtol=1e-15)
    assert relu(x).tolist() == [0, 0, 0, 1, 1e30]


@pytest.mark.parametrize("batch", [1, 7, 8, 9, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.bits
def test_a_row_of_a_product_has_the_same_bits_in_every_place(batch, dtype):
    rng = np.random.default_rng(0)
    row, matrix = rng.normal(size=100).astype(dtype), rng.normal(size=(100, 400)).astype(dtype)
    alone = by_blocks(row[None], matrix)[0]
    for place in range(batch):
        rows = rng.normal(size=(batch, 100)).astype(dtype)
        rows[place] = row
        np.testing.assert_array_equal(by_blocks(rows, matrix)[place], alone)
