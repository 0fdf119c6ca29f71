"""`manifest.json` in a folder of forecasts: what was made, with what, and what failed.

It is what a second call goes by. A file is done if its input has not changed, and its output
is there with the bytes that the manifest names. While a batch overwrites another, "replaced"
names the outputs of the earlier one: they stay until all of the new ones stand.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from forecaster.batch.names import MANIFEST
from forecaster.errors import UsageError, printable
from forecaster.files import as_output_errors, is_vacant, open_regular, write_file

LARGEST = 1 << 30


@dataclass(frozen=True)
class Entry:
    """One input: `status` is "ok" or "failed"; `sha256` is the output's, `input` tells the input apart."""

    path: str
    status: str
    output: str | None = None
    sha256: str | None = None
    error: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    picture: str | None = None


@dataclass
class Ledger:
    """The manifest of one folder, held while a batch runs."""

    directory: Path
    model: dict[str, str]
    options: dict[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)
    replaced: dict[str, str | None] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()  # the outputs that a manifest named which stood in the folder before

    @classmethod
    def open(cls, directory: Path, model: dict[str, str], options: dict[str, Any], *, overwrite: bool) -> Ledger:
        """Go on with the folder's manifest if it has this model and these options, else begin anew.

        Raises:
            UsageError: the folder holds something else, and `overwrite` was not given.
        """
        ledger = cls(directory, model, options)
        old = _load(directory / MANIFEST)
        same = old is not None and _same(old, ledger)
        ledger.earlier = frozenset(_outputs(old))
        if old is not None and same and not overwrite:
            ledger.entries = {item["path"]: Entry(**item) for item in old["files"]}
            ledger.replaced = old["replaced"]
        elif not is_vacant(directory) and not _is_barren(directory, old):
            if not overwrite:
                raise UsageError(_refusal(directory, old), hint="Give another folder, or --overwrite.")
            ledger.replaced = _outputs(old)
        return ledger

    def done(self, path: str) -> bool:
        """Tell whether the forecast of `path` stands in the folder, made from the file as it is now."""
        entry = self.entries.get(path)
        if entry is None or entry.status != "ok" or entry.output is None:
            return False
        if entry.picture is not None and not (self.directory / entry.picture).is_file():
            return False
        return _unchanged(path, entry.input) and _own_digest(self.directory / entry.output) == entry.sha256

    def made(self, path: str) -> bool:
        """Tell whether `path` is a forecast that the folder's manifest named: it is no input."""
        folder, name = os.path.split(os.path.abspath(path))
        return name in self.earlier and os.path.realpath(folder) == os.path.realpath(self.directory)

    def add(self, entry: Entry) -> None:
        """Record the outcome of one input."""
        self.entries[entry.path] = entry

    def to_json(self) -> dict[str, Any]:
        """Return the manifest's content, its files in the order of their paths."""
        files = [asdict(self.entries[path]) for path in sorted(self.entries)]
        replaced = {"replaced": self.replaced} if self.replaced else {}
        return {"model": self.model, "options": self.options, "files": files, **replaced}

    def finish(self) -> None:
        """Remove what an earlier batch wrote and nobody has changed, now that its successors stand."""
        if not self.replaced:
            return
        own = {entry.output for entry in self.entries.values()}
        for output, sha256 in self.replaced.items():
            if output not in own and _own_digest(self.directory / output) == sha256:
                with as_output_errors(self.directory / output):
                    (self.directory / output).unlink(missing_ok=True)
        self.replaced = {}
        self.write()

    def write(self) -> None:
        """Write the manifest in one rename."""
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        write_file(self.directory / MANIFEST, f"{text}\n".encode())


def identify(path: str, sha256: str) -> dict[str, Any]:
    """Return what tells an input apart: its hash, and its size and time, which are quick to compare."""
    try:
        status = Path(path).stat()
    except OSError:
        return {"sha256": sha256}
    return {"sha256": sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def model_identity(path: Path) -> dict[str, str]:
    """Return what tells a model apart: its name and the hash of its `model.json`, which names all else."""
    return {"name": path.resolve().name, "sha256": _digest(path / "model.json") or ""}


def _unchanged(path: str, known: Mapping[str, Any]) -> bool:
    """Tell whether the input is the one that is known: by size and time, else by its hash."""
    now = identify(path, "")
    if "size" not in now or now["size"] != known.get("size"):
        return False
    return now["mtime_ns"] == known.get("mtime_ns") or _digest(Path(path)) == known.get("sha256")


def _digest(path: Path) -> str | None:
    """Return a file's SHA-256, or None where it cannot be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _own_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file that this program wrote; a symbolic link is none."""
    return None if path.is_symlink() else _digest(path)


def _load(path: Path) -> dict[str, Any] | None:
    """Return an earlier manifest, or None where there is none that this program wrote."""
    try:
        with open_regular(path, follow=False) as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                return None
            found = json.loads(file.read())
        replaced = found.get("replaced", {})
        if not all(map(_within, replaced.keys())):
            return None
        for item in found["files"]:
            entry = Entry(**item)
            if not isinstance(item["path"], str) or not isinstance(item.get("input", {}), dict):
                return None
            if not _within(entry.output) or not _within(entry.picture):
                return None
        return {"model": found["model"], "options": found["options"], "files": found["files"], "replaced": replaced}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _within(name: object) -> bool:
    """Tell whether a name read from a manifest is a plain file name."""
    return name is None or (isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0"))


def _same(old: Mapping[str, Any], ledger: Ledger) -> bool:
    """Compare model and options as JSON has them; a model may have been renamed."""
    model = old["model"].get("sha256") if isinstance(old["model"], dict) else None
    return model == ledger.model["sha256"] and old["options"] == json.loads(json.dumps(ledger.options))


def _refusal(directory: Path, old: Mapping[str, Any] | None) -> str:
    what = "forecasts of another model or with other options" if old is not None else "other files"
    return f"{printable(directory)} holds {what}."


def _is_barren(directory: Path, old: Mapping[str, Any] | None) -> bool:
    """Tell a folder that holds nothing but the manifest of a batch in which no forecast was made."""
    return old is not None and not _outputs(old) and [one.name for one in directory.iterdir()] == [MANIFEST]


def _outputs(old: Mapping[str, Any] | None) -> dict[str, str | None]:
    """Return the outputs of an earlier batch with their hashes; the user's own files are not among them."""
    own = {entry.output: entry.sha256 for entry in _entries(old) if entry.output is not None}
    return (old["replaced"] if old else {}) | own


def _entries(old: Mapping[str, Any] | None) -> list[Entry]:
    """Return the entries of an earlier manifest."""
    return [Entry(**item) for item in (old or {"files": []})["files"]]


def failed(path: str, error: Exception) -> Entry:
    """Return the entry of an input that could not be forecast."""
    return Entry(path, "failed", error=printable(error, 2000))


def with_picture(entry: Entry, picture: str) -> Entry:
    """Return `entry` with the name of its picture."""
    return replace(entry, picture=picture)
