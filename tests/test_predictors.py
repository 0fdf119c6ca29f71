"""One contract for every predictor, and the closed forms against what they should equal."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge as SklearnRidge

from forecaster import predictors
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import ModelError, UsageError
from forecaster.networks import Setting, network
from forecaster.networks import names as network_names
from forecaster.predictors.base import Context, Parts
from forecaster.predictors.gram import BLOCK, Gram, correlate
from forecaster.predictors.ridge import ALPHAS, Ridge, solve
from forecaster.training import train
from forecaster.windows import Runs, Windows

WINDOW = Window(n_step=4, n_input=10)
RECIPE = Recipe(steps=60, steps_per_epoch=20, batch=32, learning_rate=5e-3)


def parts_of(values, window=WINDOW, channels=1):
    runs = Runs.join([values], np.zeros(channels), np.ones(channels))
    b1 = np.full(channels, int(len(values) * 0.7), dtype=np.int64)
    training = Windows.between(runs, (np.zeros_like(b1), b1), window)
    return Parts(training, Windows.between(runs, (b1, np.full_like(b1, len(values))), window))


@pytest.fixture
def parts(sine):
    return parts_of(sine)


@pytest.fixture(scope="module")
def trained():
    """Every predictor trained once on a sine, with its history: by name and repetition."""
    t = np.arange(600)
    sine = np.sin(2 * np.pi * t / 20) + np.random.default_rng(0).normal(0, 0.05, len(t))
    parts, made = parts_of(sine[:, None]), {}

    def make(name, repetition=0):
        if (name, repetition) not in made:
            made[name, repetition] = train(parts, RunConfig(predictor=name, recipe=RECIPE, window=WINDOW, seed=7))
        return made[name, repetition]

    return make


@pytest.mark.parametrize("name", predictors.names())
class TestContract:
    def test_shapes_and_finite(self, name, trained):
        context = np.random.default_rng(1).normal(size=(5, WINDOW.context))
        segment = trained(name).predictors[0].predict(Context(context, np.zeros(5, dtype=np.int64)))
        assert segment.shape == (5, WINDOW.n_input)
        assert segment.dtype == np.float64
        assert np.isfinite(segment).all()

    def test_its_tensors_are_as_its_specs_say(self, name, trained):
        predictor = trained(name).predictors[0]
        parameters = predictor.parameters.model_dump(mode="json")
        specs = predictors.specs(name, parameters, WINDOW, 1)
        found = {
            key: ({"f": "F"}[t.dtype.kind] + str(t.itemsize * 8), t.shape) for key, t in predictor.tensors().items()
        }
        assert found == {key: tuple(spec) for key, spec in specs.items()}

    def test_restored_it_forecasts_the_same_bytes(self, name, trained):
        predictor = trained(name).predictors[0]
        parameters = predictor.parameters.model_dump(mode="json")
        again = predictors.restore(name, parameters, predictor.tensors(), WINDOW)
        values = np.random.default_rng(2).normal(size=(9, WINDOW.context))
        context = Context(values, np.zeros(9, dtype=np.int64))
        assert again.predict(context).tobytes() == predictor.predict(context).tobytes()

    def test_same_seed_same_bytes(self, name, trained):
        first, second = (trained(name, k).predictors[0].tensors() for k in range(2))
        assert {k: v.tobytes() for k, v in first.items()} == {k: v.tobytes() for k, v in second.items()}

    def test_it_has_a_description(self, name, trained):
        assert 20 < len(predictors.describe(name)) < 120

    def test_the_input_is_left_as_it_was(self, name, trained):
        context = np.random.default_rng(3).normal(size=(3, WINDOW.context))
        before = context.copy()
        trained(name).predictors[0].predict(Context(context, np.zeros(3, dtype=np.int64)))
        np.testing.assert_array_equal(context, before)


@pytest.mark.parametrize("name", network_names())
class TestNetwork:
    def test_numpy_equals_keras(self, name):
        module, x = network(name), np.random.default_rng(0).normal(size=(6, 4, 10)).astype(np.float32)
        model = module.build(module.Parameters(), WINDOW, Setting(seed=3))
        rng = np.random.default_rng(1)
        for variable in model.trainable_variables:
            variable.assign(rng.normal(0, 0.2, variable.shape))
        from forecaster.training.network import weights_of

        weights = weights_of(model)
        assert {k: v.shape for k, v in weights.items()} == module.tensor_shapes(module.Parameters(), WINDOW)
        np.testing.assert_allclose(module.forward(weights, x), model(x), atol=1e-6)

    def test_the_loss_falls_on_a_sine(self, name, trained):
        history = trained(name).history
        assert history[-1]["validation_loss"] < 0.8 * history[0]["validation_loss"]


def test_the_flagship_has_181000_parameters_however_it_is_written():
    window = Window()
    for name in ("stacked-lstm", "textbook-lstm"):
        module = network(name)
        assert sum(np.prod(s) for s in module.tensor_shapes(module.Parameters(), window).values()) == 181_000


def test_unknown_names_and_parameters_are_refused(parts):
    with pytest.raises(UsageError, match=r"no predictor 'ridgy'.*stacked-lstm"):
        predictors.kind("ridgy")
    with pytest.raises(ModelError, match="does not have"):
        predictors.specs("os", {}, WINDOW, 1)
    with pytest.raises(ModelError, match="alpha"):
        predictors.specs("ridge", {"alpha": -1, "taps": 3, "low": 0, "high": 1}, WINDOW, 1)
    with pytest.raises(ModelError, match="2 channels"):
        predictors.specs("seasonal-naive", {"lags": [3], "errors": [1]}, WINDOW, 2)


def test_the_naive_forecasts_are_what_their_names_say(parts):
    context = np.arange(80.0).reshape(2, 40)
    channel = np.zeros(2, dtype=np.int64)
    last = predictors.kind("last-value").fit(parts).predict(Context(context, channel))
    assert (last == [[39.0] * 10, [79.0] * 10]).all()
    np.testing.assert_array_equal(
        predictors.kind("repeat-segment").fit(parts).predict(Context(context, channel)), context[:, -10:]
    )
    seasonal = predictors.restore("seasonal-naive", {"lags": [4], "errors": [0.0]}, {}, WINDOW)
    assert seasonal.predict(Context(context, channel))[0].tolist() == [36, 37, 38, 39, 36, 37, 38, 39, 36, 37]


def test_the_seasonal_lag_is_found_for_each_channel():
    t = np.arange(2000)
    values = np.stack([np.sin(2 * np.pi * t / 20), np.sin(2 * np.pi * t / 33)], axis=1)
    seasonal = predictors.kind("seasonal-naive").fit(parts_of(values, channels=2))
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


def test_ridge_equals_scikit_learn(parts):
    rows = laid_out(parts.training, 40)
    for error, alpha, kernel, bias in solve(parts, 40)[::3]:
        oracle = SklearnRidge(alpha=alpha).fit(rows[:, :40], rows[:, 40:])
        np.testing.assert_allclose(kernel, oracle.coef_.T, atol=1e-8)
        np.testing.assert_allclose(bias, oracle.intercept_, atol=1e-8)
        held_back = laid_out(parts.validation, 40)
        expected = np.square(oracle.predict(held_back[:, :40]) - held_back[:, 40:]).sum()
        assert error == pytest.approx(expected, rel=1e-6)


def test_ridge_takes_the_alpha_that_is_best_on_validation(parts):
    ridge = Ridge.fit(parts)
    best = min(solve(parts, 40), key=lambda solution: solution[0])
    assert ridge.parameters.alpha == best[1]
    assert ridge.parameters.alpha in ALPHAS


def test_ridge_stays_within_its_limits_where_the_line_would_explode():
    growth = np.exp(np.arange(600) / 60)[:, None]
    ridge = Ridge.fit(parts_of(growth))
    context = np.full((1, 40), 1e12)
    segment = ridge.predict(Context(context, np.zeros(1, dtype=np.int64)))
    assert ridge.parameters.low <= segment.min() <= segment.max() <= ridge.parameters.high


def test_where_no_ridge_is_stable_the_best_on_validation_is_taken(parts, monkeypatch):
    monkeypatch.setattr(Ridge, "is_stable", lambda self, parts: False)
    best = min(solve(parts, 40), key=lambda solution: solution[0])
    assert Ridge.fit(parts).parameters.alpha == best[1]
