"""A training that was interrupted and resumed ends with the weights, byte for byte, of one that was not."""

import errno
import fcntl
import json
import os
import random
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from forecaster import networks
from forecaster.bundle import Checkpoint, load
from forecaster.bundle.checkpoint import ANEW, PREFIX, SHARE, STATE, TrainingState
from forecaster.commands.boundary import Terminated
from forecaster.commands.train import command as train_command
from forecaster.config import ReadingOptions, Recipe, RunConfig, Window
from forecaster.model import Forecaster
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.training import Silent
from tests.commands import ok, refused, run
from tests.faults.resume import cases, tried

WINDOW = Window(n_step=3, n_input=4)
RECIPE = Recipe(steps=70, steps_per_epoch=10, batch=8, learning_rate=5e-3, patience=100)
IMPATIENT = RECIPE.model_copy(update={"learning_rate": 0.5, "patience": 2})
SMALL = {"units": 4, "units_1": 4, "units_2": 4, "hidden": 4, "filters": 3, "state": 4}


class Killed(BaseException):
    """What ends a training as abruptly as a kill does, within this process."""


class Killer(Silent):
    """Ends a training when it has reached a step for the k-th time a network is trained."""

    def __init__(self, step, network=1):
        self.step, self.network, self.begun = step, network, 0

    def start(self, total_steps):
        self.begun += 1

    def update(self, step, loss, validation_loss):
        if validation_loss is not None and self.begun == self.network and step >= self.step:
            raise Killed


def line(channels=("x",), exogenous=(), known=0, rows=400, seed=0):
    """A noisy sine in each column."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    count = len(channels) + len(exogenous)
    values = np.stack([np.sin(t / (4 + k)) + 0.3 * rng.normal(size=rows) for k in range(count)], axis=1)
    units = ("m",) * len(channels)
    return Signal("line", channels, (Recording(values, TimeAxis()),), units=units, exogenous=exogenous, known=known)


def letters(rows=400):
    codes = np.random.default_rng(3).integers(0, 3, rows)[:, None].astype(float)
    return Signal("letters", ("s",), (Recording(codes, TimeAxis()),), units=("",), symbols=("a", "b", "c"))


def config_of(name, **changes):
    fields = networks.network(name).Parameters.model_fields
    parameters = {key: value for key, value in SMALL.items() if key in fields}
    fields = {"predictor": name, "parameters": parameters, "window": WINDOW, "recipe": RECIPE, "seed": 5}
    if networks.task(name) == "symbols":
        fields |= {"window": Window(n_step=5, n_input=1), "reading": ReadingOptions(symbols=True)}
    return RunConfig(**(fields | changes))


@dataclass(frozen=True)
class Training:
    """One training, and where it keeps its checkpoint."""

    signals: list
    config: RunConfig
    model: Path

    def fit(self, progress=None, *, resume=False):
        asked = Forecaster.run_of(self.signals, self.config)
        with Checkpoint.opened(self.model, asked, resume=resume) as checkpoint:
            checkpoint_always(checkpoint)
            model = Forecaster.fit(self.signals, self.config, progress=progress, checkpoint=checkpoint)
            assert not checkpoint.note
            checkpoint.discard()
            return model

    def killed(self, step, network=1, *, resume=False):
        with pytest.raises(Killed):
            self.fit(Killer(step, network), resume=resume)


def checkpoint_always(checkpoint):
    """Let every epoch be written, however little time it took."""
    checkpoint.offer = checkpoint.put


def bytes_of(model):
    tensors = {
        f"{predictor.name}/{name}": t.tobytes()
        for predictor in model.predictors
        for name, t in predictor.tensors().items()
    }
    return tensors | {"quantiles": model.quantiles.tobytes()}


def course_of(model):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in model.history]


def assert_same(one, other):
    assert bytes_of(one) == bytes_of(other)
    assert course_of(one) == course_of(other)
    assert one.stored == other.stored
    assert one.notes == other.notes


QUICK = ("segment-gru",)
SLOW = [name for name in networks.names() if name not in QUICK]


def resumed(signals, config, tmp_path, kills):
    """Train whole, and again with an end at each of some (step, network); the two must be the same."""
    training = Training(signals, config, tmp_path / "m")
    uninterrupted = training.fit()
    for number, (step, network) in enumerate(kills):
        training.killed(step, network, resume=number > 0)
    assert_same(training.fit(resume=True), uninterrupted)
    assert list(tmp_path.iterdir()) == []


def signals_of(name):
    return [letters() if networks.task(name) == "symbols" else line()]


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.bits
def test_a_network_resumes_to_the_same_bytes(name, tmp_path):
    resumed(signals_of(name), config_of(name), tmp_path, [(random.randrange(10, 70, 10), 1)])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_every_other_network_resumes_to_the_same_bytes(name, tmp_path):
    resumed(signals_of(name), config_of(name), tmp_path, [(random.randrange(10, 70, 10), 1)])


AUTO = {"predictor": "auto", "recipe": RECIPE}
VARIANTS = {
    "exogenous": ("narx", line(exogenous=("u", "v")), {}),
    "known": ("linear-lstm", line(exogenous=("u", "v"), known=1), {}),
    "joint": ("gru", line(("x", "y", "z")), {"joint": True}),
    "direct": ("segment-gru", line(), {"horizon_mode": "direct"}),
    "carried": ("state-space", line(), {"carry_state": True}),
    "several files": ("gru", line(), {}),
    "stopped early": ("gru", line(), {"recipe": IMPATIENT}),
}


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_way_to_feed_a_network_resumes_to_the_same_bytes(variant, tmp_path):
    name, signal, changes = VARIANTS[variant]
    signals = [signal, line(rows=300, seed=1)] if variant == "several files" else [signal]
    kills = [(10, 1), (20, 1)] if variant == "stopped early" else [(20, 1), (50, 1)]
    resumed(signals, config_of(name, **changes), tmp_path, kills)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["closed-loop", "direct"])
def test_auto_resumes_in_either_of_its_networks(mode, tmp_path):
    config = RunConfig(**AUTO, window=WINDOW, horizon_mode=mode, seed=5)
    resumed([line()], config, tmp_path, [(random.randrange(10, 70, 10), 1), (random.randrange(10, 70, 10), 2), (50, 1)])


# --- through the command -----------------------------------------------------------------

SETTINGS = """
[recipe]
steps = 60
steps_per_epoch = 10
batch = 8
patience = 1000
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a signal, another one, and the settings of a short training."""
    folder = tmp_path_factory.mktemp("resume")
    for name, seed in (("one", 0), ("two", 1)):
        values = line(seed=seed).recordings[0].values[:, 0]
        (folder / f"{name}.csv").write_text("x\n" + "".join(f"{x:.6f}\n" for x in values))
    (folder / "settings.toml").write_text(SETTINGS)
    return folder


def command(folder, model, *more, signal="one", predictor="gru"):
    sizes = ("--n-step", 3, "--n-input", 4, "--seed", 1, "--config", folder / "settings.toml")
    return ("train", folder / f"{signal}.csv", "-o", model, "--predictor", predictor, *sizes, *more)


def place_of(model):
    return model.parent / f"{PREFIX}{model.name}"


def tensors_of(model):
    return (model / load(model).manifest.data_name / "tensors.safetensors").read_bytes()


def killed(monkeypatch, *arguments, after=1):
    """Run a command that is terminated when its checkpoint has been written for some times."""
    written = []

    def put(self, number, make, own=Checkpoint.put):
        own(self, number, make)
        written.append(number)
        if len(written) == after:
            raise Terminated

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "offer", put)
        assert run(*arguments).exit_code == 143


@pytest.fixture(scope="module")
def interrupted(folder, tmp_path_factory):
    """A folder in which the training of the model `m` was interrupted after 20 steps."""
    place = tmp_path_factory.mktemp("interrupted")
    with pytest.MonkeyPatch.context() as patched:
        killed(patched, *command(folder, place / "m"), after=2)
    return place


@pytest.fixture
def model(interrupted, tmp_path):
    """The place of a model whose training was interrupted, to do with as one likes."""
    shutil.copytree(interrupted, tmp_path / "copy")
    return tmp_path / "copy" / "m"


def test_the_command_goes_on_and_leaves_nothing_behind(folder, model, tmp_path):
    said = ok(*command(folder, model, "--resume")).stderr
    assert "resume: gru goes on after step 20" in said
    first, *later = re.findall(r"^step (\d+)/60: (.*)$", said, re.MULTILINE)
    assert (first[0], "left" in first[1]) == ("20", False)
    assert later
    assert all("s left" in text for _, text in later)
    assert [one.name for one in model.parent.iterdir()] == ["m"]
    ok(*command(folder, tmp_path / "whole"))
    assert tensors_of(model) == tensors_of(tmp_path / "whole")
    stamps = model.stat().st_mtime_ns
    again = ok(*command(folder, model, "--resume", "--json"))
    assert "nothing to do" in again.stderr
    assert "begins" not in again.stderr
    assert json.loads(again.stdout)["model"] == str(model)
    assert model.stat().st_mtime_ns == stamps
    assert "already holds a model" in refused(*command(folder, model))
    said = refused(*command(folder, model, "--resume", "--steps", 50))
    assert "another training: recipe.steps is 50 here, 60 there" in said


def test_without_resume_it_begins_anew_and_says_so(folder, model):
    said = ok(*command(folder, model, predictor="mean")).stderr
    assert "This one begins anew; --resume would go on with it." in said
    assert [one.name for one in model.parent.iterdir()] == ["m"]


def test_with_nothing_left_it_begins_at_the_beginning(folder, tmp_path):
    said = ok(*command(folder, tmp_path / "m", "--resume", predictor="mean")).stderr
    assert "begins at the beginning" in said
    assert (tmp_path / "m" / "model.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "signal", "said"),
    [
        (("--seed", 2), "one", "seed is 2 here, 1 there"),
        (("--set", "units_1=5"), "one", "parameters.units_1 is 5 here, not set there"),
        (("--learning-rate", 0.5), "one", "recipe.learning_rate is 0.5 here, 0.003 there"),
        ((), "two", "signal 1.sha256 is"),
    ],
)
def test_the_checkpoint_of_another_training_is_refused(folder, model, arguments, signal, said):
    before = contents(place_of(model))
    message = refused(*command(folder, model, "--resume", *arguments, signal=signal))
    assert said in message
    assert ANEW in message
    assert contents(place_of(model)) == before


def test_the_way_to_begin_anew_holds_where_a_model_stands(folder, model):
    ok(*command(folder, model.parent / "other", predictor="mean"))
    (model.parent / "other").rename(model)
    message = refused(*command(folder, model, "--resume", "--overwrite", "--seed", 2))
    assert "Leave out --resume" in message
    assert "with --overwrite" in message
    assert "already holds a model" in refused(*command(folder, model, predictor="mean"))
    ok(*command(folder, model, "--overwrite", predictor="mean"))


def contents(place):
    return {one.name: one.read_bytes() for one in place.iterdir()}


def edited(place, change):
    document = json.loads((place / STATE).read_bytes())
    change(document)
    (place / STATE).write_text(json.dumps(document))


def test_another_version_is_refused(folder, model):
    edited(place_of(model), lambda found: found["run"]["versions"].update(tensorflow="1.0"))
    assert 'version.tensorflow is "2' in refused(*command(folder, model, "--resume"))


def flipped(place):
    (path,) = place.glob("*.safetensors")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def course(**changes):
    return lambda place: edited(place, lambda found: found["courses"][0].update(changes))


def linked(place):
    (path,) = place.glob("*.safetensors")
    path.rename(place.parent / "elsewhere")
    path.symlink_to(place.parent / "elsewhere")


def larger(place):
    (path,) = place.glob("*.safetensors")
    os.truncate(path, 2**33)


DAMAGES = {
    "a bit": (flipped, "sha256"),
    "half a file": (lambda place: (place / STATE).write_bytes((place / STATE).read_bytes()[:200]), "JSON"),
    "no JSON": (lambda place: (place / STATE).write_bytes(b"\x80\x04K\x01."), "not UTF-8"),
    "a larger format": (lambda place: edited(place, lambda found: found.update(format=2)), "format"),
    "an extra key": (course(code="import os"), "code"),
    "another network": (course(name="narx"), "narx"),
    "another step": (course(step=30), "step 30 after 2 epochs"),
    "no losses": (course(history=[{"step": 10, "seconds": 1}, {"step": 20, "seconds": 2}]), "without its losses"),
    "a best epoch to come": (course(best_epoch=7), "best_epoch 7 of 2 epochs"),
    "a path": (course(sha256="../../etc/passwd"), "sha256"),
    "NaN": (course(best_loss=float("nan")), "NaN"),
    "no tensors": (lambda place: next(place.glob("*.safetensors")).unlink(), "no network-1-"),
    "a link": (linked, "symbolic link"),
    "8 GB": (larger, "8589934592 bytes; expected at most"),
    "done, with tensors of another shape": (course(done=True), "bytes; expected at most"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_and_kept(folder, model, damage):
    change, said = DAMAGES[damage]
    change(place_of(model))
    message = refused(*command(folder, model, "--resume"))
    assert said in message
    assert ANEW in message
    assert not model.exists()
    assert place_of(model).is_dir()


def test_a_model_that_cannot_be_saved_is_not_trained_again(folder, tmp_path, monkeypatch):
    asked = command(folder, tmp_path / "m", "--steps", 20)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("forecaster.bundle.commit._create", full)
        result = run(*asked)
    assert result.exit_code == 1
    assert "could not be written: No space left on device. What was trained is kept. The same" in result.stderr
    assert "with --resume goes on where it stood." in result.stderr
    assert "run it again" not in result.stderr
    assert "resume: gru is trained" in ok(*asked, "--resume").stderr
    assert [one.name for one in tmp_path.iterdir()] == ["m"]


def test_of_two_that_train_one_model_the_second_is_told(folder, model):
    handle = os.open(place_of(model), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        result = run(*command(folder, model, "--resume"))
    finally:
        os.close(handle)
    assert result.exit_code == 1
    assert "another program is training this model" in result.stderr


def test_the_second_is_told_before_it_has_begun(folder, tmp_path, monkeypatch):
    monkeypatch.setattr("forecaster.model.train", None)
    with Checkpoint.opened(tmp_path / "m", Forecaster.run_of([line()], config_of("gru")), resume=False):
        result = run(*command(folder, tmp_path / "m"))
    assert result.exit_code == 1
    assert "another program is training this model" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_that_cannot_be_written_ends_no_training(folder, tmp_path):
    place_of(tmp_path / "m").write_text("in the way")
    said = ok(*command(folder, tmp_path / "m", "--steps", 20)).stderr
    assert "no checkpoint was kept, and --resume cannot go on with this run" in said
    assert (tmp_path / "m" / "model.json").is_file()
    assert place_of(tmp_path / "m").read_text() == "in the way"


def test_what_is_not_its_own_stays_in_its_folder(folder, tmp_path):
    place_of(tmp_path / "m").mkdir()
    (place_of(tmp_path / "m") / "notes.txt").write_text("mine")
    ok(*command(folder, tmp_path / "m", "--steps", 20))
    assert [one.name for one in place_of(tmp_path / "m").iterdir()] == ["notes.txt"]


def test_a_model_that_was_interrupted_in_its_first_epoch_is_not_taken_for_the_whole(folder, tmp_path, monkeypatch):
    asked = command(folder, tmp_path / "m", "--steps", 20, predictor="linear-lstm")

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("forecaster.training.callbacks.BestWeights.on_train_batch_end", stopped)
        assert run(*asked).exit_code == 130
    assert not load(tmp_path / "m").history
    assert "interrupted: not the whole one" in ok("inspect", tmp_path / "m").stdout
    assert not place_of(tmp_path / "m").exists()
    assert "begins at the beginning" in ok(*asked, "--resume").stderr
    assert len(load(tmp_path / "m").history) == 2
    assert "interrupted" not in ok("inspect", tmp_path / "m").stdout
    assert [one.name for one in tmp_path.iterdir()] == ["m"]


def test_a_checkpoint_is_written_as_often_as_its_cost_allows(tmp_path, monkeypatch):
    now, written = [100.0], []
    monkeypatch.setattr("forecaster.bundle.checkpoint.time.monotonic", lambda: now[0])

    def write(self, number, *made):
        now[0] += 0.5
        written.append(now[0])

    monkeypatch.setattr(Checkpoint, "_write", write)
    checkpoint = Checkpoint(tmp_path / "m", Forecaster.run_of([line()], config_of("gru")))
    while now[0] < 1100:
        checkpoint.offer(0, lambda: (TrainingState(name="gru"), {}))
        now[0] += 1
    assert 15 <= len(written) <= 1000 * SHARE / 0.5


def test_no_network_is_written_without_those_before_it(tmp_path):
    with Checkpoint.opened(tmp_path / "m", Forecaster.run_of([line()], config_of("gru")), resume=False) as checkpoint:
        checkpoint.put(1, lambda: (TrainingState(name="second"), {}))
        assert not list(place_of(tmp_path / "m").iterdir())
        for number, name in enumerate(("first", "second", "first again")):
            checkpoint.put(number % 2, lambda name=name: (TrainingState(name=name), {}))
        assert [one.name for one in checkpoint.states] == ["first again"]


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_weights_and_the_checkpoint(folder, model, tmp_path, monkeypatch):
    uninterrupted = tmp_path / "whole"
    ok(*command(folder, uninterrupted))

    def put(self, number, make, put_before=Checkpoint.put):
        put_before(self, number, make)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "offer", put)
        result = run(*command(folder, model, "--resume"))
    assert result.exit_code == 130, result.output
    assert "interrupted: the best weights so far are kept. The same command with --resume goes on" in result.stderr
    assert tensors_of(model) != tensors_of(uninterrupted)
    assert "after step 30" in ok(*command(folder, model, "--resume")).stderr
    assert tensors_of(model) == tensors_of(uninterrupted)
    assert [one.name for one in model.parent.iterdir()] == ["m"]


def test_the_guide_shows_the_command_and_the_place():
    guide = (Path(__file__).parents[1] / "docs" / "RESUME.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\$ python cli.py train (.+)$", guide, re.MULTILINE)
    first, second = (train_command.make_context("train", shlex.split(line)).params for line in shown)
    assert second == {**first, "resume": True}
    assert f"`{PREFIX}MODEL`" in guide
    assert f"at most {100 * SHARE:g} % of the time" in " ".join(guide.split())


# --- processes, killed -------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", ["narx", "auto"])
def test_a_process_that_was_killed_is_resumed_to_the_same_bytes(name):
    (case,) = [one for one in cases() if one.name == name]
    count = tried(case, 2, random.Random())
    assert (count.result, count.kills) == ("equal", 2)
