"""Scores: against utilsforecast, against NumPy written out, and what is undefined."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.evaluation import metrics


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
    assert getattr(metrics, name)(truth, forecast).value == pytest.approx(expected, abs=1e-9)


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
    ours = metrics.mase(truth, forecast, scale=np.abs(history[6:] - history[:-6]).mean()).value
    assert ours == pytest.approx(expected.iloc[0], abs=1e-9)


def test_nmse_is_mse_over_the_variance_of_all_targets_stacked():
    truth, forecast = _example()
    expected = np.mean((truth - forecast) ** 2) / np.var(truth)
    assert metrics.nmse(truth, forecast).value == pytest.approx(expected, rel=1e-12)
    assert metrics.nmse(truth, np.full_like(truth, truth.mean())).value == pytest.approx(1.0, rel=1e-12)


def test_by_step_averages_to_the_whole():
    truth, forecast = _example()
    rows = metrics.by_step(truth, forecast)
    assert [row["step"] for row in rows] == list(range(1, 13))
    assert np.mean([row["nmse"] for row in rows]) == pytest.approx(metrics.nmse(truth, forecast).value)
    assert rows[3]["rmse"] == pytest.approx(np.sqrt(np.mean((truth[:, 3] - forecast[:, 3]) ** 2)))


def test_coverage_counts_the_borders():
    truth = np.array([[0.0, 2.0], [1.0, -3.0]])
    forecast = np.zeros((2, 2))
    assert metrics.coverage(truth, forecast, half_width=np.array([1.0, 2.0])).value == 0.75


def test_rms_ratio_ignores_an_offset():
    truth, _ = _example()
    assert metrics.rms_ratio(truth, truth * 0.5 + 100).value == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("truth", "word"),
    [
        (np.zeros((0, 4)), "nothing"),
        (np.ones((1, 1)), "fewer than 2"),
        (np.full((3, 4), 1e15 + 0.5), "constant"),
    ],
)
def test_undefined_scores_have_a_reason(truth, word):
    score = metrics.nmse(truth, truth + 1)
    assert score.value is None
    assert word in score.reason


def test_a_constant_far_from_zero_has_no_variance_whatever_its_rounding():
    assert metrics.nmse(np.full((7, 3), 0.1), np.zeros((7, 3))).value is None


def test_mase_without_a_scale_says_why():
    truth, forecast = _example()
    assert "no seasonal" in metrics.mase(truth, forecast, scale=None).reason
    assert "is 0" in metrics.mase(truth, forecast, scale=0.0).reason


def test_no_band_no_coverage():
    assert metrics.Coverage().score().reason == "there is no band"


def test_huge_errors_are_undefined_and_silent():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = metrics.nmse(np.array([[1e200, 2.0]]), np.array([[-1e200, 2.0]]))
        rows = metrics.by_step(np.array([[1e200, 2.0]]), np.array([[-1e200, 2.0]]))
    assert score.value is None
    assert "too large" in score.reason
    assert rows[0]["rmse"] is None
    assert rows[1]["rmse"] == 0


def test_shapes_that_differ_are_refused():
    with pytest.raises(ValueError, match="same"):
        metrics.mae(np.zeros((2, 3)), np.zeros((3, 2)))


@given(
    cut=st.integers(1, 19),
    offset=st.sampled_from([0.0, 1e6, -1e9]),
    seed=st.integers(0, 99),
)
def test_blocks_give_what_the_whole_gives(cut, offset, seed):
    truth, forecast = _example(seed, (20, 5))
    whole = metrics.Tally.of(truth + offset, forecast + offset)
    parts = metrics.Tally(5)
    for begin, end in ((0, cut), (cut, 20)):
        parts.add(truth[begin:end] + offset, forecast[begin:end] + offset)
    for name in ("nmse", "rmse", "mae", "smape", "rms_ratio"):
        assert getattr(parts, name)().value == pytest.approx(getattr(whole, name)().value, rel=1e-9)
    np.testing.assert_array_equal(parts.origin_mse, whole.origin_mse)
