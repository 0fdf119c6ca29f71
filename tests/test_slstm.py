"""The sLSTM: exponential gates that cannot overflow, and the network on it."""

import numpy as np
import pytest

from forecaster.config import Window
from forecaster.equations.slstm import GATES, slstm, trace
from forecaster.networks import network

RNG = np.random.default_rng(0)
N, UNITS = 3, 4


def drawn(scale=0.6):
    weights = {f"W{gate}": RNG.normal(0, scale, (N + UNITS, UNITS)) for gate in GATES}
    return weights | {f"b{gate}": RNG.normal(0, scale, UNITS) for gate in GATES}


def unstabilised(x, weights):
    """The equations as they are written without the stabiliser."""
    c = n = h = np.zeros((len(x), UNITS))
    outputs = []
    for t in range(x.shape[1]):
        sums = {g: np.concatenate((x[:, t], h), axis=1) @ weights[f"W{g}"] + weights[f"b{g}"] for g in GATES}
        i, f = np.exp(sums["i"]), 1 / (1 + np.exp(-sums["f"]))
        c, n = f * c + i * np.tanh(sums["z"]), f * n + i
        h = c / n / (1 + np.exp(-sums["o"]))
        outputs.append(h)
    return np.stack(outputs, axis=1)


def test_the_stabiliser_changes_nothing():
    x, weights = RNG.normal(size=(5, 7, N)), drawn()
    np.testing.assert_allclose(slstm(x, weights), unstabilised(x, weights), rtol=1e-12)


def test_gates_of_any_size_stay_finite():
    x, weights = RNG.normal(size=(2, 9, N)), drawn(300.0)
    assert np.isfinite(slstm(x, weights)).all()
    assert np.abs(slstm(x, weights)).max() <= 1


def test_a_large_input_gate_overrules_what_was_kept():
    weights = {f"W{gate}": np.zeros((1 + 1, 1)) for gate in GATES} | {f"b{gate}": np.zeros(1) for gate in GATES}
    weights["Wz"][0], weights["Wi"][0], weights["bf"] = 5.0, 20.0, np.full(1, 9.0)
    kept = trace(np.array([[[0.1], [0.1], [-1.0], [1.0]]]), weights).kept.ravel()
    assert kept[3] == pytest.approx(np.tanh(5.0), abs=1e-4)
    assert kept[2] == pytest.approx(kept[1], abs=1e-3)


def test_the_network_follows_level_and_size_and_without_its_last_layer_is_linear():
    module, window = network("slstm-mixer"), Window(n_step=4, n_input=5)
    parameters = module.Parameters(units=6, segments=2)
    tensors = {name: RNG.normal(0, 0.3, shape) for name, shape in module.tensor_shapes(parameters, window).items()}
    x = RNG.normal(size=(3, 4, 5))
    y = module.forward(parameters, tensors, x)
    assert y.shape == (3, 10)
    np.testing.assert_allclose(module.forward(parameters, tensors, x + 7) - 7, y, atol=1e-9)
    np.testing.assert_allclose(module.forward(parameters, tensors, 2 * x), 2 * y, atol=1e-3)
    plain = tensors | {"segment.kernel": np.zeros((6, 10)), "segment.bias": np.zeros(10)}
    moved = module.forward(parameters, plain | {"slstm.bz": np.ones(6)}, x)
    np.testing.assert_array_equal(moved, module.forward(parameters, plain, x))


def test_its_gates_are_traced_over_the_segments():
    module, window = network("slstm-mixer"), Window(n_step=4, n_input=5)
    parameters = module.Parameters(units=6)
    tensors = {name: RNG.normal(0, 0.3, shape) for name, shape in module.tensor_shapes(parameters, window).items()}
    traced = module.trace(parameters, tensors, RNG.normal(size=(3, 4, 5)))["slstm"]
    assert {name: values.shape for name, values in traced.items()} == dict.fromkeys(
        ("input gate", "forget gate", "output gate", "candidate", "state", "output"), (3, 4, 6)
    )
    assert traced["forget gate"].max() <= 1
