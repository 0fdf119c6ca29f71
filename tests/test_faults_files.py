"""Names, links, pipes and places: one output for each input, none overwritten, nothing followed, nothing waited for."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from forecaster import batch
from forecaster.config import ReadingOptions, RunConfig
from forecaster.errors import OutputError, SignalError, UsageError
from forecaster.model import Forecaster
from forecaster.reading import inputs, read_signal
from forecaster.signal import synthesis
from tests import commands

ROOT = Path(__file__).resolve().parents[1]
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HOSTILE = [
    *("=1+1.csv", "+1.csv", "-rf.csv", "@SUM(A1).csv", "\t=2.csv", "\r=3.csv", "new\nline.csv", "'q'.csv", "a,b.csv"),
    *('"quoted".csv', " =4.csv", "CON.csv", "manifest.csv", "ünï.csv", "\u202egnp.csv", "x" * 250 + ".csv"),
]


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "sine.csv").write_bytes(signal(0, 1500))
    config = RunConfig.model_validate({"predictor": "ridge", "window": {"n_step": 5, "n_input": 20}})
    Forecaster.fit([read_signal(folder / "sine.csv", ReadingOptions())], config).save(folder / "m")
    return folder / "m"


@pytest.fixture(scope="module")
def forecaster(model) -> Forecaster:
    return Forecaster.load(model)


def signal(seed: int, rows: int = 200) -> bytes:
    return synthesis.to_csv("sine", rows, 100.0, seed)


def run(forecaster, model, arguments, directory, **chosen):
    job = batch.Job(directory, ReadingOptions(), **chosen)
    return batch.run(forecaster, model, inputs.find([str(one) for one in arguments], apart=directory), job)


def process(*args, **options):
    command = [sys.executable, "-m", "forecaster", *map(str, args)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, **options)


def contents(folder: Path) -> dict[str, str]:
    """Return what lies below a folder: name and hash, or where a link leads."""
    found = {}
    for path in sorted(folder.rglob("*")):
        link = path.is_symlink()
        what = os.readlink(path) if link else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = what
    return found


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_hostile_names_one_output_each_and_no_formula_in_a_text_cell(forecaster, model, tmp_path, form):
    if form == "parquet":
        pytest.importorskip("pyarrow")
    for k, name in enumerate(HOSTILE):
        for folder in ("a", "b"):  # the same name in two folders
            (tmp_path / "in" / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / "in" / folder / name).write_bytes(signal(k))
    out = tmp_path / "out"
    outcome = run(forecaster, model, [tmp_path / "in"], out, form=form)
    outputs = {entry.output for entry in outcome.ledger.entries.values()}
    assert len(outcome.done) == len(outputs) == 2 * len(HOSTILE)
    assert {path.name for path in out.iterdir()} == outputs | {"manifest.json"}
    for name in outputs:
        assert name.isprintable()
        assert not name.startswith((*FORMULA, ".", " "))
        texts = _texts(out / name, form)
        assert len(texts) > 20
        assert not [text for text in texts if text.startswith(FORMULA)]


def _texts(path: Path, form: str) -> list[str]:
    """Return all text cells of a forecast, the header's as well; numbers may begin with a minus."""
    if form == "csv":
        header, *rows = csv.reader(path.read_text(encoding="utf-8").splitlines())
        return [*header, *(cell for row in rows for cell in (row[0], row[1]))]
    if form == "json":
        return [text for row in json.loads(path.read_text()) for text in (*row, *row.values()) if isinstance(text, str)]
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path).to_pydict()
    return [*table, *(cell for column in table.values() for cell in column if isinstance(cell, str))]


def test_channels_and_groups_named_like_formulas(forecaster, model, tmp_path):
    lines = [f"{k / 100},{'=1+1' if k < 200 else '@x'},{k % 20},{k % 20 + 1}" for k in range(400)]
    path = tmp_path / "x.csv"
    path.write_text("time (s),run,=cmd|' /C calc'!A0,+v\n" + "\n".join(lines) + "\n")
    job = batch.Job(tmp_path / "out", ReadingOptions(group_column="run", columns=("+v",)))
    outcome = batch.run(forecaster, model, inputs.find([str(path)]), job)
    assert outcome.done
    texts = _texts(next((tmp_path / "out").glob("*.csv")), "csv")
    assert not [text for text in texts if text.startswith(FORMULA)]


@pytest.mark.parametrize("kind", ["symlink", "dangling", "folder", "link to a folder", "fifo"])
@pytest.mark.parametrize("name", ["x.forecast.csv", "manifest.json"])
def test_what_is_planted_at_the_name_of_an_output_is_not_followed(forecaster, model, tmp_path, kind, name):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_bytes(signal(1))
    outside, out = tmp_path / "outside", tmp_path / "out"
    (outside / "folder").mkdir(parents=True)
    (outside / "victim").write_text("keep me")
    out.mkdir()
    planted = out / name
    if kind == "folder":
        planted.mkdir()
    elif kind == "fifo":
        os.mkfifo(planted)
    else:
        planted.symlink_to(outside / {"symlink": "victim", "dangling": "nothing", "link to a folder": "folder"}[kind])
    before = contents(outside)
    with pytest.raises(UsageError, match="other files"):
        run(forecaster, model, [tmp_path / "in"], out)
    with pytest.raises(OutputError, match="there is a"):
        run(forecaster, model, [tmp_path / "in"], out, overwrite=True)
    assert contents(outside) == before


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_what_takes_the_place_of_a_forecast_later_is_no_forecast(forecaster, model, tmp_path, kind):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_bytes(signal(1))
    run(forecaster, model, [tmp_path / "in"], tmp_path / "out")
    output, copy = tmp_path / "out" / "x.forecast.csv", tmp_path / "copy.csv"
    output.rename(copy)
    {"symlink": lambda: output.symlink_to(copy), "fifo": lambda: os.mkfifo(output), "folder": output.mkdir}[kind]()
    kept = copy.read_bytes()
    with pytest.raises(OutputError, match="there is a"):
        run(forecaster, model, [tmp_path / "in"], tmp_path / "out")
    assert copy.read_bytes() == kept


def test_a_manifest_that_is_a_link_is_not_read(forecaster, model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_bytes(signal(1))
    run(forecaster, model, [tmp_path / "in"], tmp_path / "out")
    (tmp_path / "out" / "manifest.json").rename(tmp_path / "m.json")
    (tmp_path / "out" / "manifest.json").symlink_to(tmp_path / "m.json")
    with pytest.raises(UsageError, match="other files"):
        run(forecaster, model, [tmp_path / "in"], tmp_path / "out")


def test_the_folder_of_the_inputs_as_the_folder_of_the_outputs(forecaster, model, tmp_path):
    for k in range(3):
        (tmp_path / f"x{k}.csv").write_bytes(signal(k))
    before = contents(tmp_path)
    with pytest.raises(UsageError, match="other files"):
        run(forecaster, model, [tmp_path], tmp_path)
    with pytest.raises(UsageError, match="would take the place of the input"):
        run(forecaster, model, [tmp_path], tmp_path, overwrite=True, filename="{stem}.csv")
    assert contents(tmp_path) == before
    assert len(run(forecaster, model, [tmp_path], tmp_path, overwrite=True).done) == 3
    again = run(forecaster, model, [tmp_path], tmp_path)
    assert (len(again.skipped), again.done, again.failed) == (3, [], {})
    third = run(forecaster, model, [tmp_path], tmp_path, overwrite=True, horizon=7)
    assert (len(third.done), third.failed) == (3, {})
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before
    assert set(after) - set(before) == {"manifest.json", *(f"x{k}.forecast.csv" for k in range(3))}


def test_an_input_by_another_path_is_not_overwritten_either(forecaster, model, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.csv").write_bytes(signal(1))
    (tmp_path / "link").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "x.forecast.csv").write_bytes(signal(2))
    before = contents(tmp_path)
    for argument in (tmp_path / "link", tmp_path / "in" / ".." / "in"):
        with pytest.raises(UsageError, match="would take the place of the input"):
            run(forecaster, model, [argument], tmp_path / "in", overwrite=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("pattern", ["", "/*.csv", "/**/*.csv"])
def test_a_folder_of_outputs_within_that_of_the_inputs(forecaster, model, tmp_path, pattern):
    for name in ("x.csv", "y.csv"):
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / name).write_bytes(signal(1))
    out = tmp_path / "in" / "out"
    for _ in range(3):
        outcome = run(forecaster, model, [f"{tmp_path / 'in'}{pattern}"], out)
        assert len(outcome.done + outcome.skipped) == 2
        assert not outcome.failed
    assert {path.name for path in out.iterdir()} == {"x.forecast.csv", "y.forecast.csv", "manifest.json"}


def test_pipes_folders_and_circles_among_the_inputs(model, tmp_path):
    """As a process: nothing may wait for a writer, or walk in circles."""
    folder = tmp_path / "in"
    (folder / "table.csv").mkdir(parents=True)
    (folder / "table.csv" / "x.csv").write_bytes(signal(1))
    (folder / "x.csv").write_bytes(signal(2))
    os.mkfifo(folder / "pipe.csv")
    (folder / "self.csv").symlink_to("self.csv")
    for name in ("round", "again"):
        (folder / name).symlink_to(folder)
    (folder / os.fsdecode(b"\xff\xfe.csv")).write_bytes(signal(3))
    done = process("forecast", model, folder, "-o", tmp_path / "out")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "pipe.csv: is not a regular file" in done.stderr
    assert "self.csv: cannot be opened" in done.stderr
    assert len(list((tmp_path / "out").glob("*.forecast.csv"))) == 3
    found = inputs.find([f"{folder}/**/*.csv"])
    assert len(found) == 5
    assert len({item.name for item in found}) == 5
    alone = process("check", folder / "pipe.csv")
    assert (alone.returncode, alone.stdout) == (2, "")


def test_a_pattern_that_is_none(tmp_path):
    with pytest.raises(SignalError, match=r"no pattern|no file matches the pattern"):
        inputs.find([f"{tmp_path}/a**/*.csv"])


def test_names_that_look_like_options_are_files_behind_two_dashes(model, tmp_path):
    (tmp_path / "-rf.csv").write_bytes(signal(1))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "forecaster", "check", "--json", "--", "-rf.csv"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["signals"][0]["path"] == "-rf.csv"


def bound(*args: object) -> subprocess.CompletedProcess[str]:
    """Run the program without the rights by which root passes over permissions."""
    if os.geteuid():
        return process(*args)
    if shutil.which("setpriv") is None:
        pytest.skip("root, and no setpriv to take its rights away")
    held = "-dac_override,-dac_read_search,-fowner"
    command = [
        "setpriv",
        "--inh-caps",
        held,
        "--bounding-set",
        held,
        sys.executable,
        "-m",
        "forecaster",
        *map(str, args),
    ]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_places_that_may_not_be_read_or_written(model, tmp_path):
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    (folder / "x.csv").write_bytes(signal(1))
    (folder / "closed.csv").write_bytes(signal(2))
    (folder / "closed.csv").chmod(0)
    (folder / "sub" / "y.csv").write_bytes(signal(3))
    (folder / "sub").chmod(0)
    (tmp_path / "shut").mkdir(mode=0o555)
    try:
        if bound("check", folder / "closed.csv").returncode == 0:
            pytest.skip("permissions do not bind here")
        done = bound("forecast", model, folder, "-o", tmp_path / "out")
        assert done.returncode == 1
        assert "closed.csv: cannot be opened: Permission denied" in done.stderr
        assert "in/sub: " in done.stderr  # a folder that cannot be listed is not passed over in silence
        assert (tmp_path / "out" / "x.forecast.csv").is_file()
        for place in (tmp_path / "shut", tmp_path / "shut" / "out"):
            done = bound("forecast", model, folder / "x.csv", "-o", place)
            assert done.returncode == 1
            assert "Permission denied" in done.stderr
            assert "Traceback" not in done.stderr
        assert list((tmp_path / "shut").iterdir()) == []
    finally:
        (folder / "sub").chmod(0o755)


def test_a_place_that_is_a_file_or_leads_nowhere(model, tmp_path):
    (tmp_path / "x.csv").write_bytes(signal(1))
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    (tmp_path / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / "pipe")
    for place in ("x.csv", "nowhere", "pipe"):
        message = commands.refused("forecast", model, tmp_path / "x.csv", "-o", tmp_path / place)
        assert "is not a folder" in message
    found = commands.run("forecast", model, tmp_path / "x.csv", "-o", tmp_path / "x.csv" / "sub")
    assert found.exit_code in (1, 2)
    assert "bug" not in found.stderr
    assert (tmp_path / "x.csv").read_bytes() == signal(1)


def test_a_backtest_does_not_take_the_place_of_its_input(model, tmp_path):
    (tmp_path / "x.csv").write_bytes(signal(1, 400))
    (tmp_path / "link").symlink_to(tmp_path)
    for place in (tmp_path / "x.csv", tmp_path / "link" / "x.csv"):
        message = commands.refused("evaluate", model, tmp_path / "x.csv", "--forecasts", place)
        assert "would take the place of an input" in message
    assert (tmp_path / "x.csv").read_bytes() == signal(1, 400)
    commands.ok("evaluate", model, tmp_path / "x.csv", "--forecasts", tmp_path / "y.csv")
    assert (tmp_path / "y.csv").is_file()


def test_a_backtest_takes_the_place_of_nothing_but_a_backtest(model, tmp_path):
    kept, own = tmp_path / "run.csv", tmp_path / "m"
    shutil.copytree(model, own)
    (tmp_path / "x.csv").write_bytes(signal(1, 400))
    kept.write_bytes(signal(2, 400))
    before = {path: path.read_bytes() for path in (kept, own / "model.json")}
    message = commands.refused("evaluate", own, tmp_path / "x.csv", "--forecasts", kept)
    assert "is there, and holds no forecasts that were scored. Choose another name." in message
    for place in (own / "model.json", own / "scored.csv"):
        message = commands.refused("evaluate", own, tmp_path / "x.csv", "--forecasts", place)
        assert "lies in the model's folder" in message
    assert before == {path: path.read_bytes() for path in before}
    commands.ok("evaluate", own, tmp_path / "x.csv", "--forecasts", tmp_path / "y.csv")
    first = (tmp_path / "y.csv").read_bytes()
    commands.ok("evaluate", own, tmp_path / "x.csv", "--forecasts", tmp_path / "y.csv", "--stride", 40)
    assert len((tmp_path / "y.csv").read_bytes()) < len(first)


def test_a_folder_in_which_nothing_was_made_is_free(model, tmp_path):
    rows = signal(1).splitlines()
    (tmp_path / "gap.csv").write_bytes(b"\n".join([*rows[:100], *rows[104:]]) + b"\n")
    message = commands.refused("forecast", model, tmp_path / "gap.csv", "-o", tmp_path / "out")
    assert "--missing interpolate" in message
    assert os.listdir(tmp_path / "out") == ["manifest.json"]
    commands.ok("forecast", model, tmp_path / "gap.csv", "-o", tmp_path / "out", "--missing", "interpolate")
    assert (tmp_path / "out" / "gap.forecast.csv").is_file()
