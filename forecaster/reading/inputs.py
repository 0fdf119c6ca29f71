"""What the user's SIGNAL arguments stand for: files, folders, glob patterns, or the standard input."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from forecaster.errors import SignalError

SUFFIXES = (".csv", ".tsv", ".txt", ".lvm")
STDIN = "-"


class Input(NamedTuple):
    """A file to read (or "-"), and its name: the relative path without suffix, unique among the inputs."""

    path: str
    name: str


def find(arguments: Sequence[str]) -> list[Input]:
    """Return the files that `arguments` stand for, each once, in the order given; folders and patterns sorted.

    Names are relative to the folder or pattern that was given, and so far unique; inputs of the
    same name are told apart by their suffix, then by the folders above them.

    Raises:
        SignalError: a path that does not exist, or a folder or pattern without a signal file.
    """
    found: dict[str, Path] = {}
    for argument in arguments:
        for path, name in _matches(argument):
            found.setdefault(path, name)
    return [Input(path, name) for path, name in zip(found, _unique(found), strict=True)]


def _matches(argument: str) -> Iterator[tuple[str, Path]]:
    """Yield (path, relative path) of every file that one argument stands for."""
    if argument == STDIN:
        yield STDIN, Path("stdin")
    elif Path(argument).is_dir():
        yield from _folder(argument)
    elif os.path.lexists(argument) or not glob.has_magic(argument):
        yield argument, Path(Path(argument).name)
    else:
        yield from _pattern(argument)


def _folder(folder: str) -> Iterator[tuple[str, Path]]:
    """Yield the signal files below a folder, sorted; links to folders are not followed."""
    files = [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    files = sorted(file for file in files if file.suffix.lower() in SUFFIXES)
    if not files:
        expected = f"files that end in {', '.join(SUFFIXES)}"
        raise SignalError("the folder holds no signal file", path=folder, expected=expected)
    yield from ((str(file), file.relative_to(folder)) for file in files)


def _pattern(pattern: str) -> Iterator[tuple[str, Path]]:
    """Yield the files that match a glob pattern, sorted, relative to the part before the first wildcard."""
    files = sorted(file for file in glob.glob(pattern, recursive=True) if not Path(file).is_dir())
    if not files:
        raise SignalError("no file matches the pattern", path=pattern, hint="Check the folder, or put it in quotes.")
    fixed = [part for part in Path(pattern).parts]
    magic = next(k for k, part in enumerate(fixed) if glob.has_magic(part))
    root = Path(*fixed[:magic]) if magic else Path()
    yield from ((file, Path(file).relative_to(root)) for file in files)


def _unique(found: dict[str, Path]) -> list[str]:
    """Name every file: without suffix where that is unique, else with it, else with the folders above."""
    relative = list(found.values())
    names = [str(path.with_suffix("")) for path in relative]
    for attempt in (lambda path, _: str(path), lambda _, given: _absolute(given)):
        twice = {name for name, count in Counter(names).items() if count > 1}
        pairs = zip(names, found, relative, strict=True)
        names = [attempt(path, given) if name in twice else name for name, given, path in pairs]
    return names


def _absolute(path: str) -> str:
    """Return the whole path, without what makes it absolute."""
    return str(Path(path).absolute()).lstrip(os.sep)
