"""Memory: the peak of a whole `train` on a recording of 10 million rows beside that on a small file.

Both train the default network at stride 1 for the same steps, from CSV to model folder, each in
a process of its own. What the large recording adds is set beside three copies of the signal in
double precision (240 MB). Peaks are maximum resident memory; one run each, for they hardly vary.
The large one keeps 1 % for the test part: 100,000 rows are scored at a thousand origins, and
memory does not depend on how many blocks of a thousand follow.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import _measure as measure

STEPS, SMALL, LARGE = 300, 50_000, 10**7


def main() -> None:
    """Train on both files and compare."""
    options = measure.arguments(__doc__, rounds=1)
    measure.heading(__doc__)
    steps, large, window = (10, 10**5, ["--n-step", "5", "--n-input", "20"]) if options.quick else (STEPS, LARGE, [])
    with tempfile.TemporaryDirectory() as folder:
        files = ((SMALL, "70/15/15"), (large, "84/15/1"))
        more = [*window, "--steps", str(steps)]
        rows = [(f"{count:,} rows", *trained(Path(folder), count, split, more)) for count, split in files]
    print(f"{steps} steps\n")
    copies = 3 * 8 * large / 1e6
    measure.table(("train", "peak, MB", "s"), rows)
    print(f"\nThe large recording adds {rows[1][1] - rows[0][1]:,.0f} MB; three copies of it are {copies:,.0f} MB.")


def trained(folder: Path, rows: int, split: str, more: list[str]) -> tuple[float, float]:
    """Train on a file of `rows` rows; return the peak in MB and the seconds."""
    path = folder / f"{rows}.csv"
    measure.write_column(path, rows)
    output = str(folder / f"model-{rows}")
    command = [sys.executable, str(measure.ROOT / "cli.py"), "train", str(path), "-o", output]
    measured = measure.child([*command, "--split", split, *more, "-q"])
    path.unlink()
    return measured["peak_mb"], measured["seconds"]


if __name__ == "__main__":
    main()
