"""Faults without strace: the calls of Python's `os` counted in the child, and one of them made to fail."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults import warm
from tests.faults.tracing import SIGNALS, Point

CALLS = ("open", "mkdir", "write", "fsync", "rename", "unlink", "rmdir", "flock")
LIBRARY: dict[str, Any] = {name: fcntl if name == "flock" else os for name in CALLS}


def points(arguments: list[str], folder: Path, hook: warm.Hook | None) -> list[Point]:
    """Run a command undisturbed, and return its calls that reach `folder`."""
    log = folder.with_suffix(".calls")
    code, said = warm.run(arguments, folder, hook=_counting(folder, log, None, hook))
    if code:
        raise RuntimeError(f"{arguments} ended with {code}: {said}")
    names = log.read_text().split()
    log.unlink()
    return [Point(name, names[: place + 1].count(name)) for place, name in enumerate(names)]


def attack(
    arguments: list[str], folder: Path, hook: warm.Hook | None, point: Point, fault: str
) -> tuple[int, str, bool]:
    """Run a command with the fault at `point`, as `tracing.attack` does."""
    log = folder.with_suffix(".calls")
    code, said = warm.run(arguments, folder, hook=_counting(folder, log, (point, fault), hook))
    hit = log.read_text().split().count(point.name) >= point.number
    log.unlink()
    return code, said, hit


def _counting(folder: Path, log: Path, wanted: tuple[Point, str] | None, hook: warm.Hook | None) -> warm.Hook:
    """Return a hook that puts the counting calls in place of the library's."""

    def arm(tell: Callable[[], None]) -> None:
        if hook is not None:
            hook(tell)
        handle, real_write = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), os.write
        counts = dict.fromkeys(CALLS, 0)

        def counted(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*given: Any, **options: Any) -> Any:
                if _within(given[0], options, folder):
                    counts[name] += 1
                    real_write(handle, f"{name}\n".encode())
                    if wanted is not None and wanted[0] == Point(name, counts[name]):
                        _strike(wanted[1])
                return real(*given, **options)

            return call

        for name, library in LIBRARY.items():
            setattr(library, name, counted(name, getattr(library, name)))

    return arm


def _strike(fault: str) -> None:
    if fault in SIGNALS:
        os.kill(os.getpid(), getattr(signal, f"SIG{fault}"))
        return
    number = getattr(errno, fault)
    raise OSError(number, os.strerror(number))


def _within(target: Any, options: dict[str, Any], folder: Path) -> bool:
    """Tell whether a descriptor, or a path with its folder's descriptor, lies in `folder`."""
    at = options.get("dir_fd", options.get("src_dir_fd"))
    descriptor = target if isinstance(target, int) else at
    try:
        base = Path.cwd() if descriptor is None else Path(os.readlink(f"/proc/self/fd/{descriptor}"))
    except OSError:
        return descriptor not in (1, 2)  # a system that does not tell
    place = base if isinstance(target, int) else base / os.fspath(target)
    return place.is_relative_to(folder.resolve())
