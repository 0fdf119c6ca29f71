"""The diagnosis of a table that the fast reader cannot read, or accepts in doubt: line by line, what is wrong where."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import printable
from forecaster.reading.file import TableFile
from forecaster.reading.refusal import Fix, RefusalError
from forecaster.reading.symbols import check_cell
from forecaster.reading.text.cells import MISSING_WORDS, PATTERNS, mark_pattern, split_line, unit_of, without_mark

# Cells of a row without content: white space, and delimiters of any kind.
BLANK = ",; \t"


def diagnose(file: TableFile, *, rows: int | None = None, skip: int = 0) -> None:
    """Raise RefusalError for the first row that is not as it should be; return if there is none.

    `skip` rows are passed over; `rows` is how many there are with them, None for all of the file.
    """
    if file.source.facts.quotes:
        check_quotes(file)
    last = None if rows is None else file.first_line + rows - 1
    for number, line in file.data_lines():
        if number < file.first_line + skip:
            continue
        if (last is not None and number > last) or (not line.strip(BLANK) and _only_blank_follow(file, number)):
            return
        cells = split_line(line, file.delimiter)
        if len(cells) != file.width:
            raise _other_width(file, cells, number)
        _check_row(file, cells, number)


def _only_blank_follow(file: TableFile, number: int) -> bool:
    return all(not line.strip(BLANK) for later, line in file.data_lines() if later > number)


def _check_row(file: TableFile, cells: list[str], line: int) -> None:
    """Raise RefusalError for the first cell of a channel that is neither a value nor accepted as missing."""
    options, roles = file.options, file.roles
    if options.symbols:
        check_cell(file, cells[roles.channels[0]], line)
        return
    missing = frozenset() if options.missing == "error" else frozenset(["", *options.na])
    for index in (*roles.channels, *roles.counts):
        text = cells[index]
        plain = without_mark(text, file.marks[index]) if index in file.marks else text
        if text in missing or _is_number(file, plain):
            continue
        if index in roles.counts:
            raise _no_count(file, text, index, line)
        raise bad_cell(file, text, line, file.names[index])


def _no_count(file: TableFile, text: str, index: int, line: int) -> RefusalError:
    """Return the refusal of a word in a column that counts the rows: the row is hardly a sample. A blank is one."""
    is_word = re.search(r"[^\W\d_]", text) is not None
    return file.refusal(
        f"{printable(repr(text), 60)} in a column that counts the rows" if text.strip() else "an empty cell",
        line=line,
        column=file.names[index],
        expected="the next number, for each row is a sample",
        fix={} if is_word else file.targets_by_name(),
        advice="Mend the line, or delete it if it is no sample.",
    )


@lru_cache(maxsize=8)
def _pattern_of(decimal: str, thousands: str | None) -> re.Pattern[str]:
    """Return what a cell of numbers looks like."""
    if not thousands:
        return PATTERNS[decimal]
    mark, point = mark_pattern(thousands), re.escape(decimal)
    digits = rf"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
    return re.compile(rf"[ \t]*[+-]?(?:{digits}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")


def _value(text: str, decimal: str, thousands: str | None) -> float:
    plain = re.sub(mark_pattern(thousands), "", text) if thousands else text
    return float(plain.replace(",", ".") if decimal == "," else plain)


def number(file: TableFile, text: str) -> float:
    """Return the value of a plain decimal number that 64 bits hold. Raises ValueError for anything else."""
    decimal, thousands = file.decimal, file.options.thousands
    if _pattern_of(decimal, thousands).fullmatch(text) and math.isfinite(value := _value(text, decimal, thousands)):
        return value
    raise ValueError(text)


def _is_number(file: TableFile, text: str) -> bool:
    try:
        number(file, text)
    except ValueError:
        return False
    return True


def numbers(file: TableFile, cells: NDArray[Any], index: int) -> NDArray[np.float64]:
    """Return the numbers of the column `index` with marks in or about them.

    Raises ValueError at the first cell that is none.
    """
    decimal, thousands = file.decimal, file.options.thousands
    pattern = _pattern_of(decimal, thousands)
    if thousands == decimal:
        raise ValueError("thousands and decimal mark are the same")
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if isinstance(cell, str):
            text = without_mark(cell, file.marks[index]) if index in file.marks else cell
            if not pattern.fullmatch(text):
                raise ValueError(f"{cell!r} is not a number")
            values[row] = _value(text, decimal, thousands)
    return values


def _other_width(file: TableFile, cells: list[str], line: int) -> RefusalError:
    """Return the refusal of a row with too few or too many fields, and a guess why."""
    fix: Fix = {}
    advice = "Mend or delete the line; no option accepts a row whose columns may have shifted."
    if cells in ([""], []):
        problem = "a blank line among the rows"
    elif len(cells) == file.width + 1 and cells[-1] == "":
        problem = f"a row with {len(cells)} fields: a delimiter at its end shifts or adds a column"
    else:
        problem = f"a row with {len(cells)} fields"
        if file.width > 20:
            fix, advice = {"layout": "wide"}, "One series a row?"
        elif not any(PATTERNS[file.decimal].fullmatch(cell) for cell in cells):
            problem += f" and no number: {printable(' '.join(cells), 60)!r}"
    return file.refusal(problem, line=line, expected=f"{file.width} fields", fix=fix, advice=advice)


def bad_cell(file: TableFile, text: str, line: int, column: str) -> RefusalError:
    """Return the refusal of a cell that is no number, with the option that would accept it."""
    options = file.options
    missing: dict[str, Any] = {} if options.missing != "error" else {"missing": "interpolate"}
    fix: dict[str, Any] = {"na": (text,), **missing}
    advice = _how_to_mend(text, column)
    if text in ("", *options.na):
        fix = missing
    elif len(text) > 256 or advice or "\\" in printable(text, 256):
        # What has to be shown escaped cannot be pasted.
        fix = {}
    elif (mark := _thousands_mark(text.strip(), file)) is not None:
        fix = {} if _may_be_decimal(text, file) else {"thousands": mark}
    problem = _described(text, file)
    return file.refusal(problem, line=line, column=column, expected="a plain decimal number", fix=fix, advice=advice)


def _how_to_mend(text: str, column: str) -> str:
    """Return how to mend a cell that is the header again, as the logging began anew, or a number in other signs."""
    if text.strip() in (column, unit_of(column)[0]):
        return "Delete the line."
    plain = _odd_number(text)
    return f"Write it as {plain}." if plain else ""


def _odd_number(text: str) -> str:
    r"""Return the number that a cell holds with a typographer's minus or blanks, or a minus behind; else nothing.

    >>> _odd_number("\u22122.5"), _odd_number("2.5-"), _odd_number("1\xa0000.5"), _odd_number("bad")
    ('-2.5', '-2.5', '1000.5', '')
    """
    plain = re.sub("[\u00a0\u2009\u202f\u2019]", "", text.strip().replace("\u2212", "-"))
    plain = re.sub(r"^([^-+]+)-$", r"-\1", plain)
    return plain if plain != text.strip() and any(form.fullmatch(plain) for form in PATTERNS.values()) else ""


def _thousands_mark(text: str, file: TableFile) -> str | None:
    """Return what seems to part the thousands in 1,234.5 or 1.234.567, if no option says."""
    grouped = re.fullmatch(r"[+-]?[0-9]{1,3}([,.' _])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]+)?", text)
    return grouped[1] if grouped and grouped[1] != file.decimal and file.options.thousands is None else None


def _may_be_decimal(text: str, file: TableFile) -> bool:
    """Return whether 6,125 among numbers with points may have a decimal comma, or one between thousands."""
    return PATTERNS["," if file.decimal == "." else "."].fullmatch(text) is not None


def _described(text: str, file: TableFile) -> str:
    """Return what a cell that is no number is."""
    stripped, shown = text.strip(), printable(repr(text), 60)
    other_mark = "," if file.decimal == "." else "."
    if not stripped or text in file.options.na:
        return f"{shown}, which --na calls missing" if stripped else "an empty cell"
    if PATTERNS[file.decimal].fullmatch(text) and not _is_number(file, text):
        return f"{shown} is too large for a 64-bit number"
    if stripped.lower() in MISSING_WORDS:
        return f"{shown} stands for no number"
    if (mark := _thousands_mark(stripped, file)) is not None:
        decimal = ", or a decimal mark" if _may_be_decimal(text, file) else ""
        return f"{shown} holds {mark!r}, perhaps between thousands{decimal}"
    if PATTERNS[other_mark].fullmatch(text):
        return f"{shown} has the decimal mark {other_mark!r}, not {file.decimal!r}"
    return f"{shown}{_kind_of_text(stripped)}"


def _kind_of_text(text: str) -> str:
    """Return what a cell is that only looks like a number to some programs."""
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
        return " is a hexadecimal number"
    if re.fullmatch(r"[0-9]+(_[0-9]+)+", text):
        return " has underscores"
    if text.lower() in ("true", "false"):
        return " is a truth value"
    if any(c.isdigit() and not c.isascii() for c in text):
        return " has digits that are not 0 to 9"
    return " is a number in signs that are not read" if _odd_number(text) else ""


def check_quotes(file: TableFile) -> None:
    """Raise RefusalError for quotes that do not pair within one line, or that do not span a whole cell."""
    mark = r"\s" if file.delimiter == " " else re.escape(file.delimiter)
    quoted_cell = re.compile(rf'(?:^|(?<={mark}))"(?:[^"]|"")*"(?={mark}|$)')
    for number, line in file.data_lines():
        if '"' in line and '"' in quoted_cell.sub("", line):
            is_odd = line.count('"') % 2
            raise file.refusal(
                "a quote that is not closed on its line" if is_odd else "a quote inside a cell",
                line=number,
                expected='quotes around whole cells, such as "1.5"',
                advice="Mend the line: what stands behind the quote would be taken for one cell.",
            )
