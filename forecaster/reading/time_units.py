"""The unit in which a column called time counts, as its header tells."""

from __future__ import annotations

import re
import unicodedata

SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}
"""How long each unit is."""
_SPELLED = {
    "s": "s sec secs second seconds sek sekunde sekunden seconde secondes segundos",
    "ms": "ms msec msecs milli millis millisec millisecond milliseconds millisekunde millisekunden millisecondes",
    "us": "us usec usecs micro micros microsec microsecond microseconds mikrosekunde mikrosekunden microsecondes",
    "ns": "ns nsec nsecs nano nanos nanosecond nanoseconds nanosekunden",
    "min": "min mins minute minutes minuten minutos",
    "h": "h hr hrs hour hours std stunde stunden heure heures horas",
    "d": "d day days tag tage jour jours",
}
UNITS = {word: unit for unit, words in _SPELLED.items() for word in words.split()}
IN_BRACKETS = frozenset(["tag", "tage", "jour", "jours", "std"])
"""Units in brackets alone: a time tag is no day, and time_std no hour."""
_JOINED = "|".join(sorted((word for word in set(UNITS) - IN_BRACKETS if len(word) > 1), key=len, reverse=True))
JOINED = re.compile(rf"(?:time|t|zeit|elapsed|timestamp|epoch)({_JOINED})")
BRACKET = re.compile(r"[(\[{]\s*(?:in\s+)?([^()\[\]{}]*?)\.?\s*[)\]}]$")
MARKED = re.compile(r"(?:[_/.:]|\bin\s+)([^\W\d_]+)\.?$")
LAST = re.compile(r"[\s-]([^\W\d_]+)\.?$")
OTHERWISE = re.compile(
    r"|utc.*|gmt.*|z|local.*|cet|cest|mez|mesz|[ecmp][sd]t|rel.*|abs.*|elapsed|since.*|start.*|unix.*|epoch.*|posix.*"
    r"|.*[.:+].*|[dhjmsty]{4,}|iso.*|date.*|time.*|#?\d+|[-–]"
)
"""What else a bracket behind a time may say: the zone, the form, where it begins."""


def unit_of_time(name: str) -> str:
    """Return the unit that a header gives its times, or nothing.

    >>> [unit_of_time(name) for name in ("Time (hours)", "t/ms", "TimeUs", "time_min", "Zeit [Std.]", "Time", "Time A")]
    ['h', 'ms', 'us', 'min', 'h', '', '']
    """
    plain, shown = _plain(name), _shown(name)
    bracket, last = BRACKET.search(plain), LAST.search(shown)
    if bracket and bracket[1] in UNITS:
        return UNITS[bracket[1]]
    words = [match[1] for match in (MARKED.search(plain), JOINED.fullmatch(plain)) if match]
    if last and (len(last[1]) > 1 or last[1].islower()):  # Time D is that of D
        words.append(last[1].lower())
    found = [UNITS[word] for word in [*words, plain] if word in UNITS and word not in IN_BRACKETS]
    return found[0] if found else "ms" * ("milli" in plain)


def other_unit(name: str) -> str:
    """Return what stands in brackets behind a header and is no unit of time, nor a word on the clock; or nothing.

    >>> [other_unit(name) for name in ("T [°C]", "time (samples)", "Time (UTC)", "t (s)", "t")]
    ['°c', 'samples', '', '', '']
    """
    match = BRACKET.search(_plain(name))
    if match is None or match[1] in UNITS or OTHERWISE.fullmatch(match[1]):
        return ""
    return match[1]


def _shown(name: str) -> str:
    """Return a header without the number of its repetition, each letter in one form: µ as u, as units are typed."""
    folded = unicodedata.normalize("NFKC", re.sub(r" #\d+$", "", name.strip()))
    return folded.replace("μ", "u")


def _plain(name: str) -> str:
    return _shown(name).lower()
