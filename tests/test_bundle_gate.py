"""The gate: every tampered model folder is refused with a ModelError that says what, where and what to do."""

import hashlib
import itertools
import json
import os
import pickle
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load as oracle_load
from safetensors.numpy import save as oracle_save

from forecaster.bundle import (
    Manifest,
    gate,
    load,
    save,
)
from forecaster.bundle import manifest as manifests
from forecaster.bundle.strict_json import AGAIN
from forecaster.errors import MESSAGE_LIMIT, ModelError, OutputError
from tests.bundles import TEXTS, manifest, message, tensors, write

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "m"
    save(path, manifest(), tensors(), TEXTS)
    return path


@pytest.fixture
def model(original, tmp_path):
    return Path(shutil.copytree(original, tmp_path / "m"))


def data_of(model):
    return next(model.glob("data-*"))


def edit(model, change):
    """Change model.json as a parsed document, and write it back."""
    document = json.loads((model / "model.json").read_text())
    change(document)
    (model / "model.json").write_text(json.dumps(document))


def seal(model):
    """Make the hashes true again: what a careful forger would do."""
    data = data_of(model)
    document = json.loads((model / "model.json").read_text())
    document["files"] = {name: hashlib.sha256((data / name).read_bytes()).hexdigest() for name in document["files"]}
    content = json.dumps(document)
    (model / "model.json").write_text(content)
    data.rename(model / f"data-{hashlib.sha256(content.encode()).hexdigest()[:16]}")


def refused(model, words, file="model.json"):
    with pytest.raises(ModelError, match=words) as caught:
        load(model)
    message = str(caught.value)
    assert file in message
    assert len(message) <= MESSAGE_LIMIT
    assert message.isprintable()
    assert caught.value.hint
    assert caught.value.exit_code == 2


def test_the_helpers_make_a_model_that_loads(model):
    seal(model)
    load(model)


def at(*keys, value):
    def change(document):
        for key in keys[:-1]:
            document = document[key]
        document[keys[-1]] = value

    return change


DEEP = {"a": 1}
for _ in range(33):
    DEEP = {"a": DEEP}

EDITS = {
    "a size": (at("window", "n_input", value=5), "window differs"),
    "a size, everywhere": (
        lambda d: (at("window", "n_input", value=5)(d), at("config", "window", "n_input", value=5)(d)),
        r"tensors\.safetensors.*expected \[5\]",
    ),
    "a shape": (at("intervals", "horizon", value=5), r"tensors\.safetensors.*shape"),
    "a huge shape": (at("intervals", "horizon", value=10**7), r"tensors\.safetensors.*expected \[2, 10000000, 2\]"),
    "a horizon beyond all bounds": (at("intervals", "horizon", value=10**9), "horizon"),
    "a context beyond all bounds": (at("window", "n_step", value=10**7), "larger than 10000000"),
    "more exogenous channels than the window has": (at("channels", "exogenous", value=["x"]), "for 3 channels"),
    "more known channels than the window has": (at("channels", "known", value=1), "for 0 channels"),
    "a state carried by what has none": (at("config", "carry_state", value=True), "carry_state"),
    "a huge number": (at("scaler", "mean", value=[1e301, 0.0]), r"1e\+301.*1e300"),
    "an integer out of range": (at("seed", value=2**31), "seed"),
    "a long integer": (at("seed", value=10**18), "digits"),
    "a very long integer": (at("seed", value=10**4000), "digits"),
    "a float for an integer": (at("seed", value=0.5), "seed"),
    "a text for a number": (at("seed", value="0"), "seed"),
    "true for a number": (at("window", "stride", value=True), "stride"),
    "a scale of zero": (at("scaler", "scale", 0, value=0), "scale"),
    "a negative rate": (at("sample_rate_hz", value=-1), "sample_rate_hz"),
    "an extra key": (at("pickle", value="x"), "pickle.*Extra"),
    "an extra key inside": (at("window", "class_name", value="x"), r"window\.class_name"),
    "a missing key": (lambda d: d.pop("scaler"), "scaler.*required"),
    "another format": (at("format", value=2), "format 2.*newer version"),
    "another task": (at("task", value="classify"), "task"),
    "deep nesting": (at("versions", value=DEEP), "deeper than 32"),
    "a long string": (at("versions", "numpy", value="x" * 257), "257 characters"),
    "a control character": (at("versions", "numpy", value="\x1b[2J"), r"control character '\\x1b'"),
    "a control character in a key": (at("versions", "\x00", value="1"), "control character"),
    "an odd surrogate": (at("versions", "numpy", value="\ud800"), "control character|surrogate"),
    "a direction mark": (at("channels", "target", 0, value="a\u202eb"), "control character"),
    "an unknown predictor": (at("predictors", 0, "name", value="os.system"), "predictor 'os.system'"),
    "a predictor twice": (lambda d: d["predictors"].append(d["predictors"][0]), "twice"),
    "no predictor": (at("predictors", value=[]), "predictors"),
    "a parameter out of range": (at("predictors", 0, "parameters", "taps", value=0), "taps"),
    "a parameter that is unknown": (at("predictors", 0, "parameters", "path", value="/etc"), "path"),
    "a lag out of the context": (at("predictors", 3, "parameters", "lags", value=[3, 99]), "lag"),
    "a tensor not named": (at("predictors", 0, "tensors", value=["kernel"]), "bias"),
    "too few channels": (at("channels", "target", value=["a"]), "units has 2 values for 1"),
    "a channel twice": (at("channels", "target", value=["a", "a"]), "twice"),
    "too few units": (at("channels", "units", value=[""]), "units has 1 values for 2"),
    "too few scales": (at("scaler", "scale", value=[1.0]), "scale has 1 values"),
    "levels that fall": (at("intervals", "levels", value=[90, 50]), "levels"),
    "a level of 100": (at("intervals", "levels", value=[50, 100]), "levels"),
    "another seed": (at("seed", value=5), "seed differs"),
    "another split": (at("split", value={"training": 80, "validation": 10, "test": 10}), "split differs"),
    "a split of more than all": (at("split", value={"training": 80, "validation": 80, "test": 10}), "100"),
    "an unknown combination": (at("combination", value={"next": {"nobody": 1.0}}), "combination"),
    "a hash that is none": (at("files", "README.md", value="../../etc/passwd"), "files.README.md"),
    "another hash": (at("files", "README.md", value="0" * 64), "no data-"),
    "an extra file": (at("files", "evil.pkl", value="0" * 64), "files"),
    "a path for a file": (lambda d: d["files"].update({"../x": d["files"].pop("README.md")}), "files"),
    "a file not named": (lambda d: d["files"].pop("README.md"), r"expected tensors\.safetensors, history\.csv"),
    "a moment that is none": (at("created", value="2025-13-01T00:00:00Z"), "created"),
    "many wrong values": (at("config", "reading", "na", value=[1] * 200_000), r"config\.reading\.na\.0"),
    "a list": (lambda d: d.update(window=[1, 2, 3]), "window"),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_manifest_is_refused(model, name):
    change, words = EDITS[name]
    edit(model, change)
    if "tensors" in words:
        seal(model)
    refused(model, words, "tensors.safetensors" if "tensors" in words else "model.json")


def test_an_edit_that_is_valid_in_itself_no_longer_belongs_to_the_data(model):
    edit(model, lambda document: document["scaler"].update(mean=[0.5] * len(document["scaler"]["mean"])))
    refused(model, "not edited")


MANIFESTS = {
    "empty": (b"", "JSON"),
    "no object": (b"[]", "no object"),
    "a number": (b"3", "no object"),
    "not UTF-8": (b'{"format": "\xff"}', "UTF-8"),
    "a byte-order mark": (b'\xef\xbb\xbf{"format": 1}', "byte-order"),
    "cut": (b'{"format": 1, "task"', "line 1"),
    "a key twice": (b'{"format": 1, "format": 1}', "'format' twice"),
    "NaN": (b'{"format": 1, "seed": NaN}', "NaN"),
    "infinity": (b'{"format": 1, "seed": -Infinity}', "Infinity"),
    "overflow": (b'{"format": 1, "seed": 1e999}', "1e999"),
    "a wall of brackets": (b"[" * 1_000_000, "1000000 objects and lists"),
    "a wall of objects": (b'{"a":' * 200_000, "200000 objects and lists"),
    "a raw newline in a string": (b'{"format": "\n"}', "Invalid control character"),
    "too large": (b" " * (2**20 + 1), "1048577 bytes"),
    "a pickle": (pickle.dumps({"format": 1}), "UTF-8"),
}


@pytest.mark.parametrize("name", MANIFESTS)
def test_a_model_json_that_is_no_strict_json_is_refused(model, name):
    content, words = MANIFESTS[name]
    (model / "model.json").write_bytes(content)
    refused(model, words)


class Bomb:
    def __reduce__(self):
        return (Path.touch, (Path("exploded"),))


def renamed(buffer, old, new):
    assert len(old) == len(new)
    assert old in buffer
    return buffer.replace(old, new)


def header_of(buffer):
    length = int.from_bytes(buffer[:8], "little")
    return json.loads(buffer[8 : 8 + length]), buffer[8 + length :]


def with_header(header, values):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return len(text).to_bytes(8, "little") + text + values


def headed(change):
    def changed(buffer):
        header, values = header_of(buffer)
        return with_header(change(header) or header, values)

    return changed


def replaced(name, tensor):
    return lambda buffer: oracle_save(oracle_load(buffer) | {name: tensor})


def poisoned(value):
    kernel = np.zeros((12, 4), "f4")
    kernel[5, 2] = value
    return replaced("ridge/kernel", kernel)


def swapped_order(header):
    return dict(reversed(header.items()))


def duplicate_key(buffer):
    header, values = header_of(buffer)
    text = json.dumps(header)
    first = json.dumps(next(iter(header)))
    return with_header((text[:-1] + f", {first}: {json.dumps(header[next(iter(header))])}}}").encode(), values)


TENSORS = {
    "truncated": (lambda b: b[:-1], "bytes"),
    "cut in the header": (lambda b: b[:40], "header"),
    "cut in the length": (lambda b: b[:5], "header"),
    "empty": (lambda _: b"", "header"),
    "lengthened": (lambda b: b + b"\0", "bytes"),
    "lengthened beyond the limit": (lambda b: b + bytes(70_000), "at most"),
    "a pickle": (lambda _: pickle.dumps(Bomb()), "header"),
    "a huge header": (lambda b: (2**60).to_bytes(8, "little") + b[8:], "header"),
    "an array header": (lambda b: with_header(b"[]", b""), "object"),
    "a deep header": (lambda b: with_header(b'{"a":' * 1000, b""), "deeper"),
    "metadata": (headed(lambda h: {"__metadata__": {"a": "b"}} | h), "__metadata__"),
    "NaN": (poisoned(np.nan), "not finite"),
    "infinity": (poisoned(-np.inf), "not finite"),
    "an extra tensor": (replaced("extra", np.zeros(3, "f4")), "'extra'"),
    "a missing tensor": (lambda b: oracle_save({"ridge/bias": oracle_load(b)["ridge/bias"]}), "no tensor"),
    "another name": (lambda b: renamed(b, b"ridge/bias", b"ridge/bibs"), "ridge/bibs"),
    "another type": (lambda b: renamed(b, b'"F32"', b'"I32"'), "dtype"),
    "another shape": (replaced("ridge/kernel", np.zeros((4, 12), "f4")), "shape"),
    "one dimension more": (replaced("ridge/bias", np.zeros((4, 1), "f4")), "shape"),
    "double precision": (replaced("ridge/bias", np.zeros(4, "f8")), "F64|offsets"),
    "true for one": (headed(lambda h: at("ridge/bias", "shape", value=[True])(h)), "shape"),
    "a negative shape": (headed(lambda h: at("ridge/bias", "shape", value=[-4])(h)), "shape"),
    "an overlap": (
        headed(lambda h: at("ridge/kernel", "data_offsets", value=h["ridge/bias"]["data_offsets"])(h)),
        "off",
    ),
    "a gap": (
        headed(
            lambda h: (
                [entry.update(data_offsets=[o + 4 for o in entry["data_offsets"]]) for entry in h.values()] and None
            )
        ),
        "offsets",
    ),
    "offsets unsorted": (headed(swapped_order), "offsets"),
    "an extra field": (headed(lambda h: at("ridge/bias", "class", value="os.system")(h)), "not complete"),
    "no entry": (headed(lambda h: at("ridge/bias", value=None)(h)), "not complete"),
    "a key twice": (duplicate_key, "twice"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_forged_tensors_are_refused_even_with_true_hashes(model, name, monkeypatch):
    monkeypatch.chdir(model.parent)
    change, words = TENSORS[name]
    path = data_of(model) / "tensors.safetensors"
    path.write_bytes(change(path.read_bytes()))
    seal(model)
    refused(model, words, "tensors.safetensors")
    assert not Path("exploded").exists()


@pytest.mark.parametrize("name", ["tensors.safetensors", "history.csv", "metrics.json", "README.md"])
def test_a_file_that_is_not_what_model_json_says_is_refused(model, name):
    path = data_of(model) / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    refused(model, "sha256", name)
    path.unlink()
    refused(model, f"no {name}", name)
    path.symlink_to("/etc/passwd")
    refused(model, "symbolic link", name)
    path.unlink()
    os.mkfifo(path)
    refused(model, "named pipe", name)
    path.unlink()
    path.mkdir()
    refused(model, "folder", name)
    path.rmdir()
    with path.open("wb") as sparse:
        sparse.truncate(2**40)
    refused(model, "1099511627776 bytes", name)


def test_files_in_each_others_place_are_refused(model):
    data = data_of(model)
    history, card = data / "history.csv", data / "README.md"
    history_bytes, card_bytes = history.read_bytes(), card.read_bytes()
    history.write_bytes(card_bytes)
    card.write_bytes(history_bytes)
    refused(model, "sha256", "history.csv")


RECORDS = {
    "history.csv": {
        "a formula": b"step,loss\n1,=1+1\n",
        "nan": b"step,loss\n1,nan\n",
        "a short row": b"step,loss\n1\n",
        "a wild header": b"=cmd|,loss\n",
        "a name twice": b"loss,loss\n",
        "underscores": b"step\n1_0\n",
        "bytes": b"step\n\xff\n",
        "long": b"step\n" + b"1" * 400_000 + b"\n",
    },
    "metrics.json": {
        "no list": b"{}",
        "no parts": b'[{"horizon": 1, "stride": 1}]',
        "a wild score": TEXTS["metrics.json"].replace("0.03", '"high"').encode(),
        "NaN": TEXTS["metrics.json"].replace("0.03", "NaN").encode(),
        "escape codes": TEXTS["metrics.json"].replace("better", "\\u001b[2J").encode(),
        "a novel": TEXTS["metrics.json"].replace("better", "x" * 2001).encode(),
        "deep": b"[" * 33 + b"]" * 33,
        "many": b"[" + b"{}," * 1_000_000 + b"{}]",
    },
    "README.md": {"escape codes": b"\x1b[2J", "bytes": b"\xff"},
}


@pytest.mark.parametrize(("file", "name"), [(file, name) for file, names in RECORDS.items() for name in names])
def test_forged_records_are_refused(model, file, name):
    (data_of(model) / file).write_bytes(RECORDS[file][name])
    seal(model)
    with pytest.raises(ModelError, match=file):
        load(model)


def test_links_and_pipes_in_place_of_the_folders_are_refused(model):
    data = data_of(model)
    data.rename(model.parent / "elsewhere")
    refused(model, f"no {data.name}", "m")
    data.symlink_to(model.parent / "elsewhere")
    refused(model, "symbolic link", data.name)
    data.unlink()
    data.write_text("x")
    refused(model, "Not a directory", data.name)
    (model / "model.json").rename(model / "real.json")
    (model / "model.json").symlink_to("real.json")
    refused(model, "symbolic link")
    (model / "model.json").unlink()
    os.mkfifo(model / "model.json")
    refused(model, "named pipe")
    (model / "model.json").unlink()
    (model / "model.json").mkdir()
    refused(model, "folder")


def test_an_extra_file_is_refused_and_a_hidden_one_ignored(model):
    (data_of(model) / ".DS_Store").write_text("x")
    (model / "notes.txt").write_text("mine")
    load(model)
    (data_of(model) / "weights.pkl").write_text("x")
    refused(model, r"extra file 'weights\.pkl'", "weights.pkl")


@pytest.mark.parametrize("name", ["m.keras", "m.h5", "m.pkl", "m.zip", "m.tar.gz", "m.safetensors", "m"])
def test_a_file_is_not_opened_whatever_it_is(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Bomb()))
    path.chmod(0)
    refused(path, "is a file; a model is a folder", name)


def test_what_is_no_model_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    refused(tmp_path / "none", "There is no model", "none")
    refused(tmp_path / "dangling", "There is no model", "dangling")
    refused(tmp_path / "loop", "cannot be opened", "loop")
    refused(tmp_path / "pipe", "named pipe", "pipe")
    refused(tmp_path, "folder without model.json", tmp_path.name)
    refused("a\0b", "cannot be opened", "a\\x00b")
    refused("x" * 5000, "cannot be opened", "xxx")
    refused(Path("\x1b[2J"), "There is no model", "\\x1b")


def test_an_integer_field_that_is_missing_uses_no_default(model):
    """Fields without a default are required: an older writer's omission is not filled silently."""
    required = {name for name, field in Manifest.model_fields.items() if field.is_required()}
    assert required == {
        "created", "seed", "config", "window", "split", "channels", "scaler", "predictors", "intervals",
    }  # fmt: skip


WATCH = """
    import os, sys
    from forecaster.bundle import load
    load(sys.argv[1])
    events = []
    armed = [False]
    def watch(event, args):
        if armed[0]:
            events.append((event, args[0] if args else None))
    sys.addaudithook(watch)
    armed[0] = True
    load(sys.argv[1])
    armed[0] = False
    for event, argument in events:
        print(event, argument)
    for name in ("tensorflow", "keras", "sklearn", "safetensors", "joblib", "h5py", "scipy", "matplotlib"):
        assert name not in sys.modules, name
"""


def test_loading_opens_the_folder_and_nothing_else(model):
    code = textwrap.dedent(WATCH)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    run = subprocess.run([sys.executable, "-c", code, str(model)], capture_output=True, text=True, env=environment)
    assert run.returncode == 0, run.stderr
    lines = [line.split(" ", 1) for line in run.stdout.splitlines()]
    opened = [argument for event, argument in lines if event == "open"]
    assert opened == [
        str(model), "model.json", data_of(model).name,
        "tensors.safetensors", "history.csv", "metrics.json", "README.md",
    ]  # fmt: skip
    assert {event for event, _ in lines} <= {"open", "os.scandir", "os.listdir"}
    # The one folder that is listed is the program's own, for the names of its networks.
    listed = {Path(argument) for event, argument in lines if event == "os.listdir"}
    networks = HERE.parent / "forecaster" / "networks"
    assert listed <= {networks, networks / "__pycache__"}


# --- to the letter -----------------------------------------------------------------------


def open_folder(path):
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def test_a_file_is_read_up_to_its_limit(tmp_path):
    (tmp_path / "f").write_bytes(b"12345")
    folder = open_folder(tmp_path)
    try:
        assert gate.read_file(folder, "f", 5, "w") == b"12345"
        assert message(gate.read_file, folder, "f", 4, "w") == f"w/f: found 5 bytes; expected at most 4. {AGAIN}"
        with pytest.raises(gate.VanishedError, match=r"^g$"):
            gate.read_file(folder, "g", 4, "w")
    finally:
        os.close(folder)


@pytest.mark.parametrize("change", [b"", b"123456"])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch, change):
    (tmp_path / "f").write_bytes(b"12345")
    folder, real = open_folder(tmp_path), os.fstat

    def late(handle):
        status = real(handle)
        (tmp_path / "f").write_bytes(change)
        return status

    monkeypatch.setattr(os, "fstat", late)
    refusal = message(gate.read_file, folder, "f", 9, "w")
    monkeypatch.undo()
    os.close(folder)
    assert refusal.startswith("w/f: found a size that changes while it is read; expected a file that nobody writes to.")


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".HDF5", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".onnx"])
def test_why_a_file_that_can_run_code_was_not_opened(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"x")
    assert message(load, path) == (
        f"{path} is a file; a model is a folder with a model.json. It was not opened: a {suffix.lower()} file can run "
        "code, or fill the memory, when it is loaded. Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    )


def test_what_is_no_model_is_told_in_these_words(tmp_path):
    (tmp_path / "x.csv").write_text("1")
    assert message(load, tmp_path / "x.csv") == (
        f"{tmp_path / 'x.csv'} is a file; a model is a folder with a model.json. "
        "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    )
    assert message(load, tmp_path / "none") == (
        f"There is no model at {tmp_path / 'none'}. "
        "Train one with 'forecaster train SIGNAL -o MODEL', or check the name."
    )
    assert message(load, tmp_path) == (
        f"{tmp_path} is a folder without model.json: it is no model. "
        "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    )
    assert message(load, tmp_path / "x.csv" / "y") == (
        f"{tmp_path / 'x.csv' / 'y'} cannot be opened: Not a directory. Check the name."
    )


def test_a_model_without_its_data_says_which_are_missing(model):
    (data,) = model.glob("data-*")
    data.rename(model / "elsewhere")
    assert message(load, model) == (
        f"{model}: found no {data.name}, the data that belongs to this model.json; "
        f"expected a model.json that was not edited, with its data beside it. {AGAIN}"
    )


def test_a_model_json_that_goes_away_is_told(model, monkeypatch):
    real = gate.read_file

    def late(folder, name, limit, where):
        (model / "model.json").unlink()
        return real(folder, name, limit, where)

    monkeypatch.setattr(gate, "read_file", late)
    assert message(load, model) == f"{model}: found no model.json any more. {AGAIN}"


def test_what_stands_in_a_files_place_is_named(model):
    (data,) = model.glob("data-*")
    (data / "history.csv").unlink()
    (data / "history.csv").symlink_to("/etc/passwd")
    assert message(load, model) == (f"{data / 'history.csv'}: found a symbolic link; expected a regular file. {AGAIN}")
    (data / "history.csv").unlink()
    (data / "history.csv").mkdir()
    assert message(load, model) == f"{data / 'history.csv'}: found a folder; expected a regular file. {AGAIN}"
    (data / "extra").write_text("")
    assert message(load, model) == (
        f"{data}: found the extra file 'extra'; "
        f"expected only tensors.safetensors, history.csv, metrics.json, README.md. {AGAIN}"
    )


def test_the_hash_stands_for_the_whole_model(model):
    loaded = load(model)
    assert loaded.sha256 == manifests.hashlib.sha256((model / "model.json").read_bytes()).hexdigest()
    assert list(loaded.texts) == ["history.csv", "metrics.json", "README.md"]
    assert loaded.texts["README.md"].startswith("# A forecast model of a")


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


def sealed(document, folder):
    """Write `document` as model.json of `folder`, with its data under the name that belongs to it."""
    content = json.dumps(document).encode()
    (folder / "model.json").write_bytes(content)
    data_of(folder).rename(folder / manifests.data_name(content))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda quantiles: -quantiles, "half width -"),
        (lambda quantiles: quantiles[..., ::-1], "descend"),
    ],
)
def test_half_widths_that_no_calibration_gives_are_refused(tmp_path, change, words):
    values = tensors()
    values["intervals/quantiles"] = np.ascontiguousarray(change(values["intervals/quantiles"]))
    with pytest.raises(OutputError, match=words):
        save(tmp_path / "m", manifest(), values, TEXTS)


@pytest.mark.parametrize(("shown", "is_loaded"), [(None, True), ({"mean": 1.0}, False), ({}, False)])
def test_the_weights_that_are_shown_are_those_that_are_stored(tmp_path, shown, is_loaded):
    folder = Path(shutil.copytree(HERE / "format1" / "auto" / "model", tmp_path / "m"))
    document = json.loads((folder / "model.json").read_text())
    if shown is not None:
        document["combination"] = {"next": shown, "fed_back": {}} if shown else None
    sealed(document, folder)
    if is_loaded:
        assert load(folder).manifest.combination is not None
    else:
        assert "auto/weights" in message(load, folder)


def test_weights_that_are_no_weights_are_refused_with_their_file(tmp_path):
    loaded = load(HERE / "format1" / "auto" / "model")
    values = {**loaded.tensors, "auto/weights": loaded.tensors["auto/weights"] * 2}
    with pytest.raises(OutputError, match=r"tensors.safetensors: found .* add up to 1"):
        save(tmp_path / "m", loaded.manifest, values, loaded.texts)


@pytest.mark.parametrize("wrong", ["1", True])
def test_a_parameter_has_exactly_its_type(model, wrong):
    edit(model, at("predictors", 0, "parameters", "alpha", value=wrong))
    assert "alpha" in message(load, model)


def test_the_predictor_of_the_configuration_exists(model):
    edit(model, at("config", "predictor", value="nobody"))
    assert "'nobody'" in message(load, model)


PEAK = """
import sys, tracemalloc
from forecaster.bundle import gate
from forecaster.bundle.checkpoint import CheckpointFile
from forecaster.bundle.strict_json import parse, validated
from forecaster.errors import ModelError
content = open(sys.argv[1], "rb").read()
tracemalloc.start()
try:
    if sys.argv[2] == "manifest":
        gate.parse_manifest(content, "model.json")
    else:
        validated(CheckpointFile, parse(content, "checkpoint.json", longest=2000), "checkpoint.json")
except ModelError as error:
    print(tracemalloc.get_traced_memory()[1])
"""
EMOJI = '"\U0001f600"'
KEYS = {str(number): 1 for number in range(1000)}
# Each holds a list "x", which the test fills.
BIG = {
    "strings, and no key that there must be": {"format": 1, "x": []},
    "strings where the configuration stands": {"format": 1, "config": {"x": []}},
    "a parameter of many types": {"format": 1, "predictors": [{"name": "ridge", "parameters": {"a": {"x": []}}}]},
    "unknown keys": {"format": 1, "config": {"recipes": {str(k): KEYS for k in range(64)}}, "x": []},
}


@pytest.mark.parametrize("name", BIG)
@pytest.mark.parametrize("kind", ["manifest", "checkpoint"])
def test_refusing_a_document_takes_at_most_64_megabytes(tmp_path, name, kind):
    count = (380_000 if kind == "checkpoint" else 140_000) if name != "unknown keys" else 0
    text = json.dumps(BIG[name], separators=(",", ":")).replace('"x":[]', f'"x":[{",".join([EMOJI] * count)}]')
    (tmp_path / "content").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PEAK, str(tmp_path / "content"), kind],
        capture_output=True, text=True, check=True, cwd=HERE.parent,
    )  # fmt: skip
    assert 0 < int(done.stdout) <= 64 * 2**20
