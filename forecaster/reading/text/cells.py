"""What a text says: a cell as a number, a stamp or a word for missing; a header as a name and a unit."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from forecaster.reading.source import LINE_CHARACTERS
from forecaster.signal.units import is_unit

# A long cell is refused for what it holds, not for its length.
csv.field_size_limit(max(LINE_CHARACTERS, csv.field_size_limit()))

# What a number looks like, by its decimal mark.
PATTERNS = {
    ".": re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"),
    ",": re.compile(r"[ \t]*[+-]?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*"),
}
_MISSING = "nan na n/a #n/a null none nil missing inf -inf +inf infinity -infinity ? - -- * #num! #div/0! #value! nat"
DATE = (
    r"(?:(?P<Y>\d{4})(?P<a>[-/.])(?P<M>\d{1,2})(?P=a)(?P<D>\d{1,2})"
    r"|(?P<p>0?[1-9]|[12]\d|3[01])(?P<b>[-/.])(?P<q>0?[1-9]|[12]\d|3[01])(?P=b)(?P<y>\d{4}|\d{2})"
    r"|(?P<d>\d{1,2})(?P<c>[- ])(?P<mon>[A-Za-z]{3})(?P=c)(?P<yy>\d{4}|\d{2}))"
)
TIME = (
    r"(?P<h>\d{1,2})(?P<t>[:.])(?P<m>\d{2})(?:(?P=t)(?P<s>\d{2})(?:(?P<f>[.,:])(?P<frac>\d{1,9})\d*)?)?"
    r"(?P<ap>[ ]?[AaPp][Mm])?"
)
OFFSET = r"(?P<z>[ ]?(?:Z|UTC|[+-]\d{2}(?::?\d{2})?)(?:\[[A-Za-z_/+-]+\])?)?"
STAMP = re.compile(rf"[ ]*{DATE}(?P<g>[T ]|, ?){TIME}{OFFSET}[ ]*", re.ASCII)
DAY = re.compile(rf"[ ]*(?:{DATE}|(?P<ym>\d{{4}}-\d{{2}}))[ ]*", re.ASCII)
CLOCK = re.compile(rf"[ ]*{TIME}[ ]*", re.ASCII)

# Months as Jan-90 or January 1990, and two stamps with words between: times, but no stamps.
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
MONTH_AND_YEAR = re.compile(rf"{_MONTH}[ -](?:\d{{4}}|\d{{2}})", re.IGNORECASE)
FROM_TO = re.compile(rf"{DATE}(?:[T ]|, ?){TIME} ?(?:to|bis|until|-|/|\.\.) ?.*\d.*", re.ASCII | re.IGNORECASE)

# The kinds of cells that a row of data holds.
DATA_KINDS = ("number", "stamp", "day", "clock")

MISSING_WORDS = frozenset(_MISSING.split())
# A unit behind a name: in square brackets, in parentheses, or behind a comma.
IN_SQUARE = re.compile(r"(?P<name>.*?\S)\s*\[(?P<unit>[^\[\]]{1,64})\]")
IN_PARENTHESES = re.compile(r"(?P<name>.*?\S)\s*\((?P<unit>[^()\[\]]{1,24})\)")
BEHIND_COMMA = re.compile(r"(?P<name>.*?[^\s,]),\s*(?P<unit>[^,]{1,24})")


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


# Spaces that part thousands: the plain one, and those at which no line breaks.
SPACES = " \u00a0\u202f\u2009"
# A sign with blanks behind it.
SIGN_APART = re.compile(r"([+-])[ \u00a0]+(?=[0-9.,])")


def mark_pattern(mark: str) -> str:
    """Return a regular expression of a mark between thousands; a blank stands for any space."""
    return f"[{SPACES}]" if mark == " " else re.escape(mark)


def mark_of(cells: Sequence[str], decimal: str) -> str | None:
    """Return what stands about the numbers of a column: "%" behind all, "" a sign apart from some; None for texts.

    >>> mark_of(["20 %", "21.5%"], "."), mark_of(["+ 20", "- 1"], "."), mark_of(["20", "20 V"], ".")
    ('%', '', None)
    """
    filled = [cell for cell in cells if kind(cell, decimal) not in ("empty", "missing")]
    for mark in ("%", ""):
        if filled and all(PATTERNS[decimal].fullmatch(without_mark(cell, mark)) for cell in filled):
            return mark
    return None


def without_mark(cell: str, mark: str) -> str:
    """Return the number of a cell without the `mark` behind it or blanks behind its sign; nothing if it lacks the mark.

    >>> without_mark("- 20.5 %", "%"), without_mark("20.5", "%"), without_mark("+ 3", "")
    ('-20.5', '', '+3')
    """
    text = cell.strip()
    return SIGN_APART.sub(r"\1", text.removesuffix(mark).rstrip(), count=1) if text.endswith(mark) else ""


def split_line(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line, quoted or not; a delimiter of one space stands for any run of white space."""
    if '"' in line:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter == " "), [""])
    return (line.split() or [""]) if delimiter == " " else line.split(delimiter)


def column_kind(cells: list[str], decimal: str) -> str:
    """Return what most cells of a column hold; a column of nothing but words for missing is one of numbers."""
    counts = Counter(kind(cell, decimal) for cell in cells)
    filled = sum(counts.values()) - counts["empty"]
    if not filled:
        return "empty"
    for candidate in DATA_KINDS:
        if candidate == "day" and counts["clock"] > counts["day"]:
            continue
        # 18.05.10 counts as a day by itself.
        if candidate == "clock":
            counts["clock"] += counts["day"]
        if counts[candidate] and counts[candidate] >= (filled - counts["missing"]) / 2:
            return candidate
    return "number" if counts["missing"] == filled else "text"


@lru_cache(maxsize=65536)
def unit_of(header: str) -> tuple[str, str]:
    """Return name and unit of a header: square brackets hold a unit, parentheses and a comma one that is known as such.

    >>> unit_of("x-axis (g)"), unit_of("acc [furlongs]"), unit_of("CO(GT)"), unit_of("Temp, inlet")
    (('x-axis', 'g'), ('acc', 'furlongs'), ('CO(GT)', ''), ('Temp, inlet', ''))
    """
    text = header.strip()
    if match := IN_SQUARE.fullmatch(text):
        return match["name"], match["unit"].strip()
    match = IN_PARENTHESES.fullmatch(text) or BEHIND_COMMA.fullmatch(text)
    if match and is_unit(match["unit"]):
        return match["name"], match["unit"].strip()
    return text, ""


def units_of(headers: Sequence[str]) -> list[tuple[str, str]]:
    """Return name and unit of each of a file's headers.

    Parentheses, or what stands behind a comma, stay a part of the name where they alone tell it from another header.

    >>> units_of(["acc (g)", "T (min)", "T (max)"])
    [('acc', 'g'), ('T (min)', ''), ('T (max)', '')]
    """
    matches = [IN_PARENTHESES.fullmatch(header.strip()) or BEHIND_COMMA.fullmatch(header.strip()) for header in headers]
    names = Counter(
        match["name"] if match else unit_of(header)[0] for header, match in zip(headers, matches, strict=True)
    )
    return [
        (header.strip(), "") if match and names[match["name"]] > 1 else unit_of(header)
        for header, match in zip(headers, matches, strict=True)
    ]


def plain_name(header: str) -> str:
    """Return the letters and digits of a header's name, in lower case.

    >>> plain_name("Temp In [degC]"), plain_name("temp_in")
    ('tempin', 'tempin')
    """
    return "".join(letter for letter in unit_of(header)[0].casefold() if letter.isalnum())


def begins_other(header: str, other: str) -> bool:
    """Return whether the name of one of two headers begins that of the other: P and power."""
    short, long = sorted((plain_name(header), plain_name(other)), key=len)
    return bool(short) and long.startswith(short)


# The units of time, in seconds.
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SPELLED = {
    "s": "s sec secs second seconds sek sekunde sekunden seconde secondes segundos",
    "ms": "ms msec msecs milli millis millisec millisecond milliseconds millisekunde millisekunden millisecondes",
    "us": "us usec usecs micro micros microsec microsecond microseconds mikrosekunde mikrosekunden microsecondes",
    "ns": "ns nsec nsecs nano nanos nanosecond nanoseconds nanosekunden",
    "min": "min mins minute minutes minuten minutos",
    "h": "h hr hrs hour hours std stunde stunden heure heures horas",
    "d": "d day days tag tage jour jours",
}
TIME_UNITS = {word: unit for unit, words in _SPELLED.items() for word in words.split()}
# Units in brackets alone: a time tag is no day, and time_std no hour.
IN_BRACKETS = frozenset(["tag", "tage", "jour", "jours", "std"])
_JOINED = "|".join(sorted((word for word in set(TIME_UNITS) - IN_BRACKETS if len(word) > 1), key=len, reverse=True))
JOINED = re.compile(rf"(?:time|t|zeit|elapsed|timestamp|epoch)({_JOINED})")
BRACKET = re.compile(r"[(\[{]\s*(?:in\s+)?([^()\[\]{}]*?)\.?\s*[)\]}]$")
MARKED = re.compile(r"(?:[_/.:]|\bin\s+)([^\W\d_]+)\.?$")
LAST = re.compile(r"[\s-]([^\W\d_]+)\.?$")
# What else a bracket behind a time may say: the zone, the form, where it begins.
OTHERWISE = re.compile(
    r"|utc.*|gmt.*|z|local.*|cet|cest|mez|mesz|[ecmp][sd]t|rel.*|abs.*|elapsed|since.*|start.*|unix.*|epoch.*|posix.*"
    r"|.*[.:+].*|[dhjmsty]{4,}|iso.*|date.*|time.*|#?\d+|[-–]"
)


def unit_of_time(name: str) -> str:
    """Return the unit that the header of a column of time names, or nothing.

    >>> [unit_of_time(name) for name in ("Time (hours)", "t/ms", "TimeUs", "time_min", "Zeit [Std.]", "Time", "Time A")]
    ['h', 'ms', 'us', 'min', 'h', '', '']
    """
    shown = _folded_header(name)
    plain = shown.lower()
    bracket, last = BRACKET.search(plain), LAST.search(shown)
    if bracket and bracket[1] in TIME_UNITS:
        return TIME_UNITS[bracket[1]]
    words = [match[1] for match in (MARKED.search(plain), JOINED.fullmatch(plain)) if match]
    # "Time d" counts days, "Time D" is that of a channel D.
    if last and (len(last[1]) > 1 or last[1].islower()):
        words.append(last[1].lower())
    units = [TIME_UNITS[word] for word in [*words, plain] if word in TIME_UNITS and word not in IN_BRACKETS]
    return units[0] if units else "ms" * ("milli" in plain)


def other_unit(name: str) -> str:
    """Return what stands in brackets behind a header and is no unit of time, nor a word on the clock; or nothing.

    >>> [other_unit(name) for name in ("T [°C]", "time (samples)", "Time (UTC)", "t (s)", "t")]
    ['°c', 'samples', '', '', '']
    """
    match = BRACKET.search(_folded_header(name).lower())
    if match is None or match[1] in TIME_UNITS or OTHERWISE.fullmatch(match[1]):
        return ""
    return match[1]


def _folded_header(name: str) -> str:
    """Return a header without the number of its repetition, each letter in one form: µ as u, as units are typed."""
    folded = unicodedata.normalize("NFKC", re.sub(r" #\d+$", "", name.strip()))
    return folded.replace("μ", "u")
