"""Every error that a user can cause, each with its exit code.

The tree::

    ForecasterError                 exit 1
    ├── UsageError                  exit 2   options that contradict each other or cannot be met
    ├── SignalError                 exit 2   a file that is not the signal it should be
    │   └── TooShortError           exit 2   a signal with too few rows for the window
    ├── ModelError                  exit 2   a model folder that the gate refuses
    ├── TrainingError               exit 1   training that produced no usable model
    │   └── DivergedError           exit 1   the losses or the weights of a network stopped being finite
    └── OutputError                 exit 1   a result that cannot be written

A message says what was found, where (file, line, column), what was expected and what to do
next. It is one paragraph of at most 2 KB, with control characters escaped.
"""

from __future__ import annotations

import shlex
from typing import Any

# Characters of a message with its hint.
MESSAGE_LIMIT = 2000


def printable(text: object, limit: int = 200) -> str:
    r"""Return `text` on one line, control characters escaped, cut at `limit` characters.

    >>> printable("a\x1b[31m")
    'a\\x1b[31m'
    """
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
    return escaped if len(escaped) <= limit else escaped[: limit - 3] + "..."


def shell_quoted(text: str) -> str:
    r"""Return `text` as one word of a shell; control characters are escaped as bash, zsh and ksh read them.

    >>> print(shell_quoted("my file.csv"), shell_quoted("a\x1b[2J.csv"))
    'my file.csv' $'a\x1b[2J.csv'
    """
    if text.isprintable():
        return shlex.quote(text)
    plain = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{''.join(c if c.isprintable() else _bytes_escaped(c) for c in plain)}'"


def _bytes_escaped(character: str) -> str:
    # A byte that is no character of UTF-8 stands in a file name as a surrogate.
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


class ForecasterError(Exception):
    """The base class: `message` says what went wrong, `hint` what to do; str() gives both."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.hint = printable(hint, 800)
        self.message = printable(message, MESSAGE_LIMIT - len(self.hint) - 2)
        super().__init__(f"{self.message} {self.hint}".strip())

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to pickle the error: without a call of `__init__`, which would compose the message once more."""
        return _unpickled, (type(self), self.args), self.__dict__


def _unpickled(kind: type[ForecasterError], args: tuple[Any, ...]) -> ForecasterError:
    return kind.__new__(kind, *args)


class UsageError(ForecasterError):
    """Options that contradict each other, or that cannot be met."""

    exit_code = 2


class SignalError(ForecasterError):
    """A file that is not the signal it should be.

    `path`, `line` (counted from 1 as an editor does) and `column` (its name, or its number
    from 1) say where; `found` and `expected` say what; `hint` names the option that helps. The
    message is ``FILE:LINE: column NAME: FOUND; expected EXPECTED.``, as far as these are given.
    """

    exit_code = 2

    def __init__(
        self,
        found: str,
        *,
        path: object = "",
        line: int | None = None,
        column: str | int | None = None,
        expected: str = "",
        hint: str = "",
    ) -> None:
        self.path, self.line, self.column = str(path), line, column
        self.found, self.expected = found, expected
        file_and_line = printable(path, 400) + (f":{line}" if line is not None else "")
        place = f"{file_and_line}: " if file_and_line else ""
        if column is not None:
            place += f"column {printable(column, 80)!r}: "
        tail = f"; expected {printable(expected, 300)}" if expected else ""
        super().__init__(f"{place}{printable(found, 500)}{tail}.", hint=hint)


class TooShortError(SignalError):
    """A signal with too few rows for the window; `suggestion` is an (S, N) that fits, or None."""

    def __init__(
        self, found: str, *, suggestion: tuple[int, int] | None = None, path: object = "", hint: str = ""
    ) -> None:
        self.suggestion = suggestion
        super().__init__(found, path=path, hint=hint)


class ModelError(ForecasterError):
    """A model folder that the gate refuses, or that is not one."""

    exit_code = 2


class TrainingError(ForecasterError):
    """Training that produced no usable model."""


class DivergedError(TrainingError):
    """A network whose losses or weights stopped being finite."""


class OutputError(ForecasterError):
    """A result that cannot be written, or that must not be (a value that is not finite)."""
