"""The registry of formats: how the file of each is recognised, and the module that reads it.

A format is one module of this package with a function `read(file) -> Reading`, and one line of
`REGISTRY`. docs/ADD_A_FORMAT.md shows how to add one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from forecaster.reading.source import refuse_binary

if TYPE_CHECKING:
    from forecaster.reading.file import InputFile
    from forecaster.reading.recordings import Reading


@dataclass(frozen=True)
class Format:
    """A format: the module of this package that reads it, and what tells its files.

    `magic` is how a binary file begins, `first_line` how a text does; `layout` is the value of
    --layout that chooses a format of text. Files with one of the `suffixes` are found in folders.
    """

    name: str
    magic: bytes = b""
    first_line: str = ""
    layout: str = ""
    suffixes: tuple[str, ...] = ()

    def read(self, file: InputFile) -> Reading:
        """Return the reading of a file. Raises RefusalError if it is no signal."""
        # A format and its library are imported when a file needs them, not before.
        reading: Reading = import_module(f"{__name__}.{self.name}").read(file)
        return reading


# The order is that of the suffixes in messages; each file has one format.
REGISTRY = (
    Format("columns", layout="columns", suffixes=(".csv", ".tsv", ".txt")),
    Format("wide", layout="wide"),
    Format("long", layout="long"),
    Format("lvm", first_line="LabVIEW Measurement", suffixes=(".lvm",)),
)


def of(file: InputFile) -> Format:
    """Return the format of a file: by its first bytes, by its first line, else by --layout.

    Raises RefusalError for a file of an unknown kind, and for options that its layout cannot meet.
    """
    head = file.source.head
    binary = next((member for member in REGISTRY if member.magic and head.startswith(member.magic)), None)
    if binary is not None:
        return binary
    refuse_binary(file.source)
    options = file.options
    for option, names in (("--exogenous", options.exogenous), ("--known", options.known)):
        if names and options.layout != "columns":
            problem = f"{option} together with --layout {options.layout}"
            raise file.refusal(problem, expected="exogenous channels in columns of their own")
    titled = (member for member in REGISTRY if member.first_line and file.source.starts_with(member.first_line))
    return next(titled, by_layout(file))


def by_layout(file: InputFile) -> Format:
    """Return the format of text that --layout chooses; labels stand in a column."""
    layout = "columns" if file.options.symbols else file.options.layout
    return next(member for member in REGISTRY if member.layout == layout)


def suffixes() -> tuple[str, ...]:
    """Return the suffixes of the files that are read from a folder, in lower case."""
    return tuple(suffix for member in REGISTRY for suffix in member.suffixes)
