"""Forecasts as bytes: CSV, JSON or Parquet, a row for each sample and channel.

Columns: `unique_id, ds, y_hat`, then `y_hat-lo-L, y_hat-hi-L` for each level; of symbols, `p`, the
probability of the one in y_hat, then `p-X` for each symbol X. Numbers are the
shortest text that reads back to the same number. A band that is not defined is left empty. A
text cell that a spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from forecaster import installing
from forecaster.errors import UsageError
from forecaster.forecasting.forecast import Cell, Forecast

Format = Literal["csv", "json", "parquet"]


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
    return '"' + value.replace('"', '""') + '"' if "," in value or '"' in value else value


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
