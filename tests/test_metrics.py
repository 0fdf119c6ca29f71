"""Scores: against utilsforecast, against NumPy written out, and what is undefined."""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.commands.scores import report
from forecaster.config import Window
from forecaster.evaluation import metrics
from forecaster.evaluation.metrics import (
    NUMBER_METRICS,
    SYMBOL_METRICS,
    CoverageSums,
    ErrorSums,
    MetricInputs,
    Moments,
    SymbolSums,
)
from forecaster.evaluation.spectra import SpectraSums
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate, noise


def _example(seed=0, shape=(7, 12)):
    rng = np.random.default_rng(seed)
    truth = rng.normal(3, 2, shape)
    return truth, truth + rng.normal(0, 0.5, shape)


def _frame(truth, forecast):
    ids = np.repeat(np.arange(len(truth)), truth.shape[1])
    stamps = np.tile(np.arange(truth.shape[1]), len(truth))
    return pd.DataFrame({"unique_id": ids, "ds": stamps, "y": truth.ravel(), "f": forecast.ravel()})


@pytest.mark.parametrize("name", ["rmse", "mae", "smape"])
def test_equals_utilsforecast(name):
    losses = pytest.importorskip("utilsforecast.losses")
    truth, forecast = _example()
    frame = _frame(truth, forecast).assign(unique_id=0)
    expected = getattr(losses, name)(frame, models=["f"])["f"].iloc[0]
    assert metrics.scores(truth, forecast)[name].value == pytest.approx(expected, abs=1e-9)


def test_mase_equals_utilsforecast():
    losses = pytest.importorskip("utilsforecast.losses")
    truth, forecast = _example()
    history = np.random.default_rng(5).normal(size=80)
    train = pd.DataFrame({"unique_id": 0, "ds": np.arange(80), "y": history})
    expected = losses.mase(
        _frame(truth, forecast).assign(unique_id=0),
        ["f"],
        seasonality=6,
        train_df=train,
    )["f"]
    ours = metrics.scores(truth, forecast, seasonal_error=np.abs(history[6:] - history[:-6]).mean())["mase"].value
    assert ours == pytest.approx(expected.iloc[0], abs=1e-9)


def test_nmse_is_mse_over_the_variance_of_all_targets_stacked():
    truth, forecast = _example()
    expected = np.mean((truth - forecast) ** 2) / np.var(truth)
    assert metrics.scores(truth, forecast)["nmse"].value == pytest.approx(expected, rel=1e-12)
    assert metrics.scores(truth, np.full_like(truth, truth.mean()))["nmse"].value == pytest.approx(1.0, rel=1e-12)


def test_by_step_averages_to_the_whole():
    truth, forecast = _example()
    rows = ErrorSums.of(truth, forecast).by_step()
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert np.mean([row["nmse"] for row in rows]) == pytest.approx(metrics.scores(truth, forecast)["nmse"].value)
    assert rows[3]["rmse"] == pytest.approx(np.sqrt(np.mean((truth[:, 3] - forecast[:, 3]) ** 2)))


def test_coverage_counts_the_borders():
    truth = np.array([[0.0, 2.0], [1.0, -3.0]])
    forecast = np.zeros((2, 2))
    assert metrics.scores(truth, forecast, half_widths={90: np.array([1.0, 2.0])})["coverage-90"].value == 0.75


def test_rms_ratio_ignores_an_offset():
    truth, _ = _example()
    assert metrics.scores(truth, truth * 0.5 + 100)["rms_ratio"].value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("truth", "word"),
    [
        (np.zeros((0, 4)), "nothing"),
        (np.ones((1, 1)), "fewer than 2"),
        (np.full((3, 4), 1e15 + 0.5), "constant"),
    ],
)
def test_undefined_scores_have_a_reason(truth, word):
    score = metrics.scores(truth, truth + 1)["nmse"]
    assert score.value is None
    assert word in score.reason


def test_a_constant_far_from_zero_has_no_variance_whatever_its_rounding():
    assert metrics.scores(np.full((7, 3), 0.1), np.zeros((7, 3)))["nmse"].value is None


def test_mase_without_a_scale_says_why():
    truth, forecast = _example()
    assert "no seasonal" in metrics.scores(truth, forecast)["mase"].reason
    assert "is 0" in metrics.scores(truth, forecast, seasonal_error=0.0)["mase"].reason


def test_no_band_no_coverage():
    assert CoverageSums().score().reason == "there is no band"


def test_huge_errors_are_undefined_and_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = metrics.scores(np.array([[1e200, 2.0]]), np.array([[-1e200, 2.0]]))["nmse"]
        rows = ErrorSums.of(np.array([[1e200, 2.0]]), np.array([[-1e200, 2.0]])).by_step()
    assert score.value is None
    assert "too large" in score.reason
    assert rows[0]["rmse"] is None
    assert rows[1]["rmse"] == 0


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="same"):
        metrics.scores(np.zeros((2, 3)), np.zeros((3, 2)))


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


# --- every metric of the registry ---------------------------------------------------------


LEVELS = (50, 90)


def _summed(blocks):
    """Score blocks of origins, each (B, H) of truth and forecast, as an evaluation does."""
    horizon = blocks[0][0].shape[1]
    errors, spectra = ErrorSums(horizon), (SpectraSums(), SpectraSums())
    coverages = {level: CoverageSums() for level in LEVELS}
    for truth, forecast in blocks:
        errors.add(truth, forecast)
        spectra[0].add(truth)
        spectra[1].add(forecast)
        for level, sums in coverages.items():
            sums.add(truth, forecast, np.full(horizon, level / 100))
    inputs = MetricInputs(
        errors, spectra[0].coarse, spectra[1].coarse, 0.5, {level: sums.score() for level, sums in coverages.items()}
    )
    return metrics.number_scores(inputs, LEVELS)


def _summed_symbols(blocks):
    sums = SymbolSums()
    for block in blocks:
        sums.add(*block)
    return metrics.symbol_scores(sums)


def _symbols(seed, origins, *, perfect=False):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, (origins, 5))
    chances = np.eye(3)[truth] if perfect else rng.dirichlet(np.ones(3), (origins, 5))
    return truth.astype(float), chances.argmax(axis=2).astype(float), chances


EVERY = [pytest.param(metric, id=metric.name) for metric in (*NUMBER_METRICS, *SYMBOL_METRICS)]


def test_every_score_has_a_name_of_its_own():
    every = [*metrics.number_names(LEVELS), *metrics.symbol_names()]
    assert len(set(every)) == len(every)
    assert list(metrics.columns(set(every), LEVELS)) == every


@pytest.mark.parametrize("metric", EVERY)
def test_a_perfect_forecast_has_the_perfect_value_and_no_other_is_better(metric):
    truth, forecast = _example(shape=(7, 16))
    names = metric.names(LEVELS)
    if metric not in SYMBOL_METRICS:
        perfect, worse = _summed([(truth, truth)]), _summed([(truth, forecast)])
    else:
        perfect, worse = _summed_symbols([_symbols(0, 9, perfect=True)]), _summed_symbols([_symbols(0, 9)])
    for name in names:
        assert perfect[name].value == pytest.approx(metric.perfect, abs=1e-12)
        if metric.smaller_is_better is not None:
            assert (worse[name].value > perfect[name].value) is metric.smaller_is_better


@pytest.mark.parametrize("metric", EVERY)
def test_the_order_of_the_blocks_does_not_matter(metric):
    if metric not in SYMBOL_METRICS:
        blocks, summed = [_example(seed, (5, 16)) for seed in range(3)], _summed
        whole = [tuple(np.concatenate(side) for side in zip(*blocks, strict=True))]
    else:
        blocks, summed = [_symbols(seed, 4) for seed in range(3)], _summed_symbols
        whole = [tuple(np.concatenate(side) for side in zip(*blocks, strict=True))]
    for name in metric.names(LEVELS):
        expected = pytest.approx(summed(whole)[name].value, rel=1e-9)
        assert summed(blocks)[name].value == expected
        assert summed(blocks[::-1])[name].value == expected


@pytest.mark.parametrize("metric", [pytest.param(metric, id=metric.name) for metric in NUMBER_METRICS])
@pytest.mark.parametrize(
    ("truth", "forecast"),
    [
        (np.full((3, 16), 0.1), np.zeros((3, 16))),
        (np.zeros((0, 16)), np.zeros((0, 16))),
        (np.full((3, 16), 1e200), np.full((3, 16), -1e200)),
        (np.ones((1, 1)), np.zeros((1, 1))),
    ],
    ids=["constant", "none", "huge", "single"],
)
def test_a_value_is_finite_or_none_with_its_reason(metric, truth, forecast):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = metrics.scores(truth, forecast, half_widths={level: np.ones(truth.shape) for level in LEVELS})
    for name in metric.names(LEVELS):
        value, reason = scores[name]
        assert bool(reason) is (value is None)
        assert value is None or np.isfinite(value)


@given(
    cut=st.integers(1, 19),
    offset=st.sampled_from([0.0, 1e6, -1e9]),
    seed=st.integers(0, 99),
)
def test_blocks_give_what_the_whole_gives(cut, offset, seed):
    truth, forecast = _example(seed, (20, 5))
    truth, forecast = truth + offset, forecast + offset
    expected, scores = (
        _summed([(truth, forecast)]),
        _summed([(truth[:cut], forecast[:cut]), (truth[cut:], forecast[cut:])]),
    )
    for name in ("nmse", "rmse", "mae", "smape", "rms_ratio"):
        assert scores[name].value == pytest.approx(expected[name].value, rel=1e-9)
    sums = ErrorSums(5)
    for begin, end in ((0, cut), (cut, 20)):
        sums.add(truth[begin:end], forecast[begin:end])
    np.testing.assert_array_equal(sums.origin_mse, ErrorSums.of(truth, forecast).origin_mse)


# --- docs/ADD_A_METRIC.md -----------------------------------------------------------------


PAGE = (Path(__file__).resolve().parents[1] / "docs" / "ADD_A_METRIC.md").read_text(encoding="utf-8")


@pytest.fixture(params=["maape", "bias"])
def added(request, monkeypatch):
    """Return a metric of the page, added where the page says."""
    function, entry = (
        re.search(rf"<!-- {part}: {request.param} -->\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
        for part in ("function", "entry")
    )
    module = vars(metrics) | {}
    exec(compile(function, "ADD_A_METRIC.md", "exec"), module)
    metric = eval(entry.strip(), module)
    monkeypatch.setattr(metrics, "NUMBER_METRICS", (*NUMBER_METRICS[:5], metric, *NUMBER_METRICS[5:]))
    return metric


def test_a_metric_of_the_page_is_scored_and_shown(added):
    signal = Signal("s", ("c",), (Recording(_example(shape=(300, 1))[0], TimeAxis()),))
    forecasts = {"model": lambda origins, h: np.full((len(origins), h), 3.0)}
    result = evaluate([signal], [[0]], forecasts, window=Window(n_step=2, n_input=4), horizon=4, seasonal_errors=[1.0])
    document = result.to_json()
    assert document["parts"][0]["scores"]["model"][added.name] is not None
    assert f"smape   {added.name}" in re.sub(" {3,}", "   ", report(document, None))


def test_a_metric_of_the_page_keeps_the_contract(added):
    test_a_perfect_forecast_has_the_perfect_value_and_no_other_is_better(added)
    test_the_order_of_the_blocks_does_not_matter(added)
    test_a_value_is_finite_or_none_with_its_reason(added, np.full((3, 16), 1e200), np.full((3, 16), -1e200))


def test_the_metrics_of_the_page_by_hand():
    truth, forecast = np.array([[0.0, 2.0]]), np.array([[3.0, 0.0]])
    scores = {}
    for name in ("maape", "bias"):
        module = vars(metrics) | {}
        exec(re.search(rf"<!-- function: {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)[1], module)
        scores[name] = module
    assert scores["maape"]["arctangent_error"](truth, forecast).tolist() == [[np.pi / 2, np.pi / 4]]
    inputs = MetricInputs(ErrorSums.of(truth, forecast), np.zeros(0), np.zeros(0))
    assert scores["bias"]["bias"](inputs).value == 0.5
