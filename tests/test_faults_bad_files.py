"""Bad signal files: each as it is listed, and random ones: a message or a reading, never a traceback."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecaster.config import ReadingOptions
from forecaster.errors import ForecasterError
from forecaster.reading import read
from tests.faults import bad_cases, bad_files

CASES = {case.name: case for case in bad_cases.everything()}
LARGE = {case.name for case in bad_cases.large()}
FILES = [
    bad_cases.joined(bad_cases.lines()),
    bad_cases.joined(["time;v;w", *(f"{t};{k / 7:.3f};{k}" for k, t in enumerate(bad_cases.clock()))]),
    b"\xef\xbb\xbf"
    + bad_cases.joined([f'"{t}","{k}"' for k, t in enumerate(bad_cases.clock("%d.%m.%Y %H:%M"))], "\r\n"),
    bad_cases.joined([f"{k % 13}.5" for k in range(80)]),
]
TOKENS = (
    b'"', b",", b";", b"\n", b"\r", b"\0", b"\xff", b"\xef\xbb\xbf", b"nan", b"1e400", b"-", b" ", b"\t", b"=1+1",
    b"9" * 30, b"2022-13-45", b"+02:00", b"\x1b[2J", b"'", b".", b"1,234.5", b"1_000", b"#", b"0x1F", b"\x1a",
)  # fmt: skip


def test_the_cases_are_many_and_of_both_kinds():
    assert len(CASES) >= 300
    assert 30 <= sum(case.says is None for case in CASES.values()) <= len(CASES) - 200


@pytest.mark.parametrize("name", [name for name in CASES if name not in LARGE])
def test_each_is_read_or_refused_as_it_should_be(tmp_path, name):
    outcome = bad_files.judged(CASES[name], tmp_path, beside=False)
    assert not outcome.traceback, outcome.message
    assert not outcome.wrong, f"{outcome.wrong}: {outcome.message[:500]}"


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(LARGE))
def test_large_ones_too(tmp_path, name):
    outcome = bad_files.judged(CASES[name], tmp_path, beside=False)
    assert not outcome.wrong, f"{outcome.wrong}: {outcome.message[:500]}"


@pytest.mark.parametrize("name", ["NUL in a cell", "kind: xlsx", "terminal escape, line 47", "1e400, line 47"])
def test_the_program_itself_says_so(tmp_path, name):
    path = tmp_path / "case.csv"
    path.write_bytes(CASES[name].data())
    command = [sys.executable, "-m", "forecaster", "check", str(path)]
    found = subprocess.run(command, capture_output=True, timeout=60, check=False, cwd=Path(__file__).parents[1])
    assert found.returncode == 2
    assert found.stdout == b""
    assert found.stderr.startswith(f"Error: {path}".encode())
    assert found.stderr.count(b"\n") == 1
    assert b"\x1b" not in found.stderr


def test_what_pandas_does_is_told_apart(tmp_path):
    verdicts = {
        name: bad_files.with_pandas(CASES[name], _written(CASES[name], tmp_path)) for name in CASES if name not in LARGE
    }
    assert verdicts["sound"] == "right"
    assert verdicts["hexadecimal, line 47"].startswith("text")
    assert verdicts["1e400, line 47"].startswith("wrong: inf")
    assert verdicts["kind: gzip"].startswith("raises")


def _written(case, folder):
    path = folder / "case.csv"
    path.write_bytes(case.data())
    return path


def survives(path, content):
    """Read what may be anything: finite numbers, or an error of the program's own."""
    path.write_bytes(content)
    for options in (
        ReadingOptions(),
        ReadingOptions(missing="interpolate", na=("nan", "")),
        ReadingOptions(no_time=True),
    ):
        try:
            signal = read(path, options).signal
        except ForecasterError as error:
            told, signal = str(error), None
        if signal is not None:
            assert all(np.isfinite(one.values).all() for one in signal.recordings)
            continue
        assert len(told.encode()) <= 2048
        assert told.isprintable()


def mutated(content, seed):
    """Change some places of a sound file: a byte, a token put in, a stretch taken out, moved or doubled."""
    rng, data = random.Random(seed), bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        at, length = rng.randrange(len(data) + 1), rng.choice((1, 2, 8, 40))
        kind = rng.randrange(5)
        if kind == 0 and at < len(data):
            data[at] = rng.randrange(256)
        elif kind == 1:
            data[at:at] = rng.choice(TOKENS)
        elif kind == 2:
            del data[at : at + length]
        elif kind == 3:
            data[at:at] = data[at : at + length]
        else:
            other = rng.randrange(len(data) + 1)
            data[other:other] = data[at : at + length]
    return bytes(data)


fuzzed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)


@fuzzed
@given(content=st.binary(max_size=400))
def test_any_bytes(tmp_path, content):
    survives(tmp_path / "x.csv", content)


@fuzzed
@given(
    cells=st.lists(
        st.lists(
            st.sampled_from([t.decode("latin-1") for t in TOKENS] + ["1", "2.5", "", "12:30", "2022-08-15"]),
            min_size=1,
            max_size=4,
        ),
        max_size=50,
    )
)
def test_any_table_of_odd_cells(tmp_path, cells):
    survives(tmp_path / "x.csv", "\n".join(",".join(row) for row in cells).encode())


@pytest.mark.parametrize("place", range(len(FILES)))
def test_mutations_of_sound_files(tmp_path, place):
    for seed in range(60):
        survives(tmp_path / "x.csv", mutated(FILES[place], seed))


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(FILES)))
def test_many_mutations_of_sound_files(tmp_path, place):
    for seed in range(60, 1000):
        survives(tmp_path / "x.csv", mutated(FILES[place], seed))
