"""Figures: what is drawn, in which terms, and bytes that are the same each time."""

import io
from dataclasses import replace

import numpy as np
import pytest

from forecaster import plots
from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation.recursive import UsableHorizon
from forecaster.forecasting.forecast import Forecast
from forecaster.plots.figures import TimeScale, ahead, quantity
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from tests.evaluations import evaluate

pytest.importorskip("matplotlib")
HOUR = 3600 * 10**9
START = int(np.datetime64("2024-03-01T06:00", "ns").astype(np.int64))


def _forecast(horizon=20, **changes):
    rng = np.random.default_rng(0)
    mean = np.sin(np.arange(horizon) / 5)
    half = np.full(horizon, 0.3)
    fields = {
        "unique_id": "pump $x^2$ [a]",
        "channel": "acc",
        "unit": "g",
        "time": TimeAxis(),
        "first": 500,
        "mean": mean,
        "history": rng.normal(size=400),
        "bands": {90: (mean - half, mean + half), 50: (mean - half / 3, mean + half / 3)},
    }
    return Forecast(**(fields | changes))


def _evaluation(rows=900, *, constant=False, time=None, rate=None, horizon=10):
    values = np.sin(np.arange(rows) * 2 * np.pi / 20) + np.random.default_rng(0).normal(0, 0.1, rows)
    values = np.ones(rows) if constant else values
    signal = Signal("rig/a", ("acc",), (Recording(values[:, None], time or TimeAxis()),), ("g",), rate)
    forecasts = {
        "model": lambda origins, h: origins.context(Window(n_step=1, n_input=20)).values[:, np.arange(h) % 20],
        "last-value": lambda origins, h: np.repeat(origins.context(Window(n_step=1, n_input=1)).values, h, axis=1),
        "unheard-of": lambda origins, h: np.zeros((len(origins), h)),
    }
    return evaluate(
        [signal],
        [[0]],
        forecasts,
        window=Window(n_step=4, n_input=10),
        horizon=horizon,
        seasonal_errors=[1.0],
        band=lambda level, channel, h: (np.full(h, 0.4), ""),
    )


def _size(data):
    from matplotlib.image import imread

    return imread(io.BytesIO(data), format="png").shape[:2]


def _texts(figure):
    from matplotlib.text import Text

    return " | ".join(text.get_text() for text in figure.findobj(Text) if text.get_text())


FIGURES = {
    "forecast": lambda: plots.forecast([_forecast()]),
    "evaluation": lambda: plots.evaluation(_evaluation()),
    "learning": lambda: plots.learning_curve(
        [{"step": s, "loss": 9 / s, "validation_loss": 12 / s} for s in (1, 2, 9)]
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_png_is_large_enough_and_the_same_each_time(name):
    first = plots.png(FIGURES[name]())
    assert _size(first)[1] == 1200
    assert _size(first)[0] >= 700
    assert first == plots.png(FIGURES[name]())
    assert b"Software" not in first


@pytest.mark.parametrize("suffix", [".svg", ".pdf"])
def test_vector_formats_are_the_same_each_time(suffix):
    assert plots.image(FIGURES["forecast"](), suffix) == plots.image(FIGURES["forecast"](), suffix)


def test_save_goes_by_the_suffix(tmp_path):
    for name, magic in (("a.png", b"\x89PNG"), ("b.SVG", b"<?xml"), ("c.pdf", b"%PDF")):
        plots.save(FIGURES["learning"](), tmp_path / name)
        assert (tmp_path / name).read_bytes().startswith(magic)


@pytest.mark.parametrize("name", ["a.gif", "a"])
def test_an_unknown_suffix_names_those_that_work(tmp_path, name):
    with pytest.raises(UsageError, match=r"\.png, \.svg, \.pdf"):
        plots.save(FIGURES["learning"](), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_forecast_shows_the_end_of_the_history_the_mean_and_the_bands():
    drawn = _forecast()
    axes = plots.forecast([drawn]).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    np.testing.assert_array_equal(lines["history"].get_ydata(), drawn.history[-100:])
    np.testing.assert_array_equal(lines["history"].get_xdata(), np.arange(400, 500))
    np.testing.assert_array_equal(lines["forecast"].get_ydata(), drawn.mean)
    np.testing.assert_array_equal(lines["forecast"].get_xdata(), np.arange(500, 520))
    assert [band.get_label() for band in axes.collections] == ["90 % band", "50 % band"]
    assert axes.get_ylabel() == "acc, g"
    assert axes.get_xlabel() == "sample"


def test_names_are_shown_as_they_are():
    assert "pump $x^2$ [a]: next 20 samples" in _texts(plots.forecast([_forecast()]))
    plots.png(plots.forecast([_forecast(unique_id="$\\frac{", unit="\x1b[2J", channel="泵")]))


def test_a_missing_band_is_explained():
    figure = plots.forecast([_forecast(bands={90: None}, reasons={"90": "too few origins"})])
    assert "no 90 % band: too few origins" in _texts(figure)
    plots.png(figure)


def test_a_band_that_ends_early_is_drawn_as_far_as_it_goes():
    upper = np.r_[np.ones(5), np.full(15, np.nan)]
    plots.png(plots.forecast([_forecast(bands={90: (-upper, upper)}, reasons={"90": "5 steps"})]))


def test_many_channels_show_the_first_and_say_so():
    figure = plots.forecast([_forecast(channel=f"c{k}") for k in range(9)])
    assert len(figure.axes) == 4
    assert "the first 4 of 9" in _texts(figure)


@pytest.mark.parametrize(
    ("time", "rate", "label", "place"),
    [
        (TimeAxis(), None, "sample", 7),
        (TimeAxis(), 100.0, "time, s", 0.07),
        (TimeAxis("seconds", 2.0, 0.5), 2.0, "time, s", 5.5),
        (TimeAxis("timestamps", START, HOUR), None, "time", np.datetime64("2024-03-01T13:00")),
        (TimeAxis("timestamps", START, HOUR, "+01:00"), None, "time (+01:00)", np.datetime64("2024-03-01T13:00")),
        (TimeAxis("epoch-ms", 1_700_000_000_000, 0.5), None, "time (UTC)", np.datetime64(1_700_000_000_003_500, "us")),
    ],
)
def test_time_is_shown_in_the_terms_of_the_input(time, rate, label, place):
    scale = TimeScale(time, rate)
    assert scale.label == label
    assert scale.at(7, 1)[0] == pytest.approx(place) if isinstance(place, float) else scale.at(7, 1)[0] == place
    plots.png(plots.forecast([_forecast(time=time, sample_rate_hz=rate)]))


def test_the_reach_is_told_in_time_where_it_is_known():
    assert ahead(100, None) == "next 100 samples"
    assert ahead(1, 0.5) == "next 1 sample (2 s)"
    assert "ms" in ahead(100, 12_000.0)
    assert (quantity("a", ""), quantity("", "g"), quantity("", "")) == ("a", "g", "value")


def test_an_evaluation_shows_three_origins_every_predictor_and_the_verdict():
    result = _evaluation(rate=100.0)
    figure = plots.evaluation(result)
    plots.png(figure)
    text = _texts(figure)
    for word in (
        "best origin",
        "median origin",
        "worst origin",
        "error by step",
        "last-value",
        "unheard-of",
        "the mean",
    ):
        assert word in text
    assert " ".join(result.verdict.split()[:6]) in text
    bars = figure.axes[-1]
    labels = [label.get_text() for label in bars.get_yticklabels()]
    scores = result.parts[0].scores
    widths = [bar.get_width() for bar in bars.patches]
    assert widths == pytest.approx([scores[name]["nmse"] for name in labels])


def test_an_evaluation_on_dates_at_one_step():
    plots.png(plots.evaluation(_evaluation(time=TimeAxis("timestamps", START, HOUR), horizon=1)))


def test_a_constant_signal_is_drawn_by_its_rmse():
    text = _texts(plots.evaluation(_evaluation(constant=True)))
    assert "rmse, all steps" in text
    plots.png(plots.evaluation(_evaluation(constant=True)))


def test_nothing_scored_is_a_picture_that_says_so():
    assert "Not scored" in _texts(plots.evaluation(_evaluation(rows=20)))


def test_the_learning_curve_marks_the_step_that_was_kept():
    history = [{"step": s, "loss": 1 / s, "validation_loss": v} for s, v in ((10, 0.9), (20, 0.4), (30, 0.6))]
    figure = plots.learning_curve(history)
    assert "kept: step 20, 0.4" in _texts(figure)
    assert figure.axes[0].get_yscale() == "log"


@pytest.mark.parametrize(
    "history", [[], [{"step": 1, "loss": 0.5}], [{"step": 1, "loss": 0.0, "validation_loss": 0.0}]]
)
def test_a_short_learning_curve(history):
    plots.png(plots.learning_curve(history))


def test_pyplot_is_never_loaded():
    import subprocess
    import sys

    code = (
        "import sys; from forecaster import plots; assert 'matplotlib' not in sys.modules;"
        "plots.png(plots.learning_curve([])); assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_end_of_the_usable_horizon_is_drawn():
    scored = _evaluation(horizon=40)
    part = scored.parts[0]
    assert part.recursive.usable_horizon.samples == 40
    assert "usable up to here" not in _texts(plots.evaluation(scored))
    part = replace(part, recursive=replace(part.recursive, usable_horizon=UsableHorizon(20)))
    assert "usable up to here" in _texts(plots.evaluation(replace(scored, parts=(part,))))
