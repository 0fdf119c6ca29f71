"""Rows that are no samples by their values, times in several columns, and options that are not proposed for them."""

import numpy as np
import pytest

from forecaster import read_signal
from tests.hints import options_of, refusal

HOURS = [f"2024-03-04 {k:02d}:00" if k < 24 else f"2024-03-05 {k - 24:02d}:00" for k in range(48)]
WAVE = np.round(20 + 5 * np.sin(np.arange(48) / 4), 2)


def lines(header, *columns):
    return "\n".join([header, *(",".join(map(str, row)) for row in zip(*columns, strict=True))]) + "\n"


@pytest.mark.parametrize("stamp", ["2024-03-04 00:00", "2024-03-06 00:00"])
def test_a_total_row_is_refused_whatever_its_stamp(write, stamp):
    path = write(lines("time,a,b", HOURS, WAVE, 2 * WAVE) + f"{stamp},{WAVE.sum():.2f},{2 * WAVE.sum():.2f}\n")
    error = refusal(path)
    assert "the last row is the sum of the 48 rows above it" in str(error)
    assert error.hint == "Add `--skip-end 1` to read it."
    assert read_signal(path, skip_end=1).recordings[0].values[:, 0].tolist() == WAVE.tolist()
    assert "leaves nothing of" in str(refusal(path, skip_end=49))


def test_growth_is_no_total(write):
    assert len(read_signal(write(lines("time,a", HOURS, [round(1.9**k, 3) for k in range(48)]))).recordings[0]) == 48


def test_series_in_turn_are_refused(write):
    names = ["oven", "room"] * 24
    values = [value + 100 * (name == "oven") for name, value in zip(names, WAVE, strict=True)]
    times = [f"2024-03-04 00:{k:02d}:00" for k in range(48)]
    error = refusal(write(lines("time,sensor,v", times, names, values)))
    assert "rows of 2 series in turn ('oven', 'room', ...)" in str(error)


def test_a_text_beside_one_series_is_no_label_of_series(write):
    weather = ["sun", "rain"] * 24
    assert read_signal(write(lines("time,sky,v", HOURS, weather, WAVE))).channels == ("v",)


def test_grossly_different_values_at_equal_stamps_are_not_averaged(write):
    times = [*HOURS[:20], HOURS[19], *HOURS[20:47]]
    values = WAVE.copy()
    assert "--duplicates mean" in refusal(write(lines("time,v", times, values))).hint
    values[20] += 500
    error = refusal(write(lines("time,v", times, values)))
    assert "they are no two readings of one time" in error.hint
    assert "--duplicates" not in error.hint


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("Date,Hour,v", ([stamp[:10] for stamp in HOURS], [k % 24 for k in range(48)], WAVE)),
        (
            "year,month,day,hour,v",
            ([2024] * 48, [3] * 48, [4 + k // 24 for k in range(48)], [k % 24 for k in range(48)], WAVE),
        ),
    ],
)
def test_a_time_in_several_columns_is_joined_by_the_options_that_are_proposed(write, header, columns):
    text = lines(header, *columns)
    error = refusal(write(text))
    assert "the time stands in several columns" in str(error)
    options = options_of(error.hint.split("`")[1])
    signal = read_signal(write(text), options)
    assert signal.recordings[0].time.stamps(0, 2).tolist() == ["2024-03-04 00:00:00", "2024-03-04 01:00:00"]
    np.testing.assert_array_equal(signal.recordings[0].values[:, 0], WAVE)


def test_hours_from_1_to_24_are_no_groups(write):
    text = lines("Date,Hr_End,v", [stamp[:10] for stamp in HOURS], [k % 24 + 1 for k in range(48)], WAVE)
    error = refusal(write(text))
    assert "--group-column" not in str(error)
    assert "hours from 0 to 23" in error.hint


def test_a_day_a_row_is_refused(write):
    names = ",".join(f"{k:02d}:00-{k + 1:02d}:00" for k in range(24))
    rows = [f"2024-03-{day:02d}," + ",".join(f"{value}" for value in WAVE[:24]) for day in range(1, 6)]
    error = refusal(write("\n".join([f"Date,{names}", *rows]) + "\n"))
    assert "each row holds a day" in str(error)


def test_machines_of_which_each_was_there_for_a_while_are_groups(write):
    machines = ["m0"] * 24 + ["m1"] * 24
    times = HOURS[:24] + HOURS[6:30]
    error = refusal(write(lines("machine,time,v", machines, times, WAVE)))
    assert "Add `--group-column machine` to read it." in error.hint


def test_an_option_that_keeps_few_rows_is_not_proposed_without_a_word(write):
    times = [55573.0, 12373.0] * 12
    error = refusal(write(lines("time,v", times, WAVE[:24])))
    assert "to read it" not in error.hint
