"""Stamps continue a time axis as the file wrote it."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis


def ns(text):
    return int(np.datetime64(text, "ns").astype(np.int64))


@pytest.mark.parametrize(
    ("axis", "first", "expected"),
    [
        (TimeAxis(), 5, [5, 6, 7]),
        (TimeAxis("samples", 100, 1), 2, [102, 103, 104]),
        (TimeAxis("seconds", 0.0, 0.1), 1, [0.1, 0.2, 0.3]),
        (TimeAxis("seconds", 0.0, 0.02), 1558, [31.16, 31.18, 31.2]),
        (TimeAxis("seconds", 0.0, 1 / 1024), 1, [0.0009765625, 0.001953125, 0.0029296875]),
        (TimeAxis("epoch-s", 1600000000, 60), 1, [1600000060, 1600000120, 1600000180]),
        (TimeAxis("epoch-s", 1600000000.5, 0.25), 1, [1600000000.75, 1600000001.0, 1600000001.25]),
        (TimeAxis("epoch-ms", 1659731173153, 9.98), 1, [1659731173163, 1659731173173, 1659731173183]),
        (
            TimeAxis("epoch-ns", 1760565906248623000, 10029000),
            1,
            [1760565906258652000 + 10029000 * k for k in range(3)],
        ),
    ],
)
def test_numbers(axis, first, expected):
    assert axis.stamps(first, 3).tolist() == expected


@pytest.mark.parametrize(
    ("axis", "first", "expected"),
    [
        (TimeAxis("timestamps", ns("2014-07-01"), 1800 * 10**9), 1, ["2014-07-01 00:30:00", "2014-07-01 01:00:00"]),
        (
            TimeAxis("timestamps", ns("2014-07-01"), 10**9, "+01:00"),
            0,
            ["2014-07-01 00:00:00+01:00", "2014-07-01 00:00:01+01:00"],
        ),
        (
            TimeAxis("timestamps", ns("2022-11-04T08:36:24.897"), 10**7),
            1,
            ["2022-11-04 08:36:24.907", "2022-11-04 08:36:24.917"],
        ),
        (
            TimeAxis("timestamps", ns("2022-01-01"), 12_500_000_000),
            1,
            ["2022-01-01 00:00:12.500", "2022-01-01 00:00:25.000"],
        ),
        (
            TimeAxis("timestamps", ns("2022-06-13T22:30:39"), 3600272151898.7344),
            1,
            ["2022-06-13 23:30:39", "2022-06-14 00:30:40"],
        ),
        (
            TimeAxis("timestamps", ns("2022-01-01"), 39062),
            1,
            ["2022-01-01 00:00:00.000039062", "2022-01-01 00:00:00.000078124"],
        ),
        (
            TimeAxis("timestamps", ns("1949-11-01"), 30 * 86400 * 10**9, "", "MS"),
            1,
            ["1949-12-01 00:00:00", "1950-01-01 00:00:00"],
        ),
        (
            TimeAxis("timestamps", ns("2023-12-31"), 30 * 86400 * 10**9, "", "ME"),
            2,
            ["2024-02-29 00:00:00", "2024-03-31 00:00:00"],
        ),
    ],
)
def test_texts(axis, first, expected):
    assert axis.stamps(first, 2).tolist() == expected


@pytest.mark.parametrize("alias", ["MS", "ME", "QS", "QE", "YS", "YE", "2MS", "5ME"])
def test_calendar_agrees_with_pandas(alias):
    dates = pd.date_range("2019-01-01", periods=30, freq=alias)
    axis = TimeAxis("timestamps", ns(str(dates[0])), 1, "", alias)
    assert axis.stamps(0, 30).tolist() == [str(date) for date in dates]


def test_unknown_calendar():
    with pytest.raises(ValueError, match="FOO"):
        TimeAxis("timestamps", 0, 1, "", "FOO").stamps(0, 1)


@given(st.integers(0, 10**15), st.integers(1, 10**12), st.integers(0, 1000), st.integers(1, 20))
def test_integers_are_exact_and_join_on(start, step, first, count):
    axis = TimeAxis("epoch-ns", start, step)
    assert axis.stamps(first, count).tolist() == [start + (first + k) * step for k in range(count)]
    both = [*axis.stamps(0, first), *axis.stamps(first, count)]
    assert both == axis.stamps(0, first + count).tolist()


@given(st.integers(0, 4 * 10**9), st.integers(1, 10**6), st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_texts_are_exact_where_the_step_is_whole(start_s, steps, unit):
    axis = TimeAxis("timestamps", start_s * 10**9, steps * unit)
    stamps = axis.stamps(3, 4)
    assert pd.to_datetime(stamps).as_unit("ns").astype("int64").tolist() == [
        start_s * 10**9 + k * steps * unit for k in range(3, 7)
    ]


def test_series_is_the_last_recording_of_each_label():
    def part(label, rows):
        return Recording(np.zeros((rows, 1)), TimeAxis(), label=label)

    signal = Signal("a", ("value",), (part("x", 1), part("y", 2), part("x", 3)))
    assert [(r.label, len(r)) for r in signal.series()] == [("x", 3), ("y", 2)]


@pytest.mark.parametrize(
    "axis",
    [
        TimeAxis("timestamps", pd.Timestamp("2024-01-01").value, 86_400 * 10**9),
        TimeAxis("timestamps", pd.Timestamp("2262-01-01").value, 3600.5 * 10**9),
        TimeAxis("timestamps", pd.Timestamp("2003-01-31").value, 1, calendar="ME"),
        TimeAxis("timestamps", pd.Timestamp("1800-01-15 12:00").value, 1, calendar="YS"),
        TimeAxis("epoch-ns", 2**63 - 10**12, 10**9),
    ],
)
def test_the_last_stamp_of_an_axis_is_the_largest(axis):
    room = int(axis.room)
    last = axis.stamps(room - 2, 2)
    assert str(last[0]) < str(last[1])
    assert str(last[1])[:4] in ("2262", "9223")


def test_seconds_have_no_last_stamp():
    assert TimeAxis("seconds", 0.0, 0.5).room == float("inf")
    assert TimeAxis().room > 10**18


@given(
    rate_hz=st.floats(0.5, 1e6),
    start=st.decimals(10**8, 4 * 10**9, places=7).map(float),
    first=st.integers(0, 10**9),
)
def test_stamps_of_epoch_seconds_are_exact_at_any_rate(rate_hz, start, first):
    step = 1 / rate_hz
    stamps = TimeAxis("epoch-s", start, step).stamps(first, 50)
    assert (np.diff(stamps) > 0).all()
    for index, stamp in enumerate(stamps.tolist(), start=first):
        error = abs(Fraction(stamp) - Fraction(Decimal(repr(start))) - index * Fraction(step))
        assert error <= max(Fraction(1, 2 * 10**9), Fraction(float(np.spacing(stamp))))
