"""A regular time axis, and the stamps that it gives to samples of the past and of the future."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

TimeKind = Literal["samples", "seconds", "timestamps", "epoch-s", "epoch-ms", "epoch-us", "epoch-ns"]
EPOCH_NS = {"epoch-s": 10**9, "epoch-ms": 10**6, "epoch-us": 10**3, "epoch-ns": 1}
"""Nanoseconds in the unit of an epoch."""
RATE_TOLERANCE = 1e-3
"""The share by which two sample rates may differ: clocks differ by parts per million."""
NANOSECOND_DIGITS = 9
QUARTER_NS = 900 * 10**9
LAST_DIGITS = tuple(10**digits for digits in range(9, -1, -1))
LARGEST, LAST_MONTH = 2**63 - 1 - 10**9, np.datetime64("2262-03", "M")
"""The last stamp that 64 bits hold, with a second to spare for rounding; of a calendar, the last month."""


@dataclass(frozen=True)
class TimeAxis:
    """A regular time axis: stamp k of a recording is ``start + k * step``.

    `kind` says how the file wrote its stamps. `start` and `step` count in the kind's own
    unit: sample numbers (start 0, step 1), seconds (float), epoch units (int; a
    step may be a fraction), or, for timestamps, nanoseconds since 1970 (int, with
    `utc_offset` the text to put behind each stamp, such as ``+01:00`` or ``Z``). `calendar`
    is a pandas frequency alias (``MS``, ``QS``, ``YS`` ...) where months, quarters or years
    step on, else None. In a `zone`, such as Europe/Berlin, timestamps count in UTC and are
    written as its clocks show them, with the UTC offset of each.
    """

    kind: TimeKind = "samples"
    start: float = 0
    step: float = 1
    utc_offset: str = ""
    calendar: str | None = None
    zone: str = ""

    def stamps(self, first: int, count: int) -> NDArray[Any]:
        """Return the stamps of samples `first` to `first + count - 1` as a file's `ds` column has them.

        Sample numbers and epochs are int64 (epochs in seconds may be float64), seconds
        float64 without binary noise, timestamps str ``YYYY-MM-DD HH:MM:SS[.fff]`` plus the
        UTC offset.

        >>> TimeAxis("seconds", 0.0, 0.1).stamps(2, 2).tolist()
        [0.2, 0.3]
        >>> TimeAxis("timestamps", 0, 500_000_000, "Z").stamps(0, 2).tolist()
        ['1970-01-01 00:00:00.000Z', '1970-01-01 00:00:00.500Z']
        """
        if self.kind == "timestamps":
            return self._texts(first, count)
        index = np.arange(first, first + count)
        is_whole = float(self.start).is_integer() and (float(self.step).is_integer() or self.kind != "epoch-s")
        if self.kind == "epoch-s" and not is_whole:
            return _epoch_seconds(float(self.start), index * float(self.step))
        if self.kind == "seconds" or not is_whole:
            return np.round(self.start + index * float(self.step), _decimals(self.start, self.step, first + count))
        if isinstance(self.step, float) and not self.step.is_integer():
            return np.add(int(self.start), np.round(index * self.step).astype(np.int64))
        return np.add(int(self.start), index * int(self.step))

    @property
    def room(self) -> float:
        """How many samples have a stamp, counted from the first: those within 64 bits; inf for seconds.

        >>> TimeAxis("timestamps", 0, 10**9).room
        9223372036
        """
        if self.kind == "seconds":
            return math.inf
        if self.calendar is not None:
            month = np.datetime64(int(self.start), "ns").astype("datetime64[M]")
            return int((LAST_MONTH - month).astype(np.int64)) // _months_of(self.calendar)[0] + 1
        return int((LARGEST - self.start) // self.step) + 1

    @property
    def is_absolute(self) -> bool:
        """Say whether the axis tells the date and the time of day, as neither seconds nor sample numbers do."""
        return self.kind not in ("samples", "seconds")

    def instants(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the instants of samples `first` to `first + count - 1`, in nanoseconds since 1970.

        Timestamps by the clock that the file shows, epochs by UTC; ValueError for other kinds.

        >>> TimeAxis("epoch-s", 60, 1).instants(1, 1).tolist()
        [61000000000]
        """
        if not self.is_absolute:
            raise ValueError(f"{self.kind} are no instants")
        if self.kind == "timestamps":
            counted = self._counted(first, count)
            return counted + zone_offsets(counted, self.zone) if self.zone else counted
        return np.round(self.stamps(first, count) * EPOCH_NS[self.kind]).astype(np.int64)

    def _counted(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the stamps of samples as nanoseconds, of an axis of timestamps."""
        if self.calendar is not None:
            return self._calendar_ns(first, count)
        if float(self.step).is_integer():
            return int(self.start) + np.arange(first, first + count) * int(self.step)
        return int(self.start) + np.round(np.arange(first, first + count) * self.step).astype(np.int64)

    def _texts(self, first: int, count: int) -> NDArray[Any]:
        """Write timestamps, with as many digits of a second as start and step need."""
        stamps = self._counted(first, count)
        unit, size = _clock_unit(int(self.start), 0 if self.calendar else self.step)
        rounded = (stamps + size // 2) // size * size if size > 1 else stamps
        offsets = zone_offsets(rounded, self.zone) if self.zone else np.zeros_like(rounded)
        texts = np.datetime_as_string((rounded + offsets).astype("datetime64[ns]"), unit=unit).tolist()
        if not self.zone:
            return np.array([text.replace("T", " ") + self.utc_offset for text in texts])
        shown = {offset: _offset_text(offset) for offset in set(offsets.tolist())}
        pairs = zip(texts, offsets.tolist(), strict=True)
        return np.array([text.replace("T", " ") + shown[offset] for text, offset in pairs])

    def _calendar_ns(self, first: int, count: int) -> NDArray[np.int64]:
        """Step on by months: the time within the first (or, for an end alias, before the end of the) month stays."""
        months, ends = _months_of(str(self.calendar))
        start = np.datetime64(int(self.start), "ns")
        month = start.astype("datetime64[M]")
        months_of_stamps = month + np.arange(first, first + count) * months
        if ends:
            left = (month + 1).astype("datetime64[ns]") - start
            return ((months_of_stamps + 1).astype("datetime64[ns]") - left).astype(np.int64)
        return (months_of_stamps.astype("datetime64[ns]") + (start - month.astype("datetime64[ns]"))).astype(np.int64)


def zone_offsets(utc_ns: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return by how much the clocks of a zone are ahead of UTC at each of the instants (T,), in nanoseconds.

    >>> zone_offsets(np.array([0, 180 * 86400 * 10**9]), "America/New_York") // (3600 * 10**9)
    array([-5, -4])
    """
    from zoneinfo import ZoneInfo

    clock = ZoneInfo(zone)
    # Zones change at full quarters of an hour, if at all.
    quarters, which = np.unique(utc_ns // QUARTER_NS, return_inverse=True)
    begin = datetime(1970, 1, 1, tzinfo=UTC)
    times = ((begin + timedelta(minutes=15 * quarter)).astimezone(clock) for quarter in quarters.tolist())
    offsets = [(time.utcoffset() or timedelta()) // timedelta(seconds=1) for time in times]
    return (np.array(offsets, np.int64) * 10**9)[which]


def _offset_text(offset_ns: int) -> str:
    """Return a UTC offset as stamps have it: +01:00."""
    minutes = abs(offset_ns) // (60 * 10**9)
    return f"{'-' if offset_ns < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"


def stamp_resolution(stamps: NDArray[Any]) -> float:
    """Return the place of the last digit that `stamps` (T,) are written to, in their unit; at least their precision.

    >>> stamp_resolution(np.array([0.0, 0.25, 0.5])), stamp_resolution(np.array([0, 1500, 3000]))
    (0.01, 100.0)
    """
    # Stamps that follow each other: every tenth of those of a kilohertz are whole hundredths.
    sample = stamps if len(stamps) <= 2000 else np.concatenate((stamps[:1000], stamps[-1000:]))
    if sample.dtype.kind in "iu":
        return float(next((place for place in LAST_DIGITS if not (sample % place).any()), 1))
    precision = float(np.spacing(np.abs(sample).max()))
    for digits in range(16):
        scaled = sample * 10.0**digits
        if (np.abs(scaled - np.round(scaled)) <= 2 * np.spacing(np.abs(scaled).max())).all():
            return max(10.0**-digits, precision)
    return precision


def rate_error(stamps: NDArray[Any], steps: NDArray[np.float64], runs: int = 1) -> float:
    """Return the share by which the rate may differ from that of the mean of `steps`.

    It is the resolution of the stamps, or their jitter where that is larger, over the time that the steps span. The
    steps are those within `runs`, each of which begins and ends with a stamp.

    >>> t = np.arange(101) / 100
    >>> round(rate_error(t, np.diff(t)), 9)
    0.01
    """
    noise = max(stamp_resolution(stamps), float(np.abs(steps - np.median(steps)).max()))
    return noise * runs / float(steps.sum())


def months_error(alias: str) -> float:
    """Return the share by which the rates of two calendars of one alias may differ: a month has 28 to 31 days.

    >>> round(months_error("MS"), 3), round(months_error("YS"), 3)
    (0.107, 0.009)
    """
    return 3 / (28 * _months_of(alias)[0])


def _epoch_seconds(start: float, offsets: NDArray[Any]) -> NDArray[Any]:
    """Return ``start + offsets`` to the nanosecond, or as near to it as floats are.

    >>> _epoch_seconds(1700000000.1, np.array([0.2, 4.8828125e-6])).tolist()
    [1700000000.3, 1700000000.100005]
    """
    seconds = math.floor(start)
    # What a float writes as .1 is less by 1e-7 in binary: the digits are meant.
    fraction = float(Decimal(repr(start)) - seconds)
    # The small parts are added first, so that one addition alone rounds to the precision of the large number.
    return seconds + np.round(fraction + offsets, NANOSECOND_DIGITS)


def _decimals(start: float, step: float, last: int) -> int:
    """Return the decimals of seconds that carry meaning: six digits of a step, fifteen in all."""
    size = max(abs(start), abs(start + last * step), 1e-300)
    digits = 6 + max(0, -math.floor(math.log10(abs(step) or 1.0)))
    return max(0, min(digits, 14 - math.floor(math.log10(size))))


def _clock_unit(start_ns: int, step_ns: float) -> tuple[Literal["s", "ms", "us", "ns"], int]:
    """Return the coarsest clock unit that shows every stamp.

    An int step is exact. A float is a mean over jitter: then the unit of `start` is enough, if
    ten of it fit into a step.
    """
    exact = isinstance(step_ns, int | np.integer)
    units: tuple[tuple[Literal["s", "ms", "us"], int], ...] = (("s", 10**9), ("ms", 10**6), ("us", 10**3))
    for unit, size in units:
        fits = int(step_ns) % size == 0 if exact else size * 10 <= step_ns
        if start_ns % size == 0 and fits:
            return unit, size
    return "ns", 1


def _months_of(alias: str) -> tuple[int, bool]:
    """Return the months in a calendar alias, and whether it means their ends.

    >>> _months_of("QS"), _months_of("2ME")
    ((3, False), (2, True))
    """
    match = re.fullmatch(r"(\d*)([MQY])([SE])(?:-[A-Z]{3})?", alias)
    if match is None:
        raise ValueError(f"{alias!r} is not a calendar step")
    return int(match[1] or 1) * {"M": 1, "Q": 3, "Y": 12}[match[2]], match[3] == "E"
