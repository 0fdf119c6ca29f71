"""The strict reader on small files: what reads, what is refused, and with which words."""

import io
import os
import re
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import api, read
from tests.hints import options_of


@pytest.fixture
def reads(tmp_path):
    """Write text (or bytes) to a file and read it."""

    def call(content, suffix=".csv", **options):
        path = tmp_path / f"file{suffix}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read(path, ReadingOptions(**options))

    return call


def values(reading):
    return np.concatenate([r.values for r in reading.signal.recordings])


def refused(reads, content, **options):
    with pytest.raises(SignalError) as caught:
        reads(content, **options)
    return caught.value


ROWS = "".join(f"{k}.5\n" for k in range(20))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1\n2\n3\n", [[1], [2], [3]]),
        ("a\n1\n2\n3", [[1], [2], [3]]),
        ("a,b\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("a;b\n1,5;2\n3;4\n", [[1.5, 2], [3, 4]]),
        ("a\tb\n1\t2\n3\t4\n", [[1, 2], [3, 4]]),
        ("a|b\n1|2\n3|4\n", [[1, 2], [3, 4]]),
        ("a b\n1 2\n3 4\n", [[1, 2], [3, 4]]),
        ("1  2\n 3    4\n2 6\n", [[1, 2], [3, 4], [2, 6]]),
        ("\ufeffa,b\n1,2\n3,4\n", [[1, 2], [3, 4]]),
        ("\ufeff1,2.5\n3,4.5\n", [[1, 2.5], [3, 4.5]]),
        ("a,b\r\n1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
        ("a,b\r1,2\r3,4\r", [[1, 2], [3, 4]]),
        ("a,b,\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
        ("a,b\n1,2,\n3,4,\n", [[1, 2], [3, 4]]),
        ("a,b\n1,2\n3,4\n,\n,\n\n", [[1, 2], [3, 4]]),
        ('"a","b"\n"1","2"\n"3","4"\n', [[1, 2], [3, 4]]),
        ("acc\n1,5\n2,25\n", [[1.5], [2.25]]),
        ("0,05\n0,15\n1,25\n", [[0.05], [0.15], [1.25]]),
        ("größe\n+1.e2\n-.5\n", [[100], [-0.5]]),
        ("a,note\n1,ok\n2,bad\n", [[1], [2]]),
        ("idx,a\n0,5\n1,6\n2,5\n", [[5], [6], [5]]),
        ("x,1,2\n0.1,5,6\n0.7,8,9\n", [[0.1, 5, 6], [0.7, 8, 9]]),
        ("5.5\n" + ROWS, [[5.5], *[[k + 0.5] for k in range(20)]]),
    ],
)
def test_dialects(reads, text, expected):
    np.testing.assert_array_equal(values(reads(text)), expected)


@pytest.mark.parametrize(
    ("bad", "says", "option"),
    [
        ("0x1A", "hexadecimal", "--na 0x1A --missing interpolate"),
        ("inf", "no number", "--na inf --missing interpolate"),
        ("-Infinity", "no number", "--na -Infinity --missing interpolate"),
        ("nan", "no number", "--na nan --missing interpolate"),
        ("null", "no number", "--na null --missing interpolate"),
        ("N/A", "no number", "--na N/A --missing interpolate"),
        ("", "an empty cell", "--missing interpolate"),
        ("True", "truth value", "--na True --missing interpolate"),
        ("١٢", "digits that are not 0 to 9", "--na '١٢' --missing interpolate"),
        ("1e400", "too large", "--na 1e400 --missing interpolate"),
        ("-1e999", "too large", "--na -1e999 --missing interpolate"),
        ("1 2", "'1 2'", "--na '1 2' --missing interpolate"),
        ("1e", "'1e'", "--na 1e --missing interpolate"),
        ("1.2.3", "'1.2.3'", "--na 1.2.3 --missing interpolate"),
        ("overload", "'overload'", "--na overload --missing interpolate"),
        ("=1+1", "'=1+1'", "--na =1+1 --missing interpolate"),
    ],
)
@pytest.mark.parametrize("place", [7, 60])
@pytest.mark.parametrize("two_columns", [False, True])
def test_bad_cells(reads, bad, says, option, place, two_columns):
    """In the sample and behind it, alone in a row and beside another column."""
    lines = ["a;b" if two_columns else "a"] + [f"{k}.5;1" if two_columns else f"{k}.5" for k in range(80)]
    lines[place] = f"{bad};1" if two_columns else bad
    error = refused(reads, "\n".join(lines) + "\n")
    assert (error.line, error.column) == (place + 1, "a")
    assert says in str(error)
    assert f"`{option}`" in error.hint
    good = values(reads("\n".join(lines) + "\n", **options_of(option).model_dump()))
    np.testing.assert_array_equal(good[:, 0], np.arange(80) + 0.5)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("1", "a row with 1 fields"),
        ("1,2,3", "a row with 3 fields"),
        ("1,2,", "a delimiter at its end"),
        ("", "a blank line"),
        ("Total: 80 rows", "no number: 'Total: 80 rows'"),
        ('1,"2', "quote that is not closed"),
        ('"1"5,2', "a quote inside a cell"),
    ],
)
@pytest.mark.parametrize("place", [1, 5, 60, 79])
def test_bad_rows(reads, line, says, place):
    lines = ["a,b"] + [f"{k},{k % 7}" for k in range(80)]
    lines[place] = line
    error = refused(reads, "\n".join([*lines, "5,6"]) + "\n")
    if place > 1:
        assert error.line == place + 1
        assert says in str(error)


def test_a_text_footer(reads):
    error = refused(reads, "a,b\n" + "1,2\n" * 70 + "end of file\n")
    assert error.line == 72
    assert "end of file" in str(error)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "the file is empty"),
        (b"\n\n\n", "nothing to read"),
        (b"a,b\n", "only a header"),
        (b"a,b\nx,y\nz,w\n", "no column of numbers"),
        (b"PK\x03\x04abcxl/workbook", "an Excel workbook"),
        (b"PK\x03\x04abc", "a zip archive"),
        (b"\x1f\x8b\x08", "a gzip archive"),
        (b"PAR1abc", "a Parquet file"),
        (b"%PDF-1.4", "a PDF"),
        (b"\x89HDF\r\n", "an HDF5"),
        (b"1\n2\n\x00\x01\x02\n", "NUL bytes"),
        (b"a\n" + b"1\n" * 5000 + b"\x00\n", "NUL bytes"),
    ],
)
def test_what_is_no_signal(reads, content, says):
    assert says in str(refused(reads, content))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-32"])
def test_encodings_are_named_and_read(reads, encoding):
    text = "time;température (°C)\n" + "".join(f"{k * 0.5};{20 + k % 3}\n" for k in range(30))
    error = refused(reads, text.encode(encoding))
    option = re.search("`([^`]*)`", error.hint)[1]
    assert f"--encoding {encoding}" in option
    reading = reads(text.encode(encoding), **options_of(option).model_dump())
    assert reading.signal.channels == ("température",)
    assert reading.signal.units == ("°C",)
    assert reading.signal.sample_rate_hz == 2


def test_a_late_byte_of_latin_1_has_its_line(reads):
    error = refused(reads, b"a,note\n" + b"1,x\n" * 3000 + b"2,\xb0\n")
    assert error.line == 3002
    assert "--encoding latin-1" in error.hint


@pytest.mark.parametrize(
    ("stamps", "kind", "rate"),
    [
        (["2022-01-01", "2022-01-02", "2022-01-03"], "timestamps", 1 / 86400),
        (["2022-01-01 00:00", "2022-01-01 00:30", "2022-01-01 01:00"], "timestamps", 1 / 1800),
        (["2022-01-01T00:00:00Z", "2022-01-01T00:00:01Z", "2022-01-01T00:00:02Z"], "timestamps", 1),
        (["2022-01-01 00:00:00", "2022-01-01 00:00:00.5", "2022-01-01 00:00:01"], "timestamps", 2),
        (["2022/01/01 00:00:00", "2022/01/01 00:00:02", "2022/01/01 00:00:04"], "timestamps", 0.5),
        (["01.02.2022 10:00", "01.02.2022 11:00", "01.02.2022 12:00"], "timestamps", 1 / 3600),
        (["30/01/2022", "31/01/2022", "01/02/2022"], "timestamps", 1 / 86400),
        (["01/30/22", "01/31/22", "02/01/22"], "timestamps", 1 / 86400),
        (["05-Aug-2022 15:26:13", "05-Aug-2022 15:26:14", "05-Aug-2022 15:26:15"], "timestamps", 1),
        (["1/31/2022 11:00:00 PM", "1/31/2022 11:30:00 PM", "2/1/2022 12:00:00 AM"], "timestamps", 1 / 1800),
        (["2022-08-05T15.26.13.153", "2022-08-05T15.26.13.163", "2022-08-05T15.26.13.173"], "timestamps", 100),
        (["20220101", "20220102", "20220103"], "timestamps", 1 / 86400),
        (["10:00:00", "10:00:01", "10:00:02"], "seconds", 1),
        (["0", "0.001", "0.002"], "seconds", 1000),
        (["1600000000", "1600000060", "1600000120"], "epoch-s", 1 / 60),
        (["1600000000.25", "1600000000.5", "1600000000.75"], "epoch-s", 4),
        (["1600000000000", "1600000000010", "1600000000020"], "epoch-ms", 100),
        (["1600000000000000", "1600000000000100", "1600000000000200"], "epoch-us", 10000),
        (["1600000000000000001", "1600000000000000101", "1600000000000000201"], "epoch-ns", 1e7),
    ],
)
def test_times(reads, stamps, kind, rate):
    reading = reads("date;v\n" + "".join(f"{t};{i % 2}\n" for i, t in enumerate(stamps)))
    assert reading.signal.recordings[0].time.kind == kind
    assert reading.signal.sample_rate_hz == pytest.approx(rate)
    assert reading.signal.channels == ("v",)


@pytest.mark.parametrize(
    ("name", "first", "step", "kind", "rate"),
    [
        ("Timestamp (us)", 392093562, 20034, "seconds", 49.915144),
        ("time_ms", 400000000, 10, "seconds", 100),
        ("time_s", 400000000, 1, "epoch-s", 1),
        ("t_s", 400000000, 1, "epoch-s", 1),
        ("t_us", 17, 250, "seconds", 4000),
        ("Timestamp [ms]", 1600000000000, 10, "epoch-ms", 100),
        ("time (s)", 1600000000000, 10, "epoch-ms", 100),
        ("time", 400000000, 3600, "epoch-s", 1 / 3600),
        ("time", 1600000000, 3601, "epoch-s", 1 / 3601),
    ],
)
def test_the_headers_unit_tells_a_counter_from_an_epoch(reads, name, first, step, kind, rate):
    reading = reads(f"{name},v\n" + "".join(f"{first + k * step},{k % 3}\n" for k in range(40)))
    assert reading.signal.recordings[0].time.kind == kind
    assert reading.signal.sample_rate_hz == pytest.approx(rate)


def test_a_channel_that_rises_like_a_clock_is_told(reads):
    text = "tid,v\n" + "".join(f"{k / 50},{k % 3}\n" for k in range(40))
    reading = reads(text)
    assert reading.signal.channels == ("tid", "v")
    assert "column 'tid' rises steadily: if it is the time, --time-column tid" in reading.signal.notes
    assert reads(text, time_columns=("tid",)).signal.sample_rate_hz == 50
    assert not reads(text, no_time=True).signal.notes


def test_a_counter_without_a_unit_is_not_taken_for_seconds_since_1970(reads):
    text = "Timestamp,v\n" + "".join(f"{392093562 + k * 20034},{k % 3}\n" for k in range(40))
    error = refused(reads, text)
    assert "392093562 and the others are 1982-06-05 and a row every 20034 s" in str(error)
    assert (error.line, error.column) == (2, "Timestamp")
    assert "`--no-time --rate 49.9151`" in error.hint
    assert reads(text.replace("Timestamp", "time_us")).signal.sample_rate_hz == pytest.approx(49.915144)


@pytest.mark.parametrize("alias", ["MS", "ME", "QS", "QE", "YS", "YE"])
def test_calendars(reads, alias):
    import pandas as pd

    dates = pd.date_range("2000-01-01", periods=40, freq=alias)
    reading = reads("ds,y\n" + "".join(f"{d:%Y-%m-%d},{i % 5}\n" for i, d in enumerate(dates)))
    axis = reading.signal.recordings[0].time
    assert axis.calendar == alias
    more = pd.date_range(dates[0], periods=45, freq=alias)[40:]
    assert axis.stamps(40, 5).tolist() == [str(d) for d in more]


@pytest.mark.parametrize("day", ["02", "15", "28"])
@pytest.mark.parametrize(("months", "alias"), [(range(1, 13), "MS"), ((2, 5, 8, 11), "3MS"), ((7,), "12MS")])
def test_any_day_that_all_months_have_is_a_calendar(reads, day, months, alias):
    stamps = [f"{year}-{month:02d}-{day} 12:30:00" for year in range(2000, 2015) for month in months]
    text = "time,v\n" + "".join(f"{stamp},{k % 5}\n" for k, stamp in enumerate(stamps[:-1]))
    axis = reads(text).signal.recordings[0].time
    assert axis.calendar == alias
    assert axis.stamps(0, len(stamps)).tolist() == stamps


def test_months_on_the_30th_get_no_stamps_that_nobody_wrote(reads):
    days = [f"{year}-{month:02d}-{28 if month == 2 else 30}" for year in (2001, 2002) for month in range(1, 13)]
    text = "time,v\n" + "".join(f"{day},{k % 5}\n" for k, day in enumerate(days))
    assert "among steps of" in str(refused(reads, text))
    weeks = [f"{np.datetime64('2001-01-01') + 28 * k}" for k in range(30) if k != 7]
    text = "time,v\n" + "".join(f"{day},{k % 5}\n" for k, day in enumerate(weeks))
    assert reads(text, missing="split").timing.gaps == 1


@pytest.mark.parametrize(
    ("first", "count", "form"),
    [(20240101, 31, "%Y%m%d"), (202401011000, 60, "%Y%m%d%H%M"), (20240101100000, 60, "%Y%m%d%H%M%S")],
)
def test_dates_without_marks_are_no_seconds(reads, first, count, form):
    text = "time,v\n" + "".join(f"{first + k},{k % 5}\n" for k in range(count))
    error = refused(reads, text)
    assert f"Add `--time-format {form}` to read it." in error.hint
    assert reads(text, time_format=form).signal.recordings[0].time.stamps(0, 1)[0].startswith("2024-01-01")
    assert reads(text.replace("time", "time_s")).signal.sample_rate_hz == 1 or first > 10**10


@pytest.mark.parametrize(("text", "form"), [("2024-01-{:02d} 00", "%Y-%m-%d %H"), ("2024-W{:02d}-1", "%G-W%V-%u")])
def test_a_format_that_fits_is_proposed_and_a_time_is_not_lost_where_a_column_is_named(reads, text, form):
    rows = "time,v\n" + "".join(f"{text.format(k + 10)},{k % 5}\n" for k in range(15))
    for named in ({}, {"columns": ("v",)}):
        error = refused(reads, rows, **named)
        assert "--time-format" in error.hint
        assert form in error.hint
        axis = reads(rows, time_columns=("time",), time_format=form, **named).signal.recordings[0].time
        assert axis.kind == "timestamps"


def test_months_and_years_as_text(reads):
    assert reads("Month,n\n1949-01,1\n1949-02,2\n1949-03,5\n").signal.recordings[0].time.calendar == "MS"
    assert reads("year,n\n1700,1\n1701,2\n1702,5\n").signal.recordings[0].time.stamps(3, 1) == ["1703-01-01 00:00:00"]
    missing = refused(reads, "Month,n\n1949-01,1\n1949-02,2\n1949-04,5\n1949-05,5\n1949-06,7\n1949-07,7\n1949-08,7\n")
    assert "a gap" in str(missing)


def test_offsets_are_kept(reads):
    reading = reads("t,v\n2022-01-01 00:00:00+01:00,1\n2022-01-01 01:00:00+01:00,2\n2022-01-01 02:00:00+01:00,2\n")
    assert reading.signal.recordings[0].time.stamps(3, 1) == ["2022-01-01 03:00:00+01:00"]
    summer = "".join(f"2022-03-27 0{h}:00:00+0{z}:00,1\n" for h, z in ((0, 1), (1, 1), (3, 2), (4, 2)))
    reading = reads("t,v\n" + summer)
    assert reading.timing.gaps == 0
    assert reading.signal.recordings[0].time.stamps(4, 1) == ["2022-03-27 03:00:00Z"]


@pytest.mark.parametrize("options", [{}, {"time_format": "%Y-%m-%d %H:%M:%S%z"}], ids=["found", "given"])
def test_a_bad_stamp_among_those_with_offsets_is_the_one_that_is_named(reads, options):
    stamps = [f"2022-03-27 0{h}:00:00+0{z}:00" for h, z in ((0, 1), (1, 1), (3, 2), (4, 2), (5, 2))]
    stamps[3] = "2022-03-27 99:00:00+02:00"
    error = refused(reads, "t,v\n" + "".join(f"{stamp},1\n" for stamp in stamps), **options)
    assert ":5: " in str(error)
    assert "99:00:00" in str(error)


def test_day_or_month_first(reads):
    ambiguous = "date,v\n" + "".join(f"04/11/2022 08:{m:02},1\n" for m in range(30))
    error = refused(reads, ambiguous)
    assert "--time-format '%d/%m/%Y %H:%M'" in error.hint
    assert "--time-format '%m/%d/%Y %H:%M'" in error.hint
    reading = reads(ambiguous, time_format="%m/%d/%Y %H:%M")
    assert reading.signal.recordings[0].time.stamps(0, 1) == ["2022-04-11 08:00:00"]
    days = "date,v\n" + "".join(f"{d:02}/{m:02}/2022,1\n" for m, last in ((1, 12),) for d in range(1, last + 1))
    assert reads(days).signal.recordings[0].time.stamps(1, 1) == ["2022-01-02 00:00:00"]


def test_date_and_clock_in_two_columns(reads):
    text = (
        "Date;Time;v\n" + "".join(f"10/03/2004;{h:02}.00.00;{h},5\n" for h in range(24)) + "11/03/2004;00.00.00;1,5\n"
    )
    reading = reads(text, time_format="%d/%m/%Y %H.%M.%S")
    assert reading.signal.sample_rate_hz == pytest.approx(1 / 3600)
    assert reading.signal.recordings[0].time.stamps(24, 1) == ["2004-03-11 00:00:00"]


def test_one_of_several_times_is_taken(reads):
    text = "time,seconds_elapsed,v\n" + "".join(f"{1600000000000 + 10 * k},{k / 100},{k % 3}\n" for k in range(9))
    reading = reads(text)
    assert reading.signal.channels == ("v",)
    assert reading.signal.recordings[0].time.kind == "epoch-ms"
    assert any("'seconds_elapsed' is a time too" in note for note in reading.signal.notes)
    other = reads(text, time_columns=("seconds_elapsed",))
    assert other.signal.recordings[0].time.kind == "seconds"
    assert other.signal.channels == ("v",)


def seconds(*stamps):
    return "time,v\n" + "".join(f"{t},{k % 9}\n" for k, t in enumerate(stamps))


@pytest.mark.parametrize(
    ("stamps", "line", "says", "option"),
    [
        ([0, 1, 2, 2, 3, 4, 5, 6, 7], 5, "stands twice", "--duplicates mean"),
        ([0, 1, 3, 2, 4, 5, 6, 7, 8], 5, "steps back", "--sort"),
        ([0, 1, 2, 3, 6, 7, 8, 9, 10, 11, 12], 6, "a gap of 3 s", "--missing interpolate"),
        ([*range(20), *range(40, 50)], 22, "a gap of 21 s", "--missing split"),
        ([0, 1, 2, 3.4, 4.4, 5.4, 6.4], 5, "a step of 1.4 s", "--no-time --rate 1"),
        ([0, 1, 2, 2.5, 3.5, 4.5, 5.5], 5, "a step of 500 ms", "--no-time --rate 1"),
    ],
)
def test_irregular_times(reads, stamps, line, says, option):
    error = refused(reads, seconds(*stamps))
    assert (error.line, error.column) == (line, "time")
    assert says in str(error)
    assert f"`{option}`" in error.hint
    assert reads(seconds(*stamps), **options_of(option).model_dump()).signal.sample_rate_hz == pytest.approx(1)


def test_jitter_is_kept_within_a_quarter_step(reads):
    rng = np.random.default_rng(0)
    stamps = np.arange(200) + rng.uniform(-0.1, 0.1, 200)
    reading = reads(seconds(*stamps))
    axis = reading.signal.recordings[0].time
    assert 0 < reading.timing.jitter <= 0.25
    assert axis.stamps(0, 1)[0] == pytest.approx(stamps[0], abs=1e-6)
    assert axis.stamps(199, 1)[0] == pytest.approx(stamps[-1], abs=1e-6)


def test_interpolation_is_linear_and_counted(reads):
    reading = reads("time,a,b\n0,0,5\n1,1,5\n2,,5\n5,5,8\n6,6,9\n7,7,9\n8,8,9\n9,9,9\n", missing="interpolate")
    np.testing.assert_allclose(values(reading)[:, 0], np.arange(10))
    np.testing.assert_allclose(values(reading)[:, 1], [5, 5, 5, 6, 7, 8, 9, 9, 9, 9])
    assert reading.timing.interpolated == 5
    assert "5 missing values interpolated" in reading.signal.notes


def test_duplicates(reads):
    text = "time,v\n0,1\n1,2\n1,4\n2,5\n3,6\n"
    assert values(reads(text, duplicates="first"))[:, 0].tolist() == [1, 2, 5, 6]
    assert values(reads(text, duplicates="mean"))[:, 0].tolist() == [1, 3, 5, 6]
    assert reads(text, duplicates="mean").timing.duplicates == 1


def test_underscores(reads):
    text = "a\n1\n2\n1_000\n4\n"
    error = refused(reads, text)
    assert error.line == 4
    assert "`--thousands _`" in error.hint
    assert values(reads(text, thousands="_"))[2, 0] == 1000


@pytest.mark.parametrize(
    "options",
    [{"thousands": ","}, {"thousands": ",", "delimiter": ";", "decimal": "."}],
)
def test_thousands(reads, options):
    text = "a;b\n1,234.5;2\n12;1,000,000\n999.25;7\n"
    np.testing.assert_array_equal(values(reads(text, **options)), [[1234.5, 2], [12, 1e6], [999.25, 7]])
    error = refused(reads, text.replace("12;", "1,2;"), **options)
    assert (error.line, error.column) == (3, "a")


def test_ambiguous_thousands_are_refused(reads):
    error = refused(reads, "a;b\n1,234;2\n5,678;3\n")
    assert "--decimal ," in error.hint
    assert "--thousands ," in error.hint
    assert values(reads("a;b\n1,234;2\n5,678;3\n", decimal=","))[0, 0] == 1.234


@pytest.mark.parametrize(("end", "row_end"), [("", ""), (";", ""), (";", ";")])
def test_preambles(reads, end, row_end):
    rows = "".join(f"{k / 10};{k % 4}{row_end}\n" for k in range(50))
    text = f"Logger 7\nchannel 3\n\ntime;acc{end}\n{rows}"
    error = refused(reads, text)
    assert "`--skip-rows 3 --delimiter ';'`" in error.hint
    reading = reads(text, skip_rows=3, delimiter=";")
    assert reading.signal.channels == ("acc",)
    assert len(values(reading)) == 50
    assert reading.signal.recordings[0].line == 5


def test_columns_by_name_number_and_unit(reads):
    text = "t (s),acc x (g),acc y (g),junk\n" + "".join(f"{k / 4},{k % 3},{k % 5},?{k}\n" for k in range(20))
    assert reads(text, columns=("acc y",)).signal.channels == ("acc y",)
    assert reads(text, columns=("3", "2")).signal.channels == ("acc y", "acc x")
    assert reads(text, units=("acc y=m/s^2",)).signal.units == ("g", "m/s^2")
    assert reads(text, no_time=True).signal.recordings[0].time.kind == "samples"
    assert "no such column" in str(refused(reads, text, columns=("z",)))
    assert refused(reads, text, columns=("junk",)).column == "junk"


def test_unread_columns_still_count(reads):
    """A row cut short is no row, even if the wanted columns are whole."""
    text = "a,b,c\n" + "1,2,3\n" * 60
    assert len(values(reads(text, columns=("a",)))) == 60
    assert refused(reads, text + "1,2\n1,2,3\n", columns=("a",)).line == 62
    assert refused(reads, text + "1,2,3,4\n1,2\n1,2,3\n", columns=("a",)).line == 62


def test_trailing_comma_that_shifts(reads):
    error = refused(reads, "a,b\n1,2,3\n4,5,6\n")
    assert error.line == 2
    assert "a row with 3 fields under a header with 2" in str(error) or "column" in str(error)


def test_codes_for_missing_are_suspected(reads):
    text = "a,b\n" + "".join(f"{-999 if k % 9 == 3 else k % 5},{k % 4}\n" for k in range(60))
    error = refused(reads, text)
    assert "-999" in str(error)
    assert "--na -999" in error.hint
    assert len(values(reads(text, na=("",)))) == 60
    assert not np.isin(-999, values(reads(text, na=("-999",), missing="interpolate")))


def test_wide(reads):
    text = 'id,V1,V2,V3\n"x",1,2,3\n"y",4,5,\n'
    signal = reads(text, layout="wide").signal
    assert [(r.label, r.values[:, 0].tolist()) for r in signal.recordings] == [("x", [1, 2, 3]), ("y", [4, 5])]
    bare = reads("1,2,3\n4,5,6,7\n", layout="wide").signal
    assert [len(r) for r in bare.recordings] == [3, 4]
    error = refused(reads, "x,1,oops,3,4\n", layout="wide")
    assert error.line == 1
    assert "oops" in str(error)
    assert refused(reads, "x,1,,3\n", layout="wide").line == 1
    assert reads("x,1,,3\n", layout="wide", missing="interpolate").signal.recordings[0].values[:, 0].tolist() == [
        1,
        2,
        3,
    ]


def test_long(reads):
    text = "time,sensor,value\n" + "".join(f"{t},{s},{t * 10 + i}\n" for t in range(5) for i, s in enumerate("ab"))
    signal = reads(text, layout="long", group_column="sensor").signal
    assert signal.channels == ("a", "b")
    assert signal.recordings[0].values.tolist() == [[t * 10, t * 10 + 1] for t in range(5)]
    error = refused(reads, text.replace("3,a,30\n", ""), layout="long", group_column="sensor")
    assert "no value" in str(error)
    assert "--missing interpolate" in error.hint


@pytest.mark.parametrize("missing", ["split", "interpolate"])
def test_nothing_but_missing_cells(reads, missing):
    error = refused(reads, "a,b\n1,\n2,\n3,\n", missing=missing, columns=("b",))
    assert "no row without missing cells" in str(error)


def test_not_a_file(tmp_path):
    with pytest.raises(SignalError, match=r"folder|regular"):
        read(tmp_path)
    with pytest.raises(SignalError, match="No such file"):
        read(tmp_path / "none.csv")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SignalError, match="not a regular file"):
        read(tmp_path / "pipe")


def test_standard_input(monkeypatch):
    class Stdin:
        buffer = io.BytesIO(b"a\n1\n2\n")

    monkeypatch.setattr(sys, "stdin", Stdin)
    reading = read("-")
    assert reading.signal.name == "stdin"
    assert values(reading)[:, 0].tolist() == [1, 2]


def test_a_message_stays_short_and_printable(reads):
    error = refused(reads, "a\n1\n\x1b[31m" + "9" * 5000 + "x\n3\n")
    assert len(str(error)) <= 2000
    assert "\x1b" not in str(error)
    head = refused(reads, "\x1b[2Jname\n1\nx\n2\n")
    assert "\x1b" not in str(head)


def test_hash_rows_and_names(reads):
    import hashlib

    content = b"a,b\n" + b"1,2\n" * 3
    signal = reads(content).signal
    assert signal.sha256 == hashlib.sha256(content).hexdigest()
    assert (signal.rows, signal.name) == (3, "file")


def test_a_big_file_is_hashed_while_it_is_read(tmp_path, monkeypatch):
    import hashlib

    path = tmp_path / "big.csv"
    path.write_text("a\n" + "0.123456789\n" * 500_000)
    signal = read(path).signal
    assert signal.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(signal.recordings[0]) == 500_000
    with path.open("a") as file:
        file.write("x\n0.5\n")
    monkeypatch.setattr(api, "REHEARSED_BYTES", 1000)
    with pytest.raises(SignalError) as caught:
        read(path)
    assert caught.value.line == 500_002
    assert "`--na x --missing interpolate` would accept it" in caught.value.hint


finite = st.floats(allow_nan=False, allow_infinity=False)
fast = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fast
@given(
    st.integers(1, 4).flatmap(lambda c: st.lists(st.lists(finite, min_size=c, max_size=c), min_size=2, max_size=80)),
    st.sampled_from([",", ";", "\t", "|"]),
    st.sampled_from([".", ","]),
    st.booleans(),
    st.sampled_from(["\n", "\r\n"]),
)
def test_any_finite_table_reads_back_exactly(reads, table, delimiter, decimal, header, end):
    if decimal == delimiter:
        return
    lines = [delimiter.join(f"name{c}" for c in range(len(table[0])))] if header else []
    lines += [delimiter.join(repr(v).replace(".", decimal) for v in row) for row in table]
    options = {"delimiter": delimiter, "decimal": decimal, "no_header": not header, "no_time": True, "na": ("",)}
    # A column that never varies is read where it is named.
    options["columns"] = tuple(str(number) for number in range(1, len(table[0]) + 1))
    np.testing.assert_array_equal(values(reads(end.join(lines) + end, **options)), np.array(table))


@fast
@given(st.lists(st.sampled_from([1.0, 1.0, 1.0, 1.0, 1.0, 3.0, 40.0]), min_size=8, max_size=60), st.booleans())
def test_recordings_partition_the_rows(reads, steps, grouped):
    if np.median(steps) != 1 or sum(s > 1 for s in steps) > 0.1 * len(steps):
        return
    stamps = np.concatenate([[0], np.cumsum(steps)])
    reading = reads(seconds(*stamps), missing="split", **({"recording_rows": 7} if grouped else {}))
    np.testing.assert_array_equal(values(reading)[:, 0], np.arange(len(stamps)) % 9)
    at = 0
    for part in reading.signal.recordings:
        assert part.line == at + 2
        np.testing.assert_allclose(part.time.stamps(0, len(part)), stamps[at : at + len(part)])
        at += len(part)
    assert at == len(stamps)


@fast
@given(st.text(alphabet="0123456789.,;-+eEx_ \"'\nnaif", max_size=60))
def test_any_text_reads_as_numbers_or_is_refused(reads, text):
    try:
        reading = reads(text)
    except SignalError:
        return
    assert np.isfinite(values(reading)).all()


def test_options_that_contradict(reads):
    text = "1,2,3\n2,5,4\n3,5,6\n"
    assert "twice" in str(refused(reads, text, time_columns=("1", "1")))
    assert "--no-time together" in str(refused(reads, text, time_columns=("1",), no_time=True))
    assert "one character" in str(refused(reads, text, delimiter="ab"))
    assert "not an encoding" in str(refused(reads, text, encoding="nonsense"))
    assert "not a text encoding" in str(refused(reads, text, encoding="rot13"))
    assert "--layout long without" in str(refused(reads, text, layout="long"))
    assert "no channel" in str(refused(reads, text, units=("1=g",)))
