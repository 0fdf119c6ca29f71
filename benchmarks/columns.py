"""The error of `auto` on 22 columns of nine recordings, beside a table that another version stored.

Each recording is trained with the default command, one model for all of its columns, and scored on the part that was
held back: the next segment, and the closed loop over half the part.

    python benchmarks/columns.py SIGNALS -o after.csv --against before.csv

SIGNALS is a folder with the recordings that docs/research/README.md names. They are not shipped.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import _measure as measure
import numpy as np

sys.path.insert(0, str(measure.ROOT))

RECORDINGS: dict[str, dict[str, Any]] = {
    "rotor_acceleration": {},
    "munich_bridge_100hz": {},
    "nab_nyc_taxi_30min": {},
    "lvm_shaker_1024hz": {"recording_rows": 8192},
    "yosemite_temps_5min": {"missing": "split"},
    "nab_machine_temperature_5min": {"sort": True, "duplicates": "mean"},
    "ETTh1": {},
    "phm2012_bearing1_1_snap1-10": {"group_column": "snapshot"},
    "cwru_normal_0hp_97": {},
}
# The bearing's ten snapshots have 2,560 rows each.
N_INPUT = {"phm2012_bearing1_1_snap1-10": 19}
FIELDS = ("recording", "channel", "next_segment", "closed_loop", "seconds")


class Row(NamedTuple):
    """The normalised mean squared errors of one column, and the seconds that its recording took."""

    recording: str
    channel: str
    next_segment: float
    closed_loop: float
    seconds: float


def rows_of(folder: Path, name: str, predictor: str = "auto") -> Iterator[Row]:
    """Train the recording `name`, and yield a row for each of its columns."""
    from forecaster import Forecaster, read_signal

    began = time.monotonic()
    signal = read_signal(str(folder / f"{name}.csv"), **RECORDINGS.get(name, {}))
    model = Forecaster.fit(signal, predictor=predictor, n_input=N_INPUT.get(name, 100), seed=1)
    seconds = time.monotonic() - began
    near, far = model.stored[0]["parts"], model.stored[-1]["parts"]
    for part, far_part in zip(near, far, strict=True):
        errors = [scores["scores"]["model"]["nmse"] for scores in (part, far_part)]
        yield Row(name, part["channel"], *errors, round(seconds, 1))


def compared(rows: list[Row], before: dict[tuple[str, str], dict[str, str]]) -> str:
    """Return a table of the errors and of their ratios to those `before`, and the geometric means of the ratios."""
    lines = ["| recording | channel | next segment | ratio | closed loop | ratio |", "|---|---|---:|---:|---:|---:|"]
    ratios = []
    for row in rows:
        earlier = before.get((row.recording, row.channel))
        if earlier:
            ratios.append([getattr(row, key) / float(earlier[key]) for key in FIELDS[2:4]])
        near, far = (f"{ratio:.3f}" for ratio in ratios[-1]) if earlier else ("", "")
        cells = (row.recording, row.channel, f"{row.next_segment:.4g}", near, f"{row.closed_loop:.4g}", far)
        lines.append(f"| {' | '.join(cells)} |")
    if ratios:
        near, far = (f"{mean:.3f}" for mean in np.exp(np.log(ratios).mean(axis=0)))
        lines.append(f"| geometric mean | | | {near} | | {far} |")
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="SIGNALS", nargs="?")
    parser.add_argument("-o", "--output", type=Path, help="where the table is written as CSV")
    parser.add_argument("--against", type=Path, help="a table that was written before")
    parser.add_argument("--only", action="append", choices=RECORDINGS, help="a recording; all if left out")
    parser.add_argument("--quick", action="store_true", help="the shipped signal and ridge: shows that it works")
    options = parser.parse_args()
    if options.folder is None and not options.quick:
        parser.error("SIGNALS is needed: the recordings are not shipped")
    print(f"{measure.machine()}\n", flush=True)
    if options.folder is None:
        rows = [row for name in ("ridge", "level-ridge") for row in rows_of(measure.ROOT / "data", "rotor", name)]
        print(compared(rows, {}))
        return
    rows: list[Row] = []
    for name in options.only or RECORDINGS:
        rows += rows_of(options.folder, name)
        print(*rows[-1], flush=True)
        if options.output:
            with options.output.open("w", newline="") as file:
                csv.writer(file).writerows([FIELDS, *rows])
    before = {}
    if options.against:
        with options.against.open(newline="") as file:
            before = {(row["recording"], row["channel"]): row for row in csv.DictReader(file)}
    print(compared(rows, before))


if __name__ == "__main__":
    main()
