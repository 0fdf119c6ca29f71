"""Bad signal files: what stands in each, and what the reader must make of it.

Most are one sound table with one fault in it: 60 rows of a time in seconds and two channels, so
that line and column of the fault are known. A fault stands in line 7, among the lines from which
the dialect is told, or in line 47, behind them.
"""

from __future__ import annotations

import bz2
import datetime
import functools
import gzip
import io
import json
import lzma
import math
import pickle
import random
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

ROWS = 60
EARLY, LATE = 7, 47
HEADER = "time (s),v,w"
V = tuple((k * 37 % 101) / 8 for k in range(ROWS))
W = tuple(20 + (k * 29 % 83) / 4 for k in range(ROWS))


@dataclass(frozen=True)
class Case:
    """A file, and what is to become of it.

    Refused: the message holds `says`, and names `line` and `column`. Read (`says` is None): the
    channels hold `values`. `truth` is what a person would take for the values of `column`'s channel
    (None where a row has none), to judge pandas by. `note`: a piece of what `check` must tell.
    """

    name: str
    content: bytes | Callable[[], bytes]
    says: str | None = None
    line: int | None = None
    column: str | None = None
    values: dict[str, Sequence[float]] = field(default_factory=dict)
    truth: dict[str, Sequence[float | None]] = field(default_factory=dict)
    note: str = ""
    stamps: tuple[object, object] | None = None

    def data(self) -> bytes:
        """Return the bytes of the file."""
        return self.content() if callable(self.content) else self.content


def rows() -> list[list[str]]:
    """Return the cells of the sound table."""
    return [[f"{k / 10:.1f}", f"{V[k]}", f"{W[k]}"] for k in range(ROWS)]


def joined(lines: Sequence[str], end: str = "\n") -> bytes:
    """Return lines as a file."""
    return "".join(line + end for line in lines).encode("utf-8", "surrogateescape")


def lines() -> list[str]:
    """Return the lines of the sound table."""
    return [HEADER, *(",".join(row) for row in rows())]


def without(values: Sequence[float], *at: int) -> list[float | None]:
    """Return values with None at the rows whose cell holds no number."""
    return [None if k in at else value for k, value in enumerate(values)]


def cell(name: str, text: str, says: str, *, line: int = LATE, value: float | None = None) -> Case:
    """Return a case of one bad cell of channel v; `value` is what a person would take it for."""
    table = rows()
    table[line - 2][1] = text
    truth = [value if k == line - 2 else one for k, one in enumerate(V)]
    content = joined([HEADER, *(",".join(row) for row in table)])
    return Case(f"{name}, line {line}", content, says, line, "v", truth={"v": truth, "w": W})


def row(name: str, text: str, says: str, *, line: int = LATE, extra: bool = True, column: str | None = None) -> Case:
    """Return a case of one bad row, added before the row at `line`, or in its place."""
    table = lines()
    table[line - 1 : line - 1 + (not extra)] = [text]
    truth = [*V[: line - 2], *([] if extra else [None]), *V[line - 2 if extra else line - 1 :]]
    return Case(f"{name}, line {line}", joined(table), says, line, column, truth={"v": truth})


def timed(
    name: str,
    stamps: Sequence[str],
    says: str | None = None,
    *,
    line: int | None = None,
    header: str = "time",
    note: str = "",
    span: tuple[object, object] | None = None,
) -> Case:
    """Return a case of a table of stamps and one channel."""
    values = [V[k % ROWS] for k in range(len(stamps))]
    content = joined([f"{header},v", *(f"{t},{v}" for t, v in zip(stamps, values, strict=True))])
    expected: dict[str, Sequence[float]] = {} if says else {"v": values}
    column = header if says and line else None
    return Case(f"time: {name}", content, says, line, column, expected, {"v": values}, note, span)


def replaced(stamps: Sequence[str], **at: str) -> list[str]:
    """Return stamps with some of them replaced: k44="..." is that of row 44."""
    found = list(stamps)
    for key, text in at.items():
        found[int(key[1:])] = text
    return found


def clock(
    form: str = "%Y-%m-%d %H:%M:%S", count: int = ROWS, step: float = 60.0, start: str = "2022-08-15"
) -> list[str]:
    """Return stamps in one format."""
    first = datetime.datetime.fromisoformat(start)
    return [(first + datetime.timedelta(seconds=k * step)).strftime(form) for k in range(count)]


CELLS = (
    ("hexadecimal", "0x1A", "hexadecimal", 26.0),
    ("octal of Python", "0o17", "'0o17'", 15.0),
    ("binary of Python", "0b101", "'0b101'", 5.0),
    ("underscore", "1_000", "between thousands", 1000.0),
    ("underscores in pairs", "1_0", "underscores", 10.0),
    ("thousands comma, quoted", '"1,234.5"', "between thousands", 1234.5),
    ("thousands blank", "1 234", "between thousands", 1234.0),
    ("thousands apostrophe", "1'234", "between thousands", 1234.0),
    ("thousands no-break space", "1\u00a0234", "'1\\xa0234'", 1234.0),
    ("decimal comma, quoted", '"3,5"', "decimal mark ','", 3.5),
    ("Arabic digits", "\u0661\u0662", "digits that are not 0 to 9", 12.0),
    ("full-width digits", "\uff11\uff12", "digits that are not 0 to 9", 12.0),
    ("Devanagari digits", "\u0967\u0968", "digits that are not 0 to 9", 12.0),
    ("superscript", "5\u00b2", "not 0 to 9", 25.0),
    ("minus sign of typography", "\u22125", "'\u22125'", -5.0),
    ("zero-width space", "\u200b5", "\\u200b5", 5.0),
    ("mark of UTF-8 in a cell", "\ufeff5", "\\ufeff5", 5.0),
    ("right-to-left override", "\u202e51", "\\u202e51", 51.0),
    ("line separator of Unicode", "5\u2028", "\\u2028", 5.0),
    ("true", "True", "truth value", None),
    ("false", "FALSE", "truth value", None),
    ("yes", "yes", "'yes'", None),
    ("infinity", "inf", "no number", math.inf),
    ("-Infinity", "-Infinity", "no number", -math.inf),
    ("nan", "nan", "no number", None),
    ("NULL", "NULL", "no number", None),
    ("None", "None", "no number", None),
    ("n/a", "n/a", "no number", None),
    ("-", "-", "no number", None),
    ("--", "--", "no number", None),
    ("?", "?", "no number", None),
    (".", ".", "'.'", None),
    ("no content", "", "an empty cell", None),
    ("blanks", "   ", "an empty cell", None),
    ("quotes around nothing", '""', "an empty cell", None),
    ("1e400", "1e400", "too large", None),
    ("-1e400", "-1e400", "too large", None),
    ("400 digits", "9" * 400, "too large", None),
    ("a million digits", "7" * 1_000_000, "too large", None),
    ("2 MB of text", "x" * 2_000_000, "xxxx", None),
    ("2 MB of text in quotes", '"' + "x" * 2_000_000 + '"', "xxxx", None),
    ("exponent without digits", "1e", "'1e'", None),
    ("exponent of Fortran", "1.5D3", "'1.5D3'", 1500.0),
    ("two exponents", "1e5e5", "'1e5e5'", None),
    ("two points", "1.2.3", "'1.2.3'", None),
    ("two signs", "+-5", "'+-5'", None),
    ("minus behind", "5-", "'5-'", -5.0),
    ("negative of bookkeeping", "(5.0)", "'(5.0)'", -5.0),
    ("percent", "5%", "'5%'", 0.05),
    ("currency", "$5.00", "'$5.00'", 5.0),
    ("unit", "3.5 V", "'3.5 V'", 3.5),
    ("fraction", "1/2", "'1/2'", 0.5),
    ("clock", "12:30", "'12:30'", None),
    ("complex", "1+2j", "'1+2j'", None),
    ("float of C", "1.5f", "'1.5f'", 1.5),
    ("formula", "=1+1", "'=1+1'", 2.0),
    ("formula that runs", "=cmd|' /C calc'!A0", "cmd", None),
    ("error of a spreadsheet", "#DIV/0!", "no number", None),
    ("reference error", "#REF!", "'#REF!'", None),
    ("single quotes", "'5'", "'5'", 5.0),
    ("typographic quotes", "\u201c5\u201d", "'\u201c5\u201d'", 5.0),
    ("terminal escape", "\x1b[31m5\x1b[0m", "\\x1b[31m5", 5.0),
    ("bell", "5\x07", "\\x07", 5.0),
    ("tab before", "5\t6", "\\t6", None),
    ("overload", "OVRFLW", "'OVRFLW'", None),
    ("C1 control", "5\x9b31m", "\\x9b31m", 5.0),
)


def cells() -> Iterator[Case]:
    """Bad cells, among the first lines and behind them."""
    for name, text, says, value in CELLS:
        yield cell(name, text, says, value=value)
    for name, text, says, value in CELLS[:36]:
        yield cell(name, text, says, line=EARLY, value=value)
    for name, text in (("vertical tab", "5\x0b"), ("form feed", "5\x0c"), ("blanks around", "  5  ")):
        table = rows()
        table[LATE - 2][1] = text
        good: dict[str, Sequence[float]] = {"v": [5.0 if k == LATE - 2 else v for k, v in enumerate(V)], "w": W}
        content = joined([HEADER, *(",".join(cells) for cells in table)])
        yield Case(f"{name}, line {LATE}", content, values=good, truth=good)


def ragged() -> Iterator[Case]:
    """Rows with too few or too many fields, footers, notes between the rows, quotes."""
    for line in (EARLY, LATE):
        short = [HEADER, *(",".join(cells[: 2 + (k != line - 2)]) for k, cells in enumerate(rows()))]
        whole: dict[str, Sequence[float | None]] = {"v": V, "w": without(W, line - 2)}
        yield Case(f"short row, line {line}", joined(short), "a row with 2 fields", line, truth=whole)
        yield row("long row", "4.5,1.0,2.0,3.0", "a row with 4 fields", line=line, extra=False)
        yield row("delimiter at the end of one row", "4.5,1.0,2.0,", "a delimiter at its end", line=line, extra=False)
        yield row("blank line", "", "a blank line", line=line)
        yield row("delimiters alone", ",,", "an empty", line=line)
        yield row("comment", "# logger restarted", "no number: '# logger restarted'", line=line)
        yield row("header again", HEADER, "", line=line)
        yield row("other delimiter", "4.5;1.0;2.0", "a row with 1 fields", line=line, extra=False)
        yield row("a quote that is not closed", '4.5,"1.0,2.0', "not closed", line=line, extra=False)
        yield row("a quote inside a cell", '4.5,1"0,2.0', "quote", line=line, extra=False)
        yield row("a cell over two lines", '4.5,"1\n0",2.0', "not closed", line=line, extra=False)
    end = ROWS + 2
    yield row("footer END", "END", "no number: 'END'", line=end)
    yield row("footer of sums", "Total,371.5,1823.0", "'Total'", line=end, column="time (s)")
    yield row("footer of means", "mean,,", "an empty cell", line=end, column="v")
    yield row("footer without a name", ",371.5,1823.0", "an empty time stamp", line=end, column="time (s)")
    yield row("a count of rows", "(60 rows affected)", "(60 rows affected)", line=end)
    yield row("end of file of DOS", "\x1a", "\\x1a", line=end)
    yield row("a row cut short at the end", "6.0,1.", "a row with 2 fields", line=end)
    body = lines()
    second = joined([HEADER, "-----,-----,-----", *body[1:]])
    yield Case("rule of dashes below the header", second, "numbers start at line 3", 1, truth={"v": V})
    second = joined([HEADER, "s,V,V", *body[1:]])
    yield Case("units below the header", second, values={"v": V, "w": W}, note="line 2 holds the units")
    yield Case("comment above the header", joined(["# logger 7", *body]), "preamble", 1, truth={"v": V})
    yield Case("a page of notes above", joined([f"note {k}" for k in range(30)] + body), "", 31, truth={"v": V})
    table = [*body[:30], *[one.replace(",", ";") for one in body[30:]]]
    yield Case("delimiter changes on the way", joined(table), "a row with 1 fields", 31, truth={"v": V})
    table = [*body[:50], *[f"{one},7" for one in body[50:]]]
    yield Case("a channel more from line 51 on", joined(table), "a row with 4 fields", 51, truth={"v": V})
    table = [*body, *body]
    yield Case("two files in one", joined(table), "", ROWS + 2, truth={"v": [*V, *V]})


def dialects() -> Iterator[Case]:
    """Delimiters, decimal marks, thousands, line ends: odd, yet read; or not to be told."""
    body = lines()
    good: dict[str, Sequence[float]] = {"v": V, "w": W}
    read = functools.partial(Case, values=good, truth=good)
    yield read("sound", joined(body))
    yield read("line ends of old Macintosh", joined(body, "\r"))
    yield read("line ends of Windows", joined(body, "\r\n"))
    yield read("mixed line ends", b"".join(one.encode() + (b"\n", b"\r\n")[k % 2] for k, one in enumerate(body)))
    yield read("no end behind the last line", joined(body)[:-1])
    yield read("blank lines at the end", joined([*body, "", "", ""]))
    yield read("delimiters alone at the end", joined([*body, ",,", ",,"]), note="left out")
    yield read("delimiter behind every row", joined([f"{one}," for one in body]))
    yield read("delimiter behind every row but the header", joined([body[0], *(f"{one}," for one in body[1:])]))
    yield read("blanks around every cell", joined([one.replace(",", " , ") for one in body]))
    yield read("everything in quotes", joined([",".join(f'"{c}"' for c in one.split(",")) for one in body]))
    yield read("semicolons and decimal commas", joined([one.replace(",", ";").replace(".", ",") for one in body]))
    yield read("tabs", joined([one.replace(",", "\t") for one in body]))
    yield read("vertical bars", joined([one.replace(",", "|") for one in body]))
    yield read("mark of UTF-8", b"\xef\xbb\xbf" + joined(body))
    yield Case("marks of UTF-8, two", b"\xef\xbb\xbf" * 2 + joined(body), "two marks", 1, truth=good)
    aligned = ["t v w", *(f"{a:>9}   {b:>9} {c:>9}" for a, b, c in rows())]
    yield read("columns aligned by blanks", joined(aligned))
    doubled = [one + "\r\r\n" for one in body]
    yield Case("line ends doubled", "".join(doubled).encode(), "", None, truth=good)
    pairs = [f"{a};{b}" for a, b, _ in rows()]
    mixed = [p.replace(".", ",") if k >= LATE - 2 else p for k, p in enumerate(pairs)]
    yield Case("decimal mark changes", joined(["t;v", *mixed]), "decimal mark", LATE, "v", truth={"v": V})
    commas = [f"{b},{c}".replace(".", ",") for _, b, c in rows()]
    yield Case("decimal commas between commas", joined(["v,w", *commas]), "fields", None, truth=good)
    text = joined(["v;w", *(f"{1000 + k},{k:03};{k * k}" for k in range(ROWS))])
    exact: dict[str, Sequence[float]] = {
        "v": [float(f"{1000 + k}.{k:03}") for k in range(ROWS)],
        "w": [float(k * k) for k in range(ROWS)],
    }
    thousand = [f"{k + 1},{k * 7:03}" for k in range(ROWS)]
    yield Case("one comma and three digits in every cell", joined(["v;w", *(f"{one};1" for one in thousand)]), "may be")
    yield Case("decimal commas of three places", text, values=exact, truth=exact)
    grouped = [f'"{k + 1},234.5",{k}' for k in range(ROWS)]
    thousands: dict[str, Sequence[float]] = {"v": [1000.0 * (k + 1) + 234.5 for k in range(ROWS)]}
    yield Case("thousands in every cell", joined(["v,w", *grouped]), "between thousands", 2, truth=thousands)
    points = [f"{k + 1}.234,5;{k * k}" for k in range(ROWS)]
    yield Case("thousands with points", joined(["v;w", *points]), "between thousands", 2, "v", truth=thousands)
    hidden = [f"{V[k]},{k + 1}.234.567" for k in range(ROWS)]
    yield Case(
        "grouped points beside numbers",
        joined(["v,w", *hidden]),
        "thousands",
        2,
        "w",
        truth={"v": V, "w": [(k + 1) * 1e6 + 234567 for k in range(ROWS)]},
    )


def headers() -> Iterator[Case]:
    """Headers: double, empty, hostile, absent, too wide, of numbers."""
    body = lines()[1:]
    pairs: dict[str, Sequence[float]] = {"v": V, "w": W}

    def with_header(name: str, header: str, says: str | None = None, **more: object) -> Case:
        return Case(f"header: {name}", joined([header, *body]), says, **more)  # type: ignore[arg-type]

    yield with_header("the same name twice", "time,v,v", values={"v": V, "v #3": W}, truth={"v": V})
    yield with_header("an empty name", "time,,w", values={"column_2": V, "w": W}, truth={"w": W})
    yield with_header("only empty names", ",,", values={"column_2": V, "column_3": W}, truth={})
    yield with_header("formulas", "time,=1+1,@SUM(A1)", values={"=1+1": V, "@SUM(A1)": W}, truth={})
    yield with_header("terminal escapes", "time,\x1b[2Jv,w\x07", values={"\x1b[2Jv": V, "w\x07": W}, truth={})
    yield with_header("100 kB of name", "time," + "v" * 100_000 + ",w", values={"v" * 100_000: V, "w": W}, truth={})
    yield with_header("right-to-left override", "time,\u202ev,w", values={"\u202ev": V, "w": W}, truth={"w": W})
    yield with_header("a name too many", "time,v,w,x", "under a header with 4", line=2, truth=pairs)
    yield with_header("a name too few", "time,v", "under a header with 2", line=2, truth={"v": V})
    yield with_header("a line end in a name", 'time,"v\n1",w', "", truth={"w": W})
    yield with_header("a quote that is not closed", 'time,"v,w', "", truth={})
    yield with_header("numbers of columns", "0,1,2", "numbers of columns", line=1, truth={"1": V, "2": W})
    indexed = [f"{k},{one}" for k, one in enumerate(body)]
    named = joined([",0,1,2", *indexed])
    yield Case("header: numbers of columns, rows counted", named, "numbers of columns", 1, truth={"1": V, "2": W})
    counted = joined([",v,w", *(f"{k},{one.partition(',')[2]}" for k, one in enumerate(body))])
    yield Case("header: none above the count of rows", counted, values=pairs, truth=pairs, note="counts the rows")
    yield with_header("other delimiter", "time;v;w", "", truth={})
    bad = [HEADER.replace("v", "\x1b]0;owned\x07v"), *body]
    bad[44] = bad[44].replace(",", ",x", 1)
    yield Case("header: escapes beside a bad cell", joined(bad), "x", 45, "\x1b]0;owned\x07v", truth={"w": W})
    names = ["time," + "n" * 5_000_000 + ",w", *body]
    yield Case("header: 5 MB", lambda: joined(names), "bytes", truth={"w": W})
    none = [one.partition(",")[2] for one in body]
    yield Case("no header", joined(none), values={"column_1": V, "column_2": W}, truth={"column_1": V})
    ramp = [",".join([str(k), *one.split(",")[1:]]) for k, one in enumerate(body)]
    two: dict[str, Sequence[float]] = {"column_2": V, "column_3": W}
    yield Case("no header, rows counted", joined(ramp), values=two, note="counts the samples", truth={"column_2": V})


def empty() -> Iterator[Case]:
    """Next to nothing."""
    yield Case("empty file", b"", "the file is empty")
    yield Case("only line ends", b"\n" * 50, "nothing to read")
    yield Case("only blanks", b"   \n" * 5, "nothing to read")
    yield Case("only a mark of UTF-8", b"\xef\xbb\xbf", "nothing to read")
    yield Case("only a header", joined([HEADER]), "only a header", 1)
    yield Case("only headers", joined([HEADER, HEADER]), "")
    yield Case("only delimiters", b",,,\n" * 9, "")
    yield Case("only a comment", b"# nothing\n", "only a header", 1)
    yield Case("only a word, again and again", b"off\n" * 50, "no column of numbers", 1)
    yield Case("only NUL", b"\0" * 4096, "NUL")
    yield Case("only NaN", b"v\n" + b"nan\n" * 50, "no column of numbers", 1, truth={"v": [None] * 50})
    yield Case("one number", b"5.5\n", values={"value": [5.5]})
    yield Case("one row", joined(lines()[:2]), values={"v": V[:1], "w": W[:1]}, truth={"v": V[:1]})
    yield Case("one digit, no line end", b"7", values={"value": [7.0]})


@functools.cache
def packed() -> tuple[tuple[str, bytes, str], ...]:
    """Return files of other kinds: name, bytes, a piece of the message."""
    table = joined(lines())
    noise = random.Random(0).randbytes(5000)
    archive, tar = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("signal.csv", table)
    with tarfile.open(fileobj=tar, mode="w") as packing:
        member = tarfile.TarInfo("signal.csv")
        member.size = len(table)
        packing.addfile(member, io.BytesIO(table))
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as zipped:
        zipped.writestr("[Content_Types].xml", "<Types/>")
        zipped.writestr("xl/workbook.xml", "<workbook/>")
    page = (
        b"<!DOCTYPE html>\n<html><body><table>\n" + b"<tr><td>1.5</td><td>2.5</td></tr>\n" * 60 + b"</table></body>\n"
    )
    return (
        ("gzip", gzip.compress(table, mtime=0), "gzip"),
        ("zip", archive.getvalue(), "zip"),
        ("xlsx", book.getvalue(), "Excel"),
        ("xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + noise, "Excel"),
        ("bzip2", bz2.compress(table), "bzip2"),
        ("xz", lzma.compress(table), "xz"),
        ("zstandard", b"\x28\xb5\x2f\xfd" + noise, "zstandard"),
        ("7z", b"7z\xbc\xaf\x27\x1c" + noise, "7z"),
        ("tar", tar.getvalue(), ""),
        ("Parquet", b"PAR1" + noise, "Parquet"),
        ("Arrow", b"ARROW1\0\0" + noise, "Arrow"),
        ("HDF5", b"\x89HDF\r\n\x1a\n" + noise, "HDF5"),
        ("MATLAB", b"MATLAB 5.0 MAT-file" + b" " * 97 + noise, "MATLAB"),
        ("NumPy", b"\x93NUMPY\x01\0v\0{'descr': '<f8'}\n" + noise, "NumPy"),
        ("WAV", b"RIFF\x24\x08\0\0WAVEfmt " + noise, "WAV"),
        ("PNG", b"\x89PNG\r\n\x1a\n" + noise, "picture"),
        ("JPEG", b"\xff\xd8\xff\xe0\0\x10JFIF\0" + noise, "picture"),
        ("GIF", b"GIF89a\x01\0\x01\0" + noise, "picture"),
        ("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n" + noise, "PDF"),
        ("SQLite", b"SQLite format 3\0" + noise, "SQLite"),
        ("pickle", pickle.dumps([1.5] * 500), ""),
        ("ELF program", b"\x7fELF\x02\x01\x01\0" + noise, "NUL"),
        ("random bytes", noise, ""),
        ("random bytes without NUL", noise.replace(b"\0", b"\1"), ""),
        ("raw 32-bit floats", b"\xdb\x0f\x49\x40" * 500, "not UTF-8"),
        ("web page", page, ""),
        ("JSON", json.dumps([{"t": k / 10, "v": v} for k, v in enumerate(V)]).encode(), ""),
        ("JSON, a line each", joined([json.dumps({"t": k / 10, "v": v}) for k, v in enumerate(V)]), ""),
        ("XML", joined(["<?xml version='1.0'?>", *(f"<p t='{k}'>{v}</p>" for k, v in enumerate(V))]), ""),
        ("pointer to a large file", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", ""),
        ("not found", b"<html><head><title>404 Not Found</title></head></html>\n", ""),
    )


def encodings() -> Iterator[Case]:
    """Other encodings, damaged text, NUL bytes."""
    body = "\n".join(["time (s);v (°C);w", *lines()[1:]]).replace(",", ";") + "\n"
    truth: dict[str, Sequence[float]] = {"w": W}
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252"):
        says = "latin-1" if name == "cp1252" else name
        yield Case(f"encoding {name}", body.encode(name), f"--encoding {says}", 1, truth=truth)
    yield Case("encoding utf-32 without mark", body.encode("utf-32-le"), "NUL")
    yield Case("encoding of IBM", body.encode("cp500"), "", truth=truth)
    yield Case("encoding utf-7", body.encode("utf-7"), values={"v (+ALA-C)": V, "w": W}, truth=truth)
    sound = joined(lines())
    start = sound.index(b"\n4.5,") + 1
    for name, bad in (
        ("lone byte", b"\xff"),
        ("cut sequence", b"\xe2\x82"),
        ("overlong", b"\xc0\xaf"),
        ("surrogate", b"\xed\xa0\x80"),
        ("beyond Unicode", b"\xf4\x90\x80\x80"),
    ):
        content = sound[:start] + bad + sound[start:]
        yield Case(f"broken UTF-8: {name}", content, "is not UTF-8", LATE, truth={"v": V})
    yield Case("broken UTF-8 at the very end", sound + b"6.0,1.0,2.0\xe2\x82", "", ROWS + 2, truth={"v": [*V, 1.0]})
    yield Case("NUL in a cell", sound[:start] + b"\0" + sound[start:], "NUL", LATE, truth={"v": V})
    yield Case("NUL at the end", sound + b"\0" * 512, "NUL", ROWS + 2, truth={"v": V})
    yield Case(
        "a block of NUL in the middle", sound[:start] + b"\0" * 4096 + sound[start:], "NUL", LATE, truth={"v": V}
    )
    for name, content, says in packed():
        yield Case(f"kind: {name}", content, says)


def large() -> Iterator[Case]:
    """Wide, long, and lines without end."""
    wide = 20_000
    names = ",".join(f"c{k}" for k in range(wide))
    one = ",".join(f"{k % 97}.5" for k in range(wide))
    other = ",".join(f"{k % 89}.25" for k in range(wide))
    sound = [names, *([one, other] * 4)]
    expected = {"c0": [0.5, 0.25] * 4, f"c{wide - 1}": [(wide - 1) % 97 + 0.5, (wide - 1) % 89 + 0.25] * 4}
    all_values = {f"c{k}": [k % 97 + 0.5, k % 89 + 0.25] * 4 for k in range(wide)}
    yield Case("20,000 columns", joined(sound), values=all_values, truth=expected)
    broken = [*sound[:5], one.replace(",96.5,", ",x,", 1), *sound[6:]]
    yield Case("20,000 columns, one bad cell", joined(broken), "'x'", 6, "c96", truth={"c0": expected["c0"]})
    short = [*sound[:5], one.rpartition(",")[0], *sound[6:]]
    yield Case("20,000 columns, one row short", joined(short), f"{wide - 1} fields", 6, truth={"c0": expected["c0"]})
    yield Case("a line of 5 MB", lambda: b"7 " * 2_500_000 + b"\n", "")
    yield Case("a million delimiters", lambda: b"v,w\n1,2\n" + b"," * 1_000_000 + b"\n3,4\n", "fields", 3)
    deep = [HEADER, *(f"{k / 10},{V[k % ROWS]},{W[k % ROWS]}" for k in range(300_000))]
    late = deep.copy()
    late[250_000] = late[250_000].replace(",", ",#", 1)
    truth = {"v": [None if k == 249_999 else V[k % ROWS] for k in range(300_000)]}
    yield Case("a bad cell in line 250,001", lambda: joined(late), "'#", 250_001, "v", truth=truth)
    ragged_late = deep.copy()
    ragged_late[280_000] = ragged_late[280_000].rpartition(",")[0]
    yield Case(
        "a short row in line 280,001",
        lambda: joined(ragged_late),
        "2 fields",
        280_001,
        truth={"v": [V[k % ROWS] for k in range(300_000)]},
    )


def times() -> Iterator[Case]:
    """Stamps: formats, calendars, offsets, order, gaps."""
    yield from written()
    yield from ordered()
    yield from numbered()


def written() -> Iterator[Case]:
    """Stamps that are no dates, or more than one."""
    iso, german, american = clock(), clock("%d.%m.%Y %H:%M"), clock("%m/%d/%Y %H:%M")
    yield timed("formats mixed", replaced(iso, k45=german[45]), german[45], line=47)
    yield timed("month first, then day first", replaced(american, k45="15/08/2022 00:45"), "15/08", line=47)
    mixed = replaced(iso, k45=f"{iso[45]}+02:00")
    yield timed("offset, once", mixed, "no time stamp of the kind", line=47)
    clear = [f"{d:02}/{m:02}/2022 12:00" for d, m in ((13, 1), (14, 1), (15, 1))] + ["01/16/2022 12:00"]
    yield timed("day first, then month first", clear, "01/16", line=5)
    unclear = clock("%d/%m/%Y %H:%M", start="2022-04-11")
    yield timed("day or month first, nothing tells", unclear, "day first or month first", line=2)
    yield timed(
        "day first, told by the steps", clock("%d/%m/%Y", 25, 86400.0, "2022-01-01"), span=("2022-01-01", "2022-01-25")
    )
    yield timed("two digits of year", clock("%d.%m.%y %H:%M"), span=("2022-08-15 00:00", "2022-08-15 00:59"))
    yield timed("AM and PM", clock("%m/%d/%Y %I:%M %p", 40, 3600.0), span=("2022-08-15 00:00", "2022-08-16 15:00"))
    half = clock("%m/%d/%Y %I:%M %p", 60, 3600.0)
    yield timed("AM and PM, once left out", replaced(half, k45=half[45][:-3]), half[45][:-3], line=47)
    yield timed("13 PM", replaced(half, k45="08/16/2022 13:00 PM"), "13:00 PM", line=47)
    yield timed("names of months", clock("%d-%b-%Y %H:%M"), span=("2022-08-15 00:00", "2022-08-15 00:59"))
    foreign = [one.replace("Dec", "Dez") for one in clock("%d-%b-%Y %H:%M", start="2022-12-05")]
    yield timed("names of months, German", foreign, "Dez", line=2)
    yield timed(
        "a month of another language, once", replaced(clock("%d-%b-%Y %H:%M"), k45="15-Aoû-2022 00:45"), "Ao", line=47
    )
    for name, text in (
        ("30 February", "2022-02-30 00:45:00"),
        ("29 February of a common year", "2022-02-29 00:45:00"),
        ("month 13", "2022-13-15 00:45:00"),
        ("hour 25", "2022-08-15 25:45:00"),
        ("minute 61", "2022-08-15 00:61:00"),
        ("leap second", "2022-08-15 00:44:60"),
        ("24:00:00", "2022-08-15 24:00:00"),
        ("year 0", "0000-01-01 00:45:00"),
        ("year 9999", "9999-12-31 23:59:59"),
        ("year 1600", "1600-01-01 00:45:00"),
        ("year of five digits", "12022-08-15 00:45:00"),
        ("NaT", "NaT"),
        ("no stamp", ""),
        ("a number", "44788.03"),
        ("text", "power fail"),
        ("terminal escape", "\x1b[2J2022-08-15 00:45:00"),
        ("name of a zone", "2022-08-15 00:45:00 Europe/Berlin"),
    ):
        yield timed(f"{name}, once", replaced(iso, k45=text), "", line=47)
    yield timed("year 9999 all along", clock(start="9999-01-01"), "9999", line=2)
    yield timed("years 0001", [f"0001-01-01 00:{k:02}:00" for k in range(60)], "0001", line=2)
    for name, stamps in (
        ("weeks of ISO", [f"2022-W{k + 1:02}" for k in range(40)]),
        ("days of the year", [f"2022-{k + 100}" for k in range(40)]),
        ("ISO without marks", clock("%Y%m%dT%H%M%S")),
        ("a zone's name behind", [f"{one} CET" for one in iso]),
        ("weekday in front", clock("%a %d %b %Y %H:%M")),
    ):
        yield timed(name, stamps, "no time stamp of a known kind", line=2)
    yield timed("words", ["morning", "noon", "evening"] * 20, note="'time' holds text")
    yield timed("offset, once left out", replaced([f"{one}+02:00" for one in iso], k45=iso[45]), "offset", line=47)
    summer = [f"2022-03-27 {h:02}:{m:02}:00{z}" for h, z in ((1, "+01:00"), (3, "+02:00")) for m in range(0, 60, 2)]
    yield timed("offset changes to summer time", summer, span=("2022-03-27 00:00", "2022-03-27 01:58"), note="UTC")
    zones = [f"{one}{'Z' if k % 2 else '+00:00'}" for k, one in enumerate(iso)]
    yield timed("offsets written in two ways", zones, span=("2022-08-15 00:00", "2022-08-15 00:59"), note="UTC")
    bare = [one[:-6] for one in summer]
    yield timed("clock put on to summer time", bare, "the start of summer time", line=32)
    winter = [f"2022-10-30 {h:02}:{m:02}:00" for h in (1, 2, 2, 3) for m in range(0, 60, 4)]
    yield timed("clock put back to winter time", winter, "the end of summer time", line=32)
    yield timed(
        "fractions with commas",
        [f'"{one}"' for one in clock("%Y-%m-%d %H:%M:%S,500")],
        span=("2022-08-15 00:00:00.5", "2022-08-15 00:59:00.5"),
    )


def ordered() -> Iterator[Case]:
    """Stamps out of order, doubled, stuck, far apart."""
    iso = clock()
    ramp = [f"{k / 10:.1f}" for k in range(ROWS)]
    yield timed("one step back", replaced(ramp, k45="4.3", k44="4.4"), "steps back", line=47)
    yield timed("backwards all along", ramp[::-1], "steps back", line=3)
    yield timed("one stamp twice", replaced(iso, k45=iso[44]), "", line=47)
    yield timed("stands still at the end", [*ramp[:40], *[ramp[40]] * 20], "rounded", line=43)
    yield timed("never moves", ["5.0"] * ROWS, "", line=3)
    yield timed("seconds cut off", clock("%Y-%m-%d %H:%M", step=6.0), "rounded", line=3)
    yield timed("a gap", [*ramp[:45], *(f"{k / 10:.1f}" for k in range(145, 160))], "a gap of", line=47)
    yield timed("clock set at the first fix", ["1980-01-06 00:00:00", *clock(count=59)], "", line=3)
    yield timed("clock falls to 1970", replaced(iso, k45="1970-01-01 00:00:00"), "steps back", line=47)
    yield timed("begins anew", [*ramp[:40], *ramp[:20]], "begins again", line=42)
    yield timed("begins anew twice", [*ramp[:20]] * 3, "--recording-rows 20", line=22)
    yield timed("random steps", [f"{(k + k * k % 7 / 8) / 10:.4f}" for k in range(ROWS)], "", line=None)
    midnight = clock("%H:%M:%S", start="2022-08-15T23:30:00")
    yield timed("past midnight", midnight, note="midnight", span=(84600.0, 84600.0 + 59 * 60))
    hours = [f"{k // 60 + 23}:{k % 60:02}:00" for k in range(90)]
    yield timed("hours beyond 24", hours, note="the time is a duration", span=(82800.0, 82800.0 + 89 * 60))


def numbered() -> Iterator[Case]:
    """Stamps that are numbers: epochs, serial dates, and what is no number."""
    second = 1_660_000_000
    ms = [str((second + k) * 1000) for k in range(ROWS)]
    yield timed("epoch in s", [str(second + k) for k in range(ROWS)], header="timestamp", span=(second, second + 59))
    yield timed("epoch in ms", ms, header="timestamp", span=(second * 1000, second * 1000 + 59000))
    yield timed("epoch in ms, then s", replaced(ms, k45=str(second + 45)), "", line=47, header="timestamp")
    yield timed(
        "epoch in s, then ns",
        [str((second + k) * (1 if k < 45 else 10**9)) for k in range(ROWS)],
        "",
        header="timestamp",
    )
    yield timed("epoch rounded by a spreadsheet", ["1.66E+09"] * ROWS, "", line=3, header="timestamp")
    yield timed("epoch beyond 64 bits", [str(10**20 + k) for k in range(ROWS)], "too large", header="timestamp")
    serial = [f"{44562 + k / 24:.9f}" for k in range(ROWS)]
    yield timed("serial dates of Excel", serial, "serial dates", line=2, header="date")
    yield timed(
        "serial dates of Excel, by the day",
        [str(44562 + k) for k in range(ROWS)],
        "serial dates",
        line=2,
        header="date",
    )
    datenum = [f"{738522 + k / 24:.9f}" for k in range(ROWS)]
    yield timed("serial dates of MATLAB", datenum, "serial dates", line=2, header="timestamp")
    ramp = [f"{k / 10:.1f}" for k in range(ROWS)]
    for name, text in (
        *(("nan", "nan"), ("inf", "inf"), ("1e400", "1e400"), ("empty", ""), ("word", "x"), ("hex", "0x10")),
        *(("comma", '"4,5"'), ("underscore", "4_5"), ("true", "True"), ("control", "4.5\x07")),
    ):
        yield timed(f"number: {name}, once", replaced(ramp, k45=text), "", line=47)
    yield timed("number: nan, early", replaced(ramp, k5="nan"), "", line=7)


def channels() -> Iterator[Case]:
    """Columns that are constant, empty, of text, of codes."""
    table = rows()

    def beside(name: str, text: Callable[[int], str], says: str | None = None, **more: object) -> Case:
        content = joined([f"{HEADER},x", *(",".join([*cells, text(k)]) for k, cells in enumerate(table))])
        both: dict[str, object] = {"v": V, "w": W}
        more["values"] = {} if says is not None else {**both, **more.pop("values", {})}  # type: ignore[dict-item]
        more["truth"] = {**both, **more.pop("truth", {})}  # type: ignore[dict-item]
        return Case(f"column: {name}", content, says, **more)  # type: ignore[arg-type]

    yield beside("text", lambda k: ("ok", "bad", "none")[k % 3], note="'x' holds text")
    yield beside("text that counts", lambda k: f"s{k}", note="'x' holds text")
    yield beside("empty", lambda k: "", note="empty columns left out: x")
    yield beside("truth values", lambda k: str(k % 2 == 0), note="'x' holds text")
    yield beside("formulas", lambda k: f"=B{k + 2}*2", note="'x' holds text")
    yield beside("hexadecimal", lambda k: f"0x{k:02X}", note="'x' holds text")
    yield beside("numbers with a unit", lambda k: f"{k / 7:.2f} V", note="'x' holds text")
    yield beside("constant", lambda k: "5", note="'x' (constant)")
    yield beside(
        "empty, then numbers", lambda k: "" if k < 50 else "1.5", "in a column whose first", line=52, column="x"
    )
    yield beside("numbers, then text", lambda k: "1.5" if k < 45 else "off", "'off'", line=47, column="x")
    yield beside("numbers, then nothing", lambda k: f"{k / 8}" if k < 45 else "", "an empty cell", line=47, column="x")
    yield beside("half is n/a", lambda k: "n/a" if k % 2 else f"{k / 8}", "no number", line=3, column="x")
    code = beside("codes for missing", lambda k: "-9999" if k % 9 == 4 else f"{k % 7 / 4}", "code for missing", line=6)
    yield code
    huge = [10.0**300 * (k % 3 + 1) for k in range(ROWS)]
    yield beside("huge", lambda k: f"{k % 3 + 1}e300", values={"x": huge}, truth={"x": huge})
    tiny = [float(f"{k % 3 + 1}e-320") for k in range(ROWS)]
    yield beside("subnormal", lambda k: f"{k % 3 + 1}e-320", values={"x": tiny}, truth={"x": tiny})
    # The digits that differ are more than 64 bits hold.
    yield beside("40 digits", lambda k: f"0.{'123456789' * 4}{k}", note="'x' (constant)")
    yield beside("whole numbers beyond 2^53", lambda k: str(2**53 + 2 * k), note="'x' (identifiers of 16 digits)")
    numbered = joined([f"{HEADER},run", *(",".join([*cells, str(k // 20)]) for k, cells in enumerate(table))])
    yield Case("column: recordings numbered", numbered, "which recording", 2, "run", truth={"v": V, "w": W})


def everything() -> list[Case]:
    """Return all cases."""
    parts = (cells, ragged, dialects, headers, empty, encodings, large, times, channels)
    found = [case for part in parts for case in part()]
    names = [re.sub(r"\s+", " ", case.name) for case in found]
    if len(set(names)) < len(names):
        raise ValueError("two cases of one name")
    return found
