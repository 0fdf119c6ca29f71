"""The training range: contexts far from it are told, whatever made them so, and those at home are not."""

import json
import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import RunConfig, Window
from forecaster.model import Forecaster
from forecaster.reading import read_signal
from forecaster.signal.context import Context
from forecaster.signal.covariates import Covariates
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.training_range import TrainingRange, departures
from tests.commands import ok
from tests.evaluations import noise

WINDOW = Window(n_step=4, n_input=6)


def wave(rows, seed=0, period=12):
    return np.sin(2 * np.pi * np.arange(rows) / period) + 0.1 * noise(rows, seed)


def signal_of(*columns, **changes):
    values = np.stack(columns, axis=1)
    names = tuple("abcdef"[: values.shape[1] - len(changes.get("exogenous", ()))])
    signal = Signal("machine", names, (Recording(values, TimeAxis()),), ("V",) * len(names))
    return replace(signal, **changes)


def fitted(*columns, joint=False, predictor="ridge", **changes):
    return Forecaster.fit([signal_of(*columns, **changes)], RunConfig(predictor=predictor, window=WINDOW, joint=joint))


# --- the range ----------------------------------------------------------------------------


def range_of(*parts, window=WINDOW, columns=1):
    scaler = Scaler.fit(parts)
    return TrainingRange.fit(parts, scaler, window, columns), scaler


@given(rows=st.integers(60, 200), seed=st.integers(0, 99), offset=st.sampled_from([0.0, 1e6, -3.0]))
def test_it_is_the_range_of_all_contexts(rows, seed, offset):
    values = noise(rows, seed).cumsum() + offset
    training, scaler = range_of(values[:, None])
    scaled = (values - scaler.mean) / scaler.scale
    contexts = np.lib.stride_tricks.sliding_window_view(scaled, WINDOW.context)
    segments = np.lib.stride_tricks.sliding_window_view(scaled, WINDOW.n_input)
    expected = contexts.mean(axis=1), segments.mean(axis=1), contexts.std(axis=1)
    for (pair,), values in zip((training.level, training.segment_level, training.spread), expected, strict=True):
        assert pair == pytest.approx((values.min(), values.max()), rel=1e-4, abs=1e-4)


def test_rows_are_summed_up_in_blocks(monkeypatch):
    values = wave(2000)[:, None]
    whole, _ = range_of(values)
    monkeypatch.setattr("forecaster.signal.training_range.BLOCK", 128)
    assert np.ravel(range_of(values)[0].level) == pytest.approx(np.ravel(whole.level), abs=1e-5)
    assert np.ravel(range_of(values)[0].spread) == pytest.approx(np.ravel(whole.spread), abs=1e-5)


def test_the_test_part_does_not_widen_it(model):
    values = wave(800)
    values[-100:] += 1e3
    assert fitted(values).manifest.training_range == model.manifest.training_range


def test_of_very_many_columns_none_is_stored():
    assert TrainingRange.fit([np.zeros((50, 1001))], Scaler(np.zeros(1001), np.ones(1001)), WINDOW, 1001) is None


# --- contexts -----------------------------------------------------------------------------


def context_of(values, channel=0, **covariates):
    rows = np.atleast_2d(np.asarray(values, dtype=float))
    return Context(rows, np.full(len(rows), channel), Covariates(**covariates))


STEADY = TrainingRange(level=((-0.1, 0.1),), segment_level=((-0.3, 0.3),), spread=((0.8, 1.2),))
HOME = wave(WINDOW.context) * np.sqrt(2)


@given(level=st.floats(-20, 20), factor=st.floats(0.01, 20))
def test_a_context_is_far_exactly_by_the_rule(level, factor):
    values = HOME - HOME.mean()
    values = values / values.std() * factor + level
    (departure,) = departures(context_of(values), WINDOW, STEADY, 1)
    last = values[-WINDOW.n_input :].mean()
    # Half a training deviation, for the range is narrower, and the whole width of the wider range.
    is_far = not (-0.1 - 0.5 <= level <= 0.1 + 0.5) or not (-0.3 - 0.6 <= last <= 0.3 + 0.6)
    assert (departure is not None) is (is_far or not 0.8 / 3 <= factor <= 3.6)
    if departure is not None:
        assert departure.size > 1
        shown = float(re.search(r" is ([-\d.e+]+) training deviations", departure.describe("v"))[1])
        assert shown == pytest.approx(abs(departure.value), rel=0.01)


def test_a_level_that_wandered_in_training_may_wander_by_its_range_again():
    wandering = STEADY.model_copy(update={"level": ((-2.0, 2.0),), "segment_level": ((-3.0, 3.0),)})
    near, far = (departures(context_of(HOME + level), WINDOW, wandering, 1)[0] for level in (5.9, 6.1))
    assert near is None
    assert far.statistic == "level"


def test_the_last_segment_alone_may_be_far():
    values = HOME.copy()
    values[-WINDOW.n_input :] -= 1.5
    (departure,) = departures(context_of(values), WINDOW, STEADY, 1)
    assert departure.statistic == "segment_level"
    assert "last segment" in departure.describe("v")


def test_a_stuck_sensor_is_far_from_one_that_never_was():
    (departure,) = departures(context_of(np.zeros(WINDOW.context)), WINDOW, STEADY, 1)
    assert departure.describe("v") == "the spread of v is 0 training deviations, where the training had 0.8 to 1.2"


def test_a_constant_that_stays_constant_is_at_home():
    constant = np.full((200, 1), 23.4)
    training, scaler = range_of(constant)
    context = context_of(constant[: WINDOW.context, 0]).scaled(scaler, 1)
    assert departures(context, WINDOW, training, 1) == [None]


def test_without_a_stored_range_six_deviations_are_far():
    near, far = (departures(context_of(HOME + level), WINDOW, None, 1)[0] for level in (5.0, 7.0))
    assert near is None
    assert far.training is None
    assert far.describe("v").endswith("training deviations above the training mean")


def test_every_column_that_a_row_sees_is_looked_at_and_the_worst_is_named():
    ranges = TrainingRange(level=((-0.1, 0.1),) * 3, segment_level=((-1, 1),) * 3, spread=((0.0, 2.0),) * 3)
    past = np.stack([HOME, HOME + 9], axis=1)[None]
    (departure,) = departures(context_of(HOME, past=past), WINDOW, ranges, 3)
    assert departure.column == 2
    targets = np.stack([HOME - 5, HOME, HOME], axis=1)[None]
    (departure,) = departures(context_of(HOME, channel=2, targets=targets), WINDOW, ranges, 3)
    assert departure.column == 0
    assert departure.describe("a").startswith("the level of a is 5")
    # The columns of a calendar have no range.
    calendar = np.stack([HOME + 9], axis=1)[None]
    only = TrainingRange(level=((-0.1, 0.1),), segment_level=((-1, 1),), spread=((0.0, 2.0),))
    assert departures(context_of(HOME, future=calendar), WINDOW, only, 2) == [None]


# --- a forecast ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model():
    return fitted(wave(800))


@settings(max_examples=25, deadline=None)
@given(shift=st.floats(1.0, 1e6), factor=st.sampled_from([0.0, 1.0, -1.0]), scale=st.floats(0, 12))
def test_another_level_or_spread_is_warned_of_and_has_no_band(model, shift, factor, scale):
    values = wave(60, seed=3)
    at_home = factor == 0 and scale < 3
    values = values * (1 if at_home else 10.0**scale) + factor * shift
    forecast = model.forecast([signal_of(values)], levels=(80, 90))[0][0]
    if at_home:
        assert forecast.warnings == ()
        assert all(band is not None for band in forecast.bands.values())
        return
    if factor == 0 or shift > 1 + 10.0**scale:
        assert forecast.warnings[0].startswith("far from the training range: the ")
        assert forecast.bands == {80: None, 90: None}
        assert set(forecast.reasons) == {"80", "90"}


def test_at_home_a_stored_range_changes_no_byte(model):
    older = replace(model, manifest=model.manifest.model_copy(update={"training_range": None}))
    frames = [
        fitted_model.forecast(signal_of(wave(60, seed=3)), horizon=20).to_frame() for fitted_model in (model, older)
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_a_notebook_shows_the_warnings(model):
    far = signal_of(wave(300) + 40)
    for shown in (model.forecast(far), model.evaluate(far)):
        assert "far from the training range" in shown._repr_html_()
    assert "far from" not in model.forecast(signal_of(wave(60)))._repr_html_()


def test_of_several_channels_the_one_that_is_far_is_warned_of():
    model = fitted(wave(800), wave(800, seed=1))
    near, far = model.forecast([signal_of(wave(60), wave(60) + 5)])[0]
    assert near.warnings == ()
    assert near.bands[90] is not None
    assert "the level of b is " in far.warnings[0]
    assert far.bands[90] is None


def test_joint_channels_are_all_warned_of_one_that_is_far():
    model = fitted(wave(400), wave(400, seed=1), joint=True)
    for forecast in model.forecast([signal_of(wave(60), wave(60) + 5)])[0]:
        assert "of b is " in forecast.warnings[0]
        assert forecast.bands[90] is None


def test_a_covariate_that_is_far_is_named():
    model = fitted(wave(400), wave(400, seed=1), exogenous=("load",))
    far = signal_of(wave(60), wave(60) + 5, exogenous=("load",))
    assert "the level of load is " in model.forecast([far])[0][0].warnings[0]
    near = signal_of(wave(60), wave(60), exogenous=("load",))
    assert model.forecast([near])[0][0].warnings == ()


# --- an evaluation ------------------------------------------------------------------------


def test_an_evaluation_counts_the_origins_that_are_far_and_takes_no_coverage_there(model):
    values = wave(300, seed=3)
    half = np.where(np.arange(300) < 150, values, values + 40)
    evaluation = model.evaluate([signal_of(half)])
    (text,) = evaluation.warnings
    count, origins = map(int, re.match(r"machine/a: (\d+) of (\d+) origins are far", text).groups())
    assert origins == evaluation.parts[0].origins
    assert 20 < count < origins
    assert evaluation.to_json()["warnings"] == [text]
    assert evaluation.parts[0].bands[0].coverage == pytest.approx(
        model.evaluate([signal_of(values)]).parts[0].bands[0].coverage, abs=0.15
    )


def test_where_all_origins_are_far_there_is_no_coverage_and_the_reason(model):
    part = model.evaluate([signal_of(wave(300) + 40)]).parts[0]
    assert part.scores["model"]["coverage-90"] is None
    assert "hold for none far from it" in part.reasons["model.coverage-90"]
    assert part.bands[0].coverage is None
    assert all(example.half_width is None for example in part.examples)


def test_the_held_back_part_of_a_healthy_signal_has_no_warning(model):
    assert model.stored[0]["warnings"] == []


# --- the commands -------------------------------------------------------------------------


def csv(path, values):
    path.write_text("\n".join(["v", *map(repr, np.asarray(values).tolist())]) + "\n")
    return path


def test_the_manifest_names_each_file_and_the_terminal_counts_them(tmp_path):
    options = shlex.split("--predictor ridge --n-step 4 --n-input 6")
    ok("train", csv(tmp_path / "t.csv", wave(800)), "-o", tmp_path / "m", *options)
    assert "training_range" in (tmp_path / "m" / "model.json").read_text()
    near, far, farther = (
        csv(tmp_path / f"{name}.csv", wave(60) + offset)
        for name, offset in (("near", 0), ("far", 40), ("farther", 4e9))
    )
    done = ok("forecast", tmp_path / "m", near, far, farther, "-o", tmp_path / "out", "--json")
    entries = {Path(entry["path"]).stem: entry["warnings"] for entry in json.loads(done.stdout)["files"]}
    assert entries["near"] == []
    assert [len(entries[name]) for name in ("far", "farther")] == [1, 1]
    assert done.stderr.count("warning: ") == 1
    assert "warning: the forecasts of 2 of 3 files are not to be relied on" in done.stderr
    table = pd.read_csv(tmp_path / "out" / "far.forecast.csv")
    assert table[["y_hat-lo-90", "y_hat-hi-90"]].isna().all(axis=None)
    single = ok("forecast", tmp_path / "m", far, "-o", tmp_path / "one")
    assert "warning: far: far from the training range: the level of v is 5" in single.stderr
    report = ok("evaluate", tmp_path / "m", far, "--forecasts", tmp_path / "scored.csv").stdout
    assert "warning: far/v: " in report
    assert pd.read_csv(tmp_path / "scored.csv")["model-lo-90"].isna().all()


def test_a_folder_without_a_range_warns_by_its_scaler(tmp_path):
    folder = Path(__file__).parent / "format1"
    table = pd.read_csv(folder / "signals" / "machine.csv")
    table.iloc[:, 1:] *= 1e12
    table.to_csv(tmp_path / "large.csv", index=False)
    done = ok("forecast", folder / "ridge" / "model", tmp_path / "large.csv", "-o", tmp_path / "out")
    assert "far from the training range" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ETTh1", "nab_nyc_taxi_30min", "rotor_acceleration"])
def test_recordings_that_wander_are_not_warned_of_in_their_held_back_part(name, shared):
    signal = read_signal(shared / "signals" / f"{name}.csv")
    model = Forecaster.fit(signal, predictor="mean", n_step=7, n_input=24)
    assert all(evaluation["warnings"] == [] for evaluation in model.stored)
