"""Columns that a format has read as arrays: they become a signal as the columns of a text do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import checks, recordings, symbols
from forecaster.reading.columns import channel_names, with_roles
from forecaster.reading.file import InputFile, Table, TableFile, trailing_rows
from forecaster.reading.measurements import without_unmeasured
from forecaster.reading.recordings import Reading
from forecaster.reading.text.cells import PATTERNS
from forecaster.reading.text.header import renamed

# So many rows tell what a column is.
SAMPLE_ROWS = 40


def from_columns(
    file: InputFile,
    columns: Mapping[str, NDArray[Any]],
    *,
    units: Mapping[str, str] | None = None,
    rate_hz: float | None = None,
) -> Reading:
    """Return the reading of a file whose columns are arrays (T,), by name.

    Numbers may be channels, datetime64 is time, and texts may be time, groups or labels; NaN is a
    missing value. All options that choose columns, time, rate and recordings apply, and what --na
    calls missing.

    Args:
        file: The file, as a format gets it.
        columns: All columns of the file, each of the same length.
        units: The units that the file names, by column.
        rate_hz: The rate that the file names; --rate goes before it.

    Raises:
        RefusalError: The columns make no signal; a row is named as the line, counted from 1.
    """
    if file.options.layout != "columns":
        raise file.refusal(f"--layout {file.options.layout}", expected="a text file, or --layout columns")
    if file.options.symbols:
        symbols.refuse_options(file)
    if not columns or not len(next(iter(columns.values()))):
        raise file.refusal("no values", expected="at least one column with values")
    if rate_hz is not None and file.options.rate_hz is None:
        file = replace(file, options=file.options.model_copy(update={"rate_hz": rate_hz}))
    described = with_roles(_described(file, columns))
    if units:
        roles = described.roles
        named = (units.get(described.names[index], "") for index in roles.targets)
        roles = replace(roles, units=tuple(a or b for a, b in zip(roles.units, named, strict=True)))
        described = replace(described, roles=roles)
    table = _table(described, list(columns.values()))
    _refuse_missing(table)
    table = without_unmeasured(table)
    recordings.with_stamps(table)
    checks.refuse_missing_code(table)
    checks.check_numbering(table)
    return recordings.reading(table, recordings.track_of(table), channel_names(table.file))


def _described(file: InputFile, columns: Mapping[str, NDArray[Any]]) -> TableFile:
    """Return the file with names, kinds and a sample of its columns."""
    kinds = {"M": "stamp", **dict.fromkeys("biuf", "number")}
    return TableFile(
        file.source,
        file.options,
        file.name,
        expected=file.expected,
        names=renamed(file, tuple(columns)),
        kinds=tuple(kinds.get(column.dtype.kind, "text") for column in columns.values()),
        sample=tuple(zip(*(_texts(column[:SAMPLE_ROWS]) for column in columns.values()), strict=True)),
    )


def _table(file: TableFile, arrays: list[NDArray[Any]]) -> Table:
    """Return the table of the columns that have a role."""
    roles, alphabet = file.roles, tuple[str, ...]()
    if file.options.symbols:
        codes, alphabet = symbols.coded(arrays[roles.channels[0]], file.options)
        symbols.check_alphabet(file, alphabet, len(codes))
        values = codes.reshape(-1, 1)
    else:
        values = np.column_stack([_numbers(file, arrays[index], index) for index in roles.channels])
    return Table(
        file,
        values=values,
        time=tuple(_raw_time(arrays[index], file.options) for index in roles.time),
        group=None if roles.group is None else arrays[roles.group],
        counts=tuple((index, arrays[index].astype(np.float64)) for index in roles.counts),
        alphabet=alphabet,
        ahead=trailing_rows(list(values[:, : len(roles.targets)].T)) if roles.future_covariates else 0,
        notes=list(file.notes),
    )


def _numbers(file: TableFile, column: NDArray[Any], index: int) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where it holds a code that --na calls missing."""
    if column.dtype.kind not in "biuf":
        raise file.refusal("no numbers", column=file.names[index], expected="a column of numbers")
    values = column.astype(np.float64)
    codes = [float(text) for text in file.options.na if PATTERNS["."].fullmatch(text)]
    values[np.isin(values, codes)] = np.nan
    return values


def _texts(column: NDArray[Any]) -> list[str]:
    return ["" if value is None or value != value else str(value) for value in column.tolist()]  # noqa: PLR0124 - NaN


def _raw_time(column: NDArray[Any], options: ReadingOptions) -> NDArray[Any]:
    """Return a column of time as `stamps.parse` takes it: texts where a format is to be applied, else as it is."""
    is_number = column.dtype.kind in "biuf" and options.time_format is None
    if is_number or column.dtype.kind == "M":
        return column
    return np.array([text or None for text in _texts(column)], object)


def _refuse_missing(table: Table) -> None:
    """Raise RefusalError for values without an end, and for missing ones that no option accepts."""
    file, first_ahead = table.file, len(table) - table.ahead
    missing, bad = np.isnan(table.values), np.isinf(table.values)
    if file.options.missing == "error":
        bad[:first_ahead] |= missing[:first_ahead]
    # What is known of the future has to be complete.
    future = table.values.shape[1] - file.roles.future_covariates
    bad[first_ahead:, future:] |= missing[first_ahead:, future:]
    if bad.any():
        row, place = np.argwhere(bad)[0]
        helps = missing[row, place] and row < first_ahead
        raise file.refusal(
            "a missing value" if missing[row, place] else "a value without an end",
            line=file.first_line + int(row),
            column=file.names[file.roles.channels[place]],
            expected="a number in every row",
            fix={"missing": "split" if file.options.symbols else "interpolate"} if helps else {},
        )
