"""Joint channels: each sees the others' past, and in closed loop what was forecast of them."""

import json
import re
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from forecaster import predictors
from forecaster.bundle import Manifest
from forecaster.config import ReadingOptions, Recipe, RunConfig, Window
from forecaster.errors import SignalError, UsageError
from forecaster.explanation import explain
from forecaster.forecasting.rollout import rollout, rollout_from
from forecaster.model import Forecaster
from forecaster.networks import network
from forecaster.predictors.base import NoParameters, Predictor
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins, context_of
from forecaster.signal.sampling import far
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import Runs, Windows
from forecaster.tasks import base as tasks
from forecaster.tasks import fitted as fitted_models
from forecaster.training.preparation import prepare, resolved
from tests.commands import ok, refused

WINDOW = Window(n_step=6, n_input=3)
SEEN = WINDOW.model_copy(update={"others": 2, "exogenous": 2, "known": 1})
RECIPE = Recipe(steps=400, steps_per_epoch=100, batch=64, noise=0, dropout=0, learning_rate=5e-3)
FEW = Recipe(steps=20, steps_per_epoch=10, batch=16)


def coupled(rows, seed=0):
    """A random-walk-like driver x, and y, which is x three samples before and a little noise: (T, 2)."""
    rng = np.random.default_rng(seed)
    x = np.zeros(rows + 3)
    for t in range(1, rows + 3):
        x[t] = 0.97 * x[t - 1] + rng.normal()
    return np.stack([x[3:], x[:-3] + 0.1 * rng.normal(size=rows)], axis=1)


def signal_of(values, *, name="line", exogenous=(), known=0, sha256="a" * 64):
    count = values.shape[1] - len(exogenous)
    names = tuple("xyzuvw"[:count])
    recording = Recording(values, TimeAxis())
    return Signal(name, names, (recording,), units=("m",) * count, sha256=sha256, exogenous=exogenous, known=known)


def fitted(values, *, joint=True, predictor="gru", recipe=RECIPE, window=WINDOW, **signal):
    config = RunConfig(predictor=predictor, joint=joint, window=window, recipe=recipe, seed=1)
    return Forecaster.fit([signal_of(values, **signal)], config)


def of_random_weights(name="gru", window=SEEN, seed=0):
    """A network whose weights nobody trained: what it forecasts depends on all that it sees."""
    rng, own = np.random.default_rng(seed), predictors.predictor_class(name).Parameters()
    shapes = network(name).tensor_shapes(own, window)
    weights = {key: rng.normal(0, 0.2, shape) for key, shape in shapes.items()}
    return predictors.predictor_class(name).restore(own, weights, window)


@pytest.fixture(scope="module")
def model():
    return fitted(coupled(1200))


@pytest.fixture(scope="module")
def three():
    """A model of three channels with an exogenous one and a plan, hardly trained."""
    values = np.random.default_rng(3).normal(size=(400, 5)).cumsum(axis=0) / 5
    return fitted(values, recipe=FEW, exogenous=("e", "plan"), known=1)


# --- what a step sees ---------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(2, 4), st.integers(0, 1), st.integers(0, 1), st.integers(0, 5))
def test_a_step_sees_the_past_of_all_others_in_their_order_and_which_channel_is_its_own(
    n_step, n_input, channels, past, known, more
):
    window = Window(n_step=n_step, n_input=n_input, others=channels - 1, exogenous=past + known, known=known)
    rows, columns = window.context + n_input + more, channels + past + known
    recordings = [np.arange(k, k + rows * columns, dtype=np.float64).reshape(rows, columns) for k in (0, 10**5)]
    runs = Runs.join(recordings, np.zeros(columns), np.ones(columns), exogenous=past + known)
    ends = np.full(2 * channels, rows)
    windows = Windows.between(runs, (np.zeros_like(ends), ends), window)
    inputs, targets = windows.take(np.arange(len(windows)))
    assert inputs.shape == (2 * channels * (more + 1), n_step, window.width)
    for w, (x, y) in enumerate(zip(inputs, targets, strict=True)):
        (run, begin), steps = divmod(w, more + 1), x.reshape(n_step, -1, n_input)
        recording, own = divmod(run, channels)
        values = recordings[recording].astype(np.float32)
        np.testing.assert_array_equal(y, values[begin + window.context :, own][:n_input])
        order = [own, *(c for c in range(channels) if c != own)]
        seen = values[begin : begin + window.context].reshape(n_step, n_input, columns).swapaxes(1, 2)
        np.testing.assert_array_equal(steps[:, :channels], seen[:, order])
        mark = np.eye(channels)[own][None, :, None]
        np.testing.assert_array_equal(
            steps[:, channels : 2 * channels], np.broadcast_to(mark, (n_step, channels, n_input))
        )
        np.testing.assert_array_equal(steps[:, 2 * channels : 2 * channels + past], seen[:, channels : channels + past])
        later = values[begin + window.context : begin + window.context + n_input, :channels]
        assert not np.isin(later[later > 1], x).any()  # 1 is a mark


def test_a_window_for_training_is_the_one_for_forecasting():
    values = np.random.default_rng(0).normal(size=(200, 5))
    signal = signal_of(values, exogenous=("e", "plan"), known=1)
    config = resolved(RunConfig(predictor="gru", joint=True, window=WINDOW), [signal])
    assert config.window == SEEN
    assert (config.window.columns, config.window.width) == (1 + 2 + 3 + 2, 24)
    prepared = prepare([signal], config)
    windows = prepared.splits.training
    inputs, _ = windows.take(np.arange(len(windows)))
    scaled = (values - prepared.scaler.mean) / prepared.scaler.scale
    rows = np.arange(len(windows) // 3) + WINDOW.context
    covariates = Covariates(scaled[:, 3:4], scaled[:, 4:], scaled[:, :3])
    origins = [Origins(scaled[:, c], c, rows, covariates) for c in range(3)]
    shown = context_of(origins, config.window).segments(config.window)
    np.testing.assert_allclose(shown, inputs, rtol=1e-4, atol=1e-6)
    alone = config.window.model_copy(update={"others": 0})
    assert context_of(origins, alone).covariates.targets is None


def test_a_window_without_others_is_what_it_was():
    assert (Window(n_input=4, exogenous=2).columns, Window(n_input=4, exogenous=2).width) == (3, 12)
    with pytest.raises(ValidationError, match="symbols are one channel"):
        Window(symbols=3, n_input=1, others=1)


# --- it helps -----------------------------------------------------------------------------


def test_a_channel_that_follows_another_is_forecast_far_better(model):
    alone = fitted(coupled(1200), joint=False)
    (x, y), (x_alone, y_alone) = (
        [part["scores"]["model"]["nmse"] for part in one.stored[0]["parts"]] for one in (model, alone)
    )
    assert y < 0.3 * y_alone
    assert x < 1.2 * x_alone  # nothing tells what the driver will do
    far_ahead = [one.stored[1]["parts"][1]["scores"]["model"]["nmse"] for one in (model, alone)]
    assert far_ahead[0] < 0.9 * far_ahead[1]


# --- closed loop --------------------------------------------------------------------------


def by_hand(predictor, values, *, origin, segments):
    """Forecast all targets of `values` (T, 5) from row `origin` on, one segment after the other: (C, J N)."""
    known = values.copy()
    known[origin:, :4] = np.nan
    last = values[origin - 3 : origin, 3]
    for j in range(segments):
        at = origin + 3 * j
        made = []
        for c in range(3):
            order = [c, *(k for k in range(3) if k != c)]
            steps = []
            for s in range(6):
                rows = slice(at - 18 + 3 * s, at - 15 + 3 * s)
                ahead = values[at - 15 + 3 * s : at - 12 + 3 * s, 4]
                mark = np.repeat(np.eye(3)[c], 3)
                steps.append(np.concatenate([*(known[rows, k] for k in order), mark, known[rows, 3], ahead]))
            x = np.stack(steps)[None]
            made.append(network("gru").forward(predictor.parameters, predictor.weights, x)[0])
        known[at : at + 3, :3] = np.stack(made, axis=1)
        known[at : at + 3, 3] = last
    return known[origin : origin + 3 * segments, :3].T


def all_of(values, rows):
    rows = np.asarray(rows)
    return [Origins(values[:, c], c, rows, Covariates(values[:, 3:4], values[:, 4:], values[:, :3])) for c in range(3)]


def test_the_closed_loop_feeds_the_forecasts_of_all_channels_back():
    predictor, values = of_random_weights(), np.random.default_rng(1).normal(size=(60, 5))
    context = context_of(all_of(values, [25, 31]), SEEN, 12)
    made = rollout(predictor, context, 11).reshape(3, 2, 11)
    for k, origin in enumerate((25, 31)):
        expected = by_hand(predictor, values, origin=origin, segments=4)
        np.testing.assert_allclose(made[:, k], expected[:, :11], atol=1e-12)
    swapped = replace(context.covariates, targets=np.roll(context.covariates.targets, 1, axis=1))
    moved = rollout(predictor, replace(context, covariates=swapped), 11)
    assert not np.allclose(moved.reshape(3, 2, 11), made)


def test_one_channel_alone_is_what_it_is_among_all():
    predictor, values = of_random_weights(), np.random.default_rng(2).normal(size=(60, 5))
    origins = all_of(values, [20, 25, 31])
    made = rollout(predictor, context_of(origins, SEEN, 12), 12).reshape(3, 3, 12)
    for c in (2, 0, 1):
        for k in range(3):
            one = replace(origins[c], rows=origins[c].rows[k : k + 1])
            np.testing.assert_array_equal(rollout(predictor, context_of([one], SEEN, 12), 12)[0], made[c, k])
    nearer = rollout(predictor, context_of(origins, SEEN, 3), 3)
    np.testing.assert_array_equal(nearer.reshape(3, 3, 3), made[:, :, :3])


def test_nothing_recorded_after_the_origin_is_read():
    predictor, values = of_random_weights(), np.random.default_rng(2).normal(size=(60, 5))
    changed = values.copy()
    changed[25:, :4] = 7
    one, other = (rollout(predictor, context_of(all_of(v, [25]), SEEN, 12), 12) for v in (values, changed))
    np.testing.assert_array_equal(one, other)


def test_what_is_made_in_one_pass_is_fed_to_the_others_at_once():
    window = SEEN.model_copy(update={"exogenous": 0, "known": 0})
    kind, rng = predictors.predictor_class("segment-gru"), np.random.default_rng(0)
    own = kind.Parameters(units=4, segments=2)
    shapes = network("segment-gru").tensor_shapes(own, window)
    two = kind.restore(own, {name: rng.normal(0, 0.3, shape) for name, shape in shapes.items()}, window)
    values = rng.normal(size=(40, 3))
    origins = [Origins(values[:, c], c, np.array([20]), Covariates(targets=values)) for c in range(3)]
    made = rollout(two, context_of(origins, window), 12)
    first = two.predict(context_of(origins, window))
    np.testing.assert_array_equal(made[:, :6], first)
    longer = np.concatenate((values[:20], first.T))
    again = [Origins(longer[:, c], c, np.array([26]), Covariates(targets=longer)) for c in range(3)]
    np.testing.assert_array_equal(made[:, 6:], two.predict(context_of(again, window)))


class Still(Predictor):
    """Repeats the last segment: it looks at no other channel."""

    name = "still"

    def predict(self, context):
        assert len(context.values) == 1  # the others of its origin are not forecast for it
        return context.values[:, -3:]


def test_what_sees_no_others_is_not_asked_for_them():
    values = np.random.default_rng(2).normal(size=(60, 5))
    made = rollout(Still(NoParameters(), SEEN), context_of(all_of(values, [25])[:1], SEEN, 9), 9)
    np.testing.assert_array_equal(made[0], np.tile(values[22:25, 0], 3))


def test_what_calibrates_and_combines_forecasts_all_channels_too():
    values = np.random.default_rng(5).normal(size=(300, 5))
    signal = signal_of(values, exogenous=("e", "plan"), known=1)
    config = resolved(RunConfig(predictor="gru", joint=True, window=WINDOW), [signal])
    prepared, predictor = prepare([signal], config), of_random_weights()
    sample = far(prepared.splits.validation, 1, 2)
    made = rollout_from(predictor, sample.origins, 6)
    scaled = (values - prepared.scaler.mean) / prepared.scaler.scale
    for k in (0, len(made) - 1):
        row = int(sample.origins[0].rows[k])
        expected = by_hand(predictor, scaled.astype(np.float32).astype(np.float64), origin=row, segments=2)[1]
        np.testing.assert_allclose(made[k], expected, atol=1e-5)


# --- the model ----------------------------------------------------------------------------


@pytest.mark.bits
def test_a_model_is_loaded_and_forecasts_the_same_bytes(model, tmp_path):
    signal = signal_of(coupled(300, seed=4), sha256="b" * 64)
    model.save(tmp_path / "m")
    loaded = Forecaster.load(tmp_path / "m")
    assert loaded.config.joint
    assert loaded.config.window.others == 1
    for one, other in zip(*(m.forecast([signal], horizon=17)[0] for m in (model, loaded)), strict=True):
        assert one.mean.tobytes() == other.mean.tobytes()
        assert one.channel == other.channel


@pytest.mark.parametrize("horizon", [3, 17])
def test_a_file_alone_and_among_others_is_forecast_the_same(three, horizon, monkeypatch):
    rng = np.random.default_rng(6)

    def made(seed, rows):
        values = np.random.default_rng(seed).normal(size=(rows, 5)).cumsum(axis=0) / 5
        future = rng.normal(size=(18, 1))
        one = signal_of(values, name=str(seed), exogenous=("e", "plan"), known=1, sha256=str(seed) * 64)
        return replace(one, recordings=(replace(one.recordings[0], future=future),))

    signals = [made(seed, rows) for seed, rows in ((1, 40), (2, 90), (3, 25))]
    among = three.forecast(signals, horizon=horizon)
    alone = [three.forecast([signal], horizon=horizon)[0] for signal in signals]
    monkeypatch.setattr(fitted_models, "VALUES", 1)  # one origin after the other
    for other in (alone, three.forecast(signals, horizon=horizon)):
        for one, same in zip(chain(*among), chain(*other), strict=True):
            assert one.mean.tobytes() == same.mean.tobytes()


def test_columns_in_another_order_are_the_same_channels(model):
    values = coupled(300, seed=4)
    there = replace(signal_of(values[:, ::-1]), channels=("y", "x"))
    one, other = model.forecast([signal_of(values)], horizon=12)[0], model.forecast([there], horizon=12)[0]
    assert [part.mean.tobytes() for part in one] == [part.mean.tobytes() for part in other]
    missing = Signal("a", ("x",), (Recording(values[:, :1], TimeAxis()),), units=("m",), sha256="c" * 64)
    with pytest.raises(SignalError, match="expected x, y"):
        model.forecast([missing])


def test_scores_are_those_of_each_channel_forecast_by_itself(three, monkeypatch):
    values = np.random.default_rng(8).normal(size=(150, 5)).cumsum(axis=0) / 5
    signal = signal_of(values, exogenous=("e", "plan"), known=1, sha256="d" * 64)
    kept = three.evaluate([signal], horizon=12).to_json()
    with monkeypatch.context() as patched:
        patched.setattr(fitted_models, "VALUES", 1)  # one origin after the other
        assert three.evaluate([signal], horizon=12).to_json() == kept
    evaluate = tasks.evaluate
    monkeypatch.setattr(tasks, "evaluate", lambda *given, **options: evaluate(*given, **options | {"grouped": False}))
    assert three.evaluate([signal], horizon=12).to_json() == kept


def test_a_closed_loop_over_all_channels_is_made_once(three, monkeypatch):
    values = np.random.default_rng(8).normal(size=(150, 5)).cumsum(axis=0) / 5
    signal, asked = signal_of(values, exogenous=("e", "plan"), known=1, sha256="d" * 64), []
    predict = type(three.predictor).predict
    monkeypatch.setattr(
        type(three.predictor), "predict", lambda self, now: asked.append(len(now.values)) or predict(self, now)
    )
    evaluation = three.evaluate([signal], horizon=12)
    origins = sum(part.origins for part in evaluation.parts)
    drawn = 3 * 3 * 3  # the best, the median and the worst of each part once more, with the other channels
    before = 2 * origins  # the last segments before each, by which the bands are as wide: many are those of another
    assert sum(asked) <= 4 * (origins + drawn) + before


@pytest.mark.slow
def test_the_default_predictor_sees_the_others():
    made = fitted(coupled(700), predictor="auto", recipe=Recipe(steps=60, steps_per_epoch=30))
    assert made.config.window.others == 1
    again = made.forecast([signal_of(coupled(300, seed=4), sha256="b" * 64)], horizon=12)
    assert all(np.isfinite(one.mean).all() for one in again[0])
    changed = coupled(300, seed=4)
    changed[:, 0] += 1
    other = made.forecast([signal_of(changed, sha256="c" * 64)], horizon=12)
    assert not np.array_equal(again[0][1].mean, other[0][1].mean)


def test_a_baseline_leaves_the_others_aside():
    models = [fitted(coupled(600), joint=joint, predictor="ridge") for joint in (True, False)]
    signal = signal_of(coupled(300, seed=4), sha256="b" * 64)
    one, other = (m.forecast([signal], horizon=12)[0] for m in models)
    assert [part.mean.tobytes() for part in one] == [part.mean.tobytes() for part in other]


def test_it_is_explained_with_the_others_beside(three):
    values = np.random.default_rng(8).normal(size=(60, 5))
    signal = signal_of(values, exogenous=("e", "plan"), known=1, sha256="d" * 64)
    found = explain(three, signal, channel="y", at=40)
    origins = [replace(one, rows=np.array([40])) for one in three.origins(signal)]
    np.testing.assert_array_equal(found.forecast, three.forecast_from(origins, 3)[1])
    assert found.quantities


# --- refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "config", "text"),
    [
        (coupled(300)[:, :1], {}, "x is the only channel"),
        (coupled(300), {"predictor": "state-space", "carry_state": True}, "a state is carried for each channel alone"),
    ],
)
def test_what_cannot_be_joint_is_refused(values, config, text):
    with pytest.raises(UsageError, match=text):
        resolved(RunConfig(**{"predictor": "gru", "joint": True, "window": WINDOW, **config}), [signal_of(values)])


def test_symbols_are_refused():
    signal = replace(signal_of(np.zeros((50, 1))), symbols=("a", "b"))
    with pytest.raises(UsageError, match="symbols are one channel"):
        resolved(RunConfig(predictor="symbol-rnn", joint=True, reading=ReadingOptions(symbols=True)), [signal])


def test_too_many_channels_are_refused_by_their_number():
    signal = signal_of(np.zeros((50, 2)))
    signal = replace(signal, channels=tuple(f"c{k}" for k in range(500)))
    with pytest.raises(UsageError, match="with 499 other and 0 exogenous channels is too large"):
        resolved(RunConfig(predictor="gru", joint=True, window=Window(n_step=150, n_input=100)), [signal])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda d: d["config"].update(joint=False), "window.others"),
        (lambda d: [part.update(others=0) for part in (d["window"], d["config"]["window"])], "window.others"),
        (lambda d: [part.update(others=5) for part in (d["window"], d["config"]["window"])], "window.others"),
        (lambda d: d["config"].update(carry_state=True), "no state is carried"),
    ],
)
def test_the_gate_refuses_a_model_whose_channels_do_not_agree(model, change, text):
    document = json.loads(model.manifest.to_json())
    change(document)
    with pytest.raises(ValidationError, match=re.escape(text)):
        Manifest.model_validate(document)


# --- the commands -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def line(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("joint") / "line.csv"
    lines = [f"{x:.4f},{y:.4f}" for x, y in coupled(900)]
    path.write_text("\n".join(["x,y", *lines]) + "\n")
    return path


@pytest.mark.slow
def test_the_commands_run(line, tmp_path):
    own = ("--joint", "--predictor", "gru", "--n-step", 6, "--n-input", 3, "--steps", 40)
    text = ok("train", line, "-o", tmp_path / "m", *own).stdout
    assert "joint: each channel sees all others that are forecast" in text
    assert "joint" in ok("inspect", tmp_path / "m").stdout
    assert json.loads(ok("inspect", tmp_path / "m", "--json").stdout)["config"]["joint"] is True
    (card,) = (tmp_path / "m").glob("data-*/README.md")
    assert "sees all others" in card.read_text()
    ok("evaluate", tmp_path / "m", line, "-n", 12)
    ok("forecast", tmp_path / "m", line, "-o", tmp_path / "f", "-n", 20)
    rows = (tmp_path / "f" / "line.forecast.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 20
    ok("explain", tmp_path / "m", line, "-o", tmp_path / "e", "--channel", "y")
    ok("compare", line, "--predictors", "gru", *own[:1], *own[3:], "-o", tmp_path / "c")
    assert Forecaster.load(tmp_path / "c" / "gru").config.window.others == 1


def test_a_settings_file_and_the_environment_ask_for_it_too(line, tmp_path):
    (tmp_path / "run.toml").write_text('joint = true\npredictor = "gru"\n')
    own = ("--n-step", 6, "--n-input", 3, "--steps", 10)
    ok("train", line, "-o", tmp_path / "m", "--config", tmp_path / "run.toml", *own)
    ok("train", line, "-o", tmp_path / "n", "--predictor", "gru", *own, env={"FORECASTER_JOINT": "1"})
    assert all(Forecaster.load(tmp_path / name).config.joint for name in "mn")


def test_one_channel_is_refused_on_the_command_line(line, tmp_path):
    message = refused("train", line, "-o", tmp_path / "m", "--joint", "--column", "x")
    assert "--joint: x is the only channel" in message
    assert "--column" in message
