"""What the name and the sample of one column say of it: a time, a ramp, an index, numbers."""

from __future__ import annotations

import re
from itertools import pairwise

from forecaster.reading.cells import PATTERNS, unit_of
from forecaster.reading.dialect import Sniffed
from forecaster.reading.time_units import other_unit

_TIME = (
    "time timestamp timestamps date ds datetime datetimes epoc epoch unix unixtime elapsed elapsedtime seconds "
    "secondselapsed millis milliseconds xvalue zeit zeitstempel datum uhrzeit temps fecha hora "
    "utc timeutc utctime dateandtime dateutc datetimeutc times timesec timems timeus timens localtime recordtime "
    "sampletime year timeseconds"
)
_SHORT_TIME = "t s sec secs ms us ns ts tms tus tns tsec"  # may name other things: they must rise too
_INDEX = (
    "index idx i n no nr number # row record sample samples samplenumber unnamed counter count cnt point recno scan id"
)
TIME_NAMES, SHORT_TIME_NAMES = frozenset(_TIME.split()), frozenset(_SHORT_TIME.split())
INDEX_NAMES = frozenset(["", *_INDEX.split()])
AMBIGUOUS = frozenset(["temps"])
"""Time in French, temperatures in English: a unit tells."""


def letters(name: str) -> str:
    """Return a header's letters alone, without unit, number or case."""
    return "".join(re.findall("[a-z#]+", re.sub(r"[(\[].*?[)\]]| #\d+$", "", name.lower())))


def is_time(sniffed: Sniffed, index: int) -> bool:
    """Tell a time column: by what it holds, by its name, or, without a header, by being a ramp in front."""
    kind, name = sniffed.kinds[index], letters(sniffed.names[index])
    if kind in ("stamp", "day", "clock"):
        return True
    if kind not in ("number", "empty"):
        return False
    if not sniffed.header or (name == "column" and sniffed.names[index] == "column_1"):
        first = kind == "number" and index == 0 and sniffed.width > 1
        return first and is_ramp(sniffed, index) and not is_index(sniffed, index)
    if _is_measured(sniffed.names[index], name):
        return False
    if name in TIME_NAMES:
        return True
    hints = name.startswith(("time", "epoch")) or name.endswith("time") or "timestamp" in name
    return (hints or name in SHORT_TIME_NAMES) and kind == "number" and is_ramp(sniffed, index, jitter=10.0)


def _is_measured(header: str, name: str) -> bool:
    """Tell by its unit a column that only sounds like a time: s [mm], T [°C], Temps [°C]."""
    other = other_unit(header)
    return bool(other) and (bool(unit_of(header)[1]) or name not in TIME_NAMES - AMBIGUOUS)


def numbers_of(sniffed: Sniffed, index: int) -> list[float]:
    """Return the numbers of a column's sample; none where more than a tenth of its cells are no numbers."""
    cells = [row[index] for row in sniffed.sample if index < len(row)]
    good = [c for c in cells if PATTERNS[sniffed.decimal].fullmatch(c)]
    return [float(c.replace(",", ".")) for c in good] if len(good) >= 0.9 * len(cells) else []


def is_ramp(sniffed: Sniffed, index: int, jitter: float = 0.3) -> bool:
    """Tell whether the sample rises steadily."""
    numbers = numbers_of(sniffed, index)
    steps = [b - a for a, b in pairwise(numbers)]
    if len(steps) < 2 or min(steps) <= 0:
        return False
    middle = sorted(steps)[len(steps) // 2]
    return max(abs(s - middle) for s in steps) <= jitter * middle


def is_index(sniffed: Sniffed, index: int) -> bool:
    """Tell a column that counts rows: named like one and stepping by one."""
    named = letters(sniffed.names[index]) in INDEX_NAMES or sniffed.names[index] == f"column_{index + 1}"
    numbers = numbers_of(sniffed, index)
    counts = len(numbers) > 2 and all(b - a == 1 for a, b in pairwise(numbers))
    return sniffed.header and named and counts
