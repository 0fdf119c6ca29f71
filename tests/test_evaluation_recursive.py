"""Recursive segments: their errors, how far they are of use, and what becomes of the amplitude."""

import tracemalloc

import numpy as np
import pytest

from forecaster.evaluation.metrics import ErrorSums
from forecaster.evaluation.recursive import StepSums, UsableHorizon, recursive_segments
from tests.evaluations import last_value, mean, noise, score_on_a_sine, sine


def test_the_spread_of_steps_is_that_of_numpy_whatever_the_blocks():
    rows = noise(60).reshape(12, 5) + 1e6
    steps = StepSums(float(rows[:4].mean()))
    for block in (rows[:4], rows[4:5], rows[5:]):
        steps.add(block)
    assert steps.count == 12
    for begin, end in ((0, 5), (0, 1), (2, 4)):
        assert steps.spread(begin, end) == pytest.approx(rows[:, begin:end].std(), rel=1e-9)


def test_a_spread_that_overflows_is_infinite_and_one_below_rounding_is_zero():
    huge, flat = StepSums(0.0), StepSums(0.1)
    huge.add(np.array([[1e200, -1e200]]))
    flat.add(np.full((3, 2), 0.3))
    assert huge.spread(0, 2) == float("inf")
    assert flat.spread(0, 2) == 0


def run_of(truth, model, *, segment=2, rate=None, rivals=(), **others):
    """Score the free run of `model` (O, H) against `truth`, beside others by name."""
    of_truth = StepSums(float(truth.mean()))
    of_model = StepSums(of_truth.pivot)
    of_truth.add(truth)
    of_model.add(model)
    errors = {name: ErrorSums.of(truth, rows) for name, rows in {"model": model, **others}.items()}
    return recursive_segments(
        errors,
        target_steps=of_truth,
        forecast_steps=of_model,
        baselines=rivals,
        segment_length=segment,
        rate_hz=rate,
    )


TRUTH = noise(50 * 5, seed=3).reshape(50, 5)


def test_each_segment_has_its_errors_gain_and_spread():
    model, mean = TRUTH * np.array([1, 1, 0.5, 0.5, 3.0]), np.zeros_like(TRUTH)
    found = run_of(TRUTH, model, rate=10.0, rivals=("mean", "last-value"), mean=mean, **{"last-value": TRUTH + 9})
    rows = found.segments
    assert found.segment_length == 2
    assert [(row.segment, row.first_step, row.last_step) for row in rows] == [(1, 1, 2), (2, 3, 4), (3, 5, 5)]
    assert [row.nmse for row in rows] == pytest.approx(
        [np.mean((model - TRUTH)[:, b:e] ** 2) / TRUTH.var() for b, e in ((0, 2), (2, 4), (4, 5))]
    )
    assert [row.baseline for row in rows] == ["mean"] * 3
    assert [row.baseline_nmse for row in rows] == pytest.approx(
        [np.mean(TRUTH[:, b:e] ** 2) / TRUTH.var() for b, e in ((0, 2), (2, 4), (4, 5))]
    )
    assert [row.gain for row in rows] == pytest.approx([1, 0.75, -3])
    assert [row.spread for row in rows] == pytest.approx([1, 0.5, 3])
    assert found.usable_horizon == UsableHorizon(4, 0.4)
    assert found.text == (
        "the error stays below every baseline's and the mean's for 4 samples (0.4 s); "
        "the loop swings more than the truth: at its end it has 3 times the truth's spread"
    )


def test_the_whole_horizon_and_no_segment_at_all_are_said():
    found = run_of(TRUTH, TRUTH * 0.2)
    assert found.usable_horizon == UsableHorizon(5)
    assert found.segments[0].baseline == ""
    assert found.segments[0].baseline_nmse is found.segments[0].gain is None
    assert found.text == (
        "the error stays below every baseline's and the mean's for 5 samples, the whole horizon; "
        "the loop is flatter than the truth: at its end it has 0.2 of the truth's spread"
    )
    none = run_of(TRUTH, TRUTH * 5)
    assert none.usable_horizon.samples == 0
    assert none.text == (
        "the error is not below every baseline's and the mean's even in the first segment; "
        "the loop explodes: at its end it has 5 times the truth's spread"
    )


def test_as_good_as_a_baseline_is_not_ahead_of_it():
    found = run_of(TRUTH, TRUTH * 0.9, rivals=("ridge",), ridge=TRUTH * 0.9)
    assert found.segments[0].gain == 0
    assert found.usable_horizon.samples == 0


def test_a_break_ends_the_usable_horizon_even_if_it_heals():
    model = TRUTH + np.array([0, 0, 9, 9, 0.0])
    assert run_of(TRUTH, model).usable_horizon.samples == 2


def test_a_truth_that_does_not_change_says_nothing_of_the_loop():
    truth = np.where(np.arange(5) < 4, TRUTH, 0.0)
    assert run_of(truth, truth).loop == "unknown"
    assert run_of(truth, truth).segments[-1].spread is None
    assert run_of(truth, truth, segment=5).loop == "holds"


def test_the_limits_of_a_loop():
    factors = (0.79, 0.8, 1.2, 1.3, 3.0, 3.1)
    assert [run_of(TRUTH, TRUTH * factor).loop for factor in factors] == [
        "fades",
        "holds",
        "holds",
        "grows",
        "grows",
        "explodes",
    ]


@pytest.mark.parametrize(
    ("usable", "rate", "text"),
    [
        (0, None, "but not in the first segment of its free run"),
        (8, None, "it stays ahead for 8 samples, not for all 20"),
        (8, 4.0, "it stays ahead for 8 samples (2 s), not for all 20"),
        (20, None, "it stays ahead for all 20 samples"),
    ],
)
def test_how_far_it_stays_ahead(usable, rate, text):
    assert UsableHorizon(usable).ahead(20, rate) == text


# --- as an evaluation tells it ------------------------------------------------------------


def test_there_is_none_within_a_segment():
    part = score_on_a_sine(sine)
    assert part.recursive is None
    assert "free_run" not in part.to_json()


def test_errors_by_segment_average_to_the_whole():
    part = score_on_a_sine(sine, horizon=70, rate=100.0)
    segments = part.recursive.segments
    assert [(row.first_step, row.last_step) for row in segments][-2:] == [(49, 64), (65, 70)]
    weights = [row.last_step - row.first_step + 1 for row in segments]
    assert np.average([row.nmse for row in segments], weights=weights) == pytest.approx(part.scores["model"]["nmse"])
    assert part.recursive.usable_horizon == UsableHorizon(70, 0.7)
    assert part.verdict.text.endswith("; it stays ahead for all 70 samples (0.7 s).")


def test_the_usable_horizon_ends_where_a_baseline_is_better():
    def until(o, h):
        return np.where(np.arange(h) < 32, sine(o, h), sine(o, h) + 2)

    part = score_on_a_sine(until, horizon=64, baselines={"last-value": last_value, "mean": mean})
    assert part.recursive.usable_horizon == UsableHorizon(32)
    assert part.recursive.segments[2].baseline == "mean"
    assert part.recursive.segments[2].gain < 0


def test_a_model_that_is_better_says_how_far_its_free_run_is():
    def until(o, h):
        return np.where(np.arange(h) < 48, sine(o, h), sine(o, h) + 1.2)

    text = score_on_a_sine(until, horizon=64, baselines={"last-value": last_value, "mean": mean}).verdict.text
    assert text.startswith("Better than every baseline: ")
    assert text.endswith("; it stays ahead for 48 samples, not for all 64.")


def test_one_that_is_worse_is_never_ahead():
    text = score_on_a_sine(last_value, horizon=64, baselines={"mean": mean}).verdict.text
    assert text.startswith("Worse than predicting the mean")
    assert "stays ahead" not in text


@pytest.mark.parametrize(("fade", "loop"), [(1.0, "holds"), (0.97, "fades"), (1.04, "explodes"), (1e3, "explodes")])
def test_a_loop_fades_or_explodes(fade, loop):
    found = score_on_a_sine(lambda o, h: sine(o, h, fade=fade), horizon=80).recursive
    assert found.loop == loop
    assert {"holds": "keeps", "fades": "flatter", "explodes": "explodes"}[loop] in found.text


def test_memory_does_not_grow_with_the_origins():

    peaks = []
    for stride in (8, 1):
        tracemalloc.start()
        score_on_a_sine(sine, rows=12_000, horizon=64, stride=stride)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 4e6
