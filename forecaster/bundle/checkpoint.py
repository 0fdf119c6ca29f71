"""A checkpoint: the progress of a training that was interrupted, in a folder of its own next to the model's.

    .forecaster-resume-MODEL/
        checkpoint.json                   what was trained on what, the state of each network, the hash of its tensors
        network-K-<hash>.safetensors      its weights, moments and best weights; of one that is done, the best alone

It is written and read like a model folder: new files are put next to the old ones, and
`checkpoint.json` commits by one rename; reading takes nothing on trust. The program that trains
holds the lock of the folder. A checkpoint follows the training and never steers it: one that cannot
be written costs nothing but the chance to resume.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from forecaster.bundle import gate
from forecaster.bundle import tensors as tensor_file
from forecaster.bundle.manifest import Count, Name, Number, Sha256
from forecaster.bundle.record import Run, listed
from forecaster.bundle.strict_json import parse, refused, validated
from forecaster.bundle.tensors import Specs, Tensors
from forecaster.config import Frozen
from forecaster.errors import ModelError, OutputError, UsageError, printable
from forecaster.files import (
    FOLDER_FLAGS,
    as_output_errors,
    is_same_file,
    lock,
    remove_leftovers,
    replace_in,
)
from forecaster.predictors import TensorSpec

PREFIX = ".forecaster-resume-"
STATE = "checkpoint.json"
MAX_STATE = 4 * 2**20
# The share of the time that may go into writing checkpoints: the next waits until the last has paid off.
SHARE = 0.01
TENSORS = re.compile(r"network-\d{1,2}-[0-9a-f]{16}\.safetensors")
ANEW = "Leave out --resume to begin anew; a model that stands there is replaced with --overwrite alone."
MAX_NOTE = 2000
Note = Annotated[str, Field(max_length=MAX_NOTE)]


class TrainingState(Frozen):
    """The progress of one network's training.

    `history` has a row for each epoch; `best_epoch` counts them from 0, and is -1 where the best
    weights are those that the training began with. A network that is `done` has its best weights
    alone, one that `failed` has none; `note` is what it has to say. `sha256` is that of its tensors.
    """

    name: Name
    done: bool = False
    failed: bool = False
    note: Note = ""
    step: Count = 0
    best_loss: Number | None = None
    best_epoch: Annotated[int, Field(ge=-1, le=10**7)] = -1
    history: Annotated[tuple[dict[Name, Number], ...], Field(max_length=10**6)] = ()
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.best_epoch >= len(self.history):
            raise ValueError(f"best_epoch {self.best_epoch} of {len(self.history)} epochs")
        if not all(row.keys() >= {"step", "seconds"} for row in self.history):
            raise ValueError("a row of history without step or seconds")
        return self


class CheckpointFile(Frozen):
    """The content of checkpoint.json: the run, and the states of its networks in the order of their training."""

    format: Literal[1] = 1
    run: Run
    # The key is that of format 1, so that a training which an earlier version began can be resumed.
    courses: Annotated[tuple[TrainingState, ...], Field(max_length=64)] = ()


# Returns what is to be written, or None where there is nothing that a checkpoint can hold.
Snapshot = Callable[[], "tuple[TrainingState, Tensors] | None"]


class Checkpoint:
    """The checkpoint of one training: read where that is to be resumed, and written as it goes on.

    `states` are those of the networks in the order of their training, empty where nothing is
    resumed. `exists` tells whether an earlier training left one. `note` says why the last one could
    not be written, or is "".
    """

    def __init__(self, model: Path | str, run: Run) -> None:
        target = Path(os.path.realpath(model))
        self.place, self.run = target.parent / f"{PREFIX}{target.name}", run
        self.states: list[TrainingState] = []
        self.exists, self.note = False, ""
        self._folder: int | None = None
        self._next_write = 0.0

    @classmethod
    @contextlib.contextmanager
    def opened(cls, model: Path | str, run: Run, *, resume: bool) -> Iterator[Self]:
        """Yield the checkpoint of `model`, with what an earlier training left if it is to `resume`.

        Raises: UsageError if that was another run; ModelError if it is damaged; OutputError if
        another program is training the same model.
        """
        checkpoint = cls(model, run)
        try:
            # The lock is taken at once, so that of two trainings the second is told before it has begun.
            with contextlib.suppress(OSError):
                if checkpoint.place.parent.exists():
                    checkpoint.exists = STATE in os.listdir(checkpoint._opened_folder())
            if resume and checkpoint.exists:
                checkpoint._resume()
            yield checkpoint
        finally:
            checkpoint._close()

    def network(self, number: int) -> NetworkCheckpoint:
        """Return the part of network `number`, counted from 0."""
        return NetworkCheckpoint(self, number)

    def discard(self) -> None:
        """Remove the checkpoint, because the training has ended; files that are not its own stay."""
        if self._folder is None:
            return
        # First the file that could be resumed from: without it the tensors mean nothing.
        with contextlib.suppress(OSError):
            os.unlink(STATE, dir_fd=self._folder)
        with contextlib.suppress(OSError):
            self._remove_tensors(self._folder, except_for=set())
        self._close()

    # --- reading ------------------------------------------------------------------------

    def _resume(self) -> None:
        with _hint_to_begin_anew():
            where = f"{self.place}/{STATE}"
            content = self._read(STATE, MAX_STATE)
            stored = validated(CheckpointFile, parse(content, where, longest=MAX_NOTE), where)
        differences = self.run.differences(stored.run)
        if differences:
            message = f"--resume: the training that was interrupted is another one: {listed(differences)}."
            raise UsageError(message, hint=f"Repeat the command as it was, with --resume. {ANEW}")
        self.states = list(stored.courses)

    def read_tensors(self, number: int, specs: Specs) -> Tensors:
        """Return the tensors of network `number`, which must be those of `specs`.

        Raises: ModelError if they are not.
        """
        expected = self.states[number].sha256 or ""
        name = _tensor_name(number, expected)
        with _hint_to_begin_anew():
            # The tensors come behind a header of at most 64 KiB.
            content = self._read(name, tensor_file.size_of(specs) + 64 * 1024)
            sha256 = hashlib.sha256(content).hexdigest()
            if sha256 != expected:
                raise refused(f"{self.place}/{name}", f"the sha256 {sha256[:16]}...", f"{expected[:16]}...")
            return tensor_file.parse_tensors(content, specs, f"{self.place}/{name}")

    def _read(self, name: str, limit: int) -> bytes:
        try:
            return gate.read_file(self._opened_folder(), name, limit, str(self.place))
        except gate.VanishedError:
            raise refused(str(self.place), f"no {printable(name, 80)}", "a checkpoint that is whole") from None

    # --- writing ------------------------------------------------------------------------

    def offer(self, number: int, snapshot: Snapshot) -> None:
        """Write what `snapshot` returns, unless the last one was so lately that it would cost too much time."""
        if time.monotonic() >= self._next_write:
            self.put(number, snapshot)

    def put(self, number: int, snapshot: Snapshot) -> None:
        """Write what `snapshot` returns for network `number`, and remove the networks after it.

        Nothing is written where the networks before it could not be. Raises: OutputError if another
        program is training the same model.
        """
        began = time.monotonic()
        state_and_tensors = snapshot() if number <= len(self.states) else None
        if state_and_tensors is None:
            return
        try:
            with as_output_errors(self.place):
                self._write(number, *state_and_tensors)
            self.note = ""
        except _BusyError:
            raise
        except (OutputError, ModelError) as error:
            # The training goes on without a checkpoint.
            self.note = error.message
        ended = time.monotonic()
        self._next_write = ended + (ended - began) / SHARE

    def _write(self, number: int, state: TrainingState, tensors: Tensors) -> None:
        folder, sha256 = self._opened_folder(), None
        if tensors:
            dtypes = {dtype: name for name, dtype in tensor_file.DTYPES.items()}
            specs = {name: TensorSpec(dtypes[tensor.dtype], tensor.shape) for name, tensor in tensors.items()}
            content = tensor_file.format_tensors(tensors, specs)
            sha256 = hashlib.sha256(content).hexdigest()
            replace_in(folder, _tensor_name(number, sha256), content)
        states = [*self.states[:number], state.model_copy(update={"sha256": sha256})]
        self._commit(folder, states)
        kept = {_tensor_name(k, committed.sha256) for k, committed in enumerate(states) if committed.sha256}
        self._remove_tensors(folder, except_for=kept)

    def _commit(self, folder: int, states: list[TrainingState]) -> None:
        document = CheckpointFile(run=self.run, courses=tuple(states)).model_dump(mode="json")
        content = json.dumps(document, allow_nan=False).encode()
        if len(content) > MAX_STATE:
            raise ValueError(f"{STATE} would have {len(content)} bytes; at most {MAX_STATE} are allowed")
        # What could not be read again is not written.
        parse(content, STATE, longest=MAX_NOTE)
        replace_in(folder, STATE, content)
        self.states = states

    @staticmethod
    def _remove_tensors(folder: int, *, except_for: set[str]) -> None:
        for name in os.listdir(folder):
            if TENSORS.fullmatch(name) and name not in except_for:
                os.unlink(name, dir_fd=folder)

    # --- the folder ---------------------------------------------------------------------

    def _opened_folder(self) -> int:
        """Return the folder, open and locked; it is made if it is not there."""
        while self._folder is None:
            self.place.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.place, FOLDER_FLAGS | os.O_NOFOLLOW)
            if not lock(handle):
                os.close(handle)
                message = f"{printable(self.place, 400)}: another program is training this model."
                raise _BusyError(message, hint="Wait for it to end, or choose another name.")
            if is_same_file(None, str(self.place), handle):
                self._folder = handle
                remove_leftovers(handle)
            else:
                # The program that held the lock has just removed the folder: it is made again.
                os.close(handle)
        return self._folder

    def _close(self) -> None:
        if self._folder is not None:
            # The system removes an empty folder alone: one with a checkpoint in it stays.
            with contextlib.suppress(OSError):
                os.rmdir(self.place)
            os.close(self._folder)
            self._folder = None


class NetworkCheckpoint(NamedTuple):
    """The part of a checkpoint that belongs to one network."""

    checkpoint: Checkpoint
    number: int

    @property
    def state(self) -> TrainingState | None:
        """The progress of this network in an earlier training; None if it had not begun."""
        states = self.checkpoint.states
        return states[self.number] if self.number < len(states) else None

    def tensors(self, specs: Specs) -> Tensors:
        """Return its tensors, which must be those of `specs`; ModelError if they are not."""
        return self.checkpoint.read_tensors(self.number, specs)

    def refused(self, actual: str) -> ModelError:
        """Return the ModelError, to be raised, of a checkpoint in which `actual` cannot be."""
        return refused(f"{self.checkpoint.place}/{STATE}", actual, "a state that this training can reach", hint=ANEW)

    def offer(self, snapshot: Snapshot) -> None:
        """Write what `snapshot` returns, now and then."""
        self.checkpoint.offer(self.number, snapshot)

    def finish(self, state: TrainingState, tensors: Tensors) -> None:
        """Write the state in which the training of this network ended."""
        self.checkpoint.put(self.number, lambda: (state.model_copy(update={"done": True}), tensors))


class _BusyError(OutputError):
    """Another program holds the lock."""


def _tensor_name(number: int, sha256: str) -> str:
    return f"network-{number + 1}-{sha256[:16]}.safetensors"


@contextlib.contextmanager
def _hint_to_begin_anew() -> Iterator[None]:
    """Give every ModelError the hint how to go on without the checkpoint."""
    try:
        yield
    except ModelError as error:
        raise ModelError(error.message, hint=f"What was trained cannot be taken from it. {ANEW}") from None
