"""The registry of formats: how the file of each is recognised, and the module that reads it.

A format is one module of this package with a function `read(file) -> Reading`, and one line of
`REGISTRY`. docs/ADD_A_FORMAT.md shows how to add one.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from forecaster.reading.source import Source, refuse_binary

if TYPE_CHECKING:
    from forecaster.reading.file import InputFile
    from forecaster.reading.recordings import Reading


@dataclass(frozen=True)
class Format:
    """A format: the module of this package that reads it, and what tells its files.

    `magic` is how a binary file begins, `first_line` how a text does; `layout` is the value of
    --layout that chooses a format of text. Where a format has none of them, the name of a file tells,
    by one of the `suffixes`; these also say which files are picked up from a folder.
    """

    name: str
    magic: bytes = b""
    first_line: str = ""
    layout: str = ""
    suffixes: tuple[str, ...] = ()

    @property
    def is_text(self) -> bool:
        """Whether the format is one of text, in some encoding."""
        return bool(self.first_line or self.layout)

    def recognises(self, source: Source) -> bool:
        """Return whether a file is of this format, without regard to --layout: content goes before name."""
        if self.magic:
            return source.head.startswith(self.magic)
        if self.first_line:
            return source.starts_with(self.first_line)
        return not self.layout and source.path.lower().endswith(self.suffixes)

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
    """Return the format of a file: the one that recognises it, else that of --layout.

    Raises RefusalError for a file of an unknown kind, and for options that its layout cannot meet.
    """
    member = next((member for member in REGISTRY if member.recognises(file.source)), None)
    if member is not None and not member.is_text:
        return member
    refuse_binary(file.source)
    options = file.options
    for option, names in (("--exogenous", options.exogenous), ("--known", options.known)):
        if names and options.layout != "columns":
            problem = f"{option} together with --layout {options.layout}"
            raise file.refusal(problem, expected="exogenous channels in columns of their own")
    return member or by_layout(file)


def by_layout(file: InputFile) -> Format:
    """Return the format of text that --layout chooses; labels stand in a column."""
    layout = "columns" if file.options.symbols else file.options.layout
    return next(member for member in REGISTRY if member.layout == layout)


def suffixes() -> tuple[str, ...]:
    """Return the suffixes of the files that are read from a folder, in lower case."""
    return tuple(suffix for member in REGISTRY for suffix in member.suffixes)
