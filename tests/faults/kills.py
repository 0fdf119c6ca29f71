"""kill -9 at random moments: ``python -m tests.faults.kills --count 1000 --signals 200``.

Half of the kills fall into the moments in which a result is written. After each: the old model
or the new one passes the gate and equals its undisturbed self byte for byte, each forecast is
whole and as it was or as it shall be, and the next call finishes with the undisturbed bytes and
takes away what the dead one left. `--signals` does the same with Ctrl-C and SIGTERM, which
must end in 130 and 143, without a traceback.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from tests.faults import models, warm

BAD = ("torn", "lost", "unfinished", "uncleaned", "code", "traceback")
HEADS = ("done", "old", "new", "mixed", "litter", "early", *BAD)
CODES = {signal.SIGKILL: 137, signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass
class Case:
    """One thing that is disturbed.

    `place` lays out what is there before, `begin` starts the writer, `judge` names what stands
    afterwards, `again` lets the next writer run and tells whether all is as if undisturbed
    ("", "unfinished" or "uncleaned"). `span` is how long the writer takes from its moment on.
    """

    name: str
    place: Callable[[Path], None]
    begin: Callable[[Path], warm.Child | Process]
    judge: Callable[[Path], str]
    again: Callable[[Path], str]
    span: Callable[[], float]
    share: float
    can_signal: bool = True
    counts: Counter[str] = field(default_factory=Counter)


class Process:
    """The program as a process of its own, with what `warm.Child` has."""

    def __init__(self, arguments: list[str], folder: Path) -> None:
        line = [sys.executable, "-c", f"import sys; sys.path[0] = {str(warm.ROOT)!r}\n{_MAIN}", *arguments]
        self.process = subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def moment(self) -> bool:
        return True

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        said = self.process.communicate()[1]
        return warm.EXITS.get(self.process.returncode, self.process.returncode), said


# The clock is frozen first, which imports the package: as guarded as the program's own imports are.
_MAIN = f"""
from forecaster.__main__ import main
try:
    from forecaster.bundle import record
    record.now = lambda: {warm.MOMENT!r}
except KeyboardInterrupt:
    sys.exit(130)
main()
"""


def disturb(case: Case, folder: Path, number: int, rng: random.Random) -> None:
    """Let the writer begin, send it a signal, and count what became of it."""
    folder.mkdir()
    case.place(folder)
    child = case.begin(folder)
    child.moment()
    time.sleep(rng.uniform(0, 1.1 * case.span()))
    child.kill(number)
    code, said = child.end()
    case.counts["done"] += 1
    if number != signal.SIGKILL:
        _check_words(case, code, said, number)
    case.counts[case.judge(folder)] += 1
    case.counts["litter"] += bool(warm.leftovers(warm.tree(folder)))
    if trouble := case.again(folder):
        case.counts[trouble] += 1
    shutil.rmtree(folder)


def _check_words(case: Case, code: int, said: str, number: int) -> None:
    if "Traceback" in said and "/forecaster/" not in said:
        case.counts["early"] += 1  # Python itself was still starting: none of our lines had run
        return
    case.counts["traceback"] += "Traceback" in said or "Exception ignored" in said
    if code not in (0, CODES[signal.Signals(number)]):
        case.counts["code"] += 1
        print(f"{case.name}: exit code {code}: {said[-600:]}", file=sys.stderr)


class Stage:
    """The inputs, models and undisturbed results that all cases share."""

    def __init__(self, root: Path) -> None:
        self.root = root
        warm.warm(_made(root / "warm"))
        warm.signals(root / "in", 12)
        (root / "long").mkdir()
        warm.must(["synthesize", "-o", "s.csv", "--kind", "sine", "--rows", "400", "-q"], root / "long")
        self.train = ["train", str(root / "long" / "s.csv"), "-o", "m", *warm.WINDOW, "-q"]
        self.models = {seed: self._trained(seed) for seed in (1, 2)}
        self.old = root / "trained-2" / "m"
        model = str(root / "trained-1" / "m")
        self.batch = ["forecast", model, str(root / "in"), "-o", "out", "--overwrite", "-q"]
        self._batches()

    def _trained(self, seed: int) -> models.Model:
        folder = _made(self.root / f"trained-{seed}")
        warm.must([*self.train, "--seed", str(seed)], folder)
        found = models.committed(folder / "m")
        assert found is not None
        return found

    def _batches(self) -> None:
        """Make the undisturbed batch, alone and over an earlier one with another band and one file more."""
        warm.signals(self.root / "more" / "in", 13)
        before = _made(self.root / "before")
        warm.must([*self.batch[:2], str(self.root / "more" / "in"), *self.batch[3:], "--level", "80"], before)
        (before / "out" / "notes.txt").write_text("the user's own")
        self.earlier = warm.tree(before)
        fresh, over = _made(self.root / "fresh"), self.root / "over"
        shutil.copytree(before, over)
        for folder in (fresh, over):
            warm.must(self.batch, folder, hook=warm.at_batch)
        self.fresh, self.over = warm.tree(fresh), warm.tree(over)

    def place_old(self, folder: Path) -> None:
        shutil.copytree(self.old, folder / "m")

    def place_batch(self, folder: Path) -> None:
        shutil.copytree(self.root / "before" / "out", folder / "out")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _nothing(folder: Path) -> None:
    """Lay out nothing: the writer makes a new thing."""


def model_cases(stage: Stage) -> list[Case]:
    """Return the cases in which a model is written."""
    old, new = stage.models[2], stage.models[1]
    over = [*stage.train, "--seed", "1", "--overwrite"]

    def finish(folder: Path) -> str:
        code, _ = warm.run(over, folder)
        if code or models.committed(folder / "m") != new:
            return "unfinished"
        return "" if models.model_tidy(folder / "m") else "uncleaned"

    def judge(before: models.Model | None) -> Callable[[Path], str]:
        return lambda folder: models.judge_model(folder / "m", before, new)

    def timed(place: Callable[[Path], None], hook: warm.Hook | None) -> Callable[[], float]:
        return lru_cache(lambda: warm.must(over, _copy(place, _fresh(stage.root)), hook=hook))

    def train(hook: warm.Hook | None) -> Callable[[Path], warm.Child]:
        return lambda folder: warm.start(over, folder, hook=hook)

    cases = [
        Case(
            "save over and over",
            stage.place_old,
            _saver(stage),
            judge(old),
            finish,
            lambda: 0.05,
            0.25,
            can_signal=False,
        )
    ]
    for name, place, before in (("over", stage.place_old, old), ("new", _nothing, None)):
        for part, hook, share in (("all of train", None, 0.08), ("the save of train", warm.at_save, 0.14)):
            span = timed(place, hook)
            cases.append(Case(f"{part}, {name}", place, train(hook), judge(before), finish, span, share))
    place, inner = stage.place_old, cases[1].span
    own: Callable[[Path], Process] = lambda folder: Process(over, folder)  # noqa: E731
    cases.append(Case("train as a process", place, own, judge(old), finish, lambda: 4 * inner() + 1.5, 0.03))
    return cases


def _saver(stage: Stage) -> Callable[[Path], warm.Child]:
    """Return what starts a program that saves the one model and the other in turns."""
    from forecaster.model import Forecaster

    both = [Forecaster.load(stage.root / f"trained-{seed}" / "m") for seed in (1, 2)]

    def work(tell: Callable[[], None]) -> int:
        tell()
        while True:
            for one in both:
                one.save("m", overwrite=True)

    return lambda folder: warm.spawn(work, folder)


def batch_cases(stage: Stage) -> list[Case]:
    """Return the cases in which a folder of forecasts is written."""

    def finish(after: warm.Tree) -> Callable[[Path], str]:
        def again(folder: Path) -> str:
            code, _ = warm.run(stage.batch, folder)
            found = warm.tree(folder)
            if warm.leftovers(found):
                return "uncleaned"
            return "" if code == 0 and found == after else "unfinished"

        return again

    def begin(folder: Path) -> warm.Child:
        return warm.start(stage.batch, folder, hook=warm.at_batch)

    def judge(before: warm.Tree, after: warm.Tree) -> Callable[[Path], str]:
        return lambda folder: models.judge_files(_settled(warm.tree(folder)), before, after)

    cases = []
    for name, place, before, after in (
        ("over", stage.place_batch, stage.earlier, stage.over),
        ("new", _nothing, {}, stage.fresh),
    ):
        span = _timed(stage, place)
        cases.append(Case(f"forecast {name}", place, begin, judge(before, after), finish(after), span, 0.125))
    own: Callable[[Path], Process] = lambda folder: Process(stage.batch, folder)  # noqa: E731
    inner = cases[0].span
    before, after = stage.earlier, stage.over
    cases.append(
        Case(
            "forecast as a process",
            stage.place_batch,
            own,
            judge(before, after),
            finish(after),
            lambda: inner() + 1.5,
            0.03,
        )
    )
    return cases


def _timed(stage: Stage, place: Callable[[Path], None]) -> Callable[[], float]:
    return lru_cache(lambda: warm.must(stage.batch, _copy(place, _fresh(stage.root)), hook=warm.at_batch))


def _fresh(root: Path) -> Path:
    """Return a place for a folder that is not there yet."""
    return Path(tempfile.mkdtemp(dir=root)) / "timed"


def _settled(found: warm.Tree) -> warm.Tree:
    """Leave out a folder that is there with nothing in it yet."""
    return {} if list(found) == ["out"] or all(models.TEMPORARY in path for path in found if path != "out") else found


def _copy(place: Callable[[Path], None], folder: Path) -> Path:
    place(_made(folder))
    return folder


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="kills")
    parser.add_argument("--signals", type=int, default=0, help="Ctrl-C and SIGTERM, half each")
    parser.add_argument("--only", default="", help="the cases whose names begin with one of these words, by commas")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    rng = random.Random(chosen.seed)
    with tempfile.TemporaryDirectory(prefix="kills-") as place:
        stage = Stage(Path(place))
        cases = [*model_cases(stage), *batch_cases(stage)]
        cases = [case for case in cases if case.name.startswith(tuple(chosen.only.split(",")))]
        bad = _series("kill -9", cases, [signal.SIGKILL] * chosen.count, rng)
        both = [signal.SIGINT, signal.SIGTERM] * ((chosen.signals + 1) // 2)
        softer = [case for case in cases if case.can_signal]
        bad += _series("Ctrl-C and SIGTERM", softer, both[: chosen.signals], rng) if chosen.signals else 0
    return 1 if bad else 0


def _series(title: str, cases: list[Case], numbers: list[signal.Signals], rng: random.Random) -> int:
    """Disturb each case its share of times; print the counts, and return how many of them are bad."""
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    for case in cases:
        case.counts.clear()
    order = rng.choices(cases, [case.share for case in cases], k=len(numbers))
    order[: len(cases)] = cases[: len(numbers)]
    for turn, (case, number) in enumerate(zip(order, numbers, strict=True)):
        disturb(case, folder / str(turn), number, rng)
    shutil.rmtree(folder)
    rows = {case.name: {head: case.counts[head] for head in HEADS} for case in cases}
    print(f"{title}: {len(numbers)}\n{warm.table(rows)}\n", flush=True)
    return sum(row[head] for row in rows.values() for head in BAD)


if __name__ == "__main__":
    sys.exit(main())
