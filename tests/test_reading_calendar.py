"""The calendar as known columns: what they are at which stamp, and which signals have none."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read_signal
from forecaster.reading.recordings import with_calendar
from forecaster.signal import calendar
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

HOUR = 3_600_000_000_000
CYCLES = ("minute-of-hour", "hour-of-day", "day-of-week", "day-of-year")


def share(moment, cycle):
    """Which share of its cycle has passed at a moment, by the standard library."""
    day = moment.replace(hour=0, minute=0, second=0)
    if cycle == "minute-of-hour":
        return (moment.minute * 60 + moment.second) / 3600
    if cycle == "hour-of-day":
        return (moment - day) / timedelta(days=1)
    if cycle == "day-of-week":
        return (moment - (day - timedelta(days=day.weekday()))) / timedelta(days=7)
    first = datetime(moment.year, 1, 1)
    return (moment - first) / (datetime(moment.year + 1, 1, 1) - first)


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)), st.sampled_from(CYCLES))
def test_sine_and_cosine_are_those_of_the_standard_librarys_calendar(moment, cycle):
    moment = moment.replace(microsecond=0)
    start = int((moment - datetime(1970, 1, 1)) / timedelta(seconds=1)) * 10**9
    columns = calendar.columns(TimeAxis("timestamps", start, HOUR), [cycle], 0, 1)[0]
    angle = 2 * np.pi * share(moment, cycle)
    np.testing.assert_allclose(columns, [np.sin(angle), np.cos(angle)], atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "size"), [("epoch-s", 10**9), ("epoch-ms", 10**6), ("epoch-us", 10**3), ("epoch-ns", 1)]
)
def test_epochs_count_as_timestamps_in_utc(kind, size):
    start = 1_700_000_000_000_000_000
    texts = calendar.columns(TimeAxis("timestamps", start, HOUR), CYCLES, 3, 50)
    np.testing.assert_allclose(
        calendar.columns(TimeAxis(kind, start // size, HOUR // size), CYCLES, 3, 50), texts, atol=1e-9
    )


def test_months_step_on_by_the_calendar():
    columns = calendar.columns(TimeAxis("timestamps", 0, 30 * 24 * HOUR, calendar="MS"), ["day-of-year"], 0, 13)
    np.testing.assert_allclose(columns[12], columns[0], atol=1e-12)
    np.testing.assert_allclose(np.arctan2(columns[6, 0], columns[6, 1]) % (2 * np.pi), 2 * np.pi * 181 / 365)


def written(path, rows, step=timedelta(hours=1), ahead=0):
    first = datetime(2024, 2, 28, 20)
    cells = [f"{first + k * step},{np.sin(k):.3f},{k % 3}" for k in range(rows)]
    cells += [f"{first + k * step},,{k % 3}" for k in range(rows, rows + ahead)]
    path.write_text("time,y,plan\n" + "\n".join(cells) + "\n")
    return path


def test_the_columns_stand_behind_those_of_the_file(tmp_path):
    options = ReadingOptions(known=("plan",), calendar=("hour-of-day", "day-of-week", "hour-of-day"))
    signal = read_signal(written(tmp_path / "s.csv", 60, ahead=5), options)
    names = ("sin hour-of-day", "cos hour-of-day", "sin day-of-week", "cos day-of-week")
    assert (signal.channels, signal.exogenous, signal.known) == (("y",), ("plan", *names), 5)
    assert signal.calendar == ("hour-of-day", "day-of-week")
    (recording,) = signal.recordings
    assert recording.values.shape == (60, 6)
    np.testing.assert_allclose(recording.values[4, 2:4], [0, 1], atol=1e-12)
    ahead = calendar.future(signal, recording, 9)
    assert ahead.shape == (5, 5)
    np.testing.assert_allclose(ahead[:, 1:3], recording.values[[12, 13, 14, 15, 16], 2:4], atol=1e-12)


def test_a_calendar_alone_needs_no_rows_of_the_future(tmp_path):
    signal = read_signal(written(tmp_path / "s.csv", 60), ReadingOptions(columns=("y",), calendar=("hour-of-day",)))
    np.testing.assert_allclose(
        calendar.future(signal, signal.recordings[0], 48),
        calendar.columns(signal.recordings[0].time, ["hour-of-day"], 60, 48),
    )


def test_each_recording_has_the_calendar_of_its_own_time(tmp_path):
    path = written(tmp_path / "s.csv", 60)
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:21] + lines[31:]) + "\n")
    signal = read_signal(path, ReadingOptions(columns=("y",), calendar=("hour-of-day",), missing="split"))
    first, second = signal.recordings
    np.testing.assert_allclose(second.values[0, 1:], first.values[6, 1:], atol=1e-12)


@pytest.mark.parametrize(
    ("time", "message"),
    [
        (TimeAxis(), r"--calendar hour-of-day: it has no time; expected stamps with a date, or epochs"),
        (TimeAxis("seconds", 0.0, 0.1), "its time is in seconds"),
        (TimeAxis("timestamps", 0, 24 * HOUR), r"a sample every 1 days does not show it; expected day-of-week or day"),
    ],
)
def test_signals_that_do_not_tell_where_in_the_cycle_they_are(time, message):
    signal = Signal("s", ("y",), (Recording(np.zeros((9, 1)), time),))
    with pytest.raises(SignalError, match=message):
        with_calendar(signal, ["hour-of-day"])


@pytest.mark.parametrize(("layout", "message"), [("wide", "it has no time"), ("columns", "--calendar with labels")])
def test_other_kinds_of_file_are_refused(tmp_path, layout, message):
    path = tmp_path / "s.csv"
    path.write_text("1,2,3\n4,5,6\n" if layout == "wide" else "state\n" + "\n".join("abab") + "\n")
    with pytest.raises(SignalError, match=message):
        read_signal(path, ReadingOptions(layout=layout, symbols=layout == "columns", calendar=("hour-of-day",)))


def test_a_calendar_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match="day-of-week"):
        ReadingOptions(calendar=("moon",))
