"""docs/ADD_A_PREDICTOR.md: the file that it shows passes the contract with the command and the line that it shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "ADD_A_PREDICTOR.md").read_text(encoding="utf-8")
PLUGIN = """
import forecaster.predictors
from forecaster.predictors import registry
forecaster.predictors.__path__.append({folder!r})
registry.CLOSED_FORM.update({{
{line}
}})
"""


def block(name, language):
    (text,) = re.findall(rf"<!-- {name} -->\n```{language}\n(.*?)```", TEXT, re.DOTALL)
    return text


@pytest.fixture
def added(tmp_path):
    """A folder from which the module `added` adds the page's predictor."""
    folder = tmp_path / "predictors"
    folder.mkdir()
    (folder / "drift.py").write_text(block("file: forecaster/predictors/drift.py", "python"))
    (tmp_path / "added.py").write_text(PLUGIN.format(folder=str(folder), line=block("line", "python")))
    return tmp_path


def run(words, folder, cwd):
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    words = [sys.executable, *words]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def test_the_predictor_of_the_page_passes_the_contract(added):
    words = shlex.split(block("contract", "console").removeprefix("$ python "))
    done = run([*words, "-p", "added", "-p", "no:cacheprovider"], added, ROOT)
    assert re.search(r"\d passed", done.stdout), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_predictor_of_the_page_is_trained_and_is_a_rival_of_others(added):
    (added / "data").symlink_to(ROOT / "data")
    train = shlex.split(block("train", "console").removeprefix("$ python cli.py "))
    start = "import added, sys\nfrom forecaster.__main__ import main\nsys.exit(main())"
    done = run(["-c", start, *train], added, added)
    assert done.returncode == 0, done.stderr
    assert "drift on rotor" in done.stdout
    other = [*train[:3], "last-value-model", "--predictor", "last-value", *train[6:]]
    done = run(["-c", start, *other, "--json"], added, added)
    assert done.returncode == 0, done.stderr
    assert '"drift"' in done.stdout
