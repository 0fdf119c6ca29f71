"""model.json: every length agrees with every other, every number is in its range."""

import json

import numpy as np
import pytest

from forecaster.bundle import (
    TrainingData,
    gate,
)
from forecaster.bundle import manifest as manifests
from forecaster.bundle.strict_json import AGAIN
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.bundles import manifest, message


def test_a_manifest_is_refused_in_these_words():
    assert message(gate.parse_manifest, b"[]", "m") == (
        f"m: found JSON that is no object; expected a manifest of format 1. {AGAIN}"
    )
    assert message(gate.parse_manifest, b'{"format":2}', "m") == (
        "m: found format 2; expected format 1. A newer version of forecaster may read it; or train the model again."
    )
    assert message(gate.parse_manifest, b'{"format":1}', "m").startswith("m: found created: Field required. ")


def lookback(pairs):
    return {"intervals": {"levels": [50], "horizon": 4, "origins": [9, 9], "lookback": pairs}}


def ranges(levels, spreads=None):
    return {"training_range": {"level": levels, "segment_level": levels, "spread": spreads or levels}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels": {"target": ["a"], "units": ["", ""]}}, "units has 2 values for 1 channels"),
        ({"channels": {"target": ["a", "b"], "units": ["", ""], "labels": ["x", "x"]}}, "labels: the name 'x' comes"),
        ({"channels": {"target": ["a", "b"], "units": ["", ""], "exogenous": ["a"]}}, "channels: the name 'a' comes"),
        (
            {"combination": {"next": {"ridge": 1.0}, "fed_back": {"x": 1.0}}},
            "combination names a predictor that is not",
        ),
        ({"combination": {"next": {"ridge": 1.5}}}, "less than or equal to 1"),
        (ranges([[0, 1]]), "training_range is of other columns"),
        (ranges([[0, 1]] * 3), "training_range is of other columns"),
        (ranges([[1, 0]] * 2), "the ends of a range must ascend"),
        (ranges([[0, 1]] * 2, [[-1, 1]] * 2), "a spread is not negative"),
        (ranges([[0, 1]] * 2, [[0, 1]]), "the ranges must be of the same columns"),
        (ranges([[0, 1e16]] * 2), "level.0.1: Input should be less than or equal to"),
        ({"intervals": {"levels": [0, 50], "horizon": 4, "origins": [9, 9]}}, "levels.0: Input should be greater"),
        ({"intervals": {"levels": [50, 50], "horizon": 4, "origins": [9, 9]}}, "the levels must ascend"),
        (
            {"intervals": {"levels": [50], "horizon": -1, "origins": [9, 9]}},
            "horizon: Input should be greater than or equal to 0",
        ),
        (
            {"intervals": {"levels": [50], "horizon": 10**7 + 1, "origins": [9, 9]}},
            "horizon: Input should be less than or equal",
        ),
        ({"intervals": {"levels": [50], "horizon": 4, "origins": [9, -1]}}, "intervals.origins.1: Input"),
        ({"intervals": {"levels": [50], "horizon": 4, "origins": [9]}}, "intervals.origins has 1 values for 2"),
        ({"intervals": {"levels": [50], "horizon": 0, "origins": [], "reference": [1.0]}}, "reference has 1 values"),
        ({"intervals": {"levels": [50], "horizon": 0, "origins": [], "separate": [[9, 0]]}}, "separate has 1 values"),
        (
            {"intervals": {"levels": [50], "horizon": 4, "origins": [9, 9], "separate": [[9, -1]] * 2}},
            "separate.0.1: Inp",
        ),
        (
            {"intervals": {"levels": [50], "horizon": 4, "origins": [9, 9], "separate": [[9]] * 2}},
            "separate.0.1: Field",
        ),
        (lookback([[0, 0.5], [8, 8.0]]), "lookback.0.0: Input should be greater"),
        (lookback([[2, 0.5], [17, 8.0]]), "lookback.1.0: Input should be less"),
        (lookback([[2, 0.0], [8, 8.0]]), "lookback.0.1: Input should be greater"),
        (lookback([[2, 0.5], [8, 1e7]]), "lookback.1.1: Input should be less"),
        (lookback([[True, 0.5], [8, 8.0]]), "lookback.0.0: Input"),
        (lookback([[2, 0.5]]), "lookback.1: Field required"),
        (
            {"intervals": {"levels": [1, 2, *range(3, 60)], "horizon": 10**7, "origins": [9, 9]}},
            "horizon 10000000 is out",
        ),
        ({"task": "symbols"}, "the task symbols does not agree with the window's symbols"),
        ({"scaler": {"mean": [0.0], "scale": [1.0, 1.0]}}, "scaler.mean has 1 values for 2 channels"),
        ({"seed": 1}, "seed differs from config.seed"),
    ],
)
def test_a_manifest_that_does_not_agree(change, words):
    document = json.loads(manifest().to_json()) | change
    assert words in message(gate.parse_manifest, json.dumps(document).encode(), "m")


@pytest.mark.parametrize(
    "change",
    [
        {"intervals": {"levels": [1, 99], "horizon": 10**7, "origins": [0, 10**12]}},
        {"intervals": {"levels": [], "horizon": 0, "origins": []}},
        {"combination": {"next": {"ridge": 1.0}, "fed_back": {"last-value": 0.0}}},
    ],
)
def test_a_manifest_within_its_limits(change):
    document = json.loads(manifest().to_json()) | change
    parsed = gate.parse_manifest(json.dumps(document).encode(), "m")
    assert json.loads(parsed.to_json()).keys() == document.keys()


def symbols_of(**changes):
    """A manifest of symbols as a document, with changes at the top and, by `window_`, in both windows."""
    document = json.loads(manifest().to_json())
    window = document["window"] | {"n_input": 1, "symbols": 2} | changes.pop("window", {})
    reading = document["config"]["reading"] | {"symbols": True}
    document["config"] |= {"window": window, "reading": reading}
    channels = {"target": ["s"], "units": [""], "labels": ["a", "b"]}
    scaler, intervals = {"mean": [0], "scale": [1]}, {"levels": [], "horizon": 0, "origins": []}
    return (
        document
        | {"task": "symbols", "window": window, "channels": channels, "scaler": scaler, "intervals": intervals}
        | changes
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"scaler": {"mean": [0.5], "scale": [1]}}, "symbols are not scaled: scaler must have mean 0 and scale 1"),
        ({"scaler": {"mean": [0], "scale": [2]}}, "symbols are not scaled: scaler must have mean 0 and scale 1"),
        ({"window": {"n_input": 2}}, "window.n_input has 2 values for 1 channels"),
        ({"window": {"symbols": 3}}, "channels.labels has 2 values for 3 channels"),
        ({"task": "forecast"}, "the task forecast does not agree"),
        (
            {
                "channels": {"target": ["s", "t"], "units": ["", ""], "labels": ["a", "b"]},
                "scaler": {"mean": [0, 0], "scale": [1, 1]},
            },
            "channels.target has 2 values for 1 channels",
        ),
    ],
)
def test_symbols_are_one_channel_of_codes(changes, words):
    gate.parse_manifest(json.dumps(symbols_of()).encode(), "m")
    assert words in message(gate.parse_manifest, json.dumps(symbols_of(**changes)).encode(), "m")


def joint_of(others, **config):
    document = json.loads(manifest().to_json())
    window = document["window"] | {"others": others}
    return json.dumps(
        document | {"window": window, "config": document["config"] | {"window": window, "joint": True} | config}
    ).encode()


def test_joint_channels_see_all_others():
    gate.parse_manifest(joint_of(1), "m")
    assert "window.others has 2 values for 1 channels" in message(gate.parse_manifest, joint_of(2), "m")
    assert "no state is carried" in message(gate.parse_manifest, joint_of(1, carry_state=True), "m")


@pytest.mark.parametrize(("count", "fits"), [(100, True), (101, False)])
def test_the_widest_segment(count, fits):
    document = json.loads(manifest().to_json())
    window = document["window"] | {"n_step": 1, "n_input": 10**7}
    names = [f"c{n}" for n in range(count)]
    document |= {
        "window": window,
        "config": document["config"] | {"window": window},
        "channels": {"target": names, "units": [""] * count},
        "scaler": {"mean": [0] * count, "scale": [1] * count},
        "intervals": {"levels": [], "horizon": 0, "origins": []},
    }
    content = json.dumps(document).encode()
    if fits:
        assert gate.parse_manifest(content, "m").n_channels == count
    else:
        assert "101 channels of 10000000 samples are too many" in message(gate.parse_manifest, content, "m")


def test_what_is_recorded_of_a_training_signal():
    recordings = (Recording(np.zeros((3, 1)), TimeAxis()), Recording(np.zeros((5, 1)), TimeAxis()))
    record = TrainingData.of(Signal("a\nb", ("c",), recordings, ("",), sha256="ab" * 32, rows=8))
    assert (record.name, record.rows, record.sha256) == ("a\\nb", 8, "ab" * 32)
    long = Signal("x" * 300, ("c",), recordings, ("",))
    assert TrainingData.of(long).name == "x" * 253 + "..."
    assert record.cut == manifests.hashlib.sha256(b"3,5").hexdigest()[:16]
