"""Columns of numbers that are no measurements: set aside by name or by values, and never one that was measured."""

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.reading import read_signal
from forecaster.reading.measurements import _words, compact_form
from tests.hints import refusal

ROWS = 120
WAVE = [round(20 + 5 * np.sin(k / 4), 2) for k in range(ROWS)]
HOURS = np.datetime64("2024-03-04T00:00") + np.arange(2000) * np.timedelta64(1, "h")
DAYS = [str(day).replace("-", "") for day in np.arange("2024-01-01", "2030-01-01", dtype="datetime64[D]")]


def table(names, *columns, delimiter=","):
    """Return a text of columns below their names, or without names where there are none."""
    rows = [delimiter.join(map(str, row)) for row in zip(*columns, strict=False)]
    return "\n".join([*([delimiter.join(names)] if names else []), *rows]) + "\n"


def beside(write, name, column, **options):
    """Return the signal of a time, a measured `v`, and a column to be judged."""
    text = table(["time", "v", name], HOURS, WAVE, column)
    return read_signal(write(text), ReadingOptions(**options))


@pytest.mark.parametrize(
    ("name", "number", "reason"),
    [
        ("EAN", lambda k: 871600000000000011, "identifiers of 18 digits"),
        ("tag", lambda k: 871600000000000011 + 3 * k, "identifiers of 18 digits"),
        ("x", lambda k: 4.5, "constant"),
        ("site_no", lambda k: "01000000", "constant"),
        ("v status", lambda k: 192 if k % 50 else 0, "codes of quality"),
        ("QC_v", lambda k: k // 30, "codes of quality"),
        ("vFlag", lambda k: k % 2, "codes of quality"),
        ("v_cd", lambda k: 1 + k % 3, "codes of quality"),
        ("z", lambda k: 192 if k % 9 else 64, "codes of quality"),
        ("Status", lambda k: k % 4, "codes of quality"),
        ("hour", lambda k: k % 24, "a part of the date or time"),
        ("Hr_End", lambda k: f"{k % 24 + 1:02}", "a part of the date or time"),
        ("month", lambda k: 1 + k // 60, "a part of the date or time"),
        ("HH", lambda k: k % 24, "a part of the date or time"),
        ("column", lambda k: k % 24, "a part of the date or time"),
        ("zz", lambda k: 100 * (k % 24) + 100, "a part of the date or time"),
        ("zz", lambda k: k % 7, "a part of the date or time"),
        ("zz", lambda k: k, "a count of the rows"),
        ("zz", lambda k: k + 1, "a count of the rows"),
    ],
)
def test_what_is_no_measurement_is_set_aside_with_its_reason_and_the_option_that_takes_it(write, name, number, reason):
    column = [number(k) for k in range(ROWS)]
    signal = beside(write, name, column)
    assert signal.channels == ("v",)
    assert signal.recordings[0].values[:, 0].tolist() == WAVE
    assert f"no measurements, and left out: '{name}' ({reason}); --column NAME takes one" in signal.notes
    chosen = beside(write, name, column, columns=("v", name))
    assert chosen.recordings[0].values[:, 1].tolist() == list(map(float, column))


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("taxis", lambda k: 10 + k * 37 % 90),
        ("pump_on", lambda k: k // 7 % 2),
        ("status", lambda k: k // 40 % 2),
        ("state", lambda k: k // 5 % 3),
        ("gear", lambda k: 1 + k // 9 % 5),
        ("day", lambda k: k * 37 % 31 + 1),
        ("hour", lambda k: k / 2),
        ("hours", lambda k: k * 7 % 11),
        ("month", lambda k: 40 + k % 3),
        ("energy", lambda k: 5000 + 2 * k),
        ("count", lambda k: k * k % 17),
        ("angle", lambda k: k * 5 % 360),
        ("saw", lambda k: k % 10),
        ("T", lambda k: 20 + k // 30),
        ("quality [%]", lambda k: 80 + k % 5),
        ("air quality", lambda k: 40 + k * 13 % 60),
        ("level", lambda k: 5.0 + (k > 100)),
    ],
)
def test_what_was_measured_stays_a_channel(write, name, number):
    column = [number(k) for k in range(ROWS)]
    signal = beside(write, name, column)
    assert len(signal.channels) == 2
    assert signal.recordings[0].values[:, 1].tolist() == list(map(float, column))
    assert not any("no measurements" in note for note in signal.notes)


def test_all_that_is_set_aside_stands_in_one_note(write):
    names = ["time", "v", "EAN", "v status", "w", "w status", "gain"]
    columns = [HOURS, WAVE, ["8716000000000000"] * ROWS, [0, 192] * 60, WAVE[::-1], [192] * ROWS, [2.5] * ROWS]
    signal = read_signal(write(table(names, *columns)))
    assert signal.channels == ("v", "w")
    (note,) = signal.notes
    assert note == (
        "no measurements, and left out: 'EAN' (identifiers of 16 digits); 'v status', 'w status' (codes of quality); "
        "'gain' (constant); --column NAME takes one"
    )


def test_codes_stay_where_nothing_else_was_measured(write):
    signal = read_signal(write(table(["time", "quality"], HOURS, [k // 9 % 3 for k in range(ROWS)])))
    assert signal.channels == ("quality",)
    assert read_signal(write(table(["time", "v"], HOURS, [5] * ROWS))).channels == ("v",)


def test_a_file_of_dates_and_identifiers_alone_is_refused(write):
    path = write(table(["time", "hour", "EAN"], HOURS, [k % 24 for k in range(ROWS)], [8716000000000000] * ROWS))
    error = refusal(path)
    assert "'hour' (a part of the date or time), 'EAN' (identifiers of 16 digits)" in str(error)
    assert "--column hour" in error.hint


def test_a_channel_that_is_named_is_read_whatever_it_holds(write):
    path = write(table(["time", "v", "w", "w_flag"], HOURS, WAVE, [7] * ROWS, [k % 2 for k in range(ROWS)]))
    stuck = "column 'w' never varies, as if the sensor were stuck"
    assert read_signal(path).channels == ("v",)
    assert stuck in read_signal(path, columns=("v", "w")).notes
    of_model = read_signal(path, expected=("v", "w", "w_flag"))
    assert of_model.channels == ("v", "w", "w_flag")
    assert of_model.notes == (stuck,)


@pytest.mark.parametrize("names", [None, ["day", "v"], ["x", "v"], ["Datum", "v"], ["YYYYMMDD", "v"]])
def test_compact_dates_are_the_time(write, names):
    signal = read_signal(write(table(names, DAYS[:ROWS], WAVE)))
    assert signal.recordings[0].values[:, 0].tolist() == WAVE
    assert len(signal.channels) == 1
    assert signal.sample_rate_hz == pytest.approx(1 / 86400)
    assert str(signal.recordings[0].time.stamps(0, 1)[0])[:10] == "2024-01-01"


def test_compact_dates_beside_stamps_are_left_out(write):
    dates = [str(stamp)[:10].replace("-", "") for stamp in HOURS[:ROWS]]
    for order in (["time", "day", "v"], ["day", "time", "v"]):
        columns = {"time": HOURS, "day": dates, "v": WAVE}
        signal = read_signal(write(table(order, *(columns[name] for name in order))))
        assert signal.channels == ("v",)
        assert signal.sample_rate_hz == pytest.approx(1 / 3600)


def test_the_stamps_of_a_query_are_not_the_time(write):
    start = ["2024-03-04T00:00:00Z"] * ROWS
    signal = read_signal(write(table(["_start", "_time", "v"], start, [f"{stamp}:00Z" for stamp in HOURS], WAVE)))
    assert signal.channels == ("v",)
    assert signal.sample_rate_hz == pytest.approx(1 / 3600)


@pytest.mark.parametrize("name", ["t [s]", "t", "ts", "time", "time [ms]"])
def test_a_short_named_time_with_rounded_stamps_is_a_time_that_fails(write, name):
    for stamps in ([f"{k / 1000:.2f}" for k in range(ROWS)], [f"{100000 + k // 40 / 128}" for k in range(ROWS)]):
        assert "they are rounded" in str(refusal(write(table([name, "v"], stamps, WAVE))))


def test_a_temperature_called_t_is_a_channel(write):
    signal = read_signal(write(table(["time", "t"], HOURS, [20 + k // 50 for k in range(ROWS)])))
    assert signal.channels == ("t",)


@pytest.mark.parametrize("name", ["jd", "MJD"])
def test_days_that_cannot_be_read_are_refused(write, name):
    path = write(table([name, "v"], [60000 + k / 24 for k in range(ROWS)], WAVE))
    assert "numbers of days" in str(refusal(path))
    assert read_signal(path, no_time=True).channels == ("v",)


def test_words_and_dates():
    assert _words("T1Status") == ["t1", "status"]
    assert compact_form([f"2024{month:02}" for month in range(1, 13)]) == ""
    assert compact_form(["202311", "202312", *(f"2024{month:02}" for month in range(1, 13))]) == "%Y%m"
    assert compact_form(["20240231"] * 20) == ""
