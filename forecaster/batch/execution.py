"""Where the chunks of a batch are worked on: one method, `map`, and a registry of those who offer it.

`docs/ADD_AN_EXECUTION.md` says how another one is added, and `tests/test_execution.py` what it must keep.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from forecaster.errors import UsageError

Chunk = TypeVar("Chunk")
Result = TypeVar("Result")


class Execution(Protocol):
    """Runs the same work on many chunks."""

    def map(self, work: Callable[[Chunk], Result], chunks: Iterable[Chunk], /) -> Iterator[Result]:
        """Yield ``work(chunk)`` for each of `chunks`, in their order.

        `work`, a chunk and a result can be pickled, and `work` changes nothing outside itself, so it may run in
        another process. An exception that `work` raises is raised here. Chunks may be drawn ahead of the results
        that are taken; where the caller takes no more, chunks that have not begun are dropped.
        """


class InProcess:
    """Works on one chunk after the other in this process; a chunk is drawn when the result before it was taken."""

    def map(self, work: Callable[[Chunk], Result], chunks: Iterable[Chunk], /) -> Iterator[Result]:
        """Yield ``work(chunk)`` for each of `chunks`, in their order."""
        return map(work, chunks)


EXECUTIONS: dict[str, Execution] = {"in-process": InProcess()}


def execution(name: str) -> Execution:
    """Return the execution that is registered as `name`.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in EXECUTIONS:
        raise UsageError(f"There is no execution {name!r}.", hint=f"There are: {', '.join(EXECUTIONS)}.")
    return EXECUTIONS[name]
