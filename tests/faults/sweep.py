"""Every call that reaches the output fails once: ``python -m tests.faults.sweep``.

One command after the other is run with ENOSPC and with EIO at its first, second, ... N-th open,
mkdir, write, fsync, rename, unlink and flock within its folder, until a run passes undisturbed;
then with SIGKILL, SIGINT and SIGTERM at each of them. strace injects them; where it is absent
the calls of Python's `os` are patched in the child. A small tmpfs is filled up to every page.
After each: no exit code 0 unless the output is complete and equal to the undisturbed one, the
old or the new, an error in plain words, and a second call that finishes and tidies up.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults import models, patching, tracing, warm
from tests.faults.tracing import SIGNALS, Point

ERRORS = ("ENOSPC", "EIO")
BAD = ("torn", "lost", "false 0", "words", "unfinished", "uncleaned")
HEADS = ("points", "runs", "missed", "exit 0", "old", "new", "mixed", *BAD)
PAGE = 4096
NEEDED = {"train": "train", "forecast": "plot", "evaluate": "evaluate", "explain": "explain", "compare": "compare"}
NEEDED |= {"lecture": "lecture"}


@dataclass
class Case:
    """One command: what is there before, and the models among what it writes."""

    name: str
    arguments: list[str]
    before: Path
    models: tuple[str, ...] = ()
    partial: str = ""  # a picture of what was finished when Ctrl-C came
    hook: warm.Hook | None = None
    after: warm.Tree = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def lay(self, folder: Path) -> Path:
        """Make `folder` what it is before the command."""
        shutil.copytree(self.before, folder, dirs_exist_ok=True)
        return folder

    @property
    def again(self) -> list[str]:
        """Return the command as it is called a second time."""
        can = self.arguments[0] not in ("lecture", "evaluate") and "--overwrite" not in self.arguments
        return [*self.arguments, *(["--overwrite"] if can else [])]


def cases(root: Path, only: str) -> list[Case]:
    """Return the commands that write and whose case's name begins with `only`, each with its undisturbed result."""
    needed = {name for name in NEEDED if name.startswith(only.partition(",")[0])}
    warm.warm(_made(root / "warm"), needed | {NEEDED[name] for name in needed})
    warm.signals(root / "in", 5)
    warm.signals(root / "long", 1, rows=400)
    signal, model = str(root / "long" / "s00.csv"), str(root / "model" / "m")
    train = ["train", signal, *warm.WINDOW, "-o", "m", "-q"]
    batch = ["forecast", model, str(root / "in"), "-o", "out", "-q"]
    scored = ["evaluate", model, signal, "--plot", "p.png", "--forecasts", "b.csv", "-q"]
    made = ["synthesize", "-o", "x/s.csv", "--kind", "sine", "--rows", "3000", "-q"]
    old = {
        "nothing": [],
        "model": [*train, "--seed", "2"],
        "batch": [*batch, "--level", "80"],
        "scores": [*scored[:2], signal, *scored[3:], "-n", "5"],
        "signal": [*made, "--seed", "9"],
    }
    before = {name: root / "before" / name for name in old}
    found = [
        Case("train, new", train, before["nothing"], ("m",)),
        Case("train, over", [*train, "--overwrite"], before["model"], ("m",)),
        Case("forecast --plot, one", [*batch[:2], signal, *batch[3:], "--plot"], before["nothing"], hook=warm.at_batch),
        Case("forecast, new", batch, before["nothing"], hook=warm.at_batch),
        Case("forecast, over", [*batch, "--overwrite"], before["batch"], hook=warm.at_batch),
        Case("evaluate, new", scored, before["nothing"]),
        Case("evaluate, over", scored, before["scores"]),
        Case("explain", ["explain", model, signal, "-o", "e", "-q"], before["nothing"]),
        Case("synthesize, new", made, before["nothing"]),
        Case("synthesize, over", [*made, "--overwrite"], before["signal"]),
        Case("compare",
             ["compare", signal, "--predictors", "ridge", *warm.WINDOW[2:], "-o", "c", "--plot", "p.svg", "-q"],
             before["nothing"], ("c/ridge",), "p.svg"),
        Case("lecture", ["lecture", "activations", "--plot", "f/l.pdf", "-q"], before["nothing"]),
    ]  # fmt: skip
    found = [one for one in found if one.name.startswith(only)]
    if any(model in case.arguments for case in found):
        warm.must(train, _made(root / "model"))
    for case in found:
        if not case.before.exists():
            line = old[case.before.name]
            _made(case.before)
            warm.must(line, case.before, hook=warm.at_batch) if line else None
        place = case.lay(root / "after" / case.name)
        warm.must(case.arguments, place, hook=case.hook)
        case.after = warm.tree(place)
    return found


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def judge(case: Case, folder: Path, fault: str = "") -> str:
    """Name what stands: "old", "new", whole pieces of both ("mixed"), or what must not be."""
    before, found, after = warm.tree(case.before), warm.tree(folder), case.after
    if case.partial and fault.startswith("INT") and (found.get(case.partial) or b"").endswith(b"</svg>\n"):
        found[case.partial] = after[case.partial]
    seen = set()
    for path in case.models:
        old, new = _model(before, path), _model(after, path)
        assert new is not None
        seen.add(models.judge_model(folder / path, old, new))
    parts = [_rest(one, case.models) for one in (found, before, after)]
    if parts[1] or parts[2]:
        seen.add(models.judge_files(*parts))
    for verdict in ("torn", "lost", "mixed"):
        if verdict in seen:
            return verdict
    return seen.pop() if len(seen) == 1 else "mixed"


def _model(found: warm.Tree, path: str) -> models.Model | None:
    """Return the model in a tree, without what its predecessor has left."""
    manifest = found.get(f"{path}/model.json")
    if manifest is None:
        return None
    data = f"{path}/{models.data_name(manifest)}/"
    content = {name.removeprefix(data): one for name, one in found.items() if name.startswith(data)}
    return {"model.json": manifest, **{name: one for name, one in content.items() if one is not None}}


def _rest(found: warm.Tree, own: tuple[str, ...]) -> warm.Tree:
    """Return the files of a tree, folders and models left out."""
    return {
        path: content
        for path, content in found.items()
        if content is not None and not any(path.startswith(f"{one}/") for one in own)
    }


def check(case: Case, folder: Path, ended: tuple[int, str], fault: str) -> None:
    """Count what a disturbed run has left, and whether the next one puts it right."""
    code, said = ended
    verdict = judge(case, folder, fault)
    case.counts["runs"] += 1
    case.counts[verdict] += 1
    case.counts["exit 0"] += code == 0
    trouble = {"false 0": code == 0 and verdict != "new", "words": not _plain(code, said, fault)}
    again, _ = warm.run(case.again, folder, hook=case.hook)
    trouble["unfinished"] = again != 0 or judge(case, folder) != "new"
    trouble["uncleaned"] = bool(warm.leftovers(warm.tree(folder)))
    trouble[verdict] = verdict in ("torn", "lost")
    for name in (name for name, is_so in trouble.items() if is_so):
        case.counts[name] += name not in ("torn", "lost")
        print(f"{case.name}: {name} after {fault}: {code} {said[-500:]}", file=sys.stderr)


def _plain(code: int, said: str, fault: str) -> bool:
    """Tell whether the exit code fits the fault, and the words are for people."""
    if "Traceback" in said or "this is a bug" in said or "ignored in" in said or len(said.encode()) > 2200:
        return False
    if (name := fault.split(maxsplit=1)[0]) in SIGNALS:
        return code in (0, SIGNALS[name])
    return code == 0 or (code in (1, 2) and any(words in said for words in ("Error:", "written")))


def sweep(case: Case, root: Path, way: object, faults: Iterable[str], limit: int) -> None:
    """Disturb a command at each of its points with each of the faults."""
    points: list[Point] = way.points(case.arguments, case.lay(root / "trace"), case.hook)  # type: ignore[attr-defined]
    shutil.rmtree(root / "trace")
    case.counts["points"] = len(points)
    spread = points if not limit else points[:: max(1, len(points) // limit)]
    for fault in faults:
        for point in spread:
            folder = case.lay(root / "run")
            code, said, hit = way.attack(case.arguments, folder, case.hook, point, fault)  # type: ignore[attr-defined]
            case.counts["missed"] += not hit
            check(case, folder, (code, said), f"{fault} at {point.name} {point.number}")
            shutil.rmtree(folder)


def fill(case: Case, root: Path) -> None:
    """Run a command on a tmpfs with no page free, one, two ... until it passes."""
    for free in range(1000):
        folder = _made(root / "disk")
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=True, capture_output=True)
        try:
            case.lay(folder)
            filler = _fill(folder, free)
            code, said = warm.run(case.arguments, folder, hook=case.hook)
            filler.unlink()
            check(case, folder, (code, said), f"a disk with {free} pages")
        finally:
            subprocess.run(["umount", str(folder)], check=True)
            folder.rmdir()
        case.counts["points"] += 1
        if code == 0:
            return
    case.counts["unfinished"] += 1


def _fill(folder: Path, free: int) -> Path:
    import os

    filler = folder.joinpath("filler")
    handle = os.open(filler, os.O_WRONLY | os.O_CREAT)
    pages = os.statvfs(folder).f_bavail - free
    os.posix_fallocate(handle, 0, max(pages, 1) * PAGE)
    os.close(handle)
    return filler


def can_mount(root: Path) -> bool:
    """Tell whether a small tmpfs can be had here."""
    folder = _made(root / "mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False, capture_output=True
    )
    return done.returncode == 0 and subprocess.run(["umount", str(folder)], check=False).returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faults", default=",".join((*ERRORS, *SIGNALS)))
    parser.add_argument("--only", default="", help="the cases whose name begins so")
    parser.add_argument("--limit", type=int, default=0, help="about so many points a case and fault, not all")
    parser.add_argument("--without-strace", action="store_true")
    parser.add_argument("--disk", action=argparse.BooleanOptionalAction, default=True)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sweep-") as place:
        root = Path(place)
        found = cases(root, chosen.only)
        traced = not chosen.without_strace and tracing.available()
        print("faults by strace" if traced else "no strace: the calls of Python's os are patched instead")
        way = tracing if traced else patching
        bad = 0
        for fault in filter(None, chosen.faults.split(",")):
            bad += _series(fault, found, lambda case, fault=fault: sweep(case, root, way, [fault], chosen.limit))
        if chosen.disk and can_mount(root):
            bad += _series("a full disk", found, lambda case: fill(case, root))
        elif chosen.disk:
            print("no tmpfs can be mounted here: no disk was filled")
    return 1 if bad else 0


def _series(title: str, found: list[Case], disturb: Callable[[Case], None]) -> int:
    """Disturb every case; print the counts, and return how many of them are bad."""
    for case in found:
        case.counts.clear()
        disturb(case)
    rows = {case.name: {head: case.counts[head] for head in HEADS} for case in found}
    print(f"{title}\n{warm.table(rows)}\n", flush=True)
    return sum(row[head] for row in rows.values() for head in BAD)


if __name__ == "__main__":
    sys.exit(main())
