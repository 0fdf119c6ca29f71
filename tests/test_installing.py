"""Every hint to install something names what is safe to install, and is given before any work is done."""

import importlib.metadata
import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from forecaster import __version__, installing
from tests.commands import ok

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
REQUIREMENTS = {*PROJECT["dependencies"], *(text for texts in EXTRAS.values() for text in texts)}
WHEEL = f"{PROJECT['name'].replace('-', '_')}-{__version__}-py3-none-any.whl"
HINTS = [installing.command(requirement) for requirement in (installing.TENSORFLOW, installing.PYARROW)]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), ROOT / ".ci" / "run"]
WRITTEN = [*PAGES, *(path for path in ROOT.glob("forecaster/**/*.py") if path.name != "installing.py")]
"""All that may tell a person to install something, but for the module that composes the hints below."""
INSTALLS = re.compile(r"\bpip3? install\b([^\n`&|;]*)")
WITHOUT_TENSORFLOW = """
import runpy, sys
sys.modules["tensorflow"] = sys.modules["keras"] = None
runpy.run_module("forecaster", run_name="__main__", alter_sys=True)
"""
SMALL = ("--n-step", "5", "--n-input", "20", "--steps", "10")


# --- what hints name ---------------------------------------------------------------------


def installed_by(text):
    """Return what each `pip install` in a text installs, by its words: "-r FILE" is one."""
    targets = []
    for line in INSTALLS.findall(text):
        words = iter(shlex.split(line))
        for word in words:
            if word == "-r":
                targets.append(f"-r {next(words, '')}")
            elif not word.startswith("-"):
                targets.append(word)
    return targets


def is_safe(target):
    """Say whether pip gets this program from a folder or a wheel, or one of the libraries that it requires."""
    place, bracket, extras = target.partition("[")
    if place in (".", WHEEL):
        return not bracket or set(extras.removesuffix("]").split(",")) <= set(EXTRAS)
    return target in REQUIREMENTS or target == "-r requirements.txt"


def test_every_install_command_that_is_written_is_safe():
    written = {path: installed_by(path.read_text(encoding="utf-8")) for path in WRITTEN}
    assert sum(map(len, written.values())) > 5
    assert [(path, target) for path, targets in written.items() for target in targets if not is_safe(target)] == []


@pytest.mark.parametrize("hint", HINTS)
def test_every_hint_of_the_program_is_safe(hint):
    (target,) = installed_by(hint)
    assert is_safe(target)


def test_the_readme_installs_the_program_and_its_libraries():
    targets = installed_by((ROOT / "README.md").read_text(encoding="utf-8"))
    assert {"-r requirements.txt", ".", ".[train]", f"{WHEEL}[train]"} <= set(targets)


@pytest.mark.parametrize(
    "words",
    [
        "forecaster",
        "'forecaster[train]'",
        "-U forecaster",
        PROJECT["name"],
        f"'{PROJECT['name']}[train]'",
        "forecaster-0.1.0-py3-none-any.whl",
        "'.[training]'",
        "-r other.txt",
        "tensorflow-nightly",
    ],
)
def test_what_would_fetch_a_strangers_package_is_not_safe(words):
    (target,) = installed_by(f"Run `python -m pip install {words}`.")
    assert not is_safe(target)


def test_a_hint_is_for_the_python_that_runs_the_program(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/my tools/bin/python")
    assert installing.command("pyarrow>=20") == "'/my tools/bin/python' -m pip install 'pyarrow>=20'"


def test_a_library_that_a_hint_names_is_installed_as_the_hint_says():
    from packaging.requirements import Requirement

    requirement = Requirement(installing.TENSORFLOW)
    assert importlib.metadata.version(requirement.name) in requirement.specifier


# --- when they are given -----------------------------------------------------------------


def light(*args, cwd):
    """Run the program in a process in which TensorFlow cannot be imported."""
    command = [sys.executable, "-c", WITHOUT_TENSORFLOW, *map(str, args)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False, env=environment)


@pytest.mark.parametrize(
    "args",
    [
        ("demo",),
        ("train", "absent.csv", "-o", "model"),
        ("train", "absent.csv", "-o", "model", "--predictor", "gru"),
        ("train", "absent.csv", "-o", "model", "--predictor", "symbol-rnn"),
        ("compare", "absent.csv", "-o", "models"),
        ("compare", "absent.csv", "--predictors", "auto"),
        ("compare", "absent.csv", "--predictors", "ridge,gru", "--plot", "scores.png"),
    ],
    ids=" ".join,
)
def test_without_tensorflow_it_is_told_before_any_work(args, tmp_path):
    done = light(*args, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith("Error: Training a network needs TensorFlow, which is not installed. Install it with: ")
    assert "-m pip install 'tensorflow>=2.20'" in said
    assert list(tmp_path.iterdir()) == []


def test_a_training_that_goes_on_tells_it_too(sine_csv, tmp_path):
    done = light("train", sine_csv, "-o", tmp_path / "m", "--predictor", "gru", "--resume", *SMALL, cwd=tmp_path)
    assert done.returncode == 2
    assert "TensorFlow, which is not installed" in done.stderr
    assert not (tmp_path / "m").exists()


def test_without_tensorflow_what_is_in_closed_form_is_compared(sine_csv, tmp_path):
    names = "ridge,level-ridge"
    done = light("compare", sine_csv, "--predictors", names, *SMALL, "-o", "m", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    rows = {row["predictor"]: row for row in json.loads(done.stdout)["predictors"]}
    assert (rows["ridge"]["status"], rows["level-ridge"]["status"]) == ("done", "done")


def test_the_demo_of_a_predictor_in_closed_form_needs_no_tensorflow(tmp_path, monkeypatch):
    steps = []
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    monkeypatch.setattr("forecaster.commands.demo._step", lambda _, *args: steps.append(args[0]))
    (tmp_path / "demo" / "forecasts").mkdir(parents=True)
    ok("demo", "-o", tmp_path / "demo", env={"FORECASTER_PREDICTOR": "ridge"})
    assert steps == ["check", "train", "evaluate", "forecast", "inspect"]


def test_tensorflow_that_is_there_and_broken_is_told_as_such(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no such instruction')\n")
    code = "from forecaster.training.network import tensorflow\ntensorflow()"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "TrainingError: Training a network needs TensorFlow, which cannot be imported (no such" in done.stderr
    assert "-m pip install 'tensorflow>=2.20'" in done.stderr
