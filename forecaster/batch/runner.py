"""The batch: files in chunks through one model, each outcome in the manifest."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecaster.batch import ledger as ledgers
from forecaster.batch.ledger import Entry, Ledger
from forecaster.batch.names import check_template, output_names, picture_name
from forecaster.batch.tables import Format, encode, require_parquet
from forecaster.config import ReadingOptions
from forecaster.errors import ForecasterError, UsageError, printable
from forecaster.files import locked_folder, write_within
from forecaster.reading import read_signal

if TYPE_CHECKING:
    from forecaster.forecasting.forecast import Forecast
    from forecaster.model import Forecaster
    from forecaster.reading.inputs import Input
    from forecaster.signal.signal import Signal

CHUNK_FILES = 256
CHUNK_VALUES = 16_000_000
WRITERS = 8
Attempt = tuple["Input", "Signal", "list[Forecast] | ForecasterError"]
Written = tuple[Future[None], Callable[[], None]]


@dataclass(frozen=True)
class Job:
    """What to make of the inputs, and where. `figure` draws the forecasts of one file as PNG."""

    directory: Path
    reading: ReadingOptions
    horizon: int | None = None
    levels: tuple[int, ...] = (90,)
    form: Format = "csv"
    filename: str = "{stem}.forecast.{ext}"
    stop_on_error: bool = False
    overwrite: bool = False
    figure: Callable[[Sequence[Forecast]], bytes] | None = None

    def options(self) -> dict[str, Any]:
        """Return what the outputs depend on, for the manifest."""
        return {
            "horizon": self.horizon,
            "levels": sorted(set(self.levels)),
            "format": self.form,
            "filename": self.filename,
            "plot": self.figure is not None,
            "reading": self.reading.model_dump(mode="json"),
        }


@dataclass
class Outcome:
    """What became of a batch: paths by outcome, and the last forecasts for a summary."""

    ledger: Ledger
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, ForecasterError] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    last: list[Forecast] = field(default_factory=list)


def run(
    forecaster: Forecaster, model: Path, inputs: Sequence[Input], job: Job, *, tick: Callable[[int], None] | None = None
) -> Outcome:
    """Forecast every input that is not done yet; a bad one does not stop the others.

    `tick` hears how many inputs have been dealt with.

    Raises:
        UsageError: a folder that holds something else, a file name template that cannot work.
        OutputError: the results cannot be written, or another program writes into the folder.
    """
    check_template(job.filename, len(inputs) > 1)
    if job.form == "parquet":
        require_parquet()
    if os.path.lexists(job.directory) and not job.directory.is_dir():
        raise UsageError(f"{printable(job.directory)} is not a folder.", hint="Give a folder with -o DIR.")
    with locked_folder(job.directory) as folder:
        ledger = Ledger.open(job.directory, ledgers.model_identity(model), job.options(), overwrite=job.overwrite)
        inputs = [item for item in inputs if not ledger.made(item.path)]
        names = _names(inputs, job, ledger)
        _refuse_own_inputs(inputs, names, job)
        batch = _Batch(forecaster, job, Outcome(ledger), names, folder)
        batch.through(inputs, tick or (lambda count: None))
        if not batch.stopped:
            ledger.finish()
    return batch.outcome


def _names(inputs: Sequence[Input], job: Job, ledger: Ledger) -> dict[str, str]:
    kept = {path: entry.output for path, entry in ledger.entries.items() if entry.output is not None}
    return output_names([(item.path, item.name) for item in inputs], job.filename, job.form, kept)


def _refuse_own_inputs(inputs: Sequence[Input], names: dict[str, str], job: Job) -> None:
    """Refuse outputs that would take the place of an input, whatever paths lead to it."""
    given = {os.path.realpath(item.path): item.path for item in inputs if item.path != "-"}
    for output in names.values():
        for name in (output, picture_name(output, job.form)) if job.figure else (output,):
            path = os.path.realpath(job.directory / name)
            if path in given:
                found = (
                    f"The forecast {printable(name)} would take the place of the input {printable(given[path], 400)}."
                )
                raise UsageError(found, hint="Give another folder with -o, or another --filename.")


@dataclass
class _Batch:
    """A batch under way."""

    forecaster: Forecaster
    job: Job
    outcome: Outcome
    names: dict[str, str]
    folder: int

    def through(self, inputs: Sequence[Input], tick: Callable[[int], None]) -> None:
        """Take all inputs to their end, the manifest written after every chunk."""
        pending = [item for item in inputs if not self._skip(item)]
        tick(len(inputs) - len(pending))
        if not pending:
            return
        self.outcome.ledger.write()  # from here on the folder is known as this batch's, even after a kill
        for chunk in self._chunks(pending):
            try:
                self._forecast(chunk)
            finally:
                self.outcome.ledger.write()
            tick(len(self.outcome.skipped) + len(self.outcome.done) + len(self.outcome.failed))
            if self.stopped:
                return

    def _forecast(self, chunk: list[tuple[Input, Signal]]) -> None:
        """Forecast a chunk and write its files side by side: waiting for the disk one by one takes most of the time."""
        written: list[Written] = []
        with ThreadPoolExecutor(WRITERS) as pool:
            for item, signal, result in _attempt(self.forecaster, chunk, self.job):
                if isinstance(result, ForecasterError):
                    self._fail(item, result)
                else:
                    written += self._store(item, signal, result, pool)
        failures = [writing.exception() for writing, _ in written]
        for (_, note), failure in zip(written, failures, strict=True):
            if failure is None:
                note()
        if failure := next(filter(None, failures), None):
            raise failure

    @property
    def stopped(self) -> bool:
        """Whether it ends at an input that failed, the rest untouched."""
        return self.job.stop_on_error and bool(self.outcome.failed)

    def _skip(self, item: Input) -> bool:
        done = item.path != "-" and self.outcome.ledger.done(item.path)
        if done:
            self.outcome.skipped.append(item.path)
        return done

    def _chunks(self, inputs: Sequence[Input]) -> Iterator[list[tuple[Input, Signal]]]:
        """Read the inputs, in chunks that memory holds; note down those that cannot be read."""
        chunk: list[tuple[Input, Signal]] = []
        values = 0
        for item in inputs:
            signal = self._read(item)
            if signal is None and self.stopped:
                break
            if signal is None:
                continue
            chunk.append((item, signal))
            values += sum(recording.values.size for recording in signal.recordings) + self._ahead(signal)
            if len(chunk) >= CHUNK_FILES or values >= CHUNK_VALUES:
                yield chunk
                chunk, values = [], 0
        yield chunk

    def _ahead(self, signal: Signal) -> int:
        """Return how many values the forecast of `signal` has, with the two sides of each band."""
        horizon = self.job.horizon or self.forecaster.config.window.n_input
        sides = self.forecaster.config.window.symbols + 1 + 2 * len(set(self.job.levels))
        return horizon * sides * self.forecaster.manifest.n_channels * len(list(signal.series()))

    def _read(self, item: Input) -> Signal | None:
        try:
            return read_signal(item.path, self.job.reading, name=item.name)
        except ForecasterError as error:
            self._fail(item, error)
        except OSError as error:
            self._fail(item, ForecasterError(f"{printable(item.path, 400)}: {error.strerror or error}."))
        return None

    def _fail(self, item: Input, error: ForecasterError) -> None:
        self.outcome.failed[item.path] = error
        self.outcome.ledger.add(ledgers.failed(item.path, error))

    def _store(self, item: Input, signal: Signal, forecasts: list[Forecast], pool: ThreadPoolExecutor) -> list[Written]:
        """Hand the forecast of one file, and its picture, to the writers; it is noted down once it is on disk."""
        try:
            data = encode(forecasts, self.job.levels, self.job.form)
        except ForecasterError as error:
            self._fail(item, error)
            return []
        output = self.names[item.path]
        known = ledgers.identify(item.path, signal.sha256)
        entry = Entry(item.path, "ok", output, hashlib.sha256(data).hexdigest(), input=known)
        files = {output: data}
        if self.job.figure is not None:
            entry = ledgers.with_picture(entry, picture_name(output, self.job.form))
            files[str(entry.picture)] = self.job.figure(forecasts)
        writing = pool.submit(self._write, files)
        return [(writing, partial(self._note, entry, forecasts, signal.notes))]

    def _write(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            write_within(self.folder, self.job.directory / name, data)

    def _note(self, entry: Entry, forecasts: list[Forecast], notes: tuple[str, ...]) -> None:
        self.outcome.ledger.add(entry)
        self.outcome.done.append(entry.path)
        self.outcome.last = forecasts
        self.outcome.notes[entry.path] = notes
        for forecast in forecasts:
            self.outcome.reasons.update(forecast.reasons)
            if forecast.warning:
                self.outcome.warnings.append(f"{forecast.unique_id}: {forecast.warning}")


def _attempt(forecaster: Forecaster, chunk: list[tuple[Input, Signal]], job: Job) -> Iterator[Attempt]:
    """Forecast a chunk in one call; where that fails, halve it until the bad files stand alone."""
    if not chunk:
        return
    try:
        signals = [signal for _, signal in chunk]
        found = forecaster.forecast(signals, horizon=job.horizon, levels=job.levels)
    except ForecasterError as error:
        if len(chunk) == 1:
            yield (*chunk[0], error)
            return
        half = len(chunk) // 2
        yield from _attempt(forecaster, chunk[:half], job)
        yield from _attempt(forecaster, chunk[half:], job)
    else:
        yield from ((item, signal, forecasts) for (item, signal), forecasts in zip(chunk, found, strict=True))
