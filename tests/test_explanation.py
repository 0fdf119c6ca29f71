"""The glass box: gradients by lag, gates and states, what units follow, and the command."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from forecaster import predictors
from forecaster.commands.group import cli
from forecaster.config import ReadingOptions, Recipe, RunConfig, Window
from forecaster.errors import OutputError, UsageError
from forecaster.explanation import explain, reach
from forecaster.explanation.measures import UNCLEAR, LagGradient, Quantity, followed, lag_gradient, saturated
from forecaster.model import Forecaster
from forecaster.networks import Setting, network
from forecaster.predictors.ridge import Ridge, RidgeParameters
from forecaster.signal.context import Context
from forecaster.tasks import TASKS
from tests.test_model import signal_of, wave

ROOT = Path(__file__).resolve().parents[1]
WINDOW = Window(n_step=4, n_input=10)
RECIPE = Recipe(steps=20, steps_per_epoch=10, batch=16)


def context_of(batch=2, window=WINDOW):
    values = np.random.default_rng(0).normal(size=(batch, window.context))
    return Context(values, np.zeros(batch, dtype=np.int64))


def fitted(name):
    return Forecaster.fit([signal_of(wave(600))], RunConfig(predictor=name, window=WINDOW, recipe=RECIPE, seed=1))


@pytest.fixture(scope="module")
def model():
    return fitted("stacked-lstm")


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """A model folder, another one, and the signal as a file."""
    path = tmp_path_factory.mktemp("explain")
    model.save(path / "lstm")
    fitted("ridge").save(path / "ridge")
    rows = "\n".join(f"{value:.6f}" for value in wave(600))
    (path / "run.csv").write_text(f"acc\n{rows}\n")
    return path


class TestLags:
    @pytest.mark.parametrize("name", ["stacked-lstm", "basic-rnn", "gru", "narx"])
    def test_it_is_the_gradient_that_tensorflow_computes(self, name):
        import tensorflow as tf

        from forecaster.training.state import weights_of

        module, rng = network(name), np.random.default_rng(1)
        model = module.build(module.Parameters(), WINDOW, Setting(seed=3))
        for variable in model.trainable_variables:
            variable.assign(rng.normal(0, 0.1, variable.shape))
        context = context_of()
        x = tf.constant(context.segments(WINDOW).astype(np.float32))
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = model(x)
        jacobian = tape.batch_jacobian(y, x).numpy().reshape(2, 10, -1).astype(np.float64)
        expected = np.sqrt(np.square(jacobian).sum(axis=1).mean(axis=0))[::-1]
        gradient = lag_gradient(predictors.restore(name, {}, weights_of(model), WINDOW).in_double(), context)
        np.testing.assert_allclose(gradient.by_sample, expected, rtol=1e-3, atol=1e-6 * expected.max())

    def test_of_a_linear_map_it_is_the_map(self):
        kernel = np.random.default_rng(2).normal(size=(40, 10))
        limits = RidgeParameters(alpha=1, taps=40, low=-1e9, high=1e9)
        gradient = lag_gradient(Ridge(limits, WINDOW, kernel, np.zeros(10)), context_of(3))
        np.testing.assert_allclose(gradient.by_sample, np.linalg.norm(kernel, axis=1)[::-1], rtol=1e-7)
        steps = np.linalg.norm(kernel.reshape(4, -1), axis=1)[::-1]
        np.testing.assert_allclose(gradient.by_step, steps, rtol=1e-7)

    @pytest.mark.parametrize(
        ("norms", "step"),
        [([1, 0.5, 0.009, 0.001], 3), ([1, 0.001, 0.5, 0.001], 4), ([1, 0.5, 0.2, 0.1], None), ([0, 0, 0, 0], 1)],
    )
    def test_the_reach_is_where_it_stays_small(self, norms, step):
        gradient = LagGradient(np.ones(40), np.array(norms, dtype=float))
        assert gradient.reach == step
        document = gradient.to_json(10, 100.0)
        assert (document["falls_under_1_percent"] is None) == (step is None)
        assert bool(document["reason"]) == (step is None)
        if step:
            lag = 10 * (step - 1) + 1
            assert document["falls_under_1_percent"] == {"steps": step, "samples": lag, "seconds": lag / 100}

    def test_symbols_have_none_and_say_so(self, model):
        manifest = model.manifest.model_copy(update={"task": "symbols"})
        found = reach(replace(model, manifest=manifest), signal_of(wave(300)))
        assert found.gradient is None
        assert "not defined" in found.to_json()["reason"]


class TestGates:
    def test_the_gates_are_those_of_the_forecast(self, model):
        explanation = explain(model, signal_of(wave(300, seed=3)))
        names = {(quantity.layer, quantity.name) for quantity in explanation.quantities}
        assert {("lstm_1", "forget gate"), ("lstm_2", "output gate"), ("lstm_2", "state")} <= names
        last = next(
            quantity for quantity in explanation.quantities if (quantity.layer, quantity.name) == ("lstm_2", "output")
        )
        weights = model.predictor.weights
        y = np.maximum(last.values[-1] @ weights["hidden.kernel"] + weights["hidden.bias"], 0)
        y = y @ weights["segment.kernel"] + weights["segment.bias"]
        expected = y * model.scaler.scale[0] + model.scaler.mean[0]
        np.testing.assert_allclose(explanation.forecast, expected, rtol=1e-4, atol=1e-5)
        assert explanation.context.shape == (40,)

    def test_another_origin_is_another_forecast_and_the_future_does_not_matter(self, model):
        values = wave(300, seed=3)
        first = explain(model, signal_of(values), at=120)
        values[120:] = 0.123
        second = explain(model, signal_of(values), at=120)
        assert first.forecast.tobytes() == second.forecast.tobytes()
        assert first.origin == 120

    def test_a_unit_follows_what_it_is_made_of(self):
        segments = np.random.default_rng(0).normal(size=(80, 6, 10)).cumsum(axis=2)
        features = TASKS["forecast"].features(segments.reshape(80, 60), Window(n_step=6, n_input=10), ())
        units = [-features["the segment's level"], features["the segment's size"] + 1]
        units += [np.roll(features["the segment's level"], 2, axis=1), np.tile(np.arange(6.0), (80, 1))]
        units += [np.random.default_rng(1).normal(size=(80, 6)), np.ones((80, 6))]
        names, r = followed(np.stack(units, axis=2), features)
        assert names == (
            "the segment's level",
            "the segment's size",
            "the level 2 segments ago",
            "steps since the window began",
            UNCLEAR,
            UNCLEAR,
        )
        assert r[0] == pytest.approx(-1)
        assert r[1] == pytest.approx(1)

    def test_units_that_follow_the_same_stand_together_the_unclear_last(self):
        follows, r = ("b", "a", UNCLEAR, "a", "a"), np.array([0.9, -0.5, 0.1, 0.8, 0.6])
        quantity = Quantity("l", "forget gate", np.zeros((3, 5)), follows, r, 0.0, 0.0)
        assert quantity.order.tolist() == [3, 4, 1, 0, 2]
        assert quantity.groups == [("a", 3), ("b", 1), (UNCLEAR, 1)]

    def test_saturation_counts_both_ends(self):
        gate = np.array([0.05, 0.5, 0.95, 0.99]).reshape(1, 4, 1)
        assert saturated(gate, gate=True) == (0.25, 0.5)
        assert saturated(-gate, gate=False) == (0.25, 0.5)
        assert saturated(gate * 3, gate=False) == (None, None)

    def test_symbols_are_followed_by_name(self):
        codes = np.random.default_rng(0).integers(0, 3, (50, 9)).astype(float)
        names, _ = followed(
            (codes == 1).astype(float)[:, :, None], TASKS["symbols"].features(codes, Window(), ("S", "C", "R"))
        )
        assert names == ("the symbol C",)

    def test_of_a_large_alphabet_the_frequent_symbols_are_followed(self):
        codes = np.concatenate((np.repeat([7.0, 900.0], 500), np.arange(1000.0))).reshape(10, -1)
        found = TASKS["symbols"].features(codes, Window(), tuple(f"s{k}" for k in range(1000)))
        assert len(found) == 64
        assert {"the symbol s7", "the symbol s900 one step ago"} <= set(found)

    def test_what_there_is_not_is_refused(self, model):
        with pytest.raises(UsageError, match=r"no channel 'speed'.*acc"):
            explain(model, signal_of(wave(300)), channel="speed")
        with pytest.raises(UsageError, match="40 to 300"):
            explain(model, signal_of(wave(300)), at=39)


def test_symbols_stand_by_their_names_beside_the_states():
    from forecaster.plots.explanation import layers

    labels = replace(signal_of(np.arange(200) % 3), channels=("state",), units=("",), symbols=("off", "idle", "on"))
    config = RunConfig(predictor="symbol-rnn", window=Window(n_step=6), recipe=RECIPE, parameters={"units": 4})
    explanation = explain(Forecaster.fit([labels], config), labels)
    axes = layers(explanation)["rnn"].axes
    assert ["off", "idle", "on"] in [[text.get_text() for text in panel.get_yticklabels()] for panel in axes]


def test_what_is_not_finite_is_refused(model):
    network = model.predictor
    huge = replace(network, weights={name: weight * np.float32(1e38) for name, weight in network.weights.items()})
    with np.errstate(all="ignore"), pytest.raises(OutputError, match="not finite"):
        explain(replace(model, predictors=(huge, *model.predictors[1:])), signal_of(wave(600)))


def run(*args):
    return CliRunner().invoke(cli, [str(arg) for arg in args])


class TestCommand:
    def test_it_draws_and_counts_everything(self, folder):
        out = folder / "out"
        result = run("explain", folder / "lstm", folder / "run.csv", "-o", out, "--beside", folder / "ridge", "--json")
        assert result.exit_code == 0, result.output
        names = {path.name for path in out.iterdir()}
        figures = {"gates-lstm_1.png", "gates-lstm_2.png", "saturation.png", "gradient-by-lag.png"}
        assert names == figures | {"explanation.json"}
        assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in figures)
        document = json.loads(result.stdout)
        assert document == json.loads((out / "explanation.json").read_text())
        assert [item["predictor"] for item in document["gradient_by_lag"]] == ["stacked-lstm", "ridge"]
        forget = document["gates_and_states"][0]
        assert (forget["layer"], forget["quantity"]) == ("lstm_1", "forget gate")
        assert np.shape(forget["values"]) == (4, 100)
        assert sum(group["units"] for group in forget["groups"]) == len(forget["units_follow"]) == 100
        assert len(document["gradient_by_lag"][0]["by_sample"]) == 40

    def test_a_model_that_reads_other_columns_stands_beside(self, folder):
        values = np.stack([wave(600), wave(600, seed=7)], axis=1)
        config = RunConfig(
            predictor="narx", window=WINDOW, recipe=RECIPE, reading=ReadingOptions(columns=("acc",), exogenous=("x",))
        )
        both = replace(signal_of(values, channels=("acc", "x")), channels=("acc",), exogenous=("x",), units=("",))
        Forecaster.fit([both], config).save(folder / "narx")
        rows = "\n".join(f"{a:.6f},{b:.6f}" for a, b in values)
        (folder / "both.csv").write_text(f"acc,x\n{rows}\n")
        args = ("--beside", folder / "narx", "--column", "acc", "--json")
        result = run("explain", folder / "lstm", folder / "both.csv", "-o", folder / "mixed", *args)
        assert result.exit_code == 0, result.output
        assert [item["predictor"] for item in json.loads(result.stdout)["gradient_by_lag"]] == ["stacked-lstm", "narx"]

    def test_a_predictor_without_gates_says_so(self, folder):
        result = run("explain", folder / "ridge", folder / "run.csv", "-o", folder / "plain")
        assert result.exit_code == 0, result.output
        assert "ridge has no gates and no state" in result.stdout
        assert {path.name for path in (folder / "plain").iterdir()} == {"gradient-by-lag.png", "explanation.json"}

    def test_a_folder_that_holds_something_is_refused_before_the_work(self, folder):
        (folder / "full").mkdir()
        (folder / "full" / "notes.txt").write_text("mine")
        result = run("explain", folder / "lstm", folder / "run.csv", "-o", folder / "full")
        assert result.exit_code == 2
        assert "not empty" in result.output
        assert run("explain", folder / "lstm", folder / "run.csv", "-o", folder / "run.csv").exit_code != 0
        assert run("explain", folder / "lstm", folder, "-o", folder / "x", "--at", "1").exit_code == 2

    def test_it_needs_no_tensorflow(self, folder):
        code = (
            "import sys; from forecaster.commands.group import cli\n"
            f"try: cli.main(['explain', {str(folder / 'lstm')!r}, {str(folder / 'run.csv')!r},"
            f" '-o', {str(folder / 'lean')!r}, '-q'])\n"
            "except SystemExit as end: assert not end.code, end.code\n"
            "print(sorted({'tensorflow', 'keras', 'sklearn'} & set(sys.modules)))"
        )
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
