"""Known columns: one segment ahead in every step, from the file to the forecast, and never the target's future."""

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from forecaster import predictors
from forecaster.bundle import Manifest
from forecaster.config import ReadingOptions, Recipe, RunConfig, Window
from forecaster.errors import SignalError
from forecaster.forecasting.rollout import rollout, stateful_rollout
from forecaster.model import Forecaster
from forecaster.networks import network
from forecaster.predictors import Predictor
from forecaster.reading.recordings import with_calendar
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins, context_of
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import Runs, Windows
from forecaster.training.preparation import prepare, resolved
from tests.commands import ok, refused

WINDOW = Window(n_step=3, n_input=4)
BESIDE = WINDOW.model_copy(update={"exogenous": 2, "known": 1})
RECIPE = Recipe(steps=300, steps_per_epoch=100, batch=64, noise=0, dropout=0, learning_rate=5e-3)
NAMES = ("noise", "plan")


def steered(rows, seed=0):
    """A lag of first order that follows a plan of random steps, noise beside it, and the plan: (T, 3)."""
    rng = np.random.default_rng(seed)
    plan = np.repeat(rng.normal(size=rows // 5 + 1), 5)[:rows]
    y = np.zeros(rows)
    for t in range(1, rows):
        y[t] = 0.6 * y[t - 1] + plan[t] + 0.02 * rng.normal()
    return np.stack([y, rng.normal(size=rows), plan], axis=1)


def signal_of(values, *, names=NAMES, known=1, future=None, sha256="a" * 64):
    columns = [0, *(1 + NAMES.index(name) for name in names)]
    recording = Recording(values[:, columns], TimeAxis(), future=future)
    return Signal("line", ("y",), (recording,), units=("m",), sha256=sha256, exogenous=tuple(names), known=known)


def fitted(names=NAMES, known=1, predictor="gru", rows=900):
    config = RunConfig(predictor=predictor, window=WINDOW, recipe=RECIPE, seed=1)
    return Forecaster.fit([signal_of(steered(rows), names=names, known=known)], config)


@pytest.fixture(scope="module")
def model():
    return fitted()


# --- what a step sees ---------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), st.integers(1, 2), st.integers(0, 9))
def test_a_step_sees_the_plan_over_the_next_segment_and_nothing_else_of_it(n_step, n_input, past, known, more):
    window = Window(n_step=n_step, n_input=n_input, exogenous=past + known, known=known)
    rows, columns = window.context + n_input + more, 1 + past + known
    values = np.arange(rows * columns, dtype=np.float64).reshape(rows, columns)  # every value tells where it stands
    runs = Runs.join([values], np.zeros(columns), np.ones(columns), exogenous=past + known)
    windows = Windows.between(runs, (np.array([0]), np.array([rows])), window)
    inputs, targets = windows.take(np.arange(len(windows)))
    assert inputs.shape == (more + 1, n_step, window.width)
    row, column = np.divmod(inputs.astype(int), columns)
    first = np.arange(more + 1)[:, None, None] + n_input * np.arange(n_step)[None, :, None]
    for c in range(columns):
        shown = slice(n_input * c, n_input * (c + 1))
        own = first + (n_input if c > past else 0)
        assert (column[:, :, shown] == c).all()
        np.testing.assert_array_equal(row[:, :, shown], own + np.arange(n_input))
    target = targets.astype(int) // columns
    plan = row[:, -1, n_input * (1 + past) : n_input * (2 + past)]
    np.testing.assert_array_equal(plan, target)
    assert (row[:, :, : n_input * (1 + past)].max(axis=(1, 2)) < target[:, 0]).all()


def test_a_window_for_training_is_the_one_for_forecasting():
    signal = signal_of(steered(200))
    config = resolved(RunConfig(window=WINDOW), [signal])
    assert (config.window.exogenous, config.window.known, config.window.width) == (2, 1, 12)
    prepared = prepare([signal], config)
    windows = prepared.splits.training
    inputs, _ = windows.take(np.arange(len(windows)))
    scaled = (signal.recordings[0].values - prepared.scaler.mean) / prepared.scaler.scale
    rows = np.arange(len(windows)) + WINDOW.context
    origins = Origins(scaled[:, 0], 0, rows, Covariates(scaled[:, 1:2], scaled[:, 2:]))
    np.testing.assert_allclose(origins.context(config.window, 4).segments(config.window), inputs, rtol=1e-4, atol=1e-6)


def test_past_its_end_a_known_channel_keeps_its_last_value():
    origins = Origins(np.zeros(6), 0, np.array([4, 6]), Covariates(future=np.arange(8.0)[:, None]))
    window = Window(n_step=3, n_input=1, exogenous=1, known=1)
    future = origins.context(window, 4).covariates.future
    assert future[:, :, 0].tolist() == [
        [1, 2, 3, 4, 5, 6, 7],
        [3, 4, 5, 6, 7, 7, 7],
    ]
    both = context_of([origins, origins], window, 4).covariates
    assert both.future.shape == (4, 7, 1)
    assert both.past is None


@dataclass(frozen=True)
class Echo(Predictor):
    """Forecasts what its last step shows beside the channel: column `which` of those."""

    parameters: Any = None
    window: Window = BESIDE
    which: int = 0
    name = "echo"

    def predict(self, context):
        n = self.window.n_input
        return context.segments(self.window)[:, -1, n * (1 + self.which) : n * (2 + self.which)]


@pytest.mark.parametrize("horizon", [4, 11, 24])
def test_the_closed_loop_is_shown_the_plan_of_every_segment_and_the_last_of_what_is_not_known(horizon):
    values = steered(100)
    origins = Origins(values[:, 0], 0, np.array([40, 53]), Covariates(values[:, 1:2], values[:, 2:]))
    context = context_of([origins], BESIDE, 24)
    truth = np.stack([values[row : row + horizon, 2] for row in (40, 53)])
    np.testing.assert_array_equal(rollout(Echo(which=1), context, horizon), truth)
    repeated = np.stack([np.resize(values[row - 4 : row, 1], horizon) for row in (40, 53)])
    np.testing.assert_array_equal(rollout(Echo(which=0), context, horizon), repeated)


def test_where_the_plan_ends_within_the_last_segment_its_last_value_fills_it():
    values = steered(46)
    origins = Origins(values[:40, 0], 0, np.array([40]), Covariates(values[:40, 1:2], values[:, 2:]))
    made = rollout(Echo(which=1), context_of([origins], BESIDE, 8), 8)[0]
    np.testing.assert_array_equal(made, [*values[40:46, 2], values[45, 2], values[45, 2]])


def test_a_carried_state_sees_the_plan_too():
    window = BESIDE
    kind, rng = predictors.predictor_class("state-space"), np.random.default_rng(3)
    own = kind.Parameters()
    shapes = network(kind.name).tensor_shapes(own, window)
    double = kind.restore(own, {key: rng.normal(0, 0.2, shape) for key, shape in shapes.items()}, window)
    values = rng.normal(size=(30, 3))
    origins = Origins(values[:12, 0], 0, np.array([12]), Covariates(values[:12, 1:2], values[:, 2:]))
    reread = rollout(double, context_of([origins], BESIDE, 8), 8)
    np.testing.assert_allclose(stateful_rollout(double, origins, 4), reread[:, :4], atol=1e-12)
    changed = values.copy()
    changed[17:20, 2] += 1  # the second segment's plan
    plans = [replace(origins.covariates, future=rows[:, 2:]) for rows in (values, changed)]
    first, second = (stateful_rollout(double, replace(origins, covariates=plan), 8)[0] for plan in plans)
    np.testing.assert_array_equal(first[:4], second[:4])
    assert not np.array_equal(first[4:], second[4:])


# --- models -------------------------------------------------------------------------------


def nmse(model, names, known):
    signal = signal_of(steered(600, seed=9), names=names, known=known, sha256="b" * 64)
    return [model.evaluate([signal], stride=1, horizon=horizon).parts[0].scores["model"]["nmse"] for horizon in (4, 12)]


def test_a_plan_that_is_known_is_worth_far_more_than_one_that_is_not(model):
    known, beside = nmse(model, NAMES, 1), nmse(fitted(known=0), NAMES, 0)
    assert known[0] < 0.1
    assert known[1] < 0.15
    assert all(own < other / 2 for own, other in zip(known, beside, strict=True))


def test_nothing_measured_after_an_origin_moves_its_forecast(model):
    values = steered(300, seed=4)
    changed = values.copy()
    changed[100:, :2] = 1e3
    rows = np.array([50, 100])
    first, second = (
        model.forecast_from([Origins(one[:, 0], 0, rows, Covariates(one[:, 1:2], one[:, 2:]))], 11)
        for one in (values, changed)
    )
    assert first.tobytes() == second.tobytes()
    changed[100:, 2] += 1
    covariates = Covariates(changed[:, 1:2], changed[:, 2:])
    third = model.forecast_from([Origins(changed[:, 0], 0, rows, covariates)], 11)
    assert third[0].tobytes() == first[0].tobytes()
    assert not np.array_equal(third[1], first[1])


def test_a_forecast_is_the_one_that_is_scored(model):
    values = steered(300, seed=5)
    whole = Origins(values[:, 0], 0, np.array([200]), Covariates(values[:, 1:2], values[:, 2:]))
    scored = model.forecast_from([whole], 12)[0]
    cut = signal_of(values[:200], future=values[200:212, 2:])
    np.testing.assert_array_equal(model.forecast([cut], horizon=12)[0][0].mean, scored)


def test_the_stored_model_forecasts_the_same_whatever_the_order_of_columns(model, tmp_path):
    model.save(tmp_path / "m")
    again = Forecaster.load(tmp_path / "m")
    assert again.manifest.channels.past_covariates == ("noise",)
    assert again.manifest.channels.future_covariates == ("plan",)
    assert (again.config.window.exogenous, again.config.window.known) == (2, 1)
    values = steered(120, seed=3)
    told = values[100:112, 2:]
    first = model.forecast([signal_of(values[:100], future=told)], horizon=10)[0][0]
    both = signal_of(values[:100], names=("plan", "noise"), known=2, future=np.concatenate((told, told), axis=1))
    second = again.forecast([both], horizon=10)[0][0]
    assert first.mean.tobytes() == second.mean.tobytes()
    assert (
        "Known ahead, to the end of a forecast: plan" in (next((tmp_path / "m").glob("data-*/README.md"))).read_text()
    )


@pytest.mark.parametrize(
    ("future", "known", "rows"), [(None, 1, "0 rows"), (1, 1, "1 row "), (7, 1, "7 rows"), (20, 0, "0 rows")]
)
def test_too_little_of_the_plan_is_refused(model, future, known, rows):
    values = steered(60)
    told = None if future is None else values[:future, 2:]
    signal = replace(signal_of(values, known=known, future=told), path="line.csv")
    with pytest.raises(SignalError, match=rf"line\.csv: it tells what plan will be for {rows}.*expected 8") as caught:
        model.forecast([signal], horizon=8)
    assert ("or forecast fewer: -n" in caught.value.hint) == (rows != "0 rows")


def test_a_plan_too_far_off_to_be_computed_with_is_refused(model):
    values = steered(60)
    with pytest.raises(SignalError, match="standard deviations"):
        model.forecast([signal_of(values, future=np.full((4, 1), 1e140))], horizon=4)


def test_files_of_which_one_does_not_know_the_plan_are_not_trained_together():
    signals = [signal_of(steered(200)), signal_of(steered(200), known=0)]
    with pytest.raises(SignalError, match=r"y, noise, plan; expected y, noise, plan, 1 known"):
        Forecaster.fit(signals, RunConfig(predictor="ridge", window=WINDOW))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"channels": {"known": 0}}, "channels.known has 0 values for 1 channels"),
        ({"channels": {"known": 2}}, "channels.known has 2 values for 1 channels"),
        ({"channels": {"known": -1}}, "greater than or equal to 0"),
        ({"window": {"known": 3}}, "3 known channels among 2 exogenous ones"),
        ({"window": {"known": 2}}, "window differs from config.window"),
    ],
)
def test_a_manifest_whose_known_channels_do_not_agree_is_refused(model, changes, message):
    document = model.manifest.model_dump(mode="json")
    for part, own in changes.items():
        document[part] = {**document[part], **own}
    with pytest.raises(ValidationError, match=message):
        Manifest.model_validate(document)


def test_the_cheap_predictors_leave_the_plan_aside():
    values, other = steered(300), steered(300)
    other[:, 1:] = np.random.default_rng(8).normal(size=(300, 2))
    config = RunConfig(predictor="ridge", window=WINDOW)
    first, second = (Forecaster.fit([signal_of(one)], config) for one in (values, other))
    assert [one.tensors().keys() for one in first.predictors] == [one.tensors().keys() for one in second.predictors]
    told = values[100:104, 2:]
    made = [
        model.forecast([signal_of(own[:100], future=told)], horizon=4)[0][0].mean
        for model, own in ((first, values), (second, other))
    ]
    np.testing.assert_array_equal(*made)


@pytest.mark.slow
def test_auto_makes_use_of_the_plan():
    config = RunConfig(predictor="auto", window=WINDOW, recipe=RECIPE, seed=1)
    model = Forecaster.fit([signal_of(steered(900))], config)
    scores = model.stored[0]["parts"][0]["scores"]
    assert scores["model"]["nmse"] < scores["ridge"]["nmse"] / 2


# --- the command line ---------------------------------------------------------------------


def write(path, rows, ahead, calendar=False):
    values = steered(rows + ahead, seed=2)
    first = np.datetime64("2024-03-01T00:00:00")
    stamps = [str(first + np.timedelta64(15 * k, "m")).replace("T", " ") for k in range(rows + ahead)]
    lines = [
        f"{stamps[k]},{'' if k >= rows else f'{values[k, 0]:.4f}'}" + ("" if calendar else f",{values[k, 2]:.4f}")
        for k in range(rows + ahead)
    ]
    path.write_text(("time,y" if calendar else "time,y,plan") + "\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("known")
    small = ("--predictor", "gru", "--n-step", 3, "--n-input", 4, "--steps", 100)
    printed = ok("train", write(folder / "line.csv", 600, 0), "-o", folder / "m", "--known", "plan", *small).stdout
    return folder, printed


def test_train_inspect_and_check_say_which_columns_are_known(trained):
    folder, printed = trained
    assert "channel y, with known channel plan" in printed
    text = ok("inspect", folder / "m").stdout
    assert "known        plan" in text
    assert "known ('plan',)" in text
    found = ok("check", write(folder / "c.csv", 600, 3), "--known", "plan")
    assert "1 channel" in found.stdout
    assert "3 rows after the last measured one" in found.stdout
    assert "--known=plan" in found.stdout


def test_forecast_takes_the_rows_that_go_on(trained, tmp_path):
    folder, _ = trained
    file = write(tmp_path / "now.csv", 60, 10)
    ok("forecast", folder / "m", file, "-o", tmp_path / "out", "-n", 10)
    lines = (tmp_path / "out" / "now.forecast.csv").read_text().splitlines()
    assert len(lines) == 11
    assert lines[1].startswith("now,2024-03-01 15:00:00,")
    file.write_text(re.sub("(15:45:00,,).*", r"\g<1>5", file.read_text()))
    ok("forecast", folder / "m", file, "-o", tmp_path / "other", "-n", 10)
    changed = (tmp_path / "other" / "now.forecast.csv").read_text().splitlines()
    assert changed[1:] != lines[1:]


def test_forecast_says_how_many_rows_are_missing(trained, tmp_path):
    folder, _ = trained
    file = write(tmp_path / "now.csv", 60, 10)
    message = refused("forecast", folder / "m", file, "-o", tmp_path / "out", "-n", 11)
    assert f"{file}: it tells what plan will be for 10 rows after the last measured one; expected 11" in message
    assert "-n 10" in message
    message = refused("forecast", folder / "m", write(tmp_path / "none.csv", 60, 0), "-o", tmp_path / "other")
    assert "for 0 rows" in message
    assert "known cells filled" in message


def test_a_calendar_needs_neither_a_column_nor_rows(tmp_path):
    file = write(tmp_path / "line.csv", 700, 0, calendar=True)
    small = ("--predictor", "ridge", "--n-step", 3, "--n-input", 4)
    given = ("--calendar", "hour-of-day", "--calendar", "day-of-week")
    printed = ok("train", file, "-o", tmp_path / "m", *given, *small).stdout
    assert "with 4 known channels (sin hour-of-day, cos hour-of-day, sin day-of-week, cos day-of-week)" in printed
    model = Forecaster.load(tmp_path / "m")
    assert (model.config.window.exogenous, model.config.window.known) == (4, 4)
    assert model.scaler.mean[1:].tolist() == [0] * 4
    np.testing.assert_allclose(model.scaler.scale[1:], 0.5**0.5)
    ok("forecast", tmp_path / "m", file, "-o", tmp_path / "out", "-n", 50)
    assert len((tmp_path / "out" / "line.forecast.csv").read_text().splitlines()) == 51
    message = refused("train", file, "-o", tmp_path / "n", "--no-time", *given, *small)
    assert "--calendar hour-of-day: it has no time" in message


def test_a_network_sees_the_calendar_of_what_it_forecasts():
    rng, rows = np.random.default_rng(0), 1500
    time = TimeAxis("timestamps", 0, 3_600_000_000_000)
    values = (np.arange(rows) % 24 == 6).astype(float)[:, None] + 0.02 * rng.normal(size=(rows, 1))
    signals = {
        cycles: with_calendar(Signal("s", ("y",), (Recording(values, time),), units=("",)), cycles)
        for cycles in ((), ("hour-of-day",))
    }
    config = RunConfig(predictor="gru", window=Window(n_step=2, n_input=3), recipe=RECIPE, seed=1)
    without, seen = (
        Forecaster.fit([one], config).stored[0]["parts"][0]["scores"]["model"]["nmse"] for one in signals.values()
    )
    assert seen < without / 2


def test_explain_stops_where_the_plan_does(trained, tmp_path):
    folder, _ = trained
    ok("explain", folder / "m", write(tmp_path / "now.csv", 60, 2), "-o", tmp_path / "out")
    message = refused("explain", folder / "m", tmp_path / "now.csv", "-o", tmp_path / "other", "--at", 59)
    assert "12 to 58" in message


def test_explain_refuses_what_is_as_long_as_the_context_but_has_no_plan(trained, tmp_path):
    folder, _ = trained
    message = refused("explain", folder / "m", write(tmp_path / "now.csv", 13, 0), "-o", tmp_path / "out")
    assert "rows have a known future, and the model looks back on 12" in message


def test_known_options_stand_in_a_settings_file(tmp_path):
    (tmp_path / "s.toml").write_text('predictor = "ridge"\n[reading]\nknown = ["plan"]\ncalendar = ["hour-of-day"]\n')
    file = write(tmp_path / "line.csv", 600, 4)
    ok("train", file, "-o", tmp_path / "m", "--config", tmp_path / "s.toml", "--n-step", 3, "--n-input", 4)
    reading = Forecaster.load(tmp_path / "m").config.reading
    assert reading == ReadingOptions(known=("plan",), calendar=("hour-of-day",))
