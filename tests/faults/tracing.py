"""Faults by strace: the calls of one command that reach its folder, and one of them made to fail or to be the last."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.faults import warm

CALLS = ("openat", "mkdir", "mkdirat", "write", "fsync", "rename", "renameat", "renameat2", "unlink", "unlinkat")
CALLS += ("flock", "ftruncate")
SIGNALS = {"KILL": 137, "INT": 130, "TERM": 143}
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)$")
_QUOTED = re.compile(r'"([^"]*)"')


def available() -> bool:
    """Tell whether strace is here and may attach to a child of ours."""
    if shutil.which("strace") is None:
        return False
    child = warm.spawn(lambda tell: 0, Path("/"), held=True)
    try:
        _attach(child, Path("/dev/null"), ()).wait(timeout=0.1)
    except subprocess.TimeoutExpired:
        return True  # it is at work
    finally:
        child.release()
        child.end()
    return False


@dataclass(frozen=True)
class Point:
    """The `number`-th call of `name` in a thread of a command."""

    name: str
    number: int


def points(arguments: list[str], folder: Path, hook: warm.Hook | None) -> list[Point]:
    """Run a command undisturbed, and return the calls that reach `folder`."""
    code, said, log = _traced(arguments, folder, hook, ())
    if code:
        raise RuntimeError(f"{arguments} ended with {code}: {said}")
    counts: Counter[tuple[str, str]] = Counter()
    found = {}
    for pid, name, rest in _calls(log):
        counts[pid, name] += 1
        if _reaches(rest, folder):
            found[Point(name, counts[pid, name])] = None
    return list(found)


def attack(
    arguments: list[str], folder: Path, hook: warm.Hook | None, point: Point, fault: str
) -> tuple[int, str, bool]:
    """Run a command with the fault at `point`; return its exit code, its words, and whether it was hit in `folder`."""
    kind = "signal" if fault in SIGNALS else "error"
    inject = ("-e", f"inject={point.name}:{kind}={fault}:when={point.number}")
    code, said, log = _traced(arguments, folder, hook, inject)
    if kind == "signal":
        return code, said, f"SIG{fault}" in log
    hit = any("(INJECTED)" in rest and _reaches(rest, folder) for _, _, rest in _calls(log))
    return code, said, hit or "(INJECTED)" in log


def _traced(
    arguments: list[str], folder: Path, hook: warm.Hook | None, inject: tuple[str, ...]
) -> tuple[int, str, str]:
    log = folder.with_suffix(".strace")
    child = warm.start(arguments, folder, hook=hook, held=True)
    tracer = _attach(child, log, inject)
    child.release()
    code, said = child.end()
    tracer.wait()
    text = log.read_text(errors="replace")
    log.unlink()
    return code, said, text


def _attach(child: warm.Child, log: Path, inject: tuple[str, ...]) -> subprocess.Popen[str]:
    line = ["strace", "-f", "-y", "-o", str(log), "-e", f"trace={','.join(CALLS)}", *inject, "-p", str(child.pid)]
    tracer = subprocess.Popen(line, stderr=subprocess.PIPE, text=True)
    assert tracer.stderr is not None
    tracer.stderr.readline()  # "Process N attached"
    return tracer


def _calls(log: str) -> Iterator[tuple[str, str, str]]:
    """Yield the thread, the name and the rest of each call, as it was begun."""
    for line in log.splitlines():
        if (found := _CALL.match(line)) is not None:
            yield found[1], found[2], found[3]


def _reaches(rest: str, folder: Path) -> bool:
    """Tell whether a call, its descriptors shown with their paths, has to do with `folder`."""
    inside = str(folder.resolve())
    if rest.startswith(("AT_FDCWD", '"')):
        named = _QUOTED.search(rest)
        return named is not None and (not named[1].startswith("/") or named[1].startswith(inside))
    return f"<{inside}" in rest.split(",", maxsplit=1)[0]
