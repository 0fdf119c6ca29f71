"""A checkpoint: how far a training came that was interrupted, beside the model folder that it was to become.

    .forecaster-resume-MODEL/
        checkpoint.json                   what was trained on what, the course of each network, the hash of its tensors
        network-K-<hash>.safetensors      its weights, moments and best weights; of one that is done, the best alone

It is written and read like a model folder: files are put beside the old ones and `checkpoint.json`
commits by one rename; reading takes nothing on trust. Whoever trains holds the folder's lock.
What is written follows training and never steers it: a checkpoint that cannot be written costs
nothing but the chance to resume.
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

from pydantic import Field, ValidationError, model_validator

from forecaster.bundle import gate
from forecaster.bundle import tensors as tensor_file
from forecaster.bundle.manifest import Count, Name, Number, Sha256
from forecaster.bundle.record import Run, listed
from forecaster.bundle.strict_json import first_error, parse, refused
from forecaster.bundle.tensors import Specs, Tensors
from forecaster.config import Frozen
from forecaster.errors import ModelError, OutputError, UsageError, printable
from forecaster.files import as_output_errors, is_same_file, lock, remove_leftovers, replace_in
from forecaster.predictors import TensorSpec

PREFIX = ".forecaster-resume-"
STATE = "checkpoint.json"
MAX_STATE = 4 * 2**20
SHARE = 0.01
"""The share of the time that may go into writing checkpoints: the next waits until the last has paid off."""
TENSORS = re.compile(r"network-\d{1,2}-[0-9a-f]{16}\.safetensors")
ANEW = "Leave out --resume to begin anew; a model that stands there is replaced with --overwrite alone."
MAX_NOTE = 2000
Note = Annotated[str, Field(max_length=MAX_NOTE)]
Make = Callable[[], "tuple[TrainingState, Tensors] | None"]
"""Makes what is to be written; None where there is nothing that a checkpoint can hold."""


class TrainingState(Frozen):
    """How far the training of one network came; epochs are counted from 0, and -1 is what it started from.

    One that is `done` has its best weights alone, one that `failed` none; `note` is what it has to say.
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


class State(Frozen):
    """checkpoint.json."""

    format: Literal[1] = 1
    run: Run
    courses: Annotated[tuple[TrainingState, ...], Field(max_length=64)] = ()


class Checkpoint:
    """The checkpoint of one training: read where it is to be resumed, and written as it goes on.

    `courses` are those of the networks, in the order of their training; `found` tells that there is
    an earlier one; `note` why none could be written, or "".
    """

    def __init__(self, model: Path | str, run: Run) -> None:
        target = Path(os.path.realpath(model))
        self.place, self.run = target.parent / f"{PREFIX}{target.name}", run
        self.states: list[TrainingState] = []
        self.exists, self.note = False, ""
        self._folder: int | None = None
        self._due = 0.0

    @classmethod
    @contextlib.contextmanager
    def opened(cls, model: Path | str, run: Run, *, resume: bool) -> Iterator[Self]:
        """Yield the checkpoint beside `model`, with what an earlier training left if it is to `resume`.

        Raises: UsageError if what is there is of another run; ModelError if it is damaged;
        OutputError if another program is training the same model.
        """
        own = cls(model, run)
        try:
            own._look()
            if resume and own.exists:
                own._resume()
            yield own
        finally:
            own._close()

    def network(self, number: int) -> NetworkCheckpoint:
        """Return what network `number`, counted from 0, sees of it."""
        return NetworkCheckpoint(self, number)

    def discard(self) -> None:
        """Remove it: the training has ended. First of all what could be resumed; what others put there stays."""
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            os.unlink(STATE, dir_fd=self._folder)
        with contextlib.suppress(OSError):
            self._sweep(self._folder, kept=set())
        self._close()

    # --- reading ------------------------------------------------------------------------

    def _resume(self) -> None:
        """Take over what is there."""
        with _for_resume():
            state = self._state()
        different = self.run.differences(state.run)
        if different:
            found = f"--resume: the training that was interrupted is another one: {listed(different)}."
            raise UsageError(found, hint=f"Repeat the command as it was, with --resume. {ANEW}")
        self.states = list(state.courses)

    def _state(self) -> State:
        where = f"{self.place}/{STATE}"
        content = self._read(STATE, MAX_STATE)
        parse(content, where, longest=MAX_NOTE)
        try:
            return State.model_validate_json(content, strict=True)
        except ValidationError as error:
            raise refused(where, first_error(error)) from None

    def read_tensors(self, number: int, specs: Specs) -> Tensors:
        """Return the tensors of network `number`, which must be those of `specs`; ModelError if they are not."""
        sha256 = self.states[number].sha256 or ""
        name = _tensor_name(number, sha256)
        with _for_resume():
            content = self._read(name, tensor_file.size_of(specs) + 64 * 1024)
            found = hashlib.sha256(content).hexdigest()
            if found != sha256:
                raise refused(f"{self.place}/{name}", f"the sha256 {found[:16]}...", f"{sha256[:16]}...")
            return tensor_file.parse_tensors(content, specs, f"{self.place}/{name}")

    def _read(self, name: str, limit: int) -> bytes:
        try:
            return gate.read_file(self._held(), name, limit, str(self.place))
        except gate.VanishedError:
            raise refused(str(self.place), f"no {printable(name, 80)}", "a checkpoint that is whole") from None

    # --- writing ------------------------------------------------------------------------

    def offer(self, number: int, make: Make) -> None:
        """Write what `make` returns, unless the last one was so lately that it would cost too much time."""
        if time.monotonic() >= self._due:
            self.put(number, make)

    def put(self, number: int, make: Make) -> None:
        """Write what `make` returns for network `number`, unless those before could not be; later ones go.

        Raises: OutputError if another program is training the same model.
        """
        began, made = time.monotonic(), make() if number <= len(self.states) else None
        if made is None:
            return
        try:
            with as_output_errors(self.place):
                self._write(number, *made)
            self.note = ""
        except _BusyError:
            raise
        except (OutputError, ModelError) as error:
            self.note = error.message
        now = time.monotonic()
        self._due = now + (now - began) / SHARE

    def _write(self, number: int, course: TrainingState, tensors: Tensors) -> None:
        folder, courses = self._held(), [*self.states[:number], course]
        content = tensor_file.format_tensors(tensors, _specs_of(tensors)) if tensors else b""
        sha256 = hashlib.sha256(content).hexdigest() if tensors else None
        if sha256:
            replace_in(folder, _tensor_name(number, sha256), content)
        courses[-1] = course.model_copy(update={"sha256": sha256})
        self._commit(folder, courses)
        self._sweep(folder, kept={_tensor_name(k, one.sha256) for k, one in enumerate(courses) if one.sha256})

    def _commit(self, folder: int, courses: list[TrainingState]) -> None:
        state = State(run=self.run, courses=tuple(courses)).model_dump(mode="json")
        text = json.dumps(state, allow_nan=False).encode()
        if len(text) > MAX_STATE:
            raise ValueError(f"{STATE} would have {len(text)} bytes; at most {MAX_STATE} are allowed")
        parse(text, STATE, longest=MAX_NOTE)  # what could not be read again is not written
        replace_in(folder, STATE, text)
        self.states = courses

    @staticmethod
    def _sweep(folder: int, *, kept: set[str]) -> None:
        for name in os.listdir(folder):
            if TENSORS.fullmatch(name) and name not in kept:
                os.unlink(name, dir_fd=folder)

    def _look(self) -> None:
        """Take hold of the folder, so that of two trainings the second is told before it has begun."""
        with contextlib.suppress(OSError):
            if self.place.parent.exists():
                self.exists = STATE in os.listdir(self._held())

    def _held(self) -> int:
        """Return the folder, open and locked; it is made if it is not there."""
        while self._folder is None:
            self.place.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.place, gate.FOLDER_FLAGS | os.O_NOFOLLOW)
            if not lock(handle):
                os.close(handle)
                hint = "Wait for it to end, or choose another name."
                raise _BusyError(f"{printable(self.place, 400)}: another program is training this model.", hint=hint)
            if is_same_file(None, str(self.place), handle):
                self._folder = handle
                remove_leftovers(handle)
            else:  # whoever held it has just removed it
                os.close(handle)
        return self._folder

    def _close(self) -> None:
        if self._folder is not None:
            with contextlib.suppress(OSError):  # where a checkpoint stands in it, it stays
                os.rmdir(self.place)
            os.close(self._folder)
            self._folder = None


class NetworkCheckpoint(NamedTuple):
    """The part of a checkpoint that belongs to one network."""

    checkpoint: Checkpoint
    number: int

    @property
    def state(self) -> TrainingState | None:
        """How far this network came before; None if its training had not begun."""
        courses = self.checkpoint.states
        return courses[self.number] if self.number < len(courses) else None

    def tensors(self, specs: Specs) -> Tensors:
        """Return its tensors, which must be those of `specs`; ModelError if they are not."""
        return self.checkpoint.read_tensors(self.number, specs)

    def refused(self, found: str) -> ModelError:
        """Return the refusal of a checkpoint in which `found` cannot be."""
        return refused(f"{self.checkpoint.place}/{STATE}", found, "a course that this training can take", hint=ANEW)

    def offer(self, make: Make) -> None:
        """Write what `make` returns, now and then."""
        self.checkpoint.offer(self.number, make)

    def finish(self, state: TrainingState, tensors: Tensors) -> None:
        """Write how it ended."""
        self.checkpoint.put(self.number, lambda: (state.model_copy(update={"done": True}), tensors))


class _BusyError(OutputError):
    """Another program holds the lock."""


def _tensor_name(number: int, sha256: str) -> str:
    return f"network-{number + 1}-{sha256[:16]}.safetensors"


def _specs_of(tensors: Tensors) -> Specs:
    names = {dtype: name for name, dtype in tensor_file.DTYPES.items()}
    return {name: TensorSpec(names[one.dtype], one.shape) for name, one in tensors.items()}


@contextlib.contextmanager
def _for_resume() -> Iterator[None]:
    """Tell whoever meets a damaged checkpoint how to go on without it."""
    try:
        yield
    except ModelError as error:
        raise ModelError(error.message, hint=f"What was trained cannot be taken from it. {ANEW}") from None
