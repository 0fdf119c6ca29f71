"""Every origin scored, beside baselines, in any block; and a verdict that does not flatter."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster import evaluation
from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation import metrics, scoring, verdict
from forecaster.evaluation.metrics import ErrorSums
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate

WINDOW = Window(n_step=4, n_input=10)


def _signal(name="a", rows=(600,), channels=1, seed=0):
    rng = np.random.default_rng(seed)
    recordings = tuple(
        Recording(
            np.sin(np.arange(n)[:, None] * 2 * np.pi / 20 + np.arange(channels)) + rng.normal(0, 0.1, (n, channels)),
            TimeAxis(),
        )
        for n in rows
    )
    return Signal(name, tuple(f"c{i}" for i in range(channels)), recordings, ("g",) * channels, 100.0)


def _last_value(origins, horizon):
    return np.repeat(origins.context(Window(n_step=1, n_input=1)).values, horizon, axis=1)


def _last_period(origins, horizon):
    return origins.context(Window(n_step=1, n_input=20)).values[:, np.arange(horizon) % 20]


FORECASTS = {"model": _last_period, "last-value": _last_value}


def _evaluate(signals, ranges, **options):
    options = {"window": WINDOW, "horizon": 10, "seasonal_errors": [0.5, 0.5], "model": "m"} | options
    return evaluate(signals, ranges, options.pop("forecasts", FORECASTS), **options)


@given(
    rows=st.integers(0, 400),
    first=st.integers(0, 400),
    context=st.integers(1, 200),
    horizon=st.integers(1, 60),
    stride=st.integers(1, 50),
)
def test_every_origin_that_fits_is_found(rows, first, context, horizon, stride):
    found = scoring.origins(rows, first_target=first, context=context, horizon=horizon, stride=stride)
    begin = max(first, context)
    assert len(found) == max(0, (rows - horizon - begin) // stride + 1)
    assert found.tolist() == [t for t in range(begin, rows - horizon + 1) if (t - begin) % stride == 0]


def test_scores_are_those_of_the_metrics_on_all_origins():
    signal = _signal(rows=(600, 300))
    part = _evaluate([signal], [[420, 0]], stride=7).parts[0]
    columns = [(r.values[:, 0], first) for r, first in zip(signal.recordings, (420, 40), strict=True)]
    pairs = [(x[t : t + 10], x[t - 20 : t - 10]) for x, first in columns for t in range(first, len(x) - 9, 7)]
    truth, forecast = (np.array(side) for side in zip(*pairs, strict=True))
    assert part.origins == len(truth)
    scores = part.scores["model"]
    expected = metrics.scores(truth, forecast, seasonal_error=0.5)
    assert set(expected) | {"coverage-90"} == set(scores)
    for metric, score in expected.items():
        assert scores[metric] == pytest.approx(score.value, rel=1e-12)
    by_step = ErrorSums.of(truth, forecast).by_step()
    assert part.by_step["model"][4]["rmse"] == pytest.approx(by_step[4]["rmse"])


def test_the_block_changes_nothing(monkeypatch):
    signal = _signal(rows=(600, 300))
    whole = _evaluate([signal], [[0, 0]], stride=1)
    monkeypatch.setattr(scoring, "BLOCK", 13)
    blocks = _evaluate([signal], [[0, 0]], stride=1)
    assert whole.parts[0].origins == blocks.parts[0].origins == 551 + 251
    for name, row in whole.parts[0].scores.items():
        for metric, value in row.items():
            assert blocks.parts[0].scores[name][metric] == (None if value is None else pytest.approx(value, rel=1e-11))


def test_no_predictor_sees_what_it_is_scored_on():
    signal = _signal(rows=(300,))
    ramp = Signal("r", ("c0",), (Recording(np.arange(300.0)[:, None], TimeAxis()),))
    seen = []

    def spy(origins, horizon):
        seen.append(origins.context(Window(n_step=1, n_input=40)).values[:, -1])
        return _last_value(origins, horizon)

    _evaluate([ramp], [[200]], forecasts={"model": spy})
    assert np.concatenate(seen)[:10].tolist() == list(range(199, 299, 10))[: len(seen[0])]
    assert _evaluate([signal], [[295]]).parts[0].origins == 0


def test_channels_in_a_group_are_forecast_together_and_scored_as_if_alone():
    signals, ranges = [_signal(rows=(600, 300), channels=3), _signal("b", rows=(300,), channels=3)], [[420, 0], [0]]
    options = {"seasonal_errors": [0.5] * 3, "stride": 7, "band": lambda level, channel, h: (np.full(h, 0.4), "")}
    calls, blocks = [], []

    def together(origins, horizon):
        calls.append(origins.channel)
        return _last_period(origins, horizon)

    forecasts = {"model": together, "last-value": _last_value}
    grouped = _evaluate(signals, ranges, forecasts=forecasts, grouped=True, keep=blocks.append, **options)
    alone = _evaluate(signals, ranges, **options)
    assert grouped.to_json() == alone.to_json()
    assert calls[:6] == [0, 1, 2, 0, 1, 2]
    assert [block.origins.channel for block in blocks[:6]] == [0, 1, 2, 0, 1, 2]
    for block in blocks:
        np.testing.assert_array_equal(block.forecasts["model"], _last_period(block.origins, 10))
        np.testing.assert_array_equal(block.y_true, block.origins.y_true(10))


def test_all_predictors_are_asked_for_at_once_but_for_those_summed_before():
    asked = []

    def forecast_fn(blocks, horizon, names):
        asked.append(list(names))
        return {name: np.concatenate([_last_value(block, horizon) for block in blocks]) for name in names}

    options = {"names": ("model", "mean", "ridge"), "scorer": evaluation.NumberScorer([None]), "window": WINDOW}
    reuse, seen = {}, []
    for _ in range(2):
        result = evaluation.evaluate([_signal()], [[0]], forecast_fn, horizon=10, reuse=reuse, **options)
        seen.append((asked[0], result.to_json()))
        asked.clear()
    assert [names for names, _ in seen] == [["model", "mean", "ridge"], ["model"]]
    assert seen[0][1] == seen[1][1]
    assert set(reuse) == {0}
    assert set(reuse[0]) == {"model", "mean", "ridge"}


def test_default_stride_is_the_smaller_of_horizon_and_segment():
    assert _evaluate([_signal()], [[0]]).stride == 10
    assert _evaluate([_signal()], [[0]], horizon=3).stride == 3
    assert _evaluate([_signal()], [[0]], horizon=25).stride == 10


def test_the_json_has_exactly_the_promised_keys():
    result = _evaluate([_signal(channels=2)], [[0]], band=lambda level, channel, horizon: (np.full(horizon, 0.4), ""))
    data = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert list(data) == ["model", "horizon", "stride", "parts", "verdict"]
    assert [part["channel"] for part in data["parts"]] == ["c0", "c1"]
    part = data["parts"][0]
    promised = ["signal", "channel", "origins", "scores", "by_step", "reasons", "verdict"]
    assert list(part) == [*promised, "skill", "bands", "spectrum"]
    assert list(part["scores"]["model"]) == list(metrics.number_names([90]))
    assert list(part["by_step"]["last-value"][0]) == ["step", "nmse", "rmse"]
    assert 0.9 < part["scores"]["model"]["coverage-90"] <= 1
    assert part["reasons"] == {"last-value.coverage-90": "bands belong to the model alone"}


def test_every_null_has_its_reason():
    flat = Signal("flat", ("c0",), (Recording(np.full((200, 1), 0.1), TimeAxis()),))
    short = _signal("short", rows=(45,))
    result = _evaluate(
        [flat, short], [[0], [0]], seasonal_errors=[None], band=lambda level, c, h: (None, "no validation part")
    )
    for part in result.to_json()["parts"]:
        nulls = {f"{n}.{m}" for n, row in part["scores"].items() for m, value in row.items() if value is None}
        assert nulls == set(part["reasons"])
        assert all(part["reasons"].values())
    assert result.parts[0].reasons["model.coverage-90"] == "no validation part"
    assert result.parts[0].scores["model"]["nmse"] is None
    assert "constant" in result.parts[0].verdict.text
    assert result.parts[1].origins == 0
    assert "45 rows" in result.parts[1].verdict.text
    assert "40 rows" in result.parts[1].reasons["model.nmse"]


@pytest.mark.parametrize("bad", [{"horizon": 0}, {"stride": 0}])
def test_no_step_ahead_is_refused(bad):
    with pytest.raises(UsageError, match="at least 1"):
        _evaluate([_signal()], [[0]], **bad)


def test_a_forecast_that_ran_away_is_null_not_infinite():
    runaway = {"ridge": lambda origins, horizon: np.full((len(origins), horizon), 1e200)}
    result = _evaluate([_signal()], [[0]], forecasts=FORECASTS | runaway)
    assert result.parts[0].scores["ridge"]["nmse"] is None
    json.dumps(result.to_json(), allow_nan=False)


def test_examples_are_the_best_median_and_worst_origin():
    result = _evaluate([_signal()], [[0]], stride=3)
    examples = result.parts[0].examples
    assert [one.kind for one in examples] == ["best", "median", "worst"]
    errors = [np.mean((one.y_true - one.forecasts["model"]) ** 2) for one in examples]
    assert errors == sorted(errors)
    values = _signal().recordings[0].values[:, 0]
    first = examples[0].first
    np.testing.assert_array_equal(examples[0].y_true, values[first : first + 10])
    np.testing.assert_array_equal(examples[0].context, values[first - 40 : first])


def _tallies(model, *others):
    """Tally predictors by their errors on the same unit-variance truth, (O,) a predictor."""
    truth = np.random.default_rng(0).normal(size=(len(model), 5))
    names = ("model", "seasonal-naive", "ridge")
    return {n: ErrorSums.of(truth, truth + e[:, None]) for n, e in zip(names, (model, *others), strict=False)}


def test_better_is_claimed_only_beyond_two_standard_errors():
    rng = np.random.default_rng(1)
    errors = np.abs(rng.normal(1, 0.3, 200))
    assert verdict.compare(_tallies(0.7 * errors, errors), overlap=1).kind == "better"
    noisy = np.abs(rng.normal(1, 0.3, 200)) * 0.99
    judged = verdict.compare(_tallies(noisy, errors), overlap=1)
    assert judged.kind == "same"
    assert "repeating the last period" in judged.text


def test_the_best_baseline_is_the_one_named():
    errors = np.abs(np.random.default_rng(1).normal(1, 0.3, 200))
    judged = verdict.compare(_tallies(0.9 * errors, errors, 0.5 * errors), overlap=1)
    assert judged.kind == "worse"
    assert judged.baseline == "ridge"
    assert "ridge" in judged.text
    assert judged.gain == pytest.approx(1 - 0.81 / 0.25)


def test_the_same_forecasts_are_no_better():
    errors = np.linspace(0.1, 0.5, 50)
    judged = verdict.compare(_tallies(errors, errors), overlap=1)
    assert judged.kind == "same"
    assert "same errors" in judged.text


def test_a_baseline_does_not_compete_with_itself():
    errors = np.abs(np.random.default_rng(1).normal(1, 0.3, 200))
    judged = verdict.compare(_tallies(0.5 * errors, errors, 0.5 * errors), overlap=1, own_baseline="ridge")
    assert (judged.kind, judged.baseline) == ("better", "seasonal-naive")
    assert "every other baseline" in judged.text


def test_few_origins_claim_nothing():
    judged = verdict.compare(_tallies(np.full(3, 0.1), np.full(3, 1.0)), overlap=1)
    assert judged.kind == "unknown"
    assert "Too few separate origins" in judged.text


def test_overlapping_origins_raise_the_uncertainty():
    difference = np.repeat(np.random.default_rng(2).normal(size=60), 40)
    assert verdict.standard_error(difference, 40) > 1.3 * verdict.standard_error(difference, 1)


def test_no_better_than_the_mean_is_said_aloud():
    judged = verdict.compare(_tallies(np.full(50, 2.0), np.full(50, 3.0)), overlap=1)
    assert judged.kind == "same"
    assert judged.text.startswith("No better than predicting the mean, though 56 % less squared error than repeating")


def test_a_verdict_without_baselines():
    assert "no baseline" in verdict.compare(_tallies(np.full(50, 0.2)), overlap=1).text


def test_the_overall_verdict_counts_the_parts():
    result = _evaluate([_signal("a", (2000,)), _signal("b", (2000,)), _signal("c", (30,))], [[0], [0], [0]])
    assert result.verdict == "Better than every baseline on 2 of 3 (a/c0, b/c0); No verdict on 1 of 3 (c/c0)."
    assert _evaluate([_signal("a", (2000,))], [[0]]).verdict.startswith("Better than every baseline: 9")
    assert "nothing" in verdict.overall([])
