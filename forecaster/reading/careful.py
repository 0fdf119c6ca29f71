"""The careful pass: line by line, to say exactly what is wrong where, or to clear a suspicion."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.errors import printable
from forecaster.reading.cells import MISSING_WORDS, PATTERNS
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Sniffed, split_line
from forecaster.reading.refusal import Fix, Refusal
from forecaster.reading.source import Source


def explain(
    source: Source, sniffed: Sniffed, roles: Roles, options: ReadingOptions, *, rows: int | None = None
) -> None:
    """Raise SignalError for the first row that is not as it should be; return if there is none."""
    pattern = _pattern(sniffed, options)
    missing_texts = _missing_texts(options)
    last = None if rows is None else sniffed.first_line + rows - 1
    if source.facts.quotes:
        check_quotes(source, sniffed)
    for number, line in enumerate(source.lines(), start=1):
        if number < sniffed.first_line:
            continue
        if last is not None and number > last:
            return
        cells = split_line(line, sniffed.delimiter)
        if len(cells) != sniffed.width:
            if not line.strip(",; \t") and _only_blank_follow(source, number):
                return
            raise _width(source, sniffed, cells, line=number)
        for index in roles.channels:
            text = cells[index]
            if text in missing_texts:
                continue
            if not pattern.fullmatch(text) or not _finite(text, sniffed, options):
                name = sniffed.names[index]
                raise bad_cell(source, sniffed, text, line=number, column=name, options=options)


def _pattern(sniffed: Sniffed, options: ReadingOptions) -> re.Pattern[str]:
    """Return what a cell must look like."""
    if not options.thousands:
        return PATTERNS[sniffed.decimal]
    mark, point = re.escape(options.thousands), re.escape(sniffed.decimal)
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
    if _pattern(sniffed, options).fullmatch(text) and math.isfinite(value := _value(text, sniffed, options)):
        return value
    raise ValueError(text)


def _finite(text: str, sniffed: Sniffed, options: ReadingOptions) -> bool:
    return math.isfinite(_value(text, sniffed, options))


def with_thousands(cells: NDArray[Any], sniffed: Sniffed, options: ReadingOptions) -> NDArray[np.float64]:
    """Convert a column with thousands marks. Raises ValueError at the first cell that is no such number."""
    pattern = _pattern(sniffed, options)
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
    return all(not line.strip(",; \t") for i, line in enumerate(source.lines(), start=1) if i > number)


def _width(source: Source, sniffed: Sniffed, cells: list[str], *, line: int) -> Refusal:
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
    return Refusal(found, path=source.path, line=line, expected=f"{sniffed.width} fields", fix=fix, advice=advice)


def bad_cell(
    source: Source, sniffed: Sniffed, text: str, *, line: int, column: str, options: ReadingOptions
) -> Refusal:
    """Refuse one cell, with the option that would accept it."""
    where: dict[str, Any] = {"path": source.path, "line": line, "column": column}
    expected = "a plain decimal number"
    accept: dict[str, Any] = {} if options.missing != "error" else {"missing": "interpolate"}
    stripped = text.strip()
    if not stripped:
        fix = accept if text == "" else {"na": (text,), **accept}
        return Refusal("an empty cell", expected=expected, fix=fix, **where)
    if text in options.na:
        return Refusal(f"{text!r}, which --na calls missing", expected="no missing value", fix=accept, **where)
    shown = printable(repr(text), 60)
    if PATTERNS[sniffed.decimal].fullmatch(text) and not _finite(text, sniffed, options):
        found = f"{shown} is too large for a 64-bit number"
        return Refusal(found, expected=expected, fix={"na": (text,), **accept}, **where)
    if stripped.lower() in MISSING_WORDS:
        return Refusal(f"{shown} stands for no number", expected=expected, fix={"na": (text,), **accept}, **where)
    grouped = re.fullmatch(r"[+-]?[0-9]{1,3}([,.' _])[0-9]{3}(?:\1[0-9]{3})*(?:[.,][0-9]+)?", stripped)
    other = "," if sniffed.decimal == "." else "."
    if grouped and grouped[1] != sniffed.decimal and options.thousands is None:
        found = f"{shown} holds {grouped[1]!r}, perhaps between thousands"
        return Refusal(found, expected=expected, fix={"thousands": grouped[1]}, **where)
    if PATTERNS[other].fullmatch(text) and other != sniffed.delimiter and options.decimal is None:
        found = f"{shown} has the decimal mark {other!r}, other cells have {sniffed.decimal!r}"
        return Refusal(found, expected=expected, fix={"na": (text,), **accept}, **where)
    what = _what(stripped)
    return Refusal(f"{shown}{what}", expected=expected, fix={"na": (text,), **accept}, **where)


def _what(text: str) -> str:
    """Say what kind of thing a cell is that only looks like a number to some programs."""
    if re.fullmatch(r"[+-]?0[xX][0-9a-fA-F]+", text):
        return " is a hexadecimal number"
    if re.fullmatch(r"[0-9]+(_[0-9]+)+", text):
        return " has underscores"
    if text.lower() in ("true", "false"):
        return " is a truth value"
    if not text.isascii() and any(c.isdigit() for c in text):
        return " has digits that are not 0 to 9"
    return ""


def check_quotes(source: Source, sniffed: Sniffed) -> None:
    """Refuse quotes that do not pair within one line, or that do not span a whole cell."""
    mark = r"\s" if sniffed.delimiter == " " else re.escape(sniffed.delimiter)
    whole = re.compile(rf'(?:^|(?<={mark}))"(?:[^"]|"")*"(?={mark}|$)')
    for number, line in enumerate(source.lines(), start=1):
        if number >= sniffed.first_line and '"' in line and '"' in whole.sub("", line):
            odd = line.count('"') % 2
            found = "a quote that is not closed on its line" if odd else "a quote inside a cell"
            raise Refusal(
                found,
                path=source.path,
                line=number,
                expected='quotes around whole cells, such as "1.5"',
                advice="Mend the line: what stands behind the quote would be taken for one cell.",
            )
