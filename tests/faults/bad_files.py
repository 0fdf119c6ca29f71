"""Bad signal files through `forecaster check`, and through bare `pandas.read_csv` beside it.

`python -m tests.faults.bad_files` prints a row for each file: the exit code, the message, whether
its line and column are right, and what pandas makes of the file. It exits with 1 if one file brought
a traceback or was judged wrongly.
"""

from __future__ import annotations

import math
import re
import sys
import tempfile
import unicodedata
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from forecaster.config import ReadingOptions
from forecaster.errors import ForecasterError, printable
from forecaster.reading import read
from forecaster.signal.signal import Recording, Signal
from tests import commands
from tests.faults.bad_cases import Case, everything

LARGEST_MESSAGE = 2048


@dataclass(frozen=True)
class Outcome:
    """What became of one file: `wrong` says what is not as it should be, `pandas` what pandas did."""

    case: Case
    code: int
    message: str
    wrong: str
    pandas: str = ""

    @property
    def traceback(self) -> bool:
        """Tell whether the program broke."""
        return "Traceback" in self.message or "this is a bug" in self.message or self.code not in (0, 1, 2)


def judged(case: Case, folder: Path, *, beside: bool = True) -> Outcome:
    """Write the file of `case` into `folder`, check it, and judge what was told."""
    path = folder / "case.csv"
    path.write_bytes(case.data())
    result = commands.run("check", path)
    message = result.stderr if result.exit_code else result.stdout
    broken = "" if result.exception is None or isinstance(result.exception, SystemExit) else f"{result.exception!r}"
    wrong = (
        broken
        or (_read_wrongly(case, path, result.output) if case.says is None else "")
        or _told_wrongly(case, path, result.exit_code, result.stderr)
    )
    return Outcome(
        case, result.exit_code, message.replace(str(path), "FILE"), wrong, with_pandas(case, path) if beside else ""
    )


def _told_wrongly(case: Case, path: Path, code: int, message: str) -> str:
    """Return what is wrong about the exit code and the message, or nothing."""
    expected = 0 if case.says is None else 2
    if code != expected or expected == 0:
        return "" if code == expected else f"exit {code}, expected {expected}"
    place = f"Error: {path}:{case.line}: " if case.line is not None else f"Error: {path}"
    column = "" if case.column is None else f"column {printable(case.column, 80)!r}"
    escaped = not any(unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp") for c in message.rstrip("\n"))
    faults = {
        f"a message of {len(message.encode())} bytes": len(message.encode()) > LARGEST_MESSAGE,
        "a control character in the message": not escaped,
        f"not at line {case.line}": not message.startswith(place),
        f"not in column {case.column!r}": column not in message,
        f"does not say {case.says!r}": str(case.says) not in message,
    }
    return next((fault for fault, found in faults.items() if found), "")


def _read_wrongly(case: Case, path: Path, told: str) -> str:
    """Return how what was read differs from what stands in the file, or nothing."""
    try:
        signal = read(path, ReadingOptions()).signal
    except ForecasterError as error:
        return f"not read: {error}"
    if case.note not in told:
        return f"does not tell {case.note!r}"
    if len(signal.channels) != len(case.values):
        return f"{len(signal.channels)} channels"
    return _other_values(case, signal) or (_timed_wrongly(case, signal.recordings[0]) if case.stamps else "")


def _other_values(case: Case, signal: Signal) -> str:
    found = np.concatenate([one.values for one in signal.recordings])
    place = {name: k for k, name in enumerate(signal.channels)}
    for channel, values in case.values.items():
        if channel not in place:
            return f"no channel {channel[:40]!r}"
        if not np.array_equal(found[:, place[channel]], np.asarray(values, float)):
            return f"other values in {channel[:40]!r}"
    return ""


def _timed_wrongly(case: Case, recording: Recording) -> str:
    found = [recording.time.stamps(k, 1)[0] for k in (0, len(recording) - 1)]
    pairs = zip(found, case.stamps or (), strict=True)
    same = all(a.startswith(b) if isinstance(b, str) else math.isclose(a, b, rel_tol=1e-12) for a, b in pairs)
    return "" if same else f"stamps {found}"


def with_pandas(case: Case, path: Path) -> str:
    """Say what bare pandas makes of the file: raises, text, wrong (silently), NaN, untold, right."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = pd.read_csv(path)
    except Exception as error:
        return f"raises {type(error).__name__}"
    truth = case.truth or case.values
    if not truth:
        numbers = len(frame) and any(pd.api.types.is_numeric_dtype(kind) for kind in frame.dtypes)
        return "wrong: numbers from what holds none" if numbers else "takes it as it stands"
    verdicts = [_column(frame, name, values) for name, values in truth.items()]
    order = ("wrong", "text", "NaN", "right")
    worst = min(verdicts, key=lambda verdict: order.index(verdict.split(":")[0]))
    return "takes it as it stands" if worst == "right" and case.says is not None else worst


def _column(frame: pd.DataFrame, name: str, truth: Sequence[float | None]) -> str:
    """Compare one column of a frame with the values that a person would take from the file."""
    place = re.fullmatch(r"(?:column_|.* #)(\d+)", "column_1" if name == "value" else name)
    names = [str(one).strip() for one in frame.columns]
    if not place and name not in names:
        return "text: no such column"
    column = frame.iloc[:, int(place[1]) - 1 if place else names.index(name)]
    if not pd.api.types.is_numeric_dtype(column) or column.dtype == bool:
        return "text: a column that is no longer numbers"
    if len(column) > len(truth) and column[len(truth) :].isna().all():
        column = column[: len(truth)]
        return "NaN: empty rows more" if column.tolist() == list(truth) else "NaN: a row more among the others"
    if len(column) != len(truth):
        return f"wrong: {len(column)} rows of {len(truth)}"
    found = column.tolist()
    bad = [k for k, (a, b) in enumerate(zip(found, truth, strict=True)) if _differs(a, b)]
    if bad:
        return f"wrong: {found[bad[0]]:g} in row {bad[0] + 1}" + (f" and {len(bad) - 1} more" if len(bad) > 1 else "")
    return "NaN: a gap, without a word" if column.isna().any() else "right"


def _differs(found: float, true: float | None) -> bool:
    """Tell a value that is not in the file; NaN is not one where there is none to take."""
    return not math.isnan(found) if true is None else found != true


def run(cases: Sequence[Case], *, beside: bool = True) -> list[Outcome]:
    """Judge all cases."""
    with tempfile.TemporaryDirectory() as folder:
        return [judged(case, Path(folder), beside=beside) for case in cases]


def counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count what became of the files."""
    pandas = Counter(re.split(r"[: ]", one.pandas)[0] for one in outcomes)
    return {
        "cases": len(outcomes),
        "refused": sum(one.case.says is not None for one in outcomes),
        "tracebacks": sum(one.traceback for one in outcomes),
        "wrong": sum(bool(one.wrong) for one in outcomes),
        "pandas silently wrong": pandas["wrong"],
        "pandas makes text of numbers": pandas["text"],
        "pandas makes NaN": pandas["NaN"],
        "pandas takes it as it stands": pandas["takes"],
        "pandas raises": pandas["raises"],
        "pandas right": pandas["right"],
    }


def main() -> int:
    """Print the table and the counts."""
    outcomes = run(everything())
    form = "{:48.48} {:>4} {:>5}  {:70.70}  {}"
    print(form.format("case", "exit", "right", "message", "pandas.read_csv"))
    for one in outcomes:
        text = printable(one.message.removeprefix("Error: ").strip() if one.code else "reads", 2000)
        print(form.format(one.case.name, one.code, "NO" if one.wrong else "yes", text, one.pandas))
        if one.wrong:
            print(f"    {one.wrong}: {text}")
    found = counts(outcomes)
    print(", ".join(f"{name} {count}" for name, count in found.items()))
    return 1 if found["tracebacks"] or found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
