"""What the commands print and write on the shipped signal and model is, byte for byte, what version 1 gave.

Bits depend on the kernel of BLAS, so all is computed with the one for Haswell, in a child process.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tests.golden.runs import HERE, KEPT, RUNS, compute

ROOT = HERE.parents[1]
QUICK = [name for name, run in RUNS.items() if not run.slow]
SLOW = [name for name, run in RUNS.items() if run.slow]


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return computed(QUICK, tmp_path_factory.mktemp("golden"))


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return computed(SLOW, tmp_path_factory.mktemp("golden"))


def computed(names: list[str], folder: Path) -> Path:
    """Run the commands, and return the folder of their outputs; skip the test where kernel or libraries are others."""
    compute(ROOT, folder, names)
    here, then = (json.loads((place / "platform.json").read_bytes()) for place in (folder, KEPT))
    if here != then:
        pytest.skip(f"the bytes kept were computed by {then}, and here it is {here}")
    return folder


def compare(name: str, folder: Path) -> None:
    """Compare all that a command gave with what is kept: the text, or the hash of a large one."""
    sums = json.loads((KEPT / "sums.json").read_bytes())
    outputs = {path.name: path.read_bytes() for path in folder.glob(f"{name}.*")}
    assert outputs.keys() == {output for output in sums if output.partition(".")[0] == name}
    for output, content in outputs.items():
        if (KEPT / output).exists():
            assert content.decode() == (KEPT / output).read_bytes().decode()
        assert hashlib.sha256(content).hexdigest() == sums[output], output


@pytest.mark.parametrize("name", QUICK)
def test_the_bytes_are_those_of_version_1(name: str, quick: Path) -> None:
    compare(name, quick)


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_the_bytes_of_a_slow_command_are_those_of_version_1(name: str, slow: Path) -> None:
    compare(name, slow)
