"""Reading: the strict reader beside a bare pandas.read_csv, files in the page cache.

A CSV of one column and 10 million rows, and 1,000 files of 2,600 rows with a time column. The
program finds out the dialect, checks every cell, row and time stamp, and hashes the file; pandas
is called with its defaults and checks none of it. Memory is the peak of a process beyond what it
holds once its libraries are loaded; the values alone are 80 MB. Every run happens in a fresh copy
of its process, as a first reading would.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import _measure as measure

SIGNAL = measure.ROOT / "data" / "rotor.csv"
LARGE, MANY = "1 file", "many files"


def sizes(quick: bool) -> tuple[int, int]:
    """Return the rows of the large file and the number of small ones."""
    return (10**5, 20) if quick else (10**7, 1000)


def prepare(work: Path, quick: bool) -> None:
    """Write the large file, and cut the small ones from the shipped signal."""
    rows, count = sizes(quick)
    measure.write_column(work / "large.csv", rows)
    header, *lines = SIGNAL.read_text().splitlines(keepends=True)
    (work / "many").mkdir()
    for k in range(count):
        begin = k * 17 % (len(lines) - 2600)
        (work / "many" / f"{k:04}.csv").write_text(header + "".join(lines[begin : begin + 2600]))


def ours() -> Callable[[Path], Any]:
    """The program's reader with default options."""
    from forecaster.config import ReadingOptions
    from forecaster.reading import read

    options = ReadingOptions()
    return lambda path: read(path, options)


def pandas() -> Callable[[Path], Any]:
    """Bare pandas."""
    import pandas

    return pandas.read_csv


def contender(reader: Callable[[], Callable[[Path], Any]], many: bool) -> measure.Make:
    """Read the large file, or all the small ones."""

    def prepared(work: Path, quick: bool) -> measure.Run:
        read = reader()
        paths = sorted((work / "many").iterdir()) if many else [work / "large.csv"]
        read(min((work / "many").iterdir()))  # what is loaded at the first file is start-up

        def run() -> None:
            for path in paths:
                read(path)

        return measure.afresh(run)

    return prepared


CONTENDERS = {
    f"forecaster.reading, {LARGE}": contender(ours, many=False),
    f"pandas.read_csv, {LARGE}": contender(pandas, many=False),
    f"forecaster.reading, {MANY}": contender(ours, many=True),
    f"pandas.read_csv, {MANY}": contender(pandas, many=True),
}


def report(results: dict[str, measure.Result], work: Path, quick: bool) -> None:
    """Print times, the ratio to pandas, and memory."""
    rows, count = sizes(quick)
    lines = []
    for name, one in results.items():
        bare = results[f"pandas.read_csv, {MANY if MANY in name else LARGE}"].median()
        lines.append((name, one.median(), one.spread(), one.median() / bare, one.median("extra_mb")))
    header = (f"1 file of {rows:,} rows; {count:,} of 2,600", "s", "range", "/ pandas", "extra memory, MB")
    measure.table(header, lines)


if __name__ == "__main__":
    measure.main(__doc__, CONTENDERS, report, prepare=prepare, rounds=9)
