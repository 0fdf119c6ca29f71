"""The careful pass: line by line, to say exactly what is wrong where, or to clear a suspicion."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.errors import printable
from forecaster.reading.cells import MISSING_WORDS, PATTERNS, unit_of
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed, split_line
from forecaster.reading.refusal import Fix, RefusalError
from forecaster.reading.source import Source
from forecaster.reading.symbols import check_cell


def explain(
    source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, rows: int | None = None, skip: int = 0
) -> None:
    """Raise SignalError for the first row that is not as it should be; return if there is none. `skip` rows pass."""
    if source.facts.quotes:
        check_quotes(source, sniffed)
    last = None if rows is None else sniffed.first_line + rows - 1
    for number, line in enumerate(source.lines(), start=1):
        if number < sniffed.first_line + skip:
            continue
        cells = split_line(line, sniffed.delimiter)
        if (last is not None and number > last) or (_blank(line) and _only_blank_follow(source, number)):
            return
        if len(cells) != sniffed.width:
            raise _width(source, sniffed, cells, line=number)
        _check_row(source, sniffed, roles, options, cells=cells, line=number)


def _blank(line: str) -> bool:
    return not line.strip(",; \t")


def _check_row(
    source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, cells: list[str], line: int
) -> None:
    """Raise SignalError for the first channel's cell that is neither a number, or label, nor accepted as missing."""
    if options.symbols:
        index = roles.channels[0]
        check_cell(cells[index], options, path=source.path, line=line, column=sniffed.names[index])
        return
    pattern, accepted = _pattern_of(sniffed.decimal, options.thousands), _missing_texts(options)
    for index in roles.channels:
        text = cells[index]
        if text not in accepted and not (pattern.fullmatch(text) and _finite(text, sniffed, options)):
            raise bad_cell(source, sniffed, text, line=line, column=sniffed.names[index], options=options)
    for index in roles.counts:
        text = cells[index]
        if text not in accepted and not (pattern.fullmatch(text) and _finite(text, sniffed, options)):
            raise _no_count(sniffed, roles, text, index=index, path=source.path, line=line)


def _no_count(sniffed: Sniffed, roles: Roles, text: str, *, index: int, path: str, line: int) -> RefusalError:
    """Refuse a word in a column that counts the rows: the row is hardly a sample. A mere blank is none."""
    word = re.search(r"[^\W\d_]", text) is not None
    named = {} if word else roles.named(sniffed)
    return RefusalError(
        f"{printable(repr(text), 60)} in a column that counts the rows" if text.strip() else "an empty cell",
        path=path,
        line=line,
        column=sniffed.names[index],
        expected="the next number, for each row is a sample",
        fix=named,
        advice="Mend the line, or delete it if it is no sample.",
    )


@lru_cache(maxsize=8)
def _pattern_of(decimal: str, thousands: str | None) -> re.Pattern[str]:
    """Return what a cell must look like."""
    if not thousands:
        return PATTERNS[decimal]
    mark, point = re.escape(thousands), re.escape(decimal)
    whole = rf"(?:[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+|[0-9]+)"
    return re.compile(rf"[ \t]*[+-]?(?:{whole}(?:{point}[0-9]*)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")


def _missing_texts(options: ReadingOptions) -> frozenset[str]:
    """Return the cell texts that stand for missing and are accepted."""
    return frozenset() if options.missing == "error" else frozenset(["", *options.na])


def _value(text: str, sniffed: Sniffed, options: ReadingOptions) -> float:
    plain = text.replace(options.thousands, "") if options.thousands else text
    return float(plain.replace(",", ".") if sniffed.decimal == "," else plain)


def number(text: str, sniffed: Sniffed, options: ReadingOptions) -> float:
    """Return the value of a plain decimal number. Raises ValueError for anything else."""
    if _pattern_of(sniffed.decimal, options.thousands).fullmatch(text) and math.isfinite(
        value := _value(text, sniffed, options)
    ):
        return value
    raise ValueError(text)


def _finite(text: str, sniffed: Sniffed, options: ReadingOptions) -> bool:
    return math.isfinite(_value(text, sniffed, options))


def with_thousands(cells: NDArray[Any], sniffed: Sniffed, options: ReadingOptions) -> NDArray[np.float64]:
    """Convert a column with thousands marks. Raises ValueError at the first cell that is no such number."""
    pattern = _pattern_of(sniffed.decimal, options.thousands)
    if options.thousands == sniffed.decimal:
        raise ValueError("thousands and decimal mark are the same")
    result = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if isinstance(cell, str):
            if not pattern.fullmatch(cell):
                raise ValueError(f"{cell!r} is not a number")
            result[row] = _value(cell, sniffed, options)
    return result


def _only_blank_follow(source: Source, number: int) -> bool:
    return all(_blank(line) for i, line in enumerate(source.lines(), start=1) if i > number)


def _width(source: Source, sniffed: Sniffed, cells: list[str], *, line: int) -> RefusalError:
    """Refuse a row with too few or too many fields, and guess why."""
    fix: Fix = {}
    advice = "Mend or delete the line; no option accepts a row whose columns may have shifted."
    if cells in ([""], []):
        found = "a blank line among the rows"
    elif len(cells) == sniffed.width + 1 and cells[-1] == "":
        found = f"a row with {len(cells)} fields: a delimiter at its end shifts or adds a column"
    else:
        found = f"a row with {len(cells)} fields"
        if sniffed.width > 20:
            fix, advice = {"layout": "wide"}, "One series a row?"
        elif not any(PATTERNS[sniffed.decimal].fullmatch(c) for c in cells):
            found += f" and no number: {printable(' '.join(cells), 60)!r}"
    return RefusalError(found, path=source.path, line=line, expected=f"{sniffed.width} fields", fix=fix, advice=advice)


def bad_cell(
    source: Source, sniffed: Sniffed, text: str, *, line: int, column: str, options: ReadingOptions
) -> RefusalError:
    """Refuse one cell, with the option that would accept it."""
    missing: dict[str, Any] = {} if options.missing != "error" else {"missing": "interpolate"}
    fix: dict[str, Any] = {"na": (text,), **missing}
    found, expected, advice = _described(text, sniffed, options), "a plain decimal number", _mended(text, column)
    if text in ("", *options.na):
        fix = missing
    elif len(text) > 256 or advice:
        fix = {}
    elif (mark := _thousands_mark(text.strip(), sniffed, options)) is not None:
        fix = {} if _either(text, sniffed) else {"thousands": mark}
    return RefusalError(found, path=source.path, line=line, column=column, expected=expected, fix=fix, advice=advice)


def _mended(text: str, column: str) -> str:
    """Say how a cell is mended that is the header again, as the logging began anew, or a number in other signs."""
    if text.strip() in (column, unit_of(column)[0]):
        return "Delete the line."
    number = _odd_number(text)
    return f"Write it as {number}." if number else ""


def _odd_number(text: str) -> str:
    r"""Return the number that a cell holds with a typographer's minus or blanks, or a minus behind; else nothing.

    >>> _odd_number("\u22122.5"), _odd_number("2.5-"), _odd_number("1\xa0000.5"), _odd_number("bad")
    ('-2.5', '-2.5', '1000.5', '')
    """
    plain = re.sub("[\u00a0\u2009\u202f\u2019]", "", text.strip().replace("\u2212", "-"))
    plain = re.sub(r"^([^-+]+)-$", r"-\1", plain)
    return plain if plain != text.strip() and any(form.fullmatch(plain) for form in PATTERNS.values()) else ""


def _thousands_mark(text: str, sniffed: Sniffed, options: ReadingOptions) -> str | None:
    """Return what seems to part the thousands in 1,234.5 or 1.234.567, if no option says."""
    grouped = re.fullmatch(r"[+-]?[0-9]{1,3}([,.' _])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]+)?", text)
    return grouped[1] if grouped and grouped[1] != sniffed.decimal and options.thousands is None else None


def _either(text: str, sniffed: Sniffed) -> bool:
    """Tell 6,125 among numbers with points: a decimal comma, or one between thousands."""
    return PATTERNS["," if sniffed.decimal == "." else "."].fullmatch(text) is not None


def _described(text: str, sniffed: Sniffed, options: ReadingOptions) -> str:
    """Say what a cell that is no number is."""
    stripped, shown = text.strip(), printable(repr(text), 60)
    other = "," if sniffed.decimal == "." else "."
    if not stripped or text in options.na:
        return f"{shown}, which --na calls missing" if stripped else "an empty cell"
    if PATTERNS[sniffed.decimal].fullmatch(text) and not _finite(text, sniffed, options):
        return f"{shown} is too large for a 64-bit number"
    if stripped.lower() in MISSING_WORDS:
        return f"{shown} stands for no number"
    if (mark := _thousands_mark(stripped, sniffed, options)) is not None:
        decimal = ", or a decimal mark" if _either(text, sniffed) else ""
        return f"{shown} holds {mark!r}, perhaps between thousands{decimal}"
    if PATTERNS[other].fullmatch(text):
        return f"{shown} has the decimal mark {other!r}, not {sniffed.decimal!r}"
    return f"{shown}{_what(stripped)}"


def _what(text: str) -> str:
    """Say what kind of thing a cell is that only looks like a number to some programs."""
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
        return " is a hexadecimal number"
    if re.fullmatch(r"[0-9]+(_[0-9]+)+", text):
        return " has underscores"
    if text.lower() in ("true", "false"):
        return " is a truth value"
    if any(c.isdigit() and not c.isascii() for c in text):
        return " has digits that are not 0 to 9"
    return " is a number in signs that are not read" if _odd_number(text) else ""


def check_quotes(source: Source, sniffed: Sniffed) -> None:
    """Refuse quotes that do not pair within one line, or that do not span a whole cell."""
    mark = r"\s" if sniffed.delimiter == " " else re.escape(sniffed.delimiter)
    whole = re.compile(rf'(?:^|(?<={mark}))"(?:[^"]|"")*"(?={mark}|$)')
    for number, line in enumerate(source.lines(), start=1):
        if number >= sniffed.first_line and '"' in line and '"' in whole.sub("", line):
            odd = line.count('"') % 2
            found = "a quote that is not closed on its line" if odd else "a quote inside a cell"
            raise RefusalError(
                found,
                path=source.path,
                line=number,
                expected='quotes around whole cells, such as "1.5"',
                advice="Mend the line: what stands behind the quote would be taken for one cell.",
            )
