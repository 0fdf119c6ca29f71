"""The fast path from text to a table: one call of the C reader, and cheap checks of all that it accepts."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.reading import symbols
from forecaster.reading.file import Table, TableFile, trailing_rows
from forecaster.reading.refusal import RefusalError
from forecaster.reading.text.cells import MISSING_WORDS, split_line
from forecaster.reading.text.diagnosis import BLANK, check_quotes, diagnose, numbers

CHUNK_BYTES = 1 << 23
TAIL_BYTES = 1 << 20

Arrays = dict[int, NDArray[Any]]


def load(file: TableFile) -> Table:
    """Return the needed columns. Raises RefusalError with the line and column of the first offence."""
    try:
        arrays = _parse(file)
    except (ValueError, OverflowError, Warning) as error:
        raise _diagnosed(file, error) from None
    facts = file.source.finish()
    if facts.quotes:
        check_quotes(file)
    rows, notes = _without_end(file, arrays)
    rows = _without_skipped_end(file, rows)
    arrays = {index: column[:rows] for index, column in arrays.items()}
    roles = file.roles
    alphabet: tuple[str, ...] = ()
    if file.options.symbols:
        index = roles.channels[0]
        arrays[index], alphabet = symbols.coded(arrays[index], file.options)
    ahead = trailing_rows([arrays[index] for index in roles.targets]) if roles.future_covariates else 0
    _check_ahead(file, rows - ahead, ahead)
    _check(file, {index: column[: rows - ahead] for index, column in arrays.items()}, alphabet)
    notes += _check_blank_columns(file, arrays)
    if roles.label is not None:
        _refuse_labels(file, arrays[roles.label])
    channels = [arrays[index] for index in roles.channels]
    if file.options.symbols:
        symbols.check_alphabet(file, alphabet, rows)
    return Table(
        file,
        values=channels[0].reshape(-1, 1) if len(channels) == 1 else np.stack(channels).T,
        time=tuple(arrays[index] for index in roles.time),
        group=None if roles.group is None else arrays[roles.group],
        counts=tuple((index, arrays[index]) for index in roles.counts),
        alphabet=alphabet,
        ahead=ahead,
        notes=[*file.notes, *notes],
    )


def _parse(file: TableFile) -> Arrays:
    """Return the needed columns by their number, as pandas reads them; ValueError for a cell that is no number."""
    import pandas as pd

    options, roles = file.options, file.roles
    numeric = (*roles.channels, *roles.counts)
    # As float64, pandas refuses every cell that is not a number.
    dtypes: dict[int, Any] = dict.fromkeys(roles.needed, object)
    dtypes.update(dict.fromkeys(numeric, object if options.symbols or options.thousands else np.float64))
    marked = [index for index in numeric if index in file.marks]
    dtypes.update(dict.fromkeys(marked, object))
    for index in roles.time:
        # Without a type the reader tells integers from fractions: nanoseconds need all 64 bits.
        if file.kinds[index] == "number" and options.time_format is None:
            del dtypes[index]
    stream, skipped = file.source.for_parser(file.first_line - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = pd.read_csv(
            stream,
            skiprows=skipped,
            compression=None,
            sep=r"\s+" if file.delimiter == " " else file.delimiter,
            decimal=file.decimal,
            header=None,
            names=list(range(file.width)),
            usecols=None if len(roles.needed) == file.width else list(roles.needed),
            index_col=False,
            skip_blank_lines=False,
            dtype=dtypes,
            keep_default_na=False,
            na_values=["", *options.na],
            encoding=file.source.encoding,
        )
    # Of a frame of one type the columns are views, not copies.
    is_one_block = len(set(frame.dtypes)) == 1
    columns = list(frame.to_numpy().T) if is_one_block else [frame[name].to_numpy() for name in frame.columns]
    arrays = dict(zip(roles.needed, columns, strict=True))
    texts = () if options.symbols else numeric if options.thousands else marked
    arrays.update({index: numbers(file, arrays[index], index) for index in texts})
    return arrays


def _diagnosed(file: TableFile, error: Exception) -> Exception:
    """Return the refusal of a file that pandas does not read, with the row that is to blame if there is one."""
    file.source.finish()
    measured, ahead = _count_rows(file)
    diagnose(file, rows=measured if ahead else None)
    _check_ahead(file, measured, ahead)
    if isinstance(error, UnicodeError):
        return file.source.undecodable(error)
    return file.refusal(f"cannot be read as a table: {error}")


def _count_rows(file: TableFile) -> tuple[int, int]:
    """Return how many rows were measured and how many hold future covariates alone, counted line by line."""
    if not file.roles.future_covariates:
        return 0, 0
    last_measured = last = file.first_line - 1
    for number, line in file.data_lines():
        if line.strip(BLANK):
            cells, last = split_line(line, file.delimiter), number
            if any(i >= len(cells) or cells[i] not in ("", *file.options.na) for i in file.roles.targets):
                last_measured = number
    return last_measured + 1 - file.first_line, last - last_measured


def _check_ahead(file: TableFile, measured: int, ahead: int) -> None:
    """Raise RefusalError unless each row of future covariates is complete: the last `ahead` of all."""
    if not ahead:
        return
    roles = file.roles
    if not measured:
        raise file.refusal("no measured value", line=file.first_line, column=file.names[roles.channels[0]])
    future = roles.channels[len(roles.channels) - roles.future_covariates :]
    options = file.options.model_copy(update={"missing": "error"})
    try:
        strict = replace(file, options=options, roles=replace(roles, channels=future, counts=()))
        diagnose(strict, rows=measured + ahead, skip=measured)
    except RefusalError as refusal:
        problem = f"{refusal.found}, after the last measured row"
        advice = "Fill the known columns in each of these rows; the plan may end at any row."
        raise RefusalError(problem, advice=advice, **refusal.where) from None


def _without_end(file: TableFile, arrays: Arrays) -> tuple[int, list[str]]:
    """Return the number of rows without the empty ones at the end, and a note if they were more than blank lines."""
    rows = len(next(iter(arrays.values())))
    if rows == 0:
        raise file.refusal("only a header, no row of numbers", line=max(1, file.first_line - 1))
    if not all(_is_blank(column[-1]) for column in arrays.values()):
        return rows, []
    blank = with_delimiters = 0
    for line in reversed(file.source.last_lines(TAIL_BYTES)):
        if line.strip(BLANK + file.delimiter):
            break
        blank, with_delimiters = blank + 1, with_delimiters + bool(line.strip(" "))
    if blank >= rows:
        raise file.refusal("no row of numbers, only empty rows", line=file.first_line)
    return rows - blank, [f"{with_delimiters} empty rows at the end left out"] if with_delimiters else []


def _without_skipped_end(file: TableFile, rows: int) -> int:
    """Return the number of rows without those that --skip-end leaves out. Raises RefusalError if none is left."""
    left = rows - file.options.skip_end
    if left < 1:
        raise file.refusal(
            f"--skip-end {file.options.skip_end} leaves nothing of {rows} rows", expected="rows of numbers"
        )
    return left


def _is_blank(value: Any) -> bool:
    return not value.strip(BLANK) if isinstance(value, str) else bool(value != value)  # noqa: PLR0124 - NaN


def _check(file: TableFile, arrays: Arrays, alphabet: tuple[str, ...]) -> None:
    """Raise RefusalError for values without an end, rows that are short, and missing cells that are not accepted."""
    options, roles = file.options, file.roles
    rows = len(arrays[roles.channels[0]])
    has_missing = False
    for index in (*roles.channels, *roles.counts):
        column = arrays[index]
        low, high = column.min(), column.max()
        if np.isnan(low):
            has_missing = True
            low = high = np.inf if np.isinf(column).any() else 0.0
        if np.isinf(low) or np.isinf(high):
            diagnose(file, rows=rows)
    # A row that is too short shows as a missing cell, or not at all in a column that is not read.
    may_be_short = has_missing or len(roles.needed) < file.width or bool(roles.blank)
    in_doubt = file.width > 1 and may_be_short and not _has_even_rows(file, rows)
    in_doubt = in_doubt or (options.symbols and not all(map(symbols.is_symbol, alphabet)))
    if in_doubt or (has_missing and options.missing == "error"):
        diagnose(file, rows=rows)


def _has_even_rows(file: TableFile, rows: int) -> bool:
    """Return whether every row has the same number of delimiters; False if a cheap count cannot tell."""
    has_one_byte_delimiters = file.source.encoding in ("utf-8", "iso8859-1", "cp1252")
    if not has_one_byte_delimiters or file.source.facts.quotes or file.delimiter == " ":
        return False
    mark, skip, remainder = ord(file.delimiter), file.first_line - 1, b""
    with file.source.binary() as stream:
        while rows > 0 and (chunk := stream.read(CHUNK_BYTES)):
            data = remainder + chunk
            cut = data.rfind(b"\n") + 1
            if len(chunk) < CHUNK_BYTES and not data.endswith(b"\n"):
                data, cut = data + b"\n", len(data) + 1
            block, remainder = np.frombuffer(data, np.uint8, cut), data[cut:]
            ends = np.flatnonzero(block == 10)
            counts = np.diff(np.searchsorted(np.flatnonzero(block == mark), ends), prepend=0)
            counts, skip = counts[skip:], max(0, skip - len(counts))
            if (counts[:rows] != file.width - 1).any():
                return False
            rows -= len(counts)
    return rows <= 0


def _check_blank_columns(file: TableFile, arrays: Arrays) -> list[str]:
    """Return a note on the columns that looked empty, and are. Raises RefusalError for one that is not."""
    for index in file.roles.blank:
        # Padding made of other delimiters counts as empty.
        is_padding = file.names[index] == f"column_{index + 1}"
        for row, text in enumerate(arrays[index]):
            content = text.strip(BLANK if is_padding else " \t") if isinstance(text, str) else ""
            if content and content.lower() not in MISSING_WORDS:
                raise file.refusal(
                    f"{text!r} in a column whose first {len(file.sample)} rows are empty",
                    line=file.first_line + row,
                    column=file.names[index],
                    expected="an empty column",
                    fix={"columns": tuple(file.names[i] for i in file.roles.channels)},
                    advice="To take this column as a channel, name it with --column.",
                )
    names = [file.names[index] for index in file.roles.blank]
    return [f"empty columns left out: {', '.join(names)}"] if names else []


def _refuse_labels(file: TableFile, labels: NDArray[Any]) -> None:
    """Raise RefusalError for a table whose every row begins with its own name: it holds one series a row."""
    if len(labels) > 1 and len(set(labels)) == len(labels):
        raise file.refusal(
            f"every row starts with a name of its own ({labels[0]!r}, {labels[1]!r}, ...): one series a row",
            line=file.first_line,
            column=file.names[0],
            expected="one sample a row",
            fix={"layout": "wide"},
            advice="If it is one sample a row, choose the channels with --column.",
        )
