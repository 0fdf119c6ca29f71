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


def find(arguments: Sequence[str], *, apart: Path | None = None) -> list[Input]:
    """Return the inputs in the order of the arguments, those of a folder or pattern sorted.

    A file named twice counts once; the folder `apart`, where the outputs go, is not searched where it
    lies within another. Raises SignalError for an argument without any file.
    """
    found: dict[str, PurePath] = {}
    for argument in arguments:
        for path, inside in _expand(str(argument), apart):
            found.setdefault(path, inside)
    return [Input(path, name) for path, name in zip(found, _names(found), strict=True)]


def _expand(argument: str, apart: Path | None) -> list[tuple[str, PurePath]]:
    """Return (path, path relative to the argument's root) of each file that an argument means."""
    if argument == "-":
        return [("-", PurePath("stdin"))]
    path = Path(argument)
    if path.is_dir():
        return _folder(path, apart)
    if not os.path.lexists(argument) and glob.has_magic(argument):
        return _pattern(argument, apart)
    return [(argument, PurePath(path.name))]  # one that is absent is reported where it is read


def _folder(folder: Path, apart: Path | None) -> list[tuple[str, PurePath]]:
    files: list[Path] = []
    closed: list[OSError] = []  # a folder that cannot be listed is an input that cannot be read
    for base, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not _same(os.path.join(base, n), apart))
        files += [Path(base, n) for n in names if n.lower().endswith(SUFFIXES) and not n.startswith(".")]
    files += [Path(error.filename) for error in closed]
    if not files:
        raise SignalError("no files in the folder", path=folder, expected=", ".join(f"*{s}" for s in SUFFIXES))
    return [(str(file), PurePath(file.relative_to(folder))) for file in sorted(files)]


def _same(path: str, apart: Path | None) -> bool:
    return apart is not None and os.path.realpath(path) == os.path.realpath(apart)


def _pattern(pattern: str, apart: Path | None) -> list[tuple[str, PurePath]]:
    root = Path(*_fixed_parts(pattern))
    try:
        found = _matches(root, pattern)
    except ValueError as error:
        raise SignalError(f"no pattern: {error}", path=pattern) from None
    inside = [p for p in found if not any(_same(str(up), apart) for up in list(Path(p).parents) if up != root)]
    files = sorted(p for p in inside if not os.path.isdir(p))
    if not files:
        raise SignalError("no file matches the pattern", path=pattern)
    return [(file, PurePath(os.path.relpath(file, root))) for file in files]


def _matches(root: Path, pattern: str) -> list[str]:
    """Return what a pattern means; `**` goes into no symbolic link, for those may lead in circles."""
    if "**" not in pattern:
        return glob.glob(pattern)
    below = Path(pattern).relative_to(root)
    found = (path.relative_to(root) for path in root.glob(str(below)))
    return [str(root / path) for path in found if not any(part.startswith(".") for part in path.parts)]


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
