"""`manifest.json` in a folder of forecasts: what was made, with what, and what failed.

It is what a second call goes by. A file is done if its input has not changed, and its output
is there with the bytes that the manifest names. While a batch overwrites another, "replaced"
names the outputs of the earlier one: they stay until all of the new ones stand.

The names of forecast files: safe on every file system, within the folder, never twice the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from forecaster.errors import UsageError, printable
from forecaster.files import as_output_errors, is_vacant, open_regular, write_file

# Bytes of the largest manifest that is read: some four million files.
LARGEST = 1 << 30


@dataclass(frozen=True)
class Entry:
    """One input: `status` is "ok" or "failed"; `sha256` is the output's, `input` tells the input apart.

    `warnings` says in a line a series why its forecast is not to be trusted.
    """

    path: str
    status: str
    output: str | None = None
    sha256: str | None = None
    error: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    picture: str | None = None
    warnings: list[str] = field(default_factory=list)


@dataclass
class Ledger:
    """The manifest of one folder, held while a batch runs.

    `entries` are its files by the path of their input; `replaced` are outputs of an earlier batch, with their hashes,
    that are still there; `earlier` names the outputs in the manifest that stood in the folder before.
    """

    directory: Path
    model: dict[str, str]
    options: dict[str, Any]
    entries: dict[str, Entry] = field(default_factory=dict)
    replaced: dict[str, str | None] = field(default_factory=dict)
    earlier: frozenset[str] = frozenset()

    @classmethod
    def open(cls, directory: Path, model: dict[str, str], options: dict[str, Any], *, overwrite: bool) -> Ledger:
        """Return the folder's ledger if it has this model and these options, to go on with, else a new one.

        Raises:
            UsageError: the folder holds something else, and `overwrite` was not given.
        """
        ledger = cls(directory, model, options)
        old = _load(directory / MANIFEST)
        outputs = {} if old is None else old.outputs
        ledger.earlier = frozenset(outputs)
        if old is not None and old.continues(ledger) and not overwrite:
            ledger.entries, ledger.replaced = old.entries, old.replaced
            return ledger
        # A folder with nothing in it but the manifest of a batch in which every input failed is as good as empty.
        barren = old is not None and not outputs and [path.name for path in directory.iterdir()] == [MANIFEST]
        if not is_vacant(directory) and not barren:
            if not overwrite:
                content = "other files" if old is None else "forecasts of another model or with other options"
                hint = "Give another folder, or --overwrite."
                raise UsageError(f"{printable(directory)} holds {content}.", hint=hint)
            ledger.replaced = outputs
        return ledger

    @property
    def outputs(self) -> dict[str, str | None]:
        """The outputs, and those that are being replaced, with their hashes: none of the user's own files."""
        entries = self.entries.values()
        return self.replaced | {entry.output: entry.sha256 for entry in entries if entry.output is not None}

    def continues(self, ledger: Ledger) -> bool:
        """Tell whether this earlier manifest has the model and the options of `ledger`, as JSON has them."""
        # The name of the model may differ: a model that was renamed is the same model.
        model = self.model.get("sha256") if isinstance(self.model, dict) else None
        return model == ledger.model["sha256"] and self.options == json.loads(json.dumps(ledger.options))

    def is_done(self, path: str) -> bool:
        """Tell whether the forecast of `path` stands in the folder, made from the file as it is now."""
        entry = self.entries.get(path)
        if entry is None or entry.status != "ok" or entry.output is None:
            return False
        if entry.picture is not None and not (self.directory / entry.picture).is_file():
            return False
        return _is_unchanged(path, entry.input) and _output_digest(self.directory / entry.output) == entry.sha256

    def wrote(self, path: str) -> bool:
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
        outputs = {entry.output for entry in self.entries.values()}
        for output, sha256 in self.replaced.items():
            if output not in outputs and _output_digest(self.directory / output) == sha256:
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


def _is_unchanged(path: str, identity: Mapping[str, Any]) -> bool:
    """Tell whether the input has this `identity` still: by its size, which is quick to compare, and its hash."""
    # Its time may be the same though it has changed: copies keep times, and some disks know but whole seconds.
    now = identify(path, "")
    return "size" in now and now["size"] == identity.get("size") and _digest(Path(path)) == identity.get("sha256")


def _digest(path: Path) -> str | None:
    """Return a file's SHA-256, or None where it cannot be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _output_digest(path: Path) -> str | None:
    """Return the SHA-256 of an output; this program writes no symbolic link, so that of a link is None."""
    return None if path.is_symlink() else _digest(path)


def _load(path: Path) -> Ledger | None:
    """Return an earlier manifest, or None where there is none that this program wrote.

    Whoever can write into the folder can write its manifest, so nothing in it is trusted: a name that leads out
    of the folder makes it another program's file.
    """
    try:
        with open_regular(path, follow=False) as file:
            if os.fstat(file.fileno()).st_size > LARGEST:
                return None
            document = json.loads(file.read())
        replaced = document.get("replaced", {})
        if not all(map(_is_file_name, replaced.keys())):
            return None
        entries = {}
        for item in document["files"]:
            entry = entries[item["path"]] = Entry(**item)
            if not isinstance(item["path"], str) or not isinstance(item.get("input", {}), dict):
                return None
            if not all(name is None or _is_file_name(name) for name in (entry.output, entry.picture)):
                return None
        return Ledger(path.parent, document["model"], document["options"], entries, replaced)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def _is_file_name(name: object) -> bool:
    """Tell whether a name read from a manifest is that of a file within its folder."""
    return isinstance(name, str) and name not in ("", ".", "..") and not set(name) & set("/\\\0")


MANIFEST = "manifest.json"
# Characters of a stem: a suffix, and a hash that tells equal names apart, must fit behind it.
LONGEST = 120
_UNSAFE = re.compile(r"[^\w. +=@()-]")
_FIELD = re.compile(r"\{(\w*)\}")


def safe_stem(name: str) -> str:
    r"""Return `name` as one file name: separators and odd characters as `_`, no odd beginning.

    >>> safe_stem("plant/pump 1"), safe_stem("=1+1"), safe_stem("-rf"), safe_stem("a\nb")
    ('plant_pump 1', '_1+1', '_rf', 'a_b')
    """
    stem = _UNSAFE.sub("_", name).strip()
    if stem[:1] in tuple("=+-@.") or not stem:
        stem = f"_{stem[1:]}"
    return stem[:LONGEST].rstrip(". ") or "_"


def check_template(template: str, several: bool) -> None:
    """Refuse a `--filename` that leaves the folder, or gives every one of several forecasts the same name.

    Raises:
        UsageError: it is such a template, or no template at all.
    """
    fields = set(_FIELD.findall(template))
    plain = _FIELD.sub("x", template)
    if fields - {"stem", "ext"} or "{" in plain or "}" in plain:
        raise UsageError(f"--filename {printable(template)!r}: the fields are {{stem}} and {{ext}}.")
    if "/" in plain or "\\" in plain or not plain.isprintable() or plain.startswith((".", "=", "+", "-", "@")):
        raise UsageError(f"--filename {printable(template)!r} is not the name of a file within the folder.")
    if template.replace("{ext}", "json").casefold() == MANIFEST:
        raise UsageError(f"--filename {printable(template)!r} is the name of the batch's own manifest.")
    if several and "stem" not in fields:
        raise UsageError(
            f"--filename {printable(template)!r} gives several files one name.", hint="Put {stem} into it."
        )


def output_names(
    inputs: Sequence[tuple[str, str]], template: str, extension: str, kept: Mapping[str, str]
) -> dict[str, str]:
    """Return the output's name for each path of `inputs`, pairs of (path, name).

    A path in `kept` keeps the output that it has there. Where two names come out the same, on
    any file system, each gets eight digits of its path's hash.

    >>> output_names([("a/x.csv", "a/x"), ("a_x.csv", "a_x")], "{stem}.{ext}", "csv", {})["a_x.csv"]
    'a_x-3ebeac7a.csv'
    """
    plain = {path: _fill(template, safe_stem(name), extension) for path, name in inputs}
    # Some file systems hold names apart by case, and others do not.
    counts = Counter(output.casefold() for output in plain.values())
    taken = {output.casefold() for output in kept.values()} | {MANIFEST}
    names = {}
    for path, name in inputs:
        output = plain[path]
        if counts[output.casefold()] > 1 or output.casefold() in taken:
            digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
            output = _fill(template, f"{safe_stem(name)}-{digest}", extension)
        names[path] = kept.get(path, output)
    return names


def picture_name(output: str, extension: str) -> str:
    """Return the name of the picture beside `output`.

    >>> picture_name("pump.forecast.csv", "csv")
    'pump.forecast.png'
    """
    return f"{output.removesuffix('.' + extension)}.png"


def _fill(template: str, stem: str, extension: str) -> str:
    return template.replace("{ext}", extension).replace("{stem}", stem)
