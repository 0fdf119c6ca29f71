"""Several programs at one place at once: ``python -m tests.faults.races --reads 10000 --pairs 100``.

A reader loads a model while a writer commits two models in turns; two writers start at the same
moment. Every read must give one of the two models, whole; of two writers each ends well or is
told, at least one ends well, and what stands is what one of them wrote.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from forecaster.bundle import load
from forecaster.errors import ForecasterError
from forecaster.model import Forecaster
from tests.faults import models, warm

TOLD = "another program"
BAD = ("failed", "torn", "lost", "both lost", "untold", "uncleaned")


def readers(root: Path, count: int) -> Counter[str]:
    """Read a model `count` times while another process commits without a pause."""
    made = {seed: root / f"m{seed}" for seed in (1, 2)}
    both = [Forecaster.load(path / "m") for path in made.values()]
    folder = root / "read"
    folder.mkdir()
    both[0].save(folder / "m")

    def write(tell: Callable[[], None]) -> int:
        tell()
        for turn in range(10**9):
            both[turn % 2].save(folder / "m", overwrite=True)
            if turn % 10 == 0:
                tell()
        return 0

    child = warm.spawn(write, folder)
    child.moment()
    counts: Counter[str] = Counter()
    commits = [0]
    watch = threading.Thread(target=_count, args=(child, commits))
    watch.start()
    for _ in range(count):
        try:
            counts[f"seed {load(folder / 'm').manifest.seed}"] += 1
        except ForecasterError as error:
            counts["failed"] += 1
            print(error, file=sys.stderr)
    child.kill(signal.SIGKILL)
    watch.join()
    child.end()
    counts["reads"], counts["commits"] = count, commits[0]
    return counts


def _count(child: warm.Child, commits: list[int]) -> None:
    """Count the commits of a child, which tells each tenth of them."""
    while child.moment():
        commits[0] += 10


def pairs(root: Path, count: int, arguments: list[str], hook: warm.Hook | None, *, model: bool) -> Counter[str]:
    """Start two writers at the same moment, `count` times: two trainings, or two batches with other bands."""
    own = (("--seed", "1"), ("--seed", "2")) if model else (("--level", "80"), ("--level", "90"))
    lines = [[*arguments, *one] for one in own]
    results = []
    for number, line in enumerate(lines):
        alone = root / f"alone-{number}"
        alone.mkdir(parents=True)
        warm.must(line, alone, hook=hook)
        results.append(_standing(alone, model=model))
    counts: Counter[str] = Counter()
    for turn in range(count):
        folder = root / f"pair-{turn}"
        folder.mkdir()
        children = [warm.start(line, folder, hook=hook, held=True) for line in lines]
        for child, wait in zip(children, (0, 0.001 * (turn % 7)), strict=True):
            time.sleep(wait)
            child.release()
        _judge(counts, [child.end() for child in children], folder, results, model=model)
    counts["pairs"] = count
    return counts


def _judge(
    counts: Counter[str], ends: list[tuple[int, str]], folder: Path, results: list[object], *, model: bool
) -> None:
    """Count what became of two writers."""
    won = [number for number, (code, _) in enumerate(ends) if code == 0]
    counts["both, one after the other" if len(won) == 2 else "one, the other told" if won else "both lost"] += 1
    for code, said in ends:
        is_told = TOLD in said or "already holds a model" in said or "holds forecasts of another model" in said
        if code and not is_told:
            counts["untold"] += 1
            print(said, file=sys.stderr)
    found = _standing(folder, model=model)
    counts["torn"] += bool(won) and found not in [results[number] for number in won]
    counts["uncleaned"] += bool(warm.leftovers(warm.tree(folder)))


def _standing(folder: Path, *, model: bool) -> object:
    """Return the model, or the files, that stand in a folder."""
    try:
        return models.committed(folder / "m") if model else warm.tree(folder)
    except ForecasterError as error:
        return error


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reads", type=int, default=10000)
    parser.add_argument("--pairs", type=int, default=100)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="races-") as place:
        root = Path(place)
        (root / "warm").mkdir()
        warm.warm(root / "warm")
        warm.signals(root / "in", 6)
        train = ["train", str(root / "warm" / "w.csv"), "-o", "m", *warm.WINDOW, "-q"]
        for seed in (1, 2):
            (root / f"m{seed}").mkdir()
            warm.must([*train, "--seed", str(seed)], root / f"m{seed}")
        batch = ["forecast", str(root / "m1" / "m"), str(root / "in"), "-o", "out", "-q"]
        rows = {
            "reads during commits": readers(root, chosen.reads),
            "two trainings, new": pairs(root / "new", chosen.pairs, train, warm.at_save_together, model=True),
            "two trainings, --overwrite": pairs(
                root / "over", chosen.pairs, [*train, "--overwrite"], warm.at_save_together, model=True
            ),
            "two batches": pairs(root / "batch", chosen.pairs, batch, warm.at_batch, model=False),
            "two batches, --overwrite": pairs(
                root / "again", chosen.pairs, [*batch, "--overwrite"], warm.at_batch, model=False
            ),
        }
    for name, counts in rows.items():
        shown = ", ".join(f"{head} {counts[head]}" for head in dict.fromkeys([*sorted(counts), *BAD]))
        print(f"{name}: {shown}")
    return 1 if any(counts[head] for counts in rows.values() for head in BAD) else 0


if __name__ == "__main__":
    sys.exit(main())
