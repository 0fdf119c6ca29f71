"""Times by their headers and texts: units, counts of days, two-digit years, parts of a time, footers."""

import datetime
import re
from decimal import Decimal

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read
from tests.hints import options_of

COUNT = 60


def value(k):
    return k * 7 % 11 + 0.5


def table(head, stamps, sep=","):
    return f"{head}{sep}v\n" + "".join(f"{stamp}{sep}{value(k)}\n" for k, stamp in enumerate(stamps))


@pytest.fixture
def reads(tmp_path):
    def call(text, **options):
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8")
        return read(path, ReadingOptions(**options)).signal

    return call


@pytest.fixture
def refused(reads):
    def call(text, **options):
        with pytest.raises(SignalError) as caught:
            reads(text, **options)
        return caught.value

    return call


def proposed(error):
    return options_of(re.search("Add `([^`]*)`", error.hint)[1]).model_dump(exclude_defaults=True)


@pytest.mark.parametrize(
    ("head", "step_s"),
    [
        *((f"Time ({unit})", 1800) for unit in ("h", "hours", "hrs", "hour")),
        *((f"Zeit [{unit}]", 1800) for unit in ("Std.", "Stunden", "h")),
        *((f"time_{unit}", 30) for unit in ("min", "minutes")),
        *((f"Elapsed Time ({unit})", 30) for unit in ("mins", "in min", "Min.")),
        *((f"time{mark}", 5e-4) for mark in ("/ms", ".ms", ":ms", " in ms", " ms", "_msec", " (milliseconds)")),
        *((head, 5e-4) for head in ("TimeMs", "timems", "Milliseconds", "Time (ms) #2")),
        *((f"Time ({unit})", 5e-7) for unit in ("us", "\u00b5s", "\u03bcs", "usec", "microseconds")),
        ("time [ns]", 5e-10),
        ("Time (days)", 43200),
        *((head, 0.5) for head in ("Time", "time (s)", "Time [Sek.]", "Time (UTC)", "time (relative)", "seconds")),
    ],
)
def test_a_header_gives_the_unit_of_its_times(reads, head, step_s):
    signal = reads(table(head, (k / 2 for k in range(COUNT))))
    assert signal.channels == ("v",)
    assert 1 / signal.sample_rate_hz == pytest.approx(step_s, rel=1e-6)


def test_times_of_channels_and_tags_have_no_unit(reads):
    for head in ("Time A", "Time D", "Time Tag", "TimeTag", "time_std"):
        assert reads(table(head, (k / 2 for k in range(COUNT)))).sample_rate_hz == pytest.approx(2)


@pytest.mark.parametrize("unit", ["samples", "1/10 s", "ticks"])
def test_a_time_in_another_unit_is_not_taken_for_seconds(refused, unit):
    error = refused(table(f"Time ({unit})", range(COUNT)))
    assert f"file.csv:1: column 'Time ({unit})': a time in {unit!r}" in error.message
    assert proposed(error) == {"no_time": True}


@pytest.mark.parametrize("head", ["s [mm]", "T [\u00b0C]", "Temps [\u00b0C]", "t (K)", "Time [V]"])
def test_a_measured_column_that_sounds_like_a_time_is_a_channel(reads, head):
    signal = reads(table(head, (k / 2 for k in range(COUNT))))
    assert len(signal.channels) == 2
    assert signal.sample_rate_hz is None


def test_an_apparent_power_is_not_left_out_as_a_second_time(reads):
    rows = "".join(f"{k},{k * 2 + 0.1},{value(k)}\n" for k in range(COUNT))
    assert reads("Time,S [VA],P [W]\n" + rows).channels == ("S", "P")


@pytest.mark.parametrize(("head", "first"), [("Zeit", 44990.4166667), ("Time", 738000.25), ("t", 45000.1)])
def test_counts_of_days_are_no_seconds_under_any_name(refused, head, first):
    error = refused(table(head, (f"{first + k / 1440:.7f}" for k in range(COUNT))))
    assert "serial dates" in error.message
    assert proposed(error)["rate_hz"] == pytest.approx(1 / 60, rel=1e-4)


@pytest.mark.parametrize("rate", [50, 100, 1000, 1024])
def test_a_clock_of_seconds_as_large_as_days_is_one(reads, rate):
    signal = reads(table("Time", (f"{30000 + k / rate:.7f}" for k in range(COUNT))))
    assert signal.sample_rate_hz == pytest.approx(rate, rel=1e-4)


def dated(form, begin=(2023, 3, 1), **step):
    first = datetime.datetime(*begin)
    return [(first + k * datetime.timedelta(**step)).strftime(form) for k in range(COUNT)]


@pytest.mark.parametrize("form", ["%y/%m/%d %H:%M", "%y-%m-%d %H:%M"])
def test_a_year_of_two_digits_may_come_first(reads, form):
    signal = reads(table("Date", dated(form, hours=1)))
    assert str(signal.recordings[0].time.stamps(0, 1)[0]).startswith("2023-03-01")
    assert signal.sample_rate_hz == pytest.approx(1 / 3600)
    assert "dates read as year first: the steps are regular that way" in signal.notes


def test_a_day_that_may_be_a_year_is_told(reads):
    signal = reads(table("Date", dated("%y/%m/%d %H:%M", (2023, 3, 5), seconds=60)))
    note = "dates read as of 2005: if the year comes first (2023), --time-format '%y/%m/%d %H:%M'"
    assert note in signal.notes
    assert not reads(table("Date", dated("%d/%m/%y %H:%M", (2022, 5, 23), seconds=60))).notes


@pytest.mark.parametrize("form", ["%d-%b-%y %H:%M:%S", "%d-%b-%y %H:%M", "%d %b %y %H:%M"])
def test_months_by_name_with_short_years_are_read(reads, form):
    text = table("Date", dated(form, minutes=1))
    assert reads(text).sample_rate_hz == pytest.approx(1 / 60)
    assert reads(text).recordings[0].time == reads(text, time_columns=("Date",), time_format=form).recordings[0].time


def test_a_footer_below_stamps_is_to_be_deleted(refused):
    error = refused(table("Time", dated("%Y-%m-%d %H:%M:%S", seconds=1)) + "Mean,5.5\nMin,0.5\n")
    assert f":{COUNT + 2}: column 'Time': 'Mean' is no time stamp" in error.message
    assert error.hint == "Mend or delete the line."


def test_many_bad_stamps_are_a_reason_to_do_without_time(refused):
    stamps = [stamp if k % 5 else "late" for k, stamp in enumerate(dated("%Y-%m-%d %H:%M:%S", seconds=1), start=1)]
    assert proposed(refused(table("Time", stamps))) == {"no_time": True}


def test_the_header_again_is_to_be_deleted(refused):
    text = table("Time", dated("%Y-%m-%d %H:%M:%S", seconds=1))
    assert refused(text + text).hint == "Delete the line."


def test_milliseconds_in_a_column_of_their_own_are_part_of_the_time(reads, refused):
    rows = "".join(f"2023-03-05,10:00:{k // 10:02d},{k % 10 * 100},{value(k)}\n" for k in range(COUNT))
    error = refused("Date,Time,ms,v\n" + rows)
    assert "column 'ms' counts on within one and the same time" in error.message
    assert proposed(error) == {"no_time": True, "rate_hz": 10.0, "columns": ("v",)}
    assert reads("Date,Time,ms,v\n" + rows, no_time=True, rate_hz=10.0, columns=("v",)).channels == ("v",)


@pytest.mark.parametrize(("text", "plain"), [("\u22122.5", "-2.5"), ("2.5-", "-2.5"), ("1\u00a0000.5", "1000.5")])
def test_numbers_in_other_signs_are_not_called_missing(refused, text, plain):
    error = refused("a,v\n" + "".join(f"{k * k},{text if k % 20 == 19 else value(k)}\n" for k in range(COUNT)))
    assert f"'{text}' is a number in signs that are not read" in error.message.replace("\\xa0", "\u00a0")
    assert error.hint == f"Write it as {plain}."


@pytest.mark.parametrize("form", ["%Q", "%", "%Y %Y"])
def test_a_format_that_is_none_is_refused(refused, form):
    error = refused(table("Time", dated("%Y-%m-%d %H:%M:%S", seconds=1)), time_format=form)
    assert f"--time-format {form!r} is no format (" in error.message


@pytest.mark.parametrize("rate_hz", [51_200, 204_800, 1_000_000])
def test_epoch_seconds_go_on_at_the_rates_of_acoustics(reads, rate_hz):
    text = table("time", [f"{1_700_000_000 + Decimal(k) / rate_hz:.7f}" for k in range(6000)])
    signal = reads(text)
    stamps = signal.recordings[0].time.stamps(6000, 6000)
    assert signal.sample_rate_hz == pytest.approx(rate_hz, rel=1e-4)
    assert (np.diff(stamps) > 0).all()
    expected = np.arange(6000, 12_000) / signal.sample_rate_hz
    assert np.abs(stamps - 1_700_000_000 - expected).max() <= np.spacing(1.7e9)


@pytest.mark.parametrize("rate_hz", [7, 100, 128])
@pytest.mark.parametrize("begin_s", [36_000.0, 36_000.37])
def test_the_rate_of_stamps_cut_to_seconds_counts_the_rows_between_changes(refused, begin_s, rate_hz):
    seconds = [int(begin_s + k / rate_hz) for k in range(6 * rate_hz)]
    error = refused(table("time", [f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in seconds]))
    assert proposed(error)["rate_hz"] == pytest.approx(rate_hz, abs=0.5)
    low, high = map(float, re.search(r"it is (\S+) to (\S+) Hz", error.hint).groups())
    assert low <= rate_hz <= high


@pytest.mark.parametrize("mark", ["+01", "+0100", "+01:00", "+01:00[Europe/Berlin]"])
def test_offsets_as_they_are_written(reads, mark):
    stamps = [f"2024-03-{4 + k // 24:02}T{k % 24:02}:00:00{mark}" for k in range(COUNT)]
    axis = reads(table("time", stamps)).recordings[0].time
    assert axis.stamps(0, 1).tolist() == [f"2024-03-04 00:00:00{mark.partition('[')[0]}"]
    assert axis.step == 3600 * 10**9


def test_the_hour_24_is_the_next_midnight(reads):
    stamps = [f"2024-03-{4 + k // 24:02} {k % 24 + 1:02}:00" for k in range(COUNT)]
    axis = reads(table("time", stamps)).recordings[0].time
    assert axis.stamps(0, 1).tolist() == ["2024-03-04 01:00:00"]
    assert (axis.step, len(stamps)) == (3600 * 10**9, COUNT)


def test_an_hour_24_that_opens_a_day_is_refused(refused):
    refused(table("time", [f"2024-03-{4 + k // 24:02} {k % 24 or 24:02}:00" for k in range(COUNT)]))


def test_hours_go_on_over_24_in_durations(reads):
    seconds = [1800 * k for k in range(COUNT)]
    signal = reads(table("Elapsed", [f"{s // 3600}:{s // 60 % 60:02}:{s % 60:02}.5" for s in seconds]))
    axis = signal.recordings[0].time
    assert (axis.kind, axis.start, axis.step) == ("seconds", 0.5, 1800.0)


@pytest.mark.parametrize(
    ("stamps", "words"),
    [
        ([f"{month}-{year}" for year in range(90, 95) for month in ("Jan", "Apr", "Jul", "Oct")], "'Jan-90'.*1990-01"),
        ([f"May {year}" for year in range(1990, 2010)], "a month by its name"),
        ([f"2024-03-04 {k:02}:00 to 2024-03-04 {k + 1:02}:00" for k in range(20)], "an interval.*begin"),
        ([f"04/03/2024 {k:02}:00 - {k + 1:02}:00" for k in range(20)], "an interval.*begin"),
    ],
)
def test_months_by_name_and_intervals_are_not_left_out(refused, reads, stamps, words):
    error = refused(table("Period", stamps))
    assert re.search(words, str(error))
    assert reads(table("Period", stamps), no_time=True).rows == len(stamps)


def test_words_that_hold_a_month_are_text(reads):
    assert reads(table("label", ["Jan Smit", "May", "Mark-90", "March past"] * 5)).channels == ("v",)


def test_irregular_rows_from_the_newest_on_are_never_counted_in_the_order_of_the_file(refused):
    days = [datetime.date(2024, 12, 4) - datetime.timedelta(days=30 * k + k * k % 9) for k in range(COUNT)]
    error = refused(table("Bill Date", days))
    assert "--no-time" not in error.hint
    assert "--sort" in error.hint
