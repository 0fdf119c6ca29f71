"""Forecasts as bytes: CSV, JSON or Parquet, a row for each sample and channel.

Columns: `unique_id, ds, y_hat`, then `y_hat-lo-L, y_hat-hi-L` for each level; of symbols, `p`, the
probability of the one in y_hat, then `p-X` for each symbol X. Numbers are the
shortest text that reads back to the same number. A band that is not defined is left empty. A
text cell that a spreadsheet would take for a formula gets an apostrophe in front.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from forecaster import installing
from forecaster.errors import OutputError, UsageError, printable

if TYPE_CHECKING:
    from forecaster.forecasting.forecast import Forecast

Format = Literal["csv", "json", "parquet"]
Cell = str | int | float | None
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def encode(forecasts: Sequence[Forecast], levels: Sequence[int], form: Format) -> bytes:
    """Return the forecasts of one file as the bytes of its forecast file.

    Raises:
        OutputError: a value that is not finite.
        UsageError: Parquet asked for, and pyarrow is not installed.
    """
    ordered = sorted(set(levels))
    symbols = forecasts[0].symbols if forecasts else ()
    header = symbol_columns(symbols) if symbols else columns(ordered)
    blocks = [symbol_block(forecast) if symbols else _block(forecast, ordered) for forecast in forecasts]
    rows = (row for block in blocks for row in zip(*block, strict=True))
    if form == "csv":
        return _csv(header, rows)
    if form == "json":
        text = json.dumps([dict(zip(header, row, strict=True)) for row in rows], allow_nan=False, indent=0)
        return f"{text}\n".encode()
    return _parquet(header, blocks)


def columns(levels: Sequence[int]) -> list[str]:
    """Return the header.

    >>> columns([90])
    ['unique_id', 'ds', 'y_hat', 'y_hat-lo-90', 'y_hat-hi-90']
    """
    return ["unique_id", "ds", "y_hat", *(f"y_hat-{side}-{level}" for level in levels for side in ("lo", "hi"))]


def symbol_columns(symbols: Sequence[str]) -> list[str]:
    """Return the header of a forecast of symbols.

    >>> symbol_columns(["S", "C"])
    ['unique_id', 'ds', 'y_hat', 'p', 'p-S', 'p-C']
    """
    return ["unique_id", "ds", "y_hat", "p", *(safe_text(f"p-{symbol}") for symbol in symbols)]


def safe_text(text: str) -> str:
    r"""Return `text` as a cell that no spreadsheet runs, control characters escaped.

    >>> safe_text("=1+1"), safe_text("pump\n1")
    ("'=1+1", 'pump\\n1')
    """
    guarded = f"'{text}" if text.startswith(FORMULA) else text
    return printable(guarded, 4096)


def _block(forecast: Forecast, levels: Sequence[int]) -> list[list[Cell]]:
    """Return the columns of one channel's rows."""
    count = len(forecast.mean)
    block: list[list[Cell]] = [
        [safe_text(forecast.unique_id)] * count,
        stamps(forecast),
        _numbers(forecast.mean, forecast),
    ]
    for level in levels:
        band = forecast.bands.get(level)
        block += [[None] * count] * 2 if band is None else [_bounds(side, forecast) for side in band]
    return block


def symbol_block(forecast: Forecast) -> list[list[Cell]]:
    """Return the columns of one series of symbols."""
    codes, probabilities = forecast.mean.astype(np.int64), _probabilities(forecast)
    return [
        [safe_text(forecast.unique_id)] * len(codes),
        stamps(forecast),
        [safe_text(forecast.symbols[code]) for code in codes],
        _numbers(probabilities[np.arange(len(codes)), codes], forecast),
        *(_numbers(column, forecast) for column in probabilities.T),
    ]


def _probabilities(forecast: Forecast) -> NDArray[np.float64]:
    """Return the probabilities (H, K) of a forecast of symbols."""
    if forecast.probabilities is None:
        raise OutputError(f"The forecast of {printable(forecast.unique_id)} has no probabilities.")
    return forecast.probabilities


def stamps(forecast: Forecast) -> list[Cell]:
    """Return the time stamps of a forecast as plain Python values."""
    found = forecast.time.stamps(forecast.first, len(forecast.mean))
    listed = found.tolist() if isinstance(found, np.ndarray) else list(found)
    return [value if isinstance(value, int | float) else str(value) for value in listed]


def _numbers(values: object, forecast: Forecast) -> list[Cell]:
    """Return finite numbers as Python floats; refuse anything else before a byte is written."""
    array = np.asarray(values, dtype=np.float64)
    if not np.isfinite(array).all():
        step = int(np.flatnonzero(~np.isfinite(array))[0]) + 1
        raise OutputError(f"The forecast of {printable(forecast.unique_id)} is not finite from step {step} on.")
    found: list[Cell] = array.tolist()
    return found


def _bounds(values: object, forecast: Forecast) -> list[Cell]:
    """Return one side of a band, None at the steps that have none."""
    array = np.asarray(values, dtype=np.float64)
    numbers = _numbers(np.nan_to_num(array, nan=0.0, posinf=np.inf, neginf=-np.inf), forecast)
    return [None if missing else value for value, missing in zip(numbers, np.isnan(array).tolist(), strict=True)]


def _csv(header: Sequence[str], rows: Iterator[tuple[Cell, ...]]) -> bytes:
    lines = [",".join(map(cell, header)), *(",".join(map(cell, row)) for row in rows), ""]
    return "\n".join(lines).encode("utf-8", "backslashreplace")


def cell(value: Cell) -> str:
    """Write one cell, quoted where it must be."""
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
