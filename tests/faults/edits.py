"""The mutations: what may become of the files of a good model folder, in memory.

Each edit takes the contents (file name -> bytes, or a thing that is no file) and a random number
generator, and changes the contents in place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import numpy as np

from forecaster import predictors
from forecaster.bundle.gate import MANIFEST, parse_manifest
from forecaster.bundle.manifest import FILES
from forecaster.bundle.tensors import DTYPES, format_tensors, implied, size_of
from forecaster.errors import ForecasterError

WEIGHTS, HISTORY, METRICS, CARD = FILES
Contents = dict[str, bytes | str]
"""Of each name the bytes, or what stands there instead of a file, such as "pipe"."""
INSTEAD = ("link-out", "link-in", "link-loop", "pipe", "folder", "device", "socket", "hard-link", "huge", "nothing")
TOKENS = (
    b"", b"0", b"-", b"9" * 20, b"9" * 5000, b"1e999", b"-1e999", b"1e-999", b"NaN", b"-Infinity", b"null", b"[", b"]",
    b"{", b"}", b'"', b"\\", b"\\u0000", b"\\ud800", b",", b":", b"true", b"-0", b"1.5", b"\xff", b"\x00", b"\n", b"\r",
    "\u202e".encode(), "\U0001f600".encode(), b"\xef\xbb\xbf", b"=1+1", b"[" * 40, b'{"a":' * 40,
    b'"' + b"x" * 300 + b'"',
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 7, 64, 100, 4096, 4097, 65537, 10**6, 10**7, 10**9, 10**12, 10**17, 2**63, 0.5,
    -0.0, 1e-9, 1e30, -1e30, 1e300, -1e300, 1e301, 5e-324, 2.5e-300, "", "ridge", "auto", "mean", "narx", "symbol-rnn",
    "symbols", "forecast", "x" * 256, "x" * 257, "../../etc/passwd", "/etc/passwd", "os.system", "__class__",
    "utf-16", "zlib_codec", "%d%d%d", "a\u202eb", "\x1b[2J", "\x00", "\ud800", "NaN", "=1+1", [], [0], [[]], [1, 2, 3],
    {}, {"a": 1}, {"__class__": "os.system"},
)  # fmt: skip
OPTIONS: tuple[Any, ...] = (
    True, False, None, 0, 1, 5, 10**9, 0.5, 1e300, 5e-324, "", "a", "b", "x", "nobody", "1", ",", ".", ";", "\t", " ",
    "\n", '"', "'", "_", ".*", "(((", "\\", "utf-16", "utf-7", "idna", "punycode", "undefined", "zlib_codec", "rot13",
    "../x", "%d", "%d%d%d", "%Y-%m-%d", "%", "%z%z", "ISO8601", "mixed", "split", "interpolate", "first", "mean",
    "wide", "long", "columns", [], ["a"], ["a", "a"], ["b"], ["0"], [""], ["a", "b", "c", "d", "e", "f"],
    ["hour-of-day"], ["NA", "x", "1"],
)  # fmt: skip


def flip(contents: Contents, rng: random.Random) -> None:
    """Flip one bit, or a few."""
    name, content = _chosen(contents, rng)
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 8])):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    contents[name] = bytes(changed)


def splice(contents: Contents, rng: random.Random) -> None:
    """Put a token, random bytes or a repetition in place of a few bytes."""
    name, content = _chosen(contents, rng)
    begin = rng.randrange(len(content) + 1)
    end = min(len(content), begin + rng.choice([0, 1, 1, 2, 8, 64]))
    piece = rng.choice([rng.choice(TOKENS), rng.randbytes(rng.choice([1, 4, 8])), content[begin:end] * 2])
    contents[name] = content[:begin] + piece + content[end:]


def cut(contents: Contents, rng: random.Random) -> None:
    """Cut a file at its end or its beginning, or lengthen it."""
    name, content = _chosen(contents, rng)
    place = rng.choice([0, 1, 7, 8, 9, rng.randrange(len(content) + 1), max(0, len(content) - 1)])
    contents[name] = rng.choice([content[:place], content[place:], content + content[:place], content + bytes(place)])


def swap(contents: Contents, rng: random.Random) -> None:
    """Put two files into each other's place."""
    one, other = rng.sample([*FILES, MANIFEST], 2)
    contents[one], contents[other] = contents[other], contents[one]


def instead(contents: Contents, rng: random.Random) -> None:
    """Put a link, a pipe, a device ... in place of a file, or leave it out."""
    contents[rng.choice([*FILES, MANIFEST, "data"])] = rng.choice(INSTEAD)


def token(contents: Contents, rng: random.Random) -> None:
    """Write another token in place of a number, a string or a word of a JSON file: also what no JSON library writes."""
    name = rng.choice([MANIFEST, MANIFEST, METRICS])
    content = _bytes(contents, name)
    marks = [at for at, byte in enumerate(content) if byte in b":,["]
    if marks:
        begin = rng.choice(marks) + 1
        end = min((at for at in (content.find(mark, begin) for mark in (b",", b"]", b"}")) if at >= 0), default=begin)
        contents[name] = content[:begin] + rng.choice(TOKENS) + content[end:]


def value(contents: Contents, rng: random.Random) -> None:
    """Replace, delete or double a value of model.json, here and wherever it stands once more."""
    _edit(contents, MANIFEST, lambda document: altered(document, rng))


def score(contents: Contents, rng: random.Random) -> None:
    """The same in metrics.json."""
    _edit(contents, METRICS, lambda document: altered(document, rng))


def reading(contents: Contents, rng: random.Random) -> None:
    """Set an option or two by which the model's files are read."""

    def change(document: Any) -> Any:
        with contextlib.suppress(KeyError, TypeError):
            own = document["config"]["reading"]
            for _ in range(rng.choice([1, 1, 2])):
                name = rng.choice(list(own))
                alike = [one for one in OPTIONS if isinstance(one, type(own[name])) or own[name] is None]
                own[name] = rng.choice(alike if rng.random() < 0.9 else OPTIONS)
        return document

    _edit(contents, MANIFEST, change)


def forged(contents: Contents, rng: random.Random) -> None:
    """Replace a value of model.json, and make everything else agree: copies of it, names and shapes of the tensors."""
    _edit(contents, MANIFEST, lambda document: _agree(altered(document, rng)))
    _refit(contents, rng)


def header(contents: Contents, rng: random.Random) -> None:
    """Change the header of the tensors: its length, or a value in it."""
    content = _bytes(contents, WEIGHTS)
    length = int.from_bytes(content[:8], "little")
    if rng.random() < 0.3:
        wrong = rng.choice([0, 1, length - 1, length + 1, len(content), 2**16, 2**31, 10**9, 2**63, 2**64 - 1])
        contents[WEIGHTS] = (wrong % 2**64).to_bytes(8, "little") + content[8:]
        return
    try:
        text = json.dumps(altered(json.loads(content[8 : 8 + length]), rng), separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return
    contents[WEIGHTS] = len(text).to_bytes(8, "little") + text + content[8 + length :]


def weight(contents: Contents, rng: random.Random) -> None:
    """Write other numbers into the tensors: none, infinite, huge, tiny, negative."""
    content = bytearray(_bytes(contents, WEIGHTS))
    begin = 8 + int.from_bytes(content[:8], "little")
    kind = rng.choice(["<f4", "<f8"])
    for _ in range(rng.choice([1, 1, 4, 50])):
        number = rng.choice(
            [np.nan, np.inf, -np.inf, 1e30, -1e38, 1e-40, -1.0, 0.0, 2.0, 1e300 if kind == "<f8" else 3e38]
        )
        one = np.array(number, kind).tobytes()
        room = (len(content) - begin) // len(one)
        if room > 0:
            at = begin + rng.randrange(room) * len(one)
            content[at : at + len(one)] = one
    contents[WEIGHTS] = bytes(content)


EDITS: tuple[Callable[[Contents, random.Random], None], ...] = (
    flip, splice, cut, swap, instead, token, value, value, score, forged, forged, forged, reading, header, weight,
)  # fmt: skip


def sealed(contents: Contents) -> None:
    """Make the hashes true again, as a careful forger does."""

    def change(document: Any) -> Any:
        if isinstance(document, dict) and isinstance(document.get("files"), dict):
            true = {one: hashlib.sha256(_bytes(contents, one)).hexdigest() for one in FILES if one in document["files"]}
            document["files"] |= true
        return document

    _edit(contents, MANIFEST, change)


def mutated(genuine: Contents, rng: random.Random) -> Contents:
    """Return changed contents: one edit to four, mostly with hashes that are true again."""
    contents = dict(genuine)
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3, 4])):
        rng.choice(EDITS)(contents, rng)
    if rng.random() < 0.85:
        sealed(contents)
    return contents


def _chosen(contents: Contents, rng: random.Random) -> tuple[str, bytes]:
    name = rng.choice([MANIFEST, MANIFEST, WEIGHTS, *FILES])
    return name, _bytes(contents, name)


def _bytes(contents: Contents, name: str) -> bytes:
    found = contents[name]
    return found if isinstance(found, bytes) else b""


def _edit(contents: Contents, name: str, change: Callable[[Any], Any]) -> None:
    """Change a JSON document, if it still is one."""
    try:
        document = json.loads(_bytes(contents, name))
    except (ValueError, RecursionError):
        return
    contents[name] = json.dumps(change(document)).encode()


def _walk(document: Any, rng: random.Random) -> tuple[Any, Any]:
    """Go down from the top by any key, so that a short list is met as often as a long one: a place, and the key."""
    place, key = None, None
    while isinstance(document, dict | list) and document and (place is None or rng.random() < 0.9):
        place, key = document, rng.choice(list(document) if isinstance(document, dict) else range(len(document)))
        document = place[key]
    return place, key


def altered(document: Any, rng: random.Random) -> Any:
    """Change one value of a document."""
    place, key = _walk(document, rng)
    if place is None:
        return document
    how = rng.randrange(6)
    if how == 0:
        del place[key]
    elif how == 1 and isinstance(place, list):
        place.append(place[key])
    elif how in (2, 4) and isinstance(place[key], int | float):
        place[key] = rng.choice(_near(place[key]))
    elif how == 3 and isinstance(place, dict):
        place[rng.choice(["x", "__class__", "../x", "\x1b", "lags", str(key) + " "])] = place[key]
    else:
        place[key] = rng.choice(VALUES)
    return document


def _near(number: float) -> tuple[float, ...]:
    """Return numbers of the same type that may pass for `number`."""
    if isinstance(number, int):
        return number + 1, number - 1, 2 * number, number // 2, 10 * number, 1, 2
    return -number, 2 * number, number * 1e3, number * 1e-3, number * 1e200, 1e300, 5e-324, 0.5


def _agree(document: Any) -> Any:
    """Copy what stands twice in model.json, and take the number of channels from their names."""
    with contextlib.suppress(KeyError, TypeError, AttributeError):  # what not even a forger can repair
        document["config"] |= {name: document[name] for name in ("window", "seed", "split")}
        channels, window = document["channels"], document["window"]
        columns = len(channels["target"]) + len(channels["exogenous"])
        window |= {"exogenous": len(channels["exogenous"]), "known": channels["known"]}
        channels["units"] = ["m"] * len(channels["target"])
        for name, fill in (("mean", 0.0), ("scale", 1.0)):
            document["scaler"][name] = (document["scaler"][name] + [fill] * columns)[:columns]
    return document


def _refit(contents: Contents, rng: random.Random) -> None:
    """Name and make the tensors that model.json implies now, if it implies any that are not too large."""
    try:
        document = json.loads(_bytes(contents, MANIFEST))
        manifest = parse_manifest(_bytes(contents, MANIFEST), MANIFEST)
        for one, state in zip(document["predictors"], manifest.predictors, strict=True):
            own = predictors.specs(state.name, dict(state.parameters), manifest.window, manifest.n_channels)
            one["tensors"] = sorted(own)
        content = json.dumps(document).encode()
        specs = implied(parse_manifest(content, MANIFEST), MANIFEST)
    except (ForecasterError, ValueError, TypeError):
        return
    if size_of(specs) > 2**20:
        return
    numbers = np.random.default_rng(rng.randrange(2**32))
    tensors = {name: numbers.random(shape).astype(DTYPES[dtype]) / 4 for name, (dtype, shape) in specs.items()}
    if "auto/weights" in tensors:
        tensors["auto/weights"] /= tensors["auto/weights"].sum(axis=2, keepdims=True)
    contents[MANIFEST], contents[WEIGHTS] = content, format_tensors(tensors, specs)
