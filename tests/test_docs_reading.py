"""The examples of docs/READING.md print what they show, and its tables name the options that exist."""

import math
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from forecaster.reading.refusal import FLAGS, NAMES

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "READING.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"<!-- run -->\n```console\n(.*?)```", TEXT, re.DOTALL)


def wave(row):
    return math.sin(row / 5)


@pytest.fixture
def folder(tmp_path):
    """Write the small files that the page speaks of."""
    rows = [f"{row / 100:.2f};{wave(row):.3f}".replace(".", ",") for row in range(300) if row not in (120, 121)]
    (tmp_path / "press.csv").write_text("Zeit;Kraft [kN]\n" + "\n".join(rows) + "\n", encoding="utf-8")
    rows = [f"{row // 100},{wave(row):.3f}" for row in range(300)]
    (tmp_path / "runs.csv").write_text("run,acc [g]\n" + "\n".join(rows) + "\n", encoding="utf-8")
    rows = [f"{row / 10:.1f},{name},{wave(row) + add:.3f}" for row in range(300) for add, name in enumerate("ab")]
    (tmp_path / "long.csv").write_text("time,sensor,value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def run(line, folder):
    words = shlex.split(line)
    assert words[:2] == ["python", "cli.py"]
    done = subprocess.run(
        [sys.executable, str(ROOT / "cli.py"), *words[2:]], cwd=folder, capture_output=True, text=True, check=False
    )
    printed = (done.stdout + done.stderr).replace(f"{sys.executable} {ROOT / 'cli.py'}", "python cli.py")
    return "\n".join(text.rstrip() for text in printed.splitlines())


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][2:40])
def test_the_examples_print_what_they_show(block, folder):
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        line, _, shown = part.partition("\n")
        assert run(line, folder) == shown.rstrip()


def test_there_are_examples():
    assert len(BLOCKS) >= 3


def test_every_reading_option_is_on_the_page_and_no_other():
    from forecaster.commands import forecast, train

    known = {
        name
        for parameter in (*train.command.params, *forecast.command.params)
        for name in parameter.opts
        if name.startswith("--")
    }
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", TEXT))
    assert set(NAMES.values()) | set(FLAGS.values()) <= named
    assert named <= known


@pytest.mark.slow
def test_the_command_for_a_short_file_works_as_printed(folder):
    refusal = run("python cli.py train press.csv -o press --missing interpolate --predictor ridge", folder)
    run(refusal.split("This fits: ")[1], folder)
    assert (folder / "press" / "model.json").is_file()
