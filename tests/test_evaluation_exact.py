"""An evaluation in numbers that can be worked out by hand: every score, sentence and border as it should be."""

import numpy as np
import pytest
from scipy import stats

from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation import bands, metrics, symbols, verdict
from forecaster.evaluation.lag_correlation import MAX_LAGS, LagCorrelationSums, LaggedTargets
from forecaster.evaluation.metrics import (
    NUMBER_METRICS,
    CoverageSums,
    ErrorSums,
    MetricInputs,
    Moments,
    SymbolSums,
)
from forecaster.evaluation.numbers import chosen
from forecaster.evaluation.recursive import StepSums, UsableHorizon, recursive_segments
from forecaster.evaluation.scoring import Place, Plan, default_stride, origins
from forecaster.evaluation.spectra import SpectraSums, spectrum
from forecaster.evaluation.symbols import compare_symbols
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.spectrum import COARSE, FINE, SHORTEST, welch_psd
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate, evaluate_symbols

WINDOW = Window(n_step=2, n_input=4)


def signal_of(*columns, name="s", rate=None, recordings=1):
    values = np.stack(columns, axis=1)
    names = tuple(f"c{k}" for k in range(len(columns)))
    return Signal(name, names, (Recording(values, TimeAxis()),) * recordings, ("V",) * len(columns), rate)


def last_value(o, horizon):
    return np.repeat(o.context(Window(n_step=1, n_input=1)).values, horizon, axis=1)


def noise(rows=200, seed=0):
    return np.random.default_rng(seed).normal(size=rows)


# --- sums ---------------------------------------------------------------------------------


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


@pytest.mark.parametrize("horizon", [SHORTEST, COARSE, COARSE + 1, FINE])
def test_spectra_of_blocks_add_up(horizon):
    rows = np.random.default_rng(1).normal(size=(5, horizon))
    one, two = SpectraSums(), SpectraSums()
    one.add(rows)
    two.add(rows[:2])
    two.add(rows[2:])
    np.testing.assert_allclose(two.coarse, one.coarse)
    np.testing.assert_allclose(two.fine, one.fine)
    np.testing.assert_allclose(one.coarse, welch_psd(rows)[1] * 5)
    np.testing.assert_allclose(one.fine, welch_psd(rows, longest=FINE)[1] * 5)


def test_no_spectrum_below_the_shortest_horizon():
    short = SpectraSums()
    short.add(np.ones((2, SHORTEST - 1)))
    assert not short.coarse.size
    assert not short.fine.size


# --- the free run -------------------------------------------------------------------------


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
    assert found.text == ("the error stays below every baseline's for 4 samples (0.4 s); the loop keeps its amplitude")


def test_the_whole_horizon_and_no_segment_at_all_are_said():
    found = run_of(TRUTH, TRUTH * 0.2)
    assert found.usable_horizon == UsableHorizon(5)
    assert found.segments[0].baseline == ""
    assert found.segments[0].baseline_nmse is found.segments[0].gain is None
    assert found.text == (
        "the error stays below every baseline's for 5 samples, the whole horizon; "
        "the loop fades: its forecasts grow flat"
    )
    none = run_of(TRUTH, TRUTH * 5)
    assert none.usable_horizon.samples == 0
    assert none.text == (
        "the error is not below the best baseline's, from the first segment on; "
        "the loop explodes: its forecasts grow far beyond the signal"
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
    assert [run_of(TRUTH, TRUTH * factor).loop for factor in (0.29, 0.31, 2.99, 3.01)] == [
        "fades",
        "holds",
        "holds",
        "explodes",
    ]


@pytest.mark.parametrize(
    ("usable", "rate", "text"),
    [
        (0, None, "but not in the first segment of its free run"),
        (8, None, "it can be trusted for 8 samples, not for all 20"),
        (8, 4.0, "it can be trusted for 8 samples (2 s), not for all 20"),
        (20, None, "it can be trusted for all 20 samples"),
    ],
)
def test_how_far_it_can_be_trusted(usable, rate, text):
    assert UsableHorizon(usable).trusted(20, rate) == text


# --- likeness and spectrum ----------------------------------------------------------------


def test_at_most_so_many_lags_and_origins_are_looked_at():
    assert LaggedTargets.of(100, 5, 1024).every == 1
    assert LaggedTargets.of(100, 5, 1025).every == 2
    assert LaggedTargets.of(MAX_LAGS + 1, 5, 0).lags == MAX_LAGS
    assert LaggedTargets.of(100, 5, 0).every == 1
    assert LaggedTargets(100, 5).size >= 105


def test_every_so_many_th_origin_is_looked_at_across_blocks():
    past, values = LaggedTargets(2, 1, every=3), noise(50)
    seen = [past.add(values, np.arange(begin, begin + 4))[0].tolist() for begin in (5, 9, 13)]
    assert seen == [[0, 3], [2], [1]]
    assert (past.seen, past.count) == (12, 4)


def test_the_shortest_of_equal_lags_is_the_copy():
    values = np.tile(noise(10), 30)
    rows = np.arange(40, 280)
    past, likeness = LaggedTargets.of(25, 1, len(rows)), LagCorrelationSums()
    chosen_, transform = past.add(values, rows)
    likeness.add(past, values[rows[chosen_] - 7, None], transform)
    found, _ = likeness.result(past)
    assert found.lag == found.lag_copy == 7
    assert found.past == pytest.approx(1)


def test_nothing_to_compare_says_why():
    assert LagCorrelationSums().result(LaggedTargets(3, 2))[1] == "nothing was scored"
    past, likeness = LaggedTargets(3, 2), LagCorrelationSums()
    _, transform = past.add(noise(20), np.arange(5, 15))
    likeness.add(past, np.full((10, 2), 4.0), transform)
    assert likeness.result(past)[1] == "the forecasts or the scored values do not change"


def spectra_of(truth, forecast, **options):
    """Compare the spectra of rows (O, H)."""
    of_truth, of_forecast = SpectraSums(), SpectraSums()
    of_truth.add(truth)
    of_forecast.add(forecast)
    model = {"model": (of_forecast, LagCorrelationSums())}
    return spectrum(of_truth, LaggedTargets(4, truth.shape[1]), model, rate_hz=options.pop("rate", None), **options)


TONE = np.sin(2 * np.pi * np.arange(64) / 6)[None] + noise(64 * 8).reshape(8, 64) * 0.01


def test_a_spectrum_too_large_for_numbers_says_so():
    found = spectra_of(TONE, TONE * 1e200)
    assert found.predictors["model"].to_json() == {"peak": None, "peak_error": None, "energy": None, "likeness": None}
    assert {found.reasons[f"model.{key}"] for key in ("peak", "peak_error", "energy")} == {
        "the values are too large for a spectrum"
    }
    assert "truth.peak" not in found.reasons
    assert found.target_energy == pytest.approx([0, 0, 0, 1, 0], abs=0.05)


def test_the_shortest_spectrum():
    rows = TONE[:, :SHORTEST]
    found = spectra_of(rows, rows)
    assert found.resolution == 1 / SHORTEST
    assert found.edges[-1] == 0.5


def test_a_constant_truth_has_no_spectrum():
    found = spectra_of(np.ones((4, 64)), TONE[:4], constant=True)
    assert found.to_json()["truth"] == {"peak": None, "energy": None}
    text = "the scored values are constant, so their spectrum is empty"
    assert found.reasons == dict.fromkeys(("truth.peak", "model.peak", "model.peak_error", "model.energy"), text) | {
        "model.likeness": "nothing was scored"
    }


def test_frequencies_are_in_hertz_where_there_is_a_rate():
    found, unit = spectra_of(TONE, TONE, rate=1000.0), spectra_of(TONE, TONE)
    assert (found.unit, unit.unit) == ("Hz", "cycles/sample")
    assert found.resolution == 1000 / 64
    assert unit.resolution == 1 / 64
    assert found.edges == [1000 * edge for edge in unit.edges]
    assert unit.edges == [0, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2]
    assert found.target_peak == pytest.approx(1000 / 6, abs=1)
    assert found.predictors["model"].peak_error == 0
    assert found.reasons == {"model.likeness": "nothing was scored"}


def test_a_forecast_without_a_peak_has_no_error_of_it():
    found = spectra_of(TONE, noise(64 * 8, seed=5).reshape(8, 64))
    assert found.predictors["model"].peak is found.predictors["model"].peak_error is None
    assert " of the forecasts (" in found.reasons["model.peak"]
    assert " of the truth or the forecasts (" in found.reasons["model.peak_error"]


# --- the verdict --------------------------------------------------------------------------


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
    assert verdict.overall(both) == "No better than the best baseline on 1 of 2 (a); No verdict on 1 of 2 (b)."
    assert verdict.overall(both[:1]) == "It is same."


def test_a_clause_joins_the_sentence():
    assert judged("same").and_then("so there").text == "It is same; so there."
    assert judged("same").and_then("") == judged("same")


def test_numbers_that_json_cannot_hold_are_none():
    one = verdict.Verdict("better", "", "ridge", 1e301, float("inf"))
    assert one.skill == {"baseline": "ridge", "gain": None, "standard_error": None}
    assert verdict.Verdict("better", "", "ridge", -0.5, 0.1).skill["gain"] == -0.5


def tallies(**errors):
    truth = noise(5 * len(errors["model"])).reshape(-1, 5)
    return {name: ErrorSums.of(truth, truth + np.asarray(error)[:, None]) for name, error in errors.items()}


SMALL = np.abs(noise(100, seed=9)) + 0.1


@pytest.mark.parametrize(
    ("model", "other", "kind", "text"),
    [
        (0.5 * SMALL, SMALL, "better", "Better than every baseline: 75 % +- "),
        (SMALL, 0.5 * SMALL, "worse", "Worse than the linear model ridge: 300 % +- "),
        (SMALL, 1.01 * SMALL[::-1], "same", "No better than the linear model ridge: 2 % +- "),
    ],
)
def test_what_is_said_of_a_difference(model, other, kind, text):
    found = verdict.compare(tallies(model=model, ridge=other), overlap=1)
    assert (found.kind, found.baseline) == (kind, "ridge")
    assert found.text.startswith(text)
    assert ", 100 origins)" in found.text
    assert ("less" in found.text) is (found.gain > 0)
    assert ("within the uncertainty" in found.text) is (kind == "same")


def test_a_constant_gain_has_no_uncertainty_to_show():
    found = verdict.compare(tallies(model=np.full(50, 0.5), ridge=np.full(50, 1.0)), overlap=1)
    assert found.kind == "better"
    assert " +- " not in found.text


def test_the_mean_is_no_reason_to_mention_the_mean():
    found = verdict.compare(tallies(model=np.full(50, 3.0), mean=np.full(50, 2.0)), overlap=1)
    assert "; it is no better than" not in found.text
    worse = verdict.compare(tallies(model=np.full(50, 3.0), ridge=np.full(50, 2.0)), overlap=1)
    assert worse.text.endswith("; it is no better than predicting the mean.")
    assert worse.kind == "worse"


def test_names_that_are_no_baselines_do_not_compete():
    found = verdict.compare(tallies(model=SMALL, lstm=0.1 * SMALL), overlap=1)
    nmse = tallies(model=SMALL)["model"].nmse().value
    assert found.text == f"No verdict: nmse {nmse:.4g}, and no baseline to compare it with."


def test_a_perfect_baseline_leaves_no_gain_to_share():
    found = verdict.compare(tallies(model=SMALL, ridge=0 * SMALL), overlap=1)
    assert (found.kind, found.gain, found.error) == ("worse", 0.0, None)


@pytest.mark.parametrize(
    ("mean", "error", "kind"),
    [(1.0, 0.45, "better"), (1.0, 0.55, "same"), (-1.0, 0.45, "worse"), (-1.0, 0.55, "same"), (1.0, None, "unknown")],
)
def test_two_standard_errors_decide(mean, error, kind):
    assert verdict._kind(np.array([mean - 0.1, mean + 0.1]), error) == kind
    assert verdict._kind(np.zeros(3), error) == "same"


# --- bands --------------------------------------------------------------------------------


def covered(shares):
    return CoverageSums([np.asarray(shares, dtype=float)])


def test_a_band_holds_within_two_standard_errors():
    shares = np.tile([1.0, 0.8], 50)
    rows = bands.band_scores({95: covered(shares), 80: covered(shares), 90: covered([0.9] * 3)}, {99: "why"}, overlap=1)
    assert [row.level for row in rows] == [80, 90, 95, 99]
    assert rows[0].coverage == rows[0].coverage == pytest.approx(0.9)
    assert rows[0].within is False
    assert rows[1].reason == "too few separate origins to say how sure the coverage is"
    assert rows[3].reason == "why"
    assert bands.band_scores({90: CoverageSums()}, {}, overlap=1)[0].reason == "there is no band"


# --- the metrics --------------------------------------------------------------------------


def test_moments_merge_as_they_should():
    values, moments = noise(30) + 100, Moments()
    for block in (values[:0], values[:1], values[1:20], values[20:]):
        moments.add(block)
    assert moments.count == 30
    assert moments.mean == pytest.approx(values.mean(), rel=1e-12)
    assert moments.square == pytest.approx(30 * values.var(), rel=1e-12)
    assert moments.variance == pytest.approx(values.var(), rel=1e-12)
    assert Moments().variance == 0


def test_every_score_of_a_small_example():
    truth, forecast = np.array([[1.0, 2.0], [3.0, -6.0]]), np.array([[2.0, 2.0], [1.0, -3.0]])
    found = {name: score.value for name, score in metrics.scores(truth, forecast, seasonal_error=3.0).items()}
    assert found["nmse"] == pytest.approx(3.5 / 12.5)
    assert found["rmse"] == pytest.approx(np.sqrt(3.5))
    assert found["mae"] == pytest.approx(1.5)
    assert found["smape"] == pytest.approx((1 / 3 + 0 + 0.5 + 3 / 9) / 4)
    assert found["mase"] == pytest.approx(0.5)
    assert found["rms_ratio"] == pytest.approx(forecast.std() / truth.std())
    sums = ErrorSums.of(truth, forecast)
    assert sums.mse().value == pytest.approx(14 / 4)
    assert sums.origin_mse.tolist() == [0.5, 6.5]
    assert sums.by_step() == [
        {"step": 1, "nmse": pytest.approx(2.5 / 12.5), "rmse": pytest.approx(np.sqrt(2.5))},
        {"step": 2, "nmse": pytest.approx(4.5 / 12.5), "rmse": pytest.approx(np.sqrt(4.5))},
    ]


def test_scores_without_a_value_say_why():
    empty = MetricInputs(ErrorSums(3), np.zeros(0), np.zeros(0), 1.0)
    for metric in NUMBER_METRICS:
        if metric.name in ("nmse", "rmse", "mae", "smape", "mase"):
            assert metric.scores(empty) == {metric.name: (None, "nothing was scored")}
    assert empty.errors.mse() == (None, "nothing was scored")
    assert empty.errors.by_step() == []
    assert empty.errors.origin_mse.tolist() == []
    single = metrics.scores(np.ones((1, 1)), np.zeros((1, 1)))
    assert single["rms_ratio"].reason == single["nmse"].reason
    assert single["nmse"].reason == "fewer than 2 values were scored, so they have no variance"
    constant = metrics.scores(np.ones((1, 2)), np.eye(2)[:1])
    assert constant["rms_ratio"].reason.startswith("the scored values are constant")
    two = np.array([[1.0, 2.0]])
    assert metrics.scores(two, two)["nmse"].value == 0
    assert metrics.scores(two, two)["rms_ratio"].value == 1
    no_error = metrics.scores(two, two, seasonal_error=float("nan"))["mase"]
    assert no_error.reason.startswith("the training part gave no")
    zero = metrics.scores(two, two, seasonal_error=0.0)["mase"]
    assert zero.reason == "the seasonal-naive error on the training part is 0"


def test_a_band_may_have_its_own_width_at_each_origin():
    found = CoverageSums()
    found.add(np.zeros((2, 2)), np.array([[1.0, -2.0], [1.0, -2.0]]), np.array([[1.0, 1.0], [0.5, 2.0]]))
    assert found.by_origin.tolist() == [0.5, 0.5]
    assert found.score().value == 0.5
    assert CoverageSums().by_origin.tolist() == []


# --- places and examples ------------------------------------------------------------------


def test_an_origin_needs_its_context_and_its_horizon():
    spans = {"context": 8, "horizon": 3, "stride": 1}
    assert origins(11, first_target=0, **spans).tolist() == [8]
    assert origins(10, first_target=0, **spans).tolist() == []
    assert origins(12, first_target=9, **spans).tolist() == [9]
    assert default_stride(3, WINDOW) == 3
    assert default_stride(9, WINDOW) == 4


def test_the_median_of_an_even_number_is_the_lower():
    places = [Place(0, np.array([10, 20])), Place(2, np.array([5, 6]))]
    three = chosen(np.array([4.0, 1.0, 3.0, 2.0]), places)
    assert {kind: (place.recording, place.rows.tolist()) for kind, place in three.items()} == {
        "best": (0, [20]),
        "median": (2, [6]),
        "worst": (0, [10]),
    }


def test_the_first_of_equal_origins_is_the_best():
    three = chosen(np.zeros(40), [Place(0, np.arange(40))])
    assert [place.rows[0] for place in three.values()] == [0, 19, 39]


# --- the whole ----------------------------------------------------------------------------


def evaluated(signals, *, horizon=4, **options):
    options = {"window": WINDOW, "seasonal_errors": [1.0] * 9, "model": "m"} | options
    forecasts = options.pop("forecasts", {"model": last_value})
    ranges = options.pop("ranges", [[0] * len(one.recordings) for one in signals])
    return evaluate(signals, ranges, forecasts, horizon=horizon, **options)


def wide(level, channel, horizon):
    return np.full(horizon, level / 10.0), ""


def test_the_examples_carry_the_band_of_the_highest_level():
    result = evaluated([signal_of(noise())], band=wide, levels=(50, 99, 80))
    assert [one.level for one in result.parts[0].examples] == [99] * 3
    assert all(one.half_width.tolist() == [9.9] * 4 for one in result.parts[0].examples)
    assert evaluated([signal_of(noise())]).parts[0].examples[0].half_width is None
    assert [row.level for row in result.parts[0].bands] == [50, 80, 90, 99]
    usual = evaluated([signal_of(noise())], band=wide, levels=())
    assert [one.level for one in usual.parts[0].examples] == [90] * 3


def test_the_first_four_parts_have_examples():
    result = evaluated([signal_of(*(noise(60, k) for k in range(3)), name=name) for name in "ab"])
    assert [len(part.examples) for part in result.parts] == [3, 3, 3, 3, 0, 0]
    assert [(part.signal, part.channel, part.unit) for part in result.parts[2:4]] == [
        ("a", "c2", "V"),
        ("b", "c0", "V"),
    ]


def test_a_band_scaled_at_each_origin():
    def by_row(blocks, horizon):
        return blocks[0].rows[:, None] + np.linspace(0, 1, horizon)

    kept = []
    evaluated([signal_of(noise(40))], band=wide, local=by_row, keep=kept.append)
    (made,) = kept
    assert made.recording == 0
    assert made.half_widths[90].tolist() == (9.0 * by_row([made.origins], 4)).tolist()
    assert made.y_true.shape == made.forecasts["model"].shape == (8, 4)
    assert made.signal.name == "s"


def test_baselines_known_already_are_not_forecast_again():
    calls = []

    def counted(o, horizon):
        calls.append(len(o))
        return last_value(o, horizon)

    known = {}
    options = {"forecasts": {"model": last_value, "mean": counted}, "reuse": known}
    first = evaluated([signal_of(noise()), signal_of(noise(seed=1))], **options)
    drawn = 2 * 3  # the examples of both parts, which are not scores
    assert len(calls) == 2 + drawn
    second = evaluated([signal_of(noise()), signal_of(noise(seed=1))], **options)
    assert len(calls) == 2 + 2 * drawn
    assert [part.scores for part in second.parts] == [part.scores for part in first.parts]
    assert sorted(known) == [0, 1]
    evaluated([signal_of(noise()), signal_of(noise(seed=1))], **options, keep=lambda made: None)
    assert len(calls) == 4 + 3 * drawn


@pytest.mark.parametrize("bad", [{"horizon": 0}, {"stride": 0}, {"horizon": -1}])
def test_nothing_ahead_is_refused_and_one_step_is_not(bad):
    with pytest.raises(UsageError, match="must be at least 1 sample"):
        evaluated([signal_of(noise())], **bad)
    assert evaluated([signal_of(noise())], horizon=1, stride=1).parts[0].origins == 200 - 8


def test_a_part_that_is_too_short_says_so_everywhere():
    part = evaluated([signal_of(noise(11))], horizon=4, band=wide, levels=(80,)).parts[0]
    why = (
        "an origin needs 8 rows of context and 4 rows to score, in the part that may be scored; "
        "the longest recording has 11 rows"
    )
    assert part.origins == 0
    assert part.scores["model"] == dict.fromkeys(metrics.number_names((80, 90)))
    assert set(part.reasons.values()) == {why}
    assert part.by_step == {"model": []}
    assert (part.verdict.kind, part.verdict.text) == ("unknown", f"Not scored: {why}.")
    assert [(row.level, row.reason) for row in part.bands] == [(80, why), (90, why)]
    assert part.spectrum.to_json()["truth"] == {"peak": None, "energy": None}
    assert part.examples == ()


def test_free_running_begins_beyond_a_segment():
    forecasts = {"model": last_value, "mean": lambda o, h: np.zeros((len(o), h)), "lstm": last_value}
    assert evaluated([signal_of(noise())], horizon=4, forecasts=forecasts).parts[0].recursive is None
    part = evaluated([signal_of(noise(), rate=8.0)], horizon=5, forecasts=forecasts).parts[0]
    assert {row.baseline for row in part.recursive.segments} == {"mean"}
    assert part.recursive.usable_horizon == UsableHorizon(0, 0.0)
    alone = evaluated([signal_of(noise())], horizon=5, forecasts=forecasts, own_baseline="mean").parts[0]
    assert {row.baseline for row in alone.recursive.segments} == {""}


@pytest.mark.parametrize(("horizon", "stride", "overlap"), [(4, 4, 1), (5, 4, 2), (8, 4, 2), (9, 4, 3), (1, 4, 1)])
def test_how_many_origins_overlap(horizon, stride, overlap):
    assert Plan((), WINDOW, horizon, stride).overlap == overlap


# --- symbols ------------------------------------------------------------------------------


def tally_of(*blocks):
    tally = SymbolSums()
    for truth, codes, probabilities in blocks:
        tally.add(np.array(truth, dtype=float), np.array(codes, dtype=float), np.array(probabilities))
    return tally


HALF, SURE, WRONG = [0.5, 0.5], [1.0, 0.0], [0.0, 1.0]


def test_accuracy_and_surprise_by_hand():
    tally = tally_of(([[0, 1]], [[0, 0]], [[HALF, HALF]]), ([[0, 0]], [[0, 0]], [[SURE, WRONG]]))
    ln2, most = np.log(2), -np.log(1e-12)
    assert tally.loss.tolist() == [0.5, 0.0]
    nats = (2 * ln2 + most) / 4
    assert symbol_scores(tally) == pytest.approx({"accuracy": 0.75, "cross_entropy": nats, "perplexity": np.exp(nats)})
    assert tally.by_step() == [
        {"step": 1, "accuracy": 1.0, "cross_entropy": pytest.approx(ln2 / 2)},
        {"step": 2, "accuracy": 0.5, "cross_entropy": pytest.approx((ln2 + most) / 2)},
    ]


def test_the_loss_of_one_step_is_its_surprise():
    tally = tally_of(([[0], [1]], [[0], [0]], [[HALF], [[0.75, 0.25]]]))
    assert tally.loss.tolist() == pytest.approx([np.log(2), np.log(4)])


def symbol_scores(sums):
    return {name: score.value for name, score in metrics.symbol_scores(sums).items()}


def symbols_plan(horizon, own_baseline=""):
    return Plan((), Window(n_step=1, n_input=4, symbols=2), horizon, 1, own_baseline)


def with_loss(losses):
    return SymbolSums(losses=[np.asarray(losses, dtype=float)])


def test_the_sentence_about_symbols():
    rng = np.random.default_rng(0)
    own, theirs = rng.uniform(0.1, 0.3, 64), rng.uniform(0.4, 0.6, 64)
    both = {"model": with_loss(own), "markov": with_loss(theirs), "last-symbol": with_loss(theirs + 0.1)}
    found = compare_symbols(both, symbols_plan(1))
    assert (found.kind, found.baseline) == ("better", "markov")
    assert "less cross-entropy than the Markov chain" in found.text
    assert found.text.endswith(f"(cross-entropy {own.mean():.3g} against {theirs.mean():.3g}, 64 origins).")
    several = compare_symbols(both, symbols_plan(4))
    assert "less error than" in several.text
    shown = f"accuracy {100 * (1 - own.mean()):.3g} % against {100 * (1 - theirs.mean()):.3g} %"
    assert f"({shown}, 64 origins)." in several.text
    itself = compare_symbols(both, symbols_plan(1, own_baseline="markov"))
    assert itself.baseline == "last-symbol"
    assert itself.text.startswith("Better than every other baseline")


def test_overlapping_origins_of_symbols_are_less_sure():
    losses = np.repeat(noise(30) + 5, 40)
    both = {"model": with_loss(losses), "markov": with_loss(losses + np.repeat(noise(30, 1), 40))}
    found = compare_symbols(both, symbols_plan(40))
    assert found.error == verdict.weigh(losses, both["markov"].loss, overlap=40, baseline="markov").error
    assert found.error > 1.2 * verdict.weigh(losses, both["markov"].loss, overlap=1, baseline="markov").error


def test_no_better_than_all_symbols_alike():
    both = {"model": with_loss([np.log(2)] * 20), "markov": with_loss([0.9] * 20)}
    clause = "It is no better than taking all symbols to be alike."
    assert compare_symbols(both, symbols_plan(1)).text.endswith(clause)
    assert clause not in compare_symbols(both, symbols_plan(2)).text
    both["model"] = with_loss([np.log(2) - 0.01] * 20)
    assert clause not in compare_symbols(both, symbols_plan(1)).text
    assert compare_symbols({"model": with_loss([1.0])}, symbols_plan(1)) == verdict.Verdict(
        "unknown", "No verdict: there is no baseline to compare it with."
    )


def test_symbols_are_scored_at_every_origin_in_blocks(monkeypatch):
    codes = (np.arange(60) % 2).astype(float)
    sizes = []

    def alternating(o, horizon):
        sizes.append(len(o))
        named = (o.rows[:, None] + np.arange(horizon)) % 2
        return named.astype(float), np.eye(2)[named]

    window = Window(n_step=1, n_input=4, symbols=2)
    signal = signal_of(codes, recordings=2)
    options = {"window": window, "horizon": 3, "model": "m"}
    result = evaluate_symbols([signal], [[30, 0]], {"model": alternating}, stride=1, **options)
    part = result.parts[0]
    assert (result.model, result.horizon, result.stride) == ("m", 3, 1)
    assert part.origins == 28 + 54
    assert sizes == [28, 54]
    assert part.scores["model"] == {"accuracy": 1.0, "cross_entropy": 0.0, "perplexity": 1.0}
    monkeypatch.setattr(symbols, "BLOCK_NUMBERS", 60)
    sizes.clear()
    again = evaluate_symbols([signal], [[30, 0]], {"model": alternating}, stride=1, **options)
    assert max(sizes) == 10
    assert again.parts[0].scores == part.scores
    assert evaluate_symbols([signal], [[0, 0]], {"model": alternating}, **options).stride == 3
    with pytest.raises(UsageError, match="at least 1 symbol"):
        evaluate_symbols([signal], [[0, 0]], {"model": alternating}, stride=0, **options)
    with pytest.raises(UsageError, match="at least 1 symbol"):
        evaluate_symbols([signal], [[0, 0]], {"model": alternating}, **options | {"horizon": 0})


def test_symbols_that_are_too_few_are_not_scored():
    window = Window(n_step=1, n_input=4, symbols=2)
    options = {"window": window, "horizon": 3}
    part = evaluate_symbols([signal_of(np.zeros(6))], [[0]], {"model": None}, **options).parts[0]
    why = (
        "an origin needs 4 rows of context and 3 rows to score, in the part that may be scored; "
        "the longest recording has 6 rows"
    )
    assert part.origins == 0
    assert part.scores == {"model": {"accuracy": None, "cross_entropy": None, "perplexity": None}}
    assert part.reasons == {f"model.{name}": why for name in ("accuracy", "cross_entropy", "perplexity")}
    assert part.by_step == {"model": []}
    assert (part.verdict.kind, part.verdict.text) == ("unknown", f"Not scored: {why}.")
