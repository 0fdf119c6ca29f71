"""Every benchmark runs in its quick form and prints its table."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted(path.stem for path in (ROOT / "benchmarks").glob("[!_]*.py"))


def test_there_are_benchmarks():
    assert {"startup", "forecasting", "windows", "training_step", "reading", "memory"} <= set(SCRIPTS)


def test_every_benchmark_is_explained():
    readme = (ROOT / "benchmarks" / "README.md").read_text()
    assert all(f"{name}.py" in readme for name in SCRIPTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_benchmark_prints_its_table(name):
    command = [sys.executable, str(ROOT / "benchmarks" / f"{name}.py"), "--quick"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "core(s)" in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert len(rows) >= 4
    assert len({row.count("|") for row in rows}) == 1
    assert any(letter.isdigit() for row in rows[2:] for letter in row)
