"""What training tells whoever watches it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A watcher: called from the training thread, so it should be quick."""

    def start(self, total_steps: int) -> None:
        """Training begins; it may end before `total_steps`."""

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """`step` steps are done."""

    def finish(self) -> None:
        """Training has ended."""


class Silent:
    """A watcher that says nothing."""

    def start(self, total_steps: int) -> None:
        """Say nothing."""

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""
