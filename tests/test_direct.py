"""The direct mode: several segments in one pass, beside the closed loop."""

from __future__ import annotations

import numpy as np
import pytest

from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import UsageError
from forecaster.forecasting.rollout import rollout
from forecaster.model import Forecaster
from forecaster.networks import Setting, network
from forecaster.signal.context import Context
from forecaster.training import Silent
from forecaster.training.network import train_network
from forecaster.training.preparation import prepare, resolved
from forecaster.training.state import weights_of
from tests.test_model import signal_of, wave

WINDOW = Window(n_step=4, n_input=10)
QUICK = Recipe(steps=40, steps_per_epoch=20, batch=32)
DIRECT = RunConfig(predictor="segment-gru", window=WINDOW, horizon_mode="direct", recipe=QUICK, seed=2)


@pytest.fixture(scope="module")
def model():
    return Forecaster.fit([signal_of(wave(1200))], DIRECT)


def test_numpy_equals_keras_for_several_segments():
    module = network("segment-gru")
    parameters = module.Parameters(units=8, segments=3)
    keras_model = module.build(parameters, WINDOW, Setting(seed=1))
    x = np.random.default_rng(0).normal(3, 1, (5, 4, 10)).astype(np.float32)
    y = module.forward(parameters, weights_of(keras_model), x)
    assert y.shape == (5, 30)
    np.testing.assert_allclose(y, keras_model(x), atol=1e-5)


def test_the_level_of_a_window_is_kept_and_its_shape_alone_decides():
    module = network("segment-gru")
    parameters = module.Parameters(units=8, segments=2)
    tensors = weights_of(module.build(parameters, WINDOW, Setting(seed=1)))
    x = np.random.default_rng(0).normal(size=(3, 4, 10))
    tensors = {name: tensor.astype(float) for name, tensor in tensors.items()}
    np.testing.assert_allclose(
        module.forward(parameters, tensors, x + 100), module.forward(parameters, tensors, x) + 100, atol=1e-9
    )


def test_the_mode_says_how_many_segments_are_made_in_one_pass(model):
    assert model.config.ahead == model.predictor.parameters.segments == 4
    context = Context(np.random.default_rng(0).normal(size=(3, 40)), np.zeros(3, dtype=np.int64))
    segments = model.predictor.predict(context)
    assert segments.shape == (3, 40)
    y_hat = rollout(model.predictor, context, 65)
    np.testing.assert_array_equal(y_hat[:, :40], segments)
    fed = Context(segments, context.channel)
    np.testing.assert_array_equal(y_hat[:, 40:], model.predictor.predict(fed)[:, :25])


@pytest.mark.bits
def test_saved_and_loaded_it_forecasts_the_same_bytes(model, tmp_path):
    model.save(tmp_path / "m")
    signal = signal_of(wave(300, seed=5), "new")
    first, second = (model.forecast([signal], horizon=55)[0][0] for model in (model, Forecaster.load(tmp_path / "m")))
    assert first.mean.tobytes() == second.mean.tobytes()


@pytest.mark.slow
def test_in_auto_the_direct_mode_has_members_that_make_several_segments():
    signal = signal_of(wave(1200))
    models = {
        mode: Forecaster.fit([signal], RunConfig(window=WINDOW, horizon_mode=mode, recipe=QUICK))
        for mode in ("closed-loop", "direct")
    }
    closed, direct = ({predictor.name: predictor for predictor in model.predictors} for model in models.values())
    assert set(direct) - set(closed) == {"direct-ridge", "periodic-ridge"}
    assert closed["segment-gru"].parameters.segments == 1
    assert {direct[name].parameters.segments for name in ("segment-gru", "direct-ridge", "periodic-ridge")} == {4}
    assert "segment-gru" in models["direct"].stored[1]["parts"][0]["scores"]


@pytest.mark.slow
def test_a_fold_too_short_for_several_segments_is_done_without():
    split = {"training": 40, "validation": 40, "test": 20}
    model = Forecaster.fit(
        [signal_of(wave(370))],
        RunConfig(window=Window(n_step=5, n_input=5), horizon_mode="direct", split=split, recipe=QUICK),
    )
    assert model.config.ahead > 1
    assert model.predictor.name == "auto"


def test_what_makes_one_segment_at_a_time_is_refused():
    config = RunConfig(predictor="gru", window=WINDOW, horizon_mode="direct")
    with pytest.raises(
        UsageError,
        match=r"gru forecasts one segment.*auto, cycle-ridge, direct-ridge, periodic-ridge, segment-gru, slstm-mixer",
    ):
        resolved(config, [signal_of(wave(1200))])


def test_the_segments_fit_the_parts():
    config = resolved(DIRECT, [signal_of(wave(500))])
    assert config.ahead == 2
    windows = prepare([signal_of(wave(500))], config).splits.farther(2)
    assert len(windows.validation) > 0


def test_the_moving_average_of_the_weights_is_what_is_judged_and_kept():
    parts = prepare([signal_of(wave(1200))], RunConfig(window=WINDOW)).splits
    recipe = QUICK.model_copy(update={"learning_rate": 0.01, "schedule": "constant", "patience": None})
    plain, mean = (
        train_network(
            parts,
            RunConfig(predictor="basic-rnn", window=WINDOW, recipe=recipe.model_copy(update={"average": average})),
            Silent(),
        )
        for average in (0.0, 0.9)
    )
    assert [row["loss"] for row in plain.history] == [row["loss"] for row in mean.history]
    inputs, targets = parts.validation.take(np.arange(len(parts.validation)))
    context = Context(inputs.reshape(len(inputs), -1).astype(float), np.zeros(len(inputs), dtype=np.int64))
    error = np.square(mean.predictor.predict(context) - targets).mean()
    assert error == pytest.approx(min(row["validation_loss"] for row in mean.history), rel=1e-3)
    assert error != pytest.approx(min(row["validation_loss"] for row in plain.history), rel=1e-6)
