"""Options that refusals propose, applied: `python -m tests.faults.proposals` prints how many were tried.

The files are the bad signal files of `tests.faults.bad_cases`, and the collection of reading cases where it is there.
What is read with the options is compared with what a person would take for the values: the same numbers in the same
order, where a missing one may be filled in or its row left out.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forecaster.errors import ForecasterError
from forecaster.reading import read_signal
from forecaster.signal.signal import Signal
from tests import cases
from tests.faults.bad_cases import Case, everything
from tests.hints import options_of

OUTCOMES = ("read", "none", "right", "filled", "escaped", "wrong")
# So many values may be filled in where an option calls a cell missing, or averaged where it says so.
MOST_FILLED = 2


def difference(signal: Signal, truth: dict[str, Sequence[float | None]], *, sorts: bool) -> tuple[str, int]:
    """Return how the channels that `truth` names differ from it, or nothing, and in how many values.

    What sorts the rows gives them another order.
    """
    values = np.concatenate([recording.values for recording in signal.recordings])
    worst = ("", 0)
    for channel, numbers in truth.items():
        if channel in signal.channels:
            measured = [number for number in numbers if number is not None]
            column = values[:, signal.channels.index(channel)].tolist()
            other = Counter(column) - Counter(measured)
            is_part = _is_part(column, measured) or _is_part(measured, column) or (sorts and not other)
            worst = worst if is_part else (f"other values in {channel!r}", max(worst[1], other.total()))
    return worst


def _is_part(numbers: Sequence[float], others: Sequence[float]) -> bool:
    """Return whether `numbers` stand among `others` in their order, perhaps with more between them."""
    remaining = iter(others)
    return all(any(number == other for other in remaining) for number in numbers)


def tried(case: Case, path: Path) -> tuple[str, str]:
    """Return what became of a case, one of OUTCOMES, and the proposal with what is wrong."""
    path.write_bytes(case.data())
    try:
        read_signal(path)
        return "read", ""
    except ForecasterError as error:
        proposed = cases.proposals(error)
    if not proposed:
        return "none", ""
    option = proposed[0]
    try:
        differs, count = difference(read_signal(path, options_of(option)), dict(case.truth), sorts="--sort" in option)
    except ForecasterError as error:
        # What is shown escaped is not what stands in the file.
        return ("escaped" if "\\" in option else "wrong"), f"`{option}` not read: {error}"
    as_said = ("--na" in option or "--duplicates" in option) and 0 < count <= MOST_FILLED
    return ("filled" if as_said else "wrong" if differs else "right"), f"`{option}` {differs}"


def counted(folder: Path) -> tuple[Counter[str], list[str]]:
    """Return the outcomes of all bad files, and a line for each wrong one."""
    outcomes, lines = Counter[str](), list[str]()
    for case in everything():
        kind, text = tried(case, folder / "case.csv")
        outcomes[kind] += 1
        if kind == "wrong":
            lines.append(f"{case.name}: {text[:200]}")
    for path in sorted(cases.FOLDER.glob("*.csv")):
        kind, text = cases.outcome(path)
        kind = {"proposed": "right", "refused": "none"}.get(kind, kind)
        outcomes[kind] += 1
        if kind == "wrong":
            lines.append(f"{path.stem}: {text[:200]}")
    return outcomes, lines


def main() -> int:
    """Print the counts, and return 1 if a proposal reads other values."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes, lines = counted(Path(folder))
    print("\n".join(lines))
    proposed = sum(outcomes[kind] for kind in ("right", "filled", "escaped", "wrong"))
    print(
        f"{proposed} proposals tried: {outcomes['right']} read what stands there, {outcomes['filled']} fill in or "
        f"average a value as they say, {outcomes['escaped']} are escaped and cannot be pasted, {outcomes['wrong']} "
        f"wrong; {outcomes['none']} refusals without one, {outcomes['read']} files read"
    )
    return 1 if outcomes["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
