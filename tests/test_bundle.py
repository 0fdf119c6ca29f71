"""The model folder: what is written comes back, byte for byte, and only whole."""

import errno
import fcntl
import itertools
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import load as oracle_load

from forecaster import predictors
from forecaster.bundle import (
    Channels,
    Manifest,
    PredictorState,
    ScalerState,
    TrainingData,
    check_target,
    dump_metrics,
    gate,
    load,
    now,
    save,
)
from forecaster.bundle.card import card, escape
from forecaster.bundle.scores import parse_metrics
from forecaster.bundle.tensors import format_tensors, parse_tensors
from forecaster.config import RunConfig, Window
from forecaster.conformal.bands import IntervalState
from forecaster.errors import ModelError, OutputError, UsageError
from forecaster.predictors import TensorSpec

SCORES = {"nmse": 0.03, "rmse": 0.1, "mae": 0.08, "mase": 0.5, "coverage-90": None}
EVALUATION = {
    "model": "models/m",
    "horizon": 4,
    "stride": 4,
    "parts": [
        {
            "signal": "rotor",
            "channel": "a",
            "origins": 12,
            "scores": {"model": SCORES, "last-value": {**SCORES, "nmse": 1.2}},
            "by_step": {"model": [{"step": 1, "nmse": 0.01, "rmse": 0.1}]},
            "reasons": {"coverage-90": "too few origins"},
            "verdict": "better",
        }
    ],
    "verdict": "The forecast is better than every baseline.",
}
TEXTS = {"history.csv": "step,loss,validation_loss\n1,0.5,\n2,0.25,0.3\n", "metrics.json": dump_metrics([EVALUATION])}


def manifest(*, seed=0, levels=(50, 90), horizon=4, **changes):
    """A manifest of two channels and four predictors."""
    window = Window(n_step=3, n_input=4)
    config = RunConfig(predictor="ridge", window=window, seed=seed)
    parameters = {
        "ridge": {"alpha": 1.0, "taps": 12, "low": -3.0, "high": 3.0},
        "last-value": {},
        "repeat-segment": {},
        "seasonal-naive": {"lags": [3, 4], "errors": [0.5, 0.25]},
    }
    states = [
        PredictorState(name=name, parameters=values, tensors=tuple(predictors.specs(name, values, window, 2)))
        for name, values in parameters.items()
    ]
    fields = {
        "created": now(),
        "versions": {"forecaster": "0.1.0", "numpy": "2.4.6"},
        "seed": seed,
        "config": config,
        "window": window,
        "split": config.split,
        "channels": Channels(target=("a", "b"), units=("m/s²", "")),
        "sample_rate_hz": 1024.0,
        "scaler": ScalerState(mean=(0.1, -5.0), scale=(1 / 3, 2.5e-300)),
        "predictors": states,
        "intervals": IntervalState(levels=levels, horizon=horizon, origins=(9, 9)),
        "training_data": [TrainingData(name="rotor", rows=62_000, sha256="0" * 64)],
    }
    return Manifest(**(fields | changes))


def tensors(seed=0, levels=2, horizon=4):
    random = np.random.default_rng(seed)
    shapes = {"ridge/kernel": (12, 4), "ridge/bias": (4,), "intervals/quantiles": (2, horizon, levels)}
    return {name: random.normal(size=shape).astype("f4") for name, shape in shapes.items()}


def write(path, seed=0, **options):
    return save(path, manifest(seed=seed), tensors(seed), TEXTS, **options)


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def test_what_is_written_comes_back(tmp_path):
    original, arrays = manifest(), tensors()
    sealed = save(tmp_path / "deep" / "m", original, arrays, TEXTS)
    loaded = load(tmp_path / "deep" / "m")
    assert loaded.manifest == sealed
    assert loaded.manifest.model_copy(update={"files": {}}) == original
    assert loaded.tensors.keys() == arrays.keys()
    for name, array in arrays.items():
        assert loaded.tensors[name].tobytes() == array.tobytes()
        assert not loaded.tensors[name].flags.writeable
    assert {name: loaded.texts[name] for name in TEXTS} == TEXTS
    assert loaded.metrics == [EVALUATION]
    assert loaded.history[1] == {"step": 2.0, "loss": 0.25, "validation_loss": 0.3}
    assert set(loaded.tensors_of("ridge")) == {"kernel", "bias"}
    assert loaded.tensors_of("last-value") == {}


def test_the_folder_is_laid_out_as_documented(tmp_path):
    sealed = write(tmp_path / "m")
    assert names(tmp_path) == ["m"]
    assert names(tmp_path / "m") == [sealed.data_name, "model.json"]
    assert names(tmp_path / "m" / sealed.data_name) == sorted(sealed.files)
    assert sealed.data_name == "data-" + sealed.data_name[5:]
    assert len(sealed.data_name) == 5 + 16
    document = json.loads((tmp_path / "m" / "model.json").read_text())
    assert list(document)[:3] == ["format", "task", "created"]
    assert document["combination"] is None


def test_the_same_model_gives_the_same_bytes(tmp_path):
    recorded = manifest()
    for name in ("one", "two"):
        save(tmp_path / name, recorded, tensors(), TEXTS)
    first, second = (
        {p.name: p.read_bytes() for p in (tmp_path / name).rglob("*") if p.is_file()} for name in ("one", "two")
    )
    assert first == second
    assert load(tmp_path / "one").sha256 == load(tmp_path / "two").sha256


def test_a_model_without_intervals_has_empty_quantiles(tmp_path):
    without = manifest(intervals=IntervalState(levels=(90,), horizon=0, origins=(), reason="no validation origin"))
    save(tmp_path / "m", without, tensors(levels=1, horizon=0), TEXTS)
    loaded = load(tmp_path / "m")
    assert loaded.tensors["intervals/quantiles"].shape == (2, 0, 1)
    assert "no validation origin" in loaded.texts["README.md"]


shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5)
finite = {
    "F32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "F64": st.floats(min_value=-1e300, max_value=1e300),
    "I64": st.integers(-(2**63), 2**63 - 1),
}
dtypes = {"F32": "<f4", "F64": "<f8", "I64": "<i8"}


@settings(deadline=None, max_examples=80)
@given(
    st.dictionaries(st.text("abc./-", min_size=1, max_size=8), st.sampled_from(sorted(finite)), max_size=5), st.data()
)
def test_any_tensors_come_back_byte_for_byte(kinds, data):
    arrays = {name: data.draw(hnp.arrays(dtypes[kind], shapes, elements=finite[kind])) for name, kind in kinds.items()}
    specs = {name: TensorSpec(kinds[name], array.shape) for name, array in arrays.items()}
    content = format_tensors(arrays, specs)
    parsed, oracle = parse_tensors(content, specs, "x"), oracle_load(content)
    assert parsed.keys() == oracle.keys() == arrays.keys()
    for name, array in arrays.items():
        assert parsed[name].shape == array.shape
        assert parsed[name].tobytes() == array.tobytes() == oracle[name].tobytes()
        assert parsed[name].flags.aligned


def test_an_existing_model_is_kept_unless_overwrite_is_said(tmp_path):
    first = write(tmp_path / "m")
    with pytest.raises(UsageError, match="--overwrite"):
        write(tmp_path / "m", seed=1)
    with pytest.raises(UsageError, match="--overwrite"):
        check_target(tmp_path / "m")
    assert load(tmp_path / "m").manifest == first
    second = write(tmp_path / "m", seed=1, overwrite=True)
    assert load(tmp_path / "m").manifest == second
    assert names(tmp_path / "m") == sorted([first.data_name, second.data_name, "model.json"])
    third = write(tmp_path / "m", seed=2, overwrite=True)
    assert names(tmp_path / "m") == sorted([second.data_name, third.data_name, "model.json"])


def test_the_same_content_may_be_written_again(tmp_path):
    texts, recorded = {**TEXTS, "README.md": "# m\n"}, manifest()
    for _ in range(3):
        sealed = save(tmp_path / "m", recorded, tensors(), texts, overwrite=True)
        assert names(tmp_path / "m") == [sealed.data_name, "model.json"]
        load(tmp_path / "m")


def test_a_damaged_data_directory_of_that_name_is_replaced(tmp_path):
    texts = {**TEXTS, "README.md": "# m\n"}
    sealed = save(tmp_path / "m", manifest(), tensors(), texts)
    (tmp_path / "m" / sealed.data_name / "history.csv").write_text("damaged")
    save(tmp_path / "m", manifest(), tensors(), texts, overwrite=True)
    assert load(tmp_path / "m").texts["history.csv"] == TEXTS["history.csv"]


def test_a_broken_model_can_be_overwritten(tmp_path):
    write(tmp_path / "m")
    (tmp_path / "m" / "model.json").write_text("{")
    write(tmp_path / "m", seed=1, overwrite=True)
    assert load(tmp_path / "m").manifest.seed == 1


def test_a_link_to_a_model_is_the_users_own(tmp_path):
    write(tmp_path / "m")
    (tmp_path / "latest").symlink_to("m")
    write(tmp_path / "latest", seed=1, overwrite=True)
    assert (tmp_path / "latest").is_symlink()
    assert load(tmp_path / "latest").manifest == load(tmp_path / "m").manifest
    assert load(tmp_path / "m").manifest.seed == 1


def test_an_empty_folder_is_taken_and_a_full_one_is_not(tmp_path):
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    load(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("years of work")
    (tmp_path / "file").write_text("x")
    for place, obstacle in (("full", "other things"), ("file", "is a file"), ("file/m", "is a file")):
        with pytest.raises(UsageError, match=obstacle):
            check_target(tmp_path / place, overwrite=True)
        with pytest.raises(UsageError, match=obstacle):
            write(tmp_path / place, overwrite=True)
    assert names(tmp_path / "full") == ["thesis.tex"]


@pytest.mark.parametrize("root", ["/", "//", "/.."])
def test_the_root_of_the_file_system_is_no_model(root):
    with pytest.raises(UsageError, match="other things than a model"):
        check_target(root, overwrite=True)


def test_what_the_gate_would_refuse_is_not_written(tmp_path):
    broken = tensors()
    broken["ridge/bias"][0] = np.nan
    with pytest.raises(OutputError, match="not finite"):
        save(tmp_path / "m", manifest(), broken, TEXTS)
    with pytest.raises(OutputError, match="stored"):
        save(tmp_path / "m", manifest(), {}, TEXTS)
    with pytest.raises(OutputError, match="nan"):
        save(tmp_path / "m", manifest(), tensors(), {**TEXTS, "history.csv": "step,loss\n1,nan\n"})
    with pytest.raises(OutputError, match="control character"):
        save(tmp_path / "m", manifest(versions={"a": "1"}), tensors(), {**TEXTS, "README.md": "\x1b[2J"})
    assert names(tmp_path) == []


def test_a_full_disk_and_a_forbidden_folder_are_told(tmp_path, monkeypatch):
    write(tmp_path / "m")
    before = load(tmp_path / "m").sha256
    for number, words in ((errno.ENOSPC, "No space left.*Make room"), (errno.EACCES, "Permission denied")):

        def failing(*_, number=number):
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", failing)
            for place in ("m", "new"):
                with pytest.raises(OutputError, match=words):
                    write(tmp_path / place, seed=1, overwrite=True)
    assert load(tmp_path / "m").sha256 == before
    assert names(tmp_path) == ["m"]
    assert len(names(tmp_path / "m")) == 2


HERE = f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}, {str(Path(__file__).parents[1])!r}]\n"


def python(code, *arguments):
    command = [sys.executable, "-c", HERE + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WRITER = """
    import sys, time, os
    import test_bundle as t
    from forecaster import files
    from forecaster.bundle import commit
    from forecaster.errors import OutputError
    path, seed = sys.argv[1], int(sys.argv[2])
    real = commit._write_data
    def slow(*arguments):
        time.sleep(0.5)
        real(*arguments)
    commit._write_data = slow
    print("ready", flush=True)
    try:
        t.write(path, seed=seed, overwrite=True)
        print("won")
    except OutputError as error:
        print(error)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_of_two_writers_one_wins_and_the_other_is_told(tmp_path, exists):
    if exists:
        write(tmp_path / "m")
    writers = [python(WRITER, tmp_path / "m", seed) for seed in (1, 2)]
    outputs = [writer.communicate(timeout=60) for writer in writers]
    assert not any(err for _, err in outputs)
    messages = [out.split("\n")[1] for out, _ in outputs]
    winners = [seed for seed, words in zip((1, 2), messages, strict=True) if words == "won"]
    assert winners
    assert all(words == "won" or "another program" in words for words in messages)
    # When both win, they did not overlap: the later one stands.
    assert load(tmp_path / "m").manifest.seed in winners
    assert names(tmp_path) == ["m"]


def test_a_held_lock_is_told(tmp_path):
    write(tmp_path / "m")
    handle = os.open(tmp_path / "m", os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    with pytest.raises(OutputError, match="another program"):
        write(tmp_path / "m", seed=1, overwrite=True)
    os.close(handle)
    write(tmp_path / "m", seed=1, overwrite=True)


KILLER = """
    import os, sys
    import test_bundle as t
    from forecaster.bundle import load
    from forecaster.errors import ModelError

    root, exists = sys.argv[1], sys.argv[2] == "True"
    CALLS = ("open", "mkdir", "write", "fsync", "rename", "unlink", "rmdir")

    def arm(step):
        count = [0]
        for name in CALLS:
            def counted(*a, real=getattr(os, name), **k):
                count[0] += 1
                if count[0] == step:
                    os._exit(9)
                return real(*a, **k)
            setattr(os, name, counted)

    outcomes = []
    for step in range(1, 500):
        path = f"{root}/{step}/m"
        if exists:
            t.write(path, seed=0)
            t.write(path, seed=1, overwrite=True)
        child = os.fork()
        if child == 0:
            arm(step)
            t.write(path, seed=2, overwrite=True)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 9), code
        try:
            outcomes.append(load(path).manifest.seed)
        except ModelError as error:
            assert not exists and "no model at" in str(error), error
            outcomes.append(None)
        t.write(path, seed=3, overwrite=True)
        assert load(path).manifest.seed == 3
        assert os.listdir(f"{root}/{step}") == ["m"], os.listdir(f"{root}/{step}")
        left = os.listdir(path)
        assert not [name for name in left if name.startswith(".")] and len(left) <= 3, left
        if code == 0:
            break
    print(outcomes)
"""


@pytest.mark.parametrize("exists", [True, False])
def test_killed_at_any_step_the_old_or_the_new_model_stands(tmp_path, exists):
    out, err = python(KILLER, tmp_path, exists).communicate(timeout=120)
    assert not err, err
    outcomes = json.loads(out.replace("None", "null"))
    old = 1 if exists else None
    print(f"\nkilled at {len(outcomes)} steps: {outcomes.count(old)} times the old model, {outcomes.count(2)} the new")
    assert len(outcomes) > 15
    assert set(outcomes) == {old, 2}
    assert outcomes == [old] * outcomes.count(old) + [2] * outcomes.count(2)


@pytest.mark.parametrize(("exists", "step"), [*((True, n) for n in range(1, 9)), *((False, n) for n in range(1, 10))])
def test_a_disk_that_fails_takes_nothing_and_leaves_nothing(tmp_path, monkeypatch, exists, step):
    """Until the last fsync, that of the commit itself: then the new model stands, and it is told so."""
    write(tmp_path / "m", seed=0) if exists else None
    before, real, calls = names(tmp_path / "m") if exists else [], os.fsync, []

    def failing(handle):
        calls.append(handle)
        if len(calls) == step:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(handle)

    monkeypatch.setattr(os, "fsync", failing)
    last = step == (8 if exists else 9)
    with pytest.raises(OutputError, match="did not confirm it" if last else r"could not be written: Input/output"):
        write(tmp_path / "m", seed=1, overwrite=True)
    monkeypatch.undo()
    if last:
        assert load(tmp_path / "m").manifest.seed == 1
    elif exists:
        assert load(tmp_path / "m").manifest.seed == 0
        assert names(tmp_path / "m") == before
    assert names(tmp_path) == (["m"] if exists or last else [])


def test_a_reader_follows_writers_that_commit_and_commit(tmp_path, monkeypatch):
    """Two commits between each model.json and its data: the reader tries again until it is the quicker one."""
    write(tmp_path / "m", seed=0)
    real, seeds = gate.read_file, iter(range(1, 11))

    def raced(folder, name, limit, where):
        content = real(folder, name, limit, where)
        if name == "model.json" and where:  # a writer looks at it too, and says no place
            for seed in itertools.islice(seeds, 2):
                write(tmp_path / "m", seed=seed, overwrite=True)
        return content

    monkeypatch.setattr(gate, "read_file", raced)
    assert load(tmp_path / "m").manifest.seed == 10


@pytest.mark.parametrize(("commits", "seed"), [(1, 0), (2, 2)])
def test_a_reader_that_lost_a_race_reads_a_whole_model(tmp_path, monkeypatch, commits, seed):
    """After one commit the previous data are still there; after two the reader tries again."""
    write(tmp_path / "m", seed=0)
    real, done = gate.read_file, []

    def raced(folder, name, limit, where):
        content = real(folder, name, limit, where)
        if name == "model.json" and not done:
            done.append("raced")
            for n in range(commits):
                write(tmp_path / "m", seed=n + 1, overwrite=True)
        return content

    monkeypatch.setattr(gate, "read_file", raced)
    assert load(tmp_path / "m").manifest.seed == seed
    assert done


def test_the_card_tells_people_what_they_need():
    text = card(manifest(), [EVALUATION], TEXTS["history.csv"])
    for words in (
        "62000 rows",
        "12 samples = 11.7 ms",
        "1024 Hz",
        "m/s²",
        "0.03",
        "last-value",
        "1.2",
        "better than every",
    ):
        assert words in text
    for words in ("forecaster forecast MODEL SIGNAL", "numpy 2.4.6", "validation loss 0.3", "70 %", "ridge"):
        assert words in text
    assert "nan" not in text.lower()


def test_hostile_names_stay_text_in_the_card():
    nasty = "<script>|`![x](http://evil)\x1b\n# www.evil.org"
    hostile = manifest(channels=Channels(target=("a_b|c", "<b>"), units=("", "*")))
    text = card(hostile, [{**EVALUATION, "verdict": nasty}], "")
    assert "<b>" not in text.replace("\\<b\\>", "")
    assert "a\\_b\\|c" in text
    assert "<script>" not in text
    assert "\x1b" not in text
    assert "\n#" not in escape(nasty)
    assert "http:" not in text


def test_many_parts_and_files_are_cut(tmp_path):
    many = [TrainingData(name=f"f{n}", rows=1) for n in range(50)]
    evaluation = {**EVALUATION, "parts": EVALUATION["parts"] * 50}
    text = card(manifest(training_data=many), [evaluation], "")
    assert "50 files with 50 rows" in text
    assert text.count("And 38 more") == 2


def test_a_non_finite_score_cannot_be_dumped():
    with pytest.raises(ValueError, match="JSON"):
        dump_metrics([{"nmse": float("nan")}])


BAND = {"level": 90, "coverage": 0.9, "standard_error": None, "within": None}


@pytest.mark.parametrize("more", [{}, {"separate": 9.0, "likely": [0.8, 0.9]}])
def test_bands_are_stored_with_what_they_were_made_of_and_older_ones_without(more):
    altered = {**EVALUATION, "parts": [{**EVALUATION["parts"][0], "bands": [BAND | more]}]}
    assert parse_metrics(dump_metrics([altered]).encode(), "metrics.json") == [altered]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("skill", {"baseline": "ridge"}),
        ("bands", [{"level": "90", "coverage": 0.9, "standard_error": None, "within": None}]),
        ("bands", [BAND | {"likely": [0.8, 0.9]}]),
        ("bands", [BAND | {"separate": 9.0}]),
        ("bands", [BAND | {"separate": 9.0, "likely": [0.9, 0.8]}]),
        ("bands", [BAND | {"separate": 1e300, "likely": [0.8, 0.9]}]),
        ("bands", [BAND | {"separate": 9.0, "likely": [0.8, 0.9, 1.0]}]),
        ("spectrum", {"unit": "Hz"}),
        ("free_run", {"segments": [{"nmse": 1}], "text": "x"}),
    ],
)
def test_what_is_stored_beside_the_scores_is_checked(key, value):
    altered = {**EVALUATION, "parts": [{**EVALUATION["parts"][0], key: value}]}
    with pytest.raises(ModelError, match=key):
        parse_metrics(dump_metrics([altered]).encode(), "metrics.json")
