"""Forecasts as bytes: CSV, JSON or Parquet, a row for each sample and channel.

Columns: `unique_id, ds, y_hat`, then `y_hat-lo-L, y_hat-hi-L` for each level; of symbols, `p`, the
probability of the one in y_hat, then `p-X` for each symbol X. Numbers are the
shortest text that reads back to the same number. A band that is not defined is left empty. A
text cell that a spreadsheet would take for a formula gets an apostrophe in front.

A backtest as CSV: a row for each scored origin, step and channel, as it is forecast.

Columns: `unique_id, cutoff, ds, y`, then one for each NAME that is scored, then `model-lo-L, model-hi-L`
for each level of a band. `cutoff` is the stamp of the last known sample. Numbers are the shortest
text that reads back to the same number, so that every score can be taken again from the file.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from forecaster import installing
from forecaster.errors import UsageError
from forecaster.evaluation import ScoredBlock
from forecaster.forecasting.forecast import Cell, Forecast, safe_text
from forecaster.signal.signal import Signal
from forecaster.signal.time_axis import TimeAxis

Format = Literal["csv", "json", "parquet"]
# What a reader or a spreadsheet may be set to take for the end of a cell.
SEPARATORS = re.compile(r'[",;|\t\r\n]')


def encode(forecasts: Sequence[Forecast], levels: Sequence[int], form: Format) -> bytes:
    """Return the forecasts of one file as the bytes of its forecast file.

    Raises:
        OutputError: a value that is not finite.
        UsageError: Parquet asked for, and pyarrow is not installed.
    """
    ordered = sorted(set(levels))
    # Nothing to forecast from, no row: the header is then that of numbers.
    header = forecasts[0].header(ordered) if forecasts else Forecast.header_of(ordered)
    blocks = [forecast.columns(ordered) for forecast in forecasts]
    if form == "parquet":
        return _parquet(header, blocks)
    if form == "json":
        rows = (row for block in blocks for row in zip(*block, strict=True))
        text = json.dumps([dict(zip(header, row, strict=True)) for row in rows], allow_nan=False, indent=0)
        return f"{text}\n".encode()
    lines = [",".join(map(cell, header))]
    for block in blocks:
        lines += map(",".join, zip(*map(_cells, block), strict=True))
    return "\n".join([*lines, ""]).encode("utf-8", "backslashreplace")


def _cells(column: Sequence[Cell]) -> list[str]:
    """Return a column as cells."""
    # Most columns are plain floats, which need no quotes: asking each of them would double the time.
    if set(map(type, column)) == {float}:
        return list(map(repr, column))
    return list(map(cell, column))


def cell(value: Cell) -> str:
    """Return one cell, quoted where it must be; `repr` is the shortest text that reads back to the same number."""
    if value is None:
        return ""
    if not isinstance(value, str):
        return repr(value)
    return '"' + value.replace('"', '""') + '"' if SEPARATORS.search(value) else value


def require_parquet() -> None:
    """Refuse Parquet early where its writer is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError:
        hint = f"Run: {installing.command(installing.PYARROW)}"
        raise UsageError("Parquet files need pyarrow.", hint=hint) from None


def _parquet(header: Sequence[str], blocks: Sequence[Sequence[Sequence[Cell]]]) -> bytes:
    require_parquet()
    import pyarrow
    import pyarrow.parquet

    data = {name: [cell for block in blocks for cell in block[k]] for k, name in enumerate(header)}
    for name in header[2:]:
        if any(isinstance(cell, str) for cell in data[name][:1]):
            continue
        data[name] = pyarrow.array(data[name], pyarrow.float64())
    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.table(data), sink)
    result: bytes = sink.getvalue().to_pybytes()
    return result


Array = NDArray[np.float64]
# The columns before those of the forecasts; a file that begins with them is a backtest.
FIRST = ("unique_id", "cutoff", "ds", "y")


class Backtest:
    """Writes the blocks of an evaluation through `append`; the header comes with the first block.

    `levels` are those of the bands in percent, `rows` how many rows were written.
    """

    def __init__(self, append: Callable[[bytes], None], levels: Sequence[int]) -> None:
        self._append, self._levels = append, sorted(set(levels))
        self._header_written = False
        self.rows = 0

    def __call__(self, block: ScoredBlock) -> None:
        """Write a block of origins."""
        self._write_header(list(block.forecasts))
        columns = [_number_cells(values) for values in (block.y_true, *block.forecasts.values())]
        for level in self._levels:
            columns += _bounds(block.forecasts["model"], block.half_widths.get(level))
        name = cell(unique_id(block.signal, block.recording, block.origins.channel))
        time = block.signal.recordings[block.recording].time
        horizon = block.y_true.shape[1]
        for row, first in enumerate(block.origins.rows.tolist()):
            cutoff, *ahead = _stamps(time, first - 1, horizon + 1)
            values = zip(*(column[row * horizon : (row + 1) * horizon] for column in columns), strict=True)
            lines = (",".join((name, cutoff, ds, *numbers)) for ds, numbers in zip(ahead, values, strict=True))
            self._append(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
            self.rows += horizon

    def close(self, names: Sequence[str]) -> None:
        """Write the header, with the `names` of what would have been scored, if there was no block."""
        self._write_header(names)

    def _write_header(self, names: Sequence[str]) -> None:
        if not self._header_written:
            bands = [f"model-{side}-{level}" for level in self._levels for side in ("lo", "hi")]
            self._append(_line([*FIRST, *names, *bands]))
            self._header_written = True


def is_backtest(path: Path) -> bool:
    """Tell by its header a file that may be replaced: an earlier backtest, or an empty one."""
    with path.open("rb") as file:
        head = file.read(64)
    return not head or head.startswith(_line(FIRST).rstrip() + b",")


def unique_id(signal: Signal, recording: int, channel: int) -> str:
    """Return the name of a series: signal, label of the recording, and channel where there are several, as safe text.

    Of several recordings with one label the later ones get a number: stamps may begin anew in each.
    """
    labels = [run.label for run in signal.recordings]
    label = labels[recording]
    again = f"#{labels[: recording + 1].count(label)}" if Counter(labels)[label] > 1 else ""
    parts = (signal.name, label, signal.channels[channel] if len(signal.channels) > 1 else "")
    return safe_text("/".join(part for part in parts if part) + again)


def _stamps(time: TimeAxis, first: int, count: int) -> list[str]:
    """Return the stamps of `count` rows from row `first` on, as cells."""
    stamps = time.stamps(first, count).tolist()
    return [cell(stamp if isinstance(stamp, int | float) else str(stamp)) for stamp in stamps]


def _bounds(mean: Array, half_width: Array | None) -> list[list[str]]:
    """Return both sides of a band as cells, empty where the band is undefined."""
    if half_width is None:
        return [[""] * mean.size] * 2
    bounds = (_number_cells(mean - half_width), _number_cells(mean + half_width))
    return [["" if text == "nan" else text for text in cells] for cells in bounds]


def _number_cells(values: Array) -> list[str]:
    # `repr` is the shortest text that reads back to the same number.
    return [repr(value) for value in values.ravel().tolist()]


def _line(cells: Sequence[str]) -> bytes:
    return (",".join(cells) + "\n").encode("utf-8", "backslashreplace")
