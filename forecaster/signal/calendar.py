"""The calendar as future covariates: where in the hour, the day, the week or the year a sample lies.

Each cycle gives a sine and a cosine, so that its end lies beside its beginning. They follow from
the time stamps alone, for any sample of the past and of the future.

Source: Hyndman and Athanasopoulos, "Forecasting: Principles and Practice" (3rd ed., 2021), section 7.4, Fourier series.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Cycle
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

MINUTE_NS = 60 * 10**9
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS
# From a Monday to the first of January 1970, a Thursday.
MONDAY_NS = 3 * DAY_NS
LENGTH_NS: dict[Cycle, int] = {
    "minute-of-hour": HOUR_NS,
    "hour-of-day": DAY_NS,
    "day-of-week": 7 * DAY_NS,
    "day-of-year": 365 * DAY_NS,
}
# The standard deviation of a sine over whole cycles: a part of one may not stretch the rest.
SCALE = 0.5**0.5


def names(cycles: Sequence[Cycle]) -> tuple[str, ...]:
    """Return the names of the columns, a sine and a cosine for each cycle.

    >>> names(["hour-of-day"])
    ('sin hour-of-day', 'cos hour-of-day')
    """
    return tuple(f"{wave} {cycle}" for cycle in cycles for wave in ("sin", "cos"))


def columns(time: TimeAxis, cycles: Sequence[Cycle], first: int, count: int) -> NDArray[np.float64]:
    """Return the columns of `count` samples from sample `first` of an axis on: (count, 2 cycles).

    >>> columns(TimeAxis("timestamps", 0, 6 * HOUR_NS), ["hour-of-day"], 1, 2).tolist()
    [[1.0, 0.0], [0.0, -1.0]]
    """
    instants = time.instants(first, count)
    result = np.empty((count, 2 * len(cycles)))
    for k, cycle in enumerate(cycles):
        angle = 2 * np.pi * _share(instants, cycle)
        result[:, 2 * k], result[:, 2 * k + 1] = np.sin(angle), np.cos(angle)
    return np.round(result, 12) + 0.0


def _share(instants: NDArray[np.int64], cycle: Cycle) -> NDArray[np.float64]:
    """Return the share of its `cycle` that has passed at each instant. Weeks begin on Monday; leap years are longer."""
    if cycle != "day-of-year":
        shift = MONDAY_NS if cycle == "day-of-week" else 0
        return (instants + shift) % LENGTH_NS[cycle] / LENGTH_NS[cycle]
    year = instants.astype("datetime64[ns]").astype("datetime64[Y]")
    begin, end = (y.astype("datetime64[ns]").astype(np.int64) for y in (year, year + 1))
    return np.asarray((instants - begin) / (end - begin))


def future(signal: Signal, recording: Recording, count: int) -> NDArray[np.float64]:
    """Return the future covariates of at most `count` samples after the end of `recording`, (rows, F).

    The columns of a file end with its rows; a calendar never ends.
    """
    from_file = signal.known - 2 * len(signal.calendar)
    values = np.empty((count, 0))
    if from_file:
        values = np.empty((0, from_file)) if recording.future is None else recording.future[:count]
    if not signal.calendar:
        return values
    return np.concatenate((values, columns(recording.time, signal.calendar, len(recording), len(values))), axis=1)
