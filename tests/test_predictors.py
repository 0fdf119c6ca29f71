"""One contract for every predictor, and the closed forms against what they should equal."""

import numpy as np
import pytest
import safetensors.numpy
from sklearn.linear_model import Ridge as SklearnRidge

from forecaster import predictors
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import ModelError, UsageError
from forecaster.networks import Setting, network
from forecaster.networks import names as network_names
from forecaster.networks import task as task_of
from forecaster.predictors.fitting import BLOCK, Gram, correlate
from forecaster.predictors.ridge import ALPHAS, Ridge, solve
from forecaster.signal.context import Context
from forecaster.signal.windows import Runs, Windows, WindowSplits
from forecaster.training import train

WINDOW = Window(n_step=4, n_input=10)
RECIPE = Recipe(steps=60, steps_per_epoch=20, batch=32, learning_rate=5e-3)


def parts_of(values, window=WINDOW, channels=1):
    runs = Runs.join([values], np.zeros(channels), np.ones(channels))
    b1 = np.full(channels, int(len(values) * 0.7), dtype=np.int64)
    training = Windows.between(runs, (np.zeros_like(b1), b1), window)
    return WindowSplits(training, Windows.between(runs, (b1, np.full_like(b1, len(values))), window))


@pytest.fixture
def parts(sine):
    return parts_of(sine)


T = np.arange(600)
SYMBOLS = Window(n_step=6, n_input=1, symbols=4)
SIGNALS = {
    "forecast": (WINDOW, np.sin(2 * np.pi * T / 20) + np.random.default_rng(0).normal(0, 0.05, len(T))),
    "symbols": (SYMBOLS, T % 4.0),
}
"""For each task a window, and what a predictor can learn: a noisy sine, a sequence of symbols."""


def window_of(name):
    return SIGNALS[predictors.predictor_class(name).task][0]


def contexts(name, batch, seed):
    """Contexts as the predictor's task has them."""
    rng, window = np.random.default_rng(seed), window_of(name)
    shape = (batch, window.context)
    values = rng.integers(0, window.symbols, shape).astype(float) if window.symbols else rng.normal(size=shape)
    return Context(values, np.zeros(batch, dtype=np.int64))


@pytest.fixture(scope="module")
def trained():
    """Every predictor trained once on its task's signal, with its history: by name and repetition."""
    trained_once = {}

    def make(name, repetition=0):
        if (name, repetition) not in trained_once:
            window, values = SIGNALS[predictors.predictor_class(name).task]
            config = RunConfig(predictor=name, recipe=RECIPE, window=window, seed=7)
            trained_once[name, repetition] = train(parts_of(values[:, None], window), config)
        return trained_once[name, repetition]

    return make


def through_a_file(predictor):
    """The predictor's tensors as a model folder gives them back, from bytes."""
    return safetensors.numpy.load(safetensors.numpy.save(contiguous(predictor.tensors())))


def contiguous(tensors):
    """safetensors writes an array's memory as it lies: in C order, as the model folder's own writer does."""
    return {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}


@pytest.mark.parametrize("name", predictors.names())
class TestContract:
    def test_shapes_and_finite(self, name, trained):
        segment = trained(name).predictors[0].predict(contexts(name, 5, seed=1))
        assert segment.shape == (5, window_of(name).n_input)
        assert segment.dtype == np.float64
        assert np.isfinite(segment).all()

    def test_its_tensors_are_as_its_specs_say(self, name, trained):
        predictor = trained(name).predictors[0]
        parameters = predictor.parameters.model_dump(mode="json")
        specs = predictors.specs(name, parameters, window_of(name), 1)
        stored = {
            key: ({"f": "F"}[t.dtype.kind] + str(t.itemsize * 8), t.shape) for key, t in predictor.tensors().items()
        }
        assert stored == {key: tuple(spec) for key, spec in specs.items()}

    @pytest.mark.bits
    def test_restored_it_forecasts_the_same_bytes(self, name, trained):
        fitted = trained(name).predictors
        predictor = fitted[0]
        states = [(p.name, p.parameters.model_dump(mode="json"), through_a_file(p)) for p in fitted]
        again = predictors.restore_all(states, window_of(name))[0]
        context = contexts(name, 9, seed=2)
        assert again.predict(context).tobytes() == predictor.predict(context).tobytes()

    def test_its_arrays_lie_in_memory_as_loaded_ones_do(self, name, trained):
        arrays = {k: v for k, v in vars(trained(name).predictors[0]).items() if isinstance(v, np.ndarray)}
        arrays |= getattr(trained(name).predictors[0], "weights", {}) if name in network_names() else {}
        assert [key for key, array in arrays.items() if not array.flags.c_contiguous] == []

    @pytest.mark.bits
    def test_same_seed_same_bytes(self, name, trained):
        first, second = (trained(name, k).predictors[0].tensors() for k in range(2))
        assert {k: v.tobytes() for k, v in first.items()} == {k: v.tobytes() for k, v in second.items()}

    def test_if_it_follows_the_level_a_higher_context_is_forecast_as_much_higher(self, name, trained):
        predictor = trained(name).predictors[0]
        if not predictor.follows_level or predictor.is_ensemble:
            pytest.skip("it does not say that it follows the level")
        context = contexts(name, 5, seed=1)
        higher = Context(context.values + 40, context.channel)
        np.testing.assert_allclose(predictor.predict(higher) - 40, predictor.predict(context), atol=1e-3)

    def test_it_has_a_description(self, name, trained):
        assert 20 < len(predictors.describe(name)) < 120

    def test_its_class_says_what_it_is(self, name, trained):
        chosen = predictors.predictor_class(name)
        assert chosen.name == name
        assert predictors.label(name) == chosen.label != ""
        assert chosen.is_baseline == (name in predictors.baselines(chosen.task))
        predictor = trained(name).predictors[0]
        assert predictor.segments == 1
        assert predictor.is_ensemble == (name == "auto")
        assert not predictor.sees_other_targets

    def test_the_input_is_left_as_it_was(self, name, trained):
        context = contexts(name, 3, seed=3)
        before = context.values.copy()
        trained(name).predictors[0].predict(context)
        np.testing.assert_array_equal(context.values, before)


BESIDE = Window(n_step=4, n_input=10, exogenous=2)


def drawn(shapes, seed=1, dtype=np.float32):
    """Weights of about the size that training leaves: each row's sum of squares is 1, biases .2."""
    rng = np.random.default_rng(seed)
    scales = {key: min(0.2, np.prod(shape[:-1]) ** -0.5) for key, shape in shapes.items()}
    return {key: rng.normal(0, scales[key], shape).astype(dtype) for key, shape in shapes.items()}


def segments(batch, window, dtype=np.float32):
    return np.random.default_rng(0).normal(size=(batch, window.n_step, window.width)).astype(dtype)


def last(y):
    """What a Keras model answers after the last step, whether it answers after every one or not."""
    return y[:, -1] if y.ndim == 3 else y


WINDOWS = {"forecast": {"alone": WINDOW, "beside": BESIDE}, "symbols": {"symbols": SYMBOLS}}
CASES = {f"{name}-{key}": (name, w) for name in network_names() for key, w in WINDOWS[task_of(name)].items()}


@pytest.mark.parametrize(("name", "window"), CASES.values(), ids=CASES)
class TestNetwork:
    def test_numpy_equals_keras(self, name, window):
        module = network(name)
        model = module.build(module.Parameters(), window, Setting(seed=3))
        from forecaster.training.state import weights_of

        shapes, x = module.tensor_shapes(module.Parameters(), window), segments(6, window)
        assert {k: v.shape for k, v in weights_of(model).items()} == shapes
        for variable, tensor in zip(model.trainable_variables, drawn(as_keras(model, shapes)).values(), strict=True):
            variable.assign(tensor)
        y = module.forward(module.Parameters(), weights_of(model), x)
        assert y.shape == (6, window.symbols or window.n_input)
        assert np.abs(y).max() > 1e-3
        np.testing.assert_allclose(y, last(model(x)), atol=1e-6 * max(1.0, float(np.abs(y).max())))

    def test_in_double_precision_numpy_equals_keras_whatever_the_weights(self, name, window, double_precision):
        module, x = network(name), segments(6, window, np.float64)
        model = module.build(module.Parameters(), window, Setting(seed=3))
        rng = np.random.default_rng(1)
        for variable in model.trainable_variables:
            variable.assign(rng.normal(0, 0.2, variable.shape))
        from forecaster.training.state import weights_of

        y = module.forward(module.Parameters(), weights_of(model), x)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y, last(model(x)), atol=1e-9)

    def test_its_parameters_are_valid_and_its_start_is_the_seeds(self, name, window):
        module = network(name)
        parameters = module.Parameters.model_validate(module.Parameters().model_dump(mode="json"))
        from forecaster.training.state import weights_of

        first, second, other = (weights_of(module.build(parameters, window, Setting(seed=k))) for k in (3, 3, 4))
        assert {k: v.tobytes() for k, v in first.items()} == {k: v.tobytes() for k, v in second.items()}
        matrices = [key for key, tensor in first.items() if tensor.ndim > 1]
        assert not any(np.array_equal(first[key], other[key]) for key in matrices)

    def test_noise_and_dropout_disturb_training_alone(self, name, window):
        module, x = network(name), segments(5, window)
        quiet = module.build(module.Parameters(), window, Setting(seed=3))
        model = module.build(module.Parameters(), window, Setting(seed=3, noise=0.5, dropout=0.5))
        np.testing.assert_array_equal(model(x), quiet(x))
        assert not np.array_equal(model(x, training=True), quiet(x))
        masks = [(layer.seed, layer.layer) for layer in model.layers if hasattr(layer, "disturb")]
        assert len(set(masks)) == len(masks) > 0

    @pytest.mark.bits
    def test_a_row_has_the_same_bits_in_every_place(self, name, window):
        module, x = network(name), segments(11, window)
        tensors = drawn(module.tensor_shapes(module.Parameters(), window))
        alone = module.forward(module.Parameters(), tensors, x[:1]).tobytes()
        for place in range(len(x)):
            assert module.forward(module.Parameters(), tensors, np.roll(x, place, axis=0))[place].tobytes() == alone

    def test_a_trace_has_its_states_and_gates_between_0_and_1(self, name, window):
        module, x = network(name), segments(3, window)
        tensors = drawn(module.tensor_shapes(module.Parameters(), window))
        if not hasattr(module, "trace"):
            pytest.skip(f"{name} has no state")
        traced = module.trace(module.Parameters(), tensors, x)
        assert all("state" in quantities for quantities in traced.values())
        for quantities in traced.values():
            for quantity, values in quantities.items():
                assert values.shape[:2] == x.shape[:2]
                assert values.ndim == 3
                assert np.isfinite(values).all()
                if quantity.endswith("gate"):
                    assert 0 <= values.min() < values.max() <= 1

    def test_its_steps_one_by_one_are_its_forward_pass(self, name, window):
        module, x = network(name), segments(9, window)
        tensors = drawn(module.tensor_shapes(module.Parameters(), window))
        if not hasattr(module, "step"):
            pytest.skip(f"{name} does not carry a state")
        state = module.start(module.Parameters(), tensors, len(x))
        for s in range(window.n_step):
            state, y = module.step(module.Parameters(), tensors, state, x[:, s])
            assert [part.shape[0] for part in state] == [len(x)] * len(state)
        np.testing.assert_allclose(y, module.forward(module.Parameters(), tensors, x), atol=1e-6)


def as_keras(model, shapes):
    """The shapes in the order of the model's variables."""
    from forecaster.training.state import weights_of

    return {key: shapes[key] for key in weights_of(model)}


@pytest.fixture
def double_precision():
    import keras

    for dtype in ("float64", "float32"):
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        if dtype == "float64":
            yield


@pytest.mark.parametrize("name", network_names())
def test_the_loss_falls_on_what_can_be_learned(name, trained):
    history = trained(name).history
    assert history[-1]["validation_loss"] < 0.8 * history[0]["validation_loss"]


def test_the_flagship_has_181000_parameters_however_it_is_written():
    window = Window()
    for name in ("stacked-lstm", "textbook-lstm"):
        module = network(name)
        assert sum(np.prod(s) for s in module.tensor_shapes(module.Parameters(), window).values()) == 181_000


def test_unknown_names_and_parameters_are_refused(parts):
    with pytest.raises(UsageError, match=r"no predictor 'ridgy'.*stacked-lstm"):
        predictors.predictor_class("ridgy")
    with pytest.raises(ModelError, match="does not have"):
        predictors.specs("os", {}, WINDOW, 1)
    with pytest.raises(ModelError, match="alpha"):
        predictors.specs("ridge", {"alpha": -1, "taps": 3, "low": 0, "high": 1}, WINDOW, 1)
    with pytest.raises(ModelError, match="2 channels"):
        predictors.specs("seasonal-naive", {"lags": [3], "errors": [1]}, WINDOW, 2)


def test_the_naive_forecasts_are_what_their_names_say(parts):
    context = np.arange(80.0).reshape(2, 40)
    channel = np.zeros(2, dtype=np.int64)
    last = predictors.predictor_class("last-value").fit(parts).predict(Context(context, channel))
    assert (last == [[39.0] * 10, [79.0] * 10]).all()
    np.testing.assert_array_equal(
        predictors.predictor_class("repeat-segment").fit(parts).predict(Context(context, channel)), context[:, -10:]
    )
    seasonal = predictors.restore("seasonal-naive", {"lags": [4], "errors": [0.0]}, {}, WINDOW)
    assert seasonal.predict(Context(context, channel))[0].tolist() == [36, 37, 38, 39, 36, 37, 38, 39, 36, 37]


def test_the_seasonal_lag_is_found_for_each_channel():
    t = np.arange(2000)
    values = np.stack([np.sin(2 * np.pi * t / 20), np.sin(2 * np.pi * t / 33)], axis=1)
    seasonal = predictors.predictor_class("seasonal-naive").fit(parts_of(values, channels=2))
    assert [lag % period for lag, period in zip(seasonal.parameters.lags, (20, 33), strict=True)] == [0, 0]
    assert max(seasonal.parameters.errors) < 1e-4


def laid_out(windows, taps):
    """Every window at stride 1 as a row (taps + N,), which the Gram matrix never needs."""
    inputs, targets = windows.take(np.arange(len(windows)))
    rows = np.concatenate([inputs.reshape(len(inputs), -1), targets], axis=1)
    return rows[:, windows.window.context - taps :].astype(np.float64)


@pytest.mark.parametrize("taps", [40, 17, 1])
def test_the_gram_matrix_is_that_of_the_windows_laid_out(taps):
    rng = np.random.default_rng(0)
    runs = Runs.join([rng.normal(3, 1, (120, 2)), rng.normal(size=(77, 2))], np.zeros(2), np.ones(2))
    windows = Windows.between(runs, (np.zeros(4, dtype=np.int64), runs.length), WINDOW)
    rows, gram = laid_out(windows, taps), Gram.of(windows, taps)
    assert gram.rows == len(rows)
    np.testing.assert_allclose(gram.total, rows.sum(axis=0), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(gram.product, rows.T @ rows, rtol=1e-10, atol=1e-8)
    mean = rng.normal(size=rows.shape[1])
    np.testing.assert_allclose(gram.centred(mean), (rows - mean).T @ (rows - mean), rtol=1e-9, atol=1e-7)


def test_the_correlation_by_blocks_is_exact_across_a_block_border():
    x = np.random.default_rng(0).normal(size=BLOCK + 5000)
    rows = len(x) - 9
    expected = [x[:rows] @ x[k : k + rows] for k in range(10)]
    np.testing.assert_allclose(correlate(x, rows, 10), expected, rtol=1e-10)


@pytest.mark.parametrize("relative", [False, True], ids=["values", "distances"])
def test_ridge_equals_scikit_learn(parts, relative):
    rows, held_back = laid_out(parts.training, 40), laid_out(parts.validation, 40)
    solutions = [solution for solution in solve(parts, 40) if solution.relative is relative]
    assert sorted(solution.alpha for solution in solutions) == sorted(ALPHAS)
    last, held_last = (x[:, 39:40] if relative else 0 for x in (rows, held_back))
    for error, alpha, _, kernel, bias in solutions[::3]:
        oracle = SklearnRidge(alpha=alpha, fit_intercept=not relative).fit(rows[:, :40] - last, rows[:, 40:] - last)
        expected = oracle.predict(held_back[:, :40] - held_last) + held_last
        np.testing.assert_allclose(held_back[:, :40] @ kernel + bias, expected, atol=1e-7)
        assert error == pytest.approx(np.square(expected - held_back[:, 40:]).sum(), rel=1e-6)
        assert bias.any() == (not relative)


def test_ridge_takes_the_alpha_that_is_best_on_validation(parts):
    ridge = Ridge.fit(parts)
    best = min(solve(parts, 40), key=lambda solution: solution[0])
    assert ridge.parameters.alpha == best.alpha
    assert ridge.parameters.alpha in ALPHAS


def test_ridge_stays_within_its_limits_where_the_line_would_explode():
    growth = np.exp(np.arange(600) / 60)[:, None]
    ridge = Ridge.fit(parts_of(growth))
    context = np.full((1, 40), 1e12)
    segment = ridge.predict(Context(context, np.zeros(1, dtype=np.int64)))
    assert ridge.parameters.low <= segment.min() <= segment.max() <= ridge.parameters.high


def test_parameters_that_a_predictor_does_not_have_are_refused_and_its_own_are_named():
    with pytest.raises(UsageError, match=r"'nodes' of gru .* It has: units_1"):
        predictors.parameters("gru", {"nodes": 3})
    with pytest.raises(UsageError, match="ridge has no parameters to set"):
        predictors.parameters("ridge", {"alpha": 3})
    assert predictors.parameters("ridge", {}) is None
    assert predictors.parameters("gru", {"units_1": 3}).units_1 == 3


def test_where_no_ridge_is_stable_the_best_on_validation_is_taken(parts, monkeypatch):
    monkeypatch.setattr(Ridge, "is_stable", lambda self, parts: False)
    best = min(solve(parts, 40), key=lambda solution: solution[0])
    assert Ridge.fit(parts).parameters.alpha == best.alpha
