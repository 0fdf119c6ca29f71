"""Stamps of local clocks that change to summer time and back: read in their zone, or recognised without one."""

from __future__ import annotations

from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

HOUR_NS = 3600 * 10**9
DAY_NS = 24 * HOUR_NS
SUNDAY = 3
"""The weekday of a Sunday where days are counted from 1970-01-01, a Thursday."""
# North and south of the equator.
MONTHS_OF_END, MONTHS_OF_START = (3, 4, 9, 10, 11), (3, 4, 8, 9, 10, 11)
# Clocks change in the small hours.
LATEST_CHANGE_NS = 4 * HOUR_NS

ZONE_ADVICE = "If it is a local clock, add `--time-zone Area/City`, such as Europe/Berlin."


class NoSuchTimeError(ValueError):
    """A local time that the zone does not have, or that may be either of two; `row` is its row."""

    def __init__(self, problem: str, row: int) -> None:
        super().__init__(problem)
        self.row = row


def zone_of(name: str) -> ZoneInfo:
    """Return the time zone of a name such as Europe/Berlin. Raises ValueError if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError, ValueError):
        raise ValueError(f"no time zone {name!r} on this machine") from None


def clock_change(before_ns: int, after_ns: int, usual_ns: float) -> Literal["end", "start", ""]:
    """Return whether a step of a local clock is that of the `end` or the `start` of summer time, or neither.

    The step is an hour shorter or longer than the usual one, on a Sunday in the small hours, in spring or autumn.

    >>> stamps = np.array(["2024-10-27T02:59", "2024-10-27T02:00", "2024-03-31T01:59", "2024-03-31T03:00"], "M8[ns]")
    >>> t = stamps.astype(np.int64).tolist()
    >>> clock_change(t[0], t[1], 60e9), clock_change(t[2], t[3], 60e9), clock_change(t[0], t[1], 120e9)
    ('end', 'start', '')
    """
    days = after_ns // DAY_NS
    month = int(np.datetime64(days, "D").astype("datetime64[M]").astype(np.int64)) % 12 + 1
    if days % 7 != SUNDAY or after_ns % DAY_NS > LATEST_CHANGE_NS:
        return ""
    excess = after_ns - before_ns - usual_ns
    if excess == -HOUR_NS and month in MONTHS_OF_END:
        return "end"
    return "start" if excess == HOUR_NS and month in MONTHS_OF_START else ""


def utc_of(local_ns: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Return local times (T,) as UTC: of an hour that the clock shows twice, what comes first in order is earlier.

    >>> hours = np.array(["2024-10-27T01", "2024-10-27T02", "2024-10-27T02", "2024-10-27T03"], "M8[ns]")
    >>> (np.diff(utc_of(hours.astype(np.int64), zone_of("Europe/Berlin"))) // HOUR_NS).tolist()
    [1, 1, 1]

    Raises:
        NoSuchTimeError: A time that the clock skips, or one whose order does not tell which of two it is.
    """
    if len(local_ns) and local_ns[-1] < local_ns[0]:
        try:
            return utc_of(local_ns[::-1], zone)[::-1]
        except NoSuchTimeError as error:
            raise NoSuchTimeError(str(error), len(local_ns) - 1 - error.row) from None
    earlier, later = _either_utc(local_ns, zone)
    is_skipped = np.isnat(earlier)
    if is_skipped.any():
        raise NoSuchTimeError(f"a time that the clocks of {zone.key} skip", int(np.argmax(is_skipped)))
    is_twice = earlier != later
    utc = earlier.astype(np.int64)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], is_twice, [False]))))
    for begin, end in edges.reshape(-1, 2).tolist():
        back = _first_row_of_second_pass(local_ns, begin, end, zone)
        utc[back:end] = later[back:end].astype(np.int64)
    return utc


def _either_utc(local_ns: NDArray[np.int64], zone: ZoneInfo) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return local times as UTC, the earlier and the later that each may be; NaT where the clock skips it."""
    import pandas as pd

    local = pd.DatetimeIndex(local_ns.astype("datetime64[ns]"))
    both = [
        local.tz_localize(zone, ambiguous=np.full(len(local), is_summer), nonexistent="NaT")
        for is_summer in (True, False)
    ]
    earlier, later = (times.tz_convert("UTC").tz_localize(None).to_numpy() for times in both)
    return earlier, later


def _first_row_of_second_pass(local_ns: NDArray[np.int64], begin: int, end: int, zone: ZoneInfo) -> int:
    """Return the row from which times that the clock shows twice, in rows `begin` to `end`, are the later ones."""
    steps = np.diff(local_ns[begin:end])
    for is_back in (steps < 0, steps == 0):
        if is_back.any():
            return begin + 1 + int(np.argmax(is_back))
    if begin > 0:
        return end
    # The file begins within the hour: it goes on behind it, or nothing tells.
    if end < len(local_ns):
        return begin
    raise NoSuchTimeError(f"times that the clocks of {zone.key} show twice, and nothing before or behind", begin)
