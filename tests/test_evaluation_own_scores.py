"""The loss on another file beside that on the model's own test part."""

from dataclasses import replace

import numpy as np
import pytest

from forecaster import Forecaster, Signal
from forecaster.evaluation.own_scores import NOT_COMPARABLE, NOT_STORED, loss_ratio
from forecaster.signal.signal import Recording
from forecaster.signal.synthesis import rotor
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import score_on_a_sine, sine

ROWS = 6000


def signal_of(values):
    return Signal("machine", ("acceleration",), (Recording(values[:, None], TimeAxis()),), ("m/s^2",), 1000.0)


def with_bursts(values, count=60, seed=5):
    """Return a rotor's vibration with the ringing of a damaged bearing in it."""
    rng, time = np.random.default_rng(seed), np.arange(60)
    burst = 4 * np.exp(-time / 12) * np.sin(2 * np.pi * time / 6)
    damaged = values.copy()
    for first in rng.choice(len(values) - len(time), count, replace=False):
        damaged[first : first + len(time)] += burst
    return damaged


@pytest.fixture(scope="module")
def model():
    return Forecaster.fit(signal_of(rotor(ROWS, seed=1)), predictor="ridge", n_step=10, n_input=50)


def test_a_machine_with_bursts_is_said_to_be_worse_than_the_model_at_home(model):
    healthy, damaged = (model.evaluate(signal_of(values)) for values in (rotor(ROWS, 2), with_bursts(rotor(ROWS, 2))))
    ratios = [evaluation.parts[0].to_json()["own_ratio"] for evaluation in (healthy, damaged)]
    assert ratios[1] > 2.8
    assert ratios[1] > 2 * ratios[0]
    assert damaged.verdict.endswith(f"its squared error here is {ratios[1]:.2g} times that on its own test part.")
    own = model.stored[0]["parts"][0]["scores"]["model"]["rmse"]
    assert ratios[1] == pytest.approx((damaged.parts[0].scores["model"]["rmse"] / own) ** 2)


def test_its_own_test_part_is_not_compared_with_itself(model):
    part = model.evaluate(signal_of(rotor(ROWS, seed=1))).parts[0]
    assert "own_ratio" not in part.to_json()
    assert "own test part" not in part.verdict.text
    assert all("own_ratio" not in part for evaluation in model.stored for part in evaluation["parts"])


def test_another_horizon_is_compared_over_the_steps_that_both_have(model):
    part = model.evaluate(signal_of(rotor(ROWS, seed=2)), horizon=20).parts[0]
    own = [row["rmse"] ** 2 for row in model.stored[0]["parts"][0]["by_step"]["model"][:20]]
    here = [row["rmse"] ** 2 for row in part.by_step["model"]]
    assert part.verdict.own_ratio == pytest.approx(np.mean(here) / np.mean(own))


def stored(part, **changes):
    return [{"parts": [{"channel": part.channel, "origins": 3, "by_step": part.by_step, **changes}]}]


def test_what_is_not_stored_has_no_ratio_and_says_why():
    part = score_on_a_sine(sine)
    assert loss_ratio(part, [])[1] == NOT_STORED
    assert loss_ratio(part, stored(part, channel="another"))[1] == NOT_STORED
    assert loss_ratio(part, stored(part, by_step={}))[1] == NOT_STORED
    exact = {"model": [{"step": 1, "rmse": 0.0}]}
    assert loss_ratio(part, stored(part, by_step=exact)) == (None, NOT_COMPARABLE)
    assert loss_ratio(part, stored(part)) == (1.0, "")


def test_several_training_files_count_by_their_origins():
    part = score_on_a_sine(sine)
    ones = replace(part, by_step={"model": [{"step": 1, "rmse": 1.0}]})
    own = [
        {"channel": part.channel, "origins": n, "by_step": {"model": [{"step": 1, "rmse": r}]}}
        for n, r in ((3, 1.0), (1, 3.0))
    ]
    assert loss_ratio(ones, [{"parts": own}])[0] == pytest.approx(1 / 3)


@pytest.mark.parametrize("value", ["0.5", None, [1]])
def test_a_stored_score_of_symbols_that_is_no_number_is_none(value):
    part = replace(score_on_a_sine(sine), by_step={"model": [{"step": 1, "cross_entropy": 1.0, "accuracy": 0.5}]})
    broken = {"model": [{"step": 1, "cross_entropy": value}]}
    assert loss_ratio(part, stored(part, by_step=broken))[1] == NOT_STORED
    assert loss_ratio(part, stored(part, by_step={"model": [{"step": 1, "cross_entropy": 0.5}]}))[0] == 2.0
