"""`train --resume`: what there is to go on with, and how to say it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from forecaster.commands.terminal import Terminal
from forecaster.errors import UsageError, printable

if TYPE_CHECKING:
    from forecaster.bundle import Checkpoint, Run

GOES_ON = "The same command with --resume goes on where it stood."


@contextlib.contextmanager
def opened(terminal: Terminal, output: Path, run: Run, *, resume: bool) -> Iterator[Checkpoint]:
    """Yield the checkpoint beside `output`; one whose network gave nothing is removed.

    Raises:
        UsageError: it is that of another run.
        ModelError: it is damaged.
        OutputError: another program is training the same model.
    """
    from forecaster.bundle import Checkpoint
    from forecaster.errors import DivergedError

    with Checkpoint.opened(output, run, resume=resume) as checkpoint:
        try:
            yield checkpoint
        except DivergedError:
            checkpoint.discard()
            raise
        if checkpoint.note:
            terminal.warn(f"note: no checkpoint was kept, and --resume cannot go on with this run: {checkpoint.note}")


@contextlib.contextmanager
def saving(checkpoint: Checkpoint) -> Iterator[None]:
    """Tell whoever cannot save what was trained that it need not be trained again, where a checkpoint stands.

    Raises:
        OutputError: the model could not be saved.
    """
    from forecaster.errors import OutputError

    try:
        yield
    except OutputError as error:
        if not checkpoint.states:
            raise
        raise OutputError(error.message, hint=f"What was trained is kept. {GOES_ON}") from None


def ended(output: Path, run: Run, *, overwrite: bool) -> Literal["", "interrupted", "finished"]:
    """Tell how the training ended whose model `output` holds, if it was this very run.

    Raises:
        UsageError: it holds another one, which may not be replaced.
        ModelError: it holds one that cannot be read.
    """
    from forecaster.bundle import Run, load
    from forecaster.bundle.gate import MANIFEST
    from forecaster.bundle.record import listed
    from forecaster.errors import ModelError

    if not (output / MANIFEST).exists():
        return ""
    try:
        manifest = load(output).manifest
    except ModelError:
        if overwrite:
            return ""
        raise
    different = run.differences(Run.of(manifest), versions=False)
    if different and not overwrite:
        hint = "Repeat the command as it was, add --overwrite to replace the model, or choose another name."
        raise UsageError(
            f"--resume: {printable(output, 200)} holds the model of another training: {listed(different)}.", hint=hint
        )
    if different:
        return ""
    return "interrupted" if manifest.interrupted else "finished"


def stands(checkpoint: Checkpoint, *, resume: bool) -> str:
    """Say where a training begins, or goes on; "" where there is nothing to say."""
    if not resume:
        anew = "note: a training of this model was interrupted. This one begins anew; --resume would go on with it."
        return anew if checkpoint.exists else ""
    if not checkpoint.states:
        return "resume: nothing was left by an earlier training; this one begins at the beginning."
    *before, last = checkpoint.states
    parts = [f"{one.name} is trained" for one in (*before, *([last] if last.done else []))]
    return "resume: " + ", ".join(parts + ([] if last.done else [f"{last.name} goes on after step {last.step}"]))
