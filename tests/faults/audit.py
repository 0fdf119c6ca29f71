"""What the interpreter does while a stranger's model folder is handled, told by Python's audit hook.

Everything is counted but what is listed here: files of the folder itself, and the program's own
listing of its networks. A Python process cannot take a hook off again: there is one, armed and disarmed.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from forecaster import networks
from forecaster.bundle.manifest import FILES

OWN = {os.path.realpath(one) for one in networks.__path__}
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
HARMLESS = {"object.__getattr__", "sys._getframe", "gc.get_objects"}
"""Events that say nothing of files or code: the interpreter looks at itself."""


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
        elif event == "import" and arguments[0].startswith("encodings."):
            pass  # the encoding that a model's files have: Python looks its name up among its own
        elif event not in HARMLESS:
            self.executed.append(f"{event} {str(arguments)[:200]}")

    def _belongs(self, path: Any, mode: Any, flags: Any) -> bool:
        """Say whether what is opened, for reading, is allowed or a part of the model by its own name alone."""
        if not isinstance(flags, int) or flags & WRITING:
            return False
        if isinstance(path, int):
            return True  # what is open already, wrapped
        name = os.fsdecode(path)
        if name in self.allowed:
            return True
        part = name == "model.json" or name in FILES or (name.startswith("data-") and "/" not in name)
        return part and bool(flags & os.O_NOFOLLOW)
