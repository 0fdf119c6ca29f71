"""The program as a process: exit codes, streams, signals, and what it does not load."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
CLI = ROOT / "cli.py"
LOADED = """
import sys, json, runpy
report, sys.argv = sys.argv[1], sys.argv[2:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    open(report, "w").write(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""
WINDOW = ("--n-step", "5", "--n-input", "5", "-q")
HEAVY = {"tensorflow", "keras", "sklearn"}


def start(*args: object, cwd: Path | None = None, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(CLI), *map(str, args)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, **options)  # type: ignore[call-overload,no-any-return]


def loaded(tmp_path: Path, *args: object) -> set[str]:
    """Return the top-level modules that a command had loaded when it ended well."""
    report = tmp_path / "loaded.json"
    done = subprocess.run(
        [sys.executable, "-c", LOADED, str(report), str(CLI), *map(str, args)],
        cwd=ROOT, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(report.read_text()))


def stopped(sine_csv: Path, model: Path, number: int) -> tuple[int, str]:
    """Start an endless training, send it a signal after its first epoch; return its exit code and last words."""
    command = [sys.executable, str(CLI), "train", str(sine_csv), "-o", str(model), "--steps", "1000000"]
    command += ["--n-step", "5", "--n-input", "20"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        seen = ""
        while not seen.startswith("step "):
            seen = process.stderr.readline()
            assert seen, "the training ended by itself"
        process.send_signal(number)
        last_words = process.stderr.read()
        return process.wait(timeout=120), last_words


@pytest.fixture(scope="module")
def interrupted(sine_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, str]:
    path = tmp_path_factory.mktemp("models") / "m"
    return path, *stopped(sine_csv, path, signal.SIGINT)


@pytest.fixture(scope="module")
def model(interrupted: tuple[Path, int, str]) -> Path:
    return interrupted[0]


@pytest.mark.parametrize("args", [["--help"], ["--version"], ["train", "--help"], ["forecast", "-h"], ["check", "-h"]])
def test_help_loads_next_to_nothing(args: list[str], tmp_path: Path) -> None:
    heavy = HEAVY | {"numpy", "pandas", "pydantic", "rich", "matplotlib", "scipy"}
    assert not loaded(tmp_path, *args) & heavy


def test_checking_and_forecasting_need_no_tensorflow(sine_csv: Path, model: Path, tmp_path: Path) -> None:
    assert not loaded(tmp_path, "check", sine_csv) & HEAVY
    assert not loaded(tmp_path, "inspect", model) & HEAVY
    assert not loaded(tmp_path, "evaluate", model, sine_csv) & (HEAVY | {"matplotlib"})
    forecast = loaded(tmp_path, "forecast", model, sine_csv, "-o", tmp_path / "out")
    assert not forecast & (HEAVY | {"matplotlib", "scipy", "rich"})


def test_data_go_to_stdout_and_all_else_to_stderr(sine_csv: Path, model: Path) -> None:
    done = start("evaluate", model, sine_csv, "--json")
    assert done.returncode == 0
    json.loads(done.stdout)
    assert done.stderr == ""


def test_a_bad_file_and_a_bad_model_exit_with_two(sine_csv: Path, tmp_path: Path) -> None:
    for args in (
        ["check", tmp_path / "absent.csv"],
        ["inspect", tmp_path],
        ["forecast", tmp_path, sine_csv, "-o", "x"],
        [],
    ):
        done = start(*args, cwd=tmp_path)
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr


def test_a_closed_pipe_is_no_error(model: Path) -> None:
    command = f"{sys.executable} {CLI} inspect {model} --json | true"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert done.stderr == ""


def test_without_a_stdout_it_ends_without_a_word(model: Path) -> None:
    command = f"{sys.executable} {CLI} inspect {model} >&-"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_a_full_disk_is_told_in_plain_words(model: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, str(CLI), "inspect", str(model)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
    assert done.returncode == 1
    assert "Error: the standard output could not be written: the disk is full." in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_bytes_that_are_no_text_in_a_name_are_no_crash(sine_csv: Path, model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    try:
        (folder / os.fsdecode(b"pump\xff.csv")).write_bytes(sine_csv.read_bytes())
    except OSError:
        pytest.skip("the file system takes no such name")
    done = start("forecast", model, folder, "-o", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("*.csv"))) == 1


def test_ctrl_c_while_training_keeps_the_best_weights_and_says_so(interrupted: tuple[Path, int, str]) -> None:
    model, code, said = interrupted
    assert code == 130
    assert "best weights so far are kept" in said
    assert "Traceback" not in said
    done = start("evaluate", model)
    assert done.returncode == 0, done.stderr


def test_sigterm_while_training_leaves_nothing_half_done(sine_csv: Path, tmp_path: Path) -> None:
    code, said = stopped(sine_csv, tmp_path / "m", signal.SIGTERM)
    assert code == 143
    assert "Traceback" not in said
    assert not (tmp_path / "m").exists()


def test_ctrl_c_while_it_is_still_starting_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt\n")
    done = subprocess.run(
        [sys.executable, str(CLI), "predictors"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (130, "")


class TestStreams:
    """A stream that is closed, or that nobody reads, costs its text and nothing else."""

    @pytest.fixture
    def arguments(self, tmp_path: Path) -> list[str]:
        stamps = "".join(f"{row / 100},{row % 7}\n" for row in range(2000))
        (tmp_path / "in.csv").write_text(f"t,value\n{stamps}")
        trained = start("train", tmp_path / "in.csv", "-o", tmp_path / "m", "--predictor", "ridge", *WINDOW)
        assert trained.returncode == 0, trained.stderr
        return ["forecast", str(tmp_path / "m"), str(tmp_path / "in.csv"), "-n", "3", "-o", str(tmp_path / "out")]

    @pytest.mark.parametrize("closing", ["2>&-", ">&-", ">&- 2>&-"])
    def test_closed(self, arguments: list[str], tmp_path: Path, closing: str) -> None:
        command = shlex.join([sys.executable, str(CLI), *arguments])
        done = subprocess.run(["bash", "-c", f"{command} {closing}"], capture_output=True, timeout=240)
        assert done.returncode == 0
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"in.forecast.csv", "manifest.json"}

    @pytest.mark.parametrize("stream", ["stdout", "stderr"])
    def test_unread(self, arguments: list[str], tmp_path: Path, stream: str) -> None:
        read_end, write_end = os.pipe()
        os.close(read_end)
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: write_end}
        done = subprocess.run([sys.executable, str(CLI), *arguments], timeout=240, **streams)
        os.close(write_end)
        assert done.returncode == 0
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"in.forecast.csv", "manifest.json"}

    def test_control_characters_of_a_name_reach_no_stream(self, tmp_path: Path) -> None:
        path = tmp_path / "a\x1b[2J\u202e\n'.csv"
        path.write_text("t,value\n" + "".join(f"{row / 100},{row % 7}\n" for row in range(500)))
        done = start("check", path)
        assert done.returncode == 0
        suggested = next(line for line in done.stdout.splitlines() if " train " in line)
        assert all(line.isprintable() for line in done.stdout.splitlines())
        # As bash reads the command that was printed, it names the file.
        words = subprocess.run(
            ["bash", "-c", "printf '%s\\0' " + suggested.partition(" train ")[2]], capture_output=True, check=True
        )
        assert os.fsencode(path) in words.stdout.split(b"\0")
