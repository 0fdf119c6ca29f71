"""Which column is what: time, channels, groups, and those that are left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from forecaster.config import ReadingOptions
from forecaster.reading import doubtful_times, side_clocks
from forecaster.reading.cells import unit_of
from forecaster.reading.dialect import Sniffed
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source
from forecaster.reading.traits import is_index, is_time

MOST_NAMED = 12
NO_NUMBERS = "no column of numbers"
"""How the refusal of a file begins that may hold labels alone."""


@dataclass(frozen=True)
class Roles:
    """Column numbers from 0: `time` (none, one, or date and clock), `channels`, `group`; the rest is to be checked.

    The last `exogenous` of the channels are not to be forecast; of the last `known` of those the future is known.
    """

    time: tuple[int, ...]
    channels: tuple[int, ...]
    group: int | None
    blank: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()
    label: int | None = None
    notes: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    exogenous: int = 0
    known: int = 0

    @property
    def needed(self) -> tuple[int, ...]:
        """Return all columns that have to be read, in file order."""
        group = () if self.group is None else (self.group,)
        label = () if self.label is None else (self.label,)
        return tuple(sorted({*self.time, *self.channels, *group, *self.blank, *self.counts, *label}))

    def named(self, sniffed: Sniffed) -> dict[str, tuple[str, ...]]:
        """Return the option that names the channels to be forecast; none where they are too many to type."""
        own = self.channels[: len(self.channels) - self.exogenous]
        return {"columns": tuple(sniffed.names[i] for i in own)} if len(own) <= MOST_NAMED else {}


def resolve(name: str, sniffed: Sniffed, path: str, option: str) -> int:
    """Return the column that `name` means: a header, a header without its unit, or a number from 1."""
    for known in (sniffed.names, tuple(unit_of(n)[0] for n in sniffed.names)):
        if known.count(name.strip()) == 1:
            return known.index(name.strip())
    if name.strip().isascii() and name.strip().isdigit() and 1 <= int(name) <= sniffed.width:
        return int(name) - 1
    some = ", ".join(repr(n) for n in sniffed.names[:12]) + (", ..." if sniffed.width > 12 else "")
    raise RefusalError(
        f"{option} {name!r}: no such column", path=path, expected=f"one of {some}, or 1 to {sniffed.width}"
    )


def choose(sniffed: Sniffed, options: ReadingOptions, source: Source) -> Roles:
    """Give every column its role. Raises SignalError where the file leaves it open."""
    path = source.path
    group = None if options.group_column is None else resolve(options.group_column, sniffed, path, "--group-column")
    timelike = [i for i in range(sniffed.width) if i != group and is_time(sniffed, i)]
    time = _time_columns(sniffed, options, path, timelike)
    notes: list[str] = []
    if not time:
        doubtful_times.refuse_unknown_time(sniffed, options, path)
    if options.symbols and not options.columns:
        labels = _labels(sniffed, [*time, group], [*timelike, *time, group], path=path)
        return Roles(time, (labels,), group, units=("",))
    named = {"--column": options.columns, "--exogenous": options.exogenous, "--known": options.known}
    chosen = {
        option: tuple(dict.fromkeys(resolve(name, sniffed, path, option) for name in named[option])) for option in named
    }
    for option, columns in chosen.items():
        _distinct(columns, time, group, sniffed=sniffed, path=path, option=option)
    _apart(chosen, sniffed, path)
    channels, past, known = chosen.values()
    beside = past + known
    if channels:
        units = _units(sniffed, channels, options, path)
        return Roles(
            time, channels + beside, group, notes=tuple(notes), units=units, exogenous=len(beside), known=len(known)
        )
    found = _channels(sniffed, time, group, timelike=timelike, notes=notes)
    channels = tuple(index for index in found if index not in beside)
    blank = tuple(i for i, kind in enumerate(sniffed.kinds) if kind == "empty" and i not in (*time, group))
    blank += _padding(sniffed, {*time, *channels, *beside, *blank, group})
    if not channels:
        advice = "Name one with --column. `forecaster check` says how to train on labels."
        found_none = f"{NO_NUMBERS} besides time" + (" and the exogenous ones" if beside else "")
        raise RefusalError(found_none, path=path, line=sniffed.first_line, advice=advice)
    label = _label(sniffed, time, group)
    side_clocks.refuse(sniffed, time, timelike, channels=channels, path=path)
    doubtful_times.refuse_clock(sniffed, channels, time, source=source, options=options)
    if not (time or options.no_time):
        notes += doubtful_times.perhaps_clocks(sniffed, channels)
    return Roles(
        time,
        channels + beside,
        group,
        blank,
        counts=_counts(sniffed, {*timelike, *time, *beside, group}),
        label=label,
        notes=tuple(notes),
        units=_units(sniffed, channels, options, path),
        exogenous=len(beside),
        known=len(known),
    )


def _labels(sniffed: Sniffed, taken: Sequence[int | None], timelike: Sequence[int | None], *, path: str) -> int:
    """Return the column of labels: the only one of text, else the only one that is neither time nor a count of rows."""
    text = [i for i, kind in enumerate(sniffed.kinds) if kind == "text" and i not in taken]
    rest = [i for i, kind in enumerate(sniffed.kinds) if kind == "number" and i not in timelike]
    candidates = text or [i for i in rest if not is_index(sniffed, i)] or rest
    if len(candidates) == 1:
        return candidates[0]
    named = ", ".join(repr(sniffed.names[i]) for i in candidates[:12])
    found = f"{len(candidates)} columns may hold the labels ({named})" if candidates else "no column may hold labels"
    raise RefusalError(found, path=path, expected="one column of labels", advice="Name it with --column.")


def _distinct(
    channels: tuple[int, ...],
    time: tuple[int, ...],
    group: int | None,
    *,
    sniffed: Sniffed,
    path: str,
    option: str,
) -> None:
    for index in channels:
        if index == group or index in time:
            role = "--group-column" if index == group else "the time"
            found = f"{option} {sniffed.names[index]!r} is {role} already"
            raise RefusalError(found, path=path, advice="--no-time frees a time column.")


def _apart(chosen: Mapping[str, tuple[int, ...]], sniffed: Sniffed, path: str) -> None:
    """Refuse a column that has two roles of: to be forecast, exogenous, known."""
    for (option, first), (other, second) in combinations(chosen.items(), 2):
        both = [sniffed.names[index] for index in first if index in second]
        if both:
            raise RefusalError(f"{both[0]!r} is both {option} and {other}", path=path, expected="one of them")


def _time_columns(sniffed: Sniffed, options: ReadingOptions, path: str, timelike: list[int]) -> tuple[int, ...]:
    """Return the chosen time column, or date and clock; absolute time goes before a bare clock."""
    if options.no_time and (options.time_columns or options.time_format):
        raise RefusalError("--no-time together with --time-column or --time-format", path=path, expected="one of them")
    if options.time_columns:
        if len(options.time_columns) > 2:
            raise RefusalError(f"{len(options.time_columns)} time columns", path=path, expected="one, or date and time")
        chosen = tuple(resolve(name, sniffed, path, "--time-column") for name in options.time_columns)
        if len(set(chosen)) < len(chosen):
            raise RefusalError("the same column twice as --time-column", path=path, expected="a date and a time")
        return chosen
    wanted = [resolve(name, sniffed, path, "--column") for name in options.columns]
    free = [i for i in timelike if i not in wanted and sniffed.kinds[i] != "empty"]
    if options.no_time or not free:
        return ()
    clocks = [i for i in free if sniffed.kinds[i] == "clock"]
    days = [i for i in free if sniffed.kinds[i] == "day"]
    full = [i for i in free if i not in clocks and i not in days]
    if full and full[0] < min([*days, *clocks], default=sniffed.width):
        return (full[0],)
    if days and clocks:
        return (days[0], clocks[0])
    return ((full or days or clocks)[0],)


def _channels(
    sniffed: Sniffed, time: tuple[int, ...], group: int | None, *, timelike: list[int], notes: list[str]
) -> tuple[int, ...]:
    """Return all columns of numbers that are neither time nor index, and note what is left out."""
    chosen, padding = [], _padding(sniffed, set())
    for index, kind in enumerate(sniffed.kinds):
        name = sniffed.names[index]
        if index in time or index == group:
            continue
        if index in timelike:
            notes.append(f"column {name!r} is a time too, and left out")
        elif kind == "number" and is_index(sniffed, index):
            notes.append(f"column {name!r} counts the rows, and is left out")
        elif kind == "number":
            chosen.append(index)
        elif kind == "text" and index not in padding:
            notes.append(f"column {name!r} holds text, and is left out")
    return tuple(chosen)


def _counts(sniffed: Sniffed, taken: set[int | None]) -> tuple[int, ...]:
    """Return the columns that count the rows and have no other role."""
    rest = (i for i, kind in enumerate(sniffed.kinds) if kind == "number" and i not in taken)
    return tuple(i for i in rest if is_index(sniffed, i))


def _padding(sniffed: Sniffed, taken: set[int | None]) -> tuple[int, ...]:
    """Return the unnamed last columns that hold nothing but delimiters of another kind."""
    found: list[int] = []
    for index in range(sniffed.width - 1, 0, -1):
        cells = {row[index] for row in sniffed.sample if index < len(row)}
        if sniffed.names[index] != f"column_{index + 1}" or not all(c.strip(",; \t") == "" for c in cells):
            break
        if index not in taken:
            found.append(index)
    return tuple(found)


def _label(sniffed: Sniffed, time: tuple[int, ...], group: int | None) -> int | None:
    """Return a first column of text beside many numbers: it may name one series a row."""
    numbers = sum(kind == "number" for kind in sniffed.kinds)
    return 0 if not time and group is None and sniffed.kinds[0] == "text" and numbers >= 3 else None


def _units(sniffed: Sniffed, channels: tuple[int, ...], options: ReadingOptions, path: str) -> tuple[str, ...]:
    """Return one unit a channel: from the header, then from --unit: NAME=UNIT, one for all, or one for each."""
    units = {i: unit_of(sniffed.names[i])[1] if sniffed.header else "" for i in channels}
    plain = [text for text in options.units if "=" not in text]
    if len(plain) not in (0, 1, len(channels)):
        found = f"{len(plain)} times --unit for {len(channels)} channels"
        raise RefusalError(found, path=path, expected="one for all, one for each, or NAME=UNIT")
    units.update(zip(channels, plain * len(channels) if len(plain) == 1 else plain, strict=False))
    for text in options.units:
        name, mark, unit = text.rpartition("=")
        if not mark:
            continue
        index = resolve(name, sniffed, path, "--unit")
        if index not in units:
            raise RefusalError(f"--unit {text!r}: column {name!r} is no channel", path=path)
        units[index] = unit
    return tuple(units[i] for i in channels)


def channel_names(sniffed: Sniffed, channels: tuple[int, ...]) -> tuple[str, ...]:
    """Return the channels' names: headers without units where they stay distinct."""
    full = [sniffed.names[i] for i in channels]
    if not sniffed.header and len(full) == 1:
        return ("value",)
    short = [unit_of(name)[0] for name in full]
    return tuple(short if len(set(short)) == len(short) else full)
