"""Columns and rows that are hardly what they seem: refused with the options that read them right."""

import re

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.reading import read
from forecaster.reading.formats.lvm import _likely_hz
from tests.hints import options_of, refusal

SIGNAL = np.round(np.sin(np.arange(80) / 3), 3)


def reread(path):
    """Read with the options that the refusal names."""
    return read(path, options_of(re.search("Add `([^`]*)`", refusal(path).hint)[1])).signal


@pytest.mark.parametrize("name", ["snapshot", "run", "machine_id", "File No", "id", "Test #"])
@pytest.mark.parametrize("numbers", [lambda i: i // 20, lambda i: [3, 12, 7, 7][i // 20]])
def test_a_column_that_numbers_recordings_is_no_channel(write, name, numbers):
    path = write(f"{name},acc\n" + "".join(f"{numbers(i)},{x}\n" for i, x in enumerate(SIGNAL)))
    assert f"column '{name}'" in str(refusal(path))
    signal = reread(path)
    assert signal.channels == ("acc",)
    np.testing.assert_array_equal(np.concatenate([r.values[:, 0] for r in signal.recordings]), SIGNAL)
    assert read(path, ReadingOptions(columns=(name, "acc"))).signal.channels == (name, "acc")


@pytest.mark.parametrize("name", ["rpm", "status", "load"])
def test_other_steps_are_measured(write, name):
    path = write(f"{name},acc\n" + "".join(f"{i // 40},{x}\n" for i, x in enumerate(SIGNAL)))
    assert read(path).signal.channels == (name, "acc")


def test_a_counter_is_left_out(write):
    path = write("counter,acc\n" + "".join(f"{i},{x}\n" for i, x in enumerate(SIGNAL)))
    assert read(path).signal.channels == ("acc",)


@pytest.mark.parametrize("labels", [("a", "b"), ("1", "2")])
@pytest.mark.parametrize("interleaved", [True, False])
def test_long_tables_are_neither_sorted_nor_averaged(write, labels, interleaved):
    rows = [(i, k) for i in range(80) for k in (0, 1)]
    rows = rows if interleaved else sorted(rows, key=lambda row: (row[1], row[0]))
    path = write("time,sensor,value\n" + "".join(f"{i / 10},{labels[k]},{SIGNAL[i] + k}\n" for i, k in rows))
    signal = reread(path)
    assert signal.channels == labels
    np.testing.assert_array_equal(signal.recordings[0].values, np.column_stack([SIGNAL, SIGNAL + 1]))


def test_recordings_of_their_own_time_are_grouped(write):
    rows = [(block, i) for block in ("x", "y") for i in range(40)]
    path = write("time,part,a,b\n" + "".join(f"{i / 10},{block},{i},{i * 2}\n" for block, i in rows))
    assert [len(r) for r in reread(path).recordings] == [40, 40]


def test_midnight_is_passed(write):
    stamps = [f"{(86398 + i) // 3600 % 24:02d}:{(86398 + i) // 60 % 60:02d}:{(86398 + i) % 60:02d}" for i in range(80)]
    path = write("time,v\n" + "".join(f"{t},{x}\n" for t, x in zip(stamps, SIGNAL, strict=True)))
    signal = read(path).signal
    assert signal.recordings[0].time.stamps(0, 4).tolist() == [86398.0, 86399.0, 86400.0, 86401.0]
    assert any("midnight (1" in note for note in signal.notes)


@pytest.mark.parametrize("year", ["9999", "2262", "1677", "0001"])
def test_years_that_would_wrap_around_are_refused(write, year):
    path = write("time,v\n" + "".join(f"{year}-01-01 00:{i:02d}:00,{i}.5\n" for i in range(50)))
    assert "1678 to 2261" in str(refusal(path))
    path = write("time,v\n" + "".join(f"{year}/01/01 00:{i:02d},{i}.5\n" for i in range(50)))
    assert "1678 to 2261" in str(refusal(path, time_format="%Y/%m/%d %H:%M"))


def test_whole_numbers_that_are_no_dates(write):
    path = write("date,v\n" + "".join(f"{20220101 + i},{i}.5\n" for i in range(60)))
    assert "no dates" in str(refusal(path))


def test_a_footer_is_no_reason_to_drop_the_time(write):
    path = write("time,v\n" + "".join(f"{i},{x}\n" for i, x in enumerate(SIGNAL)) + "Mean,0.1\n")
    error = refusal(path)
    assert ":82: column 'time': 'Mean' at the end" in str(error)
    assert "--no-time" not in str(error)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (['"1,234.5"', '"999.5"', '"1,000,000.0"'], [1234.5, 999.5, 1e6]),
        (['"1,234,567"', '"1,000,000"', '"5"'], [1234567, 1e6, 5]),
    ],
)
def test_commas_between_thousands(write, cells, expected):
    path = write("p,q\n" + "".join(f"{cell},1.5\n" for cell in cells))
    np.testing.assert_array_equal(reread(path).recordings[0].values[:, 0], expected)


def test_points_between_thousands_are_no_text(write):
    path = write("p;q\n1.234.567,5;1,5\n999,5;2,5\n")
    np.testing.assert_array_equal(reread(path).recordings[0].values, [[1234567.5, 1.5], [999.5, 2.5]])


def test_quoted_decimal_commas_between_commas(write):
    path = write('a,b\n"0,129","1,5"\n"-0,3","2"\n')
    np.testing.assert_array_equal(read(path).signal.recordings[0].values, [[0.129, 1.5], [-0.3, 2]])


@pytest.mark.parametrize(
    ("step", "hz"),
    [("0.000977", 1024), ("0.0009765625", 1024), ("0.001", 1000), ("0.000100", 10000), ("1.953125E-5", 51200),
     ("0.01", 100), ("0.02", 50), ("1.0", 1)],
)  # fmt: skip
def test_the_rate_that_a_rounded_step_stands_for(step, hz):
    assert _likely_hz(step) == hz


@pytest.mark.parametrize(
    ("units", "expected"),
    [(("g",), ("g", "g")), (("g", "mm"), ("g", "mm")), (("b=mm",), ("", "mm")), (("g", "b=mm"), ("g", "mm"))],
)
def test_units_for_all_for_each_or_by_name(write, units, expected):
    assert read(write("a,b\n1,2\n3,4\n"), ReadingOptions(units=units)).signal.units == expected


def test_units_that_do_not_fit_the_channels(write):
    assert "2 times --unit for 3 channels" in str(refusal(write("a,b,c\n1,2,3\n3,4,4\n"), units=("g", "mm")))


def test_a_clock_of_milliseconds_is_no_date_of_a_spreadsheet(tmp_path):
    path = tmp_path / "boot.csv"
    path.write_text("timestamp,x\n" + "".join(f"{20_000 + 10 * k},{k % 7}.5\n" for k in range(60)))
    assert len(read(path, ReadingOptions()).signal.recordings[0]) == 60


def rpm(first, rows=300):
    return "Datum;rpm\n" + "".join(
        f"05.03.2023 10:{k // 60:02d}:{k % 60:02d};{first + k:,}\n".replace(",", ".") for k in range(rows)
    )


@pytest.mark.parametrize(("text", "line"), [(rpm(900), 102), (rpm(980), 22), (rpm(995, 40), 7)])
def test_points_between_thousands_of_whole_numbers(write, text, line):
    path = write(text)
    error = refusal(path)
    assert (error.line, error.column) == (line, "rpm")
    assert "'1.000' among whole numbers" in str(error)
    values = reread(path).recordings[0].values[:, 0]
    assert (values[0], np.ptp(values)) == (values.min(), len(values) - 1)
    assert "`--decimal .`" in error.hint
    assert read(path, ReadingOptions(decimal=".")).signal.recordings[0].values[line - 2, 0] == 1.0


@pytest.mark.parametrize(
    "cells",
    [
        ["0.125", "3", "2.500", "-1.250"],
        ["501", "502", "503", "1.500", "0.250"],
        ["501", "502", "503", "1.500", "1.25"],
        ["501", "502", "503", "1.125", "1.375"],  # no cell ends in 0
        ["999", "1.500", "1.250"],  # one code, again and again
        ["501.000", "502.000", "503.000", "1.500"],
        ["101", "102", "103", "50.500"],  # no fall from the hundreds to one
        ["1", "2", "3", "1.500"],
    ],
)
def test_other_points_are_decimal(write, cells):
    texts = [cells[k % len(cells)] for k in range(100)]
    path = write("value\n" + "\n".join(texts) + "\n")
    values = read(path, ReadingOptions(na=("",))).signal.recordings[0].values[:, 0]
    np.testing.assert_array_equal(values, [float(text) for text in texts])


def clocks(second, head="Time A,A,Time B,B"):
    return f"{head}\n" + "".join(f"{k * 0.01:.2f},{k * 7 % 11}.5,{second(k)},{k * 5 % 13}.5\n" for k in range(300))


def test_two_clocks_of_different_rates(write):
    path = write(clocks(lambda k: f"{k * 0.02:.2f}"))
    error = refusal(path)
    assert (error.line, error.column) == (2, "Time B")
    assert "its step is 0.02, that of 'Time A' 0.01" in str(error)
    signal = reread(path)
    assert (signal.channels, signal.sample_rate_hz) == (("A",), 100)
    other = read(path, options_of(re.search(r"`([^`]*)` reads those", error.hint)[1])).signal
    assert (other.channels, other.sample_rate_hz) == (("B",), 50)
    assert "'Time A'" in str(refusal(path, time_columns=("Time B",)))


@pytest.mark.parametrize("second", [lambda k: f"{k * 0.01 + 3:.2f}", lambda k: 10 * k, lambda k: k * k])
def test_one_clock_twice_or_no_second_one(write, second):
    """One of the same rate, one in another unit, one that is no clock."""
    assert read(write(clocks(second))).signal.channels == ("A", "B")


def test_a_second_clock_with_no_channel_behind_it(write):
    text = "".join(f"{k * 0.01:.2f},{k * 7 % 11}.5,{k * 0.02:.2f}\n" for k in range(300))
    assert read(write("time,A,elapsed\n" + text)).signal.channels == ("A",)


def test_a_channel_before_two_clocks_has_neither_for_sure(write):
    rows = "".join(f"{k % 7}.5,{k * 0.01:.2f},{k % 5}.5,{k * 0.02:.2f},{k % 3}.5\n" for k in range(300))
    path = write("A,time,B,time2,C\n" + rows)
    assert refusal(path).hint == "Name the channels of one clock with --column, and that clock with --time-column."
    assert read(path, ReadingOptions(columns=("A", "C"), time_columns=("time2",))).signal.sample_rate_hz == 50


# Columns that are dropped are checked over the whole file: counts that break, rows that sum up, late numbers.

VALUES = [k * 7 % 11 + 0.5 for k in range(300)]


def added(error):
    """Return the options that a refusal says to add."""
    return options_of(re.search("Add `([^`]*)`", error.hint)[1])


def counted(count, name="No", end=""):
    return f"{name},Temp\n" + "".join(f"{count(k)},{x}\n" for k, x in enumerate(VALUES)) + end


def lengths(signal):
    return [len(recording) for recording in signal.recordings]


def test_missing_rows_of_a_count_are_refused_and_cut(write):
    path = write(counted(lambda k: k if k < 200 else k + 50, "Index"))
    error = refusal(path)
    assert (error.line, error.column) == (202, "Index")
    assert "from 199 to 250: 50 rows are missing" in str(error)
    signal = read(path, added(error)).signal
    assert lengths(signal) == [200, 100]
    np.testing.assert_array_equal(np.concatenate([r.values[:, 0] for r in signal.recordings]), VALUES)
    assert any("cut at 1 breaks in the count of column 'Index', the first from 199 to 250" in n for n in signal.notes)


@pytest.mark.parametrize("options", [{"columns": ("Temp",)}, {"no_time": True}])
def test_what_reads_on_over_missing_rows(write, options):
    path = write(counted(lambda k: k if k < 200 else k + 50))
    assert lengths(read(path, ReadingOptions(**options)).signal) == [300]


def test_a_count_that_stands_still_has_another_way_out(write):
    path = write(counted(lambda k: k - (k > 150)))
    error = refusal(path)
    assert (error.line, error.column) == (153, "No")
    assert "from 150 to 150" in str(error)
    assert added(error).columns == ("Temp",)
    assert lengths(read(path, added(error)).signal) == [300]
    assert lengths(read(path, ReadingOptions(missing="split")).signal) == [151, 149]


@pytest.mark.parametrize(
    ("count", "times", "line"),
    [
        (lambda k: k % 100, 2, 102),
        (lambda k: k % 128 + 1, 2, 130),
        (lambda k: (k + 65436) % 65536, 1, 102),
        (lambda k: (k + 32667 + 32768) % 65536 - 32768, 1, 103),
    ],
)
def test_a_count_may_begin_again(write, count, times, line):
    signal = read(write(counted(count))).signal
    assert lengths(signal) == [300]
    assert any(f"column 'No' begins again {times} times, first at line {line}" in note for note in signal.notes)


def test_each_recording_has_its_own_count(write):
    rows = "".join(f"{'ab'[k // 150]},{k % 150 + (k // 150) * 7},{x}\n" for k, x in enumerate(VALUES))
    signal = read(write("part,No,Temp\n" + rows), ReadingOptions(group_column="part")).signal
    assert lengths(signal) == [150, 150]
    assert not any("again" in note or "break" in note for note in signal.notes)


def test_a_time_tells_gaps_better_than_a_count(write):
    rows = "".join(f"{k / 2},{k if k < 200 else k + 50},{x}\n" for k, x in enumerate(VALUES))
    signal = read(write("time,No,Temp\n" + rows)).signal
    assert lengths(signal) == [300]
    assert "column 'No' has 1 breaks in its count, the first at line 202" in signal.notes


def test_a_count_goes_on_behind_what_is_known_ahead(write):
    rows = "".join(f"{k},{x},{k % 5}\n" for k, x in enumerate(VALUES)) + "300,,1\n,,2\n"
    signal = read(write("No,Temp,plan\n" + rows), ReadingOptions(known=("plan",))).signal
    assert lengths(signal) == [300]
    assert signal.recordings[0].future.tolist() == [[1.0], [2.0]]


@pytest.mark.parametrize("word", ["restart", "1e400"])
def test_a_word_in_a_count_is_no_reason_to_do_without_it(write, word):
    path = write(counted(lambda k: word if k == 150 else k))
    error = refusal(path)
    assert (error.line, error.column) == (152, "No")
    assert f"'{word}' in a column that counts the rows" in str(error)
    assert error.hint == "Mend the line, or delete it if it is no sample."


@pytest.mark.parametrize("cell", ["", "1_50"])
def test_another_cell_in_a_count(write, cell):
    path = write(counted(lambda k: cell if k == 150 else k))
    error = refusal(path)
    assert (error.line, error.column) == (152, "No")
    assert lengths(read(path, added(error)).signal) == [300]


def test_a_count_beside_many_channels(write):
    rows = "".join(f"{k - (k > 150)}" + f",{x}" * 13 + "\n" for k, x in enumerate(VALUES))
    path = write("No," + ",".join(f"c{j}" for j in range(13)) + "\n" + rows)
    assert added(refusal(path)).no_time
    assert lengths(read(path, added(refusal(path))).signal) == [300]


def test_a_row_that_is_too_short_behind_a_count_at_the_end(write):
    rows = [f"{x},{k}" for k, x in enumerate(VALUES)]
    rows[200] = "5.5"
    assert "a row with 1 fields" in str(refusal(write("Temp,No\n" + "\n".join(rows) + "\n")))


def test_counts_with_marks_between_thousands(write):
    rows = "".join(f'"{k:,}",{k % 7}.5\n' for k in range(1, 1200))
    assert lengths(read(write("No,Temp\n" + rows), ReadingOptions(thousands=",")).signal) == [1199]


@pytest.mark.parametrize("options", [{}, {"columns": ("Temp",)}])
@pytest.mark.parametrize(
    ("end", "line", "count"),
    [
        ("Mean,5.5\nMax,10.5\n", 302, 2),
        ("TOTAL,1650\n", 302, 1),
        ("Standard deviation:,3.2\n\n", 302, 1),
        ("Mittelwert,5.5\n,\n", 302, 1),
    ],
)
@pytest.mark.parametrize("first", [lambda k: k + 1, lambda k: "OK"])
def test_rows_that_sum_up_are_no_samples(write, options, end, line, count, first):
    error = refusal(write(counted(first, "No", end)), **options)
    assert (error.line, error.column) == (line, "No")
    assert f"--skip-end {count}" in error.hint
    assert end.partition(",")[0].split("\n")[0] in str(error)


@pytest.mark.parametrize(
    "label",
    [
        lambda k: "max" if k in (100, 299) else "normal",  # stands further up too
        lambda k: "max" if k > 296 else "normal",  # a state that lasts
        lambda k: "final" if k == 299 else "OK",
    ],
)
def test_other_words_at_the_end_are_no_sums(write, label):
    assert lengths(read(write(counted(label, "mode"))).signal) == [300]


def test_a_column_of_words_that_ends_in_numbers_is_told(write):
    rows = "".join(f"{'warming up' if k < 60 else x},{k * 3 % 7}\n" for k, x in enumerate(VALUES))
    path = write("Temp,P\n" + rows)
    assert any("the last 40 rows of column 'Temp' hold numbers" in note for note in read(path).signal.notes)
    chosen = ReadingOptions(columns=("Temp", "P"), na=("warming up",), missing="split")
    assert lengths(read(path, chosen).signal) == [240]
