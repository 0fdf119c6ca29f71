"""Header rows that are hardly what they seem."""

from __future__ import annotations

from functools import partial

from forecaster.config import ReadingOptions
from forecaster.reading.cells import kind
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source


def refuse_numbers_of_columns(source: Source, rows: list[list[str]], options: ReadingOptions) -> None:
    """Refuse a first row of 0, 1, 2 above rows of fractions: a table without names was written with its numbers."""
    names, below = rows[0][not rows[0][0].strip() :], [row for row in rows[1:] if row != [""]]
    begin = names[0].strip() if names else ""
    counted = begin in ("0", "1") and all(c.strip() == str(k) for k, c in enumerate(names, start=int(begin)))
    indexed = len(names) < len(rows[0])
    whole = any(c.strip().isdigit() for row in below for c in row[indexed:])
    if counted and below and (indexed or (len(names) > 2 and not whole)):
        raise RefusalError(
            f"{' '.join(names)[:60]!r}: numbers of columns, not values",
            path=source.path,
            line=options.skip_rows + 1,
            expected="a header or numbers",
            fix={"skip_rows": options.skip_rows + 1, "no_header": True},
            advice="If they were measured: `--no-header`.",
        )


def refuse_campbell(source: Source, lines: list[str], options: ReadingOptions) -> None:
    """Refuse a logger's table (TOA5): a line about the logger stands above the names."""
    begins = [line.replace('"', "").partition(",")[0] for line in lines[:3:2]]
    if begins != ["TOA5", "TS"] or options.skip_rows or options.no_header:
        return
    found = "is a logger's table (TOA5): a line about the logger stands above the names"
    raise RefusalError(found, path=source.path, line=1, expected="a header or numbers", fix={"skip_rows": 1})


def names_above(above: list[str], first: list[str]) -> bool:
    """Tell whether a row holds the names of the fields of the one below; the ends of both may be empty."""
    names, fields = _without_end(above), _without_end(first)
    even = len(above) == len(first) or len(names) == len(fields)
    return even and len(names) >= len(fields) and all(kind(cell) == "text" for cell in names)


def _without_end(row: list[str]) -> list[str]:
    """Return a row without the empty cells at its end."""
    filled = [column for column, cell in enumerate(row, start=1) if cell.strip()]
    return row[: max(filled, default=0)]


def other_width(source: Source, header: list[str], row: list[str], *, before: int, mark: str) -> RefusalError:
    """Return the refusal of a row that has more or fewer fields than the header has names.

    `before` is how many lines stand before the data.
    """
    told = f"a row with {len(row)} fields under a header with {len(header)}"
    refuse = partial(RefusalError, path=source.path, line=before + 1, expected="as many fields as names")
    if len(row) == 2 * len(header) and mark == "," and all(cell.strip("+- ").isdigit() for cell in row):
        told += ", as decimal commas between commas make it: they cannot be told apart"
        return refuse(told, advice="Write it anew with decimal points, or with semicolons between the fields.")
    if len(row) > 20 and len(header) > 20:
        return refuse(told, fix={"layout": "wide"})
    return refuse(told, fix={"skip_rows": before, "no_header": True}, advice="The columns then have numbers for names.")
