import os
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import TrainingError, UsageError
from forecaster.signal.context import Context
from forecaster.training import Silent, train
from forecaster.training.callbacks import learning_rate
from forecaster.training.fit import notes_on
from forecaster.training.network import Outcome, batches, in_order, shuffled, stderr_aside, train_network
from tests.test_predictors import parts_of

WINDOW = Window(n_step=4, n_input=10)
QUICK = Recipe(steps=40, steps_per_epoch=10, batch=16, learning_rate=3e-3)


class Watcher(Silent):
    def __init__(self):
        self.updates, self.total, self.finished = [], 0, False

    def start(self, total_steps):
        self.total = total_steps

    def update(self, step, loss, validation_loss):
        self.updates.append((step, loss, validation_loss))

    def finish(self):
        self.finished = True


def run(sine, **changes):
    config = RunConfig(predictor="stacked-lstm", window=WINDOW, recipe=QUICK).model_copy(update=changes)
    return train_network(parts_of(sine), config, Silent())


@pytest.mark.parametrize("windows", [1, 7, 100, 1000])
def test_every_epoch_is_another_permutation_of_all_windows(windows):
    first, second = (
        shuffled(tf.range(windows, dtype=tf.int64) + epoch * windows, windows, seed=3).numpy() for epoch in (0, 1)
    )
    assert sorted(first) == sorted(second) == list(range(windows))
    if windows > 50:
        assert not np.array_equal(first, second)
        assert not np.array_equal(first, shuffled(tf.range(windows, dtype=tf.int64), windows, seed=4))


def test_nothing_tunes_the_feed_beside_it(sine):
    """A thread that tunes may sleep for a minute, and the end of a training waits for it."""
    windows = parts_of(sine).training
    for feed in (batches(windows, batch=8, steps=4, seed=0), in_order(*windows.take(np.arange(5)), 2)):
        assert feed.options().autotune.enabled is False


def test_what_judges_comes_in_order(sine):
    inputs, targets = parts_of(sine).validation.take(np.arange(5))
    feed = list(in_order(inputs, targets, 2))
    assert [len(x) for x, _ in feed] == [2, 2, 1]
    np.testing.assert_array_equal(np.concatenate([x for x, _ in feed]), inputs)
    np.testing.assert_array_equal(np.concatenate([y for _, y in feed]), targets)


def test_the_batches_are_windows_in_the_shuffled_order(sine):
    windows = parts_of(sine).training
    feed = list(batches(windows, batch=50, steps=20, seed=1))
    order = shuffled(tf.range(1000, dtype=tf.int64), len(windows), seed=1).numpy()
    inputs, targets = windows.take(order)
    np.testing.assert_array_equal(np.concatenate([x for x, _ in feed]), inputs)
    np.testing.assert_array_equal(np.concatenate([y for _, y in feed]), targets)


def test_the_learning_rate_warms_up_and_falls_or_stays():
    recipe = Recipe(steps=100, learning_rate=2.0, warmup=0.1)
    rates = [learning_rate(recipe, step) for step in range(101)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == pytest.approx(2.0)
    assert rates.index(max(rates)) in (9, 10)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert len(set(rates[10:])) == len(rates[10:])
    assert learning_rate(recipe.model_copy(update={"schedule": "constant"}), 77) == 2.0


def test_the_watcher_sees_every_epoch_and_the_end(sine):
    watcher = Watcher()
    config = RunConfig(predictor="stacked-lstm", window=WINDOW, recipe=QUICK)
    outcome = train_network(parts_of(sine), config, watcher)
    assert watcher.total == 40
    assert watcher.finished
    assert [step for step, _, validation in watcher.updates if validation is not None] == [10, 20, 30, 40]
    assert [row["step"] for row in outcome.history] == [10, 20, 30, 40]


def test_the_best_weights_on_validation_are_kept(sine):
    wild = QUICK.model_copy(update={"learning_rate": 0.3, "schedule": "constant", "warmup": 0.0, "patience": None})
    outcome = run(sine, recipe=wild)
    parts = parts_of(sine)
    inputs, targets = parts.validation.take(np.arange(len(parts.validation)))
    context = inputs.reshape(len(inputs), -1).astype(float)
    forecast = outcome.predictor.predict(Context(context, np.zeros(len(inputs), dtype=np.int64)))
    losses = [row["validation_loss"] for row in outcome.history]
    assert np.square(forecast - targets).mean() == pytest.approx(min(losses), rel=1e-3)


def test_training_stops_when_validation_no_longer_improves(sine):
    patient = QUICK.model_copy(update={"steps": 4000, "patience": 2, "learning_rate": 1e-12})
    history = run(sine, recipe=patient).history
    assert len(history) < 100


def test_weights_that_are_not_finite_are_refused(sine):
    bad = QUICK.model_copy(update={"learning_rate": 1e30, "clip_norm": None, "schedule": "constant"})
    with pytest.raises(TrainingError, match="finite"):
        run(sine, recipe=bad)


def test_an_unknown_parameter_is_named(sine):
    with pytest.raises(UsageError, match="'unites'"):
        run(sine, parameters={"unites": 3})


def test_an_interrupt_keeps_the_best_weights_so_far(sine):
    class Interrupter(Watcher):
        def update(self, step, loss, validation_loss):
            super().update(step, loss, validation_loss)
            if validation_loss is not None and step >= 20:
                os.kill(os.getpid(), signal.SIGINT)

    assert threading.current_thread() is threading.main_thread()
    long = QUICK.model_copy(update={"steps": 100_000})
    config = RunConfig(predictor="stacked-lstm", window=WINDOW, recipe=long)
    outcome = train_network(parts_of(sine), config, Interrupter())
    assert outcome.interrupted
    assert 2 <= len(outcome.history) <= 4


def test_the_lecture_starts_from_tensorflow_1s_weights():
    from forecaster.networks import Setting, network

    module = network("stacked-lstm")
    model = module.build(module.Parameters(), Window(), Setting(seed=1, lecture=True))
    weights = {variable.path: variable.numpy() for variable in model.trainable_variables}
    recurrent = weights["lstm_1/lstm_cell/recurrent_kernel"]
    assert np.abs(recurrent).max() <= np.sqrt(6 / (200 + 400))
    bias = weights["lstm_1/lstm_cell/bias"]
    assert (bias[100:200] == 1).all()
    assert bias.sum() == 100
    for name in ("hidden/kernel", "hidden/bias", "segment/kernel", "segment/bias"):
        assert weights[name].std() == pytest.approx(0.01, rel=0.3)


def test_the_baselines_stand_beside_every_model(sine):
    config = RunConfig(predictor="stacked-lstm", window=WINDOW, recipe=QUICK)
    names = [predictor.name for predictor in train(parts_of(sine), config).predictors]
    baselines = ["last-value", "repeat-segment", "seasonal-naive", "mean", "harmonic", "local-ar"]
    assert names == ["stacked-lstm", *baselines, "ridge"]
    names = [
        predictor.name for predictor in train(parts_of(sine), RunConfig(window=WINDOW, predictor="ridge")).predictors
    ]
    assert names == ["ridge", *baselines]


def test_a_training_that_runs_away_keeps_the_best_weights_and_a_curve_of_finite_numbers(sine, monkeypatch):
    monkeypatch.setattr("forecaster.training.callbacks.learning_rate", lambda recipe, step: 1e-3 if step < 20 else 1e30)
    outcome = run(sine)
    assert all(np.isfinite(tensor).all() for tensor in outcome.predictor.tensors().values())
    assert all(np.isfinite(value) for row in outcome.history for value in row.values())
    assert "validation_loss" in outcome.history[0]
    assert "validation_loss" not in outcome.history[-1]


@pytest.mark.parametrize(("error", "shown"), [(ImportError, "a hint"), (KeyboardInterrupt, "")])
def test_what_a_library_printed_is_shown_if_it_failed_not_if_it_was_interrupted(capfd, error, shown):
    @stderr_aside()
    def library():
        os.write(2, b"a hint")
        raise error

    with pytest.raises(error):
        library()
    assert capfd.readouterr().err == shown


def nan_from(step):
    """A learning rate that destroys the weights from `step` on."""
    return lambda recipe, now: 1e-3 if now < step else 1e30


def test_a_training_that_runs_away_stops_there_and_says_where_and_what_to_try(sine, monkeypatch):
    monkeypatch.setattr("forecaster.training.callbacks.learning_rate", nan_from(20))
    config = RunConfig(predictor="stacked-lstm", window=WINDOW, recipe=QUICK)
    trained = train(parts_of(sine), config)
    assert [row["step"] for row in trained.history] == [10, 20, 30]
    (note,) = trained.notes
    best = min(range(2), key=lambda k: trained.history[k]["validation_loss"]) + 1
    assert note.startswith("stacked-lstm: the losses or the weights stopped being finite in epoch 3, by step 30;")
    assert f"the weights of epoch {best} are kept" in note
    assert "--learning-rate 0.001" in note
    assert all(np.isfinite(tensor).all() for tensor in trained.predictors[0].tensors().values())


def test_where_nothing_finite_was_reached_the_error_says_where_and_what_to_try(sine, monkeypatch):
    monkeypatch.setattr("forecaster.training.callbacks.learning_rate", nan_from(0))
    with pytest.raises(
        TrainingError, match=r"in epoch 1, by step 10; there is nothing to keep.*--learning-rate 0\.001"
    ):
        run(sine)


def test_weights_that_are_not_finite_stop_a_training_whose_losses_are(sine, monkeypatch):
    from forecaster.training.callbacks import BestWeights

    def poison(self, epoch, logs, own=BestWeights.on_epoch_end):
        if epoch == 1:
            bias = self.model.trainable_variables[-1]
            bias.assign(bias * np.nan)
            logs = {"loss": 0.5, "val_loss": 0.0}
        own(self, epoch, logs)

    monkeypatch.setattr(BestWeights, "on_epoch_end", poison)
    outcome = run(sine)
    assert [row["step"] for row in outcome.history] == [10, 20]
    assert "validation_loss" not in outcome.history[-1]
    assert "the weights of epoch 1 are kept" in outcome.note
    assert all(np.isfinite(tensor).all() for tensor in outcome.predictor.tensors().values())


def test_a_network_that_is_no_better_than_its_start_is_told_apart_from_one_that_ran_away():
    outcome = Outcome(None, [], interrupted=False, improved=False)
    assert notes_on("gru", outcome, "is left out") == (
        "gru is left out: on the validation part it found nothing to add to ridge.",
    )
    assert notes_on("gru", replace(outcome, note="it ran away."), "is left out") == ("gru is left out: it ran away.",)
    assert notes_on("gru", replace(outcome, improved=True, note="it ran away."), "is left out") == (
        "gru: it ran away.",
    )
    assert notes_on("gru", replace(outcome, interrupted=True), "is left out") == ()


def test_a_step_is_traced_once(sine, monkeypatch):
    import keras

    traces, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda self, data: traces.append(self) or step(self, data))
    run(sine)
    assert len(traces) == 1
