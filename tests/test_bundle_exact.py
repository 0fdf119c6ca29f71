"""The model folder to the letter: its card, every limit on both sides, every refusal's words, the order of writing."""

import errno
import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest

from forecaster.bundle import Channels, TrainingData, check_target, commit, gate, load, save
from forecaster.bundle import manifest as manifests
from forecaster.bundle.card import card, members_and_weights, parse_card
from forecaster.bundle.manifest import EnsembleState
from forecaster.bundle.scores import parse_history, parse_metrics
from forecaster.bundle.strict_json import AGAIN, complaint, parse
from forecaster.bundle.tensors import MAX_HEADER, format_tensors, implied, parse_tensors, size_of
from forecaster.conformal.bands import IntervalState
from forecaster.errors import ModelError, OutputError, UsageError
from forecaster.predictors import TensorSpec
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.test_bundle import EVALUATION, TEXTS, manifest, tensors

CARD = """# A forecast model of a (m/s²), b

Made by forecaster on 2025-01-31T12:00:00Z, seed 0.

## What it is

- Predictor: ridge
- It looks back on: 12 samples = 11.7 ms, in 3 segments
- It forecasts: the next 4 = 3.91 ms; then from its own forecasts
- Sample rate: 1024 Hz
- Intervals: conformal for each of 4 steps, levels 50 to 90 %
- Training: step 2, loss 0.25, validation loss 0.3

## How good it is

The forecast is better than every baseline.

The next 4 samples, scored every 4 on the part held back:

rotor, a: 12 origins

|  | nmse | rmse | mae | mase | coverage-90 |
|---|---:|---:|---:|---:|---:|
| model | 0.03 | 0.1 | 0.08 | 0.5 |  |
| last-value | 1.2 | 0.1 | 0.08 | 0.5 |  |

## How to use it

In these commands `MODEL` is this folder, `SIGNAL` a file, a folder of files, or `-`:

```
forecaster forecast MODEL SIGNAL -o forecasts
forecaster evaluate MODEL SIGNAL
forecaster inspect MODEL
```

## What it was trained on

1 file with 62000 rows. By time, the first 70 % trained it, the next 15 % chose among its states and gave the \
intervals, the last 15 % were held back for the scores.

| file | rows | sha256 |
|---|---:|---|
| rotor | 62000 | `0000000000000000` |

## Limits

- It expects signals like those that it was trained on: the same channels, units and sample rate.
- Beyond 4 samples it forecasts from its own forecasts, and errors add up.
- The intervals hold on average over data like the validation part; a change of the machine breaks them.
- Do not edit these files: their hashes are checked at loading.

Versions: forecaster 0.1.0, numpy 2.4.6.
"""


def altered(**changes):
    """A manifest with fields changed, whether they agree or not: the card shows what it is given."""
    return manifest(created="2025-01-31T12:00:00Z").model_copy(update=changes)


def test_the_card():
    assert card(altered(), [EVALUATION], TEXTS["history.csv"]) == CARD


def lines_of(section, **changes):
    text = card(altered(**changes), [], "")
    return text.split(f"## {section}\n")[1].split("\n## ")[0].split("\n")[1:-1]


def test_the_card_of_a_model_that_knows_little():
    state = IntervalState(levels=(90,), horizon=0, origins=(), reason="no_origin")
    assert lines_of("What it is", sample_rate_hz=None, intervals=state)[1:] == [
        "- It looks back on: 12 samples, in 3 segments",
        "- It forecasts: the next 4; then from its own forecasts",
        "- Sample rate: not known; times are counted in samples",
        "- Intervals: none (no\\_origin)",
        "- Training: in closed form",
    ]
    assert "The intervals hold" not in "".join(lines_of("Limits", intervals=state))
    assert lines_of("Limits", versions={})[-1] == "Versions: not recorded."
    assert lines_of("How good it is") == ["It has not been scored."]
    nothing = IntervalState(levels=(), horizon=0, origins=())
    assert "- Intervals: none" in lines_of("What it is", intervals=nothing)


def test_the_card_of_a_model_that_sees_much():
    plain = altered()
    many = Channels(target=("a", "b"), exogenous=tuple(f"x{n}" for n in range(14)), known=1, units=("", ""))
    symbols = Channels(target=("a",), labels=("up", "down"), units=("",))
    config = plain.config.model_copy(update={"carry_state": True})
    shown = lines_of("What it is", channels=many, window=plain.window.model_copy(update={"others": 1}), config=config)
    names = ", ".join(f"x{n}" for n in range(12))
    assert shown[3:7] == [
        f"- Beside the signal it sees: {names} and 1 more",
        "- Beside each channel it sees all others that it forecasts",
        "- Known ahead, to the end of a forecast: x13",
        "- Its state is carried from the first sample of a recording on",
    ]
    coded = lines_of("What it is", channels=symbols, window=plain.window.model_copy(update={"symbols": 2}))
    assert coded[3] == "- Symbols: up, down"


def test_the_card_names_who_carries_a_combination():
    both = EnsembleState(next={"ridge": 0.75, "last-value": 0.25}, fed_back={"ridge": 1.0})
    said = "the next segment ridge 75 %, last-value 25 %; those fed back ridge 100 %"
    assert members_and_weights(altered(combination=both)) == said
    assert lines_of("What it is", combination=both)[0] == f"- Predictor: ridge\\: {said}"
    assert (
        members_and_weights(altered(combination=EnsembleState(next={"ridge": 1.0}))) == "the next segment ridge 100 %"
    )
    assert members_and_weights(altered()) == ""


@pytest.mark.parametrize(("count", "more"), [(12, 0), (13, 1)])
def test_the_card_names_twelve_of_each(count, more):
    files = tuple(TrainingData(name=f"f{n}", rows=2, sha256="ab" * 32) for n in range(count))
    part = EVALUATION["parts"][0]
    evaluation = {**EVALUATION, "parts": [{**part, "channel": f"c{n}"} for n in range(count)]}
    text = card(altered(training_data=files), [evaluation], "")
    assert text.count("\n| f") - 1 == text.count("rotor, c") == 12
    assert ("\nAnd 1 more, in model.json.\n" in text) is (more == 1)
    assert ("And 1 more, in metrics.json.\n" in text) is (more == 1)
    assert f"{count} files with {2 * count} rows. By time" in text
    assert "| f0 | 2 | `abababababababab` |" in text


def test_the_last_row_of_the_history_is_the_course():
    text = card(altered(), [{**EVALUATION, "verdict": ""}], "step,val_loss,extra\n1,2,3\n4,,5\n")
    assert "- Training: step 4, extra 5\n" in text
    assert "## How good it is\n\nThe next 4 samples" in text
    assert "- Training: in closed form\n" in card(altered(), [], "step,loss\n")


def test_a_score_that_one_predictor_lacks_is_an_empty_cell():
    part = {**EVALUATION["parts"][0], "scores": {"model": {"nmse": 0.5, "mae": 1}, "mean": {"nmse": 2}}}
    text = card(altered(), [{**EVALUATION, "parts": [part]}], "")
    assert "|  | nmse | mae |\n|---|---:|---:|\n| model | 0.5 | 1 |\n| mean | 2 |  |\n" in text


# --- strict reading -----------------------------------------------------------------------


def message(call, *arguments, **options):
    with pytest.raises(ModelError) as caught:
        call(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a":1,"b":2,"a":2}', "the key 'a' twice; expected each key once"),
        (b"1\xff", "bytes that are not UTF-8 at 1; expected UTF-8 text"),
        (b"\xef\xbb\xbf1", "a byte-order mark; expected UTF-8 without one"),
        (b"[\n1 2]", "Expecting ',' delimiter at line 2, column 3; expected JSON"),
        (b"[1.1e300]", "the number 1.1e300; expected magnitudes up to 1e300"),
        (b"[-1e999]", "the number -1e999; expected magnitudes up to 1e300"),
        (b"[-Infinity]", "-Infinity; expected finite numbers"),
        (b"[" + b"1" * 19 + b"]", "an integer of 19 digits; expected at most 18"),
        (b"[" * 33 + b"]" * 33, "values nested deeper than 32; expected at most 32 levels"),
        (
            b'{"' + b"x" * 257 + b'":1}',
            "a string with 257 characters; at most 256 are allowed; expected short strings ",
        ),
        (
            b'[["\\u0007"]]',
            "a string with the control character '\\x07'; expected short strings of printable characters",
        ),
    ],
)
def test_json_is_refused_in_these_words(content, words):
    refusal = message(parse, content, "w")
    assert refusal.startswith(f"w: found {words}")
    assert refusal.endswith(AGAIN)


@pytest.mark.parametrize(
    "content",
    [
        b"[1e300, -1e300]",
        b"[" + b"1" * 18 + b", -" + b"1" * 18 + b"]",
        b"[" * 32 + b"]" * 32,
        b"[" + b"[]," * 40 + b"{}]",
        b'["' + b"x" * 256 + b'"]',
        b'["' + b"[" * 40 + b'\\"' + b"{" * 40 + b'"]',
        b'["a\\tb"]',
        '["1\u00a0000 m/s²"]'.encode(),
    ],
)
def test_json_within_its_limits_is_read(content):
    assert parse(content, "w") == json.loads(content)


def test_the_longest_string_is_the_callers_to_say():
    assert parse(b'["xxxx"]', "w", longest=4) == ["xxxx"]
    assert "5 characters; at most 4" in message(parse, b'["xxxxx"]', "w", longest=4)
    assert complaint("x" * 256) is None
    assert complaint("\u2028") == "the control character '\\u2028'"


HISTORY = "h.csv: found {}. " + AGAIN
NAMES = "; expected names in small letters, each once"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a,a\n", f"the header 'a,a'{NAMES}"),
        (b"A\n", f"the header 'A'{NAMES}"),
        (b"1a\n", f"the header '1a'{NAMES}"),
        (b"a" * 41 + b"\n", f"the header '{'a' * 41}'{NAMES}"),
        (b"\xff", "characters that are not ASCII; expected numbers"),
    ],
)
def test_a_wild_header_is_refused(content, words):
    assert message(parse_history, content, "h.csv") == HISTORY.format(words)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (b"1", "1 fields; expected 2"),
        (b"1,2,3", "3 fields; expected 2"),
        (b"x,1", "'x'; expected a finite number, or nothing"),
        (b"1_0,1", "'1_0'; expected a finite number, or nothing"),
        (b"inf,1", "'inf'; expected a finite number, or nothing"),
        (b"1.1e300,1", "'1.1e300'; expected a finite number, or nothing"),
        (b"0" * 41 + b",1", f"'{'0' * 41}'; expected a finite number, or nothing"),
    ],
)
def test_a_wild_row_is_refused_by_its_line(row, words):
    assert message(parse_history, b"a,b\n1,2\n" + row + b"\n", "h.csv") == f"h.csv:3: found {words}. {AGAIN}"


def test_a_history_within_its_limits_is_read():
    name = "a" * 40
    content = f"{name},b_1\n-1e300,{'0' * 39}1\n,2\n".encode()
    assert parse_history(content, "h") == [{name: -1e300, "b_1": 1.0}, {name: None, "b_1": 2.0}]
    assert parse_history(b"", "h") == []


def test_records_are_refused_in_these_words():
    assert message(parse_metrics, b"{}", "M") == (
        f"M: found Input should be a valid list; expected a list of evaluations. {AGAIN}"
    )
    part = {**EVALUATION, "verdict": "x" * 2000}
    assert parse_metrics(json.dumps([part]).encode(), "M") == [part]
    part["verdict"] += "x"
    assert "2001 characters" in message(parse_metrics, json.dumps([part]).encode(), "M")
    wrong = json.dumps([{**EVALUATION, "horizon": -1}]).encode()
    assert "0.horizon: Input should be greater than or equal to 0 (-1)" in message(parse_metrics, wrong, "M")
    assert message(parse_card, b"\xff", "R") == f"R: found bytes that are not UTF-8; expected UTF-8 text. {AGAIN}"
    assert message(parse_card, b"a\x07", "R") == (
        f"R: found the control character '\\x07'; expected printable text. {AGAIN}"
    )
    assert parse_card("# é\n\n".encode() * 1000, "R") == "# é\n\n" * 1000


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


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files cannot be counted here")
def test_nothing_stays_open(tmp_path):
    def opened():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    texts = {**TEXTS, "README.md": "# m\n"}
    for seed in (0, 1, 1):
        sealed = save(tmp_path / "m", manifest(seed=seed), tensors(seed), texts, overwrite=True)
        load(tmp_path / "m")
    (tmp_path / "m" / sealed.data_name / "history.csv").write_text("x")
    for _ in range(2):
        message(load, tmp_path / "m")
        message(load, tmp_path)
    (tmp_path / "m" / sealed.data_name).rename(tmp_path / "away")
    message(load, tmp_path / "m")
    assert opened() == before


def test_what_is_recorded_of_a_training_signal():
    recordings = (Recording(np.zeros((3, 1)), TimeAxis()), Recording(np.zeros((5, 1)), TimeAxis()))
    record = TrainingData.of(Signal("a\nb", ("c",), recordings, ("",), sha256="ab" * 32, rows=8))
    assert (record.name, record.rows, record.sha256) == ("a\\nb", 8, "ab" * 32)
    long = Signal("x" * 300, ("c",), recordings, ("",))
    assert TrainingData.of(long).name == "x" * 253 + "..."
    assert record.cut == manifests.hashlib.sha256(b"3,5").hexdigest()[:16]


# --- tensors ------------------------------------------------------------------------------

SPECS = {"p/a": TensorSpec("F32", (2,)), "p/b": TensorSpec("I64", (1,))}
GOOD = format_tensors({"p/a": np.ones(2, "f4"), "p/b": np.array([2**62])}, SPECS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (GOOD[:-1], f"{len(GOOD) - 1} bytes; expected {len(GOOD)}, as its header says"),
        (GOOD[:7], f"a header of {GOOD[0]} bytes in a file of 7; expected a safetensors file"),
        (GOOD.replace(b"p/a", b"p/c"), "the tensor 'p/c'; expected only the tensors that model.json implies"),
        (GOOD.replace(b"F32", b"F64"), "dtype F64 of 'p/a'; expected F32"),
        (GOOD.replace(b"[2]", b"[3]"), "shape [3] of 'p/a'; expected [2]"),
        (
            GOOD.replace(b'"shape"', b'"Shape"'),
            "an entry of 'p/b' that is not complete; expected dtype, shape and data",
        ),
        (b"\2" + bytes(7) + b"[]", "a header that is no JSON object; expected a safetensors file"),
        (b"\1" + bytes(7) + b"{}", "a header of 1 bytes in a file of 10; expected a safetensors file"),
        (b"\2" + bytes(7) + b"{}", "no tensor 'p/a'; expected every tensor that model.json implies"),
    ],
)
def test_tensors_are_refused_in_these_words(content, words):
    assert message(parse_tensors, content, SPECS, "t").startswith(f"t: found {words}")


@pytest.mark.parametrize(("size", "fits"), [(MAX_HEADER, True), (MAX_HEADER + 1, False)])
def test_the_largest_header(size, fits):
    length = int.from_bytes(GOOD[:8], "little")
    content = size.to_bytes(8, "little") + GOOD[8 : 8 + length].rstrip().ljust(size) + GOOD[8 + length :]
    if fits:
        assert parse_tensors(content, SPECS, "t")["p/b"].tolist() == [2**62]
    else:
        assert "header" in message(parse_tensors, content, SPECS, "t")
    assert MAX_HEADER == 65528


@pytest.mark.parametrize("value", [1e300, -1e300])
def test_the_largest_values(value):
    specs = {"p/a": TensorSpec("F64", (2,))}
    assert parse_tensors(format_tensors({"p/a": np.array([0, value])}, specs), specs, "t")["p/a"][1] == value
    content = format_tensors({"p/a": np.array([0, value * 1.1])}, specs)
    assert message(parse_tensors, content, specs, "t").startswith(
        "t: found values of 'p/a' that are not finite; expected finite numbers of magnitude up to 1e300"
    )


def test_only_the_tensors_of_the_specs_are_written():
    with pytest.raises(ValueError, match=r"tensors \[\] where \['p/a', 'p/b'\] are stored"):
        format_tensors({}, SPECS)
    right = {"p/a": np.ones(2, "f4"), "p/b": np.array([1])}
    for wrong in (np.ones(2), np.ones(3, "f4"), np.ones((2, 1), "f4")):
        with pytest.raises(ValueError, match=r"p/a is .*, not F32 \(2,\)"):
            format_tensors({**right, "p/a": wrong}, SPECS)


def test_the_tensors_that_a_manifest_implies():
    specs = implied(manifest(), "m")
    assert specs["intervals/quantiles"] == TensorSpec("F32", (2, 4, 2))
    assert {name: spec.shape for name, spec in specs.items() if name.startswith("ridge")} == {
        "ridge/kernel": (12, 4),
        "ridge/bias": (4,),
    }
    assert size_of(specs) == 4 * (16 + 48 + 4)
    wide = IntervalState(levels=tuple(range(1, 100)), horizon=2_711_469, origins=(9, 9))
    assert "bytes of tensors; expected at most 2147483648" in message(implied, altered(intervals=wide), "m")
    fits = wide.model_copy(update={"horizon": 2_711_468})
    assert size_of(implied(altered(intervals=fits), "m")) == 2**31 - 8 * 99 + 8 == 2_147_482_864


# --- the gate -----------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    save(tmp_path / "m", manifest(), tensors(), TEXTS)
    return tmp_path / "m"


def open_folder(path):
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def test_a_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    folder = open_folder(tmp_path)
    try:
        assert gate.read_file(folder, "f", 5, "w") == b"12345"
        assert message(gate.read_file, folder, "f", 4, "w") == f"w/f: found 5 bytes; expected at most 4. {AGAIN}"
        with pytest.raises(gate.VanishedError, match=r"^g$"):
            gate.read_file(folder, "g", 4, "w")
    finally:
        os.close(folder)


@pytest.mark.parametrize("change", [b"", b"123456"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, change):
    (tmp_path / "f").write_bytes(b"12345")
    folder, real = open_folder(tmp_path), os.fstat

    def late(handle):
        status = real(handle)
        (tmp_path / "f").write_bytes(change)
        return status

    monkeypatch.setattr(os, "fstat", late)
    refusal = message(gate.read_file, folder, "f", 9, "w")
    monkeypatch.undo()
    os.close(folder)
    assert refusal.startswith("w/f: found a size that changes while it is read; expected a file that nobody writes to.")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".HDF5", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".onnx"])
def test_why_a_file_that_can_run_code_was_not_opened(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"x")
    assert message(load, path) == (
        f"{path} is a file; a model is a folder with a model.json. It was not opened: a {suffix.lower()} file can run "
        "code, or fill the memory, when it is loaded. Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    )


def test_what_is_no_model_is_told_in_these_words(tmp_path):
    (tmp_path / "x.csv").write_text("1")
    assert message(load, tmp_path / "x.csv") == (
        f"{tmp_path / 'x.csv'} is a file; a model is a folder with a model.json. "
        "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    )
    assert message(load, tmp_path / "none") == (
        f"There is no model at {tmp_path / 'none'}. "
        "Train one with 'forecaster train SIGNAL -o MODEL', or check the name."
    )
    assert message(load, tmp_path) == (
        f"{tmp_path} is a folder without model.json: it is no model. "
        "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    )
    assert message(load, tmp_path / "x.csv" / "y") == (
        f"{tmp_path / 'x.csv' / 'y'} cannot be opened: Not a directory. Check the name."
    )


def test_a_model_without_its_data_says_which_are_missing(model):
    (data,) = model.glob("data-*")
    data.rename(model / "elsewhere")
    assert message(load, model) == (
        f"{model}: found no {data.name}, the data that belongs to this model.json; "
        f"expected a model.json that was not edited, with its data beside it. {AGAIN}"
    )


def test_a_model_json_that_goes_away_is_told(model, monkeypatch):
    real = gate.read_file

    def late(folder, name, limit, where):
        (model / "model.json").unlink()
        return real(folder, name, limit, where)

    monkeypatch.setattr(gate, "read_file", late)
    assert message(load, model) == f"{model}: found no model.json any more. {AGAIN}"


def test_what_stands_in_a_files_place_is_named(model):
    (data,) = model.glob("data-*")
    (data / "history.csv").unlink()
    (data / "history.csv").symlink_to("/etc/passwd")
    assert message(load, model) == (f"{data / 'history.csv'}: found a symbolic link; expected a regular file. {AGAIN}")
    (data / "history.csv").unlink()
    (data / "history.csv").mkdir()
    assert message(load, model) == f"{data / 'history.csv'}: found a folder; expected a regular file. {AGAIN}"
    (data / "extra").write_text("")
    assert message(load, model) == (
        f"{data}: found the extra file 'extra'; "
        f"expected only tensors.safetensors, history.csv, metrics.json, README.md. {AGAIN}"
    )


def test_the_hash_stands_for_the_whole_model(model):
    loaded = load(model)
    assert loaded.sha256 == manifests.hashlib.sha256((model / "model.json").read_bytes()).hexdigest()
    assert list(loaded.texts) == ["history.csv", "metrics.json", "README.md"]
    assert loaded.texts["README.md"].startswith("# A forecast model of a")


# --- writing ------------------------------------------------------------------------------


def recorded(monkeypatch):
    """Record what is synced and what is renamed, by name, in order."""
    steps, fsync, rename = [], os.fsync, os.rename

    def synced(handle):
        steps.append(("sync", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        fsync(handle)

    def renamed(source, target, **options):
        rename(source, target, **options)
        steps.append(("rename", Path(target).name))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "replace", renamed)
    return steps


DATA_FILES = ["tensors.safetensors", "history.csv", "metrics.json", "README.md"]


def short(steps):
    """Name temporary names by what they are."""
    return [(step, "temporary" if name.startswith(".forecaster-tmp-") else name) for step, name in steps]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files have no names here")
def test_all_is_on_the_disk_before_it_is_named(tmp_path, monkeypatch):
    steps = recorded(monkeypatch)
    first = save(tmp_path / "m", manifest(), tensors(), TEXTS)
    data = [("sync", name) for name in DATA_FILES] + [("sync", "temporary")]
    assert short(steps) == [
        *data,
        ("rename", first.data_name),
        ("sync", "temporary"),
        ("sync", "model.json"),
        ("sync", "temporary"),
        ("rename", "m"),
        ("sync", tmp_path.name),
    ]
    steps.clear()
    second = save(tmp_path / "m", manifest(seed=1), tensors(1), TEXTS, overwrite=True)
    assert short(steps) == [
        *data,
        ("rename", second.data_name),
        ("sync", "m"),
        ("sync", "temporary"),
        ("rename", "model.json"),
        ("sync", "m"),
    ]


def test_files_are_written_with_the_users_own_permissions(model):
    mask = os.umask(0)
    os.umask(mask)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in model.rglob("*") if path.is_file()}
    assert modes == {0o666 & ~mask}


def test_a_data_directory_that_is_whole_is_left_alone(tmp_path):
    texts = {**TEXTS, "README.md": "# m\n"}
    recorded_run = manifest()
    sealed = save(tmp_path / "m", recorded_run, tensors(), texts)
    before = (tmp_path / "m" / sealed.data_name).stat().st_ino
    save(tmp_path / "m", recorded_run, tensors(), texts, overwrite=True)
    assert (tmp_path / "m" / sealed.data_name).stat().st_ino == before
    (tmp_path / "m" / sealed.data_name / "more").write_text("x")
    save(tmp_path / "m", recorded_run, tensors(), texts, overwrite=True)
    assert (tmp_path / "m" / sealed.data_name).stat().st_ino != before
    (tmp_path / "m" / sealed.data_name / "README.md").unlink()
    (tmp_path / "m" / sealed.data_name / "README.md").symlink_to("/etc/passwd")
    save(tmp_path / "m", recorded_run, tensors(), texts, overwrite=True)
    load(tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [sealed.data_name, "model.json"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    for place in (tmp_path, tmp_path / "m"):
        (place / ".forecaster-tmp-0123456789abcdef").mkdir(parents=True)
        (place / ".forecaster-tmp-0123456789abcdef" / "x").write_text("x")
    (tmp_path / "m" / "data-0123456789abcdef").mkdir()
    save(tmp_path / "m", manifest(), tensors(), TEXTS)
    assert not [path for path in (tmp_path / "m").iterdir() if path.name.startswith(".")]
    save(tmp_path / "new", manifest(), tensors(), TEXTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "new"]
    (tmp_path / "m" / "data-notes").mkdir()
    (tmp_path / "m" / "notes").mkdir()
    save(tmp_path / "m", manifest(seed=1), tensors(), TEXTS, overwrite=True)
    assert (tmp_path / "m" / "notes").is_dir()
    assert (tmp_path / "m" / "data-notes").is_dir()
    assert not (tmp_path / "m" / "data-0123456789abcdef").exists()


def test_of_two_writers_of_one_new_model_the_second_is_told(tmp_path, monkeypatch):
    real = commit._write_data

    def late(folder, name, files):
        real(folder, name, files)
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "x").write_text("x")

    monkeypatch.setattr(commit, "_write_data", late)
    with pytest.raises(OutputError) as caught:
        save(tmp_path / "m", manifest(), tensors(), TEXTS)
    assert str(caught.value) == (
        f"{tmp_path / 'm'} is being written by another program. Wait for it to end, or choose another name."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_model_that_came_in_between_is_not_overwritten(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    real = commit.seal

    def late(*arguments):
        (tmp_path / "m" / "model.json").write_text("{}")
        return real(*arguments)

    monkeypatch.setattr(commit, "seal", late)
    with pytest.raises(UsageError, match=r"already holds a model.*--overwrite"):
        save(tmp_path / "m", manifest(), tensors(), TEXTS)


def test_a_place_that_cannot_be_written_is_told_before_training(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK | os.X_OK)
    for place in ("m", "new", "deep/new"):
        with pytest.raises(OutputError, match="Permission denied"):
            check_target(tmp_path / place)
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    check_target(tmp_path / "m")
    check_target(tmp_path / "deep" / "new")


def test_what_is_in_the_way_is_told_in_these_words(tmp_path, model):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    messages = {}
    for place in ("file", "file/m", "full", "m"):
        with pytest.raises(UsageError) as caught:
            check_target(tmp_path / place)
        messages[place] = str(caught.value)
    assert messages == {
        "file": f"{tmp_path}/file is a file. A model is a folder: choose another name for it.",
        "file/m": f"{tmp_path}/file/m: {tmp_path}/file is a file, not a folder. Choose another name.",
        "full": f"{tmp_path}/full is a folder that holds other things than a model. "
        "Choose a new name: a model gets a folder of its own.",
        "m": f"{tmp_path}/m already holds a model. Add --overwrite to replace it, or choose another name.",
    }


def test_what_cannot_be_stored_is_told_in_these_words(tmp_path):
    def refusal(*arguments):
        with pytest.raises(OutputError) as caught:
            save(tmp_path / "m", *arguments)
        return str(caught.value)

    assert refusal(manifest(), tensors(), {**TEXTS, "README.md": "x" * (2**18 + 1)}) == (
        "The model cannot be stored: README.md would have 262145 bytes; at most 262144 are allowed"
    )
    assert refusal(manifest(), tensors(), {**TEXTS, "more": ""}).startswith(
        "The model cannot be stored: texts ['README.md', 'history.csv', 'metrics.json', 'more'] where "
    )
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("_write_new", "_rename_new"):
        with monkeypatch.context() as patch:
            patch.setattr(commit, name, full)
            with pytest.raises(OutputError, match="No space left"):
                save(tmp_path / "m", manifest(), tensors(), TEXTS)
        assert list(tmp_path.iterdir()) == []
    sealed = save(tmp_path / "m", manifest(), tensors(), TEXTS)
    monkeypatch.setattr(commit, "_write_new", full)
    with pytest.raises(OutputError, match="No space left"):
        save(tmp_path / "m", manifest(seed=1), tensors(1), TEXTS, overwrite=True)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [sealed.data_name, "model.json"]


def test_a_network_that_was_stored_before_it_had_a_parameter_is_refused(tmp_path):
    """Its forecasts would be those of another network."""
    folder = tmp_path / "rotor"
    shutil.copytree(Path(__file__).parent.parent / "models" / "rotor", folder)
    document = json.loads((folder / "model.json").read_text())
    del document["predictors"][0]["parameters"]["hidden"]
    (folder / "model.json").write_text(json.dumps(document))
    with pytest.raises(
        ModelError, match=r"'stacked-lstm' without its parameter 'hidden'; expected all of a network's\."
    ):
        load(folder)
