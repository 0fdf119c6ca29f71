"""Which column is what: time, channels, covariates, groups, and those that are dropped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

from forecaster.errors import shell_quoted
from forecaster.reading.file import Roles, TableFile
from forecaster.reading.measurements import (
    DAY_NUMBERS,
    DAY_NUMBERS_REASON,
    FEWEST_ROWS,
    PART_OF_TIME,
    compact_form,
    counts_days,
    is_coarse_time,
    letters,
    nothing_measured,
    refuse_numbers_in_texts,
    sample_numbers,
    set_aside,
    time_in_parts,
)
from forecaster.reading.overlooked_times import (
    SHORT_TIME_NAMES,
    TIME_NAMES,
    refuse_day_a_row,
    refuse_months_and_intervals,
    refuse_parts_of_time,
    refuse_unknown_time,
)
from forecaster.reading.refusal import RefusalError, as_text
from forecaster.reading.rows import refuse_series_in_turn
from forecaster.reading.text.cells import (
    MISSING_WORDS,
    PATTERNS,
    other_unit,
    split_line,
    unit_of,
    units_of,
)
from forecaster.reading.text.header import renaming
from forecaster.signal.units import is_unit

# How the refusal of a file begins that may hold labels alone.
NO_NUMBERS = "no column of numbers"

_INDEX = (
    "index idx i n no nr number # row record sample samples samplenumber unnamed counter count cnt point recno scan id"
)
INDEX_NAMES = frozenset(["", *_INDEX.split()])
# Time in French, temperatures in English: a unit tells.
AMBIGUOUS = frozenset(["temps"])

# Two clocks differ in rate if their steps do by more than this share, and not by a ratio of units of time.
LEAST_DIFFERENCE = 0.05
UNIT_RATIOS = (60.0, 1e3, 3.6e3, 6e4, 1e6, 3.6e6, 6e7, 1e9)


def with_roles(file: TableFile) -> TableFile:
    """Return the file with a role for each column, and notes on those that are dropped.

    Raises RefusalError if the file leaves it open what a column is.
    """
    options = file.options
    group = None if options.group_column is None else resolve(file, options.group_column, "--group-column")
    timelike = [index for index in range(file.width) if index != group and is_time(file, index)]
    time = _time_columns(file, timelike)
    refuse_parts_of_time(file, time)
    if not time:
        refuse_months_and_intervals(file)
        refuse_unknown_time(file)
    if options.symbols and not options.columns:
        labels = _label_column(file, taken=(*time, group), timelike=(*timelike, *time, group))
        return replace(file, roles=Roles(time, (labels,), group, units=("",)))
    channels, past, future = _named_columns(file, time, group)
    covariates = past + future
    roles = Roles(time, group=group, covariates=len(covariates), future_covariates=len(future))
    if not channels:
        return _with_all_numbers(file, roles, covariates, timelike)
    return _with_units(replace(file, roles=replace(roles, channels=channels + covariates)))


def _with_all_numbers(file: TableFile, roles: Roles, covariates: tuple[int, ...], timelike: Sequence[int]) -> TableFile:
    """Return the file with all columns of numbers as channels that are not of another role."""
    time, group = roles.time, roles.group
    candidates, notes = _number_columns(file, time, group, timelike=timelike)
    candidates = [index for index in candidates if index not in covariates]
    hollow = [index for index in candidates if not file.is_expected(index) and _holds_no_number(file, index)]
    aside = set_aside(file, [index for index in candidates if index not in hollow])
    channels = tuple(index for index in candidates if index not in aside and index not in hollow)
    if hollow and not (channels or aside):
        channels, hollow = tuple(hollow), []
    blank = tuple(index for index in file.of_kind("empty") if index not in (*time, group)) + tuple(hollow)
    blank += tuple(i for i in _padding(file) if i not in {*time, *channels, *covariates, *blank, group})
    parts = [index for index, reason in aside.items() if reason in (DAY_NUMBERS_REASON, PART_OF_TIME)]
    if parts and not (time or file.options.no_time):
        raise time_in_parts(file, parts)
    if not channels and aside:
        raise nothing_measured(file, aside)
    if not channels:
        refuse_numbers_in_texts(file, (*time, group))
        raise file.refusal(
            f"{NO_NUMBERS} besides time" + (" and the exogenous ones" if covariates else ""),
            line=file.first_line,
            advice="Name one with --column. `forecaster check` says how to train on labels.",
        )
    _refuse_mixed_rates(file, time, timelike, channels=channels)
    _refuse_later_clock(file, channels, time)
    if not (time or file.options.no_time):
        notes += _notes_on_ramps(file, channels)
    refuse_day_a_row(file, channels)
    refuse_series_in_turn(replace(file, roles=roles), channels)
    numbers = file.of_kind("number")
    # A first column of text beside many numbers may name one series a row.
    may_be_wide = not time and group is None and file.kinds[0] == "text" and len(numbers) >= 3
    taken = {*timelike, *time, *covariates, group}
    roles = replace(
        roles,
        channels=channels + covariates,
        blank=blank,
        counts=tuple(i for i in numbers if i not in taken and is_index(file, i)),
        label=0 if may_be_wide else None,
    )
    named = tuple(aside.items())
    return _with_units(replace(file, roles=roles, notes=(*file.notes, *notes), set_aside=named))


def _holds_no_number(file: TableFile, index: int) -> bool:
    """Return whether a sample holds nothing but words for missing."""
    cells = [cell.strip().lower() for cell in file.sample_of(index) if cell.strip()]
    return bool(cells) and MISSING_WORDS.issuperset(cells)


def resolve(file: TableFile, name: str, option: str) -> int:
    """Return the column that `name` means: a header, a header without its unit, or a number from 1."""
    for headers in (file.names, tuple(unit_of(header)[0] for header in file.names)):
        if headers.count(name.strip()) == 1:
            return headers.index(name.strip())
    if name.strip().isascii() and name.strip().isdigit() and 1 <= int(name) <= file.width:
        return int(name) - 1
    names = ", ".join(map(repr, file.names[:12])) + (", ..." if file.width > 12 else "")
    raise file.refusal(
        f"{option} {name!r}: no such column",
        expected=f"one of {names}, or 1 to {file.width}",
        fix=renaming(file),
        advice="If one of them has another name here, --rename OLD=NEW gives it this one.",
    )


def channel_names(file: TableFile) -> tuple[str, ...]:
    """Return the channels' names: headers without units where they stay distinct."""
    full = [file.names[index] for index in file.roles.channels]
    if not file.header and len(full) == 1:
        return ("value",)
    parts = units_of(file.names)
    short = [parts[index][0] for index in file.roles.channels]
    return tuple(short if len(set(short)) == len(short) else full)


# What name and sample say of one column.


def is_time(file: TableFile, index: int) -> bool:
    """Return whether a column is a time: by what it holds, by its name, or, without names, as a ramp in front."""
    kind, header = file.kinds[index], file.names[index]
    name = letters(header)
    if kind in ("stamp", "day", "clock") or (kind == "number" and _holds_dates(file, index)):
        return True
    if kind not in ("number", "empty"):
        return False
    if not file.header or (name == "column" and header == "column_1"):
        first = kind == "number" and index == 0 and file.width > 1
        return first and is_ramp(file, index) and not is_index(file, index)
    # A unit tells a column that only sounds like a time: s [mm], T [°C], Temps [°C].
    if other_unit(header) and (is_unit(unit_of(header)[1]) or name not in TIME_NAMES - AMBIGUOUS):
        return False
    hints = name.startswith(("time", "epoch")) or name.endswith("time") or "timestamp" in name
    may_be_time = kind == "number" and (hints or name in SHORT_TIME_NAMES)
    return name in TIME_NAMES or (may_be_time and (is_ramp(file, index, jitter=10.0) or is_coarse_time(file, index)))


def _holds_dates(file: TableFile, index: int) -> bool:
    """Return whether numbers are dates, as 20240304 or as a spreadsheet or MATLAB counts days."""
    if compact_form(file.sample_of(index), file.names[index]):
        return True
    return letters(file.names[index]) not in DAY_NUMBERS and counts_days(sample_numbers(file, index))


def is_ramp(file: TableFile, index: int, jitter: float = 0.3) -> bool:
    """Return whether the sample rises steadily: no step deviates from the median by more than this share."""
    steps = [b - a for a, b in pairwise(sample_numbers(file, index))]
    if len(steps) < 2 or min(steps) <= 0:
        return False
    median = sorted(steps)[len(steps) // 2]
    return max(abs(step - median) for step in steps) <= jitter * median


def is_index(file: TableFile, index: int) -> bool:
    """Return whether a column counts the rows: named like one, and rising by one."""
    named = letters(file.names[index]) in INDEX_NAMES or file.names[index] == f"column_{index + 1}"
    if not (file.header and named):
        return False
    numbers = sample_numbers(file, index)
    return len(numbers) > 2 and all(b - a == 1 for a, b in pairwise(numbers))


# The choice of columns.


def _time_columns(file: TableFile, timelike: Sequence[int]) -> tuple[int, ...]:
    """Return the chosen time column, or date and clock; absolute time goes before a bare clock."""
    options = file.options
    if options.no_time and (options.time_columns or options.time_format):
        raise file.refusal("--no-time together with --time-column or --time-format", expected="one of them")
    if options.time_columns:
        if len(options.time_columns) > 2 and options.time_format is None:
            expected = "one, or date and time; --time-format says how to read more"
            raise file.refusal(f"{len(options.time_columns)} time columns", expected=expected)
        chosen = tuple(resolve(file, name, "--time-column") for name in options.time_columns)
        if len(set(chosen)) < len(chosen):
            raise file.refusal("the same column twice as --time-column", expected="a date and a time")
        return chosen
    channels = [resolve(file, name, "--column") for name in options.columns]
    free = [index for index in timelike if index not in channels and file.kinds[index] != "empty"]
    if options.no_time or not free:
        return ()
    clocks = [index for index in free if file.kinds[index] == "clock"]
    days = [index for index in free if file.kinds[index] == "day"]
    full = [index for index in free if index not in clocks and index not in days]
    # The begin of a query stands in every row, and a date in those of its day: they say less than other stamps, as a
    # count of the rows in front does.
    full.sort(key=lambda index: _repeats(file.sample_of(index)) or (not file.header and _counts(file, index)))
    if full and full[0] < min([*days, *clocks], default=file.width):
        return (full[0],)
    if days and clocks:
        return (days[0], clocks[0])
    return ((full or days or clocks)[0],)


def _counts(file: TableFile, index: int) -> bool:
    return file.kinds[index] == "number" and all(b - a == 1 for a, b in pairwise(sample_numbers(file, index)))


def _repeats(cells: Sequence[str]) -> bool:
    return len(set(cells)) < len(cells)


def _named_columns(file: TableFile, time: tuple[int, ...], group: int | None) -> Sequence[tuple[int, ...]]:
    """Return the columns that --column, --exogenous and --known name, each without repetition.

    Raises RefusalError for a column that has another role already.
    """
    options = file.options
    named = {"--column": options.columns, "--exogenous": options.exogenous, "--known": options.known}
    chosen = {
        option: tuple(dict.fromkeys(resolve(file, name, option) for name in names)) for option, names in named.items()
    }
    for option, indices in chosen.items():
        for index in indices:
            if index == group or index in time:
                role = "--group-column" if index == group else "the time"
                problem = f"{option} {file.names[index]!r} is {role} already"
                raise file.refusal(problem, advice="--no-time frees a time column.")
    for (option, first), (other_option, second) in combinations(chosen.items(), 2):
        both = [file.names[index] for index in first if index in second]
        if both:
            raise file.refusal(f"{both[0]!r} is both {option} and {other_option}", expected="one of them")
    return tuple(chosen.values())


def _label_column(file: TableFile, *, taken: Sequence[int | None], timelike: Sequence[int | None]) -> int:
    """Return the column of labels: the only one of text, else the only one that is neither time nor a count of rows."""
    texts = [index for index in file.of_kind("text") if index not in taken]
    numbers = [index for index in file.of_kind("number") if index not in timelike]
    candidates = texts or [index for index in numbers if not is_index(file, index)] or numbers
    if len(candidates) == 1:
        return candidates[0]
    names = ", ".join(repr(file.names[index]) for index in candidates[:12])
    problem = f"{len(candidates)} columns may hold the labels ({names})" if candidates else "no column may hold labels"
    raise file.refusal(problem, expected="one column of labels", advice="Name it with --column.")


def _number_columns(
    file: TableFile, time: tuple[int, ...], group: int | None, *, timelike: Sequence[int]
) -> tuple[list[int], list[str]]:
    """Return all columns of numbers that are neither time nor index, and notes on those that are dropped."""
    chosen, notes, padding = list[int](), list[str](), _padding(file)
    for index, kind in enumerate(file.kinds):
        name = file.names[index]
        if index in time or index == group:
            continue
        if index in timelike:
            notes.append(f"column {name!r} is a time too, and left out")
        elif kind == "number" and is_index(file, index):
            notes.append(f"column {name!r} counts the rows, and is left out")
        elif kind == "number":
            chosen.append(index)
        elif kind == "text" and index not in padding:
            notes.append(f"column {name!r} holds text, and is left out")
    return chosen, notes


def _padding(file: TableFile) -> list[int]:
    """Return the unnamed last columns that hold nothing but delimiters of another kind."""
    padding: list[int] = []
    for index in range(file.width - 1, 0, -1):
        empty = all(cell.strip(",; \t") == "" for cell in set(file.sample_of(index)))
        if file.names[index] != f"column_{index + 1}" or not empty:
            break
        padding.append(index)
    return padding


def _with_units(file: TableFile) -> TableFile:
    """Return the file with a unit for each channel: of its header, or of --unit: NAME=UNIT, one for all, one for each.

    Those without a name are of the targets alone.
    """
    options, roles, targets = file.options.units, file.roles, file.roles.targets
    parts = units_of(file.names)
    headers = {index: parts[index][1] if file.header else "" for index in roles.channels}
    units = {index: unit or file.marks.get(index, "") for index, unit in headers.items()}
    plain = [text for text in options if "=" not in text]
    if len(plain) not in (0, 1, len(targets)):
        problem = f"{len(plain)} times --unit for {len(targets)} channels"
        raise file.refusal(problem, expected="one for all, one for each, or NAME=UNIT")
    units.update(zip(targets, plain * len(targets) if len(plain) == 1 else plain, strict=False))
    for text in options:
        name, mark, unit = text.rpartition("=")
        if not mark:
            continue
        index = resolve(file, name, "--unit")
        if index not in units:
            raise file.refusal(f"--unit {text!r}: column {name!r} is no channel")
        units[index] = unit
    texts = tuple(units[index] for index in roles.channels)
    roles = replace(roles, units=texts[: len(targets)], covariate_units=texts[len(targets) :])
    return replace(file, roles=roles)


# Columns of time that are easily overlooked.


def _refuse_later_clock(file: TableFile, channels: tuple[int, ...], time: tuple[int, ...]) -> None:
    """Raise RefusalError for a file without header in which a later column rises like a clock: it is no channel."""
    if file.header or time or file.options.no_time or len(file.sample) < FEWEST_ROWS or len(channels) < 2:
        return
    rising = [index for index in channels if is_ramp(file, index, jitter=0.5)]
    if not rising:
        return
    index = rising[0]
    later = tuple(str(channel + 1) for channel in channels if channel > index)
    step = _mean_step_of_file(file, index)
    # Behind hours, minutes and seconds stand microseconds.
    is_part_of_clock = index == 3 and all(
        sample_numbers(file, part) and all(0 <= value < limit for value in sample_numbers(file, part))
        for part, limit in enumerate((24, 60, 60))
    )
    fix: dict[str, Any] = {"columns": later} if later else {}
    if not (is_part_of_clock and later):
        fix["time_columns"] = (str(index + 1),)
    elif step > 0:
        fix["rate_hz"] = float(f"{1e6 / step:.4g}")
    raise file.refusal(
        f"rises steadily from {sample_numbers(file, index)[0]:g} in steps of about {step:.6g}, like a clock"
        + (" of microseconds behind hours, minutes and seconds" if is_part_of_clock else ""),
        line=file.first_line,
        column=index + 1,
        expected="time in the first column, or channels only",
        fix=fix,
        advice="Choose the channels with --column, the time with --time-column; --no-time takes all as channels.",
    )


def _mean_step_of_file(file: TableFile, index: int) -> float:
    """Return the mean step of a column over the whole file, or over the sample where the end is odd."""
    last, row_count = "", 0
    for _, line in file.data_lines():
        if line.strip():
            last, row_count = line, row_count + 1
    cells, first = split_line(last, file.delimiter), sample_numbers(file, index)[0]
    text = cells[index] if index < len(cells) else ""
    if PATTERNS[file.decimal].fullmatch(text) and float(text.replace(",", ".")) > sample_numbers(file, index)[-1]:
        return (float(text.replace(",", ".")) - first) / (row_count - 1)
    return _mean_step(file, index)


def _mean_step(file: TableFile, index: int) -> float:
    numbers = sample_numbers(file, index)
    return (numbers[-1] - numbers[0]) / (len(numbers) - 1)


def _notes_on_ramps(file: TableFile, channels: tuple[int, ...]) -> list[str]:
    """Return notes on the channels of a file with names that rise as a clock does: a time by an unusual name."""
    if not file.header or len(file.sample) < FEWEST_ROWS or len(channels) < 2:
        return []
    names = [file.names[index] for index in channels if is_ramp(file, index)]
    return [f"column {name!r} rises steadily: if it is the time, --time-column {shell_quoted(name)}" for name in names]


# Mixed rates: channels of different rates in one file, each behind its own clock.


def _refuse_mixed_rates(
    file: TableFile, time: tuple[int, ...], timelike: Sequence[int], *, channels: tuple[int, ...]
) -> None:
    """Raise RefusalError for channels behind a second clock of another rate: the times of the first are not theirs."""
    if len(time) != 1 or not _is_clock(file, time[0]):
        return
    clocks = sorted({time[0], *(index for index in timelike if _is_clock(file, index))})
    ends = [*clocks[1:], file.width]
    behind = {clock: [i for i in channels if clock < i < end] for clock, end in zip(clocks, ends, strict=True)}
    step = _mean_step(file, time[0])
    differing = [clock for clock in clocks if behind[clock] and _differ(_mean_step(file, clock), step)]
    if differing and behind[time[0]]:
        # Nobody can say which clock a channel before both of them has.
        before = min(channels) < clocks[0]
        raise _mixed_rates(file, time[0], differing[0], behind={} if before else behind)


def _is_clock(file: TableFile, index: int) -> bool:
    return file.kinds[index] == "number" and len(file.sample) >= FEWEST_ROWS and is_ramp(file, index, jitter=0.5)


def _differ(step: float, other_step: float) -> bool:
    """Return whether two steps are of different rates, and not of one rate in two units."""
    ratio = max(step, other_step) / min(step, other_step)
    return all(abs(ratio / unit - 1) > LEAST_DIFFERENCE for unit in (1.0, *UNIT_RATIOS))


def _mixed_rates(file: TableFile, time: int, second: int, *, behind: Mapping[int, Sequence[int]]) -> RefusalError:
    """Return the refusal with the channels behind the clock that was chosen, and advice on those behind the second."""
    names = file.names
    channels, second_channels = (tuple(names[i] for i in behind.get(clock, ())) for clock in (time, second))
    advice = "Name the channels of one clock with --column, and that clock with --time-column."
    if behind:
        option = as_text({"columns": second_channels, "time_columns": (names[second],)})
        advice = f"`{option}` reads those of {names[second]!r}."
    return file.refusal(
        f"its step is {_mean_step(file, second):.6g}, that of {names[time]!r} {_mean_step(file, time):.6g}: "
        "two clocks of different rates",
        line=file.first_line,
        column=names[second],
        expected="one clock for all channels",
        fix={"columns": channels} if behind else {},
        advice=advice,
    )
