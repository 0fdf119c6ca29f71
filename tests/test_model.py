import hashlib
from dataclasses import replace

import numpy as np
import pytest

from forecaster.config import Recipe, RunConfig, Split, Window
from forecaster.conformal.bands import DEFAULT_LOOKBACK, IntervalState
from forecaster.conformal.local_scale import LOOKBACK
from forecaster.errors import SignalError, TooShortError, printable
from forecaster.model import Forecaster
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

WINDOW = Window(n_step=4, n_input=10)
CONFIG = RunConfig(predictor="ridge", window=WINDOW)
NETWORK = CONFIG.model_copy(
    update={"predictor": "stacked-lstm", "recipe": Recipe(steps=20, steps_per_epoch=10, batch=16)}
)


def signal_of(values, name="rig/run", *, rate_hz=100.0, channels=("acc",)):
    values = np.asarray(values, dtype=float).reshape(len(values), len(channels))
    axis = TimeAxis("seconds", 0.0, 1 / rate_hz) if rate_hz else TimeAxis()
    return Signal(
        name,
        channels,
        (Recording(values, axis),),
        units=("m/s^2",) * len(channels),
        sample_rate_hz=rate_hz,
        path=f"{name}.csv",
        sha256=hashlib.sha256(values.tobytes()).hexdigest(),
        rows=len(values),
    )


def wave(rows, seed=0, period=20.0):
    return np.sin(2 * np.pi * np.arange(rows) / period) + np.random.default_rng(seed).normal(0, 0.05, rows)


@pytest.fixture(scope="module")
def model():
    return Forecaster.fit([signal_of(wave(800))], CONFIG)


def test_past_segments_are_forecast_only_where_a_band_is_scaled_by_them(model, monkeypatch):
    asked, forecast_from = [], Forecaster.forecast_from
    monkeypatch.setattr(
        Forecaster,
        "forecast_from",
        lambda self, origins, horizon: asked.append(horizon) or forecast_from(self, origins, horizon),
    )
    banded, bare, none = (
        model.forecast([signal_of(wave(300))], horizon=25, levels=levels)[0][0] for levels in ((90,), (99,), ())
    )
    assert banded.bands[90] is not None
    assert bare.bands == {99: None}
    assert list(bare.reasons) == ["99"]
    assert banded.mean.tobytes() == bare.mean.tobytes() == none.mean.tobytes()
    assert asked == [WINDOW.n_input]


def everything(model):
    tensors = {f"{p.name}/{k}": t.tobytes() for p in model.predictors for k, t in p.tensors().items()}
    kept = model.manifest.model_copy(update={"created": "2020-01-01T00:00:00Z", "training_data": ()})
    return tensors, model.quantiles.tobytes(), kept.model_dump(mode="json")


@pytest.mark.bits
def test_saved_and_loaded_it_forecasts_and_scores_the_same_bytes(model, tmp_path):
    model.save(tmp_path / "m")
    again, signal = Forecaster.load(tmp_path / "m"), signal_of(wave(300, seed=5), "other")
    first, second = (one.forecast([signal], horizon=35)[0][0] for one in (model, again))
    assert first.mean.tobytes() == second.mean.tobytes()
    assert first.bands[90][0].tobytes() == second.bands[90][0].tobytes()
    assert model.evaluate([signal]).to_json() == again.evaluate([signal]).to_json()
    assert again.stored == model.stored
    assert everything(again) == everything(model)


def test_a_network_model_is_saved_with_its_learning_curve(tmp_path):
    made = Forecaster.fit([signal_of(wave(800))], NETWORK)
    made.save(tmp_path / "m")
    again = Forecaster.load(tmp_path / "m")
    assert again.history == made.history
    assert len(again.history) == 2
    assert again.predictor.name == "stacked-lstm"


def test_nothing_of_the_scored_part_reaches_scaler_weights_choice_or_bands():
    values = wave(1000)
    changed = values.copy()
    changed[850:] = np.random.default_rng(9).normal(50, 30, 150)
    for config in (CONFIG, NETWORK):
        first, second = (Forecaster.fit([signal_of(v)], config) for v in (values, changed))
        assert everything(first) == everything(second)
        assert first.stored != second.stored


def test_nothing_after_the_training_part_reaches_scaler_or_baselines():
    values = wave(1000)
    changed = values.copy()
    changed[700:] *= 40
    first, second = (Forecaster.fit([signal_of(v)], CONFIG) for v in (values, changed))
    assert first.manifest.scaler == second.manifest.scaler
    seasonal = [next(p for p in m.predictors if p.name == "seasonal-naive").parameters for m in (first, second)]
    assert seasonal[0] == seasonal[1]


@pytest.mark.bits
def test_one_file_alone_or_among_many_gives_the_same_bytes(model):
    signals = [signal_of(wave(120 + k, seed=k), f"file{k}") for k in range(60)]
    together = model.forecast(signals, horizon=25, levels=(80, 95))
    for k in (0, 7, 33, 59):
        alone = model.forecast([signals[k]], horizon=25, levels=(80, 95))[0][0]
        assert alone.mean.tobytes() == together[k][0].mean.tobytes()
        assert alone.bands[95][1].tobytes() == together[k][0].bands[95][1].tobytes()


def test_the_forecast_knows_its_place_in_time(model):
    forecast = model.forecast([signal_of(wave(300))])[0][0]
    assert forecast.unique_id == "rig/run"
    assert forecast.first == 300
    assert len(forecast.mean) == WINDOW.n_input
    np.testing.assert_array_equal(forecast.history, wave(300)[-40:])


def test_a_forecast_of_a_sine_is_a_sine(model):
    values = wave(500, seed=3)
    forecast = model.forecast([signal_of(values)], horizon=40)[0][0].mean
    truth = np.sin(2 * np.pi * np.arange(500, 540) / 20)
    assert np.square(forecast - truth).mean() < 0.02 * truth.var()


def test_bands_narrow_with_the_level_and_end_where_the_calibration_ends(model):
    reach = model.manifest.intervals.horizon
    forecast = model.forecast([signal_of(wave(300))], horizon=reach + 10, levels=(50, 90))[0][0]
    low, high = forecast.bands[90]
    inner = forecast.bands[50]
    assert (high[:reach] - low[:reach] >= inner[1][:reach] - inner[0][:reach]).all()
    assert np.isnan(low[reach:]).all()
    assert not np.isnan(low[:reach]).any()
    assert "90" in forecast.reasons


def test_bands_are_as_wide_as_the_stored_lookback_says(model):
    assert model.manifest.intervals.lookback == LOOKBACK
    state = model.manifest.intervals.model_copy(update={"lookback": DEFAULT_LOOKBACK})
    older = replace(model, manifest=model.manifest.model_copy(update={"intervals": state}))
    signal = signal_of(wave(300) * np.linspace(1, 3, 300))  # ever louder
    one, other = (m.forecast([signal], horizon=20, levels=(90,))[0][0] for m in (model, older))
    assert one.bands[90][1][:10].tobytes() == other.bands[90][1][:10].tobytes()
    assert (one.bands[90][1][10:] < other.bands[90][1][10:]).all()
    found = [m.evaluate([signal], horizon=20).to_json()["parts"][0] for m in (model, older)]
    shares = [one["scores"]["model"]["coverage-90"] for one in found]
    assert shares[0] < shares[1]
    assert IntervalState.model_validate_json("{}").lookback == DEFAULT_LOOKBACK == ((2, 0.5), (2, 0.5))


def test_the_training_file_is_scored_on_its_held_back_part_and_a_new_one_on_all(model):
    trained_on, new = signal_of(wave(800)), signal_of(wave(800, seed=8), "new")
    held_back, all_of_it = (model.evaluate([one], stride=1).to_json()["parts"][0] for one in (trained_on, new))
    assert held_back["origins"] == 120 - 10 + 1
    assert all_of_it["origins"] == 800 - 40 - 10 + 1
    baselines = {"last-value", "repeat-segment", "seasonal-naive", "mean", "harmonic", "local-ar"}
    assert set(held_back["scores"]) == {"model", "ridge", *baselines}


def test_a_training_file_cut_otherwise_is_not_scored(model):
    trained_on = signal_of(wave(800))
    halves = tuple(
        replace(trained_on.recordings[0], values=part) for part in np.split(trained_on.recordings[0].values, 2)
    )
    with pytest.raises(SignalError, match="learned from would be scored"):
        model.evaluate([replace(trained_on, recordings=halves)])


def test_stored_scores_are_those_of_the_held_back_part(model):
    fresh = model.evaluate([signal_of(wave(800))]).to_json()
    assert model.stored[0]["parts"] == fresh["parts"]
    assert [one["horizon"] for one in model.stored] == [10, 40]


def test_several_recordings_and_channels():
    rng = np.random.default_rng(0)
    channels = ("x", "y")
    first = signal_of(np.stack([wave(500), wave(500, period=33)], axis=1), "a", channels=channels)
    parts = tuple(Recording(rng.normal(size=(rows, 2)) + 5, TimeAxis("seconds", 0.0, 0.01)) for rows in (300, 20, 200))
    second = replace(first, name="b", path="b.csv", recordings=parts, sha256="0" * 64)
    model = Forecaster.fit([first, second], CONFIG)
    forecasts = model.forecast([first, second])
    assert [[one.unique_id for one in each] for each in forecasts] == [["a/x", "a/y"], ["b/x", "b/y"]]
    swapped = replace(
        first,
        channels=("y", "x"),
        recordings=(replace(first.recordings[0], values=first.recordings[0].values[:, ::-1]),),
    )
    assert model.forecast([swapped])[0][0].mean.tobytes() == forecasts[0][0].mean.tobytes()


def test_signals_that_do_not_fit_are_refused(model):
    with pytest.raises(TooShortError, match="39 rows, and the model looks back on 40"):
        model.forecast([signal_of(wave(39))])
    with pytest.raises(SignalError, match="expected acc"):
        model.forecast([signal_of(np.zeros((100, 2)), channels=("p", "q"))])
    with pytest.raises(SignalError, match="200 Hz"):
        model.forecast([signal_of(wave(100), rate_hz=200.0)])
    with pytest.raises(SignalError, match="200 Hz"):
        model.evaluate([signal_of(wave(800), rate_hz=200.0)])
    with pytest.raises(SignalError, match=r"200 Hz.*100 Hz"):
        Forecaster.fit([signal_of(wave(800)), signal_of(wave(800), rate_hz=200.0)], CONFIG)
    with pytest.raises(SignalError, match="channels"):
        Forecaster.fit([signal_of(wave(800)), signal_of(wave(800), channels=("other",))], CONFIG)


@pytest.mark.parametrize("rows", [0, 5, 30, 60, 80, 400])
def test_a_short_recording_gets_a_window_that_works(rows):
    signal = signal_of(wave(rows))
    with pytest.raises(TooShortError) as caught:
        Forecaster.fit([signal], RunConfig(predictor="ridge"))
    if caught.value.suggestion is None:
        assert rows <= 20
        return
    n_step, n_input = caught.value.suggestion
    config = RunConfig(predictor="ridge", window=Window(n_step=n_step, n_input=n_input))
    assert Forecaster.fit([signal], config).stored[0]["parts"][0]["origins"] > 0


def test_no_test_part_means_no_stored_scores_and_a_reason():
    config = CONFIG.model_copy(update={"split": Split(training=85, validation=15, test=0)})
    part = Forecaster.fit([signal_of(wave(800))], config).stored[0]["parts"][0]
    assert part["origins"] == 0
    assert part["scores"]["model"]["nmse"] is None
    assert part["reasons"]


def test_a_constant_channel_trains_and_forecasts_itself():
    model = Forecaster.fit([signal_of(np.full(800, 45.1))], NETWORK)
    forecast = model.forecast([signal_of(np.full(100, 45.1))])[0][0].mean
    np.testing.assert_allclose(forecast, 45.1, atol=1.0)
    assert model.stored[0]["parts"][0]["scores"]["model"]["nmse"] is None


@pytest.mark.parametrize("row", [100, 650, 750])
@pytest.mark.parametrize("value", [1e300, -1e200, 1e120])
def test_a_value_too_large_to_compute_with_is_refused_wherever_it_stands(model, row, value):
    values = wave(800)
    values[row] = value
    if row > 560 or abs(value) > 1e150:
        with pytest.raises(SignalError, match=r"'acc': a value of .*--na"):
            Forecaster.fit([signal_of(values)], CONFIG)
    with pytest.raises(SignalError, match="'acc': a value of"):
        model.evaluate([signal_of(values)])
    with pytest.raises(SignalError, match="'acc': a value of"):
        model.forecast([signal_of(values[: row + 1])])


def test_a_ridge_model_is_not_its_own_rival(model):
    (part,) = model.evaluate([signal_of(wave(800))], stride=1).to_json()["parts"]
    assert part["scores"]["ridge"]["nmse"] == part["scores"]["model"]["nmse"]
    assert "ridge" not in part["verdict"]


def test_a_signal_that_came_from_no_file_is_known_by_its_values():
    unnamed = replace(signal_of(wave(800)), sha256="")
    model = Forecaster.fit([unnamed], CONFIG)
    assert model.stored[0]["parts"][0]["origins"] == 12
    again = replace(unnamed, recordings=(replace(unnamed.recordings[0], values=unnamed.recordings[0].values.copy()),))
    assert model.evaluate([again]).parts[0].origins == 12
    assert model.evaluate([replace(signal_of(wave(800, seed=8)), sha256="")]).parts[0].origins == 76


def test_a_carried_state_reads_the_whole_recording_so_all_of_it_is_checked():
    update = {"predictor": "state-space", "carry_state": True}
    model = Forecaster.fit([signal_of(wave(800))], NETWORK.model_copy(update=update))
    values = wave(300, seed=4)
    values[10] = 1e200
    with pytest.raises(SignalError, match=r"acc.*1e\+200"):
        model.forecast([signal_of(values, "new")])


def test_a_forecast_far_from_its_context_is_told():
    model = Forecaster.fit([signal_of(wave(800))], CONFIG.model_copy(update={"predictor": "mean"}))
    near, far = (model.forecast([signal_of(wave(100) + offset, "other")])[0][0] for offset in (0, 30))
    assert near.warning == ""
    assert far.warnings[-1].startswith("from step 1 on the forecast is more than 10 times as far")
    assert far.warning == "; ".join(far.warnings)


@pytest.mark.parametrize("name", ["nl\nx", "bidi\u202ex", "surrogate\udcff", "del\x7f"])
def test_a_signal_and_a_model_may_have_any_name(name, tmp_path):
    model = Forecaster.fit([replace(signal_of(wave(800)), name=name)], CONFIG)
    model.save(tmp_path / name)
    again = Forecaster.load(tmp_path / name)
    assert again.stored[0]["parts"][0]["signal"] == printable(name)
    assert again.stored[0]["model"] == printable(tmp_path / name)
