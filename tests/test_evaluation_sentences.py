"""Sentences: generated figures in, no contradiction out. Each test reads the figures that its sentence shows."""

import math
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from forecaster.evaluation import sentences
from forecaster.evaluation.recursive import Segment, summary
from forecaster.evaluation.verdict import Verdict, overall, sentence, weigh
from forecaster.signal.spectrum import FINE, peak, welch_psd

RATIOS = st.floats(1e-3, 1e6)
CORRELATIONS = st.floats(-1, 1)


def numbers(text):
    """Return the numbers of a text in their order."""
    return [float(shown) for shown in re.findall(r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?", text)]


# --- the amplitude of a loop --------------------------------------------------------------


@given(spread=RATIOS)
def test_what_is_said_of_a_loop_follows_from_the_ratio_that_is_shown(spread):
    text = sentences.loop(spread, changes=True)
    (shown,) = numbers(text)
    assert shown == pytest.approx(spread, rel=0.06)
    assert ("keeps its amplitude" in text) is (0.8 <= shown <= 1.2)
    assert ("flatter than the truth" in text) is (shown < 0.8)
    assert ("more than the truth" in text) is (1.2 < shown <= 3)
    assert ("explodes" in text) is (shown > 3)
    assert (" times the truth's" in text) is (spread >= 1)


def test_a_loop_whose_spread_is_not_known_says_why():
    assert "do not change" in sentences.loop(None, changes=False)
    assert "too large to be squared" in sentences.loop(None, changes=True)


@given(
    nmses=st.lists(st.floats(0.01, 2), min_size=1, max_size=6),
    baselines=st.lists(st.floats(0.01, 2), min_size=6, max_size=6),
)
def test_the_error_is_below_all_as_far_as_is_said_and_no_farther(nmses, baselines):
    segments = [
        Segment(k + 1, 10 * k + 1, 10 * k + 10, nmse, "ridge", baselines[k], None, 1.0) for k, nmse in enumerate(nmses)
    ]
    text = summary(segments, None, changes=True).partition("; ")[0]
    below = [nmse < min(1, baseline) for nmse, baseline in zip(nmses, baselines, strict=False)]
    if "even in the first segment" in text:
        assert not below[0]
        return
    reach = int(numbers(text)[0]) // 10
    assert all(below[:reach])
    assert reach == len(below) or not below[reach]
    assert ("the whole horizon" in text) is (reach == len(below))


# --- the gain over a baseline -------------------------------------------------------------


@given(seed=st.integers(0, 10_000), gain=st.floats(-1, 1), noise=st.floats(0, 2), count=st.integers(3, 120))
def test_a_verdict_never_claims_what_its_figures_do_not_show(seed, gain, noise, count):
    rng = np.random.default_rng(seed)
    baseline = rng.gamma(2.0, 0.5, count)
    model = np.maximum(0, baseline * (1 - gain) + noise * rng.normal(size=count))
    assume(np.any(model != baseline))
    verdict = weigh(model, baseline, overlap=1, baseline="ridge", scores="")
    text = verdict.text.partition("(")[0]
    assert ("less" in text) is (verdict.gain > 0)
    assert ("more" in text) is (verdict.gain <= 0)
    share, *uncertainty = numbers(text)
    if text.startswith("Better"):
        assert verdict.gain > 0
    if text.startswith(("Better", "Worse")) and uncertainty:
        assert share > uncertainty[0]
    if text.startswith("Too little") and uncertainty:
        assert share <= uncertainty[0]
    if text.startswith("Level"):
        assert share + sum(uncertainty[:1]) <= 5.5
    assert not text.startswith("No better")


@given(gain=st.floats(0.0001, 3), share=st.floats(0.9, 0.99999))
def test_a_gain_beyond_the_uncertainty_looks_so(gain, share):
    text = sentence(Verdict("better", "", "ridge", gain, share * gain / 2), "")
    shown, *uncertainty = numbers(text)
    assume(uncertainty)
    assert shown > uncertainty[0] or share > 0.999


def test_too_little_test_data_is_said_with_the_figures():
    text = sentence(Verdict("same", "", "ridge", 0.28, 0.16), "60 origins")
    assert text.startswith("Too little test data to say whether it beats the linear model ridge: 28 % +- 32 % less")


# --- the coverage of a band ---------------------------------------------------------------


@given(
    level=st.integers(1, 99),
    covered=st.floats(0, 1),
    error=st.none() | st.floats(0, 0.3),
    below=st.floats(0, 0.3),
    above=st.floats(0, 0.3),
)
def test_a_coverage_is_normal_exactly_where_it_lies_in_the_range_that_is_shown(level, covered, error, below, above):
    likely = (max(0, level / 100 - below), min(1, level / 100 + above))
    text = sentences.coverage(level, covered, error, likely)
    if error is None:
        assert text.endswith("(too little test data to say what would be normal)")
        return
    _, shown, low, high = numbers(text)
    assert ("too narrow" in text) is (shown < low)
    assert ("wider than needed" in text) is (shown > high)
    assert 0 <= low <= level <= high <= 100
    # What could be expected of the band, and what chance in the test data allows, are both normal.
    assert low <= 100 * likely[0] + 0.05
    assert high >= 100 * likely[1] - 0.05
    assert low <= max(0, level - 200 * error) + 0.05


# --- copies of the past -------------------------------------------------------------------


@given(lag=st.integers(1, 9999), past=CORRELATIONS, target=CORRELATIONS)
def test_forecasts_are_cleared_only_if_they_resemble_the_target_more(lag, past, target):
    text = sentences.lag_copy(lag, past, target, copied=False, sample_rate_hz=None)
    with_target, _, with_past = numbers(text)
    assert text.startswith("no lag-copy") is (with_target > with_past)
    assert text.startswith("a lag-copy cannot be ruled out") is (with_target <= with_past)
    assert sentences.lag_copy(lag, past, target, copied=True, sample_rate_hz=10.0).startswith(f"lag-copy of {lag} ")


# --- peaks of a spectrum ------------------------------------------------------------------


@given(target=st.floats(0.001, 1e4), distance=st.floats(-50, 50), resolution=st.floats(1e-4, 500))
def test_a_frequency_has_no_more_digits_than_the_resolution(target, distance, resolution):
    forecast = target + distance * resolution
    text = sentences.peaks(target, forecast, resolution, "Hz")
    shown, width, *others = numbers(text)
    place = 10.0 ** math.floor(math.log10(resolution))
    assert shown / place == pytest.approx(round(shown / place), abs=1e-6)
    assert abs(shown - target) <= 0.5001 * place
    assert width == pytest.approx(resolution, rel=0.06)
    assert text.endswith("the forecasts there too") is (abs(distance) < 1) or abs(abs(distance) - 1) < 1e-6
    if others:
        assert abs(others[0] - forecast) <= 0.5001 * place


@settings(deadline=None, max_examples=50)
@given(
    first=st.floats(0.03, 0.3), apart=st.floats(0.005, 0.1), weaker=st.floats(0.1, 0.7), rows=st.sampled_from([50, 200])
)
def test_the_stronger_of_two_lines_lies_in_what_is_said(first, apart, weaker, rows):
    """As of a shaft and its harmonic, which a short horizon does not tell apart."""
    # A line of fewer periods in a horizon is no peak.
    assume(first * rows >= 2)
    time = np.arange(rows) + np.random.default_rng(0).uniform(0, 1000, (200, 1))
    values = np.sin(2 * np.pi * first * time) + weaker * np.sin(2 * np.pi * (first + apart) * time)
    density = welch_psd(values, longest=FINE)[1]
    place = peak(density)
    assume(place is not None)
    resolution = 1 / rows
    shown, width = numbers(sentences.peaks(place * resolution, None, resolution, "cycles/sample"))
    assert shown - 1.5 * width <= first <= shown + 1.5 * width


def test_no_peak_is_said_with_the_resolution():
    assert sentences.peaks(None, 3.0, 20.0, "Hz") == "no peak stands out of the truth (resolution 20 Hz)"
    assert sentences.peaks(41.54, None, 20.0, "Hz") == "the truth peaks at 40 +- 20 Hz, the forecasts have no peak"


# --- the own score ------------------------------------------------------------------------


@given(value=RATIOS, kind=st.sampled_from(["better", "same", "worse", "unknown"]))
def test_a_larger_error_than_at_home_is_an_objection_to_better(value, kind):
    text = sentences.own_ratio(value, "squared error", is_better=kind == "better")
    (shown,) = numbers(text)
    assert text.startswith("but ") is (shown >= 1.5 and kind == "better")
    assert shown == pytest.approx(value, rel=0.06)
    assert Verdict(kind, "It is so.").beside_own(value).text == f"It is so; {text}."


@given(values=st.lists(RATIOS, min_size=2, max_size=6))
def test_over_several_channels_those_far_above_their_own_score_are_counted(values):
    verdicts = [(str(k), Verdict("better", "").beside_own(value)) for k, value in enumerate(values)]
    above = sum(float(sentences.ratio(value)) >= 1.5 for value in values)
    text = overall(verdicts)
    assert (f"or more, on {above} of {len(values)}" in text) is (above > 0)
