"""Several predictors under one budget: who is trained, who is scored, what is printed, drawn and saved."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from forecaster import comparison, plots, predictors
from forecaster.commands.compare import report
from forecaster.comparison import Comparison, Horizon, Row, Scored, chosen, compare, losses_of
from forecaster.config import Recipe, RunConfig, Split, Window
from forecaster.errors import TooShortError, TrainingError, UsageError
from forecaster.evaluation.metrics import ErrorSums
from forecaster.model import Forecaster
from forecaster.signal import synthesis
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.training import Silent
from tests.commands import refused, run

SMALL = ("--n-step", "5", "--n-input", "20", "--steps", "20")
CONFIG = RunConfig(window=Window(n_step=5, n_input=20), recipe=Recipe(steps=20))
TWO = ("basic-rnn", "sliding-conv")
BASELINES = set(predictors.baselines("forecast"))


def signal(rows: int = 1500, columns: int = 1) -> Signal:
    t = np.arange(rows)[:, None] + 7 * np.arange(columns)
    values = np.sin(2 * np.pi * t / 50) + np.random.default_rng(0).normal(0, 0.1, (rows, columns))
    names = tuple(f"c{c}" for c in range(columns))
    sha256 = hashlib.sha256(values.tobytes()).hexdigest()
    return Signal("rig", names, (Recording(values, TimeAxis()),), ("",) * columns, None, sha256=sha256)


@pytest.fixture(scope="module")
def result() -> Comparison:
    return compare([signal(columns=2)], CONFIG, TWO)


def never(*_: object, **__: object) -> None:
    pytest.fail("it must not come to this")


class TestChosen:
    def test_the_default_is_every_network_of_numbers(self) -> None:
        assert chosen(None)
        assert all(predictors.predictor_class(name).task == "forecast" for name in chosen(None))
        assert not BASELINES & set(chosen(None))

    def test_all_adds_the_baselines_and_no_predictor_of_another_task(self) -> None:
        of_numbers = {name for name in predictors.names() if predictors.predictor_class(name).task == "forecast"}
        assert set(chosen("all")) == of_numbers
        assert of_numbers > BASELINES | set(chosen(None))

    def test_names_keep_their_order_and_stand_once(self) -> None:
        assert chosen("gru, ridge,gru,") == ("gru", "ridge")

    @pytest.mark.parametrize("text", ["", " , ", "nonesuch", "ridge,\x1b[31m"])
    def test_no_name_or_an_unknown_one_is_refused_with_those_known(self, text: str) -> None:
        with pytest.raises(UsageError, match=r"Known are: .*ridge.*stacked-lstm"):
            chosen(text)

    def test_a_predictor_of_another_task_is_refused_by_name(self) -> None:
        other = next(name for name in predictors.names() if predictors.predictor_class(name).task != "forecast")
        with pytest.raises(UsageError, match=f"{other} does not forecast numbers"):
            chosen(f"ridge,{other}")


class TestScores:
    def test_every_baseline_and_network_stands_once_the_best_first(self, result: Comparison) -> None:
        assert sorted(row.predictor for row in result.rows) == sorted([*BASELINES, *TWO])
        assert {row.predictor for row in result.rows if row.baseline} == BASELINES
        reached = [row.at(20).nmse for row in result.rows]
        assert all(nmse is not None for nmse in reached)
        assert reached == sorted(reached, key=float)

    def test_the_scores_are_those_of_a_model_trained_alone(self, result: Comparison) -> None:
        model = Forecaster.fit([signal(columns=2)], CONFIG.model_copy(update={"predictor": TWO[0]}))
        for evaluation in model.stored:
            for name in (*BASELINES, TWO[0]):
                row = next(row for row in result.rows if row.predictor == name)
                known_as = "model" if name == TWO[0] else name
                expected = [part["scores"][known_as]["nmse"] for part in evaluation["parts"]]
                assert row.at(evaluation["horizon"]).parts == tuple(expected)
                assert row.at(evaluation["horizon"]).nmse == pytest.approx(np.mean(expected), rel=1e-12)

    def test_skill_is_against_the_best_baseline(self, result: Comparison) -> None:
        assert [(one.horizon, one.closed) for one in result.horizons] == [(20, False), (100, True)]
        for one in result.horizons:
            rows = {row.predictor: row.at(one.horizon) for row in result.rows}
            best = min(rows[name].nmse for name in BASELINES)
            assert rows[one.best].nmse == best
            for scored in rows.values():
                assert scored.against == one.best
                assert scored.skill == pytest.approx(1 - scored.nmse / best, abs=1e-9)

    def test_size_steps_and_seconds_are_recorded(self, result: Comparison) -> None:
        rows = {row.predictor: row for row in result.rows}
        assert rows["ridge"].parameters == 100 * 20 + 20
        assert (rows["ridge"].steps, rows["ridge"].best_step) == (None, None)
        network = rows["basic-rnn"]
        shapes = predictors.specs("basic-rnn", {}, CONFIG.window, 2)
        assert network.parameters == sum(int(np.prod(spec.shape)) for spec in shapes.values())
        assert (network.steps, network.best_step) == (20, 20)
        assert network.seconds > 0

    def test_the_baselines_are_fitted_and_scored_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        kind, fits, calls = predictors.predictor_class("ridge"), [], []
        fit, predict = kind.fit, kind.predict
        monkeypatch.setattr(kind, "fit", classmethod(lambda cls, parts: fits.append(1) or fit(parts)))
        monkeypatch.setattr(
            kind, "predict", lambda self, context: calls.append(len(context.values)) or predict(self, context)
        )
        compare([signal()], CONFIG, ("ridge", TWO[0]))
        one = sum(size for size in calls if size > 1)
        assert len(fits) == 1
        calls.clear()
        compare([signal()], CONFIG, ("ridge", *TWO))
        assert sum(size for size in calls if size > 1) == one

    @pytest.mark.slow
    def test_the_same_seed_gives_the_same_scores(self, result: Comparison) -> None:
        again = compare([signal(columns=2)], CONFIG, TWO)
        assert [(row.predictor, row.scores) for row in again.rows] == [
            (row.predictor, row.scores) for row in result.rows
        ]
        other = compare([signal(columns=2)], CONFIG.model_copy(update={"seed": 1}), TWO[:1])
        found = {row.predictor: row.scores for row in result.rows}
        changed = {row.predictor for row in other.rows if row.scores != found[row.predictor]}
        assert changed == {TWO[0]}

    def test_losses_have_the_mean_of_the_parts_and_leave_out_constant_ones(self) -> None:
        rng = np.random.default_rng(0)
        truths = [rng.normal(size=(30, 4)), 1e3 * rng.normal(size=(7, 4)), np.ones((5, 4))]
        tallies = {k: ErrorSums.of(truth, truth + rng.normal(size=truth.shape)) for k, truth in enumerate(truths)}
        losses = losses_of(tallies)
        assert len(losses) == 37
        assert losses.mean() == pytest.approx(np.mean([tallies[k].nmse().value for k in (0, 1)]))
        assert len(losses_of({})) == 0

    def test_nothing_to_score_is_refused_before_a_network_is_trained(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("forecaster.training.network.train_network", never)
        config = CONFIG.model_copy(update={"split": Split(training=85, validation=15, test=0)})
        with pytest.raises(UsageError, match=r"nothing to compare on: .*--split"):
            compare([signal()], config, TWO)

    def test_what_is_fitted_in_closed_form_and_is_no_baseline_has_a_score_and_no_steps(self) -> None:
        result = compare([signal()], CONFIG, ("level-ridge",))
        row = next(row for row in result.rows if row.predictor == "level-ridge")
        assert (row.status, row.steps, row.best_step, row.seconds, row.history) == ("done", None, None, None, [])
        assert row.at(result.horizons[0].horizon).nmse is not None
        assert "level-ridge " in report(result, None)

    def test_a_short_signal_is_refused_with_a_window_that_fits(self) -> None:
        with pytest.raises(TooShortError) as caught:
            compare([signal(120)], CONFIG, TWO)
        assert caught.value.suggestion is not None

    @pytest.mark.slow
    def test_parameters_belong_to_the_predictor_that_the_config_names(self) -> None:
        config = CONFIG.model_copy(update={"predictor": "basic-rnn", "parameters": {"units_1": 3, "units_2": 3}})
        found = {row.predictor: row for row in compare([signal()], config, ("basic-rnn", "gru")).rows}
        plain = {row.predictor: row for row in compare([signal()], CONFIG, ("basic-rnn",)).rows}
        assert found["basic-rnn"].status == "done", found["basic-rnn"].reason
        assert found["basic-rnn"].parameters < plain["basic-rnn"].parameters
        assert found["gru"].config.parameters == {}


class TestTrouble:
    @pytest.fixture
    def diverging(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let one network learn at a rate at which no loss stays finite."""
        from forecaster.training import network

        train = network.train_network

        def trained(parts, config, progress, fitted, **more):
            wild = Recipe(steps=20, learning_rate=1e300, clip_norm=None)
            chosen = config.model_copy(update={"recipe": wild}) if config.predictor == TWO[0] else config
            return train(parts, chosen, progress, fitted, **more)

        monkeypatch.setattr(network, "train_network", trained)

    @pytest.mark.usefixtures("diverging")
    def test_one_that_diverges_does_not_stop_the_others(self) -> None:
        result = compare([signal()], CONFIG, TWO)
        assert [(row.predictor, row.status) for row in result.failed] == [(TWO[0], "failed")]
        assert result.rows[-1].predictor == TWO[0]
        assert "stopped being finite" in result.rows[-1].reason
        assert next(row for row in result.rows if row.predictor == TWO[1]).at(20).nmse is not None

    @pytest.mark.slow
    @pytest.mark.usefixtures("diverging")
    def test_the_command_prints_all_others_and_exits_with_1(self, sine_csv: Path, tmp_path: Path) -> None:
        picture = tmp_path / "a.png"
        done = run("compare", sine_csv, *SMALL, "--predictors", ",".join(TWO), "-o", tmp_path / "m", "--plot", picture)
        assert done.exit_code == 1
        assert f"{TWO[0]} (failed)" in done.stdout
        assert "stopped being finite" in done.stderr
        assert [path.name for path in (tmp_path / "m").iterdir()] == [TWO[1]]
        assert picture.exists()

    def test_ctrl_c_before_the_first_weights_keeps_what_is_finished(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        class Impatient(Silent):
            start = stop

        result = compare(
            [signal()], CONFIG, (*TWO, "gru"), watch=lambda name, *_: Impatient() if name == TWO[1] else None
        )
        assert result.interrupted
        assert result.missing == (TWO[1], "gru")
        assert {row.predictor for row in result.rows} == {*BASELINES, TWO[0]}

    def test_ctrl_c_later_keeps_the_best_weights_so_far(self) -> None:
        class Impatient(Silent):
            def update(self, step: int, loss: float, validation_loss: float | None) -> None:
                if validation_loss is not None:
                    raise KeyboardInterrupt

        result = compare([signal()], CONFIG, TWO, watch=lambda *_: Impatient())
        row = next(row for row in result.rows if row.predictor == TWO[0])
        assert (row.status, result.missing) == ("interrupted", (TWO[1],))
        assert row.at(20).nmse is not None

    def test_the_command_tells_who_was_not_trained(self, sine_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def stop(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("forecaster.training.network.train_network", stop)
        done = run("compare", sine_csv, *SMALL, "--predictors", ",".join(TWO), "--json")
        assert done.exit_code == 130
        assert json.loads(done.stdout)["not_trained"] == list(TWO)
        assert {row["predictor"] for row in json.loads(done.stdout)["predictors"]} == BASELINES
        assert ", ".join(TWO) in done.stderr

    def test_a_model_that_cannot_be_saved_keeps_its_scores(self) -> None:
        def keep(name: str, model: Forecaster) -> str:
            raise TrainingError("no room")

        row = next(row for row in compare([signal()], CONFIG, TWO[:1], keep=keep).failed)
        assert (row.status, row.reason) == ("done", "no room")
        assert row.at(20).nmse is not None


@pytest.fixture(scope="module")
def done(sine_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    folder = tmp_path_factory.mktemp("compared")
    names = "basic-rnn,ridge"
    done = run("compare", sine_csv, "--predictors", names, *SMALL, "-o", folder / "m", "--plot", folder / "a.svg")
    assert done.exit_code == 0, done.output
    return done, folder


class TestCommand:
    def test_the_table_marks_the_baselines_and_explains_its_marks(self, done: tuple[Result, Path]) -> None:
        text = done[0].stdout
        assert all(f"{name}*" in text for name in BASELINES)
        assert "* a baseline" in text
        assert "basic-rnn, 1 of 1" in done[0].stderr
        assert "next segment: 20 samples (0.2 s) ahead" in text
        assert "closed loop: 100 samples (1 s) ahead" in text

    def test_the_picture_is_there(self, done: tuple[Result, Path]) -> None:
        assert "<svg" in (done[1] / "a.svg").read_text()

    @pytest.mark.parametrize("name", ["basic-rnn", "ridge"])
    def test_a_saved_model_is_the_one_that_train_saves(
        self, name: str, done: tuple[Result, Path], sine_csv: Path, tmp_path: Path
    ) -> None:
        assert run("train", sine_csv, "--predictor", name, *SMALL, "-o", tmp_path / "m").exit_code == 0
        ours, theirs = (
            json.loads((folder / "model.json").read_text()) for folder in (done[1] / "m" / name, tmp_path / "m")
        )
        assert ours["files"]["tensors.safetensors"] == theirs["files"]["tensors.safetensors"]
        assert ours["config"] == theirs["config"]
        compared, trained = Forecaster.load(done[1] / "m" / name), Forecaster.load(tmp_path / "m")
        assert [one["parts"] for one in compared.stored] == [one["parts"] for one in trained.stored]

    def test_existing_models_are_refused_before_training_and_may_be_replaced(
        self, done: tuple[Result, Path], sine_csv: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        options = ("compare", sine_csv, *SMALL, "--predictors", "gru,ridge", "-o", done[1] / "m")
        with monkeypatch.context() as patched:
            patched.setattr(comparison, "compare", never)
            assert "--overwrite" in refused(*options)
        assert not (done[1] / "m" / "gru").exists()
        options = ("compare", sine_csv, *SMALL, "--predictors", "ridge", "-o", done[1] / "m")
        assert run(*options, "--overwrite").exit_code == 0

    def test_json_holds_scores_config_and_history(self, sine_csv: Path) -> None:
        done = run("compare", sine_csv, *SMALL, "--predictors", "basic-rnn", "--seed", 3, "--json")
        assert done.exit_code == 0
        found = json.loads(done.stdout)
        assert [one["name"] for one in found["horizons"]] == ["next", "closed"]
        row = next(row for row in found["predictors"] if row["predictor"] == "basic-rnn")
        assert (row["config"]["seed"], row["config"]["recipe"]["steps"], row["steps"]) == (3, 20, 20)
        assert row["history"][-1]["step"] == 20
        assert row["scores"]["closed"]["skill"] < 1
        assert row["scores"]["next"]["verdict"] in ("better", "same", "worse", "unknown")

    def test_refusals_come_before_anything_is_read(self, tmp_path: Path) -> None:
        absent = tmp_path / "absent.csv"
        assert "Known are" in refused("compare", absent, "--predictors", "ridge,nonesuch")
        assert ".png" in refused("compare", absent, "--predictors", "ridge", "--plot", "a.gif")
        assert "absent.csv" in refused("compare", absent, "--predictors", "ridge")

    def test_a_short_file_is_told_the_window_that_fits(self, tmp_path: Path) -> None:
        path = tmp_path / "short.csv"
        path.write_bytes(synthesis.to_csv("sine", 300, 100.0, 1))
        hint = refused("compare", path, "--predictors", "ridge")
        assert "--n-step" in hint
        assert "--n-input" in hint

    def test_baselines_alone_need_no_network(self, sine_csv: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("forecaster.training.network.train_network", never)
        done = run("compare", sine_csv, *SMALL, "--predictors", "ridge,last-value")
        assert done.exit_code == 0
        assert len([line for line in done.stdout.splitlines() if "*" in line.split(" ")[0]]) == len(BASELINES) + 1


def made_up() -> Comparison:
    """A comparison with every kind of row."""
    horizons = (Horizon(20, 20, (("a", "x", 40),), "ridge", False), Horizon(100, 20, (("a", "x", 36),), "ridge", True))

    def row(name: str, nmse: float | None, verdict: comparison.Kind, **more: object) -> Row:
        skill = None if nmse is None else 1 - nmse / 0.1
        scored = Scored(nmse, skill, verdict, "ridge", (nmse,))
        return Row(name, name in BASELINES, scores={20: scored, 100: replace(scored, verdict="unknown")}, **more)

    rows = [
        row("gru", 0.05, "better", parameters=100, steps=20, best_step=10, seconds=1.25),
        row("narx", 0.099, "same", parameters=100, steps=20, best_step=20, seconds=2.0, status="interrupted"),
        row("ridge", 0.1, "same", seconds=0.1, parameters=2020),
        row("stacked-lstm", 0.4, "worse", parameters=100, steps=20, best_step=20, seconds=2.0),
        row("last-value", None, "unknown"),
        Row("basic-rnn", False, "failed", "The losses stopped being finite."),
    ]
    return Comparison(CONFIG, horizons, rows, ("sliding-conv",), True)


class TestReport:
    def test_only_what_is_within_the_uncertainty_is_marked(self) -> None:
        lines = {line.split(" ")[0]: line for line in report(made_up(), None).splitlines()}
        assert "~" in lines["narx"]
        assert all("~" not in lines[name] for name in ("gru", "stacked-lstm", "ridge*"))
        assert "+0.500" in lines["gru"]
        assert "?" in lines["gru"]
        assert "?" not in lines["ridge*"]
        assert "within the uncertainty" in lines["~"]

    def test_a_footnote_stands_only_where_its_mark_does(self) -> None:
        plain = Comparison(CONFIG, made_up().horizons[:1], made_up().rows[:1])
        text = report(plain, None)
        assert "~" not in text
        assert "*" not in text

    def test_failed_and_interrupted_are_told(self) -> None:
        text = report(made_up(), None)
        assert "narx (interrupted)" in text
        assert "basic-rnn failed: The losses stopped being finite." in text


class TestPicture:
    def test_every_row_with_a_score_has_a_bar_and_a_label(self) -> None:
        figure = plots.comparison(made_up(), 1000.0)
        left, right = figure.axes
        assert [label.get_text() for label in left.get_yticklabels()] == [
            "last-value", "stacked-lstm", "ridge", "narx (interrupted)", "gru",
        ]  # fmt: skip
        assert [patch.get_width() for patch in left.patches] == [0.4, 0.1, 0.099, 0.05]
        assert left.patches[0].get_facecolor() != left.patches[1].get_facecolor() != left.patches[3].get_facecolor()
        words = " ".join(text.get_text() for text in left.texts)
        assert "0.099 ~" in words
        assert "no score" in words
        assert right.get_title(loc="left") == "closed loop: 100 samples (0.1 s)"

    def test_who_is_missing_is_told_in_the_title(self) -> None:
        title = plots.comparison(made_up()).get_suptitle()
        assert "basic-rnn failed; sliding-conv was not trained" in title

    def test_the_same_comparison_gives_the_same_bytes(self) -> None:
        from matplotlib.image import imread

        first, second = (plots.png(plots.comparison(made_up())) for _ in range(2))
        assert first == second
        assert imread(io.BytesIO(first), format="png").shape[1] == 1200


class TestDocs:
    @pytest.mark.slow
    def test_the_command_of_the_page_gives_the_table_that_it_shows(self, tmp_path: Path) -> None:
        root = Path(__file__).resolve().parents[1]
        shown = (root / "docs" / "COMPARE.md").read_text(encoding="utf-8").split("```")[1]
        line, *expected = shown.removeprefix("console\n").splitlines()
        words = [str(root / word) if word.startswith("data/") else word for word in shlex.split(line)[3:]]
        words[words.index("compared.png")] = str(tmp_path / "compared.png")
        done = run(*words)
        assert done.exit_code == 0, done.output
        found = done.stdout.splitlines()
        assert found[:2] == expected[:2]
        assert found[3].split() == expected[3].split()
        assert {text.split()[0] for text in found[4:15]} == {text.split()[0] for text in expected[4:15]}
        assert (tmp_path / "compared.png").exists()
