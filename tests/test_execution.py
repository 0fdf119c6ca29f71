"""The contract of every execution of a batch: the same bytes, in the same order, with failures recorded.

Of all members of `forecaster.batch.EXECUTIONS`, and of the one that docs/ADD_AN_EXECUTION.md adds.
"""

from __future__ import annotations

import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecaster import batch
from forecaster.batch import runner
from forecaster.batch.execution import EXECUTIONS
from forecaster.config import ReadingOptions, RunConfig
from forecaster.errors import ForecasterError, SignalError, TooShortError, UsageError
from forecaster.model import Forecaster
from forecaster.reading import inputs, read_signal
from forecaster.signal import synthesis

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "ADD_AN_EXECUTION.md").read_text(encoding="utf-8")
NAMES = [*EXECUTIONS, "threads"]


@pytest.fixture(autouse=True)
def _the_execution_of_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"<!-- file: threads.py -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.setitem(EXECUTIONS, "threads", EXECUTIONS["in-process"])
    exec(compile(code, "threads.py", "exec"), {})


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    (folder / "sine.csv").write_bytes(synthesis.to_csv("sine", 1500, 100.0, 1))
    config = RunConfig.model_validate({"predictor": "ridge", "window": {"n_step": 5, "n_input": 20}})
    Forecaster.fit([read_signal(folder / "sine.csv", ReadingOptions())], config).save(folder / "m")
    return folder / "m"


@pytest.fixture(scope="module")
def signals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of nine signals, and among them a file that cannot be read and one that is too short."""
    folder = tmp_path_factory.mktemp("signals")
    for k in range(9):
        (folder / f"pump{k}.csv").write_bytes(synthesis.to_csv("sine", 200 + k, 100.0, k))
    (folder / "pump2b.csv").write_text("time (s),value (V)\n0,one\n1,two\n")
    (folder / "pump6b.csv").write_bytes(synthesis.to_csv("sine", 99, 100.0, 0))
    return folder


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "CHUNK_FILES", 4)


def job(directory: Path, **chosen: object) -> batch.Job:
    return batch.Job(directory, ReadingOptions(), **chosen)  # type: ignore[arg-type]


def contents(file: runner.EncodedForecast | runner.FailedInput) -> tuple[object, ...]:
    if isinstance(file, runner.FailedInput):
        return file.path, str(file.error)
    return file.path, file.identity, file.data, file.sha256, file.notes


def double(chunk: int) -> int:
    return 2 * chunk


def refuse(chunk: int) -> int:
    if chunk == 3:
        raise SignalError("a hole", path="x.csv", line=3)
    return chunk


@pytest.mark.parametrize("name", NAMES)
class TestContract:
    def test_results_come_in_the_order_of_the_chunks(self, name: str) -> None:
        assert list(EXECUTIONS[name].map(double, iter(range(50)))) == list(range(0, 100, 2))
        assert list(EXECUTIONS[name].map(double, [])) == []

    def test_an_exception_of_the_work_is_raised_in_its_place(self, name: str) -> None:
        results: list[int] = []
        with pytest.raises(SignalError, match=r"^x\.csv:3: a hole\.$"):
            results.extend(EXECUTIONS[name].map(refuse, range(50)))
        assert results == [0, 1, 2]

    def test_no_chunk_is_drawn_without_end(self, name: str) -> None:
        drawn = 0

        def endless() -> Iterator[int]:
            nonlocal drawn
            while True:
                drawn += 1
                yield drawn

        results = EXECUTIONS[name].map(double, endless())
        assert [next(results), next(results)] == [2, 4]
        assert drawn < 1000

    def test_it_writes_the_bytes_that_each_file_gets_alone(
        self, name: str, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        forecaster, files = Forecaster.load(model), inputs.find([str(signals)])
        outcome = batch.run(forecaster, model, files, job(tmp_path / "all", horizon=45), execution=name)
        for item in files:
            (alone,) = runner.process_chunk(forecaster, [item], job(tmp_path / "all", horizon=45)).files
            if isinstance(alone, runner.FailedInput):
                assert str(alone.error) == str(outcome.failed[item.path])
            else:
                entry = outcome.ledger.entries[item.path]
                assert (tmp_path / "all" / str(entry.output)).read_bytes() == alone.data

    def test_failures_are_recorded_and_the_others_done_in_order(
        self, name: str, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        files = inputs.find([str(signals)])
        outcome = batch.run(Forecaster.load(model), model, files, job(tmp_path / "out"), execution=name)
        assert [Path(path).name for path in outcome.failed] == ["pump2b.csv", "pump6b.csv"]
        assert outcome.done == [item.path for item in files if item.path not in outcome.failed]
        document = json.loads((tmp_path / "out" / "manifest.json").read_text())
        assert [item["path"] for item in document["files"]] == [item.path for item in files]
        assert [item["status"] for item in document["files"]].count("failed") == 2

    def test_what_a_chunk_leaves_over_is_taken_up(
        self, name: str, model: Path, signals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "CHUNK_VALUES", 1)
        files = inputs.find([str(signals)])
        outcome = batch.run(Forecaster.load(model), model, files, job(tmp_path / "out"), execution=name)
        assert (len(outcome.done), len(outcome.failed)) == (9, 2)

    def test_it_stops_at_the_first_failure_where_that_is_asked_for(
        self, name: str, model: Path, signals: Path, tmp_path: Path
    ) -> None:
        files = inputs.find([str(signals)])
        chosen = job(tmp_path / "out", stop_on_error=True)
        outcome = batch.run(Forecaster.load(model), model, files, chosen, execution=name)
        assert [Path(path).name for path in outcome.failed] == ["pump2b.csv"]
        assert [Path(path).name for path in outcome.done] == ["pump0.csv", "pump1.csv", "pump2.csv"]


class TestSeam:
    def test_a_chunk_and_its_result_cross_a_process_boundary(self, model: Path, signals: Path, tmp_path: Path) -> None:
        chunk, chosen = tuple(inputs.find([str(signals)])), job(tmp_path / "out")
        here = list(runner.process_chunk(Forecaster.load(model), chunk, chosen).files)
        sent = pickle.loads(pickle.dumps(runner.process_chunk(*pickle.loads(pickle.dumps((model, chunk, chosen))))))
        assert list(map(contents, sent.files)) == list(map(contents, here))
        assert [type(file) for file in here].count(runner.FailedInput) == 2
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize(
        "error",
        [
            ForecasterError("no luck", hint="Try again."),
            SignalError("a hole", path="x.csv", line=3, column="a", expected="numbers", hint="Add --missing split."),
            TooShortError("5 rows", suggestion=(2, 3), path="x.csv"),
        ],
    )
    def test_an_error_crosses_a_process_boundary(self, error: ForecasterError) -> None:
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))

    def test_an_unknown_execution_is_refused(self, model: Path, signals: Path, tmp_path: Path) -> None:
        files = inputs.find([str(signals)])
        with pytest.raises(UsageError, match="There are: in-process"):
            batch.run(Forecaster.load(model), model, files, job(tmp_path / "out"), execution="cluster")
        assert not (tmp_path / "out").exists()
