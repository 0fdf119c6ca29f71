"""Header rows that are hardly what they seem."""

from __future__ import annotations

from forecaster.config import ReadingOptions
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


def other_width(source: Source, header: list[str], row: list[str], options: ReadingOptions) -> RefusalError:
    """Return the refusal of a row that has more or fewer fields than the header has names."""
    line = options.skip_rows + 2
    fix = (
        {"layout": "wide"}
        if len(row) > 20 and len(header) > 20
        else {"skip_rows": options.skip_rows + 1, "no_header": True}
    )
    return RefusalError(
        f"a row with {len(row)} fields under a header with {len(header)}",
        path=source.path,
        line=line,
        expected="as many fields as names",
        fix=fix,
        advice="" if "layout" in fix else "The columns then have numbers for names.",
    )
