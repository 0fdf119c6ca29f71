"""The written backtest: every score taken again from the file by other programs; a file that is whole, or not there."""

import json
import os

import numpy as np
import pandas as pd
import pytest

from forecaster.batch.tables import Backtest, unique_id
from forecaster.config import RunConfig, Window
from forecaster.model import Forecaster
from forecaster.signal import synthesis
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import boundaries
from tests.commands import run

losses = pytest.importorskip("utilsforecast.losses")
sklearn_metrics = pytest.importorskip("sklearn.metrics")
EXACT = {"rel": 1e-9}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A trained model `m`, its training file `rotor.csv`, and its evaluation written by the command."""
    folder = tmp_path_factory.mktemp("backtest")
    (folder / "rotor.csv").write_bytes(synthesis.to_csv("rotor", 6000, 1000.0, 3))
    trained = run(
        "train", folder / "rotor.csv", "-o", folder / "m", "--predictor", "ridge", "--n-step", 8, "--n-input", 20
    )
    assert trained.exit_code == 0, trained.output
    return folder


def scored(folder, *options):
    """Return the evaluation as JSON, and the file of its forecasts."""
    path = folder / "scored.csv"
    done = run("evaluate", folder / "m", folder / "rotor.csv", "--json", "--forecasts", path, *options)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), pd.read_csv(path)


def pooled(frame):
    """Return the rows as one series: utilsforecast would otherwise score each cutoff by itself."""
    return frame.drop(columns="cutoff").assign(unique_id=0, ds=np.arange(len(frame)))


@pytest.mark.parametrize("options", [(), ("-n", 60, "--stride", 7)], ids=["next segment", "closed loop"])
def test_every_score_is_found_again_by_other_programs(folder, options):
    document, frame = scored(folder, "--level", 80, "--level", 95, *options)
    (part,), horizon = document["parts"], document["horizon"]
    assert len(frame) == part["origins"] * horizon
    series = pooled(frame)
    names = [name for name in part["scores"] if name in frame]
    assert names == list(part["scores"])
    for name in names:
        scores, y, y_hat = part["scores"][name], frame["y"], frame[name]
        squared = sklearn_metrics.mean_squared_error(y, y_hat)
        assert scores["nmse"] == pytest.approx(squared / np.var(y.to_numpy()), **EXACT)
        assert scores["rmse"] == pytest.approx(np.sqrt(squared), **EXACT)
        assert scores["mae"] == pytest.approx(sklearn_metrics.mean_absolute_error(y, y_hat), **EXACT)
        for metric in ("rmse", "mae", "smape"):
            assert scores[metric] == pytest.approx(getattr(losses, metric)(series, [name])[name].iloc[0], **EXACT)
    for level in (80, 95):
        inside = losses.coverage(series, ["model"], level=level)["model"].iloc[0]
        assert part["scores"]["model"][f"coverage-{level}"] == pytest.approx(inside, **EXACT)


def test_the_scale_is_exact_where_float32_is_not():
    values = np.cumsum(np.random.default_rng(4).normal(size=400)) * 1e-4 + np.sin(np.arange(400) / 300)
    signal = Signal("s", ("c",), (Recording(values[:, None], TimeAxis()),), ("",), 1.0)
    model = Forecaster.fit([signal], RunConfig(predictor="last-value", window=Window(n_step=4, n_input=5)))
    season = next(predictor for predictor in model.predictors if predictor.name == "seasonal-naive").parameters
    training = values[: boundaries(len(values), model.config.split)[0]]
    expected = np.abs(training[season.lags[0] :] - training[: -season.lags[0]]).mean()
    assert season.errors[0] * model.manifest.scaler.scale[0] == pytest.approx(expected, rel=1e-12)


def test_the_scaled_error_is_found_again_from_the_training_part(folder):
    document, frame = scored(folder)
    model = Forecaster.load(folder / "m")
    values = pd.read_csv(folder / "rotor.csv").iloc[:, -1].to_numpy()
    training = values[: boundaries(len(values), model.config.split)[0]]
    season = next(predictor for predictor in model.predictors if predictor.name == "seasonal-naive").parameters.lags[0]
    past = pd.DataFrame({"unique_id": 0, "ds": np.arange(len(training)), "y": training})
    series = pooled(frame)
    expected = losses.mase(series, ["model", "last-value"], seasonality=season, train_df=past)
    for name in ("model", "last-value"):
        assert document["parts"][0]["scores"][name]["mase"] == pytest.approx(expected[name].iloc[0], **EXACT)


def test_the_errors_by_step_and_the_verdict_are_in_the_file(folder):
    document, frame = scored(folder, "-n", 60)
    (part,) = document["parts"]
    step = frame.groupby("cutoff").cumcount() + 1
    mse = (frame["model"] - frame["y"]).pow(2).groupby(step).mean()
    ours = {row["step"]: row["rmse"] for row in part["by_step"]["model"]}
    assert ours == pytest.approx(np.sqrt(mse).to_dict(), rel=1e-9)
    rival = part["skill"]["baseline"]
    gain = 1 - (frame["model"] - frame["y"]).pow(2).mean() / (frame[rival] - frame["y"]).pow(2).mean()
    assert part["skill"]["gain"] == pytest.approx(gain, rel=1e-9)
    by_segment = (frame["model"] - frame["y"]).pow(2).groupby((step - 1) // 20).mean() / np.var(frame["y"].to_numpy())
    assert [row["nmse"] for row in part["free_run"]["segments"]] == pytest.approx(by_segment.tolist(), rel=1e-9)


def test_the_layout_is_that_of_a_cross_validation(folder):
    document, frame = scored(folder, "--level", 80)
    names = list(document["parts"][0]["scores"])
    assert list(frame) == ["unique_id", "cutoff", "ds", "y", *names, "model-lo-80", "model-hi-80"]
    assert set(frame["unique_id"]) == {"rotor"}
    first = frame[frame["cutoff"] == frame["cutoff"].iloc[0]]
    assert len(first) == document["horizon"]
    np.testing.assert_allclose(first["ds"], first["cutoff"] + np.arange(1, 21) / 1000)
    values = pd.read_csv(folder / "rotor.csv").iloc[:, -1].to_numpy()
    assert first["y"].tolist() == values[(first["ds"] * 1000).round().astype(int)].tolist()


def test_a_run_that_fails_leaves_what_was_there(folder, tmp_path):
    path = tmp_path / "scored.csv"
    path.write_text("before")
    (tmp_path / "other.csv").write_bytes(synthesis.to_csv("rotor", 500, 2000.0, 3))
    assert run("evaluate", folder / "m", tmp_path / "other.csv", "--forecasts", path).exit_code == 2
    assert path.read_text() == "before"
    assert sorted(os.listdir(tmp_path)) == ["other.csv", "scored.csv"]


def test_a_folder_of_that_name_is_refused(folder, tmp_path):
    done = run("evaluate", folder / "m", folder / "rotor.csv", "--forecasts", tmp_path)
    assert done.exit_code == 1
    assert "folder" in done.stderr


def test_forecasts_need_a_signal(folder, tmp_path):
    done = run("evaluate", folder / "m", "--forecasts", tmp_path / "x.csv")
    assert done.exit_code == 2
    assert "SIGNAL" in done.stderr


def test_where_nothing_is_scored_the_file_has_its_header(tmp_path):
    written = []
    Backtest(written.append, (90,)).close(["model", "ridge"])
    assert written == [b"unique_id,cutoff,ds,y,model,ridge,model-lo-90,model-hi-90\n"]


def test_a_series_is_named_once_and_safely():
    recordings = tuple(Recording(np.zeros((3, 2)), TimeAxis(), label=label) for label in ("", "", "p"))
    signal = Signal("=1+1", ("a", "b"), recordings)
    assert [unique_id(signal, r, 1) for r in range(3)] == ["'=1+1/b#1", "'=1+1/b#2", "'=1+1/p/b"]
