"""Two clocks side by side: channels of different rates in one file, each behind its own time."""

from __future__ import annotations

from collections.abc import Sequence

from forecaster.reading.dialect import Sniffed
from forecaster.reading.refusal import RefusalError, as_text
from forecaster.reading.traits import is_ramp, numbers_of

ROWS = 8
"""Of fewer rows nobody can say what their step is."""
LEAST_DIFFERENCE = 0.05
UNITS = (60.0, 1e3, 3.6e3, 6e4, 1e6, 3.6e6, 6e7, 1e9)
"""One clock in two units differs by so much."""


def refuse(
    sniffed: Sniffed, time: tuple[int, ...], timelike: Sequence[int], *, channels: tuple[int, ...], path: str
) -> None:
    """Refuse channels behind a second clock of another rate: the first one's times are not theirs.

    Raises RefusalError with the channels behind the clock that was chosen, and those behind the other.
    """
    if len(time) != 1 or not _steady(sniffed, time[0]):
        return
    clocks = sorted({time[0], *(i for i in timelike if _steady(sniffed, i))})
    ends = [*clocks[1:], sniffed.width]
    behind = {clock: [i for i in channels if clock < i < end] for clock, end in zip(clocks, ends, strict=True)}
    step = _step(sniffed, time[0])
    others = [clock for clock in clocks if behind[clock] and _differs(_step(sniffed, clock), step)]
    if others and behind[time[0]]:
        before = min(channels) < clocks[0]  # nobody can say which clock such a channel has
        raise _two_clocks(sniffed, time[0], others[0], behind={} if before else behind, path=path)


def _steady(sniffed: Sniffed, index: int) -> bool:
    return sniffed.kinds[index] == "number" and len(sniffed.sample) >= ROWS and is_ramp(sniffed, index, jitter=0.5)


def _step(sniffed: Sniffed, index: int) -> float:
    numbers = numbers_of(sniffed, index)
    return (numbers[-1] - numbers[0]) / (len(numbers) - 1)


def _differs(step: float, other: float) -> bool:
    """Tell whether two steps are of different rates, and not of one rate in two units."""
    ratio = max(step, other) / min(step, other)
    return all(abs(ratio / unit - 1) > LEAST_DIFFERENCE for unit in (1.0, *UNITS))


def _two_clocks(sniffed: Sniffed, time: int, other: int, *, behind: dict[int, list[int]], path: str) -> RefusalError:
    names = sniffed.names
    own, rest = (tuple(names[i] for i in behind.get(clock, ())) for clock in (time, other))
    told = f"`{as_text({'columns': rest, 'time_columns': (names[other],)})}` reads those of {names[other]!r}."
    return RefusalError(
        f"its step is {_step(sniffed, other):.6g}, that of {names[time]!r} {_step(sniffed, time):.6g}: "
        "two clocks of different rates",
        path=path,
        line=sniffed.first_line,
        column=names[other],
        expected="one clock for all channels",
        fix={"columns": own} if behind else {},
        advice=told if behind else "Name the channels of one clock with --column, and that clock with --time-column.",
    )
