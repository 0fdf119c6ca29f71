"""Random tables with something in them that is no measurement: `python -m tests.faults.tables --count 500 --seed 0`.

Each has a wave or two that were measured, and one to three of: a total row, a column of quality, an identifier, parts
of the date, two series in turn, stamps cut to a second; at a random rate, of a random length. Counted is what becomes
of it: read rightly, refused with options that read it rightly, refused without, or read with other values or at
another rate.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecaster.errors import SignalError
from forecaster.reading import read_signal
from forecaster.signal.signal import Signal
from tests.cases import proposals
from tests.hints import options_of

KINDS = ("total", "quality", "identifier", "parts", "turns", "cut")
DELIMITERS = (",", ";", "\t")
# Steps in seconds; stamps cut to a second are of the fast ones.
SLOW, FAST = (60, 300, 900, 1800, 3600), (0.004, 0.01, 0.02, 0.05, 0.1)
OUTCOMES = ("read", "proposed", "refused", "wrong")


@dataclass
class Table:
    """A table as it is put together: columns of texts by name, and what was measured in it."""

    kinds: tuple[str, ...]
    step_s: float
    columns: dict[str, list[str]]
    measured: list[NDArray[np.float64]]
    rate_error: float = 1e-6
    footer: list[str] = field(default_factory=list)

    def text(self, delimiter: str) -> str:
        """Return the table as a file."""
        rows = [*zip(*self.columns.values(), strict=True), *([tuple(self.footer)] if self.footer else [])]
        return "".join(delimiter.join(row) + "\n" for row in [tuple(self.columns), *rows])


def random_table(rng: np.random.Generator) -> Table:
    """Return a table with one to three of the kinds that go together."""
    kinds = set(rng.choice(KINDS, size=int(rng.integers(1, 4)), replace=False).tolist())
    # A series in turn has no total, and cut stamps no hour of their own.
    kinds -= {"total", "parts", "cut"} if "turns" in kinds else {"parts"} if "cut" in kinds else set()
    rows, step = int(rng.integers(60, 400)), float(rng.choice(FAST if "cut" in kinds else SLOW))
    if "cut" in kinds:
        rows = int(max(rows, 5 / step))
    start = np.datetime64("2023-01-03T00:00:00", "ms") + np.timedelta64(int(rng.integers(0, 300)), "D")
    stamps = start + np.round(np.arange(rows) * step * 1e3).astype("timedelta64[ms]")
    waves = [wave(rng, rows) for _ in range(int(rng.integers(1, 3)))]
    table = Table(tuple(sorted(kinds)), step, {"time": written(stamps, is_cut="cut" in kinds)}, waves)
    if "cut" in kinds:
        # Either end of the counted rows may be a row off.
        table.rate_error = 2.5 / max(1, rows - 2 / step)
    for number, values in enumerate(waves):
        table.columns[f"v{number}"] = [f"{value:.2f}" for value in values]
    # Series in turn have two rows for each that stands there before.
    for kind in sorted(rng.permutation(table.kinds).tolist(), key="turns".__eq__):
        ADD[kind](table, stamps, rng)
    return table


def wave(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    angle = 2 * np.pi * np.arange(rows) / rng.uniform(10, 40)
    return np.round(rng.uniform(5, 200) + rng.uniform(1, 4) * np.sin(angle) + 0.3 * rng.standard_normal(rows), 2)


def written(stamps: NDArray[np.datetime64], *, is_cut: bool) -> list[str]:
    """Return stamps as text, to the second."""
    seconds = stamps.astype("datetime64[s]") if is_cut else stamps
    return [str(stamp)[:19].replace("T", " ") for stamp in seconds]


def add_total(table: Table, stamps: NDArray[np.datetime64], rng: np.random.Generator) -> None:
    """Add a last row with the sums of the measured columns, under the stamp of the first row or the next."""
    sums = {f"v{number}": f"{values.sum():.2f}" for number, values in enumerate(table.measured)}
    stamp = (
        table.columns["time"][0]
        if rng.random() < 0.5
        else written(stamps[-1:] + (stamps[1] - stamps[0]), is_cut=False)[0]
    )
    table.footer = [sums.get(name, stamp if name == "time" else column[-1]) for name, column in table.columns.items()]


def add_column(table: Table, name: str, cells: list[str]) -> None:
    """Add a column, and its last cell to a total row that is there."""
    table.columns[name] = cells
    if table.footer:
        table.footer.append(cells[-1])


def add_quality(table: Table, stamps: NDArray[np.datetime64], rng: np.random.Generator) -> None:
    bad = rng.random(len(stamps)) < 0.05
    name = str(rng.choice(["v0 status", "quality", "v0_flag", "QC"]))
    good, worse = rng.choice([(192, 0), (0, 1), (1, 2)])
    add_column(table, name, [str(worse if is_bad else good) for is_bad in bad])


def add_identifier(table: Table, stamps: NDArray[np.datetime64], rng: np.random.Generator) -> None:
    name = str(rng.choice(["EAN", "meter_id", "site_no", "serial"]))
    digits = int(rng.choice([6, 8, 18]))
    add_column(table, name, [str(rng.integers(10 ** (digits - 1), 10**digits))] * len(stamps))


def add_parts(table: Table, stamps: NDArray[np.datetime64], rng: np.random.Generator) -> None:
    texts = [str(stamp) for stamp in stamps]
    parts = {"year": (0, 4), "month": (5, 7), "day": (8, 10), "hour": (11, 13)}
    for name, (begin, end) in parts.items():
        add_column(table, name, [str(int(text[begin:end])) for text in texts])


def add_turns(table: Table, stamps: NDArray[np.datetime64], rng: np.random.Generator) -> None:
    """Let two series stand in turn, a row each, with stamps that they share or that differ by seconds."""
    first = table.measured[0]
    second = np.array([float(f"{value + 500:.2f}") for value in first])
    stamped = [stamp for stamp in table.columns["time"] for _ in range(2)]
    if rng.random() < 0.5:
        stamped[1::2] = written(stamps + np.timedelta64(7, "s"), is_cut=False)
    doubled = {name: [cell for cell in cells for _ in range(2)] for name, cells in table.columns.items()}
    values = [f"{value:.2f}" for pair in zip(first, second, strict=True) for value in pair]
    others = {name: cells for name, cells in doubled.items() if name not in ("time", "v0", "v1")}
    table.columns = {"time": stamped, "sensor": ["oven", "room"] * len(first), "v0": values, **others}
    table.measured = [first, second]


def cut_already(table: Table, stamps: NDArray[np.datetime64], rng: np.random.Generator) -> None:
    """Add nothing: the stamps were cut when they were written."""


ADD = {
    "total": add_total,
    "quality": add_quality,
    "identifier": add_identifier,
    "parts": add_parts,
    "turns": add_turns,
    "cut": cut_already,
}


def difference(signal: Signal, table: Table) -> str:
    """Return how what was read differs from what was measured, or nothing."""
    values = np.concatenate([recording.values for recording in signal.recordings])
    if values.shape != (len(table.measured[0]), len(table.measured)):
        return f"{values.shape} values of {signal.channels}"
    if not all(any(np.array_equal(column, wave) for wave in table.measured) for column in values.T):
        return "other values"
    rate = signal.sample_rate_hz
    if rate is None or abs(rate * table.step_s - 1) > table.rate_error:
        return f"{rate} Hz for {1 / table.step_s:g}"
    return ""


def outcome(path: Path, table: Table) -> tuple[str, str]:
    """Return one of OUTCOMES for the file of a table, and what came out."""
    try:
        differs = difference(read_signal(path), table)
        return ("wrong", differs) if differs else ("read", "")
    except SignalError as error:
        refusal = error
    for proposal in proposals(refusal):
        try:
            differs = difference(read_signal(path, options_of(proposal)), table)
        except SignalError as error:
            differs = str(error)
        return ("wrong", f"`{proposal}`: {differs}") if differs else ("proposed", proposal)
    return "refused", str(refusal)


def counted(count: int, seed: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Return how many of `count` random tables have which outcome, and a line for each that is not right."""
    outcomes, lines = Counter[str](), list[str]()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        table, path = random_table(rng), folder / "table.csv"
        path.write_text(table.text(str(rng.choice(DELIMITERS))))
        kind, text = outcome(path, table)
        outcomes[kind] += 1
        if kind in ("refused", "wrong"):
            lines.append(f"{number:4} {kind:8} {'+'.join(table.kinds):24} {text[:220]}")
    return outcomes, lines


def main() -> int:
    """Print the outcomes, and return 1 if one table came out with other values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcomes, lines = counted(arguments.count, arguments.seed, Path(folder))
    print("\n".join(lines))
    print(", ".join(f"{outcomes[kind]} {kind}" for kind in OUTCOMES))
    return 1 if outcomes["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
