"""What each network is beyond the contract: its forms, its reach, its start, and the same bits under every kernel."""

import numpy as np
import pytest
from pydantic import ValidationError

from forecaster.config import Window
from forecaster.equations.recurrent import basic_rnn
from forecaster.networks import Setting, names, network, task
from forecaster.networks._forward import normalised
from tests.kernels import KERNELS, printed

WINDOW = Window(n_step=5, n_input=6)

FORMS = [
    ("basic-rnn", {"activation": "tanh", "units_1": 7, "units_2": 5, "hidden": 4}),
    ("basic-rnn", {"activation": "relu", "units_1": 7, "units_2": 5, "hidden": 4}),
    *(
        ("gru", {"mix": mix, "reset": reset, "units_1": 7, "units_2": 5})
        for mix in ("update-keeps", "update-takes")
        for reset in ("before", "after")
    ),
    ("narx", {"units": 9}),
    ("segment-gru", {"normalised": False, "units": 7}),
    ("segment-gru", {"segments": 3, "units": 7}),
    *(("state-space", {"layers": layers, "units": 6}) for layers in (1, 2, 5)),
    ("sliding-conv", {"layers": 1, "taps": 2, "filters": 3}),
    ("sliding-conv", {"layers": 3, "taps": 3, "filters": 4}),
    ("sliding-conv", {"layers": 2, "taps": 40, "filters": 4}),
    ("sliding-conv", {"layers": 6, "taps": 2, "filters": 4}),
]


def drawn(name, parameters, window=WINDOW, seed=1):
    module, rng = network(name), np.random.default_rng(seed)
    shapes = module.tensor_shapes(module.Parameters(**parameters), window)
    return {key: rng.normal(0, np.prod(s[:-1]) ** -0.5 / 2, s).astype(np.float32) for key, s in shapes.items()}


def segments(batch, window=WINDOW):
    return np.random.default_rng(0).normal(size=(batch, window.n_step, window.width)).astype(np.float32)


@pytest.mark.parametrize("exogenous", [0, 2])
@pytest.mark.parametrize(("name", "parameters"), FORMS, ids=str)
def test_every_form_is_the_same_in_numpy_and_keras(name, parameters, exogenous):
    from forecaster.training.state import weights_of

    window = Window(n_step=5, n_input=6, exogenous=exogenous)
    module, tensors, x = network(name), drawn(name, parameters, window), segments(4, window)
    model = module.build(module.Parameters(**parameters), window, Setting(seed=1))
    assert {key: tensor.shape for key, tensor in weights_of(model).items()} == {k: t.shape for k, t in tensors.items()}
    for variable, key in zip(model.trainable_variables, weights_of(model), strict=True):
        variable.assign(tensors[key])
    y = module.forward(module.Parameters(**parameters), tensors, x)
    assert y.std() > 1e-3
    np.testing.assert_allclose(y, model(x), atol=1e-6)


def test_level_lstm_follows_its_channel_to_any_level_and_leaves_the_covariates_alone():
    window = Window(n_step=5, n_input=6, exogenous=2)
    module, tensors, x = network("level-lstm"), drawn("level-lstm", {}, window), segments(3, window).astype(np.float64)
    tensors = {key: tensor.astype(np.float64) for key, tensor in tensors.items()}
    y = module.forward(module.Parameters(), tensors, x)
    level = np.r_[np.full(6, 100.0), np.zeros(12)]
    np.testing.assert_allclose(module.forward(module.Parameters(), tensors, x + level), y + 100, atol=1e-9)
    assert np.abs(module.forward(module.Parameters(), tensors, x + 1 - level / 100) - y).max() > 1e-3


def test_segment_gru_follows_a_channel_to_any_level_and_size():
    module, tensors = network("segment-gru"), drawn("segment-gru", {"segments": 2})
    parameters = module.Parameters(segments=2)
    tensors = {key: tensor.astype(np.float64) for key, tensor in tensors.items()}
    x = segments(3).astype(np.float64)
    last = x[:, -1, 5:6]
    shape = module.forward(parameters, tensors, x) - last
    assert shape.std() > 1e-2
    louder = 3 * (x - last[:, None]) + 100
    np.testing.assert_allclose(module.forward(parameters, tensors, louder), 3 * shape + 100, rtol=2e-3, atol=2e-3)


def test_covariates_tell_segment_gru_the_same_whatever_the_size_of_the_channel():
    window = Window(n_step=5, n_input=6, exogenous=2)
    module, tensors = network("segment-gru"), drawn("segment-gru", {}, window)
    tensors = {key: tensor.astype(np.float64) for key, tensor in tensors.items()}
    x = segments(3, window).astype(np.float64)
    y, plain = (module.forward(module.Parameters(normalised=flag), tensors, x) for flag in (True, False))
    np.testing.assert_array_equal(y, plain)
    level = np.r_[np.full(6, 100.0), np.zeros(12)]
    np.testing.assert_allclose(module.forward(module.Parameters(), tensors, x + level), y + 100, atol=1e-9)
    assert np.abs(module.forward(module.Parameters(), tensors, x + 1 - level / 100) - y).max() > 1e-3


def test_what_a_network_shows_of_a_window_has_neither_its_level_nor_its_size():
    module, tensors = network("segment-gru"), drawn("segment-gru", {})
    tensors = {key: tensor.astype(np.float64) for key, tensor in tensors.items()}
    x = segments(3).astype(np.float64)
    usual, louder = (module.trace(module.Parameters(), tensors, y)["gru"]["state"] for y in (x, 3 * x + 50))
    np.testing.assert_allclose(louder, usual, rtol=1e-3, atol=1e-3)
    raw = module.trace(module.Parameters(normalised=False), tensors, 3 * x + 50)["gru"]["state"]
    assert np.abs(raw - usual).max() > 0.05


@pytest.mark.parametrize(("size", "seen"), [(0, 0), (1e-3, 0.0995), (0.1, 0.995), (3, 1), (8, 2), (1e6, 2.5e5)])
def test_the_size_of_a_window_is_taken_out_within_bounds(size, seen):
    wave = np.tile([-1.0, 1.0], 15).reshape(1, 5, 6)
    z, divisor = normalised(size * wave, 6)
    assert z.std() == pytest.approx(seen, rel=1e-3)
    np.testing.assert_allclose(divisor * z[0], size * wave[0])


def test_a_closed_loop_that_grows_comes_to_an_end():
    module, tensors = network("segment-gru"), drawn("segment-gru", {})
    tensors = {key: tensor.astype(np.float64) for key, tensor in tensors.items()}
    tensors["segment.kernel"] *= 20
    x = segments(1).astype(np.float64)
    for _ in range(400):
        y = module.forward(module.Parameters(), tensors, x)
        y -= y.mean()  # its level is not what is looked at
        x = np.concatenate((x[:, 1:], y[:, None]), axis=1)
    assert 4 < np.abs(x).max() < 100


def test_noise_does_not_make_a_quiet_window_loud():
    """What a network adds to a window has the size of the window, not that of the noise it is trained with."""
    import keras

    module = network("segment-gru")
    model = module.build(module.Parameters(), WINDOW, Setting(seed=1, noise=0.5))
    assert isinstance(model, keras.Model)
    quiet = 1e-4 * segments(64)
    added = np.asarray(model(quiet, training=True)) - np.asarray(model(quiet, training=False))
    level = added.mean(axis=1, keepdims=True)
    assert level.std() > 0.3  # the noise of the last value
    assert (added - level).std() < 0.05


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("basic-rnn", {"activation": "sigmoid"}),
        ("basic-rnn", {"units_1": 0}),
        ("gru", {"mix": "keras"}),
        ("gru", {"reset": "never"}),
        ("narx", {"units": 10**6}),
        ("state-space", {"layers": 0}),
        ("state-space", {"layers": 10**6}),
        ("sliding-conv", {"taps": 1}),
        ("sliding-conv", {"filters": 10**6}),
        ("sliding-conv", {"kernel": 3}),
    ],
)
def test_a_strangers_parameters_are_held_within_limits(name, parameters):
    with pytest.raises(ValidationError):
        network(name).Parameters(**parameters)


@pytest.mark.parametrize(
    ("name", "count"),
    [("basic-rnn", 60_400), ("gru", 141_000), ("narx", 60_300), ("state-space", 60_600), ("sliding-conv", 115_672)],
)
def test_the_docstring_says_how_many_parameters_there_are(name, count):
    module = network(name)
    assert sum(np.prod(shape) for shape in module.tensor_shapes(module.Parameters(), Window()).values()) == count
    assert f"{count:,} parameters" in " ".join(module.__doc__.split())


@pytest.mark.parametrize(("layers", "taps"), [(1, 7), (2, 3), (3, 2), (4, 2)])
def test_the_sliding_convolution_looks_back_on_as_many_samples_as_it_says(layers, taps):
    module, reach = network("sliding-conv"), taps**layers
    parameters = module.Parameters(layers=layers, taps=taps, filters=32)
    tensors, x = drawn("sliding-conv", parameters.model_dump()), segments(1)
    forecast = module.forward(parameters, tensors, x)
    for lag in range(1, WINDOW.context + 1):
        moved = x.copy()
        moved.reshape(-1)[-lag] += 1
        assert (module.forward(parameters, tensors, moved) != forecast).any() == (lag <= reach)


def test_narx_remembers_nothing_but_its_last_output():
    module, tensors, x = network("narx"), drawn("narx", {"units": 9}), segments(3)
    parameters = module.Parameters(units=9)
    traced = module.trace(parameters, tensors, x)["narx"]
    W, b = tensors["narx.W"], tensors["narx.b"]
    before = np.concatenate((x[:, -1], traced["output"][:, -2]), axis=1)
    np.testing.assert_allclose(np.tanh(before @ W + b), traced["state"][:, -1], atol=1e-6)
    np.testing.assert_array_equal(traced["output"][:, -1], module.forward(parameters, tensors, x))


def test_the_state_space_network_starts_from_its_learnt_state():
    module, x = network("state-space"), segments(3)
    tensors, parameters = drawn("state-space", {"layers": 2, "units": 4}), module.Parameters(layers=2, units=4)
    start = module.start(parameters, tensors, 3)
    assert [part.shape for part in start] == [(3, 4), (3, 4)]
    np.testing.assert_array_equal(start[1][2], tensors["state_2.s0"])
    first = basic_rnn(x, tensors["state_1.W"], tensors["state_1.b"], start=tensors["state_1.s0"])
    np.testing.assert_array_equal(module.trace(parameters, tensors, x)["state_1"]["state"], first)
    other = tensors | {"state_1.s0": tensors["state_1.s0"] + 1}
    assert np.abs(module.forward(parameters, other, x) - module.forward(parameters, tensors, x)).max() > 1e-6


def test_a_carried_state_remembers_what_a_window_has_forgotten():
    module, long = network("state-space"), np.random.default_rng(2).normal(size=(1, 40, 6)).astype(np.float32)
    tensors, parameters = drawn("state-space", {"layers": 1, "units": 8}), module.Parameters(layers=1, units=8)
    tensors["state_1.W"][-8:] = np.eye(8) * 0.99
    forecasts = []
    for first in (long[:, 0], long[:, 0] + 3):
        state, _ = module.step(parameters, tensors, module.start(parameters, tensors, 1), first)
        for s in range(1, 9):
            state, y = module.step(parameters, tensors, state, 0.01 * long[:, s])
        forecasts.append(y)
    assert np.abs(forecasts[0] - forecasts[1]).max() > 1e-4


@pytest.mark.parametrize("name", ["stacked-lstm", "textbook-lstm", "basic-rnn", "gru", "narx", "state-space"])
def test_the_trace_is_what_the_forecast_is_made_of(name):
    module, x = network(name), segments(3)
    tensors = drawn(name, {})
    traced = module.trace(module.Parameters(), tensors, x)
    last = list(traced.values())[-1]
    y = last.get("output", last["state"])[:, -1]
    if "hidden.kernel" in tensors:
        y = np.maximum(y @ tensors["hidden.kernel"] + tensors["hidden.bias"], 0)
        y = y @ tensors["segment.kernel"] + tensors["segment.bias"]
    np.testing.assert_allclose(y, module.forward(module.Parameters(), tensors, x), atol=1e-6)


POSITIONS = """
import numpy as np
from forecaster.config import Window
from forecaster.networks import names, network
from forecaster.predictors.base import one_blas_thread
from tests.test_networks import FORMS, drawn, segments
window = Window(n_step=6, n_input=100, exogenous=1)
x = segments(20, window)
with one_blas_thread():
    for name, parameters in (*FORMS, *((name, {}) for name in {name for name, _ in FORMS})):
        module, tensors = network(name), drawn(name, parameters, window)
        form = module.Parameters(**parameters)
        alone = module.forward(form, tensors, x[:1]).tobytes()
        for place in range(len(x)):
            moved = module.forward(form, tensors, np.roll(x, place, axis=0))[place].tobytes()
            assert moved == alone, (name, parameters, place)
print("same")
"""


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_row_has_the_same_bits_in_every_place_with_every_kernel(kernel):
    assert printed(POSITIONS, kernel) == "same"


def callers_of_the_equations(function):
    """The modules and functions from `function` down to the first call of a function of `equations`."""
    import sys

    stacks = []

    def profile(frame, event, _):
        if event == "call" and frame.f_globals["__name__"].startswith("forecaster.equations.") and not stacks:
            stack = []
            while frame is not None:
                stack.append((frame.f_globals["__name__"], frame.f_code.co_name))
                frame = frame.f_back
            stacks.append([place for place in reversed(stack) if place[0].startswith("forecaster.")])

    sys.setprofile(profile)
    try:
        function()
    finally:
        sys.setprofile(None)
    return stacks[0]


@pytest.mark.parametrize("name", names())
def test_a_forward_pass_calls_the_equations_itself(name):
    module = network(name)
    window = Window(n_step=5, n_input=1, symbols=4) if task(name) == "symbols" else WINDOW
    tensors, x = drawn(name, {}, window), segments(2, window)
    stack = callers_of_the_equations(lambda: module.forward(module.Parameters(), tensors, x))
    assert stack[:-1] == [(module.__name__, "forward")]
