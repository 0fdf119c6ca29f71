"""Every origin scored, beside baselines, in any block: what is asked for, kept, shown and refused."""

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
from forecaster.evaluation.numbers import chosen
from forecaster.evaluation.recursive import UsableHorizon
from forecaster.evaluation.scoring import Place, Plan, default_stride, origins
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate, last_value, noise, signal_of

WINDOW = Window(n_step=4, n_input=10)
SHORT = Window(n_step=2, n_input=4)


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
    assert list(data) == ["model", "horizon", "stride", "parts", "verdict", "warnings"]
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


def test_the_overall_verdict_counts_the_parts():
    result = _evaluate([_signal("a", (2000,)), _signal("b", (2000,)), _signal("c", (30,))], [[0], [0], [0]])
    assert result.verdict == "Better than every baseline on 2 of 3 (a/c0, b/c0); No verdict on 1 of 3 (c/c0)."
    assert _evaluate([_signal("a", (2000,))], [[0]]).verdict.startswith("Better than every baseline: 9")
    assert "nothing" in verdict.overall([])


# --- by hand ------------------------------------------------------------------------------


def test_an_origin_needs_its_context_and_its_horizon():
    spans = {"context": 8, "horizon": 3, "stride": 1}
    assert origins(11, first_target=0, **spans).tolist() == [8]
    assert origins(10, first_target=0, **spans).tolist() == []
    assert origins(12, first_target=9, **spans).tolist() == [9]
    assert default_stride(3, SHORT) == 3
    assert default_stride(9, SHORT) == 4


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


def evaluated(signals, *, horizon=4, **options):
    options = {"window": SHORT, "seasonal_errors": [1.0] * 9, "model": "m"} | options
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
    assert Plan((), SHORT, horizon, stride).overlap == overlap
