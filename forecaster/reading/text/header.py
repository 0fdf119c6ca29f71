"""The header: names of the columns, a row of units below them, lines above, and rows that are hardly a header."""

from __future__ import annotations

import re

from forecaster.config import ReadingOptions
from forecaster.reading.file import InputFile, TableFile
from forecaster.reading.refusal import RefusalError
from forecaster.reading.text.cells import (
    DATA_KINDS,
    IN_BRACKETS,
    SECONDS,
    TIME_UNITS,
    begins_other,
    column_kind,
    kind,
    plain_name,
    unit_of,
    unit_of_time,
)
from forecaster.signal.units import UNITS, is_unit

# Units as loggers spell them.
_WORDS = {
    "V": "volt volts",
    "mV": "millivolt millivolts",
    "A": "ampere amperes amp amps",
    "mA": "milliampere milliamperes milliamp milliamps",
    "W": "watt watts",
    "kW": "kilowatt kilowatts",
    "Hz": "hertz",
    "°C": "deg_c degc °c celsius",
    "°F": "deg_f degf °f fahrenheit",
    "K": "kelvin",
    "deg": "degree degrees",
    "%": "percent",
    "Pa": "pascal pascals",
    "N": "newton newtons",
    "m": "meter meters metre metres",
    "m/s": "meters/second metres/second",
    # The last two are a logger's stamp and the number of its record.
    "": "- -- 1 none unitless ts rn",
}
WORDS = {word: unit for word, unit in TIME_UNITS.items() if word not in IN_BRACKETS | SECONDS.keys()}
WORDS.update({word: unit for unit, words in _WORDS.items() for word in words.split()})
WORDS.update({"deg c": "°C", "degrees c": "°C", "degrees celsius": "°C", "deg f": "°F", "degrees f": "°F"})
# How a logger processed its values, in a row below the units.
_PROCESSED = "Avg Smp Max Min Tot Std TMx TMn Med WVc Cov Mom"
PROCESSED = frozenset(_PROCESSED.split())
TIMES = frozenset([*SECONDS, "µs"])
BRACKETED = re.compile(r"[(\[]([^()\[\]]{1,16})[)\]]")
FORMAT = re.compile(r"(?=.{4})(?:[yY]{2,4}|[mM]{2,3}|[dD]{2}|[hH]{2}|[sS]{2,3}|[-/.: T])+")

# The width of a column and what it holds, numbers, dates or texts, as archives of gauges write it below the names.
FIELD_FORMAT = re.compile(r"[0-9]{1,3}[nsd]")
# Of fewer rows nobody can say what their numbers are.
FEWEST_ROWS = 8
# A code that heads a column is this far from its values, in widths of their range.
FAR = 3.0

Rows = list[list[str]]


def names(file: InputFile, rows: Rows, start: int, *, delimiter: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return one name for each field of a row, and notes: `rows[start]` is the first of the data.

    Where header and rows differ in width, only empty ends may go. Raises RefusalError for other differences.
    """
    data = [row for row in rows[start:] if row != [""]]
    if not data:
        raise file.refusal("only a header, no row of numbers", line=file.options.skip_rows + 1)
    width, lines_above = max(len(data[0]), 1), file.options.skip_rows + start
    if start == 0:
        return tuple(f"column_{i + 1}" for i in range(width)), ()
    header, notes = [name.strip() for name in rows[0]], []
    if header[-1].endswith(",,"):
        notes.append(f"commas behind the last name {header[-1]!r} left out")
        header[-1] = header[-1].rstrip(",")
    if len(header) > width:
        # LabVIEW names a column of comments, and writes none.
        labview = header[0] == "X_Value" and header[width:] == ["Comment"]
        if any(header[width:]) and not labview:
            raise _other_width(file, header, data[0], lines_above=lines_above, delimiter=delimiter)
        notes.append(
            "the header names a column 'Comment' that no row has" if labview else "the header ends in a delimiter"
        )
        header = header[:width]
    if len(header) < width and any(cell.strip(",; \t") for row in data for cell in row[len(header) :]):
        longer = next(row for row in data if len(row) > len(header))
        raise _other_width(file, header, longer, lines_above=lines_above, delimiter=delimiter)
    return _unique(header + [""] * (width - len(header)), notes)


def renamed(file: InputFile, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of columns with those of --rename in their place; a unit behind a name stays there.

    A column that bears its new name already is left as it is: the option is kept with a model, and told to all files.
    Raises RefusalError for a name that no column has, old or new.
    """
    current = list(names)
    for text in file.options.rename:
        short = [unit_of(name)[0] for name in current]
        pairs = _renamings(text)
        if not pairs:
            raise file.refusal(f"--rename {text!r}", expected="OLD=NEW")
        if pair := next((pair for pair in pairs if pair[0] in current or short.count(pair[0]) == 1), None):
            old, new = pair
            index = current.index(old) if old in current else short.index(old)
            unit_text = unit_of(current[index])[1]
            current[index] = f"{new} [{unit_text}]" if unit_text and not unit_of(new)[1] else new
        elif not any(new in current or new in short for _, new in pairs):
            listed = ", ".join(map(repr, current[:12])) + (", ..." if len(current) > 12 else "")
            raise file.refusal(f"--rename {text!r}: no such column", expected=f"one of {listed}")
    if len(set(current)) < len(current):
        raise file.refusal("--rename gives two columns one name", expected="a name of its own for each")
    return tuple(current)


def _renamings(text: str) -> list[tuple[str, str]]:
    """Return what OLD=NEW may mean, old name and new one: a name may have the mark in it.

    >>> _renamings("P=power"), _renamings("a=b=c"), _renamings("P=")
    ([('P', 'power')], [('a', 'b=c'), ('a=b', 'c')], [])
    """
    marks = [place for place, letter in enumerate(text) if letter == "="]
    pairs = [(text[:place].strip(), text[place + 1 :].strip()) for place in marks]
    return [(old, new) for old, new in pairs if old and new]


def renaming(file: TableFile) -> dict[str, tuple[str, ...]]:
    """Return the --rename that gives columns the names that a model reads, where names leave no choice; else nothing.

    Each name that no column has must begin that of one column of numbers alone, or the other way round.
    """
    options, short = file.options, [unit_of(name)[0] for name in file.names]
    read_by_model = [*options.columns, *options.exogenous, *options.known] if file.expected else []
    missing = [name for name in read_by_model if name not in {*file.names, *short}]
    free = [
        name
        for name, header, holds in zip(short, file.names, file.kinds, strict=True)
        if holds == "number" and not {name, header} & set(read_by_model) and not _sounds_like_time(header)
    ]
    alike = [[name for name in free if begins_other(name, new)] for new in missing]
    chosen = {names[0] for names in alike if len(names) == 1}
    if not missing or len(chosen) < len(missing):
        return {}
    return {"rename": tuple(f"{names[0]}={new}" for names, new in zip(alike, missing, strict=True))}


def _sounds_like_time(header: str) -> bool:
    name = plain_name(header)
    return name in TIME_UNITS or name in ("t", "ts") or name.startswith("time") or bool(unit_of_time(header))


def _unique(header: list[str], notes: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return names that differ, with a number where one comes again or is empty, and the notes on them."""
    unique, taken = list[str](), set[str]()
    for number, name in enumerate(header, start=1):
        again = bool(name) and name in taken
        if again:
            notes.append(f"a second column {name!r} is called '{name} #{number}'")
        unique.append(f"{name} #{number}" if again else name or f"column_{number}")
        taken.add(unique[-1])
    return tuple(unique), tuple(notes)


def _other_width(
    file: InputFile, header: list[str], row: list[str], *, lines_above: int, delimiter: str
) -> RefusalError:
    """Return the refusal of a row with more or fewer fields than the header has names; the data begin below it."""
    problem, line = f"a row with {len(row)} fields under a header with {len(header)}", lines_above + 1
    expected = "as many fields as names"
    if len(row) == 2 * len(header) and delimiter == "," and all(cell.strip("+- ").isdigit() for cell in row):
        problem += ", as decimal commas between commas make it: they cannot be told apart"
        advice = "Write it anew with decimal points, or with semicolons between the fields."
        return file.refusal(problem, line=line, expected=expected, advice=advice)
    if len(row) > 20 and len(header) > 20:
        return file.refusal(problem, line=line, expected=expected, fix={"layout": "wide"})
    advice = "The columns then have numbers for names."
    fix = {"skip_rows": lines_above, "no_header": True}
    return file.refusal(problem, line=line, expected=expected, fix=fix, advice=advice)


def preamble(file: InputFile, rows: Rows, start: int, *, delimiter: str, decimal: str) -> RefusalError:
    """Return the refusal of lines above the header, with the count that leaves them out."""
    units = _unit_row_above(rows, start, decimal)
    named = _names_fields(rows[start - 1], rows[start])
    skip = file.options.skip_rows + (units[0] if units else start - named)
    fix: dict[str, object] = {"skip_rows": skip} if named or units else {"skip_rows": skip, "no_header": True}
    if file.options.delimiter is None and len(rows[start]) > 1:
        fix["delimiter"] = delimiter
    line, text = file.options.skip_rows + 1, " ".join(rows[0])[:60]
    problem = f"a preamble: the first line holds {text!r}, numbers start at line {line + start}"
    return file.refusal(problem, line=line, expected="a header or numbers", fix=fix)


def _names_fields(above: list[str], first: list[str]) -> bool:
    """Return whether a row holds the names of the fields of the one below; the ends of both may be empty."""
    name_count, field_count = _filled(above), _filled(first)
    even = len(above) == len(first) or name_count == field_count
    # A column without a name may be one without values.
    named = [cell for cell, value in zip(above[:name_count], first, strict=False) if cell.strip() or value.strip()]
    return even and name_count >= field_count and all(kind(cell) == "text" for cell in named)


def refuse_column_numbers(file: InputFile, rows: Rows) -> None:
    """Raise RefusalError for a first row of 0, 1, 2 above fractions: a table without names, written with numbers."""
    numbers, below = rows[0][not rows[0][0].strip() :], [row for row in rows[1:] if row != [""]]
    begin = numbers[0].strip() if numbers else ""
    counted = begin in ("0", "1") and all(c.strip() == str(k) for k, c in enumerate(numbers, start=int(begin)))
    indexed = len(numbers) < len(rows[0])
    has_whole = any(cell.strip().isdigit() for row in below for cell in row[indexed:])
    if counted and below and (indexed or (len(numbers) > 2 and not has_whole)):
        line = file.options.skip_rows + 1
        raise file.refusal(
            f"{' '.join(numbers)[:60]!r}: numbers of columns, not values",
            line=line,
            expected="a header or numbers",
            fix={"skip_rows": line, "no_header": True},
            advice="If they were measured: `--no-header`.",
        )


def refuse_codes(file: InputFile, rows: Rows, decimal: str) -> None:
    """Raise RefusalError for a first row of whole numbers far from all below them: codes that head the columns.

    Fractions must stand below a code, for a count that begins anew is far from what follows, too.
    """
    first, below = rows[0], [row for row in rows[1:] if len(row) == len(rows[0])]
    if len(below) < FEWEST_ROWS or not all(cell.strip().isdigit() for cell in first):
        return
    columns = [[row[column].strip() for row in below] for column in range(len(first))]
    if not all(kind(cell, decimal) == "number" for cells in columns for cell in cells):
        return
    are_far = [
        _is_far(float(cell), [float(text.replace(",", ".")) for text in cells])
        for cell, cells in zip(first, columns, strict=True)
    ]
    heads_fractions = [far and decimal in "".join(cells) for far, cells in zip(are_far, columns, strict=True)]
    if any(heads_fractions) and 2 * sum(are_far) > len(first):
        line = file.options.skip_rows + 1
        raise file.refusal(
            f"{' '.join(first)[:60]!r}: whole numbers far from all below them, codes and not values",
            line=line,
            expected="a header or numbers",
            fix={"skip_rows": line, "no_header": True},
            advice="If they were measured: `--no-header`.",
        )


def _is_far(number: float, values: list[float]) -> bool:
    """Return whether a number lies outside of values, by more than they are apart."""
    low, high = min(values), max(values)
    return not low - FAR * (high - low) <= number <= high + FAR * (high - low)


def refuse_logger_table(file: InputFile, lines: list[str]) -> None:
    """Raise RefusalError for a table of a Campbell logger (TOA5), with the option that reads it."""
    begins = [line.replace('"', "").partition(",")[0] for line in lines[:3:2]]
    if begins == ["TOA5", "TS"] and not (file.options.skip_rows or file.options.no_header):
        problem = "is a logger's table (TOA5): a line about the logger stands above the names"
        raise file.refusal(problem, line=1, expected="a header or numbers", fix={"skip_rows": 1})


def with_unit_row(rows: Rows, start: int, decimal: str, options: ReadingOptions) -> tuple[Rows, int, tuple[str, ...]]:
    """Return the rows with a row of units joined to the names above it, where the data start, and a note of it."""
    places = _unit_row_above(rows, start, decimal) if start else None
    if places is None or places[0] or any(cell.strip() in options.na for cell in rows[1] if cell.strip()):
        return rows, start, ()
    content = "formats" if _is_row_of_formats(rows[1]) else "units"
    note = f"line {options.skip_rows + 2} holds the {content}"
    return [_joined(rows[0], rows[1]), *rows[1:]], places[1], (note,)


def unit(cell: str) -> str | None:
    """Return the unit that a cell is, "" where it says that there is none, None where it is something else.

    >>> [unit(cell) for cell in ("(ms)", "Volt", "W/m^2", "[-]", "yyyy-mm-dd", "(1.5)", "Anna")]
    ['ms', 'V', 'W/m^2', '', '', None, None]
    """
    # Some write the Greek letter for the sign of micro.
    text = cell.strip().replace("\u03bc", "\u00b5")
    inner = BRACKETED.fullmatch(text)
    plain = inner[1].strip() if inner else text
    if kind(text) == "number":
        return None
    if plain in UNITS:
        return plain
    if not plain or plain.lower() in WORDS or FORMAT.fullmatch(plain):
        return WORDS.get(plain.lower(), "")
    if is_unit(plain):
        return plain
    return plain if inner and kind(plain) == "text" else None


def _unit_row_above(rows: Rows, start: int, decimal: str) -> tuple[int, int] | None:
    """Return the row of names that a row of units follows, and the row of the first data; None where none does.

    `start` is where the data seem to begin; names that are numbers may have drawn it up to the units.
    """
    first = start
    if _is_unit_row(rows[start]):
        first += 1
    while first < len(rows) and _is_between(rows[first]):
        first += 1
    units = min(start, first - 1)
    while units > 0 and _is_between(rows[units]):
        units -= 1
    if first == len(rows) or units < 1 or not _is_unit_row(rows[units]):
        return None
    return (units - 1, first) if _are_named(rows[units - 1], rows[units], rows[first:], decimal) else None


def _is_unit_row(row: list[str]) -> bool:
    """Return whether a row holds nothing but units, and at least one; or is marked as such by a logger."""
    is_marked = row[0].strip() == "TS" or _is_row_of_formats(row)
    return is_marked or (all(unit(cell) is not None for cell in row) and any(map(unit, row)))


def _is_row_of_formats(row: list[str]) -> bool:
    """Return whether a row holds nothing but formats of columns, such as 5s, 20d and 14n."""
    return all(FIELD_FORMAT.fullmatch(cell.strip()) for cell in row)


def _is_between(row: list[str]) -> bool:
    """Return whether a row may stand between units and data: it says nothing, or how a logger processed its values."""
    return all(not cell.strip() or cell.strip() in PROCESSED for cell in row)


def _are_named(names: list[str], units: list[str], data: Rows, decimal: str) -> bool:
    """Return whether every unit has a name above it, and numbers or stamps below; the time may lack its name."""
    words = [kind(cell, decimal) for cell in names]
    if "text" not in words or not set(words) <= {"text", "number", "empty"}:
        return False
    # The names are as many as the fields of a row, but for an empty end, and the units no more.
    width = _filled(names)
    if width < _filled(units) or not (len(names) == len(data[0]) or width >= _filled(data[0])):
        return False
    for column, cell in enumerate(units):
        if not unit(cell):
            continue
        nameless = column >= len(names) or not names[column].strip()
        if nameless and not (column == 0 and unit(cell) in TIMES):
            return False
        below = column_kind([row[column] for row in data if column < len(row)], decimal)
        if below not in DATA_KINDS and below != "empty":
            return False
    return True


def _filled(row: list[str]) -> int:
    """Return the number of cells up to the last that holds something."""
    return max((column for column, cell in enumerate(row, start=1) if cell.strip()), default=0)


def _joined(names: list[str], units: list[str]) -> list[str]:
    """Return the names with their units: `name [unit]`, as the reader understands it.

    >>> _joined(["Time", "Channel A", "n", "T (C)"], ["(ms)", "Volt", "", "C"])
    ['Time [ms]', 'Channel A [V]', 'n', 'T (C)']
    """
    texts = [unit(cell) or "" for cell in units] + [""] * (len(names) - len(units))
    headers = list[str]()
    for column, (name, text) in enumerate(zip(names, texts, strict=False)):
        plain = name.strip()
        # The axis of an oscilloscope.
        if column == 0 and text in TIMES and plain.lower() in ("", "x", "x-axis", "x axis"):
            plain = f"{plain} time".strip()
        headers.append(f"{plain} [{text}]" if text and not unit_of(plain)[1] else plain)
    return headers
