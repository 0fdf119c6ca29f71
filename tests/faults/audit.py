"""What the interpreter does while a stranger's model folder is handled, told by Python's audit hook.

Everything is counted but what is listed here: files of the folder itself, and the program's own
listing of its networks. A Python process cannot take a hook off again: there is one, armed and disarmed.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forecaster import networks
from forecaster.bundle.checkpoint import STATE, TENSORS
from forecaster.bundle.gate import MANIFEST
from forecaster.bundle.manifest import FILES

OWN = {os.path.realpath(one) for one in networks.__path__}
PART = re.compile("|".join([*map(re.escape, (MANIFEST, STATE, *FILES)), r"data-[^/]*", TENSORS.pattern]))
"""The names that belong into a model folder, or into a checkpoint."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
HARMLESS = {"object.__getattr__", "sys._getframe", "gc.get_objects", "builtins.id", "fcntl.flock"}
"""Events that say nothing of files or code: the interpreter looks at itself, or a lock is taken on what is open."""
HELD = {"os.mkdir", "os.rmdir"}
"""What is done to a checkpoint's own folder, and to nothing else: it is made, and goes when it is empty."""


class Watch:
    """Collects, while armed, what was opened outside the folder and what was done beside opening."""

    def __init__(self) -> None:
        self.armed = False
        self.allowed: set[str] = set()
        self.outside: list[str] = []
        self.executed: list[str] = []
        sys.addaudithook(self._tell)

    @contextlib.contextmanager
    def over(self, model: Path) -> Iterator[Watch]:
        """Watch a block that may open `model`, a folder or a file, and what belongs into it."""
        self.allowed, self.outside, self.executed = {str(model)}, [], []
        self.armed = True
        try:
            yield self
        finally:
            self.armed = False

    def _tell(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.armed:
            return
        if event == "open":
            if not self._belongs(*arguments):
                self.outside.append(f"open {arguments}")
        elif event in ("os.scandir", "os.listdir"):
            where = arguments[0]
            if not isinstance(where, int) and os.path.realpath(where) not in OWN:
                self.outside.append(f"{event} {where}")
        elif event not in HARMLESS and not self._own(event, arguments):
            self.executed.append(f"{event} {str(arguments)[:200]}")

    def _own(self, event: str, arguments: tuple[Any, ...]) -> bool:
        """Say whether Python looks up the encoding of a model's files, or a checkpoint's folder is made or goes."""
        if event == "import":
            return str(arguments[0]).startswith("encodings.")
        return event in HELD and str(arguments[0]) in self.allowed

    def _belongs(self, path: Any, mode: Any, flags: Any) -> bool:
        """Say whether what is opened, for reading, is allowed or a part of the model by its own name alone."""
        if not isinstance(flags, int) or flags & WRITING:
            return False
        if isinstance(path, int):
            return True  # what is open already, wrapped
        name = os.fsdecode(path)
        if name in self.allowed:
            return True
        return bool(PART.fullmatch(name)) and bool(flags & os.O_NOFOLLOW)
