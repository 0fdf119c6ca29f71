"""history.csv and metrics.json: what is stored comes back, and what is wild is refused in its words."""

import json

import pytest

from forecaster.bundle import (
    dump_metrics,
)
from forecaster.bundle.card import parse_card
from forecaster.bundle.scores import STORED_BYTES, history_text, parse_history, parse_metrics, thinned
from forecaster.bundle.strict_json import AGAIN
from forecaster.errors import ModelError
from tests.bundles import EVALUATION, message

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


def test_a_non_finite_score_cannot_be_dumped():
    with pytest.raises(ValueError, match="JSON"):
        dump_metrics([{"nmse": float("nan")}])


BAND = {"level": 90, "coverage": 0.9, "standard_error": None, "within": None}


@pytest.mark.parametrize("more", [{}, {"separate": 9.0, "likely": [0.8, 0.9]}])
def test_bands_are_stored_with_what_they_were_made_of_and_older_ones_without(more):
    altered = {**EVALUATION, "parts": [{**EVALUATION["parts"][0], "bands": [BAND | more]}]}
    assert parse_metrics(dump_metrics([altered]).encode(), "metrics.json") == [altered]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("skill", {"baseline": "ridge"}),
        ("bands", [{"level": "90", "coverage": 0.9, "standard_error": None, "within": None}]),
        ("bands", [BAND | {"likely": [0.8, 0.9]}]),
        ("bands", [BAND | {"separate": 9.0}]),
        ("bands", [BAND | {"separate": 9.0, "likely": [0.9, 0.8]}]),
        ("bands", [BAND | {"separate": 1e300, "likely": [0.8, 0.9]}]),
        ("bands", [BAND | {"separate": 9.0, "likely": [0.8, 0.9, 1.0]}]),
        ("spectrum", {"unit": "Hz"}),
        ("free_run", {"segments": [{"nmse": 1}], "text": "x"}),
    ],
)
def test_what_is_stored_beside_the_scores_is_checked(key, value):
    altered = {**EVALUATION, "parts": [{**EVALUATION["parts"][0], key: value}]}
    with pytest.raises(ModelError, match=key):
        parse_metrics(dump_metrics([altered]).encode(), "metrics.json")


# --- what is stored fits through the gate --------------------------------------------------


def test_a_long_history_is_thinned_to_what_the_gate_reads():
    rows = [{"step": float(n), "loss": 1 / (n + 1)} for n in range(70_000)]
    kept = parse_history(history_text(rows).encode(), "history.csv")
    assert len(kept) == 24_999
    assert (kept[0], kept[-1]) == (rows[0], rows[-1])
    assert history_text(rows[:100]).count("\n") == 101


def test_the_scores_of_very_many_parts_are_cut_to_what_the_gate_reads():
    scores = {f"predictor {n}": {"nmse": n / 7, "rmse": n / 3} for n in range(12)}
    part = {"signal": "s", "channel": "c", "origins": 9, "scores": scores, "by_step": {}, "reasons": {}}
    few = {"horizon": 4, "stride": 4, "parts": [part] * 50, "verdict": "good"}
    assert thinned(few) == few
    stored = thinned({**few, "parts": [part] * 20_000})
    assert len(stored["parts"]) + stored["parts_left_out"] == 20_000
    assert len(stored["parts"]) > 500
    text = dump_metrics([stored, stored])
    assert len(text) < 3 * STORED_BYTES
    assert len(parse_metrics(text.encode(), "metrics.json")) == 2
