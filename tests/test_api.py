"""The public Python API: what a data scientist imports, frames in and frames out, and the pages that show it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import forecaster
from forecaster import Forecaster, Forecasts, RunConfig, Signal, errors, read_signal

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs" / "PYTHON.md"
SIZES = {"predictor": "ridge", "n_step": 7, "n_input": 24}


def hourly(rows: int = 900) -> pd.DataFrame:
    """Two channels with a day's rhythm, on an hourly index."""
    day = np.sin(2 * np.pi * np.arange(rows) / 24)
    noise = np.random.default_rng(0).normal(0, 0.1, (2, rows))
    index = pd.date_range("2024-01-01", periods=rows, freq="h", name="time")
    return pd.DataFrame({"power": 50 + 10 * day + noise[0], "heat": 20 - day + noise[1]}, index=index)


@pytest.fixture(scope="module")
def model() -> Forecaster:
    return Forecaster.fit(hourly(), unit={"power": "kW"}, **SIZES)


class TestNames:
    def test_all_is_what_the_guide_lists(self) -> None:
        listed = re.findall(r"^\| `(\w+)` \|", GUIDE.read_text(), re.MULTILINE)
        assert sorted(listed) == forecaster.__all__ == sorted(forecaster.__all__)

    @pytest.mark.parametrize("name", forecaster.__all__)
    def test_each_is_there(self, name: str) -> None:
        assert getattr(forecaster, name).__doc__
        assert name in dir(forecaster)

    def test_what_is_not_there_is_an_attribute_error(self) -> None:
        with pytest.raises(AttributeError, match="no attribute 'Prophet'"):
            _ = forecaster.Prophet

    def test_the_import_loads_nothing_else(self) -> None:
        code = """
            import sys
            before = set(sys.modules)
            import forecaster
            print(sorted(set(sys.modules) - before))
        """
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout == "['__future__', 'forecaster']\n"

    def test_the_package_says_that_it_is_typed(self) -> None:
        assert (Path(forecaster.__file__).parent / "py.typed").is_file()


class TestFromFrame:
    def test_the_index_is_the_time_and_numbers_are_channels(self) -> None:
        frame = hourly().assign(note="x", ok=True)
        signal = Signal.from_frame(frame, unit="kW")
        assert signal.channels == ("power", "heat")
        assert signal.units == ("kW", "kW")
        assert signal.sample_rate_hz == pytest.approx(1 / 3600)
        np.testing.assert_array_equal(signal.recordings[0].values, frame[["power", "heat"]].to_numpy())
        assert signal.recordings[0].time.stamps(0, 2).tolist() == ["2024-01-01 00:00:00", "2024-01-01 01:00:00"]

    @pytest.mark.parametrize("as_text", [True, False])
    def test_a_column_is_the_time(self, as_text: bool) -> None:
        frame = hourly().reset_index()
        frame["time"] = frame["time"].astype(str) if as_text else frame["time"]
        named, told = Signal.from_frame(frame), Signal.from_frame(frame, time="time", channels=["heat"])
        assert named.channels == ("power", "heat")
        assert told.channels == ("heat",)
        assert named.recordings[0].time == told.recordings[0].time == Signal.from_frame(hourly()).recordings[0].time

    def test_without_a_time_rows_are_counted(self) -> None:
        signal = Signal.from_frame(pd.DataFrame({"x": [1.0, 2.0, 3.0]}), rate_hz=50)
        assert (signal.name, signal.sample_rate_hz, signal.recordings[0].time.kind) == ("x", 50, "samples")

    def test_seconds_are_a_time(self) -> None:
        signal = Signal.from_frame(pd.DataFrame({"t": np.arange(50) / 100, "x": np.ones(50)}), time="t")
        assert signal.channels == ("x",)
        assert signal.sample_rate_hz == pytest.approx(100)

    def test_months_step_by_the_calendar(self) -> None:
        index = pd.date_range("2020-01-01", periods=30, freq="MS")
        time = Signal.from_frame(pd.DataFrame({"x": np.ones(30)}, index=index)).recordings[0].time
        assert time.stamps(0, 31).tolist() == [*index.strftime("%Y-%m-%d %H:%M:%S"), "2022-07-01 00:00:00"]

    def test_a_time_zone_is_kept_as_utc(self) -> None:
        frame = hourly().tz_localize("Europe/Berlin", nonexistent="shift_forward", ambiguous=True).iloc[:100]
        assert Signal.from_frame(frame).recordings[0].time.stamps(0, 1).tolist() == ["2023-12-31 23:00:00+00:00"]

    def test_future_covariates_may_go_on(self) -> None:
        frame = hourly(100)
        frame.loc[frame.index[90:], "power"] = np.nan
        signal = Signal.from_frame(frame, channels="power", future_covariates=["heat"])
        recording = signal.recordings[0]
        assert (signal.exogenous, signal.known, len(recording), len(recording.future)) == (("heat",), 1, 90, 10)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda f: f.drop(f.index[50]), r"a step of another length at row 50.*resample"),
            (lambda f: f.iloc[::-1], r"not after the one before.*sort_values"),
            (lambda f: pd.concat((f.iloc[:5], f.iloc[4:])), r"row 5 is not after.*drop_duplicates"),
            (lambda f: f.assign(power=f.power.where(f.index != f.index[7])), r"column 'power'.*row 7.*interpolate"),
            (lambda f: f.assign(power=np.inf), r"inf in row 0, one of 900"),
            (lambda f: f.iloc[:0], r"no rows"),
            (lambda f: f[[]], r"no column of numbers"),
            (lambda f: f.assign(a=f.index, b=f.index).reset_index(drop=True), r"2 columns that may be the time: a, b"),
        ],
    )
    def test_what_is_not_regular_is_refused_with_what_to_do(self, change, message: str) -> None:
        with pytest.raises(errors.SignalError, match=f"(?s){message}"):
            Signal.from_frame(change(hourly()))

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"channels": ["speed"]}, r"no column 'speed'; expected one of its columns: power, heat"),
            ({"time": "when"}, r"no column 'when'"),
            ({"rate_hz": 5}, r"a time and rate_hz="),
        ],
    )
    def test_options_that_do_not_fit_are_refused(self, options: dict[str, object], message: str) -> None:
        with pytest.raises(errors.SignalError, match=message):
            Signal.from_frame(hourly(), **options)


class TestForecaster:
    def test_a_frame_in_gives_a_frame_out(self, model: Forecaster) -> None:
        forecast = model.forecast(hourly(), horizon=30, levels=(80, 95))
        frame = forecast.to_frame()
        assert list(frame) == [
            "unique_id", "ds", "y_hat", "y_hat-lo-80", "y_hat-hi-80", "y_hat-lo-95", "y_hat-hi-95",
        ]  # fmt: skip
        assert frame.unique_id.unique().tolist() == ["power", "heat"]
        assert frame.ds[:30].tolist() == pd.date_range(hourly().index[-1], periods=31, freq="h")[1:].tolist()
        np.testing.assert_array_equal(frame.y_hat[:30], forecast[0].mean)
        assert (frame["y_hat-lo-95"] < frame["y_hat-lo-80"]).all()

    def test_settings_are_those_of_a_run(self, model: Forecaster) -> None:
        config = RunConfig.model_validate({"predictor": "ridge", "window": {"n_step": 7, "n_input": 24}})
        same = Forecaster.fit([Signal.from_frame(hourly(), unit={"power": "kW"})], config)
        assert same.config == model.config
        tensors = [{k: v.tobytes() for k, v in m.predictor.tensors().items()} for m in (same, model)]
        assert tensors[0] == tensors[1]

    def test_a_long_frame_holds_several_series(self) -> None:
        long = hourly().rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
        model = Forecaster.fit(long, **SIZES)
        frame = model.forecast(long).to_frame()
        assert frame.unique_id.unique().tolist() == ["power", "heat"]
        assert frame.groupby("unique_id").y_hat.mean().round().to_dict() == {"heat": 20.0, "power": 50.0}

    def test_a_signal_gives_forecasts_and_a_list_of_signals_a_list(self, model: Forecaster) -> None:
        signal = Signal.from_frame(hourly())
        alone, listed = model.forecast(signal), model.forecast([signal])
        assert isinstance(alone, Forecasts)
        assert [f.mean.tobytes() for f in alone] == [f.mean.tobytes() for f in listed[0]]
        assert repr(alone) == "Forecasts of 2 series (power, heat)"
        assert len(alone[:1]) == 1

    def test_scores_come_as_a_frame_and_the_held_back_part_is_scored(self, model: Forecaster) -> None:
        evaluation = model.evaluate(hourly())
        frame = evaluation.to_frame()
        assert set(frame.predictor) >= {"model", "last-value", "seasonal-naive"}
        assert frame.origins.max() < 900 * 0.15 / 24
        assert evaluation.to_json() | {"verdict": ""} == model.stored[0] | {"verdict": ""}
        assert evaluation.verdict in evaluation._repr_html_()

    def test_pictures_are_drawn_and_shown_in_a_notebook(self, model: Forecaster, tmp_path: Path) -> None:
        figure = model.forecast(hourly()).plot(tmp_path / "forecast.png")
        model.evaluate(hourly()).plot(tmp_path / "scores.svg")
        assert figure._repr_png_()[:4] == b"\x89PNG"
        assert (tmp_path / "forecast.png").stat().st_size > 10_000
        assert (tmp_path / "scores.svg").stat().st_size > 10_000

    def test_saved_and_loaded_it_gives_the_same_frame(self, model: Forecaster, tmp_path: Path) -> None:
        model.save(tmp_path / "m")
        again = Forecaster.load(tmp_path / "m").forecast(hourly()).to_frame()
        pd.testing.assert_frame_equal(again, model.forecast(hourly()).to_frame(), check_exact=True)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"predictor": "prophet"}, "There is no predictor 'prophet'"),
            ({"n_step": 0}, r"window\.n_step: .*greater than or equal to 1"),
            ({"split": (50, 20, 20)}, "add up to 100"),
            ({"recipe": "secret"}, r"recipe\.name"),
        ],
    )
    def test_settings_that_do_not_fit_are_refused(self, settings: dict[str, object], message: str) -> None:
        with pytest.raises(errors.UsageError, match=message):
            Forecaster.fit(hourly(), **{**SIZES, **settings})


class TestReadSignal:
    def test_settings_are_reading_options(self, tmp_path: Path) -> None:
        path = tmp_path / "pump.csv"
        path.write_text("a;b\n" + "".join(f"{k},5;{k}\n" for k in range(20)))
        signal = read_signal(path, columns="a", rate_hz=10, decimal=",")
        assert (signal.channels, signal.sample_rate_hz) == (("a",), 10)
        assert signal.recordings[0].values[3, 0] == 3.5

    def test_one_that_there_is_not_is_refused(self) -> None:
        with pytest.raises(errors.UsageError, match=r"rate: .*The settings are: columns, exogenous"):
            read_signal("pump.csv", rate=10)


def test_every_line_of_the_guide_runs(tmp_path: Path) -> None:
    code = "\n".join(re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL))
    (tmp_path / "data").symlink_to(ROOT / "data")
    script = tmp_path / "guide.py"
    script.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}")
    done = subprocess.run(
        [sys.executable, "-W", "error", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert not done.returncode, done.stderr
    assert "a step of another length at row 100" in done.stdout
    assert (tmp_path / "forecast.png").is_file()
    assert (tmp_path / "scores.png").is_file()


@pytest.mark.slow
def test_the_notebook_runs_and_shows_its_pictures(tmp_path: Path) -> None:
    code = """
        import sys, nbclient, nbformat
        notebook = nbformat.read(sys.argv[1], as_version=4)
        nbclient.NotebookClient(notebook, timeout=240, resources={"metadata": {"path": sys.argv[2]}}).execute()
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        print(sum("image/png" in output.get("data", {}) for output in outputs), "pictures")
    """
    arguments = [ROOT / "docs" / "notebook.ipynb", ROOT / "docs"]
    command = [sys.executable, "-c", textwrap.dedent(code), *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    assert done.stdout == "2 pictures\n"
