"""README.md of a model folder: what it says of every kind of model, and that names stay text."""

import pytest

from forecaster.bundle import (
    Channels,
    TrainingData,
)
from forecaster.bundle.card import card, escape, members_and_weights
from forecaster.bundle.manifest import EnsembleState
from forecaster.conformal.bands import IntervalState
from tests.bundles import EVALUATION, TEXTS, altered, manifest

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


def test_the_card_tells_people_what_they_need():
    text = card(manifest(), [EVALUATION], TEXTS["history.csv"])
    for words in (
        "62000 rows",
        "12 samples = 11.7 ms",
        "1024 Hz",
        "m/s²",
        "0.03",
        "last-value",
        "1.2",
        "better than every",
    ):
        assert words in text
    for words in ("forecaster forecast MODEL SIGNAL", "numpy 2.4.6", "validation loss 0.3", "70 %", "ridge"):
        assert words in text
    assert "nan" not in text.lower()


def test_hostile_names_stay_text_in_the_card():
    nasty = "<script>|`![x](http://evil)\x1b\n# www.evil.org"
    hostile = manifest(channels=Channels(target=("a_b|c", "<b>"), units=("", "*")))
    text = card(hostile, [{**EVALUATION, "verdict": nasty}], "")
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "a\\_b\\|c" in text
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\n#" not in escape(nasty)
    assert "http:" not in text
    assert escape("www.evil.org") == "www\\.evil.org"


def test_many_parts_and_files_are_cut(tmp_path):
    many = [TrainingData(name=f"f{n}", rows=1) for n in range(50)]
    evaluation = {**EVALUATION, "parts": EVALUATION["parts"] * 50}
    text = card(manifest(training_data=many), [evaluation], "")
    assert "50 files with 50 rows" in text
    assert text.count("And 38 more") == 2
