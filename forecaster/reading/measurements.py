"""Whether a column of numbers is a measurement: what its name, its first cells and all its values say.

A column is a measurement unless something speaks against it, and what does is given as a reason in words. Names and
first cells are judged before the file is read, values after it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecaster.reading.file import Table, TableFile
from forecaster.reading.refusal import RefusalError, as_text
from forecaster.reading.text.cells import PATTERNS, unit_of, unit_of_time

# So many columns are listed in a message.
MOST_LISTED = 6
# Of fewer rows nobody can say what their numbers are.
FEWEST_ROWS = 8
# Columns are judged by so many first rows before all rows are looked at.
HEAD_ROWS = 64
# Whole numbers, which some loggers write with an empty fraction; from so many digits on 64 bits do not keep them.
WHOLE, LONG_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,]0*)?"), re.compile(r"[0-9]{16,}")
# Dates as whole numbers, by their number of digits.
COMPACT = {6: "%Y%m", 8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}
FIRST_YEAR, LAST_YEAR = 1900, 2100
# Names of columns whose whole numbers are dates, if they can be.
DATE_NAMES = frozenset(
    ["period", "month", "yearmonth", "yyyymm", "ym", "monat", "mois", "mes", "day", "yyyymmdd", "ymd"]
)
# Parts of the date and of the time of day: names, and the numbers that they may have. `min` and `mm` are other things.
_PARTS = {
    "year yyyy jahr annee": (1600, 2300),
    "month mon monat mois mes monthofyear": (1, 12),
    "day dd tag dayofmonth dom": (1, 31),
    "dayofyear doy yday": (1, 366),
    "dayofweek weekday dow wday wochentag": (0, 7),
    "week weekofyear woy woche": (0, 53),
    "quarter quartal": (1, 4),
    "hour hr hh stunde heure hrend hrbegin hourending hourend hourbeginning hourofday he hb": (0, 24),
    "minute minuteofhour": (0, 59),
}
PARTS = {word: limits for words, limits in _PARTS.items() for word in words.split()}
# Shorter names, which are parts of the date or time beside one of those above.
_SHORT_PARTS = {"y yy yr": (0, 2300), "mm mo m": (0, 59), "d dy": (1, 31), "h": (0, 24), "min mi mn": (0, 59)}
SHORT_PARTS = {word: limits for words, limits in _SHORT_PARTS.items() for word in words.split()}
# Where parts of a time begin and end, as they are counted; months and weekdays are too short to tell without a name.
TURNS = ((0, (23,)), (1, (24,)), (0, (59,)), (1, (48,)), (1, (96,)), (1, (365, 366)), (1, (28, 29, 30, 31)))
MINUTES_OF_DAY = 1440
# A number with a few signs about it, such as a unit: one that is seldom the same again is no label.
NUMBER_IN_TEXT = re.compile(r"[^\w\s]{0,3}\s?[+-]?\s?\d[\d.,'\s_\u2019]*(?:[eE][+-]?\d+)?\s*[^\d\s]{0,8}")
FEWEST_DISTINCT = 0.5
# Words in a name that say of values whether they are good, and those that do so behind the name of another column.
QUALITY = frozenset(["quality", "qual", "flag", "flags", "qc", "qf", "qcflag", "valid", "validity", "qualifier"])
# Words that say that something was counted or computed, whatever else the name says.
COUNTED = frozenset(["count", "counts", "index", "total", "number", "ratio", "rate", "sum"])
BESIDE_A_COLUMN = frozenset(["status", "state", "stat", "cd", "code", "q", "ok", "err", "error", "good"])
# Codes are few: a column that holds more of them in its first rows is rather a measurement.
MOST_CODES = 8
# The quality codes of OPC servers: good is 192.
OPC_GOOD, OPC_CODES = 192.0, frozenset([0, 4, 8, 12, 16, 20, 24, 28, 64, 68, 80, 84, 88, 192, 216])
# Counts of days of the years 1954 to 2119, and 1889 to 2108.
DAY_COUNTS = ((20_000, 80_000), (690_000, 770_000))
# Julian days, which no format of time reads.
DAY_NUMBERS = frozenset(["jd", "mjd", "juliandate", "juliandaynumber"])
DAY_NUMBERS_REASON, PART_OF_TIME = "numbers of days", "a part of the date or time"
DATES, CONSTANT = "dates", "constant"


# --- names and first cells ---------------------------------------------------------------


def letters(name: str) -> str:
    """Return a header's letters alone, without unit, number or case."""
    return "".join(re.findall("[a-z#]+", re.sub(r"[(\[].*?[)\]]| #\d+$", "", name.lower())))


def sample_numbers(file: TableFile, index: int) -> list[float]:
    """Return the numbers of a column's sample; none where more than a tenth of its cells are no numbers."""
    cells = file.sample_of(index)
    numbers = [cell for cell in cells if PATTERNS[file.decimal].fullmatch(cell)]
    return [float(cell.replace(",", ".")) for cell in numbers] if len(numbers) >= 0.9 * len(cells) else []


def set_aside(file: TableFile, candidates: Sequence[int]) -> dict[int, str]:
    """Return which of the `candidates` are no measurements by their names and first cells, each with the reason.

    What a model reads is never among them, and codes of quality only where something is left that they speak of.
    """
    judged = [index for index in candidates if not (file.is_expected(index) or _has_unit(file, index))]
    reasons = {index: reason for index in judged if (reason := _reason(file, index))}
    left = [index for index in candidates if index not in reasons]
    codes = {index for index in judged if index in left and _is_quality(file, index)} | _paired_codes(file, left)
    quality = dict.fromkeys(sorted(codes), "codes of quality")
    return reasons | quality if len(quality) < len(left) else reasons


def _has_unit(file: TableFile, index: int) -> bool:
    """Return whether the header names a unit that is none of time, as that of a measurement does."""
    return file.header and bool(unit_of(file.names[index])[1]) and not unit_of_time(file.names[index])


def _reason(file: TableFile, index: int) -> str:
    """Return why a column is no measurement, whatever stands beside it; nothing where it may be one."""
    cells = [cell.strip() for cell in file.sample_of(index) if cell.strip()]
    if len(cells) < FEWEST_ROWS:
        return ""
    header = unit_of(file.names[index])[0] if file.header else ""
    name = re.sub("[^a-z]", "", header.lower())
    if all(LONG_NUMBER.fullmatch(cell) for cell in cells) and len(set(map(len, cells))) == 1:
        return f"identifiers of {len(cells[0])} digits"
    if name not in DAY_NUMBERS | PARTS.keys() | SHORT_PARTS.keys():
        return ""
    numbers = sample_numbers(file, index)
    if name in DAY_NUMBERS and numbers == sorted(numbers):
        return DAY_NUMBERS_REASON
    low, high = (PARTS | SHORT_PARTS if _has_part(file) else PARTS).get(name, (0, -1))
    if all(WHOLE.fullmatch(cell) for cell in cells) and all(low <= number <= high for number in numbers):
        return PART_OF_TIME if _moves_as_a_calendar(numbers) else ""
    return ""


def _has_part(file: TableFile) -> bool:
    """Return whether a header is the clear name of a part of the date or time."""
    return file.header and any(re.sub("[^a-z]", "", name.lower()) in PARTS for name in file.names)


def _moves_as_a_calendar(numbers: list[float]) -> bool:
    """Return whether numbers stay, count on by one step, or begin again, forwards or backwards, but for a few gaps."""
    steps = [b - a for a, b in pairwise(numbers) if a != b]
    if not steps:
        return True
    counts = Counter(steps)
    # Of two that are as common, the longer one is the return.
    usual = max(counts, key=lambda step: (counts[step], -abs(step)))
    rises = counts[usual]
    returns = sum(step * usual < 0 and abs(step) > abs(usual) for step in steps)
    # An even day has as many steps on as back: noon and midnight.
    alternates = len(set(map(abs, steps))) == 1
    return rises >= returns and (alternates or rises + returns >= 0.8 * len(steps))


def _is_quality(file: TableFile, index: int) -> bool:
    """Return whether a column of few whole codes says by its name, or as OPC servers do, whether others are good."""
    first = next(iter(file.sample_of(index)), "").strip()
    # Most columns are told from codes by their first cell.
    if PATTERNS[file.decimal].fullmatch(first) and not WHOLE.fullmatch(first):
        return False
    numbers = sample_numbers(file, index)
    codes = set(numbers)
    if not codes or len(codes) > MOST_CODES or not all(map(float.is_integer, codes)):
        return False
    if codes <= OPC_CODES and 2 * numbers.count(OPC_GOOD) > len(numbers):
        return True
    words = _words(unit_of(file.names[index])[0]) if file.header else []
    if not words or COUNTED & set(words):
        return False
    if "status" in words:
        # A single column of 0 and 1 is a state of the machine that was logged.
        is_repeated = sum(_words(name) == words for name in file.names) > 1
        return is_repeated or not codes <= {0, 1} or _belongs_to_a_column(file, index, words)
    return bool(QUALITY & set(words)) or _belongs_to_a_column(file, index, words)


def _paired_codes(file: TableFile, candidates: Sequence[int]) -> set[int]:
    """Return the columns of codes of a file without names: two or more, each behind fractions, mostly of one code."""
    if file.header:
        return set()
    numbers = {index: sample_numbers(file, index) for index in candidates}
    integers = {index for index in candidates if numbers[index] and all(map(float.is_integer, numbers[index]))}
    behind = {index for index in integers if index - 1 in numbers and index - 1 not in integers}
    few = {index for index in behind if 1 < len(set(numbers[index])) <= MOST_CODES}
    usual = {index: Counter(numbers[index]).most_common(1)[0] for index in few}
    are_mostly_one = all(2 * count > len(numbers[index]) for index, (_, count) in usual.items())
    return few if len(few) > 1 and are_mostly_one and len({code for code, _ in usual.values()}) == 1 else set()


def _belongs_to_a_column(file: TableFile, index: int, words: list[str]) -> bool:
    """Return whether a word of quality stands before or behind the name of another column."""
    named = {"".join(_words(unit_of(name)[0])) for place, name in enumerate(file.names) if place != index}
    joined = "".join(words)
    if any(joined.removeprefix(mark) in named or joined.removesuffix(mark) in named for mark in QUALITY | {"q"}):
        return True
    before, behind = "".join(words[:-1]), "".join(words[1:])
    return (words[-1] in BESIDE_A_COLUMN and before in named) or (words[0] in BESIDE_A_COLUMN and behind in named)


def _words(header: str) -> list[str]:
    """Return the words of a header in lower case, without the number of its repetition.

    >>> _words("T1 status #2"), _words("inletFlag"), _words("1_00060_cd")
    (['t1', 'status'], ['inlet', 'flag'], ['1', '00060', 'cd'])
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", re.sub(r" #\d+$", "", header))
    return re.findall(r"[^\W_]+", parted.lower())


def compact_form(cells: Sequence[str], name: str = "") -> str:
    """Return the format of dates that are written as whole numbers, in order; nothing where they are none.

    The numbers must be no count: by the `name` of the column, or as dates go on from one month to the next, or from
    one hour, where numbers do not.

    >>> compact_form([f"202401{day}" for day in range(25, 32)] + ["20240201"])
    '%Y%m%d'
    >>> compact_form([str(number) for number in range(20240101, 20240109)])
    ''
    """
    plain = [cell.strip() for cell in cells if cell.strip()]
    form = COMPACT.get(len(plain[0])) if plain and plain[0].isdigit() else None
    if form is None or len(plain) < FEWEST_ROWS or len(set(map(len, plain))) > 1:
        return ""
    try:
        dates = [datetime.strptime(cell, form) for cell in plain]
    except ValueError:
        return ""
    steps = [int(b) - int(a) for a, b in pairwise(plain)]
    passes = max(steps) != min(steps) and max(map(abs, steps)) > 1
    is_in_order = dates in (sorted(dates), sorted(dates, reverse=True)) and dates[0] != dates[-1]
    is_in_range = FIRST_YEAR <= dates[0].year <= LAST_YEAR
    return form if is_in_order and is_in_range and (passes or letters(name) in DATE_NAMES) else ""


def counts_days(numbers: Sequence[float]) -> bool:
    """Return whether numbers rise by a share of a day, and are days of our time as spreadsheets or MATLAB count."""
    is_in_range = any(low < min(numbers, default=0) and max(numbers, default=0) < high for low, high in DAY_COUNTS)
    if len(numbers) < FEWEST_ROWS or not is_in_range:
        return False
    step = (numbers[-1] - numbers[0]) / (len(numbers) - 1)
    is_even = all(abs(b - a - step) < 0.01 * step for a, b in pairwise(numbers))
    # 0.0416667 is an hour; 0.25 may be anything.
    is_odd, seconds = abs(step - round(step, 4)) > 1e-6, step * 86400
    is_clock = round(seconds) >= 1 and abs(seconds - round(seconds)) < 1e-3 * seconds
    return is_even and is_odd and is_clock


def is_coarse_time(file: TableFile, index: int) -> bool:
    """Return whether a column that has a short name of time holds rounded stamps: they repeat, and never fall.

    With a unit of time behind it the name is clear; without one it must be in small letters, in front, and alone.
    """
    numbers = sample_numbers(file, index)
    if len(numbers) < FEWEST_ROWS or numbers != sorted(numbers):
        return False
    header = file.names[index]
    if unit_of(header)[1]:
        return bool(unit_of_time(header))
    is_alone = not any(kind in ("stamp", "day", "clock") for kind in file.kinds)
    return index == 0 and is_alone and header == header.lower()


def refuse_numbers_in_texts(file: TableFile, taken: Sequence[int | None]) -> None:
    """Raise RefusalError for a column of text in which nearly every cell is another number with something about it.

    It is neither read as numbers nor a column of labels.
    """
    for index, kind in enumerate(file.kinds):
        cells = [cell.strip() for cell in file.sample_of(index) if cell.strip()]
        if kind != "text" or index in taken or len(cells) < FEWEST_ROWS:
            continue
        alike = sum(NUMBER_IN_TEXT.fullmatch(cell) is not None for cell in cells)
        if alike >= 0.9 * len(cells) and len(set(cells)) > FEWEST_DISTINCT * len(cells):
            raise file.refusal(
                f"{cells[0]!r} and others are numbers with something in or about them",
                line=file.first_line,
                column=file.names[index],
                expected="plain decimal numbers",
                advice="Write them plainly; a unit belongs into the header.",
            )


def time_in_parts(file: TableFile, parts: Sequence[int]) -> RefusalError:
    """Return the refusal of a file whose only time are numbers of days, or parts of a date or time."""
    names = ", ".join(repr(file.names[index]) for index in parts[:MOST_LISTED])
    are_days, measured = letters(file.names[parts[0]]) in DAY_NUMBERS, as_text({"columns": (file.names[parts[0]],)})
    return file.refusal(
        f"{names}: {'numbers of days' if are_days else 'parts of the date or time'}, the only time of the file",
        line=file.first_line,
        column=file.names[parts[0]],
        expected="a column of time, such as 2022-08-05 15:26:13",
        advice=f"Write the time in one column to keep it; --no-time leaves it out, {measured} takes one as measured.",
    )


def nothing_measured(file: TableFile, aside: Mapping[int, str]) -> RefusalError:
    """Return the refusal of a file in which each column of numbers is something else than a measurement."""
    texts = [f"{file.names[index]!r} ({reason})" for index, reason in aside.items()]
    return file.refusal(
        f"no column of measurements besides time, but {', '.join(texts[:MOST_LISTED])}",
        line=file.first_line,
        expected="a column that was measured",
        advice=f"If one was: {as_text({'columns': (file.names[min(aside)],)})}.",
    )


# --- all values --------------------------------------------------------------------------


def without_unmeasured(table: Table) -> Table:
    """Return the table without targets that are no measurements by their values, and one note on all set aside.

    What the user or a model names stays, with a note where it never varies; so does the last of the targets.
    """
    file = table.file
    if file.options.symbols or file.options.layout != "columns":
        table.notes.extend(filter(None, [_note(file, file.set_aside)]))
        return table
    targets = file.roles.targets
    are_chosen = bool(file.options.columns)
    reasons = {} if len(table.measured) < FEWEST_ROWS else _reasons_of_values(file, table.measured[:, : len(targets)])
    named = [place for place in range(len(targets)) if are_chosen or file.is_expected(targets[place])]
    for place in named:
        if reasons.pop(place, "") == CONSTANT:
            table.notes.append(f"column {file.names[targets[place]]!r} never varies, as if the sensor were stuck")
    if len(reasons) == len(targets):
        reasons = {}
    dates = next((targets[place] for place, reason in reasons.items() if reason == DATES), None)
    if dates is not None and not (table.time or file.options.no_time):
        raise _dates_alone(file, dates)
    aside = [(targets[place], reason) for place, reason in sorted(reasons.items())]
    if note := _note(file, [*file.set_aside, *aside]):
        table.notes.append(note)
    kept = [place for place in range(len(file.roles.channels)) if place not in reasons]
    if not reasons:
        return table
    roles = file.roles
    roles = replace(
        roles,
        channels=tuple(roles.channels[place] for place in kept),
        units=tuple(unit for place, unit in enumerate(roles.units) if place not in reasons),
    )
    return replace(table, file=replace(file, roles=roles), values=np.ascontiguousarray(table.values[:, kept]))


def _dates_alone(file: TableFile, index: int) -> RefusalError:
    """Return the refusal of whole numbers that can be dates, or a count, in a file without another time."""
    name = file.names[index]
    return file.refusal(
        f"{file.sample_of(index)[0]!r} and the others can be read as dates, the only time of the file",
        line=file.first_line,
        column=name,
        expected="a column that is known to be the time",
        fix={"time_columns": (name,), "time_format": "%Y%m%d"},
        advice="If they were measured, or to leave them out: --no-time, and --column for the channels.",
    )


def _note(file: TableFile, aside: Sequence[tuple[int, str]]) -> str:
    """Return one line on the columns that were set aside, grouped by the reason; nothing where there are none."""
    names: dict[str, list[str]] = {}
    for index, reason in aside:
        names.setdefault(reason, []).append(repr(file.names[index]))
    texts = [f"{', '.join(columns)} ({reason})" for reason, columns in names.items()]
    return f"no measurements, and left out: {'; '.join(texts)}; --column NAME takes one" if texts else ""


def _reasons_of_values(file: TableFile, values: NDArray[np.float64]) -> dict[int, str]:
    """Return which targets (T, C) are constant, count the rows, hold dates or turn as a part of the time does."""
    reasons = {place: CONSTANT for place, column in enumerate(values.T) if _is_constant(column)}
    open_places = [place for place in range(values.shape[1]) if place not in reasons]
    integers = [p for p in open_places if not _has_unit(file, file.roles.targets[p]) and _is_whole(values[:, p])]
    turns = {place: _turns(values[:, place]) for place in integers}
    turning = [rows for rows in turns.values() if len(rows)]
    for place in integers:
        column = values[:, place]
        if _counts_rows(column):
            reasons[place] = "a count of the rows"
        elif _are_dates(column):
            reasons[place] = DATES
        elif len(turns[place]) or any(_advances_at(column, rows) for rows in turning):
            reasons[place] = PART_OF_TIME
    return reasons


def _is_whole(column: NDArray[np.float64]) -> bool:
    """Return whether all values are whole numbers; NaN is none."""
    head = column[:HEAD_ROWS]
    return bool((head == np.rint(head)).all() and (column == np.rint(column)).all())


def _is_constant(column: NDArray[np.float64]) -> bool:
    """Return whether all values that are there are the same, and there is one."""
    filled = column[:HEAD_ROWS][~np.isnan(column[:HEAD_ROWS])]
    if len(filled) and (filled != filled[0]).any():
        return False
    filled = column[~np.isnan(column)]
    return len(filled) > 0 and bool((filled == filled[0]).all())


def _counts_rows(column: NDArray[np.float64]) -> bool:
    """Return whether whole numbers from 0 or 1 on rise by one from row to row."""
    return column[0] in (0, 1) and column[-1] - column[0] == len(column) - 1 and bool((np.diff(column) == 1).all())


def _are_dates(column: NDArray[np.float64]) -> bool:
    """Return whether whole numbers are days such as 20240304, in order."""
    ends = sorted([column[0], column[-1]])
    if ends[0] < FIRST_YEAR * 10_000 or ends[1] > (LAST_YEAR + 1) * 10_000:
        return False
    steps = np.diff(column)
    if (steps < 0).any() and (steps > 0).any():
        return False
    days = np.unique(column).astype(np.int64)
    months, days = days // 100 % 100, days % 100
    return bool(((months >= 1) & (months <= 12) & (days >= 1) & (days <= 31)).all()) and len(days) > 1


def _turns(column: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the rows at which a part of the time begins again; none where a column counts otherwise."""
    nothing, head = np.zeros(0, np.int64), np.diff(column[:HEAD_ROWS])
    # Most whole numbers are told from a part of the time by their first rows.
    if (head > 1).any() and not _steps_as_a_clock(column[:HEAD_ROWS]):
        return nothing
    steps = np.diff(column)
    starts = np.flatnonzero(steps < 0) + 1
    if not len(starts) or column.min() < 0 or column.max() > 2400:
        return nothing
    moves = steps[steps != 0]
    for low, tops in TURNS:
        counts_on = ((moves == 1) | (moves < 0)).all() and column.min() == low
        ends = np.isin(column[starts - 1], tops) & (column[starts] == low)
        if counts_on and ends.all() and np.isin(column.max(), tops):
            return starts
    return starts if column.max() >= 1000 and _steps_as_a_clock(column) else nothing


def _steps_as_a_clock(column: NDArray[np.float64]) -> bool:
    """Return whether numbers such as 2345 are hours and minutes that go on by one step, over midnight too."""
    if (column % 100 >= 60).any():
        return False
    steps = np.diff(column // 100 * 60 + column % 100) % MINUTES_OF_DAY
    return steps[0] > 0 and MINUTES_OF_DAY % steps[0] == 0 and bool((steps == steps[0]).all())


def _advances_at(column: NDArray[np.float64], turns: NDArray[np.int64]) -> bool:
    """Return whether whole numbers change at `turns` alone, and mostly by one: days beside the hours of the day."""
    rows = np.flatnonzero(np.diff(column) != 0) + 1
    is_there = len(rows) == len(turns) and bool((np.abs(rows - turns) <= 1).all())
    return is_there and 2 * int((np.diff(column)[rows - 1] == 1).sum()) > len(rows)
