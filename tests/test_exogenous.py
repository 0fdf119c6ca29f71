"""Channels that help and are not forecast: from the file to the forecast."""

from dataclasses import replace

import numpy as np
import pytest

from forecaster.config import ReadingOptions, Recipe, RunConfig, Window
from forecaster.errors import SignalError, UsageError
from forecaster.model import Forecaster
from forecaster.reading import read_signal
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.training.preparation import prepare, resolved

WINDOW = Window(n_step=3, n_input=4)
RECIPE = Recipe(steps=200, steps_per_epoch=50, batch=64, noise=0, dropout=0, learning_rate=5e-3)


def driven(rows=1500, seed=0):
    """A signal that follows a random drive 6 samples later: its own past says little, the drive all."""
    rng = np.random.default_rng(seed)
    drive = rng.normal(size=rows + 6)
    noise = rng.normal(size=rows)
    return np.stack([drive[:rows] + 0.05 * rng.normal(size=rows), noise, drive[6:]], axis=1)


def signal_of(values, exogenous=("noise", "drive"), sha256="a" * 64):
    channels = ("y",)
    columns = [0, *({"noise": 1, "drive": 2}[name] for name in exogenous)]
    recording = Recording(values[:, columns], TimeAxis())
    return Signal("rig", channels, (recording,), units=("m",), sha256=sha256, exogenous=tuple(exogenous))


def fitted(exogenous, predictor="narx"):
    config = RunConfig(predictor=predictor, window=WINDOW, recipe=RECIPE, seed=1)
    return Forecaster.fit([signal_of(driven(), exogenous)], config)


@pytest.fixture(scope="module")
def model():
    return fitted(("noise", "drive"))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rig.csv"
    rows = [f"{a:.4f},{b:.4f},{c:.4f}" for a, b, c in driven(40)]
    path.write_text("y,noise,drive\n" + "\n".join(rows) + "\n")
    return path


def test_the_reader_puts_the_exogenous_columns_last(file):
    signal = read_signal(file, ReadingOptions(exogenous=("y", "noise")))
    assert (signal.channels, signal.exogenous) == (("drive",), ("y", "noise"))
    np.testing.assert_allclose(signal.recordings[0].values[:, [1, 2, 0]], driven(40), atol=1e-4)
    chosen = read_signal(file, ReadingOptions(columns=("y",), exogenous=("drive",)))
    assert chosen.columns == ("y", "drive")
    assert chosen.units == ("",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ("y",), "exogenous": ("y",)}, "both --column and --exogenous"),
        ({"exogenous": ("speed",)}, "no such column"),
        ({"exogenous": ("y", "noise", "drive")}, "besides time and the exogenous"),
        ({"exogenous": ("y",), "time_columns": ("y",)}, "the time already"),
        ({"exogenous": ("y",), "layout": "wide"}, "--exogenous together with --layout wide"),
    ],
)
def test_what_cannot_be_exogenous_is_refused(file, options, message):
    with pytest.raises(SignalError, match=message):
        read_signal(file, ReadingOptions(**options))


def test_a_window_holds_the_segments_of_all_channels_step_by_step():
    signal = signal_of(driven(100))
    config = resolved(RunConfig(window=WINDOW), [signal])
    assert (config.window.exogenous, config.window.width) == (2, 12)
    prepared = prepare([signal, signal], config)
    windows = prepared.splits.training
    inputs, targets = windows.take(np.array([0, 5, len(windows) - 1]))
    scaled = (signal.recordings[0].values - prepared.scaler.mean) / prepared.scaler.scale
    assert inputs.shape == (3, 3, 12)
    for column in range(3):
        np.testing.assert_allclose(inputs[1, 1, 4 * column : 4 * column + 4], scaled[9:13, column], rtol=1e-5)
    np.testing.assert_allclose(targets[1, :], scaled[17:21, 0], rtol=1e-5)
    last = Origins(scaled[:, 0], 0, np.array([70 - 4]), Covariates(scaled[:, 1:]))
    last = last.context(config.window).segments(config.window)
    np.testing.assert_allclose(inputs[2], last[0], rtol=1e-5)


def test_the_drive_is_used(model):
    alone = fitted(())
    new = driven(600, seed=9)
    scores = [
        one.evaluate([signal_of(new, names, "b" * 64)], stride=1).parts[0].scores["model"]["nmse"]
        for one, names in ((model, ("noise", "drive")), (alone, ()))
    ]
    assert scores[0] < 0.3
    assert scores[1] > 0.9


def test_the_stored_model_forecasts_the_same_whatever_the_order_of_columns(model, tmp_path):
    model.save(tmp_path / "m")
    again = Forecaster.load(tmp_path / "m")
    assert again.manifest.channels.columns == ("y", "noise", "drive")
    values = driven(200, seed=3)
    first = model.forecast([signal_of(values)], horizon=10)[0][0]
    second = again.forecast([signal_of(values, ("drive", "noise"))], horizon=10)[0][0]
    assert first.mean.tobytes() == second.mean.tobytes()
    with pytest.raises(SignalError, match=r"has the channels y, noise.*y, noise, drive"):
        again.forecast([signal_of(values, ("noise",))])


def test_nothing_recorded_after_an_origin_moves_its_forecast(model):
    values = driven(300, seed=4)
    changed = values.copy()
    changed[100:] = 1e3
    rows = np.array([50, 100])
    first, second = (
        model.forecast_from([Origins(recorded[:, 0], 0, rows, Covariates(recorded[:, 1:]))], 11)
        for recorded in (values, changed)
    )
    assert first.tobytes() == second.tobytes()


def test_files_with_other_exogenous_channels_are_not_trained_together():
    signals = [signal_of(driven(200)), signal_of(driven(200), ("drive",))]
    with pytest.raises(SignalError, match=r"channels y, drive.*y, noise, drive"):
        Forecaster.fit(signals, RunConfig(predictor="ridge", window=WINDOW))


def test_what_the_data_decide_of_the_window_is_not_taken_from_the_settings():
    asked = RunConfig(predictor="ridge", window=Window(n_step=2, n_input=5, exogenous=7, symbols=5))
    window = resolved(asked, [signal_of(driven())]).window
    assert (window.exogenous, window.symbols) == (2, 0)


def test_a_window_that_grows_too_large_is_refused():
    signal = replace(signal_of(driven(100)), exogenous=tuple(f"x{k}" for k in range(4000)))
    with pytest.raises(UsageError, match="4000 exogenous channels is too large"):
        resolved(RunConfig(window=Window(n_step=25, n_input=1000)), [signal])
