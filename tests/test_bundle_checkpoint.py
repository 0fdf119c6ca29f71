"""The checkpoint of a training by itself: what is put comes back, whoever holds it, and nothing else is taken."""

import json

import numpy as np
import pytest

from forecaster.bundle import Checkpoint, Run, TrainingData
from forecaster.bundle.checkpoint import PREFIX, SHARE, STATE, TrainingState
from forecaster.bundle.record import listed
from forecaster.config import RunConfig, Window
from forecaster.errors import ModelError, OutputError, UsageError
from forecaster.predictors import TensorSpec
from tests.bundles import manifest

SPECS = {"weights": TensorSpec("F32", (4, 3)), "counters": TensorSpec("I64", (2,))}
TENSORS = {"weights": np.arange(12, dtype=np.float32).reshape(4, 3), "counters": np.array([7, 8])}
HISTORY = ({"step": 10.0, "seconds": 0.5, "loss": 1.5}, {"step": 20.0, "seconds": 1.0, "loss": 1.0})


def run(**changes):
    config = RunConfig(predictor="gru", window=Window(n_step=3, n_input=4), **changes)
    return Run(signals=(), config=config, versions={"forecaster": "1", "tensorflow": "2"})


def opened(folder, *, resume=False, asked=None):
    return Checkpoint.opened(folder / "m", asked or run(), resume=resume)


def state(name="gru", **changes):
    return TrainingState(name=name, step=20, best_loss=1.0, best_epoch=1, history=HISTORY, **changes)


@pytest.fixture
def place(tmp_path):
    """A checkpoint of two networks, the first of which is done."""
    with opened(tmp_path) as checkpoint:
        assert not checkpoint.exists
        checkpoint.network(0).finish(state("first"), TENSORS)
        checkpoint.network(1).offer(lambda: None)
        checkpoint.put(1, lambda: (state("second"), TENSORS))
    return tmp_path / f"{PREFIX}m"


def edited(place, change):
    document = json.loads((place / STATE).read_bytes())
    change(document)
    (place / STATE).write_text(json.dumps(document))


def test_what_is_put_comes_back(place):
    document = json.loads((place / STATE).read_bytes())
    assert document["run"]["config"]["predictor"] == "gru"
    assert [state["name"] for state in document["courses"]] == ["first", "second"]
    with opened(place.parent, resume=True) as checkpoint:
        assert checkpoint.exists
        first, second = checkpoint.network(0), checkpoint.network(1)
        assert (first.state.done, second.state.done, checkpoint.network(2).state) == (True, False, None)
        assert second.state.history == HISTORY
        assert (second.state.step, second.state.best_loss, second.state.best_epoch) == (20, 1.0, 1)
        for name, tensor in second.tensors(SPECS).items():
            assert tensor.tobytes() == TENSORS[name].tobytes()


def test_without_resume_it_is_found_and_not_taken(place):
    with opened(place.parent) as checkpoint:
        assert checkpoint.exists
        assert checkpoint.states == []
    assert len(list(place.iterdir())) == 3


def test_a_later_state_takes_the_place_of_the_one_before(place):
    with opened(place.parent, resume=True) as checkpoint:
        checkpoint.put(1, lambda: (state("second"), {**TENSORS, "counters": np.array([9, 9])}))
    assert len(list(place.iterdir())) == 3
    with opened(place.parent, resume=True) as checkpoint:
        assert checkpoint.network(1).tensors(SPECS)["counters"].tolist() == [9, 9]


def test_it_goes_when_the_training_has_ended_and_what_others_put_there_stays(place):
    with opened(place.parent) as checkpoint:
        checkpoint.discard()
    assert not place.exists()
    place.mkdir()
    (place / "notes.txt").write_text("mine")
    with opened(place.parent) as checkpoint:
        checkpoint.network(0).finish(state(), TENSORS)
        checkpoint.discard()
        checkpoint.discard()
    assert [path.name for path in place.iterdir()] == ["notes.txt"]


def test_one_that_is_never_written_leaves_nothing(tmp_path):
    with opened(tmp_path) as checkpoint:
        assert (tmp_path / f"{PREFIX}m").is_dir()
        checkpoint.offer(0, lambda: None)
    assert not list(tmp_path.iterdir())
    with opened(tmp_path / "later" / "still") as checkpoint:
        assert not list(tmp_path.iterdir())
        checkpoint.put(0, lambda: (state(), TENSORS))
    assert (tmp_path / "later" / "still" / f"{PREFIX}m" / STATE).is_file()


def test_only_one_holds_it(tmp_path):
    refused = pytest.raises(OutputError, match=r"another program is training this model\. Wait for it to end")
    with opened(tmp_path), refused, opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_offers_are_taken_as_far_apart_as_they_pay(tmp_path, monkeypatch):
    now, snapshots = [100.0], []
    monkeypatch.setattr("forecaster.bundle.checkpoint.time.monotonic", lambda: now[0])

    def make():
        now[0] += 0.5
        snapshots.append(now[0])
        return state(), TENSORS

    with opened(tmp_path) as checkpoint:
        for _ in range(3):
            checkpoint.offer(0, make)
        assert len(snapshots) == 1
        now[0] += 0.5 / SHARE
        checkpoint.offer(0, make)
        assert len(snapshots) == 2
    assert SHARE == 0.01


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (run(seed=3), "seed is 3 here, 0 there"),
        (run(parameters={"units": 5}), "parameters.units is 5 here, not set there"),
        (run().model_copy(update={"versions": {"forecaster": "1", "tensorflow": "3"}}), 'tensorflow is "3" here, "2"'),
    ],
)
def test_that_of_another_run_is_refused(place, asked, said):
    with pytest.raises(UsageError, match=said), opened(place.parent, resume=True, asked=asked):
        pass


def test_differences_are_cut_and_versions_may_be_left_out():
    other = run(seed=3).model_copy(update={"versions": {"forecaster": "2"}})
    assert run().differences(other, versions=False) == ["seed is 0 here, 3 there"]
    signal = TrainingData(name="a", rows=9, sha256="ab" * 32)
    read = run().model_copy(update={"signals": (signal,)})
    longer = read.model_copy(update={"signals": (signal.model_copy(update={"name": "b", "rows": 10}),)})
    assert read.differences(longer) == ["signal 1.rows is 9 here, 10 there"]
    assert len(run().differences(other)) == 3
    assert listed(list("abc")) == "a; b; c"
    assert listed(list("abcde")) == "a; b; c; and 2 more"
    assert Run.of(manifest(seed=4)).config.seed == 4
    assert Run.of(manifest()).versions == manifest().versions


def test_a_text_that_is_too_long_to_show_is_cut():
    (sentence,) = run(parameters={"name": "a"}).differences(run(parameters={"name": "é" * 90}))
    assert sentence.startswith('parameters.name is "a" here, "ééé')
    assert len(sentence.partition("here, ")[2].removesuffix(" there")) == 60


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda document: document.update(format=2), "format"),
        (lambda document: document["courses"][0].update(step="20"), "step"),
        (lambda document: document["courses"][0].update(best_epoch=2), "best_epoch 2 of 2 epochs"),
        (
            lambda document: document["courses"][0]["history"][0].pop("seconds"),
            "a row of history without step or seconds",
        ),
        (lambda document: document["courses"][0].update(note="x" * 3000), "3000|2000"),
    ],
)
def test_a_state_that_is_none_is_refused(place, change, said):
    edited(place, change)
    with pytest.raises(ModelError, match=said) as caught, opened(place.parent, resume=True):
        pass
    assert "Leave out --resume to begin anew" in caught.value.hint


def test_tensors_that_are_others_are_refused(place):
    with opened(place.parent, resume=True) as checkpoint:
        with pytest.raises(ModelError, match="weights"):
            checkpoint.network(1).tensors({**SPECS, "weights": TensorSpec("F32", (3, 4))})
        (place / f"network-1-{checkpoint.states[0].sha256[:16]}.safetensors").write_bytes(b"x")
        with pytest.raises(ModelError, match=r"the sha256 .*expected") as caught:
            checkpoint.network(0).tensors(SPECS)
        assert "What was trained cannot be taken from it." in caught.value.hint


def test_a_state_that_cannot_be_read_again_is_not_written(place, monkeypatch):
    monkeypatch.setattr("forecaster.bundle.checkpoint.MAX_STATE", 100)
    before = (place / STATE).read_bytes()
    with opened(place.parent) as checkpoint:
        checkpoint.put(0, lambda: (state(), TENSORS))
        assert "at most 100 are allowed" in checkpoint.note
    assert (place / STATE).read_bytes() == before


def test_a_link_in_its_place_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"{PREFIX}m").symlink_to(tmp_path / "elsewhere")
    with opened(tmp_path) as checkpoint:
        checkpoint.put(0, lambda: (state(), TENSORS))
        assert checkpoint.note
    assert not list((tmp_path / "elsewhere").iterdir())
