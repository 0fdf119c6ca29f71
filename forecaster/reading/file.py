"""One input file on its way to a signal: what is known of it, and how it is refused.

Each stage of the reader takes the record of the stage before and adds to it: an `InputFile` has
bytes and options, a `TableFile` knows its columns and what each of them is, a `Table` holds
their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading.refusal import Fix, RefusalError
from forecaster.reading.source import Source
from forecaster.reading.text.cells import unit_of

if TYPE_CHECKING:
    from forecaster.reading.stamps import Stamps

# More channels than these are too many to type: no refusal names them all.
MOST_NAMED = 12


@dataclass(frozen=True)
class InputFile:
    """One input: its bytes, the options with which it is read, and the name that its signal bears.

    `expected` are the names of the columns that a model reads: they are taken whatever they hold.
    """

    source: Source
    options: ReadingOptions
    name: str
    expected: tuple[str, ...] = field(default=(), kw_only=True)

    @property
    def path(self) -> str:
        """The path as the user wrote it, "-" for standard input."""
        return self.source.path

    def refusal(
        self,
        problem: str,
        *,
        line: int | None = None,
        column: str | int | None = None,
        expected: str = "",
        fix: Fix | None = None,
        advice: str = "",
    ) -> RefusalError:
        """Return the error that refuses this file: what is wrong, where, and what helps.

        `line` counts from 1; `fix` holds the reading options that would get past it; `advice`
        says what else to do.
        """
        where: dict[str, Any] = {"path": self.path, "line": line, "column": column, "expected": expected}
        return RefusalError(problem, fix=fix, advice=advice, **{key: value for key, value in where.items() if value})


@dataclass(frozen=True)
class Dialect:
    """How a text file is written; a `delimiter` of one space stands for any run of white space."""

    encoding: str
    delimiter: str
    decimal: str
    header: bool
    skip_rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Roles:
    """What each column is, by its number from 0.

    `time` has no column, one, or a date and a clock; `channels` the columns that become the
    signal's, of which the last `covariates` are not forecast, and of those the last
    `future_covariates` are known ahead; `units` has the units of the targets, `covariate_units` those of the others.
    `group` tells recordings apart. To be checked are `blank` columns, which looked empty, `counts`, which
    count the rows, and `label`, which may name one series a row.
    """

    time: tuple[int, ...] = ()
    channels: tuple[int, ...] = ()
    group: int | None = None
    blank: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    label: int | None = None
    units: tuple[str, ...] = ()
    covariate_units: tuple[str, ...] = ()
    covariates: int = 0
    future_covariates: int = 0

    @property
    def needed(self) -> tuple[int, ...]:
        """All columns that have to be read, in file order."""
        single = [index for index in (self.group, self.label) if index is not None]
        return tuple(sorted({*self.time, *self.channels, *self.blank, *self.counts, *single}))

    @property
    def targets(self) -> tuple[int, ...]:
        """The channels that are forecast."""
        return self.channels[: len(self.channels) - self.covariates]


@dataclass(frozen=True)
class TableFile(InputFile):
    """A file whose columns are known: one name and one kind for each, and the texts of its first rows.

    `kinds` has what a column holds, as `cells.column_kind` says it; `first_line` is the line of
    the first data row. `delimiter` is empty where the file is no text. `set_aside` has the columns of
    numbers that are no measurements, each with the reason. `marks` has those whose numbers have a mark
    about them, each with the unit that it says: "%" or nothing.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    first_line: int = 1
    header: bool = True
    delimiter: str = ""
    decimal: str = "."
    notes: tuple[str, ...] = ()
    roles: Roles = Roles()
    set_aside: tuple[tuple[int, str], ...] = ()
    marks: Mapping[int, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.names)

    @property
    def dialect(self) -> Dialect | None:
        """What `check` reports of a text file."""
        if not self.delimiter:
            return None
        skip_rows, encoding = self.options.skip_rows, self.source.encoding
        return Dialect(encoding, self.delimiter, self.decimal, self.header, skip_rows, self.names)

    @property
    def time_column(self) -> str:
        """The name of the column of time, or those of date and clock."""
        return " + ".join(self.names[index] for index in self.roles.time)

    @property
    def dropped_columns(self) -> tuple[str, ...]:
        """The names of the columns of text that nothing is read from."""
        needed = self.roles.needed
        return tuple(self.names[i] for i, kind in enumerate(self.kinds) if kind == "text" and i not in needed)

    def targets_by_name(self) -> dict[str, tuple[str, ...]]:
        """Return the option that names the channels to be forecast; nothing if they are too many to type."""
        names = tuple(self.names[index] for index in self.roles.targets)
        return {"columns": names} if len(names) <= MOST_NAMED else {}

    def is_expected(self, index: int) -> bool:
        """Return whether a model reads the column `index`, by its header or by that without its unit."""
        return bool({self.names[index], unit_of(self.names[index])[0]} & set(self.expected))

    def of_kind(self, kind: str) -> list[int]:
        """Return the columns that hold a kind of cells."""
        return [index for index, column_kind in enumerate(self.kinds) if column_kind == kind]

    def sample_of(self, index: int) -> list[str]:
        """Return the texts of a column in the first rows."""
        return [row[index] for row in self.sample if index < len(row)]

    def data_lines(self) -> Iterator[tuple[int, str]]:
        """Yield number and text of each line from the first data row on."""
        for number, line in enumerate(self.source.lines(), start=1):
            if number >= self.first_line:
                yield number, line


@dataclass
class Table:
    """The columns of a file as they were read: the table at which all formats meet.

    `values` (T, C + X + F) has a column for each of `file.roles.channels`, NaN where a cell is
    missing; `time`, `group` and `counts` hold the raw columns of these roles. Where the channel
    holds symbols, `values` are their places in the `alphabet`. The last `ahead` rows hold nothing
    but future covariates. `notes` tells in plain words what was done beyond reading.
    """

    file: TableFile
    values: NDArray[np.float64]
    time: tuple[NDArray[Any], ...] = ()
    group: NDArray[Any] | None = None
    counts: tuple[tuple[int, NDArray[np.float64]], ...] = ()
    alphabet: tuple[str, ...] = ()
    ahead: int = 0
    notes: list[str] = field(default_factory=list)
    stamps: Stamps | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def measured(self) -> NDArray[np.float64]:
        """The rows that were measured, without those of future covariates alone."""
        return self.values[: len(self) - self.ahead]


def trailing_rows(targets: list[NDArray[Any]]) -> int:
    """Return the number of rows at the end in which all of `targets`, each (T,), are missing."""
    count = len(targets[0])
    for column in targets:
        filled = np.flatnonzero(~np.isnan(column[len(column) - count :]))
        count = count if not len(filled) else count - 1 - int(filled[-1])
    return count
