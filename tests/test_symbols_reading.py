"""Columns of labels: which column, which alphabet, and what is refused where."""

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read, read_signal
from forecaster.reading.symbols import MAX_SYMBOLS, one_alphabet, recoded

SYMBOLS = ReadingOptions(symbols=True)


def told(**more):
    return ReadingOptions(symbols=True, **more)


def written(tmp_path, text, name="labels.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def column(tmp_path, labels, header="weather", name="labels.csv"):
    return written(tmp_path, "\n".join([*([header] if header else []), *labels]) + "\n", name)


def texts(signal, recording=0):
    return [signal.symbols[int(code)] for code in signal.recordings[recording].values[:, 0]]


@pytest.mark.parametrize(("header", "channel"), [("weather", "weather"), ("", "value")])
def test_the_alphabet_is_in_the_order_of_first_appearance(tmp_path, header, channel):
    signal = read_signal(column(tmp_path, "SCRTSCRTTS", header), SYMBOLS)
    assert signal.symbols == ("S", "C", "R", "T")
    assert signal.channels == (channel,)
    assert "".join(texts(signal)) == "SCRTSCRTTS"
    assert signal.recordings[0].values.shape == (10, 1)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_the_only_text_column_is_taken_beside_time_and_numbers(tmp_path, mark):
    rows = [mark.join((f"2024-01-01 00:{k:02d}:00", f"{k}", "on" if k % 3 else '"off, cold"')) for k in range(30)]
    signal = read_signal(written(tmp_path, "\n".join([mark.join(("time", "load", "state")), *rows])), SYMBOLS)
    assert signal.channels == ("state",)
    assert signal.symbols == ("off, cold", "on")
    assert signal.recordings[0].time.stamps(30, 1).tolist() == ["2024-01-01 00:30:00"]


def test_numbers_are_labels_by_their_text(tmp_path):
    text = "t,state\n" + "".join(f"{k},{('1', '01', '2.0')[k % 3]}\n" for k in range(20))
    signal = read_signal(written(tmp_path, text), SYMBOLS)
    assert signal.symbols == ("1", "01", "2.0")
    assert signal.sample_rate_hz == 1


def test_a_named_column_goes_before_all_others(tmp_path):
    path = written(tmp_path, "a,b\n" + "".join(f"x{k % 3},y{k % 2}\n" for k in range(20)))
    assert read_signal(path, told(columns=("b",))).symbols == ("y0", "y1")
    with pytest.raises(SignalError, match=r"2 columns may hold the labels \('a', 'b'\).*--column"):
        read_signal(path, SYMBOLS)


def test_missing_labels_follow_the_missing_rule(tmp_path):
    path = column(tmp_path, ["S", "C", "", "R", "?", "S", "C", "R"])
    with pytest.raises(SignalError, match=r"labels.csv:4: column 'weather': an empty cell.*--missing split"):
        read_signal(path, SYMBOLS)
    signal = read_signal(path, told(missing="split", na=("?",)))
    assert [texts(signal, r) for r in range(3)] == [["S", "C"], ["R"], ["S", "C", "R"]]
    assert [recording.line for recording in signal.recordings] == [2, 5, 7]
    with pytest.raises(SignalError, match=r"nothing between two symbols.*--missing split"):
        read_signal(path, told(missing="interpolate"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"duplicates": "mean"}, "no mean"),
        ({"layout": "wide"}, "--layout wide"),
        ({"exogenous": ("x",)}, "--exogenous"),
        ({"units": ("g",)}, "--unit"),
        ({"columns": ("a", "b")}, "2 times --column"),
    ],
)
def test_options_that_mean_nothing_for_labels_are_refused(tmp_path, options, problem):
    with pytest.raises(SignalError, match=problem):
        read_signal(column(tmp_path, "SCRT" * 5), told(**options))


def test_a_column_without_repetition_is_an_identifier(tmp_path):
    with pytest.raises(SignalError, match=r"column 'id': 30 rows with 30 different labels.*rather an identifier"):
        read_signal(column(tmp_path, [f"a{k}" for k in range(30)], "id"), SYMBOLS)
    assert len(read_signal(column(tmp_path, [*(f"a{k}" for k in range(30)), "a0"], "id"), SYMBOLS).symbols) == 30


def test_too_many_symbols_are_refused(tmp_path):
    labels = [f"a{k % (MAX_SYMBOLS + 1)}" for k in range(MAX_SYMBOLS + 20)]
    with pytest.raises(SignalError, match=f"{MAX_SYMBOLS + 1} different labels; expected at most {MAX_SYMBOLS}"):
        read_signal(column(tmp_path, labels), SYMBOLS)


@pytest.mark.parametrize("bad", ["x" * 65, "a\x07b"])
def test_what_is_no_symbol_is_refused_with_its_line(tmp_path, bad):
    with pytest.raises(SignalError, match=r"labels.csv:4: column 'weather': .*at most 64 printable characters"):
        read_signal(column(tmp_path, ["S", "C", bad, "S"] * 4), SYMBOLS)


def test_groups_and_lengths_cut_labels_too(tmp_path):
    text = "run,state\n" + "".join(f"{k // 5},{'ab'[k % 2]}\n" for k in range(20))
    signal = read_signal(written(tmp_path, text), told(columns=("state",), group_column="run"))
    assert [len(recording) for recording in signal.recordings] == [5, 5, 5, 5]


def test_a_gap_in_time_is_refused_or_cuts(tmp_path):
    text = "t,state\n" + "".join(f"{k + (100 if k > 60 else 0)},{'ab'[k % 2]}\n" for k in range(120))
    with pytest.raises(SignalError, match=r"labels.csv:63: .*--missing split"):
        read_signal(written(tmp_path, text), SYMBOLS)
    signal = read_signal(written(tmp_path, text), told(missing="split"))
    assert [len(recording) for recording in signal.recordings] == [61, 59]


def test_a_new_file_gets_the_codes_of_the_models_alphabet(tmp_path):
    signal = recoded(read_signal(column(tmp_path, "TTRSC" * 3), SYMBOLS), ("S", "C", "R", "T"))
    assert signal.recordings[0].values[:5, 0].tolist() == [3, 3, 2, 0, 1]
    assert "".join(texts(signal)) == "TTRSC" * 3


def test_an_unknown_symbol_is_refused_with_its_place(tmp_path):
    signal = read_signal(column(tmp_path, "SCRXSCR"), SYMBOLS)
    with pytest.raises(SignalError, match=r"labels.csv:5: column 'weather': the symbol 'X'.*knows: S, C, R"):
        recoded(signal, ("S", "C", "R"))


def test_several_files_share_one_alphabet(tmp_path):
    files = [column(tmp_path, labels, name=f"{k}.csv") for k, labels in enumerate(("SCSC", "RCS"))]
    first, second = one_alphabet([read_signal(file, SYMBOLS) for file in files])
    assert first.symbols == second.symbols == ("S", "C", "R")
    assert second.recordings[0].values[:, 0].tolist() == [2, 1, 0]


def test_numbers_read_as_before_and_name_the_text_columns_left_out(tmp_path):
    result = read(written(tmp_path, "x,state\n" + "".join(f"{k},{'ab'[k % 2]}\n" for k in range(20))))
    assert result.dropped_columns == ("state",)
    assert result.signal.symbols == ()
    np.testing.assert_array_equal(result.signal.recordings[0].values[:, 0], np.arange(20.0))
