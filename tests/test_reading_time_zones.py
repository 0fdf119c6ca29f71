"""Local clocks: both changes of summer time, read in their zone, or refused by name without one."""

import datetime
import re
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read
from forecaster.reading.time_zones import NoSuchTimeError, utc_of, zone_of
from forecaster.signal.time_axis import TimeAxis

BERLIN = "Europe/Berlin"
AUTUMN, SPRING = datetime.datetime(2024, 10, 26, 20), datetime.datetime(2024, 3, 30, 20)


def local_table(begin, zone, minutes, rows=120):
    instants = [begin + datetime.timedelta(minutes=minutes * k) for k in range(rows)]
    local = [instant.replace(tzinfo=datetime.UTC).astimezone(ZoneInfo(zone)) for instant in instants]
    lines = [f"{time:%Y-%m-%d %H:%M:%S},{k * 7 % 11 + 0.5}" for k, time in enumerate(local)]
    return "\n".join(["time,v", *lines]) + "\n"


@pytest.fixture
def reads(tmp_path):
    def call(text, **options):
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        return read(path, ReadingOptions(**options)).signal

    return call


@pytest.mark.parametrize("minutes", [1, 15, 30, 60])
@pytest.mark.parametrize("begin", [AUTUMN, SPRING], ids=["autumn", "spring"])
def test_both_changes_are_read_in_the_zone(reads, begin, minutes):
    recording = reads(local_table(begin, BERLIN, minutes), time_zone=BERLIN).recordings[0]
    first = np.datetime64(begin, "ns").astype(np.int64)
    assert (len(recording), recording.time.start, recording.time.step) == (120, first, minutes * 60 * 10**9)


@pytest.mark.parametrize("minutes", [15, 60])
@pytest.mark.parametrize(
    ("begin", "words"), [(AUTUMN, "goes back.*end of summer time"), (SPRING, "goes forward.*start of summer time")]
)
def test_without_a_zone_a_change_is_named_and_nothing_else_is_proposed(reads, begin, words, minutes):
    with pytest.raises(SignalError, match=words) as caught:
        reads(local_table(begin, BERLIN, minutes))
    assert re.findall(r"--[a-z-]+", caught.value.hint) == ["--time-zone"]


def test_stamps_go_on_in_the_zone_across_a_change():
    start = int(np.datetime64("2024-10-27T00:00", "ns").astype(np.int64))
    axis = TimeAxis("timestamps", start, 1800 * 10**9, zone=BERLIN)
    assert axis.stamps(0, 4).tolist() == [
        "2024-10-27 02:00:00+02:00",
        "2024-10-27 02:30:00+02:00",
        "2024-10-27 02:00:00+01:00",
        "2024-10-27 02:30:00+01:00",
    ]
    # What depends on the time of day goes by the clock.
    assert (axis.instants(2, 1) - axis.instants(0, 1)).tolist() == [0]


def test_stamps_with_an_offset_are_written_in_the_zone(reads):
    text = "time,v\n" + "".join(f"2024-07-01T{hour:02}:00:00Z,{hour % 5}\n" for hour in range(24))
    axis = reads(text, time_zone=BERLIN).recordings[0].time
    assert axis.stamps(24, 1).tolist() == ["2024-07-02 02:00:00+02:00"]


def test_days_by_the_clock_stay_days(reads):
    days = [datetime.date(2024, 3, 1) + datetime.timedelta(days=k) for k in range(60)]
    signal = reads("day,v\n" + "".join(f"{day},{k % 7}\n" for k, day in enumerate(days)), time_zone=BERLIN)
    assert signal.recordings[0].time.stamps(60, 1).tolist() == ["2024-04-30 00:00:00"]
    assert any("changes nothing" in note for note in signal.notes)


@pytest.mark.parametrize(
    ("text", "zone", "words"),
    [
        ("time,v\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n", "Europe/Nowhere", "no time zone 'Europe/Nowhere'"),
        ("time,v\n2024-01-01 00:00,1\n2024-01-01 01:00,2\n", "../etc", "no time zone"),
        ("time,v\n0.1,1\n0.2,2\n0.3,3\n", BERLIN, "times without a date"),
        ("time,v\n2024-03-31 01:30,1\n2024-03-31 02:00,2\n2024-03-31 02:30,3\n", BERLIN, ":3: .*clocks.*skip"),
        ("time,v\n2024-10-27 02:10,1\n2024-10-27 02:20,2\n2024-10-27 02:30,3\n", BERLIN, "show twice"),
    ],
)
def test_what_no_zone_tells_is_refused(reads, text, zone, words):
    with pytest.raises(SignalError, match=words):
        reads(text, time_zone=zone)


@given(
    st.sampled_from([BERLIN, "America/New_York", "Australia/Sydney", "Asia/Kolkata"]),
    st.datetimes(datetime.datetime(2000, 1, 1), datetime.datetime(2030, 1, 1)),
    st.sampled_from([1, 5, 15, 60]),
    st.booleans(),
)
def test_local_times_are_what_the_zone_makes_of_utc(name, begin, minutes, is_descending):
    zone = zone_of(name)
    utc = np.datetime64(begin.replace(second=0, microsecond=0, minute=0), "ns").astype(np.int64)
    utc = utc + np.arange(300) * minutes * 60 * 10**9
    local = TimeAxis("timestamps", int(utc[0]), minutes * 60 * 10**9, zone=name).instants(0, 300)
    order = slice(None, None, -1 if is_descending else 1)
    assert (utc_of(local[order], zone) == utc[order]).all()


def test_a_zone_is_stored_only_where_one_is_set():
    assert "time_zone" not in ReadingOptions().model_dump_json()
    assert ReadingOptions(time_zone=BERLIN).model_dump()["time_zone"] == BERLIN


def test_an_hour_shown_twice_alone_does_not_tell():
    with pytest.raises(NoSuchTimeError, match="show twice"):
        utc_of(np.array(["2024-10-27T02:30"], "M8[ns]").astype(np.int64), zone_of(BERLIN))
