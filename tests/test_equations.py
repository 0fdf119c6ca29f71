"""The lectures' worked examples, to their digits."""

import numpy as np
import pytest

from forecaster.equations.activations import relu, sigmoid
from forecaster.equations.basic_rnn import basic_rnn
from forecaster.equations.lstm import lstm, textbook_gates, trace
from forecaster.equations.products import by_blocks

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
    return textbook_gates(weights, 1)


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


def test_activations_saturate_without_a_warning():
    x = np.array([-1e30, -1.0, 0.0, 1.0, 1e30])
    np.testing.assert_allclose(sigmoid(x), [0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1], rtol=1e-15)
    assert relu(x).tolist() == [0, 0, 0, 1, 1e30]


@pytest.mark.parametrize("batch", [1, 7, 8, 9, 64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_of_a_product_has_the_same_bits_in_every_place(batch, dtype):
    rng = np.random.default_rng(0)
    row, matrix = rng.normal(size=100).astype(dtype), rng.normal(size=(100, 400)).astype(dtype)
    alone = by_blocks(row[None], matrix)[0]
    for place in range(batch):
        rows = rng.normal(size=(batch, 100)).astype(dtype)
        rows[place] = row
        np.testing.assert_array_equal(by_blocks(rows, matrix)[place], alone)
