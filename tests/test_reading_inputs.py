"""Files, folders and patterns become inputs with unique names."""

import pytest

from forecaster.errors import SignalError
from forecaster.reading.inputs import Input, find


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "a.csv", "sub/a.csv", "sub/c.txt", "sub/c.tsv", "notes.md", ".hidden.csv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("1\n")
    return tmp_path


def names(*arguments):
    return [item.name for item in find([str(a) for a in arguments])]


def test_a_folder_is_sorted_and_recursive(folder):
    assert names(folder) == ["a", "b", "sub/a", "sub/c_tsv", "sub/c_txt"]
    assert find([str(folder)])[0].path == str(folder / "a.csv")


def test_files_and_patterns(folder):
    assert names(folder / "a.csv", folder / "b.csv") == ["a", "b"]
    assert names(folder / "*.csv") == ["a", "b"]
    assert names(folder / "**" / "*.csv") == ["a", "b", "sub/a"]
    assert names(folder / "a.csv", folder / "*.csv") == ["a", "b"]


def test_the_same_name_is_told_apart(folder):
    unique = names(folder / "a.csv", folder / "sub" / "a.csv")
    assert len(set(unique)) == 2
    assert unique[1].endswith("sub/a_csv")
    assert unique == names(folder / "a.csv", folder / "sub" / "a.csv")


def test_standard_input_and_absent_files():
    assert find(["-"]) == [Input("-", "stdin")]
    assert find(["none.csv"]) == [Input("none.csv", "none")]


def test_nothing_found(tmp_path):
    with pytest.raises(SignalError, match="no files"):
        find([str(tmp_path)])
    with pytest.raises(SignalError, match="no file matches"):
        find([str(tmp_path / "*.csv")])
