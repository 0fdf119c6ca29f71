"""The survey: numbers written out by hand, faults planted and found, a command that fits."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecaster.reading.survey import survey
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

SHARED = Path(__file__).resolve().parents[2] / "shared"


def _signal(*parts, rate=None, name="a", path="a.csv"):
    recordings = tuple(
        Recording(
            np.asarray(part, dtype=float).reshape(len(part), np.shape(part)[1] if np.ndim(part) > 1 else 1), TimeAxis()
        )
        for part in parts
    )
    width = recordings[0].values.shape[1] if recordings else 1
    return Signal(name, tuple(f"c{i}" for i in range(width)), recordings, ("g",) * width, rate, path)


def _one(*parts, **options):
    return survey(_signal(*parts, **options)).channels[0]


def test_moments_written_out():
    values = np.random.default_rng(0).normal(1, 2, 5000)
    channel = _one(values[:3000], values[3000:])
    assert channel.mean == pytest.approx(values.mean())
    assert channel.standard_deviation == pytest.approx(values.std())
    assert channel.rms == pytest.approx(np.sqrt(np.mean(values**2)))
    assert channel.peak == np.abs(values).max()
    assert channel.crest_factor == pytest.approx(channel.peak / channel.rms)
    assert channel.kurtosis == pytest.approx(np.mean((values - values.mean()) ** 4) / values.var() ** 2)
    assert (channel.minimum, channel.maximum) == (values.min(), values.max())


def test_a_sine_has_its_crest_factor_kurtosis_and_hertz():
    channel = _one(np.sin(np.arange(10_000) * 2 * np.pi / 50), rate=1000.0)
    assert channel.crest_factor == pytest.approx(np.sqrt(2), rel=3e-3)
    assert channel.kurtosis == pytest.approx(1.5, rel=1e-3)
    assert channel.dominant_hz == pytest.approx(20, rel=1e-3)
    assert channel.clipped == 0
    assert not channel.constant


def test_clipping_is_found():
    wave = np.sin(np.arange(10_000) * 2 * np.pi / 500)
    result = survey(_signal(np.clip(wave, -0.8, 0.8)))
    assert result.channels[0].clipped == pytest.approx(1 - 2 * np.arcsin(0.8) / np.pi, abs=0.01)
    assert "clipped" in result.warnings[0]


def test_a_stuck_sensor_is_found_and_runs_do_not_cross_recordings():
    values = np.random.default_rng(0).normal(size=2000)
    values[700:760] = 0.25
    result = survey(_signal(values))
    assert result.channels[0].longest_run == 60
    assert result.channels[0].stuck == 0.03
    assert "60 identical" in result.warnings[0]
    assert _one(values[:730], values[730:]).longest_run == 30


@pytest.mark.parametrize("value", [0.0, 0.1, -5.0, 1e300])
def test_a_constant_channel(value):
    result = survey(_signal(np.full(300, value)))
    channel = result.channels[0]
    assert channel.constant
    assert channel.period is None
    assert channel.kurtosis is None
    assert channel.standard_deviation == 0
    assert "all values are" in result.warnings[0]


@given(rows=st.integers(1, 200), magnitude=st.sampled_from([1.0, 1e-300, 1e300]), seed=st.integers(0, 20))
def test_any_signal_gives_finite_json(rows, magnitude, seed):
    values = np.random.default_rng(seed).integers(-3, 3, (rows, 2)) * magnitude
    json.dumps(survey(_signal(values)).to_json(), allow_nan=False)


def test_a_signal_without_rows():
    result = survey(_signal(np.zeros((0, 1))))
    assert result.rows == 0
    assert result.window is None
    assert result.command is None
    assert "long enough" in result.warnings[-1]


def test_the_command_names_the_file_and_a_window_that_fits():
    path = "my data/it's.csv"
    wave = np.sin(np.arange(1000) * 2 * np.pi / 40)
    result = survey(_signal(wave, path=path, name="my data/it's"))
    n_step, n_input = result.window
    assert 80 <= n_step * n_input <= 140
    words = shlex.split(result.command)
    assert words[:3] == ["forecaster", "train", path]
    assert words[-4:] == ["--n-step", str(n_step), "--n-input", str(n_input)]


@dataclass(frozen=True)
class _Fact:
    encoding: str = "utf-8"
    columns: tuple = ("a",)


def test_what_the_reader_found_is_passed_on():
    data = survey(_signal(np.arange(50.0)), dialect=_Fact(), timing=_Fact("x")).to_json()
    assert data["dialect"]["encoding"] == "utf-8"
    assert data["timing"]["encoding"] == "x"
    assert data["recordings"] == (50,)
    assert data["time"] == "samples"


@pytest.mark.parametrize(
    ("name", "column", "rate", "hertz"),
    [("cwru_normal_0hp_97.csv", "DE", 12_000, 1036), ("ETTh1.csv", "OT", 1 / 3600, 1 / 86_400)],
)
def test_recorded_signals_have_the_frequency_they_are_known_for(name, column, rate, hertz):
    path = SHARED / "signals" / name
    if not path.exists():
        pytest.skip("the recorded signals are not here")
    values = pytest.importorskip("pandas").read_csv(path)[column].to_numpy(dtype=float)
    assert _one(values, rate=rate).dominant_hz == pytest.approx(hertz, rel=0.01)
