"""The verdict: one sentence that does not flatter, and how sure it is."""

import numpy as np
import pytest
from scipy import stats

from forecaster.config import Window
from forecaster.evaluation import verdict
from forecaster.evaluation.metrics import ErrorSums
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate, last_value, noise


def against(model, *others):
    """Tally predictors by their errors on the same unit-variance truth, (O,) a predictor."""
    truth = np.random.default_rng(0).normal(size=(len(model), 5))
    names = ("model", "seasonal-naive", "ridge")
    return {n: ErrorSums.of(truth, truth + e[:, None]) for n, e in zip(names, (model, *others), strict=False)}


def test_better_is_claimed_only_beyond_two_standard_errors():
    rng = np.random.default_rng(1)
    errors = np.abs(rng.normal(1, 0.3, 200))
    assert verdict.compare(against(0.7 * errors, errors), overlap=1).kind == "better"
    noisy = np.abs(rng.normal(1, 0.3, 200)) * 0.99
    judged = verdict.compare(against(noisy, errors), overlap=1)
    assert judged.kind == "same"
    assert "repeating the last period" in judged.text


def test_the_best_baseline_is_the_one_named():
    errors = np.abs(np.random.default_rng(1).normal(1, 0.3, 200))
    judged = verdict.compare(against(0.9 * errors, errors, 0.5 * errors), overlap=1)
    assert judged.kind == "worse"
    assert judged.baseline == "ridge"
    assert "ridge" in judged.text
    assert judged.gain == pytest.approx(1 - 0.81 / 0.25)


def test_the_same_forecasts_are_no_better():
    errors = np.linspace(0.1, 0.5, 50)
    judged = verdict.compare(against(errors, errors), overlap=1)
    assert judged.kind == "same"
    assert "same errors" in judged.text


def test_a_baseline_does_not_compete_with_itself():
    errors = np.abs(np.random.default_rng(1).normal(1, 0.3, 200))
    judged = verdict.compare(against(0.5 * errors, errors, 0.5 * errors), overlap=1, own_baseline="ridge")
    assert (judged.kind, judged.baseline) == ("better", "seasonal-naive")
    assert "every other baseline" in judged.text


def test_few_origins_claim_nothing():
    judged = verdict.compare(against(np.full(3, 0.1), np.full(3, 1.0)), overlap=1)
    assert judged.kind == "unknown"
    assert judged.text.startswith("Too little test data to say whether it beats repeating")


def test_overlapping_origins_raise_the_uncertainty():
    difference = np.repeat(np.random.default_rng(2).normal(size=60), 40)
    assert verdict.standard_error(difference, 40) > 1.3 * verdict.standard_error(difference, 1)


def test_no_better_than_the_mean_is_said_aloud():
    judged = verdict.compare(against(np.full(50, 2.0), np.full(50, 3.0)), overlap=1)
    assert judged.kind == "same"
    assert judged.text.startswith("No better than predicting the mean, though 56 % less squared error than repeating")


def test_a_verdict_without_baselines():
    assert "no baseline" in verdict.compare(against(np.full(50, 0.2)), overlap=1).text


# --- by hand ------------------------------------------------------------------------------


def test_the_standard_error_of_worked_examples():
    pairs = np.tile([0.0, 0.0, 1.0, 1.0], 4)  # blocks of 3 average 1/3 or 2/3, five of them: Student's t of 4
    t = stats.t.ppf(stats.norm.cdf(2), 4)
    assert verdict.standard_error(pairs, 1) == pytest.approx(t / 2 * np.sqrt(1 / 36 / 5 * 16 / 13), rel=1e-4)
    eight = noise(8)  # four blocks of 2
    t = stats.t.ppf(stats.norm.cdf(2), 3)
    means = (eight[1:] + eight[:-1]) / 2
    assert verdict.standard_error(eight, 2) == pytest.approx(t / 2 * np.sqrt(means.var() / 4 * 8 / 6), rel=1e-4)


@pytest.mark.parametrize(("count", "block", "length"), [(16, 2, 4), (100, 2, 5), (39, 5, 9), (20, 5, 5), (300, 10, 20)])
def test_blocks_are_twice_as_long_as_what_overlaps_where_there_are_four(count, block, length):
    sums = np.concatenate(([0], np.cumsum(noise(count))))
    means, blocks = (sums[length:] - sums[:-length]) / length, count // length
    expected = stats.t.ppf(stats.norm.cdf(2), blocks - 1) / 2 * np.sqrt(means.var() / blocks * count / (count - length))
    assert verdict.standard_error(noise(count), block) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(("block", "blocks"), [(1, 8), (1, 30), (2, 5), (5, 4), (5, 8), (20, 5), (20, 30)])
def test_two_standard_errors_are_seldom_exceeded_by_chance(block, blocks):
    """Once in 44 times, of a normal mean; origins that overlap are moving averages of what is independent."""
    rng, count = np.random.default_rng(block), block * blocks
    exceeded = []
    for _ in range(1000):
        difference = np.convolve(rng.standard_normal(count + block - 1), np.ones(block) / block, "valid")
        exceeded.append(difference.mean() > 2 * verdict.standard_error(difference, block))
    assert 0.004 < np.mean(exceeded) < 0.06


@pytest.mark.parametrize(("count", "block", "there"), [(7, 1, False), (8, 1, True), (39, 10, False), (40, 10, True)])
def test_four_blocks_are_the_fewest(count, block, there):
    assert (verdict.standard_error(noise(count), block) is not None) is there


def test_an_average_over_blocks_is_the_average():
    assert verdict.standard_error(np.full(40, 3.0), 5) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.0949, "9 %"), (0.095, "10 %"), (0.0004, "0.04 %"), (-1.234, "123 %"), (0.0, "0 %")],
)
def test_a_share_in_percent(share, text):
    assert verdict.percent(share) == text


def judged(kind):
    return verdict.Verdict(kind, f"It is {kind}.")


def test_parts_of_a_kind_are_named_up_to_three():
    parts = [(name, judged("better")) for name in "abcd"] + [(name, judged("worse")) for name in "xyz"]
    assert verdict.overall(parts) == (
        "Better than every baseline on 4 of 7 (a, b, c, ...); Worse than the best baseline on 3 of 7 (x, y, z)."
    )
    both = [("a", judged("same")), ("b", judged("unknown"))]
    assert verdict.overall(both) == (
        "Not shown to be better than the best baseline on 1 of 2 (a); No verdict on 1 of 2 (b)."
    )
    assert verdict.overall(both[:1]) == "It is same."


def test_a_clause_joins_the_sentence():
    assert judged("same").and_then("so there").text == "It is same; so there."
    assert judged("same").and_then("") == judged("same")


def test_numbers_that_json_cannot_hold_are_none():
    one = verdict.Verdict("better", "", "ridge", 1e301, float("inf"))
    assert one.skill == {"baseline": "ridge", "gain": None, "standard_error": None}
    assert verdict.Verdict("better", "", "ridge", -0.5, 0.1).skill["gain"] == -0.5


def errors_of(**errors):
    truth = noise(5 * len(errors["model"])).reshape(-1, 5)
    return {name: ErrorSums.of(truth, truth + np.asarray(error)[:, None]) for name, error in errors.items()}


SMALL = np.abs(noise(100, seed=9)) + 0.1


@pytest.mark.parametrize(
    ("model", "other", "kind", "text"),
    [
        (0.5 * SMALL, SMALL, "better", "Better than every baseline: 75 % +- "),
        (SMALL, 0.5 * SMALL, "worse", "Worse than the linear model ridge: 300 % +- "),
        (
            SMALL,
            1.01 * SMALL[::-1],
            "same",
            "Too little test data to say whether it beats the linear model ridge: 2 % +- ",
        ),
    ],
)
def test_what_is_said_of_a_difference(model, other, kind, text):
    found = verdict.compare(errors_of(model=model, ridge=other), overlap=1)
    assert (found.kind, found.baseline) == (kind, "ridge")
    assert found.text.startswith(text)
    assert ", 100 origins)" in found.text
    assert ("less" in found.text) is (found.gain > 0)


def test_a_constant_gain_has_no_uncertainty_to_show():
    found = verdict.compare(errors_of(model=np.full(50, 0.5), ridge=np.full(50, 1.0)), overlap=1)
    assert found.kind == "better"
    assert " +- " not in found.text


def test_the_mean_is_no_reason_to_mention_the_mean():
    found = verdict.compare(errors_of(model=np.full(50, 3.0), mean=np.full(50, 2.0)), overlap=1)
    assert "; it is no better than" not in found.text
    worse = verdict.compare(errors_of(model=np.full(50, 3.0), ridge=np.full(50, 2.0)), overlap=1)
    assert worse.text.endswith("; it is no better than predicting the mean.")
    assert worse.kind == "worse"


def test_names_that_are_no_baselines_do_not_compete():
    found = verdict.compare(errors_of(model=SMALL, lstm=0.1 * SMALL), overlap=1)
    nmse = errors_of(model=SMALL)["model"].nmse().value
    assert found.text == f"No verdict: nmse {nmse:.4g}, and no baseline to compare it with."


def test_a_perfect_baseline_leaves_no_gain_to_share():
    found = verdict.compare(errors_of(model=SMALL, ridge=0 * SMALL), overlap=1)
    assert (found.kind, found.gain, found.error) == ("worse", 0.0, None)


@pytest.mark.parametrize(
    ("mean", "error", "kind"),
    [(1.0, 0.45, "better"), (1.0, 0.55, "same"), (-1.0, 0.45, "worse"), (-1.0, 0.55, "same"), (1.0, None, "unknown")],
)
def test_two_standard_errors_decide(mean, error, kind):
    assert verdict._kind(np.array([mean - 0.1, mean + 0.1]), error) == kind
    assert verdict._kind(np.zeros(3), error) == "same"


def test_the_gain_has_its_uncertainty():
    rng = np.random.default_rng(1)
    own, theirs = np.abs(rng.normal(0.3, 0.1, 200)), np.abs(rng.normal(0.5, 0.1, 200))
    found = verdict.compare(errors_of(model=own, ridge=theirs), overlap=1)
    expected = np.std(theirs**2 - own**2) / np.sqrt(200) / np.mean(theirs**2)
    assert found.error == pytest.approx(expected, rel=0.25)
    assert found.skill == {"baseline": "ridge", "gain": found.gain, "standard_error": found.error}
    shown = f"{verdict.percent(found.gain)} +- {verdict.percent(2 * found.error)} less squared error"
    assert shown in found.text


def test_white_noise_makes_no_claim():
    claims = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values = rng.normal(size=3000)
        signal = Signal("s", ("c",), (Recording(values[:, None], TimeAxis()),))
        slopes = rng.normal(0, 0.02, 16)

        def model(origins, horizon, slopes=slopes):
            return origins.context(Window(n_step=1, n_input=16)).values @ slopes[:, None] + np.zeros(horizon)

        forecasts = {"model": model, "mean": lambda o, h: np.zeros((len(o), h)), "last-value": last_value}
        part = evaluate(
            [signal], [[0]], forecasts, window=Window(n_step=8, n_input=16), horizon=32, seasonal_errors=[1.0]
        ).parts[0]
        claims += part.verdict.kind == "better"
    assert claims <= 1
