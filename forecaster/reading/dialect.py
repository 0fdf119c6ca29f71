"""How a file is written: delimiter, decimal mark, header, preamble, told from its first lines."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, replace

from forecaster.config import ReadingOptions
from forecaster.reading import headers, labview, unit_rows
from forecaster.reading.cells import CLOCK, DATA_KINDS, column_kind, kind
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import LINE_CHARACTERS, Source

SAMPLE_LINES = 40
csv.field_size_limit(max(LINE_CHARACTERS, csv.field_size_limit()))  # a cell is refused for what it holds
CANDIDATES = ("\t", ";", "|", ",")
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ", "whitespace": " "}
GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(?:,[0-9]{3})+\.[0-9]*|(?:,[0-9]{3}){2,})")
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")


@dataclass(frozen=True)
class Dialect:
    """How the file is written; a `delimiter` of one space stands for any run of white space."""

    encoding: str
    delimiter: str
    decimal: str
    header: bool
    skip_rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Sniffed:
    """The dialect, and what the sample of the first rows showed.

    `names` holds one name per field of a row, `first_line` the line of the first data row,
    `kinds` what each column holds, `sample` the cells of the first rows.
    """

    delimiter: str
    decimal: str
    header: bool
    skip_rows: int
    names: tuple[str, ...]
    first_line: int
    kinds: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """Return the number of fields in a row."""
        return len(self.names)

    def dialect(self, encoding: str, columns: tuple[str, ...]) -> Dialect:
        """Return the part that a user wants to know."""
        return Dialect(encoding, self.delimiter, self.decimal, self.header, self.skip_rows, columns)


def split_line(line: str, delimiter: str) -> list[str]:
    """Split one line into cells, quoted or not."""
    if '"' in line:
        return next(csv.reader([line], delimiter=delimiter, skipinitialspace=delimiter == " "), [""])
    return (line.split() or [""]) if delimiter == " " else line.split(delimiter)


def sniff(source: Source, options: ReadingOptions) -> Sniffed:
    """Tell the dialect from the first lines and the options. Raises SignalError."""
    lines = source.head_lines(options.skip_rows + SAMPLE_LINES)
    labview.refuse(source, lines, options)
    headers.refuse_campbell(source, lines, options)
    body = lines[options.skip_rows : options.skip_rows + SAMPLE_LINES]
    if not any(line.strip() for line in body):
        return _nothing(source, lines, options)
    body = _without_thousands(body, options)
    delimiter, decimal = _marks(source, body, options)
    _refuse_thousands(source, body, delimiter, options)
    rows = [split_line(line, delimiter) for line in body]
    start = 0 if options.no_header else _first_data(rows, decimal)
    if start is None:
        return _no_numbers(source, rows, options)
    rows, start, notes = unit_rows.merged(rows, start, decimal, options)
    if start > 1 and not notes:
        raise _preamble(source, rows, start, options=options, marks=(delimiter, decimal))
    if start == 0 and not options.no_header:
        headers.refuse_numbers_of_columns(source, rows, options)
    found = described(source, rows, start, options=options, marks=(delimiter, decimal))
    return replace(found, notes=(*notes, *found.notes)) if notes else found


def _without_thousands(body: list[str], options: ReadingOptions) -> list[str]:
    """Take the thousands marks out of the sample: between digits, and not where they part the fields."""
    mark = options.thousands
    if mark is None:
        return body
    between = re.compile(rf"(?<=[0-9]){re.escape(mark)}(?=[0-9]{{3}}(?![0-9]))")
    given = SPELLED.get(options.delimiter or "", options.delimiter)
    return [between.sub("", line) if mark != (given or ";") or '"' in line else line for line in body]


def _nothing(source: Source, lines: list[str], options: ReadingOptions) -> Sniffed:
    if source.size > len(source.head):
        raise RefusalError(
            f"the first {options.skip_rows + 1} lines hold more than {len(source.head)} bytes",
            path=source.path,
            expected="rows of numbers in lines",
            advice="--layout wide reads one series a row, --delimiter names the mark between fields.",
        )
    found = f"{len(lines)} lines, and --skip-rows {options.skip_rows}" if options.skip_rows else "no text"
    raise RefusalError(f"nothing to read: {found}", path=source.path, expected="rows of numbers")


def _marks(source: Source, body: list[str], options: ReadingOptions) -> tuple[str, str]:
    """Return delimiter and decimal mark: the pair under which the most rows are rows of numbers."""
    delimiter = SPELLED.get(options.delimiter or "", options.delimiter)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        raise RefusalError(
            f"--delimiter {delimiter!r}", path=source.path, expected="one character, or tab, comma, semicolon, space"
        )
    present = [mark for mark in CANDIDATES if any(mark in line for line in body)]
    marks = [delimiter] if delimiter else [*present, *([] if "," in present else [","])]
    decimals = [options.decimal] if options.decimal else [d for d in ".," if d != options.thousands]
    quoted = any('"' in line for line in body)  # "1,5","2,5" has one mark for both
    pairs = [(mark, point) for mark in marks for point in decimals if mark != point or quoted] or [(";", ",")]
    if len(pairs) == 1 and _score(body[:4], *pairs[0]) > 0.9:  # the usual file: nothing to choose between
        return (";", ",") if not (delimiter or options.decimal) and _single_decimal_comma(body) else pairs[0]
    scores = {pair: _score(body, *pair) for pair in pairs}
    best = max(pairs, key=lambda pair: (scores[pair], -pairs.index(pair)))
    if delimiter is None and options.decimal is None and _single_decimal_comma(body):
        return ";", ","
    if scores[best] < 0.5 and delimiter is None:
        best = _undecided(body, best, scores)
    if best[1] == "," and options.decimal is None and options.thousands is None:
        _refuse_thousands(source, body, best[0], options)
        _refuse_ambiguous_comma(source, body, best[0])
    return best


def _score(body: list[str], delimiter: str, decimal: str) -> float:
    """Return the share of cells that hold data, weighted by how many rows have the usual width."""
    rows = [split_line(line, delimiter) for line in body[1:] or body if line.strip()]
    if not rows:
        return 0.0
    cells = [kind(cell, decimal) for row in rows for cell in row[:64]]
    good = sum(what != "text" for what in cells) / len(cells)
    width, usual = Counter(map(len, rows)).most_common(1)[0]
    return good * (0.5 + 0.5 * usual / len(rows)) + (1e-3 if width > 1 else 0)


def _single_decimal_comma(body: list[str]) -> bool:
    """Tell one column of decimal commas from two columns of whole numbers by what a number cannot be."""
    rows = body[1:]
    if not rows or not all(re.fullmatch(r"[+-]?\d+,\d+|[+-]?\d+", row) for row in rows):
        return False
    named = "," not in body[0] and re.search("[A-Za-z]", body[0]) is not None
    return named or any(re.search(r",0\d", row) for row in body)


def _undecided(body: list[str], best: tuple[str, str], scores: dict[tuple[str, str], float]) -> tuple[str, str]:
    """Where the simple rule finds no numbers: white space, else what clevercsv says."""
    for point in (".", ","):
        if _score(body, " ", point) > max(0.8, scores[best]):
            return " ", point
    import clevercsv

    try:
        found = clevercsv.Sniffer().sniff("\n".join(body)[:20000])
    except Exception:  # any failure of a guess only means: no guess
        return best
    mark = getattr(found, "delimiter", "") or best[0]
    return max(((mark, p) for p in ".," if mark != p), key=lambda pair: _score(body, *pair), default=best)


def _refuse_ambiguous_comma(source: Source, body: list[str], delimiter: str) -> None:
    """Refuse 1,234 where nothing tells whether the comma is a decimal mark or parts the thousands."""
    cells = [(i, c.strip()) for i, line in enumerate(body) for c in split_line(line, delimiter) if "," in c]
    cells = [(i, c) for i, c in cells if kind(c, ",") == "number"]
    if cells and all(THOUSANDS.fullmatch(cell) for _, cell in cells):
        line, cell = cells[0]
        raise RefusalError(
            f"{cell!r} may be a decimal comma or a thousands mark",
            path=source.path,
            line=line + 1,
            fix={"decimal": ","},
            advice="If the comma parts the thousands, `--thousands ,` reads it.",
        )


def _refuse_thousands(source: Source, body: list[str], delimiter: str, options: ReadingOptions) -> None:
    """Refuse 1,234.5 and 1,234,567: those commas can only part the thousands."""
    for line in body if options.thousands is None else ():
        for index, cell in enumerate(split_line(line, delimiter)):
            if GROUPED.fullmatch(cell.strip()):
                names = split_line(body[0], delimiter)
                named = index < len(names) and kind(names[index]) == "text"
                raise RefusalError(
                    f"{cell.strip()!r} has commas between thousands",
                    expected="plain decimal numbers",
                    fix={"thousands": ","},
                    path=source.path,
                    line=options.skip_rows + body.index(line) + 1,
                    column=names[index].strip() if named else index + 1,
                )


def _first_data(rows: list[list[str]], decimal: str) -> int | None:
    """Return the row where the data start: the first of the longest run of like rows, or the one before it."""
    like = [sum(kind(c, decimal) in DATA_KINDS for c in row[:64]) for row in rows]
    runs: list[tuple[int, int]] = []
    for index, row in enumerate(rows):
        fits = like[index] > 0
        if fits and runs and runs[-1][1] == index and len(rows[runs[-1][0]]) == len(row):
            runs[-1] = (runs[-1][0], index + 1)
        elif fits:
            runs.append((index, index + 1))
    if not runs:
        return None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    width = len(rows[start])
    earlier = next(i for i, row in enumerate(rows) if like[i] and (len(row) == width or i == start))
    start = min(start, earlier)
    if start > 1 and any(like[1:start]):  # rows of another width come first: a row is broken, not a preamble
        first = next(i for i in range(start) if like[i])
        start = first if first <= 1 and len(rows[first]) > 1 else start
    return start + 1 if _names_in(rows, start, end, decimal) else start


def _names_in(rows: list[list[str]], start: int, end: int, decimal: str) -> bool:
    """Tell a header such as ``time,1,2`` from data: a word above a column of numbers is a name."""
    below = rows[start + 1 : max(end, start + 2)]
    for column, cell in enumerate(rows[start][:64]):
        if kind(cell, decimal) == "text" and re.search(r"[^\W\d_]", cell) and below:  # 1.234.567 is no name
            kinds = [kind(row[column], decimal) for row in below if column < len(row)]
            if kinds and sum(k in DATA_KINDS for k in kinds) > len(kinds) / 2:
                return True
    return False


def _no_numbers(source: Source, rows: list[list[str]], options: ReadingOptions) -> Sniffed:
    width = max(map(len, rows))
    if len([row for row in rows if row != [""]]) == 1:
        raise RefusalError("only a header, no row of numbers", path=source.path, line=options.skip_rows + 1)
    cell = rows[min(1, len(rows) - 1)][0]
    raise RefusalError(
        f"no column of numbers in the first {len(rows)} rows ({width} fields; row 2 starts with {cell!r})",
        path=source.path,
        line=options.skip_rows + 1,
        expected="at least one column of plain decimal numbers",
        advice="`--skip-rows K` leaves out a longer preamble; `forecaster check` says how to train on labels.",
    )


def _preamble(
    source: Source, rows: list[list[str]], start: int, *, options: ReadingOptions, marks: tuple[str, str]
) -> RefusalError:
    """Refuse lines above the header, with the count that leaves them out."""
    units = unit_rows.above(rows, start, marks[1])
    named = headers.names_above(rows[start - 1], rows[start])
    skip = options.skip_rows + (units[0] if units else start - named)
    fix: dict[str, object] = {"skip_rows": skip} if named or units else {"skip_rows": skip, "no_header": True}
    if options.delimiter is None and len(rows[start]) > 1:
        fix["delimiter"] = marks[0]
    where = options.skip_rows + 1
    found = f"a preamble: the first line holds {source_text(rows[0])!r}, numbers start at line {where + start}"
    return RefusalError(found, path=source.path, line=where, expected="a header or numbers", fix=fix)


def source_text(row: list[str]) -> str:
    """Return a row as one short text."""
    return " ".join(row)[:60]


def described(
    source: Source, rows: list[list[str]], start: int, *, options: ReadingOptions, marks: tuple[str, str]
) -> Sniffed:
    """Put together names, kinds and sample, once it is known where the data start."""
    data = rows[start:]
    names, notes = _names(source, rows, start, options=options, mark=marks[0])
    kinds = tuple(column_kind([row[i] for row in data if i < len(row)], marks[1]) for i in range(len(names)))
    sample = tuple(tuple(row) for row in data)
    kinds = _clocks(kinds, names, sample)
    first_line = options.skip_rows + start + 1
    return Sniffed(*marks, start > 0, options.skip_rows, names, first_line, kinds, sample, notes)


def _clocks(kinds: tuple[str, ...], names: tuple[str, ...], sample: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Take 18.05.10 for a time of day, not for a date, in a column called time or beside a clear date."""
    both = [
        kind == "day" and all(CLOCK.fullmatch(row[i]) for row in sample if i < len(row) and row[i].strip())
        for i, kind in enumerate(kinds)
    ]
    dated = any(kind == "day" and not unclear for kind, unclear in zip(kinds, both, strict=True))
    return tuple(
        "clock" if unclear and (dated or re.search("time|uhr|heure|hora", name.lower())) else kind
        for kind, unclear, name in zip(kinds, both, names, strict=True)
    )


def _names(
    source: Source, rows: list[list[str]], start: int, *, options: ReadingOptions, mark: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return one name per field of a row; where header and rows differ, only empty ends may go."""
    data = [row for row in rows[start:] if row != [""]]
    if not data:
        raise RefusalError("only a header, no row of numbers", path=source.path, line=options.skip_rows + 1)
    width, before = max(len(data[0]), 1), options.skip_rows + start
    if start == 0:
        return tuple(f"column_{i + 1}" for i in range(width)), ()
    header, notes = [name.strip() for name in rows[0]], []
    if header[-1].endswith(",,"):
        notes.append(f"commas behind the last name {header[-1]!r} left out")
        header[-1] = header[-1].rstrip(",")
    if len(header) > width:
        extra = header[width:]
        labview = header[0] == "X_Value" and extra == ["Comment"]
        if any(extra) and not labview:
            raise headers.other_width(source, header, data[0], before=before, mark=mark)
        notes.append(
            "the header names a column 'Comment' that no row has" if labview else "the header ends in a delimiter"
        )
        header = header[:width]
    if len(header) < width and any(c.strip(",; \t") for row in data for c in row[len(header) :]):
        longer = next(row for row in data if len(row) > len(header))
        raise headers.other_width(source, header, longer, before=before, mark=mark)
    header += [""] * (width - len(header))
    return _unique(header, notes)


def _unique(header: list[str], notes: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell columns of the same name apart by their number; name those without one."""
    names, taken = list[str](), set[str]()
    for number, name in enumerate(header, start=1):
        again = bool(name) and name in taken
        if again:
            notes.append(f"a second column {name!r} is called '{name} #{number}'")
        names.append(f"{name} #{number}" if again else name or f"column_{number}")
        taken.add(names[-1])
    return tuple(names), tuple(notes)
