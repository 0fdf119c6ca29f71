"""The inputs that a user names: files, folders, patterns, "-" for standard input."""

from __future__ import annotations

import glob
import itertools
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from forecaster.errors import SignalError
from forecaster.reading import formats


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
    inside: dict[str, PurePath] = {}
    for argument in arguments:
        for path, relative in _expand(str(argument), apart):
            inside.setdefault(path, relative)
    return [Input(path, name) for path, name in zip(inside, _names(inside), strict=True)]


def _expand(argument: str, apart: Path | None) -> list[tuple[str, PurePath]]:
    """Return (path, path relative to the argument's root) of each file that an argument means."""
    if argument == "-":
        return [("-", PurePath("stdin"))]
    path = Path(argument)
    if path.is_dir():
        return _files_in(path, apart)
    if not os.path.lexists(argument) and glob.has_magic(argument):
        return _matching(argument, apart)
    # A file that is absent is reported where it is read.
    return [(argument, PurePath(path.name))]


def _files_in(folder: Path, apart: Path | None) -> list[tuple[str, PurePath]]:
    """Return the files of all formats in a folder and those below it."""
    suffixes = formats.suffixes()
    files: list[Path] = []
    # A folder that cannot be listed is an input that cannot be read.
    closed: list[OSError] = []
    for base, folders, names in os.walk(folder, onerror=closed.append):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and not _same(os.path.join(base, n), apart))
        files += [Path(base, n) for n in names if n.lower().endswith(suffixes) and not n.startswith(".")]
    files += [Path(error.filename) for error in closed]
    if not files:
        raise SignalError("no files in the folder", path=folder, expected=", ".join(f"*{s}" for s in suffixes))
    return [(str(file), PurePath(file.relative_to(folder))) for file in sorted(files)]


def _same(path: str, apart: Path | None) -> bool:
    return apart is not None and os.path.realpath(path) == os.path.realpath(apart)


def _matching(pattern: str, apart: Path | None) -> list[tuple[str, PurePath]]:
    """Return the files that match a pattern, relative to its parts without wildcards."""
    parts = list(itertools.takewhile(lambda part: not glob.has_magic(part), Path(pattern).parts[:-1]))
    root = Path(*parts)
    try:
        paths = _glob(root, pattern)
    except ValueError as error:
        raise SignalError(f"no pattern: {error}", path=pattern) from None
    outside = [p for p in paths if not any(_same(str(parent), apart) for parent in Path(p).parents if parent != root)]
    files = sorted(path for path in outside if not os.path.isdir(path))
    if not files:
        raise SignalError("no file matches the pattern", path=pattern)
    return [(file, PurePath(os.path.relpath(file, root))) for file in files]


def _glob(root: Path, pattern: str) -> list[str]:
    """Return the paths that match a pattern; `**` goes into no symbolic link, for those may lead in circles."""
    if "**" not in pattern:
        return glob.glob(pattern)
    paths = (path.relative_to(root) for path in root.glob(str(Path(pattern).relative_to(root))))
    return [str(root / path) for path in paths if not any(part.startswith(".") for part in path.parts)]


def _names(inside: dict[str, PurePath]) -> list[str]:
    """Return a name for each file; where two would share one, with suffixes, then parent folders, then numbers."""
    names = {path: relative.with_suffix("").as_posix() for path, relative in inside.items()}
    for widen in (_with_suffix, _with_parents):
        shared = {name for name, count in Counter(names.values()).items() if count > 1}
        for path, relative in inside.items():
            if names[path] in shared:
                names[path] = widen(path, relative)
    seen: Counter[str] = Counter()
    numbered = []
    for name in names.values():
        seen[name] += 1
        numbered.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return numbered


def _with_suffix(path: str, relative: PurePath) -> str:
    return relative.as_posix().replace(".", "_") if path != "-" else "stdin"


def _with_parents(path: str, relative: PurePath) -> str:
    parts = [part for part in PurePath(os.path.abspath(path)).parts if part not in ("/", "\\")]
    return "/".join([*parts[:-1], parts[-1].replace(".", "_")])
