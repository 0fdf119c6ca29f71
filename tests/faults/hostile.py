"""Model folders, and things given as one, that somebody made to do harm: each must be refused.

`make` turns a copy of a good folder into one of them. Where hashes would stop it at once they are
made true, so that what is behind them has to refuse it.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pickle
import shutil
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from forecaster.bundle.gate import MANIFEST, parse_manifest
from forecaster.bundle.manifest import FILES, data_name
from forecaster.bundle.tensors import DTYPES, format_tensors, implied

WEIGHTS, HISTORY, METRICS, CARD = FILES
MEGABYTE = 2**20
PAYLOAD = "exploded"
"""The file that a pickle makes, if anybody loads it."""


class Bomb:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.system, (f"touch {self.place / PAYLOAD}",)


def make(model: Path, name: str, good: Path) -> Path:
    """Make the hostile thing `name` at `model` of a copy of the folder `good`; return what is to be given as MODEL."""
    shutil.copytree(good, model)
    given = FOLDERS[name](model)
    return model if given is None else given


def data_of(model: Path) -> Path:
    """Return the data directory."""
    return next(model.glob("data-*"))


def seal(model: Path) -> None:
    """Make the hashes true again."""
    document, data = json.loads((model / MANIFEST).read_text()), data_of(model)
    document["files"] = {one: hashlib.sha256((data / one).read_bytes()).hexdigest() for one in FILES}
    _commit(model, json.dumps(document).encode())


def _commit(model: Path, content: bytes) -> None:
    (model / MANIFEST).write_bytes(content)
    data_of(model).rename(model / data_name(content))


# --- what makes one ------------------------------------------------------------------------


def manifest(content: Callable[[dict[str, Any]], bytes | dict[str, Any] | None]) -> Callable[[Path], None]:
    """Replace model.json: the document is changed in place, or bytes are given."""

    def change(model: Path) -> None:
        document = json.loads((model / MANIFEST).read_text())
        made = content(document)
        _commit(model, made if isinstance(made, bytes) else json.dumps(made or document).encode())

    return change


def at(*keys: Any, value: Any) -> Callable[[Path], None]:
    """Set one value of model.json, and its copy in config."""

    def change(document: dict[str, Any]) -> None:
        for place in (document, document["config"]):
            if keys[0] in place:
                for key in keys[:-1]:
                    place = place[key]
                place[keys[-1]] = value

    return manifest(change)


def file(name: str, content: bytes) -> Callable[[Path], None]:
    """Replace one of the data files, with true hashes."""

    def change(model: Path) -> None:
        (data_of(model) / name).write_bytes(content)
        seal(model)

    return change


def weights(change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """Change the tensors, with true hashes."""
    return lambda model: file(WEIGHTS, change((data_of(model) / WEIGHTS).read_bytes()))(model)


def entry(field: str, value: Callable[[Any], Any]) -> Callable[[Path], None]:
    """Change a field of the first tensor's entry in the header."""

    def change(content: bytes) -> bytes:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        first = next(iter(header.values()))
        first[field] = value(first[field])
        return _headed(json.dumps(header).encode(), content[8 + length :])

    return weights(change)


def _headed(header: bytes, rest: bytes = b"") -> bytes:
    return len(header).to_bytes(8, "little") + header + rest


def instead(name: str, make_it: Callable[[Path], object]) -> Callable[[Path], None]:
    """Put something in place of a file; `name` "" stands for the data directory."""

    def change(model: Path) -> None:
        path = model / name if name == MANIFEST else data_of(model) / name
        path.rename(model.parent / "moved")
        make_it(path)

    return change


def given(name: str, content: Callable[[Path], bytes | None]) -> Callable[[Path], Path]:
    """Give a file as MODEL, which nobody may read."""

    def change(model: Path) -> Path:
        path = model / name
        made = content(path)
        if made is not None:
            path.write_bytes(made)
        return path

    return change


def _bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _sparse(size: int) -> Callable[[Path], None]:
    def make_it(path: Path) -> None:
        path.touch()
        os.truncate(path, size)

    return make_it


def _zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b" " * (8 * MEGABYTE))
        archive.writestr("../../outside", b"x")


def _tarred(path: Path) -> None:
    with tarfile.open(path, "w:gz") as archive:
        archive.add(path.parent / MANIFEST, "../../model.json")


def _extra(model: Path) -> None:
    (data_of(model) / "sitecustomize.py").write_text(f"open({str(model / PAYLOAD)!r}, 'w')")


def _renamed_data(model: Path) -> None:
    data_of(model).rename(model / "data-0000000000000000")


def _hidden_behind_a_link(model: Path) -> None:
    data = data_of(model)
    data.rename(model.parent / "moved")
    data.symlink_to(model.parent / "moved")


def _petabytes(document: dict[str, Any]) -> None:
    for place in (document, document["config"]):
        place["window"] |= {"n_step": 1, "n_input": 10**6}
    document["intervals"]["horizon"] = 10**7


def _many(document: dict[str, Any]) -> None:
    predictor = document["predictors"][0]
    document["predictors"] = [{**predictor, "name": f"p{n}"} for n in range(5000)]


def _large_and_wrong(model: Path) -> None:
    """Let model.json imply a ridge of 36 MB, and give it that, but for one number that is none."""
    document, width = json.loads((model / MANIFEST).read_text()), 3000
    (ridge,) = (one for one in document["predictors"] if one["name"] == "ridge")
    ridge["parameters"]["taps"] = width
    for place in (document, document["config"]):
        place["window"] |= {"n_step": 1, "n_input": width}
    document |= {"predictors": [ridge], "combination": None}
    content = json.dumps(document).encode()
    specs = implied(parse_manifest(content, MANIFEST), MANIFEST)
    tensors = {name: np.zeros(spec.shape, DTYPES[spec.dtype]) for name, spec in specs.items()}
    tensors["ridge/kernel"][-1, -1] = np.nan
    (data_of(model) / WEIGHTS).write_bytes(format_tensors(tensors, specs))
    _commit(model, content)
    seal(model)


def _as_large_as_it_may_be(model: Path) -> None:
    """Fill every file to its limit, and let the last one that is read be wrong."""
    rows = [{"step": k, "nmse": k + 0.123456789, "rmse": k + 1.5} for k in range(29_900)]
    text = "\U0001f600" + "a" * 1990
    part = {"signal": "s", "channel": "c", "origins": 1, "scores": {}, "by_step": {"model": rows}}
    scores = [{"horizon": 1, "stride": 1, "parts": [part], "more": [text] * 830}]
    data, document = data_of(model), json.loads((model / MANIFEST).read_text())
    (data / METRICS).write_text(json.dumps(scores, ensure_ascii=False))
    (data / HISTORY).write_text("a\n" + "".join(f"{k}.5\n" for k in range(49_990)))
    (data / CARD).write_text("\U0001f600" + "a" * (MEGABYTE // 4 - 10) + "\x1b")
    own = {"rows": 1, "sha256": "0" * 64, "cut": "0" * 16}
    document["training_data"] = [{"name": f"file {k}", **own} for k in range(6000)]
    _commit(model, json.dumps(document).encode())
    seal(model)


def _not_first(document: dict[str, Any]) -> None:
    document["predictors"].append(document["predictors"].pop(0))


def _without_its_members(document: dict[str, Any]) -> None:
    document["combination"] = None
    document["predictors"][0]["parameters"]["members"][0] = "nobody"


def _calls_itself(document: dict[str, Any]) -> None:
    document["predictors"][0]["parameters"]["members"][0] = "auto"


def _deep(depth: int) -> bytes:
    return b'{"format": 1, "x": ' + b"[" * depth + b"]" * depth + b"}"


KEYS = b",".join(b'"%d":1' % n for n in range(60_000))
FOLDERS: dict[str, Callable[[Path], Path | None]] = {
    "everything as large as it may be, and a wrong card": _as_large_as_it_may_be,
    # model.json
    "a wall of brackets": manifest(lambda _: _deep(300_000)),
    "nested just too deep": manifest(lambda _: _deep(33)),
    "quotes that never close": manifest(lambda _: b'"' + b'\\"' * 500_000),
    "very many keys, the last one twice": manifest(lambda _: b"{" + KEYS + b',"59999":1}'),
    "very many objects": manifest(lambda _: b'{"format":1,"x":[' + b'{"a":1},' * 120_000 + b"{}]}"),
    "very many wrong values": at("reading", "na", value=[1] * 300_000),
    "very many wrong parameters": manifest(
        lambda d: d["config"].update(parameters={str(n): [] for n in range(60_000)})
    ),
    "very many predictors": manifest(_many),
    "an integer of a million digits": manifest(lambda _: b'{"format": ' + b"9" * 1_000_000 + b"}"),
    "a number beyond all numbers": manifest(lambda _: b'{"format": 1, "seed": 1e999999999}'),
    "a gigabyte of blanks, none of it on the disk": instead(MANIFEST, _sparse(2**30)),
    "a manifest that implies petabytes": manifest(_petabytes),
    "a window that overflows": at("window", "n_input", value=2**63),
    "a negative size": at("window", "n_step", value=-1),
    "sizes that multiply to more than there is": at("window", value={"n_step": 10**7, "n_input": 10**7, "stride": 1}),
    "a billion channels known ahead": at("channels", "known", value=10**9),
    "a predictor that is a path": at("predictors", 0, "name", value="../../../tmp/evil"),
    "a predictor that is a module": at("predictors", 0, "name", value="os"),
    "a predictor that is private": at("predictors", 0, "name", value="_keras"),
    "a combination of nobody": manifest(_without_its_members),
    "a combination of itself": manifest(_calls_itself),
    "a combination that stands behind its members": manifest(_not_first),
    "a class to be made": manifest(lambda d: d.update({"class_name": "Lambda", "module": "keras.layers"})),
    "a file by a path": manifest(lambda d: d["files"].update({"../../../etc/passwd": d["files"].pop(CARD)})),
    "a file by an absolute path": manifest(lambda d: d["files"].update({"/etc/passwd": d["files"].pop(CARD)})),
    "a name that looks like another": manifest(lambda d: d["files"].update({"README\u2024md": d["files"].pop(CARD)})),
    "a channel that turns the writing round": at("channels", "target", 0, value="a\u202egpj.exe"),
    "a channel that clears the screen": at("channels", "target", 0, value="\x1b[2J\x1b]0;x\x07"),
    "two channels that look the same to JSON": manifest(lambda d: d["channels"].update(target=["a", "\u0061"])),
    "half a character": manifest(lambda _: b'{"format": 1, "task": "\\ud800"}'),
    "UTF-16": manifest(lambda d: json.dumps(d).encode("utf-16")),
    "a hash that is a formula": manifest(lambda d: d["files"].update({CARD: "=" * 64})),
    # the tensors
    "a pickle for tensors": lambda model: file(WEIGHTS, pickle.dumps(Bomb(model.parent)))(model),
    "a header of a billion bytes": weights(lambda b: (10**9).to_bytes(8, "little") + b[8:]),
    "a header longer than all files": weights(lambda b: (2**64 - 1).to_bytes(8, "little") + b[8:]),
    "a header of nothing": weights(lambda b: bytes(8) + b),
    "a deep header": file(WEIGHTS, _headed(b'{"a":' * 12_000)),
    "a header that repeats itself": file(WEIGHTS, _headed(b'{"a":1,"a":1}')),
    "tensors that overlap": entry("data_offsets", lambda one: [0, one[1] - one[0] + 4]),
    "tensors before the file": entry("data_offsets", lambda _: [-8, 0]),
    "tensors behind the file": entry("data_offsets", lambda _: [2**62, 2**62 + 8]),
    "a shape that overflows": entry("shape", lambda _: [2**32, 2**32]),
    "a shape of zero times infinity": entry("shape", lambda _: [0, 2**62]),
    "a shape that is no number": entry("shape", lambda _: ["8"]),
    "a type that runs code": entry("dtype", lambda _: "O"),
    "not a number among the weights": weights(lambda b: b[:-4] + b"\x00\x00\xc0\x7f"),
    "36 MB of weights, one of them not a number": _large_and_wrong,
    "a byte too many": weights(lambda b: b + b"\0"),
    # history.csv, metrics.json, README.md
    "lines without end": file(HISTORY, b"a\n" + b"\n" * (2 * MEGABYTE - 3)),
    "columns without end": file(HISTORY, b",".join(b"a%d" % n for n in range(200_000))),
    "a formula": file(HISTORY, b"step,loss\n1,=cmd|' /C calc'!A0\n"),
    "scores without end": file(METRICS, b"[" + b"{}," * (MEGABYTE + 1000) + b"{}]"),
    "a score that is no number": file(METRICS, b'[{"horizon":1,"stride":1,"parts":[],"x":NaN}]'),
    "a verdict of escape codes": file(METRICS, b'[{"horizon":1,"stride":1,"parts":[],"verdict":"\\u001b[2J"}]'),
    "a card of escape codes": file(CARD, b"# A model \x1b[2J\n"),
    "a card that is a picture": file(CARD, b"\x89PNG\r\n\x1a\n" + bytes(range(256))),
    "a compressed card": file(CARD, gzip.compress(b"# " + bytes(10 * MEGABYTE))),
    # what stands in place of files
    "a link to another file": instead(CARD, lambda path: path.symlink_to("/etc/passwd")),
    "a link to a device": instead(WEIGHTS, lambda path: path.symlink_to("/dev/zero")),
    "a link to itself": instead(MANIFEST, lambda path: path.symlink_to(MANIFEST)),
    "a link to the data": _hidden_behind_a_link,
    "a link to the root": instead("", lambda path: path.symlink_to("/")),
    "a pipe": instead(HISTORY, os.mkfifo),
    "a pipe for model.json": instead(MANIFEST, os.mkfifo),
    "a socket": instead(METRICS, _bound),
    "a folder for a file": instead(WEIGHTS, os.mkdir),
    "a terabyte that is not there": instead(WEIGHTS, _sparse(2**40)),
    "a program beside the data": _extra,
    "data by another name": _renamed_data,
    # what is given as MODEL
    "m.pkl": given("m.pkl", lambda path: pickle.dumps(Bomb(path.parent.parent))),
    "m.keras": given("m.keras", _zipped),
    "m.zip": given("m.zip", _zipped),
    "m.tar.gz": given("m.tar.gz", _tarred),
    "m.h5": given("m.h5", lambda _: b"\x89HDF\r\n\x1a\n" + bytes(2048)),
    "m.safetensors": given("m.safetensors", lambda _: _headed(b"{}")),
    "m.json": given("m.json", lambda path: (path.parent / MANIFEST).read_bytes()),
    "a pipe as MODEL": given("pipe", os.mkfifo),
    "/dev/zero": lambda _: Path("/dev/zero"),
    "its data directory": data_of,
}
