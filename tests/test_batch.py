"""Many files: names, formats, the manifest, going on, and the same bytes in any company."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster import batch
from forecaster.batch import runner, tables
from forecaster.batch.ledger import check_template, output_names, picture_name, safe_stem
from forecaster.config import ReadingOptions, RunConfig
from forecaster.errors import ForecasterError, OutputError, SignalError, UsageError
from forecaster.files import TEMPORARY, locked_folder
from forecaster.forecasting.forecast import Forecast, safe_text
from forecaster.model import Forecaster
from forecaster.reading import inputs, read_signal
from forecaster.signal import synthesis
from forecaster.signal.time_axis import LARGEST, TimeAxis

OPTIONS = ReadingOptions()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "sine.csv").write_bytes(synthesis.to_csv("sine", 1500, 100.0, 1))
    config = RunConfig.model_validate({"predictor": "ridge", "window": {"n_step": 5, "n_input": 20}})
    Forecaster.fit([read_signal(folder / "sine.csv", OPTIONS)], config).save(folder / "m")
    return folder / "m"


@pytest.fixture(scope="module")
def forecaster(model: Path) -> Forecaster:
    return Forecaster.load(model)


@pytest.fixture
def signals(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    for k in range(12):
        path = folder / ("a" if k % 2 else "b") / f"pump{k // 2}.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(synthesis.to_csv("sine", 200 + k, 100.0, k))
    return folder


def job(directory: Path, **chosen: object) -> batch.Job:
    return batch.Job(directory, OPTIONS, **chosen)  # type: ignore[arg-type]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def forecast_of(**chosen: object) -> Forecast:
    mean = np.array([1.0, 0.1 + 0.2])
    values = {"time": TimeAxis("seconds", 0.0, 0.5), "first": 4, "mean": mean, "history": np.zeros(3), **chosen}
    return Forecast("pump", "acceleration", "g", **values)  # type: ignore[arg-type]


class TestNames:
    @given(st.text(max_size=300))
    def test_a_stem_is_a_harmless_file_name(self, name: str) -> None:
        stem = safe_stem(name)
        assert stem
        assert len(stem) <= 120
        assert not set(stem) & set('/\\\0\n\r\t:*?"<>|')
        assert stem[0] not in "=+-@."
        assert stem not in (".", "..")

    @given(st.lists(st.tuples(st.text(min_size=1), st.text()), max_size=20, unique_by=lambda pair: pair[0]))
    def test_no_two_inputs_share_an_output_on_any_file_system(self, pairs: list[tuple[str, str]]) -> None:
        clean = [(path, name) for path, name in pairs if path.isprintable()]
        names = output_names(clean, "{stem}.{ext}", "json", {})
        assert len({name.casefold() for name in names.values()}) == len(clean)
        assert "manifest.json" not in names.values()

    def test_names_that_fall_together_are_told_apart(self) -> None:
        names = output_names([("a/x.csv", "a/x"), ("a_x.csv", "a_x")], "{stem}.{ext}", "csv", {})
        assert names["a/x.csv"] != names["a_x.csv"]
        assert names == output_names([("a_x.csv", "a_x"), ("a/x.csv", "a/x")], "{stem}.{ext}", "csv", {})

    def test_the_manifest_is_never_overwritten_by_a_forecast(self) -> None:
        assert output_names([("m.csv", "manifest")], "{stem}.{ext}", "json", {})["m.csv"] != "manifest.json"

    def test_an_earlier_output_keeps_its_name_and_a_newcomer_gets_another(self) -> None:
        names = output_names([("b/x.csv", "x")], "{stem}.{ext}", "csv", {"a/x.csv": "x.csv"})
        assert names["b/x.csv"] not in ("x.csv", "")
        assert output_names([("a/x.csv", "x")], "{stem}.{ext}", "csv", {"a/x.csv": "x.csv"}) == {"a/x.csv": "x.csv"}

    @pytest.mark.parametrize(
        "template", ["../{stem}.csv", "{stem", "{stem}{x}", "a/{stem}", "={stem}", "{stem}\n", "{0}"]
    )
    def test_a_template_that_leaves_the_folder_is_refused(self, template: str) -> None:
        with pytest.raises(UsageError, match="--filename"):
            check_template(template, several=False)

    @pytest.mark.parametrize("template", ["manifest.json", "Manifest.JSON", "manifest.{ext}"])
    def test_a_forecast_in_place_of_the_manifest_is_refused(self, template: str) -> None:
        with pytest.raises(UsageError, match="manifest"):
            check_template(template, several=False)

    def test_one_name_for_several_files_is_refused(self) -> None:
        check_template("out.csv", several=False)
        with pytest.raises(UsageError, match="one name"):
            check_template("out.csv", several=True)

    def test_a_picture_lies_beside_its_forecast(self) -> None:
        assert picture_name("a.b.csv", "csv") == "a.b.png"
        assert picture_name("a.txt", "csv") == "a.txt.png"


class TestTables:
    def test_numbers_are_the_shortest_that_read_back(self) -> None:
        band = (np.array([0.5, np.nan]), np.array([1.5, np.nan]))
        text = batch.encode([forecast_of(bands={90: band, 50: None})], [90, 50], "csv").decode()
        assert text.splitlines() == [
            "unique_id,ds,y_hat,y_hat-lo-50,y_hat-hi-50,y_hat-lo-90,y_hat-hi-90",
            "pump,2.0,1.0,,,0.5,1.5",
            "pump,2.5,0.30000000000000004,,,,",
        ]

    def test_json_has_the_same_rows_and_null_for_what_is_undefined(self) -> None:
        rows_read = json.loads(batch.encode([forecast_of(bands={90: None})], [90], "json"))
        assert rows_read[1] == {
            "unique_id": "pump", "ds": 2.5, "y_hat": 0.30000000000000004, "y_hat-lo-90": None, "y_hat-hi-90": None,
        }  # fmt: skip

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
    def test_what_is_not_finite_is_never_written(self, bad: float) -> None:
        with pytest.raises(OutputError, match="step 2"):
            batch.encode([forecast_of(mean=np.array([0.0, bad]))], [], "csv")

    def test_an_infinite_band_is_refused_too(self) -> None:
        band = (np.array([0.0, -np.inf]), np.array([1.0, 1.0]))
        with pytest.raises(OutputError):
            batch.encode([forecast_of(bands={90: band})], [90], "csv")

    @given(st.text(max_size=60))
    def test_no_text_cell_is_a_formula_and_every_row_has_its_fields(self, name: str) -> None:
        forecast = Forecast(name, "", "", TimeAxis(), 0, np.zeros(2), np.zeros(1), {}, {})
        text = batch.encode([forecast], [], "csv").decode("utf-8")
        rows_read = list(csv.reader(text.splitlines()))
        assert [len(row) for row in rows_read] == [3, 3, 3]
        assert not rows_read[1][0].startswith(("=", "+", "-", "@", "\t", "\r"))

    def test_parquet_holds_the_same_rows(self) -> None:
        parquet = pytest.importorskip("pyarrow.parquet")
        pyarrow = pytest.importorskip("pyarrow")
        data = batch.encode([forecast_of(bands={90: None})], [90], "parquet")
        table = parquet.read_table(pyarrow.BufferReader(data)).to_pydict()
        assert table["y_hat"] == [1.0, 0.30000000000000004]
        assert table["y_hat-lo-90"] == [None, None]


class TestRun:
    def test_no_stamp_runs_over(self, forecaster: Forecaster, signals: Path) -> None:
        signal = read_signal(signals / "b" / "pump0.csv", OPTIONS)
        late = TimeAxis("timestamps", LARGEST - 5 * 10**9, 10**7)
        signal = replace(signal, recordings=(replace(signal.recordings[0], time=late),))
        with pytest.raises(SignalError, match=r"reach 301 rows beyond the last one.*-n 301"):
            forecaster.forecast([signal], horizon=302)
        (forecast,) = forecaster.forecast([signal], horizon=301)[0]
        assert forecast.time.stamps(forecast.first, 301).tolist()[-1].startswith("2262-04-11")

    def test_every_file_is_forecast_and_the_manifest_says_so(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals)])
        outcome = batch.run(forecaster, model, items, job(tmp_path / "out", horizon=30))
        assert len(outcome.done) == 12
        manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert {item["path"] for item in manifest["files"]} == {item.path for item in items}
        for item in manifest["files"]:
            data = (tmp_path / "out" / item["output"]).read_bytes()
            assert item["status"] == "ok"
            assert item["sha256"] == hashlib.sha256(data).hexdigest()
            assert len(data.splitlines()) == 31

    @pytest.mark.bits
    def test_alone_or_in_company_the_bytes_are_the_same(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        batch.run(forecaster, model, inputs.find([str(signals)]), job(tmp_path / "all", horizon=45))
        together = json.loads((tmp_path / "all" / "manifest.json").read_text())["files"]
        for k, item in enumerate(together):
            alone = tmp_path / f"alone{k}"
            batch.run(
                forecaster, model, [inputs.Input(item["path"], _name(item["path"], signals))], job(alone, horizon=45)
            )
            (only,) = json.loads((alone / "manifest.json").read_text())["files"]
            assert only["sha256"] == item["sha256"], item["path"]

    def test_stamps_go_on_where_the_file_ended(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals / "b" / "pump0.csv")])
        batch.run(forecaster, model, items, job(tmp_path / "out", horizon=3))
        stamps = [row["ds"] for row in rows(next((tmp_path / "out").glob("*.csv")))]
        assert stamps == ["2.0", "2.01", "2.02"]

    def test_bad_files_are_named_and_do_not_stop_the_others(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        (signals / "short.csv").write_bytes(synthesis.to_csv("sine", 99, 100.0, 0))
        (signals / "words.csv").write_text("time (s),value (V)\n0,one\n1,two\n")
        (signals / "empty.csv").write_bytes(b"")
        outcome = batch.run(forecaster, model, inputs.find([str(signals)]), job(tmp_path / "out"))
        assert len(outcome.done) == 12
        assert {Path(path).name for path in outcome.failed} == {"short.csv", "words.csv", "empty.csv"}
        files = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
        failed = {Path(item["path"]).name: item for item in files if item["status"] == "failed"}
        assert "99" in failed["short.csv"]["error"]
        assert failed["words.csv"]["output"] is None

    def test_the_first_bad_file_stops_where_that_is_asked_for(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        (signals / "a" / "pump1.csv").write_text("time (s),value (V)\n0,one\n")
        outcome = batch.run(forecaster, model, inputs.find([str(signals)]), job(tmp_path / "out", stop_on_error=True))
        assert len(outcome.failed) == 1
        assert len(outcome.done) < 11

    def test_a_second_call_does_nothing_and_a_changed_file_is_done_again(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals)])
        batch.run(forecaster, model, items, job(tmp_path / "out"))
        before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
        again = batch.run(forecaster, model, items, job(tmp_path / "out"))
        assert len(again.skipped) == 12
        assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
        changed = Path(items[3].path)
        changed.write_bytes(synthesis.to_csv("sine", 300, 100.0, 77))
        third = batch.run(forecaster, model, items, job(tmp_path / "out"))
        assert third.done == [str(changed)]
        # As many bytes and the same time: the hash tells.
        status, content = changed.stat(), changed.read_bytes()
        changed.write_bytes(content[:-2] + bytes([content[-2] ^ 1]) + content[-1:])
        os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
        fourth = batch.run(forecaster, model, items, job(tmp_path / "out"))
        assert fourth.done == [str(changed)]

    def test_a_forecast_that_is_gone_or_altered_is_made_again(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals)])
        first = batch.run(forecaster, model, items, job(tmp_path / "out"))
        outputs = [tmp_path / "out" / str(entry.output) for entry in first.ledger.entries.values()]
        kept = outputs[0].read_bytes(), outputs[1].read_bytes()
        outputs[0].unlink()
        outputs[1].write_bytes(b"half")
        again = batch.run(forecaster, model, items, job(tmp_path / "out"))
        assert len(again.done) == 2
        assert (outputs[0].read_bytes(), outputs[1].read_bytes()) == kept

    def test_a_batch_that_was_killed_goes_on(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        items = inputs.find([str(signals)])
        monkeypatch.setattr("forecaster.batch.runner.CHUNK_FILES", 5)
        seen: list[int] = []

        def interrupt(count: int) -> None:
            seen.append(count)
            if count >= 5:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            batch.run(forecaster, model, items, job(tmp_path / "out"), tick=interrupt)
        again = batch.run(forecaster, model, items, job(tmp_path / "out"))
        assert (len(again.skipped), len(again.done)) == (5, 7)

    def test_another_model_other_options_or_foreign_files_are_refused(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals / "a")])
        batch.run(forecaster, model, items, job(tmp_path / "out"))
        with pytest.raises(UsageError, match="other options"):
            batch.run(forecaster, model, items, job(tmp_path / "out", horizon=7))
        foreign = tmp_path / "mine"
        foreign.mkdir()
        (foreign / "thesis.txt").write_text("years")
        with pytest.raises(UsageError, match="--overwrite"):
            batch.run(forecaster, model, items, job(foreign))
        batch.run(forecaster, model, items, job(foreign, overwrite=True))
        assert (foreign / "thesis.txt").read_text() == "years"

    def test_overwriting_leaves_nothing_stale(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        batch.run(forecaster, model, inputs.find([str(signals / "a")]), job(tmp_path / "out"))
        batch.run(
            forecaster, model, inputs.find([str(signals / "b")]), job(tmp_path / "out", horizon=5, overwrite=True)
        )
        listed = {item["output"] for item in json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]}
        assert {path.name for path in (tmp_path / "out").glob("*.csv")} == listed

    def test_a_batch_that_stops_at_an_error_keeps_what_it_did_not_come_to(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items, again = inputs.find([str(signals)]), job(tmp_path / "out", horizon=5, overwrite=True, stop_on_error=True)
        batch.run(forecaster, model, items, job(tmp_path / "out"))
        before = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.csv")}
        good = Path(items[0].path).read_bytes()
        Path(items[0].path).write_text("spoiled")
        assert batch.run(forecaster, model, items, again).failed
        assert {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.csv")} == before
        Path(items[0].path).write_bytes(good)
        assert len(batch.run(forecaster, model, items, replace(again, overwrite=False)).done) == len(items)
        document = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert {path.name for path in (tmp_path / "out").glob("*.csv")} == {
            item["output"] for item in document["files"]
        }
        assert set(document) == {"model", "options", "files"}

    def test_what_is_overwritten_stays_until_all_of_the_new_stands(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        out, again = tmp_path / "out", job(tmp_path / "out", horizon=5, overwrite=True)
        batch.run(forecaster, model, inputs.find([str(signals)]), job(out))
        before = {path.name: path.read_bytes() for path in out.glob("*.csv")}
        real, calls = runner.write_within, []

        def stopped(*arguments: Any) -> None:
            calls.append(arguments)
            if len(calls) > 2:
                raise OutputError("the disk is full")
            real(*arguments)

        monkeypatch.setattr(runner, "write_within", stopped)
        monkeypatch.setattr(runner, "WRITERS", 1)
        items = [item for item in inputs.find([str(signals)]) if "/a/" in item.path]
        with pytest.raises(OutputError):
            batch.run(forecaster, model, items, again)
        kept = [name for name, content in before.items() if (out / name).read_bytes() == content]
        assert len(kept) == 10
        monkeypatch.undo()
        batch.run(forecaster, model, items, replace(again, overwrite=False))
        document = json.loads((out / "manifest.json").read_text())
        assert {path.name for path in out.glob("*.csv")} == {item["output"] for item in document["files"]}
        assert set(document) == {"model", "options", "files"}

    @pytest.mark.parametrize("replaced", [{"../victim.csv": "x"}, ["x"], "x", {"": None}])
    def test_a_manifest_that_replaces_what_lies_outside_is_another_programs(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path, replaced: object
    ) -> None:
        items = inputs.find([str(signals / "a")])
        document = batch.run(forecaster, model, items, job(tmp_path / "out")).ledger.to_json()
        (tmp_path / "out" / "manifest.json").write_text(json.dumps({**document, "replaced": replaced}))
        with pytest.raises(UsageError, match="other files"):
            batch.run(forecaster, model, items, job(tmp_path / "out"))

    def test_of_two_batches_in_one_folder_the_second_is_told(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals / "a")])
        with locked_folder(tmp_path / "out"), pytest.raises(OutputError, match="being written by another program"):
            batch.run(forecaster, model, items, job(tmp_path / "out"))
        (tmp_path / "out" / f"{TEMPORARY}dead").write_text("half")
        batch.run(forecaster, model, items, job(tmp_path / "out"))
        assert not list((tmp_path / "out").glob(".*"))

    def test_far_horizons_make_small_chunks(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("forecaster.batch.runner.CHUNK_VALUES", 20_000)
        sizes = []
        forecast = Forecaster.forecast
        monkeypatch.setattr(Forecaster, "forecast", lambda *a, **k: sizes.append(len(a[1])) or forecast(*a, **k))
        batch.run(forecaster, model, inputs.find([str(signals)]), job(tmp_path / "near", horizon=20))
        batch.run(forecaster, model, inputs.find([str(signals)]), job(tmp_path / "far", horizon=3000))
        assert sizes == [12, 3, 3, 3, 3]

    @pytest.mark.parametrize("change", [{"input": 3}, {"path": 3}, {"output": 3}, {"unknown": 3}])
    def test_a_manifest_of_another_shape_is_another_programs(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path, change: dict[str, int]
    ) -> None:
        items = inputs.find([str(signals / "a")])
        document = batch.run(forecaster, model, items, job(tmp_path / "out")).ledger.to_json()
        document["files"][0] |= change
        (tmp_path / "out" / "manifest.json").write_text(json.dumps(document))
        with pytest.raises(UsageError, match="other files"):
            batch.run(forecaster, model, items, job(tmp_path / "out"))

    def test_a_manifest_from_elsewhere_cannot_name_files_outside(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        items = inputs.find([str(signals / "a")])
        first = batch.run(forecaster, model, items, job(tmp_path / "out"))
        victim = tmp_path / "victim.csv"
        victim.write_text("keep me")
        document = first.ledger.to_json()
        document["files"][0] |= {"output": "../victim.csv", "sha256": hashlib.sha256(b"keep me").hexdigest()}
        (tmp_path / "out" / "manifest.json").write_text(json.dumps(document))
        with pytest.raises(UsageError, match="other files"):
            batch.run(forecaster, model, items, job(tmp_path / "out"))
        batch.run(forecaster, model, items, job(tmp_path / "out", overwrite=True))
        assert victim.read_text() == "keep me"

    @pytest.mark.parametrize("name", ["=1+1.csv", "-rf.csv", "new\nline.csv", "a;b & c.csv", "@sum.csv"])
    def test_hostile_names_give_safe_files_and_cells(
        self, forecaster: Forecaster, model: Path, tmp_path: Path, name: str
    ) -> None:
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / name).write_bytes(synthesis.to_csv("sine", 200, 100.0, 1))
        batch.run(forecaster, model, inputs.find([str(tmp_path / "in")]), job(tmp_path / "out"))
        (output,) = (tmp_path / "out").glob("*.csv")
        assert output.name[0] not in "=+-@"
        assert output.name.isprintable()
        assert all(row["unique_id"][0] not in "=+-@" for row in rows(output))

    def test_a_folder_that_is_a_file_is_refused(
        self, forecaster: Forecaster, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "out").write_text("")
        with pytest.raises(ForecasterError, match="not a folder"):
            batch.run(forecaster, model, inputs.find([str(signals)]), job(tmp_path / "out"))


def _name(path: str, root: Path) -> str:
    return next(item.name for item in inputs.find([str(root)]) if item.path == path)


@pytest.mark.parametrize("text", ["x;=1+1", "a|b", "a\tb", 'a"b', "a,b", "plain", "m/s²"])
def test_a_cell_with_any_separator_reads_back(text: str) -> None:
    line = tables.cell(text)
    assert next(csv.reader([line])) == [text]
    assert line == text or line.startswith('"')


@pytest.mark.parametrize("text", ["=1", "  =1", "\u00a0@a", "\t=1", "＝1", "＋1", " －1", "＠a", "-1", "+1"])
def test_no_spreadsheet_takes_a_cell_for_a_formula(text: str) -> None:
    assert safe_text(text).startswith("'")
