"""How a text file is written: delimiter, decimal mark, header and preamble, told from its first lines."""

from __future__ import annotations

import re
from collections import Counter

from forecaster.config import ReadingOptions
from forecaster.reading.file import InputFile, TableFile
from forecaster.reading.refusal import RefusalError
from forecaster.reading.text import header
from forecaster.reading.text.cells import (
    CLOCK,
    DATA_KINDS,
    column_kind,
    kind,
    mark_of,
    mark_pattern,
    split_line,
    without_mark,
)

SAMPLE_LINES = 40
# The delimiters that are tried, and how options spell them.
CANDIDATES = ("\t", ";", "|", ",")
SPELLED = {"tab": "\t", "\\t": "\t", "comma": ",", "semicolon": ";", "pipe": "|", "space": " ", "whitespace": " "}
# 1,234.5 and 1,234,567: these commas can only part the thousands. 1.234 and 1,234 may be either.
GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:(?:,[0-9]{3})+\.[0-9]*|(?:,[0-9]{3}){2,})")
THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")

Rows = list[list[str]]


def sniff(file: InputFile) -> TableFile:
    """Return the file with its columns, as its first lines and the options tell them. Raises RefusalError."""
    options = file.options
    lines = file.source.head_lines(options.skip_rows + SAMPLE_LINES)
    header.refuse_logger_table(file, lines)
    body = lines[options.skip_rows : options.skip_rows + SAMPLE_LINES]
    if not any(line.strip() for line in body):
        raise _nothing(file, lines)
    body = _without_thousands(body, options)
    delimiter, decimal = _marks(file, body)
    _refuse_thousands(file, body, delimiter)
    rows = [split_line(line, delimiter) for line in body]
    start = 0 if options.no_header else _first_data_row(rows, decimal)
    if start is None:
        raise _no_numbers(file, rows)
    rows, start, notes = header.with_unit_row(rows, start, decimal, options)
    if start > 1 and not notes:
        raise header.preamble(file, rows, start, delimiter=delimiter, decimal=decimal)
    if start == 0 and not options.no_header:
        header.refuse_column_numbers(file, rows)
        header.refuse_codes(file, rows, decimal)
    return described(file, rows, start, delimiter=delimiter, decimal=decimal, notes=notes)


def chosen_delimiter(options: ReadingOptions) -> str | None:
    """Return the character that --delimiter means."""
    return SPELLED.get(options.delimiter or "", options.delimiter)


def described(
    file: InputFile, rows: Rows, start: int, *, delimiter: str, decimal: str, notes: tuple[str, ...] = ()
) -> TableFile:
    """Return the file with names, kinds and sample of its columns: `rows` are its first, the data begin at `start`."""
    data = rows[start:]
    names, name_notes = header.names(file, rows, start, delimiter=delimiter)
    names = header.renamed(file, names)
    kinds = tuple(column_kind([row[i] for row in data if i < len(row)], decimal) for i in range(len(names)))
    marks = {} if file.options.symbols else _marks_of(data, kinds, decimal)
    kinds = tuple("number" if i in marks else column_kind for i, column_kind in enumerate(kinds))
    sample = tuple(
        tuple(without_mark(cell, marks[i]) or cell if i in marks else cell for i, cell in enumerate(row))
        for row in data
    )
    return TableFile(
        file.source,
        file.options,
        file.name,
        expected=file.expected,
        names=names,
        kinds=_with_clocks(kinds, names, sample),
        sample=sample,
        first_line=file.options.skip_rows + start + 1,
        header=start > 0,
        delimiter=delimiter,
        decimal=decimal,
        notes=(*notes, *name_notes),
        marks=marks,
    )


def _marks_of(data: Rows, kinds: tuple[str, ...], decimal: str) -> dict[int, str]:
    """Return the columns of text that hold numbers with a mark about them, each with the mark."""
    texts = [i for i, column_kind in enumerate(kinds) if column_kind == "text"]
    marks = {i: mark_of([row[i] for row in data if i < len(row)], decimal) for i in texts}
    return {i: mark for i, mark in marks.items() if mark is not None}


def _with_clocks(
    kinds: tuple[str, ...], names: tuple[str, ...], sample: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    """Return the kinds with 18.05.10 as a time of day, in a column called time or beside one of clear dates."""
    unclear = [
        kind == "day" and all(CLOCK.fullmatch(row[i]) for row in sample if i < len(row) and row[i].strip())
        for i, kind in enumerate(kinds)
    ]
    dated = any(kind == "day" and not either for kind, either in zip(kinds, unclear, strict=True))
    return tuple(
        "clock" if either and (dated or re.search("time|uhr|heure|hora", name.lower())) else kind
        for kind, either, name in zip(kinds, unclear, names, strict=True)
    )


def _without_thousands(body: list[str], options: ReadingOptions) -> list[str]:
    """Return the lines without the thousands mark between digits, unless it parts the fields."""
    mark = options.thousands
    if mark is None:
        return body
    between = re.compile(rf"(?<=[0-9]){mark_pattern(mark)}(?=[0-9]{{3}}(?![0-9]))")
    delimiter = chosen_delimiter(options) or ";"
    return [between.sub("", line) if mark != delimiter or '"' in line else line for line in body]


def _nothing(file: InputFile, lines: list[str]) -> RefusalError:
    """Return the refusal of a file whose first lines hold nothing."""
    source, skip_rows = file.source, file.options.skip_rows
    if source.size > len(source.head):
        return file.refusal(
            f"the first {skip_rows + 1} lines hold more than {len(source.head)} bytes",
            expected="rows of numbers in lines",
            advice="--layout wide reads one series a row, --delimiter names the mark between fields.",
        )
    reason = f"{len(lines)} lines, and --skip-rows {skip_rows}" if skip_rows else "no text"
    return file.refusal(f"nothing to read: {reason}", expected="rows of numbers")


def _marks(file: InputFile, body: list[str]) -> tuple[str, str]:
    """Return delimiter and decimal mark: the pair under which the most rows are rows of numbers."""
    options, delimiter = file.options, chosen_delimiter(file.options)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n\0'):
        expected = "one character, or tab, comma, semicolon, space"
        raise file.refusal(f"--delimiter {delimiter!r}", expected=expected)
    present = [mark for mark in CANDIDATES if any(mark in line for line in body)]
    delimiters = [delimiter] if delimiter else [*present, *([] if "," in present else [","])]
    decimals = [options.decimal] if options.decimal else [mark for mark in ".," if mark != options.thousands]
    # Quotes let one mark be both: "1,5","2,5".
    quoted = any('"' in line for line in body)
    pairs = [(mark, point) for mark in delimiters for point in decimals if mark != point or quoted] or [(";", ",")]
    free = delimiter is None and options.decimal is None
    # The usual file leaves nothing to choose between.
    if len(pairs) == 1 and _score(body[:4], *pairs[0]) > 0.9:
        return (";", ",") if free and _is_one_column_of_decimal_commas(body) else pairs[0]
    scores = {pair: _score(body, *pair) for pair in pairs}
    best = max(pairs, key=lambda pair: (scores[pair], -pairs.index(pair)))
    if free and _is_one_column_of_decimal_commas(body):
        return ";", ","
    if scores[best] < 0.5 and delimiter is None:
        best = _unusual_marks(body, best, scores[best])
    if best[1] == "," and options.decimal is None and options.thousands is None:
        _refuse_thousands(file, body, best[0])
        _refuse_ambiguous_comma(file, body, best[0])
    return best


def _score(body: list[str], delimiter: str, decimal: str) -> float:
    """Return the share of cells that hold data, weighted by how many rows have the usual width."""
    rows = [split_line(line, delimiter) for line in body[1:] or body if line.strip()]
    if not rows:
        return 0.0
    are_data = [kind(cell, decimal) != "text" or _is_marked(cell, decimal) for row in rows for cell in row[:64]]
    share = sum(are_data) / len(are_data)
    width, usual = Counter(map(len, rows)).most_common(1)[0]
    return share * (0.5 + 0.5 * usual / len(rows)) + (1e-3 if width > 1 else 0)


def _is_marked(cell: str, decimal: str) -> bool:
    """Return whether a cell of text is a number with a percent sign behind it, or with its sign apart."""
    return any(cell.strip().endswith(mark) and mark_of([cell], decimal) == mark for mark in ("%", ""))


def _is_one_column_of_decimal_commas(body: list[str]) -> bool:
    """Return whether the commas are decimal marks, not delimiters: by one name, or by what no whole number is."""
    rows = body[1:]
    if not rows or not all(re.fullmatch(r"[+-]?\d+,\d+|[+-]?\d+", row) for row in rows):
        return False
    named = "," not in body[0] and re.search("[A-Za-z]", body[0]) is not None
    return named or any(re.search(r",0\d", row) for row in body)


def _unusual_marks(body: list[str], best: tuple[str, str], score: float) -> tuple[str, str]:
    """Return the marks where the usual ones show no numbers: white space, else what clevercsv says."""
    for point in (".", ","):
        if _score(body, " ", point) > max(0.8, score):
            return " ", point
    import clevercsv

    try:
        guess = clevercsv.Sniffer().sniff("\n".join(body)[:20000])
    # Any failure of a guess only means that there is none.
    except Exception:
        return best
    mark = getattr(guess, "delimiter", "") or best[0]
    return max(((mark, point) for point in ".," if mark != point), key=lambda pair: _score(body, *pair), default=best)


def _refuse_ambiguous_comma(file: InputFile, body: list[str], delimiter: str) -> None:
    """Raise RefusalError for 1,234 if nothing tells whether the comma is a decimal mark or parts the thousands."""
    cells = [(i, c.strip()) for i, line in enumerate(body) for c in split_line(line, delimiter) if "," in c]
    cells = [(i, cell) for i, cell in cells if kind(cell, ",") == "number"]
    if cells and all(THOUSANDS.fullmatch(cell) for _, cell in cells):
        index, cell = cells[0]
        raise file.refusal(
            f"{cell!r} may be a decimal comma or a thousands mark",
            line=index + 1,
            fix={"decimal": ","},
            advice="If the comma parts the thousands, `--thousands ,` reads it.",
        )


def _refuse_thousands(file: InputFile, body: list[str], delimiter: str) -> None:
    """Raise RefusalError for 1,234.5 and 1,234,567 unless --thousands is given."""
    for line in body if file.options.thousands is None else ():
        for index, cell in enumerate(split_line(line, delimiter)):
            if GROUPED.fullmatch(cell.strip()):
                names = split_line(body[0], delimiter)
                named = index < len(names) and kind(names[index]) == "text"
                raise file.refusal(
                    f"{cell.strip()!r} has commas between thousands",
                    line=file.options.skip_rows + body.index(line) + 1,
                    column=names[index].strip() if named else index + 1,
                    expected="plain decimal numbers",
                    fix={"thousands": ","},
                )


def _first_data_row(rows: Rows, decimal: str) -> int | None:
    """Return the row where the data start: the first of the longest run of like rows, or the one before it."""
    data_cells = [sum(kind(cell, decimal) in DATA_KINDS for cell in row[:64]) for row in rows]
    runs: list[tuple[int, int]] = []
    for index, row in enumerate(rows):
        if data_cells[index] and runs and runs[-1][1] == index and len(rows[runs[-1][0]]) == len(row):
            runs[-1] = (runs[-1][0], index + 1)
        elif data_cells[index]:
            runs.append((index, index + 1))
    if not runs:
        return None
    start, end = max(runs, key=lambda run: run[1] - run[0])
    width = len(rows[start])
    earlier = next(i for i, row in enumerate(rows) if data_cells[i] and (len(row) == width or i == start))
    start = min(start, earlier)
    # Rows of another width before them are broken rows, not a preamble.
    if start > 1 and any(data_cells[1:start]):
        first = next(i for i in range(start) if data_cells[i])
        start = first if first <= 1 and len(rows[first]) > 1 else start
    return start + 1 if _holds_names(rows, start, end, decimal) else start


def _holds_names(rows: Rows, start: int, end: int, decimal: str) -> bool:
    """Return whether row `start` is a header such as ``time,1,2``: a word above a column of numbers is a name."""
    below = rows[start + 1 : max(end, start + 2)]
    for column, cell in enumerate(rows[start][:64]):
        # 1.234.567 is a text, and no name.
        if kind(cell, decimal) == "text" and re.search(r"[^\W\d_]", cell) and below:
            kinds = [kind(row[column], decimal) for row in below if column < len(row)]
            if kinds and sum(k in DATA_KINDS for k in kinds) > len(kinds) / 2:
                return True
    return False


def _no_numbers(file: InputFile, rows: Rows) -> RefusalError:
    """Return the refusal of first lines without a row of numbers."""
    first_line = file.options.skip_rows + 1
    if len([row for row in rows if row != [""]]) == 1:
        return file.refusal("only a header, no row of numbers", line=first_line)
    cell = rows[min(1, len(rows) - 1)][0]
    width = max(map(len, rows))
    return file.refusal(
        f"no column of numbers in the first {len(rows)} rows ({width} fields; row 2 starts with {cell!r})",
        line=first_line,
        expected="at least one column of plain decimal numbers",
        advice="`--skip-rows K` leaves out a longer preamble; `forecaster check` says how to train on labels.",
    )
