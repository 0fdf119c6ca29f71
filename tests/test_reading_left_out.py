"""Columns that are left out are judged over the whole file: counts that break, rows that sum up, late numbers."""

import re

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.reading import read
from tests.hints import options_of, refusal

VALUES = [k * 7 % 11 + 0.5 for k in range(300)]


def added(error):
    """Return the options that a refusal says to add."""
    return options_of(re.search("Add `([^`]*)`", error.hint)[1])


def counted(count, name="No", end=""):
    return f"{name},Temp\n" + "".join(f"{count(k)},{x}\n" for k, x in enumerate(VALUES)) + end


def lengths(signal):
    return [len(one) for one in signal.recordings]


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
    ("end", "line", "advice"),
    [
        ("Mean,5.5\nMax,10.5\n", 302, "Delete the last 2 lines."),
        ("TOTAL,1650\n", 302, "Delete the line."),
        ("Standard deviation:,3.2\n\n", 302, "Delete the line."),
        ("Mittelwert,5.5\n,\n", 302, "Delete the line."),
    ],
)
@pytest.mark.parametrize("first", [lambda k: k + 1, lambda k: "OK"])
def test_rows_that_sum_up_are_no_samples(write, options, end, line, advice, first):
    error = refusal(write(counted(first, "No", end)), **options)
    assert (error.line, error.column, error.hint) == (line, "No", advice)
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
