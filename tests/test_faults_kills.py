"""Kills, signals and races in a short form; `python -m tests.faults.kills` and `.races` have the long one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def tool(name, *arguments):
    """Run a fault tool in a process of its own, where no test has threads; return what it printed."""
    command = [sys.executable, "-m", f"tests.faults.{name}", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=280, check=False)
    print(f"\n{done.stdout}")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def totals(text):
    """Return the last table of a tool as counts by column."""
    lines = text.replace("exit 0", "exit-0").replace("false 0", "false-0").strip().splitlines()
    heads = next(line for line in reversed(lines) if line.startswith(" ")).split()
    return dict(zip(heads, map(int, lines[-1].split()[1:]), strict=True))


@pytest.mark.slow
def test_killed_at_random_moments_the_old_or_the_new_stands():
    counts = totals(tool("kills", "--count", 12, "--only", "save over,forecast new,forecast over"))
    assert counts["done"] == 12
    assert counts["old"] + counts["new"] + counts["mixed"] == 12


@pytest.mark.slow
def test_of_two_writers_one_wins_and_no_reader_fails():
    said = tool("races", "--reads", 60, "--pairs", 1)
    assert said.count("pairs 1") == 4
