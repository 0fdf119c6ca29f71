"""One value a row, beside the name of its channel: `--layout long --group-column NAME`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.reading import recordings
from forecaster.reading.file import InputFile, Table
from forecaster.reading.formats.columns import text_table
from forecaster.reading.recordings import Reading
from forecaster.reading.regular import Track

# Channels are filled in where they lack fewer of their values than this leaves.
LEAST_SHARED = 0.8


def read(file: InputFile) -> Reading:
    """Return the reading of a text with one value a row. Raises RefusalError."""
    table = text_table(file)
    channels, values, t = pivot(table)
    block = recordings.blocks(None, len(values), file.options)
    return recordings.reading(table, Track(table.file, values, block, table.stamps, t, ahead=table.ahead), channels)


def pivot(table: Table) -> tuple[tuple[str, ...], NDArray[np.float64], NDArray[Any] | None]:
    """Return the channels' names, their values (T, C), and the stamps (T,) that they share.

    Raises RefusalError for channels that do not share them.
    """
    file, options = table.file, table.file.options
    if table.group is None:
        expected = "the column that holds the channels' names"
        raise file.refusal("--layout long without --group-column", expected=expected)
    if len(file.roles.channels) != 1:
        problem = f"{len(file.roles.channels)} columns of values"
        raise file.refusal(problem, expected="one: choose it with --column")
    labels = [str(label).strip() for label in table.group]
    names = tuple(dict.fromkeys(labels))
    code = {name: k for k, name in enumerate(names)}
    codes = np.array([code[label] for label in labels])
    column = table.values[:, 0]
    if table.stamps is None:
        return names, _stacked(table, codes, names), None
    stamps, place = np.unique(table.stamps.values, return_inverse=True)
    values, count = np.zeros((len(stamps), len(names))), np.zeros((len(stamps), len(names)), np.int64)
    if options.duplicates == "first":
        _, first = np.unique(place * len(names) + codes, return_index=True)
        place, codes, column = place[first], codes[first], column[first]
    np.add.at(values, (place, codes), column)
    np.add.at(count, (place, codes), 1)
    _refuse_uneven(table, names, count, place=place, codes=codes)
    with np.errstate(invalid="ignore"):
        return names, np.where(count > 0, values / count, np.nan), stamps


def _refuse_uneven(
    table: Table, names: tuple[str, ...], count: NDArray[np.int64], *, place: NDArray[Any], codes: NDArray[Any]
) -> None:
    """Raise RefusalError if a channel has several values at a stamp or none, and no option accepts that.

    `count` (T, C) has the number of values; `place` and `codes` say for each row which stamp and channel it is of.
    """
    file, options = table.file, table.file.options
    if options.duplicates == "error" and count.max() > 1:
        stamp, channel = np.argwhere(count > 1)[0]
        raise file.refusal(
            "the same stamp twice for one channel",
            line=file.first_line + int(np.flatnonzero((place == stamp) & (codes == channel))[1]),
            column=names[channel],
            expected="one row a stamp and channel",
            fix={"duplicates": "mean"},
        )
    if options.missing == "error" and (count == 0).any():
        stamp, channel = np.argwhere(count == 0)[0]
        # Channels that hardly share a stamp were measured at times of their own.
        share = float((count > 0).mean())
        raise file.refusal(
            f"no value at the {stamp + 1}. stamp ({int((count == 0).sum())} missing)",
            column=names[channel],
            expected="every channel at every stamp",
            fix={"missing": "interpolate"} if share > LEAST_SHARED else {},
            advice="" if share > LEAST_SHARED else "Write each channel, with its own stamps, into a file of its own.",
        )


def _stacked(table: Table, codes: NDArray[Any], names: tuple[str, ...]) -> NDArray[np.float64]:
    """Return the values (T, C) of channels without stamps: row k of each stands in row k."""
    channels = [table.values[codes == code, 0] for code in range(len(names))]
    if len({len(values) for values in channels}) > 1:
        sizes = ", ".join(f"{name!r} {len(values)}" for name, values in zip(names[:5], channels, strict=False))
        problem = f"channels of different lengths ({sizes})"
        raise table.file.refusal(problem, expected="a time column, or equal lengths")
    return np.column_stack(channels)
