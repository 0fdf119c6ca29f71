"""The inputs that a user names: files, folders, patterns, "-" for standard input."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from forecaster.errors import SignalError

SUFFIXES = (".csv", ".tsv", ".txt", ".lvm")


@dataclass(frozen=True)
class Input:
    """One file to read, and the name that its results bear: relative, without suffix, unique."""

    path: str
    name: str


def find(arguments: Sequence[str]) -> list[Input]:
    """Return the inputs in the order of the arguments, those of a folder or pattern sorted.

    A file named twice counts once. Raises SignalError for an argument without any file.
    """
    found: dict[str, PurePath] = {}
    for argument in arguments:
        for path, inside in _expand(str(argument)):
            found.setdefault(path, inside)
    return [Input(path, name) for path, name in zip(found, _names(found), strict=True)]


def _expand(argument: str) -> list[tuple[str, PurePath]]:
    """Return (path, path relative to the argument's root) of each file that an argument means."""
    if argument == "-":
        return [("-", PurePath("stdin"))]
    path = Path(argument)
    if path.is_dir():
        return _folder(path)
    if not os.path.lexists(argument) and glob.has_magic(argument):
        return _pattern(argument)
    return [(argument, PurePath(path.name))]  # one that is absent is reported where it is read


def _folder(folder: Path) -> list[tuple[str, PurePath]]:
    files = []
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files += [Path(base, n) for n in names if n.lower().endswith(SUFFIXES) and not n.startswith(".")]
    if not files:
        raise SignalError("no files in the folder", path=folder, expected=", ".join(f"*{s}" for s in SUFFIXES))
    return [(str(file), PurePath(file.relative_to(folder))) for file in sorted(files)]


def _pattern(pattern: str) -> list[tuple[str, PurePath]]:
    files = sorted(p for p in glob.glob(pattern, recursive=True) if not os.path.isdir(p))
    if not files:
        raise SignalError("no file matches the pattern", path=pattern)
    root = Path(*_fixed_parts(pattern))
    return [(file, PurePath(os.path.relpath(file, root))) for file in files]


def _fixed_parts(pattern: str) -> list[str]:
    """Return the leading parts of a pattern without wildcards."""
    parts: list[str] = []
    for part in Path(pattern).parts[:-1]:
        if glob.has_magic(part):
            break
        parts.append(part)
    return parts


def _names(found: dict[str, PurePath]) -> list[str]:
    """Name each file; where two would share a name, add suffixes, then parent folders, then numbers."""
    names = {path: inside.with_suffix("").as_posix() for path, inside in found.items()}
    for widen in (_with_suffix, _with_parents):
        twice = {name for name, count in Counter(names.values()).items() if count > 1}
        for path, inside in found.items():
            if names[path] in twice:
                names[path] = widen(path, inside)
    return _numbered(list(names.values()))


def _with_suffix(path: str, inside: PurePath) -> str:
    return inside.as_posix().replace(".", "_") if path != "-" else "stdin"


def _with_parents(path: str, inside: PurePath) -> str:
    parts = [part for part in PurePath(os.path.abspath(path)).parts if part not in ("/", "\\")]
    return "/".join([*parts[:-1], parts[-1].replace(".", "_")])


def _numbered(names: list[str]) -> list[str]:
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return result
