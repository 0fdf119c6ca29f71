"""The contract of all file formats, and of the one that docs/ADD_A_FORMAT.md adds."""

import hashlib
import io
import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import formats, inputs, read, read_signal
from forecaster.reading.arrays import from_columns
from forecaster.reading.file import InputFile
from forecaster.reading.formats import Format
from forecaster.reading.source import open_source
from tests import commands

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "ADD_A_FORMAT.md").read_text(encoding="utf-8")
LVM = (
    "LabVIEW Measurement\t\nSeparator\tTab\n***End_of_Header***\t\n\nChannels\t1\nSamples\t4\nDelta_X\t0.001\n"
    "***End_of_Header***\t\nX_Value\tVoltage\tComment\n" + "".join(f"\t{value}\n" for value in (1.5, 2.0, 4.0, 1.0))
)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


# A file of each format by its name, and the options with which it reads.
EXAMPLES = {
    "columns": ("a.csv", b"time,a,b\n0,1.5,2\n1,2,3\n2,4,2\n3,1,0\n", {}),
    "wide": ("a.txt", b"x,1.5,2,4,1\ny,2,3,2,0\n", {"layout": "wide"}),
    "long": ("a.csv", b"time,s,v\n0,p,1\n0,q,2\n1,p,2\n1,q,4\n2,p,5\n2,q,1\n", {"layout": "long", "group_column": "s"}),
    "lvm": ("a.lvm", LVM.encode(), {"skip_rows": 8, "delimiter": "tab", "rate_hz": 1000.0}),
    "npy": ("a.npy", npy(np.array([[1.5, 2], [2, 3], [4, 2], [1, 0]])), {}),
}  # fmt: skip
NAMES = [*(member.name for member in formats.REGISTRY if member.name != "npy"), "npy"]


def block(name):
    (text,) = re.findall(rf"<!-- {name} -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    return text


@pytest.fixture(autouse=True)
def _the_format_of_the_page(monkeypatch):
    """Add the file and the line that the page shows."""
    if any(member.name == "npy" for member in formats.REGISTRY):
        return
    module = types.ModuleType("forecaster.reading.formats.npy")
    exec(block("file: forecaster/reading/formats/npy.py"), module.__dict__)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    line = eval(block("registry"), {"Format": Format})
    monkeypatch.setattr(formats, "REGISTRY", (*formats.REGISTRY, line))


@pytest.fixture
def example(tmp_path):
    """Write the example of a format; return its path and options."""

    def write(name, content=None):
        file, data, options = EXAMPLES[name]
        path = tmp_path / file
        path.write_bytes(data if content is None else content)
        return path, ReadingOptions(**options)

    return write


def input_file(path, options):
    return InputFile(open_source(str(path), options.encoding), options, "a")


def outcome(path, options):
    """Say whether a file reads to finite values, or is refused with its path."""
    try:
        signal = read_signal(path, options)
    except SignalError as error:
        return "refused" if str(path) in str(error) else str(error)
    return "read" if all(np.isfinite(recording.values).all() for recording in signal.recordings) else "not finite"


@pytest.mark.parametrize("name", NAMES)
class TestEveryFormat:
    def test_it_recognises_its_own_files(self, name, example):
        assert formats.of(input_file(*example(name))).name == name

    def test_its_values_are_finite_and_its_file_is_known(self, name, example):
        path, options = example(name)
        reading = read(path, options)
        signal = reading.signal
        assert signal.recordings
        assert all(np.isfinite(recording.values).all() for recording in signal.recordings)
        assert all(recording.values.shape[1] == len(signal.columns) for recording in signal.recordings)
        assert signal.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (signal.name, signal.path) == ("a", str(path))
        assert (reading.dialect is None) == any(m.name == name and m.magic for m in formats.REGISTRY)

    def test_a_path_and_standard_input_give_the_same(self, name, example, monkeypatch):
        path, options = example(name)
        monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
        from_path, piped = read_signal(path, options), read_signal("-", options)
        assert from_path.channels == piped.channels
        assert from_path.sha256 == piped.sha256
        assert [r.time for r in from_path.recordings] == [r.time for r in piped.recordings]
        for first, second in zip(from_path.recordings, piped.recordings, strict=True):
            np.testing.assert_array_equal(first.values, second.values)

    def test_an_empty_file_is_refused_with_its_path(self, name, example):
        path, options = example(name, b"")
        with pytest.raises(SignalError, match=re.escape(str(path))):
            read(path, options)

    def test_a_file_that_breaks_off_reads_or_is_refused_with_its_path(self, name, example):
        content = EXAMPLES[name][1]
        for end in range(1, len(content), max(1, len(content) // 24)):
            path, options = example(name, content[:end])
            assert outcome(path, options) in ("read", "refused")

    def test_a_folder_has_its_files(self, name, example, tmp_path):
        (member,) = (member for member in formats.REGISTRY if member.name == name)
        for suffix in member.suffixes:
            (tmp_path / f"b{suffix.upper()}").write_bytes(b"1\n")
        assert len(inputs.find([str(tmp_path)])) == len(member.suffixes) if member.suffixes else True

    def test_check_reports_it(self, name, example):
        path, options = example(name)
        changed = options.model_dump(exclude_defaults=True)
        names = {"skip_rows": "--skip-rows", "delimiter": "--delimiter", "rate_hz": "--rate", "layout": "--layout",
                 "group_column": "--group-column"}  # fmt: skip
        words = [word for field, value in changed.items() for word in (names[field], str(value))]
        result = commands.run("check", "--json", path, *words)
        assert result.exit_code == 0, result.output
        (document,) = json.loads(result.stdout)["signals"]
        assert [channel["name"] for channel in document["channels"]] == list(read_signal(path, options).channels)


def test_every_format_has_an_example():
    assert {member.name for member in formats.REGISTRY} == set(EXAMPLES)


def test_a_layout_chooses_one_format():
    layouts = [member.layout for member in formats.REGISTRY if member.layout]
    assert sorted(layouts) == sorted(ReadingOptions.model_fields["layout"].annotation.__args__)


@pytest.mark.parametrize(("name", "recognised"), [("a.raw", True), ("A.RAW", True), ("a.csv", False)])
def test_a_format_whose_content_tells_nothing_goes_by_its_suffix(name, recognised, tmp_path, monkeypatch):
    path = tmp_path / name
    path.write_bytes(b"\0\1\2\3")
    monkeypatch.setattr(formats, "REGISTRY", (*formats.REGISTRY, Format("raw", suffixes=(".raw",))))
    if recognised:
        assert formats.of(input_file(path, ReadingOptions())).name == "raw"
    else:
        with pytest.raises(SignalError, match="NUL bytes"):
            formats.of(input_file(path, ReadingOptions()))


def test_the_array_of_the_page_keeps_its_values_and_takes_the_options(example):
    path, _ = example("npy")
    signal = read_signal(path, ReadingOptions(columns=("a1",), exogenous=("a0",), rate_hz=50.0, units=("g",)))
    assert (signal.channels, signal.exogenous, signal.units, signal.sample_rate_hz) == (("a1",), ("a0",), ("g",), 50)
    np.testing.assert_array_equal(signal.recordings[0].values, [[2, 1.5], [3, 2], [2, 4], [0, 1]])


def test_an_array_trains_and_forecasts_as_the_same_numbers_of_a_text_do(tmp_path):
    values = np.round(np.sin(np.arange(600) / 5) + 0.1 * np.random.default_rng(0).normal(size=600), 3)
    (tmp_path / "a.npy").write_bytes(npy(values))
    (tmp_path / "a.csv").write_text("a0\n" + "\n".join(map(repr, values.tolist())) + "\n")
    forecasts = []
    for suffix in ("npy", "csv"):
        model, outputs = tmp_path / f"{suffix}-model", tmp_path / f"{suffix}-forecasts"
        window = ("--predictor", "ridge", "--n-step", 4, "--n-input", 10, "--rate", 100)
        assert commands.run("train", tmp_path / f"a.{suffix}", "-o", model, *window).exit_code == 0
        result = commands.run("forecast", model, tmp_path / f"a.{suffix}", "-o", outputs, "--horizon", 20)
        assert result.exit_code == 0, result.output
        forecasts.append((outputs / "a.forecast.csv").read_bytes())
    assert forecasts[0] == forecasts[1]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\); expected one or two dimensions"),
        (np.zeros(0), "no values"),
        (np.zeros((0, 3)), "no values"),
        (np.array([1.0, np.nan, 2]), "a.npy:2: column 'a0': a missing value.*--missing interpolate"),
        (np.array([1.0, np.inf, 2]), "a.npy:2: column 'a0': a value without an end"),
        (np.array(["x", "y"]), "no column of numbers"),
        (np.array([1j, 2j]), "an array of complex128; expected numbers, times or texts"),
        (np.array([{}, {}], object), "is no NumPy array"),
    ],
)
def test_arrays_that_are_no_signal_are_refused(example, array, words):
    path, options = example("npy", npy(array))
    with pytest.raises(SignalError, match=words):
        read(path, options)


class TestFromColumns:
    @pytest.fixture
    def reads(self, tmp_path):
        path = tmp_path / "a.bin"
        path.write_bytes(b"any")

        def call(arrays, *, units=None, rate_hz=None, options=None, **more):
            file = input_file(path, ReadingOptions(**(options or {}), **more))
            return from_columns(file, arrays, units=units, rate_hz=rate_hz)

        return call

    def test_datetimes_are_the_time(self, reads):
        stamps = np.datetime64("2024-03-01T10:00:00") + np.arange(5) * np.timedelta64(500, "ms")
        reading = reads({"when": stamps, "a": np.arange(5) % 3})
        assert reading.signal.sample_rate_hz == 2
        assert reading.signal.channels == ("a",)
        assert reading.signal.recordings[0].time.stamps(1, 1) == ["2024-03-01 10:00:00.500"]
        stamps[2] = "NaT"
        with pytest.raises(SignalError, match=r"a.bin:3: column 'when': an empty time stamp"):
            reads({"when": stamps, "a": np.arange(5) % 3})

    def test_a_gap_is_refused_and_cut_as_in_a_text(self, reads):
        columns = {"time": np.array([*range(20), *range(40, 60)]), "a": np.arange(40) % 7}
        with pytest.raises(SignalError, match=r"a.bin:21: column 'time': a gap of 21 s"):
            reads(columns)
        assert [len(r) for r in reads(columns, missing="split").signal.recordings] == [20, 20]

    def test_texts_are_time_groups_and_labels(self, reads):
        texts = np.array([f"03.01.2024 10:00:0{k}" for k in range(6)], object)
        columns = {"when": texts, "run": np.array(list("aaabbb")), "a": np.arange(6) % 4 + 0.5}
        signal = reads(columns, time_columns=("when",), time_format="%d.%m.%Y %H:%M:%S", group_column="run").signal
        assert [len(recording) for recording in signal.recordings] == [3, 3]
        labels = reads({"state": np.array(list("SCSRSC"))}, symbols=True).signal
        assert labels.symbols == ("S", "C", "R")
        assert labels.recordings[0].values[:, 0].tolist() == [0, 1, 0, 2, 0, 1]

    def test_units_and_rate_of_the_file_give_way_to_those_of_the_user(self, reads):
        columns = {"a": np.arange(5) % 3, "b [g]": np.arange(5) % 2}
        signal = reads(columns, units={"a": "furlong", "b [g]": "mm"}, rate_hz=100.0).signal
        assert (signal.units, signal.sample_rate_hz) == (("furlong", "g"), 100)
        signal = reads(
            columns, units={"a": "furlong"}, rate_hz=100.0, options={"rate_hz": 50.0, "units": ("a=m",)}
        ).signal
        assert (signal.units, signal.sample_rate_hz) == (("m", "g"), 50)

    def test_missing_values_follow_the_options(self, reads):
        values = np.array([0, 1, np.nan, 3, 4.0])
        assert reads({"a": values}, missing="interpolate").signal.recordings[0].values[:, 0].tolist() == [0, 1, 2, 3, 4]
        assert [len(r) for r in reads({"a": values}, missing="split").signal.recordings] == [2, 2]

    def test_a_code_for_missing_is_suspected_and_taken_as_such(self, reads):
        values = np.array([-999.0 if k in (30, 50) else k % 7 for k in range(80)])
        with pytest.raises(SignalError, match=r"a.bin:31: column 'a': the value -999.*--na -999 --missing interpolate"):
            reads({"a": values})
        read_values = reads({"a": values}, na=("-999",), missing="interpolate").signal.recordings[0].values[:, 0]
        assert read_values[[30, 50]].tolist() == [(1 + 3) / 2, (0 + 2) / 2]

    def test_the_future_of_known_columns(self, reads):
        columns = {"time": np.arange(8), "a": np.array([1, 2, 1, 2, 1, 2, np.nan, np.nan]), "plan": np.arange(8) % 3}
        recording = reads(columns, columns=("a",), known=("plan",)).signal.recordings[0]
        assert recording.future.tolist() == [[0], [1]]
        columns["plan"] = np.array([0, 1, 2, 0, 1, 2, np.nan, 1])
        with pytest.raises(SignalError, match=r"a.bin:7: column 'plan': a missing value"):
            reads(columns, columns=("a",), known=("plan",))

    def test_a_count_that_breaks_is_refused(self, reads):
        columns = {"No": np.array([*range(50), *range(60, 80)]), "a": np.arange(70) % 7 + 0.25}
        with pytest.raises(SignalError, match="counts the rows and goes from 49 to 60: 10 rows are missing"):
            reads(columns)

    @pytest.mark.parametrize("layout", ["wide", "long"])
    def test_a_layout_of_text_is_refused(self, reads, layout):
        with pytest.raises(SignalError, match=f"--layout {layout}"):
            reads({"a": np.arange(5)}, layout=layout)
