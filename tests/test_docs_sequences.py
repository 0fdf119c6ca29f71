"""docs/SEQUENCES.md: every kind of sequence task that it names runs as it is written there."""

import csv
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from forecaster.commands.group import cli

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs" / "SEQUENCES.md").read_text(encoding="utf-8")
KINDS = re.findall(r"<!-- ([a-z ]+): (\d+) rows -->\n```console\n(.*?)```", TEXT, re.DOTALL)
SHORT = {"--steps": "20"}


def run(line):
    words = shlex.split(line.removeprefix("$ "))
    assert words[:2] == ["python", "cli.py"]
    words = [SHORT.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    result = CliRunner().invoke(cli, words[2:])
    assert result.exit_code == 0, result.output


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "rows", "commands"), KINDS, ids=[kind for kind, _, _ in KINDS])
def test_each_kind_runs_and_gives_as_many_rows_as_it_says(kind, rows, commands, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(ROOT / "data")
    (tmp_path / "weather.csv").write_text("weather\n" + "\n".join("SCRT" * 25) + "\n")
    for line in commands.splitlines():
        run(line)
    folder = shlex.split(commands.splitlines()[-1])[-1]
    (output,) = (tmp_path / folder).glob("*.csv")
    assert len(list(csv.DictReader(output.read_text().splitlines()))) == int(rows)


def test_all_five_kinds_are_in_the_table():
    rows = [line.split("|")[1].strip() for line in TEXT.splitlines() if line.startswith("| ")]
    assert rows[1:] == [kind for kind, _, _ in KINDS]
