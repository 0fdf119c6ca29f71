"""docs/ADD_A_NETWORK.md: the file that it shows passes the contract with the command that it shows."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "ADD_A_NETWORK.md").read_text(encoding="utf-8")
PLUGIN = "import forecaster.networks\nforecaster.networks.__path__.append({folder!r})\n"


def block(name, language):
    (text,) = re.findall(rf"<!-- {name} -->\n```{language}\n(.*?)```", TEXT, re.DOTALL)
    return text


def run(words, folder, cwd):
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}
    words = [sys.executable, *words]
    return subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_network_of_the_page_passes_the_contract_and_trains(tmp_path):
    networks = tmp_path / "networks"
    networks.mkdir()
    (networks / "perceptron.py").write_text(block("file: forecaster/networks/perceptron.py", "python"))
    (tmp_path / "added.py").write_text(PLUGIN.format(folder=str(networks)))
    words = shlex.split(block("contract", "console").removeprefix("$ python "))
    done = run([*words, "-p", "added", "-p", "no:cacheprovider"], tmp_path, ROOT)
    assert re.search(r"\d\d passed", done.stdout), done.stdout + done.stderr
    assert done.returncode == 0, done.stdout
    train = shlex.split(block("train", "console").removeprefix("$ python cli.py "))
    start = "import added, sys\nfrom forecaster.__main__ import main\nsys.exit(main())"
    (tmp_path / "data").symlink_to(ROOT / "data")
    done = run(["-c", start, *train, "--steps", "20"], tmp_path, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "perceptron on rotor" in done.stdout
