"""Writing a model folder: what is written comes back, byte for byte, and only whole."""

import errno
import fcntl
import json
import os
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from forecaster.bundle import (
    check_target,
    commit,
    load,
    save,
)
from forecaster.conformal.bands import IntervalState
from forecaster.errors import OutputError, UsageError
from tests.bundles import EVALUATION, TEXTS, manifest, message, names, tensors, write


@pytest.fixture
def model(tmp_path):
    save(tmp_path / "m", manifest(), tensors(), TEXTS)
    return tmp_path / "m"


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


HERE = f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"


def python(code, *arguments):
    command = [sys.executable, "-c", HERE + textwrap.dedent(code), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


WRITER = """
    import sys, time, os
    from tests import bundles as t
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
    from tests import bundles as t
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


def recorded(monkeypatch):
    """Record what is synced and what is renamed, by name, in order."""
    steps, fsync, rename = [], os.fsync, os.rename

    def synced(handle):
        steps.append(("sync", Path(os.readlink(f"/proc/self/fd/{handle}")).name))
        fsync(handle)

    def renamed(source, target, **options):
        rename(source, target, **options)
        steps.append(("rename", Path(target).name))

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "rename", renamed)
    monkeypatch.setattr(os, "replace", renamed)
    return steps


DATA_FILES = ["tensors.safetensors", "history.csv", "metrics.json", "README.md"]


def short(steps):
    """Name temporary names by what they are."""
    return [(step, "temporary" if name.startswith(".forecaster-tmp-") else name) for step, name in steps]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files have no names here")
def test_all_is_on_the_disk_before_it_is_named(tmp_path, monkeypatch):
    steps = recorded(monkeypatch)
    first = save(tmp_path / "m", manifest(), tensors(), TEXTS)
    data = [("sync", name) for name in DATA_FILES] + [("sync", "temporary")]
    assert short(steps) == [
        *data,
        ("rename", first.data_name),
        ("sync", "temporary"),
        ("sync", "model.json"),
        ("sync", "temporary"),
        ("rename", "m"),
        ("sync", tmp_path.name),
    ]
    steps.clear()
    second = save(tmp_path / "m", manifest(seed=1), tensors(1), TEXTS, overwrite=True)
    assert short(steps) == [
        *data,
        ("rename", second.data_name),
        ("sync", "m"),
        ("sync", "temporary"),
        ("rename", "model.json"),
        ("sync", "m"),
    ]


def test_files_are_written_with_the_users_own_permissions(model):
    mask = os.umask(0)
    os.umask(mask)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in model.rglob("*") if path.is_file()}
    assert modes == {0o666 & ~mask}


def test_a_data_directory_that_is_whole_is_left_alone(tmp_path):
    texts = {**TEXTS, "README.md": "# m\n"}
    recorded_run = manifest()
    sealed = save(tmp_path / "m", recorded_run, tensors(), texts)
    before = (tmp_path / "m" / sealed.data_name).stat().st_ino
    save(tmp_path / "m", recorded_run, tensors(), texts, overwrite=True)
    assert (tmp_path / "m" / sealed.data_name).stat().st_ino == before
    (tmp_path / "m" / sealed.data_name / "more").write_text("x")
    save(tmp_path / "m", recorded_run, tensors(), texts, overwrite=True)
    assert (tmp_path / "m" / sealed.data_name).stat().st_ino != before
    (tmp_path / "m" / sealed.data_name / "README.md").unlink()
    (tmp_path / "m" / sealed.data_name / "README.md").symlink_to("/etc/passwd")
    save(tmp_path / "m", recorded_run, tensors(), texts, overwrite=True)
    load(tmp_path / "m")
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [sealed.data_name, "model.json"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    for place in (tmp_path, tmp_path / "m"):
        (place / ".forecaster-tmp-0123456789abcdef").mkdir(parents=True)
        (place / ".forecaster-tmp-0123456789abcdef" / "x").write_text("x")
    (tmp_path / "m" / "data-0123456789abcdef").mkdir()
    save(tmp_path / "m", manifest(), tensors(), TEXTS)
    assert not [path for path in (tmp_path / "m").iterdir() if path.name.startswith(".")]
    save(tmp_path / "new", manifest(), tensors(), TEXTS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "new"]
    (tmp_path / "m" / "data-notes").mkdir()
    (tmp_path / "m" / "notes").mkdir()
    save(tmp_path / "m", manifest(seed=1), tensors(), TEXTS, overwrite=True)
    assert (tmp_path / "m" / "notes").is_dir()
    assert (tmp_path / "m" / "data-notes").is_dir()
    assert not (tmp_path / "m" / "data-0123456789abcdef").exists()


def test_of_two_writers_of_one_new_model_the_second_is_told(tmp_path, monkeypatch):
    real = commit._write_data

    def late(folder, name, files):
        real(folder, name, files)
        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "x").write_text("x")

    monkeypatch.setattr(commit, "_write_data", late)
    with pytest.raises(OutputError) as caught:
        save(tmp_path / "m", manifest(), tensors(), TEXTS)
    assert str(caught.value) == (
        f"{tmp_path / 'm'} is being written by another program. Wait for it to end, or choose another name."
    )
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_a_model_that_came_in_between_is_not_overwritten(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    real = commit.seal

    def late(*arguments):
        (tmp_path / "m" / "model.json").write_text("{}")
        return real(*arguments)

    monkeypatch.setattr(commit, "seal", late)
    with pytest.raises(UsageError, match=r"already holds a model.*--overwrite"):
        save(tmp_path / "m", manifest(), tensors(), TEXTS)


def test_a_place_that_cannot_be_written_is_told_before_training(tmp_path, monkeypatch):
    (tmp_path / "m").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK | os.X_OK)
    for place in ("m", "new", "deep/new"):
        with pytest.raises(OutputError, match="Permission denied"):
            check_target(tmp_path / place)
    monkeypatch.setattr(os, "access", lambda path, mode: True)
    check_target(tmp_path / "m")
    check_target(tmp_path / "deep" / "new")


def test_what_is_in_the_way_is_told_in_these_words(tmp_path, model):
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("x")
    messages = {}
    for place in ("file", "file/m", "full", "m"):
        with pytest.raises(UsageError) as caught:
            check_target(tmp_path / place)
        messages[place] = str(caught.value)
    assert messages == {
        "file": f"{tmp_path}/file is a file. A model is a folder: choose another name for it.",
        "file/m": f"{tmp_path}/file/m: {tmp_path}/file is a file, not a folder. Choose another name.",
        "full": f"{tmp_path}/full is a folder that holds other things than a model. "
        "Choose a new name: a model gets a folder of its own.",
        "m": f"{tmp_path}/m already holds a model. Add --overwrite to replace it, or choose another name.",
    }


def test_what_cannot_be_stored_is_told_in_these_words(tmp_path):
    def refusal(*arguments):
        with pytest.raises(OutputError) as caught:
            save(tmp_path / "m", *arguments)
        return str(caught.value)

    assert refusal(manifest(), tensors(), {**TEXTS, "README.md": "x" * (2**18 + 1)}) == (
        "The model cannot be stored: README.md would have 262145 bytes; at most 262144 are allowed"
    )
    assert refusal(manifest(), tensors(), {**TEXTS, "more": ""}).startswith(
        "The model cannot be stored: texts ['README.md', 'history.csv', 'metrics.json', 'more'] where "
    )
    assert list(tmp_path.iterdir()) == []


def test_an_error_while_writing_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for name in ("_write_new", "_rename_new"):
        with monkeypatch.context() as patch:
            patch.setattr(commit, name, full)
            with pytest.raises(OutputError, match="No space left"):
                save(tmp_path / "m", manifest(), tensors(), TEXTS)
        assert list(tmp_path.iterdir()) == []
    sealed = save(tmp_path / "m", manifest(), tensors(), TEXTS)
    monkeypatch.setattr(commit, "_write_new", full)
    with pytest.raises(OutputError, match="No space left"):
        save(tmp_path / "m", manifest(seed=1), tensors(1), TEXTS, overwrite=True)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [sealed.data_name, "model.json"]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files cannot be counted here")
def test_nothing_stays_open(tmp_path):
    def opened():
        return len(list(Path("/proc/self/fd").iterdir()))

    before = opened()
    texts = {**TEXTS, "README.md": "# m\n"}
    for seed in (0, 1, 1):
        sealed = save(tmp_path / "m", manifest(seed=seed), tensors(seed), texts, overwrite=True)
        load(tmp_path / "m")
    (tmp_path / "m" / sealed.data_name / "history.csv").write_text("x")
    for _ in range(2):
        message(load, tmp_path / "m")
        message(load, tmp_path)
    (tmp_path / "m" / sealed.data_name).rename(tmp_path / "away")
    message(load, tmp_path / "m")
    assert opened() == before
