"""Model folders in memory, and back on the disk."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from forecaster.bundle.gate import MANIFEST
from forecaster.bundle.manifest import FILES, data_name
from tests.faults.edits import Contents


def contents_of(model: Path) -> Contents:
    """Read a model folder into memory."""
    data = next(model.glob("data-*"))
    found: Contents = {MANIFEST: (model / MANIFEST).read_bytes(), "data": b""}
    return found | {name: (data / name).read_bytes() for name in FILES}


def lay_out(model: Path, contents: Contents, elsewhere: Path, *, genuine: str) -> None:
    """Write a model folder; the data get the name that model.json gives them, or the one that they had."""
    model.mkdir()
    manifest = contents[MANIFEST]
    data = model / (data_name(manifest) if isinstance(manifest, bytes) else genuine)
    if contents["data"]:
        put(data, str(contents["data"]), elsewhere)
    else:
        data.mkdir()
        for name in FILES:
            put(data / name, contents[name], elsewhere)
    put(model / MANIFEST, manifest, elsewhere)


def put(path: Path, content: bytes | str, elsewhere: Path) -> None:
    """Write a file, or what is to stand there instead."""
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    out = elsewhere if path.name.startswith("data-") else elsewhere / "secret"
    ways: dict[str, Callable[[], object]] = {
        "link-out": lambda: path.symlink_to(out),
        "link-in": lambda: path.symlink_to(FILES[-1]),
        "link-loop": lambda: path.symlink_to(path.name),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: _device(path),
        "socket": lambda: _socket(path),
        "hard-link": lambda: os.link(elsewhere / "secret", path),
        "huge": lambda: _huge(path),
        "nothing": lambda: None,
    }
    ways[content]()


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _device(path: Path) -> None:
    """Make a device that never ends, where one may be made."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(f"/proc/self/fd/{folder}/{path.name}")  # a path of any length
    finally:
        os.close(folder)
