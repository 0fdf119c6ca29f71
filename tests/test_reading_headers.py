"""What instruments write above their data: units below the names, titles, headers that come again."""

import re

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.reading import read
from forecaster.reading.text.header import unit
from tests.hints import options_of, refusal


def wave(k):
    return k * 7 % 11 + 0.5


WAVE = [wave(k) for k in range(60)]
SECONDS = "".join(f"{k / 10},{wave(k)}\n" for k in range(60))
TWO = "".join(f"{k / 10:.2f},{wave(k)},{wave(k + 3)}\n" for k in range(60))


def proposed(path):
    return re.search("Add `([^`]*)`", refusal(path).hint)[1]


@pytest.mark.parametrize(
    ("text", "channels", "units", "step", "line"),
    [
        ("Time,Channel A,Channel B\n(ms),(V),(mV)\n\n" + TWO, ("Channel A", "Channel B"), ("V", "mV"), 1e-4, 4),
        ("Time,v\n[s]\n" + SECONDS, ("v",), ("",), 0.1, 3),
        ("Time,v\n[s],[V]\n\n\n" + SECONDS, ("v",), ("V",), 0.1, 5),
        ("Time,v\nmin,m/s^2\n" + SECONDS, ("v",), ("m/s^2",), 6.0, 3),
        ("x-axis,1,2\nsecond,Volt,Volt\n" + TWO, ("1", "2"), ("V", "V"), 0.1, 3),
        ("Zeit;Druck\nh;bar\n" + SECONDS.replace(",", ";").replace(".", ","), ("Druck",), ("bar",), 360.0, 3),
        ("Time\tT\n(µs)\tDeg C\n" + SECONDS.replace(",", "\t"), ("T",), ("°C",), 1e-7, 3),
        ("Time  v\n(ms)  (g)\n" + SECONDS.replace(",", "  "), ("v",), ("g",), 1e-4, 3),
        ("Time (ms),v (g)\nms,g\n" + SECONDS, ("v",), ("g",), 1e-4, 3),
        ("Time,v\ns,W/m^2\n" + SECONDS, ("v",), ("W/m^2",), 0.1, 3),
    ],
)
def test_a_row_of_units_below_the_names(write, text, channels, units, step, line):
    reading = read(write(text))
    signal = reading.signal
    assert (signal.channels, signal.units, signal.recordings[0].line) == (channels, units, line)
    assert reading.timing.step_s == pytest.approx(step)
    assert "line 2 holds the units" in signal.notes
    assert signal.recordings[0].values[:, 0].tolist() == WAVE


def test_units_below_one_name_and_below_a_date_and_its_clock(write):
    single = read(write("v\nV\n" + "".join(f"{value}\n" for value in WAVE))).signal
    assert (single.channels, single.units) == (("v",), ("V",))
    rows = "".join(f"13.01.2023,00:00:{k:02},{wave(k)}\n" for k in range(60))
    dated = read(write("Date,Time,v\ndd.mm.yyyy,hh:mm:ss,mV\n" + rows)).signal
    assert (dated.channels, dated.units, dated.sample_rate_hz) == (("v",), ("mV",), 1.0)


def test_what_the_user_says_wins_over_a_row_of_units(write):
    path = write("Time,a,b\n(ms),(V),(mV)\n" + TWO)
    assert read(path, ReadingOptions(skip_rows=1)).signal.channels == ("(ms)", "(V)", "(mV)")
    plain = read(path, ReadingOptions(skip_rows=2, no_header=True)).signal
    assert plain.channels == ("column_2", "column_3")
    path = write("x-axis,1\nsecond,Volt\n" + SECONDS)
    options = ReadingOptions(columns=("2",), na=("Volt",), missing="split", no_time=True)
    assert read(path, options).signal.notes == ()


@pytest.mark.parametrize(
    "text",
    [
        "Time,v\nAnna,V\n" + SECONDS,
        "Time,v\n(1.5),V\n" + SECONDS,
        "Time,v\n-----,-----\n" + SECONDS,
        "label,v\nm,\nkg,3\n" + "".join(f"s,{value}\n" for value in WAVE),
        ",sensor\nt,g\n" + SECONDS,
    ],
)
def test_a_row_of_text_is_no_row_of_units(write, text):
    assert "units" not in str(refusal(write(text)))


@pytest.mark.parametrize("text", ["Ω", "°C", "μs", "mV/V", "kg/m3", "VOLTS", "[%]", "(foo)"])
def test_units(text):
    assert unit(text)


@pytest.mark.parametrize("text", ["", " ", "-", "(-)", "[1]", "yyyy-mm-dd hh:mm"])
def test_cells_that_say_there_is_no_unit(text):
    assert unit(text) == ""


@pytest.mark.parametrize(
    "text", ["1", "-3.5", "(2.5)", "2023-01-01", "Mass", "on", "VV", "a/b", "(a name of many letters)"]
)
def test_cells_that_are_no_units(text):
    assert unit(text) is None


def test_units_behind_a_preamble(write):
    path = write("Logger 7\nmade in spring\nTime\tAcc\n(min)\t(m/s^2)\n" + SECONDS.replace(",", "\t"))
    assert proposed(path) == "--skip-rows 2 --delimiter tab"
    signal = read(path, options_of(proposed(path))).signal
    assert (signal.channels, signal.units, signal.recordings[0].line) == (("Acc",), ("m/s^2",), 5)
    assert "line 4 holds the units" in signal.notes


@pytest.mark.parametrize("fields", [4, 8])
def test_a_table_of_a_campbell_logger(write, fields):
    first = '"TOA5","CR1000","CR1000","12345","CR1000.Std.32","CPU:x.CR1","1234","T"\n'
    names = ["TIMESTAMP", "RECORD", "BattV_Avg", "Flux_Avg", "a", "b", "c", "d"][:fields]
    units = ["TS", "RN", "Volts", "umol/m2/fortnight", "", "", "", ""][:fields]
    done = ["", "", "Avg", "Avg", "Smp", "Min", "TMx", "Std"][:fields]
    head = first + "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in (names, units, done))
    values = ",".join(["3.5"] * (fields - 3))
    path = write(head + "".join(f'"2023-01-01 00:00:{k:02}",{k},{wave(k)},{values}\n' for k in range(60)))
    assert proposed(path) == "--skip-rows 1"
    reading = read(path, options_of("--skip-rows 1"))
    at = reading.signal.channels.index("BattV_Avg")
    assert reading.signal.units[at] == "V"
    assert reading.signal.recordings[0].values[:, at].tolist() == WAVE
    assert reading.timing.step_s == 1


@pytest.mark.parametrize(("title", "last"), [('"Plot Title: x",,,', '""'), ('"Plot Title: x"', '"Host Connected"')])
def test_a_title_above_names_and_rows_that_end_in_a_comma(write, title, last):
    head = f'{title}\n"#","Date Time, GMT+01:00","Temp, °C (LGR S/N: 1)",{last}\n'
    path = write(head + "".join(f"{k + 1},03/25/23 10:00:{k:02} AM,{wave(k)},\n" for k in range(60)))
    assert proposed(path) == "--skip-rows 1 --delimiter ,"
    reading = read(path, options_of(proposed(path)))
    assert reading.signal.channels == ("Temp, °C (LGR S/N: 1)",)
    assert reading.signal.recordings[0].values[:, 0].tolist() == WAVE
    assert reading.timing.step_s == 1


def test_a_title_right_above_the_data_is_no_row_of_names(write):
    assert proposed(write("Made by a logger,\n" + "Anna,\n" + SECONDS)).startswith("--skip-rows 2 --no-header")


LVM = "LabVIEW Measurement\t\nSeparator\tTab\nMulti_Headings\tYes\nX_Columns\tOne\n***End_of_Header***\t\n\t\n"
SEGMENT = "Channels\t1\t\nSamples\t{0}\t\n***End_of_Header***\t\t\nX_Value\tA\tComment\n"


def segment(rows):
    return SEGMENT.format(rows) + "".join(f"{k / 1000:.3f}\t{wave(k)}\t\n" for k in range(rows))


@pytest.mark.parametrize("rows", [5, 200, 20_000])
def test_a_labview_file_of_two_segments_is_never_cut(write, rows):
    error = refusal(write(LVM + segment(rows) + "\n" + segment(rows)))
    assert "the header of the channels comes again" in str(error)
    assert f"file.csv:{6 + 4 + rows + 1 + 3}:" in str(error)
    assert "`" not in error.hint
    assert proposed(write(LVM + segment(rows))) == "--skip-rows 9 --delimiter tab"


def test_decimal_commas_between_commas(write):
    path = write("Zeit,v\n" + "".join(f"{k // 10},{k % 10},{k * 7 % 11},5\n" for k in range(60)))
    error = refusal(path)
    assert "decimal commas between commas" in str(error)
    assert "--" not in str(error)
    right = read(path, ReadingOptions(skip_rows=1, no_header=True, columns=("1", "2", "3", "4"))).signal
    np.testing.assert_array_equal(right.recordings[0].values[12], [1, 2, 84 % 11, 5])
    points = write("a,b\n" + "".join(f"{k}.5,{k % 7},{k % 3},5\n" for k in range(60)))
    assert "--skip-rows 1 --no-header" in refusal(points).hint
