"""Failing calls and full disks in a short form; `python -m tests.faults.sweep` has the long one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from forecaster.bundle import load
from forecaster.signal import synthesis
from tests.test_faults_kills import ROOT, tool, totals

FULL = "/dev/full"
CLOSED = (">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-")


def shell(line, folder):
    """Run a command line of the program in a shell; return its exit code and what it said."""
    environment = {**os.environ, "FORECASTER": f"{sys.executable} {ROOT / 'cli.py'}"}
    command = ["bash", "-c", f"$FORECASTER {line}"]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_call_that_fails_leaves_the_old_or_the_new():
    said = tool("sweep", "--only", "synthesize", "--limit", 4, "--faults", "ENOSPC,KILL", "--no-disk")
    counts = totals(said)
    assert counts["runs"] >= 8
    assert counts["old"] + counts["new"] + counts["mixed"] == counts["runs"]


def test_without_strace_the_calls_are_patched():
    said = tool("sweep", "--only", "synthesize, over", "--limit", 8, "--faults", "EIO", "--no-disk", "--without-strace")
    assert "no strace" in said
    counts = totals(said)
    assert counts["missed"] == 0
    assert 0 < counts["exit-0"] < counts["runs"]


@pytest.mark.parametrize("redirect", CLOSED)
def test_a_closed_stream_lends_its_number_to_no_result(tmp_path, redirect):
    done = shell(f"synthesize -o s.csv --kind sine --rows 50 {redirect}", tmp_path)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (0, "", False)
    assert (tmp_path / "s.csv").read_bytes() == synthesis.to_csv("sine", 50, 1000.0, 0)


@pytest.mark.skipif(not Path(FULL).exists(), reason="needs a device that is full")
def test_a_full_stdout_is_told_and_a_full_log_stops_no_work(tmp_path, sine_csv):
    line = f"train {sine_csv} -o m --predictor ridge --n-step 3 --n-input 10 --overwrite"
    done = shell(f"{line} --json >{FULL}", tmp_path)
    assert done.returncode == 1
    assert "Error: the standard output could not be written: the disk is full." in done.stderr
    load(tmp_path / "m")
    done = shell(f"{line} 2>{FULL}", tmp_path)
    assert done.returncode == 0
    assert "held-back part" in done.stdout


@pytest.mark.slow
def test_every_kind_of_command_and_fault():
    said = tool("sweep", "--limit", 1, "--faults", "EIO,TERM", "--no-disk")
    assert totals(said)["runs"] >= 12


@pytest.mark.slow
def test_a_disk_that_fills_up():
    tool("sweep", "--only", "synthesize", "--faults", "")
