"""The rows after the last measured one: what is known of the future, and what cannot be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read_signal

MEASURED, AHEAD = 40, 6
KNOWN = {"known": ("plan",)}


def stamp(minute):
    return f"2024-01-01 {minute // 60:02d}:{minute % 60:02d}:00"


def table(measured=MEASURED, ahead=AHEAD):
    """Rows of time, y, x, plan; the plan goes on without the others."""
    rows = [[stamp(k), f"{np.sin(k):.3f}", f"{np.cos(k):.3f}", f"{k % 5 / 2:g}"] for k in range(measured)]
    return rows + [[stamp(k), "", "", f"{k % 5 / 2:g}"] for k in range(measured, measured + ahead)]


@pytest.fixture
def read(tmp_path):
    def reading(rows, header="time,y,x,plan", **options):
        path = tmp_path / "press.csv"
        path.write_text("\n".join([header, *(",".join(row) for row in rows)]) + "\n")
        return read_signal(path, ReadingOptions(**options))

    return reading


def plan(first, end):
    return (np.arange(first, end) % 5 / 2)[:, None]


def test_the_rows_after_the_last_measured_one_are_the_future(read):
    signal = read(table(), **KNOWN)
    assert (signal.channels, signal.exogenous, signal.known) == (("y", "x"), ("plan",), 1)
    (recording,) = signal.recordings
    assert len(recording) == MEASURED
    np.testing.assert_array_equal(recording.values[:, 2:], plan(0, MEASURED))
    np.testing.assert_array_equal(recording.future, plan(MEASURED, MEASURED + AHEAD))
    assert recording.time.stamps(MEASURED, 1).tolist() == [stamp(MEASURED)]
    assert "6 rows after the last measured one" in signal.notes[0]


def test_known_columns_stand_behind_exogenous_ones_in_the_order_of_the_options(read):
    rows = [[*row, "1"] for row in table()]
    signal = read(rows, "time,y,x,plan,shift", exogenous=("x",), known=("shift", "plan"))
    assert (signal.columns, signal.known) == (("y", "x", "shift", "plan"), 2)
    np.testing.assert_array_equal(signal.recordings[0].future[:, 1:], plan(MEASURED, MEASURED + AHEAD))


def test_what_an_exogenous_column_holds_there_is_left_out(read):
    rows = table()
    for row in rows[MEASURED:]:
        row[2] = "9.5"
    signal = read(rows, exogenous=("x",), **KNOWN)
    assert (len(signal.recordings[0]), signal.recordings[0].future.shape) == (MEASURED, (AHEAD, 1))


def test_without_the_option_nothing_changes(read):
    with pytest.raises(SignalError, match=r"press\.csv:42: column 'y': an empty cell.*--missing interpolate"):
        read(table())
    assert read(table(ahead=0), **KNOWN).recordings[0].future is None


def test_without_a_time_column_the_rows_follow_one_another(read):
    signal = read([row[1:] for row in table()], "y,x,plan", **KNOWN)
    assert (len(signal.recordings[0]), len(signal.recordings[0].future)) == (MEASURED, AHEAD)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 60), st.integers(0, 30))
def test_every_row_is_either_measured_or_future(tmp_path_factory, measured, ahead):
    path = tmp_path_factory.mktemp("known") / "f.csv"
    path.write_text("time,y,x,plan\n" + "\n".join(",".join(row) for row in table(measured, ahead)) + "\n")
    recording = read_signal(path, ReadingOptions(**KNOWN)).recordings[0]
    assert len(recording) == measured
    assert (0 if recording.future is None else len(recording.future)) == ahead
    columns = recording.values[:, 2:] if not ahead else np.concatenate((recording.values[:, 2:], recording.future))
    np.testing.assert_array_equal(columns, plan(0, measured + ahead))


def test_where_one_channel_ends_before_the_other_the_future_begins_there(read):
    rows = table()
    for row in rows[MEASURED - 3 : MEASURED]:
        row[2] = ""
    with pytest.raises(SignalError, match=r"press\.csv:39: column 'x': an empty cell"):
        read(rows, **KNOWN)
    (recording,) = read(rows, missing="interpolate", **KNOWN).recordings
    assert len(recording) == MEASURED - 3
    np.testing.assert_array_equal(recording.future, plan(MEASURED - 3, MEASURED + AHEAD))


def test_cut_recordings_leave_the_future_to_the_last(read):
    rows = table()
    rows[20][1] = ""
    signal = read(rows, missing="split", **KNOWN)
    assert [len(recording) for recording in signal.recordings] == [20, MEASURED - 21]
    assert [recording.future is None for recording in signal.recordings] == [True, False]


def test_a_short_gap_among_the_known_values_can_be_interpolated(read):
    rows = table()
    del rows[MEASURED + 1 : MEASURED + 3]
    with pytest.raises(SignalError, match="--missing interpolate"):
        read(rows, **KNOWN)
    (recording,) = read(rows, missing="interpolate", **KNOWN).recordings
    expected = plan(MEASURED, MEASURED + AHEAD)[:, 0]
    expected[1:3] = np.interp([1, 2], [0, 3], expected[[0, 3]])
    np.testing.assert_allclose(recording.future[:, 0], expected)


def edited(change):
    rows = table()
    change(rows)
    return rows


REFUSED = {
    "a hole in the plan": (lambda rows: rows[-2].__setitem__(3, ""), {}, r":46: column 'plan': an empty cell, after"),
    "a word in the plan": (lambda rows: rows[-2].__setitem__(3, "on"), {}, r":46: column 'plan': 'on', after"),
    "a short row": (lambda rows: rows[-1].pop(), {}, r":47: a row with 3 fields.*expected 4 fields"),
    "a hole in the plan before": (lambda rows: rows[5].__setitem__(3, ""), {}, r":7: column 'plan': an empty cell"),
    "a hole among the measured": (lambda rows: rows[5].__setitem__(1, ""), {}, r":7: column 'y': an empty cell"),
    "a gap before the future": (lambda rows: rows.pop(MEASURED), {"missing": "split"}, "behind a gap"),
    "a gap in the future": (lambda rows: rows.pop(MEASURED + 2), {"missing": "split"}, r":44: .*behind a gap"),
    "the past as the future": (lambda rows: rows[-1].__setitem__(0, stamp(3)), {"sort": True}, "not later than all"),
    "another recording": (lambda rows: None, {"recording_rows": MEASURED}, "where another recording begins"),
    "no target at the end of a cut": (
        lambda rows: [rows[MEASURED - 1].__setitem__(k, "") for k in (1, 3)],
        {"missing": "split", "columns": ("y", "x")},
        r"1 row before the known values go on",
    ),
    "another layout": (lambda rows: None, {"layout": "long"}, "--known together with --layout long"),
    "both forecast and known": (lambda rows: None, {"columns": ("plan",)}, "both --column and --known"),
    "both exogenous and known": (lambda rows: None, {"exogenous": ("plan",)}, "both --exogenous and --known"),
    "time": (lambda rows: None, {"time_columns": ("plan",)}, "the time already"),
    "labels": (lambda rows: None, {"symbols": True}, "--known with labels"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_known_is_refused(read, name):
    change, options, message = REFUSED[name]
    with pytest.raises(SignalError, match=message):
        read(edited(change), **KNOWN, **options)


def test_a_plan_alone_is_no_signal(read):
    with pytest.raises(SignalError, match=r"no measured value"):
        read(table(0, 8), columns=("y",), **KNOWN)


def test_a_column_that_is_not_there(read):
    with pytest.raises(SignalError, match=r"--known 'plam': no such column"):
        read(table(), known=("plam",))


def test_a_code_for_missing_is_still_found_among_the_measured(read):
    rows = table()
    for row in rows[10:14]:
        row[1] = "-9999"
    with pytest.raises(SignalError, match="looks like a code for missing"):
        read(rows, **KNOWN)
