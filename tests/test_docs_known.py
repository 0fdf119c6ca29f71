"""docs/KNOWN.md: its example runs as it is written, and its tables name every cycle."""

import csv
import json
import re
import shlex
from pathlib import Path
from typing import get_args

import pytest

from forecaster.config import Cycle
from tests.commands import ok

TEXT = (Path(__file__).resolve().parents[1] / "docs" / "KNOWN.md").read_text(encoding="utf-8")
(PROGRAM,) = re.findall(r"<!-- python -->\n```python\n(.*?)```", TEXT, re.DOTALL)
(COMMANDS,) = re.findall(r"<!-- run -->\n```console\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Run the example in a folder of its own."""
    folder = tmp_path_factory.mktemp("oven")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(PROGRAM, "KNOWN.md", "exec"), {})
        for line in COMMANDS.splitlines():
            words = shlex.split(line)
            assert words[:3] == ["$", "python", "cli.py"]
            ok(*words[3:])
    return folder


@pytest.mark.slow
def test_the_example_forecasts_the_rows_of_its_plan(folder):
    rows = list(csv.DictReader((folder / "forecasts" / "oven.forecast.csv").read_text().splitlines()))
    assert len(rows) == 20
    assert rows[0]["ds"] == "2024-03-11 06:40:00"


def test_the_example_is_as_good_as_the_page_says(folder):
    shown = re.search(r"next 5 samples is (\.\d+); of the next 30, in closed loop, (\.\d+)", " ".join(TEXT.split()))
    evaluations = json.loads(next((folder / "oven").glob("data-*/metrics.json")).read_text())
    scores = [evaluation["parts"][0]["scores"]["model"]["nmse"] for evaluation in evaluations]
    assert [evaluation["horizon"] for evaluation in evaluations] == [5, 30]
    assert scores == pytest.approx([float(score) for score in shown.groups()], rel=0.5)


def test_every_cycle_is_in_the_table():
    assert re.findall(r"^\| `([a-z-]+)` \|", TEXT, re.MULTILINE) == list(get_args(Cycle))
