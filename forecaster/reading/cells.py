"""What one cell's text is: a number, a stamp, a word for missing, or plain text."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import lru_cache

PATTERNS = {
    ".": re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"),
    ",": re.compile(r"[ \t]*[+-]?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"),
}
_MISSING = "nan na n/a #n/a null none nil missing inf -inf +inf infinity -infinity ? - -- * #num! #div/0! #value! nat"
DATE = (
    r"(?:(?P<Y>\d{4})(?P<a>[-/.])(?P<M>\d{1,2})(?P=a)(?P<D>\d{1,2})"
    r"|(?P<p>0?[1-9]|[12]\d|3[01])(?P<b>[-/.])(?P<q>0?[1-9]|[12]\d|3[01])(?P=b)(?P<y>\d{4}|\d{2})"
    r"|(?P<d>\d{1,2})(?P<c>[- ])(?P<mon>[A-Za-z]{3})(?P=c)(?P<yy>\d{4}))"
)
TIME = (
    r"(?P<h>\d{1,2})(?P<t>[:.])(?P<m>\d{2})(?:(?P=t)(?P<s>\d{2})(?:(?P<f>[.,:])(?P<frac>\d{1,9})\d*)?)?"
    r"(?P<ap>[ ]?[AaPp][Mm])?"
)
OFFSET = r"(?P<z>[ ]?(?:Z|UTC|[+-]\d{2}:?\d{2}))?"
STAMP = re.compile(rf"[ ]*{DATE}(?P<g>[T ]|, ?){TIME}{OFFSET}[ ]*", re.ASCII)
DAY = re.compile(rf"[ ]*(?:{DATE}|(?P<ym>\d{{4}}-\d{{2}}))[ ]*", re.ASCII)
CLOCK = re.compile(rf"[ ]*{TIME}[ ]*", re.ASCII)

DATA_KINDS = ("number", "stamp", "day", "clock")

_UNITS = (
    "g mg m/s^2 m/s2 m/s² m/s**2 ms-2 mm/s mm/s2 m/s km/h m mm cm µm um nm km V mV µV uV kV A mA µA uA kA W kW MW "
    "VA Wh kWh MWh J Pa hPa kPa MPa bar mbar psi N kN Nm N·m °C degC °F degF K C F % %RH rpm 1/min Hz kHz MHz deg ° "
    "°/s deg/s rad rad/s dps µT uT mT T G lux lx dB dBA ppm ppb s ms µs us ns min h um/m µm/m µε ue l/min m3/h kg t "
    "Ohm Ω kΩ pC e"
)
MISSING_WORDS, UNITS = frozenset(_MISSING.split()), frozenset(_UNITS.split())
UNIT = re.compile(r"(?P<name>.*?\S)\s*[(\[](?P<unit>[^()\[\]]{1,16})[)\]]\s*")


@lru_cache(maxsize=65536)
def kind(text: str, decimal: str = ".") -> str:
    """Return what a cell holds: number, empty, missing, stamp, day, clock or text.

    >>> [kind(cell) for cell in ("1.5e3", "", "NaN", "2022-08-05T15.26.13.153", "18.00.00", "0x1A")]
    ['number', 'empty', 'missing', 'stamp', 'clock', 'text']
    """
    if PATTERNS[decimal].fullmatch(text):
        return "number"
    stripped = text.strip()
    if not stripped:
        return "empty"
    if stripped.lower() in MISSING_WORDS:
        return "missing"
    if len(stripped) > 64:
        return "text"
    for name, pattern in (("stamp", STAMP), ("day", DAY), ("clock", CLOCK)):
        if pattern.fullmatch(stripped):
            return name
    return "text"


def column_kind(cells: list[str], decimal: str) -> str:
    """Return what most of a column's cells hold; only missing words count as a column of numbers."""
    counts = Counter(kind(cell, decimal) for cell in cells)
    filled = sum(counts.values()) - counts["empty"]
    if not filled:
        return "empty"
    for what in DATA_KINDS:
        if what == "day" and counts["clock"] > counts["day"]:
            continue
        if what == "clock":  # 18.05.10 counts as a day by itself
            counts["clock"] += counts["day"]
        if counts[what] and counts[what] >= (filled - counts["missing"]) / 2:
            return what
    return "number" if counts["missing"] == filled else "text"


def unit_of(header: str) -> tuple[str, str]:
    """Split a header into name and unit; a bracket that holds no known unit belongs to the name.

    >>> unit_of("x-axis (g)"), unit_of("acc [m/s^2]"), unit_of("CO(GT)")
    (('x-axis', 'g'), ('acc', 'm/s^2'), ('CO(GT)', ''))
    """
    match = UNIT.fullmatch(header.strip())
    if match and match["unit"].strip() in UNITS:
        return match["name"], match["unit"].strip()
    return header.strip(), ""


def same_unit(unit: str, other: str) -> bool:
    """Tell whether two units are one in any spelling: m/s^2, m/s**2 and m/s²; µm and um; degC and °C.

    >>> same_unit("m/s^2", "m/s**2"), same_unit("mg", "g"), same_unit("mW", "MW")
    (True, False, False)
    """
    return unit == other or _plain(unit) == _plain(other)


def _plain(unit: str) -> str:
    folded = unicodedata.normalize("NFKC", unit).replace("μ", "u").replace("deg", "°")
    return re.sub(r"[\s^*·⋅]", "", folded)
