"""The fast path: one call of the C reader, and cheap checks of all that it accepts without a word."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.reading import careful, future, symbols
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source

CHUNK_BYTES = 1 << 23
TAIL_BYTES = 1 << 20

Arrays = dict[int, NDArray[Any]]


@dataclass
class Table:
    """Columns as read: `values` (T, C) with NaN where a cell is missing; raw `time` and `group` columns.

    `alphabet` has the symbols where the values are places in it. The last `ahead` rows hold what is
    known of the future. `counts` has the columns that count the rows.
    """

    values: NDArray[np.float64]
    time: tuple[NDArray[Any], ...]
    group: NDArray[Any] | None
    first_line: int
    notes: tuple[str, ...] = ()
    alphabet: tuple[str, ...] = ()
    ahead: int = 0
    counts: tuple[tuple[int, NDArray[np.float64]], ...] = ()

    def __len__(self) -> int:
        return len(self.values)


def load(source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions) -> Table:
    """Read the needed columns. Raises SignalError with the line and column of the first offence."""
    try:
        arrays = _parse(source, sniffed, roles, options)
    except (ValueError, OverflowError, Warning) as error:
        source.finish()
        counts = future.counted(source, sniffed, roles, options)
        careful.explain(source, sniffed, roles, options, rows=counts[0] if counts[1] else None)
        future.check(source, sniffed, roles, options, counts=counts)
        if isinstance(error, UnicodeError):
            raise source.undecodable(error) from None
        raise RefusalError(f"cannot be read as a table: {error}", path=source.path) from None
    facts = source.finish()
    if facts.quotes:
        careful.check_quotes(source, sniffed)
    rows, notes = _without_end(source, sniffed, arrays)
    arrays = {index: column[:rows] for index, column in arrays.items()}
    alphabet: tuple[str, ...] = ()
    if options.symbols:
        index = roles.channels[0]
        arrays[index], alphabet = symbols.coded(arrays[index], options)
    ahead = future.rows(roles, arrays)
    measured = {index: column[: rows - ahead] for index, column in arrays.items()}
    future.check(source, sniffed, roles, options, counts=(rows - ahead, ahead))
    _check(source, sniffed, roles, arrays=measured, options=options, alphabet=alphabet)
    notes += _empty_columns(source, sniffed, roles, arrays)
    table = _collected(sniffed, roles, arrays, notes)
    table.ahead = ahead
    if options.symbols:
        symbols.check_alphabet(alphabet, rows, path=source.path, column=sniffed.names[roles.channels[0]])
        table.alphabet = alphabet
    return table


def _parse(source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions) -> Arrays:
    """Call pandas: float64 for channels makes it refuse every cell that is not a number."""
    import pandas as pd

    needed = roles.needed
    dtypes: dict[int, Any] = dict.fromkeys(needed, object)
    as_text = options.symbols or options.thousands
    dtypes.update(dict.fromkeys((*roles.channels, *roles.counts), object if as_text else np.float64))
    for index in roles.time:
        if sniffed.kinds[index] == "number" and options.time_format is None:
            del dtypes[index]  # the reader tells integers from fractions: nanoseconds need all 64 bits
    file, skipped = source.parsed(sniffed.first_line - 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = pd.read_csv(
            file,
            skiprows=skipped,
            compression=None,
            sep=r"\s+" if sniffed.delimiter == " " else sniffed.delimiter,
            decimal=sniffed.decimal,
            header=None,
            names=list(range(sniffed.width)),
            usecols=None if len(needed) == sniffed.width else list(needed),
            index_col=False,
            skip_blank_lines=False,
            dtype=dtypes,
            keep_default_na=False,
            na_values=["", *options.na],
            encoding=source.encoding,
        )
    arrays = dict(zip(needed, _columns(frame), strict=True))
    if options.thousands and not options.symbols:
        numbers = (*roles.channels, *roles.counts)
        arrays.update({index: careful.with_thousands(arrays[index], sniffed, options) for index in numbers})
    return arrays


def _columns(frame: Any) -> list[NDArray[Any]]:
    """Return the columns of a frame as arrays; of one block they are views, not copies."""
    if len(set(frame.dtypes)) == 1:
        return list(frame.to_numpy().T)
    return [frame[name].to_numpy() for name in frame.columns]


def _without_end(source: Source, sniffed: Sniffed, arrays: Arrays) -> tuple[int, tuple[str, ...]]:
    """Return the rows without the empty ones at the end, and a note if they were more than blank lines."""
    rows = len(next(iter(arrays.values())))
    if rows == 0:
        raise RefusalError("only a header, no row of numbers", path=source.path, line=max(1, sniffed.first_line - 1))
    if not all(_is_blank(column[-1]) for column in arrays.values()):
        return rows, ()
    blank, marked = _blank_end(source, sniffed.delimiter)
    if blank >= rows:
        raise RefusalError("no row of numbers, only empty rows", path=source.path, line=sniffed.first_line)
    return rows - blank, (f"{marked} empty rows at the end left out",) if marked else ()


def _is_blank(value: Any) -> bool:
    return not value.strip(",; \t") if isinstance(value, str) else bool(value != value)  # noqa: PLR0124 - NaN


def last_lines(source: Source, most: int) -> list[str]:
    """Return the lines of the last `most` bytes; the first of them may lack its start."""
    with source.binary() as file:
        file.seek(max(0, source.size - most))
        text = file.read().decode(source.encoding, errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _blank_end(source: Source, delimiter: str) -> tuple[int, int]:
    """Count the last rows without any content, and those of them that hold delimiters."""
    blank = marked = 0
    for line in reversed(last_lines(source, TAIL_BYTES)):
        if line.strip(",; \t" + delimiter):
            break
        blank, marked = blank + 1, marked + bool(line.strip(" "))
    return blank, marked


def _check(
    source: Source,
    sniffed: Sniffed,
    roles: Roles,
    *,
    arrays: Arrays,
    options: ReadingOptions,
    alphabet: tuple[str, ...] = (),
) -> None:
    """Settle suspicions: values that are not finite, rows that may be short, columns that were not read."""
    rows = len(arrays[roles.channels[0]])
    missing = False
    for index in (*roles.channels, *roles.counts):
        column = arrays[index]
        low, high = column.min(), column.max()
        if np.isinf(low) or np.isinf(high):
            careful.explain(source, sniffed, roles, options, rows=rows)
        if np.isnan(low):
            missing = True
            if np.isinf(column).any():
                careful.explain(source, sniffed, roles, options, rows=rows)
    partial = len(roles.needed) < sniffed.width
    doubtful = sniffed.width > 1 and (missing or partial or roles.blank) and not _even_widths(source, sniffed, rows)
    doubtful = doubtful or (options.symbols and not all(map(symbols.is_symbol, alphabet)))
    if doubtful or (missing and options.missing == "error"):
        careful.explain(source, sniffed, roles, options, rows=rows)


def _even_widths(source: Source, sniffed: Sniffed, rows: int) -> bool:
    """Tell cheaply whether every row has the same number of delimiters; False if in doubt."""
    plain = source.encoding in ("utf-8", "iso8859-1", "cp1252")
    if not plain or source.facts.quotes or sniffed.delimiter == " ":
        return False
    mark, skip, rest = ord(sniffed.delimiter), sniffed.first_line - 1, b""
    with source.binary() as file:
        while rows > 0 and (chunk := file.read(CHUNK_BYTES)):
            data = rest + chunk
            cut = data.rfind(b"\n") + 1
            if len(chunk) < CHUNK_BYTES and not data.endswith(b"\n"):
                data, cut = data + b"\n", len(data) + 1
            block, rest = np.frombuffer(data, np.uint8, cut), data[cut:]
            ends = np.flatnonzero(block == 10)
            counts = np.diff(np.searchsorted(np.flatnonzero(block == mark), ends), prepend=0)
            counts, skip = counts[skip:], max(0, skip - len(counts))
            if (counts[:rows] != sniffed.width - 1).any():
                return False
            rows -= len(counts)
    return rows <= 0


def _empty_columns(source: Source, sniffed: Sniffed, roles: Roles, arrays: Arrays) -> tuple[str, ...]:
    """Check that columns which looked empty are; padding made of other delimiters counts as empty."""
    for index in roles.blank:
        padding = sniffed.names[index] == f"column_{index + 1}"
        for row, text in enumerate(arrays[index]):
            if isinstance(text, str) and text.strip(",; \t" if padding else " \t"):
                raise RefusalError(
                    f"{text!r} in a column whose first {len(sniffed.sample)} rows are empty",
                    path=source.path,
                    line=sniffed.first_line + row,
                    column=sniffed.names[index],
                    expected="an empty column",
                    fix={"columns": tuple(sniffed.names[i] for i in roles.channels)},
                    advice="To take this column as a channel, name it with --column.",
                )
    names = [sniffed.names[index] for index in roles.blank]
    return (f"empty columns left out: {', '.join(names)}",) if names else ()


def _collected(sniffed: Sniffed, roles: Roles, arrays: Arrays, notes: tuple[str, ...]) -> Table:
    if roles.label is not None:
        _refuse_labels(sniffed, arrays[roles.label])
    channels = [arrays[index] for index in roles.channels]
    values = channels[0].reshape(-1, 1) if len(channels) == 1 else np.stack(channels).T
    time = tuple(arrays[index] for index in roles.time)
    group = None if roles.group is None else arrays[roles.group]
    counts = tuple((index, arrays[index]) for index in roles.counts)
    return Table(values, time, group, sniffed.first_line, notes, counts=counts)


def _refuse_labels(sniffed: Sniffed, labels: NDArray[Any]) -> None:
    """Refuse a table whose every row begins with its own name: it holds one series a row."""
    if len(labels) > 1 and len(set(labels)) == len(labels):
        raise RefusalError(
            f"every row starts with a name of its own ({labels[0]!r}, {labels[1]!r}, ...): one series a row",
            line=sniffed.first_line,
            column=sniffed.names[0],
            expected="one sample a row",
            fix={"layout": "wide"},
            advice="If it is one sample a row, choose the channels with --column.",
        )


def suspect_code(values: NDArray[np.float64]) -> float | None:
    """Return a value that is likely a code for missing: the same far-off whole number, again and again.

    It must be the least or the greatest value of two columns (of one, where it is a customary
    code such as -999), stand in each at least twice, and lie in one of them further from the
    rest than the rest is wide.
    """
    found: dict[float, tuple[int, bool]] = {}
    for column in values.T:
        for code in (column.min(), column.max()):
            if not abs(code) >= 99 or code != np.round(code):  # NaN is not either
                continue
            rest = column[(column != code) & ~np.isnan(column)]
            if len(column) - len(rest) < 2 or not len(rest):
                continue
            far = min(abs(code - rest.min()), abs(code - rest.max())) > np.ptp(rest)
            count, seen = found.get(float(code), (0, False))
            found[float(code)] = (count + 1, seen or bool(far))
    customary = {-99.0, -999.0, -9999.0, -99999.0, 999.0, 9999.0, 99999.0, -32768.0, -200.0}
    likely = [code for code, (count, far) in found.items() if far and (count > 1 or code in customary)]
    return likely[0] if likely else None
