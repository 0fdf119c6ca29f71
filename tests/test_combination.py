"""The combination of predictors: its weights, how they mix, who carries the forecast."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecaster import predictors
from forecaster.bundle.card import members_and_weights
from forecaster.bundle.manifest import EnsembleState
from forecaster.config import Recipe, RunConfig, Window
from forecaster.conformal import bands, residuals
from forecaster.conformal.residuals import residuals as residuals_of
from forecaster.errors import ModelError
from forecaster.forecasting.rollout import rollout
from forecaster.model import Forecaster
from forecaster.predictors import Ensemble, predictor_class
from forecaster.predictors.ensemble import Members, convex
from forecaster.signal import sampling
from forecaster.signal.context import Context
from forecaster.signal.covariates import Covariates
from forecaster.signal.windows import WindowSplits, chosen_until
from forecaster.training.ensemble_weights import HeldOut, fit_ensemble, holdout_fold, segment_weights
from forecaster.training.preparation import prepare, resolved
from tests.test_model import signal_of, wave

WINDOW = Window(n_step=4, n_input=10)
NETWORKS = ("level-lstm", "linear-lstm", "segment-gru")
QUICK = Recipe(steps=20, steps_per_epoch=10, batch=16)
NAMES = ("last-value", "repeat-segment", "mean")


@pytest.fixture(scope="module")
def parts() -> WindowSplits:
    return prepare([signal_of(wave(800))], RunConfig(window=WINDOW)).splits


@pytest.fixture(scope="module")
def auto() -> Forecaster:
    return Forecaster.fit([signal_of(wave(1200))], RunConfig(window=WINDOW, recipe=QUICK, seed=3))


def mixture(weights, parts):
    """A combination of three simple predictors, `weights` (C, J, M)."""
    array = np.array(weights, dtype=np.float64)
    ensemble = Ensemble.restore(Members(members=NAMES, segments=array.shape[1]), {"weights": array}, WINDOW)
    return ensemble.with_members([predictor_class(name).fit(parts) for name in NAMES])


def contexts(batch, seed=0):
    values = np.random.default_rng(seed).normal(size=(batch, WINDOW.context))
    return Context(values, np.zeros(batch, dtype=np.int64))


class TestWeights:
    @settings(deadline=None)
    @given(st.lists(st.lists(st.floats(-3, 3), min_size=30, max_size=30), min_size=2, max_size=5))
    def test_they_are_convex_and_no_member_alone_is_better(self, rows):
        errors = np.array(rows) + 1e-3
        moments = errors @ errors.T
        weights = convex(moments)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
        assert weights @ moments @ weights <= moments.diagonal().min()

    def test_equal_and_independent_errors_are_averaged(self):
        np.testing.assert_allclose(convex(np.eye(4)), 0.25, atol=1e-5)

    def test_what_ran_away_has_no_weight(self):
        assert convex(np.diag([1.0, 1e12])).tolist() == [1.0, 0.0]

    def test_on_a_pure_period_the_season_carries(self, parts):
        fitted = [predictor_class(name).fit(parts) for name in (*NAMES, "seasonal-naive")]
        ensemble = fit_ensemble(fitted, parts).ensemble
        assert next(iter(ensemble.mean_weights(0, 1))) == "seasonal-naive"
        assert ensemble.parameters.segments == ensemble.weights.shape[1] > 1

    def test_it_looks_at_no_target_beyond_its_part(self):
        bytes_by_end = []
        for end in (800, 680):  # of the validation part
            values = wave(800)
            values[end:] = 77.0
            parts = prepare([signal_of(values)], RunConfig(window=WINDOW)).splits
            fitted = [predictor_class(name).fit(parts) for name in NAMES]
            ensemble, fold_ensembles = fit_ensemble(fitted, parts)
            errors = residuals_of(ensemble, parts, fold_ensembles)[0].errors
            weights = [mixture.weights.tobytes() for mixture in (ensemble, *fold_ensembles)]
            bytes_by_end.append([*weights, errors.tobytes()])
        assert bytes_by_end[0] == bytes_by_end[1]

    @pytest.mark.parametrize("third", [0, 1, 2])
    def test_what_is_found_without_a_third_does_not_know_its_targets(self, parts, third):
        # The flat rows also are contexts of what comes after: so those of the other thirds are put back.
        fitted = [predictor_class(name).fit(parts) for name in NAMES]
        begin = int(parts.folds()[third].first[0]) + WINDOW.context
        end = begin + int(parts.folds()[third].targets[0])
        ensemble, fold_ensembles = fit_ensemble(fitted, parts)
        hide = sampling.Sample.y_true

        def spoiled(sample):
            y_true = hide(sample)
            rows = np.concatenate([origins.rows for origins in sample.origins])[:, None] + np.arange(sample.horizon)
            return np.where((begin <= rows) & (rows < end), y_true + 5.0, y_true)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampling.Sample, "y_true", spoiled)
            spoiled_ensemble, spoiled_folds = fit_ensemble(fitted, parts)
        assert not np.array_equal(ensemble.weights, spoiled_ensemble.weights)
        same = [np.array_equal(a.weights, b.weights) for a, b in zip(fold_ensembles, spoiled_folds, strict=True)]
        assert same == [k == third for k in range(3)]

    @pytest.mark.slow
    def test_the_bands_of_a_model_are_made_of_what_was_found_without_each_third(self, monkeypatch):
        calls, calibrate_residuals = [], residuals.residuals
        monkeypatch.setattr(
            residuals, "residuals", lambda *all_of, **more: calls.append(all_of) or calibrate_residuals(*all_of, **more)
        )
        model = Forecaster.fit([signal_of(wave(800))], RunConfig(window=WINDOW, recipe=QUICK))
        ((predictor, parts, fold_ensembles),) = calls
        _, quantiles = bands.calibrate([residual.errors for residual in calibrate_residuals(predictor, parts)])
        assert predictor is model.predictor
        assert [ensemble.weights.shape for ensemble in fold_ensembles] == [predictor.weights.shape] * 3
        assert not any(np.array_equal(ensemble.weights, predictor.weights) for ensemble in fold_ensembles)
        assert not np.array_equal(quantiles, model.quantiles)

    def test_what_is_found_without_a_stretch_is_of_the_same_form(self, parts):
        fitted = [predictor_class(name).fit(parts) for name in NAMES]
        ensemble, fold_ensembles = fit_ensemble(fitted, parts)
        assert [fold_ensemble.parameters for fold_ensemble in fold_ensembles] == [ensemble.parameters] * 3
        assert [fold_ensemble.weights.shape for fold_ensemble in fold_ensembles] == [ensemble.weights.shape] * 3


class TestFold:
    def test_it_is_fitted_chosen_and_judged_in_this_order_within_the_training_part(self, parts):
        fold = holdout_fold(parts)
        pieces = (fold.splits.training, fold.splits.validation, fold.holdout)
        ends = [int(windows.first[0] + windows.count[0] - 1 + windows.span) for windows in pieces]
        begins = [int(windows.first[0]) + WINDOW.context for windows in pieces]
        assert ends == [336, 392, 560]
        assert begins == [40, 336, 392]

    def test_a_short_training_part_has_none(self):
        assert holdout_fold(prepare([signal_of(wave(120))], RunConfig(window=WINDOW)).splits) is None

    def test_what_comes_after_the_training_part_does_not_reach_it(self):
        stretches = []
        for last in (0.0, 99.0):
            values = wave(800)
            values[560:] = last
            split = {"training": 70, "validation": 15, "test": 15}
            splits = prepare([signal_of(values)], RunConfig(window=WINDOW, split=split)).splits
            stretches.append(holdout_fold(splits).holdout.stretch(0))
        np.testing.assert_array_equal(*stretches)

    def test_both_parts_have_a_say(self, parts):
        """On validation one member is right, on the fold the other."""
        fitted = [predictor_class(name).fit(parts) for name in ("last-value", "seasonal-naive")]
        alone = fit_ensemble(fitted, parts).ensemble
        both = fit_ensemble(fitted, parts, HeldOut(fitted[::-1], holdout_fold(parts).holdout)).ensemble
        assert alone.mean_weights(0, 1)["seasonal-naive"] == pytest.approx(1)
        assert 0.2 < both.mean_weights(0, 1)["seasonal-naive"] < 0.8


class TestMixing:
    def test_each_segment_has_its_weights_and_the_last_hold_on(self, parts):
        ensemble = mixture([[[1, 0, 0], [0, 0.5, 0.5]]], parts)
        context = contexts(3)
        y_hat = rollout(ensemble, context, 35)
        last, again, mean = (rollout(member, context, 35) for member in ensemble.members)
        np.testing.assert_array_equal(y_hat[:, :10], last[:, :10])
        np.testing.assert_allclose(y_hat[:, 10:], (again[:, 10:] + mean[:, 10:]) / 2)

    def test_each_channel_has_its_weights(self, parts):
        ensemble = mixture([[[1, 0, 0]], [[0, 1, 0]]], parts)
        context = Context(contexts(2).values, np.array([0, 1]))
        y_hat = ensemble.predict(context)
        np.testing.assert_array_equal(y_hat[0], ensemble.members[0].predict(context)[0])
        np.testing.assert_array_equal(y_hat[1], ensemble.members[1].predict(context)[1])

    def test_members_without_weight_are_not_asked(self, parts):
        ensemble = mixture([[[0.5, 0, 0.5]]], parts)
        assert [member.name for member in ensemble.active_members(contexts(2))] == ["last-value", "mean"]
        assert ensemble.mean_weights() == {"last-value": 0.5, "mean": 0.5}

    @pytest.mark.bits
    def test_a_row_has_the_same_bits_in_every_place(self, parts):
        ensemble, context = mixture([[[0.2, 0.3, 0.5]]], parts), contexts(9)
        together = rollout(ensemble, context, 30)
        for row in range(9):
            assert rollout(ensemble, context[row : row + 1], 30).tobytes() == together[row : row + 1].tobytes()

    @pytest.mark.parametrize("weights", [[[[2, -1, 0]]], [[[0.4, 0.4, 0.4]]]])
    def test_weights_that_are_not_convex_are_refused(self, weights, parts):
        with pytest.raises(ModelError, match="do not add up to 1"):
            mixture(weights, parts)

    def test_a_member_that_is_missing_is_named(self, parts):
        ensemble = Ensemble.restore(Members(members=("ridge",)), {"weights": np.ones((1, 1, 1))}, WINDOW)
        with pytest.raises(ModelError, match="ridge"):
            ensemble.with_members([])


class TestLevels:
    """Outside the levels of the training part those members have the weight that follow any level."""

    @pytest.fixture
    def ensemble(self, parts):
        of_mean, of_last = np.array([[[0.0, 0, 1]]]), np.array([[[1.0, 0, 0]]])
        ranges = np.array([[-0.5, 0.5]])
        tensors = {
            "weights": of_mean,
            "level_weights": of_last,
            "context_levels": ranges,
            "segment_levels": 4 * ranges,
            "largest_jump": np.array([8.0]),
        }
        ensemble = Ensemble.restore(Members(members=NAMES, levels=True), tensors, WINDOW)
        return ensemble.with_members([predictor_class(name).fit(parts) for name in NAMES])

    def at(self, *levels):
        values = contexts(len(levels)).values
        values += np.array(levels)[:, None] - values.mean(axis=1, keepdims=True)
        return Context(values, np.zeros(len(levels), dtype=np.int64))

    def test_within_them_the_weights_are_those_of_all_members(self, ensemble):
        context = self.at(0, 0.4)
        assert [member.name for member in ensemble.active_members(context)] == ["mean"]
        assert not rollout(ensemble, context, 25).any()

    def test_far_outside_the_forecast_is_that_of_members_that_follow(self, ensemble):
        context = self.at(7, -3)
        np.testing.assert_array_equal(rollout(ensemble, context, 25), np.repeat(context.values[:, -1:], 25, axis=1))

    def test_between_them_the_weights_pass_smoothly(self, ensemble):
        y_hat = np.array([ensemble.predict(self.at(level))[0, 0] for level in np.linspace(0.4, 1.6, 200)])
        last = np.array([self.at(level).values[0, -1] for level in np.linspace(0.4, 1.6, 200)])
        shares = y_hat / last
        assert shares[0] == 0
        assert shares[-1] == 1
        assert 0 <= np.diff(shares).min() <= np.diff(shares).max() < 0.02

    @pytest.mark.bits
    def test_a_row_has_the_same_bits_in_every_place(self, ensemble):
        context = self.at(0, 0.7, 7, -3, 0.2)
        together = rollout(ensemble, context, 30)
        for row in range(5):
            assert rollout(ensemble, context[row : row + 1], 30).tobytes() == together[row : row + 1].tobytes()

    def test_a_step_within_the_context_is_taken_to_the_new_level(self, ensemble):
        values = self.at(0).values
        stepped = values.copy()
        stepped[:, -15:] += 100
        moved = ensemble.without_shift(Context(stepped, np.zeros(1, dtype=np.int64)))
        assert abs(moved.values.mean() - 100 - values.mean()) < 2
        assert np.ptp(moved.values) < 10

    def test_channels_that_see_each_other_stay_as_they_are(self, ensemble):
        stepped = self.at(0).values
        stepped[:, -15:] += 100
        covariates = Covariates(targets=stepped[:, :, None])
        context = Context(stepped, np.zeros(1, dtype=np.int64), covariates)
        assert ensemble.without_shift(context) is context

    @pytest.mark.parametrize(
        ("name", "spoiled"),
        [("context_levels", [[1.0, 0.0]]), ("segment_levels", [[0.0, np.inf]]), ("largest_jump", [-1.0])],
    )
    def test_levels_that_make_no_sense_are_refused(self, ensemble, name, spoiled):
        with pytest.raises(ModelError, match="not finite, or descend"):
            Ensemble.restore(ensemble.parameters, ensemble.tensors() | {name: np.array(spoiled)}, WINDOW)

    def test_a_trained_one_forecasts_a_recording_at_another_level_as_well(self, auto):
        usual, higher = signal_of(wave(700, seed=4), "usual"), signal_of(wave(700, seed=4) + 60, "higher")
        first, second = (auto.evaluate(signal, stride=7).parts[0] for signal in (usual, higher))
        errors = [part.scores["model"]["rmse"] for part in (first, second)]
        assert errors[1] < 1.5 * errors[0]
        coverage = next(band for band in second.bands if band.level == 90)
        assert coverage.coverage > 0.75
        assert "far from the training range" in second.warnings[0]


class TestModel:
    @pytest.mark.bits
    def test_saved_and_loaded_it_forecasts_the_same_bytes(self, auto, tmp_path):
        auto.save(tmp_path / "m")
        again = Forecaster.load(tmp_path / "m")
        signal = signal_of(wave(500, seed=4), "new")
        first, second = (model.forecast([signal], horizon=73)[0][0].mean for model in (auto, again))
        assert first.tobytes() == second.tobytes()
        assert again.manifest.combination.next == auto.predictor.mean_weights(0, 1)
        assert again.config.recipes["linear-lstm"].learning_rate == 1e-4

    def test_evaluate_and_forecast_agree(self, auto):
        signal = signal_of(wave(500, seed=4), "new")
        evaluation = auto.evaluate([signal], horizon=20, stride=400)
        example = evaluation.parts[0].examples[0]
        shorter = signal_of(wave(500, seed=4)[: example.first], "short")
        y_hat = auto.forecast([shorter], horizon=20)[0][0].mean
        assert y_hat.tobytes() == example.forecasts["model"].tobytes()

    def test_the_members_are_scored_beside_the_baselines(self, auto):
        scores = auto.stored[0]["parts"][0]["scores"]
        assert {"model", "segment-gru", "level-ridge", "template-ridge", "ridge", "mean"} <= set(scores)
        best = min(values["nmse"] for name, values in scores.items() if name != "model")
        assert scores["model"]["nmse"] <= 1.3 * best

    def test_the_linear_path_starts_at_ridge(self):
        signal = signal_of(wave(1200))
        still = Recipe(steps=1, steps_per_epoch=1, batch=8, learning_rate=1e-30, noise=0.0, dropout=0.0)
        model = Forecaster.fit([signal], RunConfig(predictor="linear-lstm", window=WINDOW, recipe=still))
        ridge = next(predictor for predictor in model.predictors if predictor.name == "ridge")
        context = Context(np.random.default_rng(2).normal(size=(6, WINDOW.context)), np.zeros(6, dtype=np.int64))
        np.testing.assert_allclose(model.predictor.predict(context), ridge.unclipped(context), atol=1e-5)

    def test_a_short_recording_gets_fewer_steps_unless_they_are_asked_for(self):
        signal = signal_of(wave(800))
        recipes = resolved(RunConfig(window=WINDOW), [signal]).recipes
        assert {name: recipe.steps for name, recipe in recipes.items()} == dict.fromkeys(NETWORKS, 200)
        again = resolved(RunConfig(window=WINDOW, recipes=recipes), [signal]).recipes
        assert again == recipes
        asked = resolved(RunConfig(window=WINDOW, recipe=QUICK), [signal]).recipes
        assert {recipe.steps for recipe in asked.values()} == {20}

    @pytest.mark.slow
    def test_a_network_that_fails_or_adds_nothing_is_left_out(self):
        wild = QUICK.model_copy(update={"learning_rate": 1e38, "clip_norm": None, "schedule": "constant"})
        model = Forecaster.fit([signal_of(wave(1200))], RunConfig(window=WINDOW, recipe=wild))
        assert not {*NETWORKS} & {predictor.name for predictor in model.predictors}
        level, linear, gru = model.notes
        assert level.startswith("level-lstm is left out of the ensemble: The losses or the weights stopped being")
        assert linear.startswith("linear-lstm is left out of the ensemble: the losses or the weights stopped being")
        assert "the weights that it started from are kept" in linear
        assert gru.startswith("segment-gru is left out of the ensemble: The losses or the weights stopped being")
        assert model.stored[0]["parts"][0]["scores"]["model"]["nmse"] < 0.1

    def test_a_linear_path_alone_says_where_it_stays(self):
        wild = QUICK.model_copy(update={"learning_rate": 1e38, "clip_norm": None, "schedule": "constant"})
        model = Forecaster.fit([signal_of(wave(1200))], RunConfig(predictor="linear-lstm", window=WINDOW, recipe=wild))
        (note,) = model.notes
        assert note.startswith("linear-lstm stays where it started: the losses or the weights stopped being finite")
        scores = model.stored[0]["parts"][0]["scores"]
        assert scores["model"]["nmse"] == pytest.approx(scores["ridge"]["nmse"], rel=1e-4)

    def test_each_network_has_a_learning_curve_of_its_own(self, auto):
        from forecaster.plots import learning_curve

        figure = learning_curve(auto.history, names=tuple(auto.config.recipes))
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles == [f"Learning curve: {name}" for name in NETWORKS]
        steps = [axes.lines[0].get_xdata() for axes in figure.axes]
        assert all((np.diff(x) > 0).all() for x in steps)

    def test_on_white_noise_it_claims_no_skill(self):
        noise = np.random.default_rng(6).normal(size=3000)
        model = Forecaster.fit([signal_of(noise)], RunConfig(window=WINDOW, recipe=QUICK))
        assert "Better" not in model.stored[0]["verdict"]

    def test_inspect_and_evaluate_say_who_carries_it(self, auto, tmp_path):
        from click.testing import CliRunner

        from forecaster.commands.group import cli

        auto.save(tmp_path / "m")
        shown = CliRunner().invoke(cli, ["inspect", str(tmp_path / "m")]).stdout
        assert "carried by" in shown
        assert next(iter(auto.predictor.mean_weights(0, 1))) in shown
        document = json.loads(CliRunner().invoke(cli, ["inspect", str(tmp_path / "m"), "--json"]).stdout)
        assert sum(document["combination"]["next"].values()) == pytest.approx(1, abs=1e-4)
        shown = CliRunner().invoke(cli, ["evaluate", str(tmp_path / "m")]).stdout
        assert shown.startswith("carried by: the next segment")
        evaluation = json.loads(CliRunner().invoke(cli, ["evaluate", str(tmp_path / "m"), "--json"]).stdout)
        assert evaluation["combination"] == document["combination"]

    def test_a_share_that_rounds_to_nothing_is_not_said_to_be_none(self, auto):
        fed_back = {"ridge": 0.98, "gru": 0.0151, "harmonic": 0.0049}
        manifest = auto.manifest.model_copy(
            update={"combination": EnsembleState(next={"ridge": 1.0}, fed_back=fed_back)}
        )
        said = "the next segment ridge 100 %; those fed back ridge 98 %, gru 2 %, harmonic under 1 %"
        assert members_and_weights(manifest) == said


class TestSampling:
    def test_origins_of_the_closed_loop_have_its_length_behind_them_or_a_gap(self, parts):
        ahead = sampling.segments(parts.whole_validation())
        sample = sampling.far(parts.whole_validation(), 0, ahead)
        y_true = sample.y_true()
        assert y_true.shape == (len(sample), ahead * 10)
        assert np.isfinite(y_true[:, :10]).all()
        assert (np.isfinite(y_true).sum(axis=0) >= 1).all()

    def test_the_parts_do_not_share_a_target(self, parts):
        ends = {}
        for name in ("training", "validation", "last_fold"):
            windows = getattr(parts, name)
            first = int(windows.first[0]) + WINDOW.context
            ends[name] = (first, first + int(windows.count[0]) - 1 + 10)
        assert ends["training"][1] <= ends["validation"][0]
        assert ends["validation"][1] <= ends["last_fold"][0]
        assert ends["last_fold"] == (chosen_until(560, 680, 10), 680)

    def test_farther_targets_stay_within_their_part(self, parts):
        farther = parts.validation.farther(3)
        inputs, targets = farther.take(np.arange(len(farther)))
        assert targets.shape == (len(farther), 30)
        assert len(farther) == len(parts.validation) - 20
        near = parts.validation.take(np.arange(len(farther)))
        np.testing.assert_array_equal(inputs, near[0])
        np.testing.assert_array_equal(targets[:, :10], near[1])


def test_auto_has_no_parameters_to_set():
    with pytest.raises(Exception, match="auto has no parameters"):
        predictors.parameters("auto", {"units": 3})


class TestFedBack:
    NEXT = np.array([[1.0, 0.0], [0.0, 3.0]])

    def test_it_is_drawn_by_two_thirds_to_the_next_segment(self):
        later = np.array([[1.0, 0.0], [0.0, 1.1]])
        first, *recursive = segment_weights(np.stack([self.NEXT, later, later]))
        best = convex(later)
        np.testing.assert_allclose(first, [0.75, 0.25], atol=1e-6)
        for weights in recursive:
            np.testing.assert_allclose(weights, (2 * first + best) / 3)

    def test_one_that_goes_astray_farther_on_is_not_forced_on_the_loop(self):
        later = np.array([[100.0, 0.0], [0.0, 1.0]])
        _, weights = segment_weights(np.stack([self.NEXT, later]))
        best = convex(later)
        assert weights[0] < 0.1
        assert weights @ later @ weights <= 1.1 * (best @ later @ best)

    def test_each_segment_is_drawn_as_far_as_it_bears(self):
        astray, alike = np.array([[40.0, 0.0], [0.0, 1.0]]), np.eye(2)
        _, far, near = segment_weights(np.stack([self.NEXT, astray, alike]))
        assert far[0] < near[0]


def test_saved_again_the_learning_curve_is_the_same_bytes(auto, tmp_path):
    auto.save(tmp_path / "one")
    Forecaster.load(tmp_path / "one").save(tmp_path / "two")
    first, second = (next((tmp_path / name).glob("data-*/history.csv")).read_bytes() for name in ("one", "two"))
    assert first == second
    assert b"\n1,10," in first
