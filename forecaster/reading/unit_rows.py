"""A row of units between the names and the data, as oscilloscopes and loggers write it."""

from __future__ import annotations

import re

from forecaster.config import ReadingOptions
from forecaster.reading.cells import DATA_KINDS, UNITS, column_kind, kind, unit_of
from forecaster.reading.time_units import IN_BRACKETS, SECONDS
from forecaster.reading.time_units import UNITS as TIME_WORDS

_WORDS = {
    "V": "volt volts",
    "mV": "millivolt millivolts",
    "A": "ampere amperes amp amps",
    "mA": "milliampere milliamperes milliamp milliamps",
    "W": "watt watts",
    "kW": "kilowatt kilowatts",
    "Hz": "hertz",
    "°C": "deg_c degc °c celsius",
    "°F": "deg_f degf °f fahrenheit",
    "K": "kelvin",
    "deg": "degree degrees",
    "%": "percent",
    "Pa": "pascal pascals",
    "N": "newton newtons",
    "m": "meter meters metre metres",
    "m/s": "meters/second metres/second",
    "": "- -- 1 none unitless ts rn",  # the last two: a logger's stamp and the number of its record
}
WORDS = {word: unit for word, unit in TIME_WORDS.items() if word not in IN_BRACKETS | SECONDS.keys()}
WORDS.update({word: unit for unit, words in _WORDS.items() for word in words.split()})
WORDS.update({"deg c": "°C", "degrees c": "°C", "degrees celsius": "°C", "deg f": "°F", "degrees f": "°F"})
_PROCESSED = "Avg Smp Max Min Tot Std TMx TMn Med WVc Cov Mom"
PROCESSED = frozenset(_PROCESSED.split())
TIMES = frozenset([*SECONDS, "µs"])
BRACKETED = re.compile(r"[(\[]([^()\[\]]{1,16})[)\]]")
FORMAT = re.compile(r"(?=.{4})(?:[yY]{2,4}|[mM]{2,3}|[dD]{2}|[hH]{2}|[sS]{2,3}|[-/.: T])+")
POWER = re.compile(r"(?:\^|\*\*)?-?[0-9]$|[²³]$")


def merged(
    rows: list[list[str]], start: int, decimal: str, options: ReadingOptions
) -> tuple[list[list[str]], int, tuple[str, ...]]:
    """Join a row of units to the names above it; return the rows, where the data start, and a note of it."""
    found = above(rows, start, decimal) if start else None
    if found is None or found[0] or any(cell.strip() in options.na for cell in rows[1] if cell.strip()):
        return rows, start, ()
    note = f"line {options.skip_rows + 2} holds the units"
    return [joined(rows[0], rows[1]), *rows[1:]], found[1], (note,)


def unit(cell: str) -> str | None:
    """Return the unit that a cell is, "" where it says that there is none, None where it is something else.

    >>> [unit(cell) for cell in ("(ms)", "Volt", "W/m^2", "[-]", "yyyy-mm-dd", "(1.5)", "Anna")]
    ['ms', 'V', 'W/m^2', '', '', None, None]
    """
    text = cell.strip().replace("\u03bc", "\u00b5")  # the Greek letter for the sign
    inner = BRACKETED.fullmatch(text)
    plain = inner[1].strip() if inner else text
    if kind(text) == "number":
        return None
    if plain in UNITS or all(POWER.sub("", part) in UNITS for part in re.split(r"[/*·]", plain)):
        return plain
    if not plain or plain.lower() in WORDS or FORMAT.fullmatch(plain):
        return WORDS.get(plain.lower(), "")
    return plain if inner and kind(plain) == "text" else None


def above(rows: list[list[str]], start: int, decimal: str) -> tuple[int, int] | None:
    """Return the row of names that a row of units follows, and the row of the first data; None where none does.

    `start` is where the data seem to begin; names that are numbers may have drawn it up to the units.
    """
    first = start
    if unit_row(rows[start]):
        first += 1
    while first < len(rows) and _passed(rows[first]):
        first += 1
    units = min(start, first - 1)
    while units > 0 and _passed(rows[units]):
        units -= 1
    if first == len(rows) or units < 1 or not unit_row(rows[units]):
        return None
    return (units - 1, first) if _named(rows[units - 1], rows[units], rows[first:], decimal) else None


def unit_row(row: list[str]) -> bool:
    """Tell a row of units: nothing but units, and at least one; or one that a logger marks as such."""
    return row[0].strip() == "TS" or (all(unit(cell) is not None for cell in row) and any(map(unit, row)))


def _passed(row: list[str]) -> bool:
    """Tell what may stand between units and data: nothing, or how a logger processed its values."""
    return all(not cell.strip() or cell.strip() in PROCESSED for cell in row)


def _named(names: list[str], units: list[str], data: list[list[str]], decimal: str) -> bool:
    """Tell whether every unit has a name above it, and numbers or stamps below; the time may lack its name."""
    words = [kind(cell, decimal) for cell in names]
    if "text" not in words or not set(words) <= {"text", "number", "empty"} or not _wide(names, units, data[0]):
        return False
    for column, cell in enumerate(units):
        if not unit(cell):
            continue
        nameless = column >= len(names) or not names[column].strip()
        if nameless and not (column == 0 and unit(cell) in TIMES):
            return False
        what = column_kind([row[column] for row in data if column < len(row)], decimal)
        if what not in DATA_KINDS and what != "empty":
            return False
    return True


def _wide(names: list[str], units: list[str], data: list[str]) -> bool:
    """Tell whether the names are as many as the fields of a row, but for an empty end, and the units no more."""
    return _filled(names) >= _filled(units) and (len(names) == len(data) or _filled(names) >= _filled(data))


def _filled(row: list[str]) -> int:
    """Return the number of cells up to the last that holds something."""
    return max((column for column, cell in enumerate(row, start=1) if cell.strip()), default=0)


def joined(names: list[str], units: list[str]) -> list[str]:
    """Return the names with their units: `name [unit]`, as the reader understands it.

    >>> joined(["Time", "Channel A", "n", "T (C)"], ["(ms)", "Volt", "", "C"])
    ['Time [ms]', 'Channel A [V]', 'n', 'T (C)']
    """
    found = [unit(cell) or "" for cell in units] + [""] * (len(names) - len(units))
    whole = list[str]()
    for column, (name, what) in enumerate(zip(names, found, strict=False)):
        plain = name.strip()
        if column == 0 and what in TIMES and plain.lower() in ("", "x", "x-axis", "x axis"):
            plain = f"{plain} time".strip()  # an oscilloscope's axis
        whole.append(f"{plain} [{what}]" if what and not unit_of(plain)[1] else plain)
    return whole
