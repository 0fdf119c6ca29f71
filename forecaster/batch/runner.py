"""The batch: files in chunks through one model, each outcome in the manifest.

`process_chunk` reads, forecasts and encodes a chunk of inputs. What it takes and returns can be pickled, and it writes
nothing, so an `Execution` may run it anywhere. The process that calls `run` plans the
chunks, writes the files and keeps the manifest.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecaster import compatibility
from forecaster.batch import ledger as ledgers
from forecaster.batch.execution import execution as execution_named
from forecaster.batch.ledger import Entry, Ledger, check_template, output_names, picture_name
from forecaster.batch.tables import Format, encode, require_parquet
from forecaster.config import ReadingOptions
from forecaster.errors import ForecasterError, UsageError, printable
from forecaster.files import locked_folder, write_within
from forecaster.forecasting.forecast import NO_BAND_THERE
from forecaster.reading import read_signal

if TYPE_CHECKING:
    from forecaster.forecasting.forecast import Forecast
    from forecaster.model import Forecaster
    from forecaster.reading.inputs import Input
    from forecaster.signal.signal import Signal

# The manifest is written after each chunk, and a chunk is forecast together: large enough for the matrix products,
# small enough for memory and for what a kill can cost.
CHUNK_FILES = 256
CHUNK_VALUES = 16_000_000
# Threads that write side by side: a single one would spend most of its time waiting for the disk.
WRITERS = 8


@dataclass(frozen=True)
class Job:
    """What to make of the inputs, and where.

    `convert` gives them the model's units first; `figure` draws the forecasts of one file as PNG.
    """

    directory: Path
    reading: ReadingOptions
    horizon: int | None = None
    levels: tuple[int, ...] = (90,)
    form: Format = "csv"
    filename: str = "{stem}.forecast.{ext}"
    stop_on_error: bool = False
    overwrite: bool = False
    convert: bool = False
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
            **({"convert": True} if self.convert else {}),
        }


@dataclass(frozen=True)
class EncodedForecast:
    """The forecast of one input as bytes to be written, and what a summary says of it.

    `identity` tells the input apart when a later batch asks whether it has changed. `notes` are those of the reader,
    `remarks` say in what the input differs from what the model was trained on.
    """

    path: str
    identity: dict[str, Any]
    data: bytes
    sha256: str
    picture: bytes | None
    forecasts: list[Forecast]
    notes: tuple[str, ...]
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class FailedInput:
    """An input that could not be forecast, and why."""

    path: str
    error: ForecasterError


@dataclass(frozen=True)
class ChunkResult:
    """What came of a chunk: its `files`, to be taken once, and the inputs `remaining` that were not begun.

    Each file is forecast and encoded as it is taken, so that it is written while the next one is encoded. Pickling
    takes all of them: a result that crosses to another process has no work left.
    """

    files: Iterable[EncodedForecast | FailedInput]
    remaining: tuple[Input, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to pickle the result: with its files computed."""
        return ChunkResult, (list(self.files), self.remaining)


@dataclass
class Outcome:
    """What became of a batch: paths by outcome, and the last forecasts for a summary."""

    ledger: Ledger
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, ForecasterError] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    warnings: dict[str, list[str]] = field(default_factory=dict)
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    remarks: Counter[str] = field(default_factory=Counter)
    last: list[Forecast] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many inputs have been dealt with."""
        return len(self.skipped) + len(self.done) + len(self.failed)

    def fail(self, path: str, error: ForecasterError) -> None:
        """Record an input that could not be forecast."""
        self.failed[path] = error
        self.ledger.add(Entry(path, "failed", error=printable(error, 2000)))

    def succeed(self, entry: Entry, encoded: EncodedForecast) -> None:
        """Record a forecast whose files are on the disk."""
        self.ledger.add(entry)
        self.done.append(entry.path)
        self.last = encoded.forecasts
        self.notes[entry.path] = (*encoded.notes, *encoded.remarks)
        self.remarks.update(encoded.remarks)
        for forecast in encoded.forecasts:
            # The warning says so already of a context that is far from the training range.
            self.reasons.update((level, why) for level, why in forecast.reasons.items() if why != NO_BAND_THERE)
        if entry.warnings:
            self.warnings[entry.path] = entry.warnings


def run(
    forecaster: Forecaster,
    model: Path,
    inputs: Sequence[Input],
    job: Job,
    *,
    tick: Callable[[int], None] = lambda count: None,
    execution: str = "in-process",
) -> Outcome:
    """Forecast every input that is not done yet, and return what became of each; a bad one does not stop the others.

    `model` is the folder that `forecaster` was loaded from, `tick` is called with the number of inputs that have been
    dealt with, and `execution` is a name in `EXECUTIONS`.

    Raises:
        UsageError: a folder that holds something else, a file name template that cannot work.
        OutputError: the results cannot be written, or another program writes into the folder.
    """
    check_template(job.filename, len(inputs) > 1)
    if job.form == "parquet":
        require_parquet()
    if os.path.lexists(job.directory) and not job.directory.is_dir():
        raise UsageError(f"{printable(job.directory)} is not a folder.", hint="Give a folder with -o DIR.")
    backend = execution_named(execution)
    with locked_folder(job.directory) as folder:
        ledger = Ledger.open(job.directory, ledgers.model_identity(model), job.options(), overwrite=job.overwrite)
        inputs = [item for item in inputs if not ledger.wrote(item.path)]
        kept = {path: entry.output for path, entry in ledger.entries.items() if entry.output is not None}
        names = output_names([(item.path, item.name) for item in inputs], job.filename, job.form, kept)
        _refuse_own_inputs(inputs, names, job)
        batch = _Batch(job, Outcome(ledger), names, folder)
        pending = batch.pending(inputs)
        tick(batch.outcome.count)
        if pending:
            # From here on the folder is known as this batch's, even after a kill.
            ledger.write()
        work = partial(process_chunk, forecaster, job=job)
        # An execution may draw chunks ahead: what such a chunk leaves over is taken up by another round.
        while pending and not batch.is_stopped():
            for result in backend.map(work, _chunks(pending)):
                pending.extendleft(reversed(result.remaining))
                batch.store(result)
                tick(batch.outcome.count)
                if batch.is_stopped():
                    break
        if not batch.is_stopped():
            ledger.finish()
    return batch.outcome


def process_chunk(model: Forecaster | Path, chunk: Sequence[Input], job: Job) -> ChunkResult:
    """Return what comes of `chunk`, or of as many of its first inputs as memory holds; write nothing.

    `model` is a loaded model or its folder: where the chunk crosses to another process, the folder is less to send.
    """
    if isinstance(model, Path):
        from forecaster.model import Forecaster

        model = Forecaster.load(model)
    signals, failed, remaining = _read(model, chunk, job)
    return ChunkResult(chain(failed, _encoded(model, signals, job)), remaining)


def _read(
    forecaster: Forecaster, chunk: Sequence[Input], job: Job
) -> tuple[list[tuple[Input, Signal]], list[FailedInput], tuple[Input, ...]]:
    """Return the signals of `chunk` that memory holds, why inputs cannot be read, and the inputs behind them."""
    signals: list[tuple[Input, Signal]] = []
    failed: list[FailedInput] = []
    values = 0
    for place, item in enumerate(chunk):
        if values >= CHUNK_VALUES or (failed and job.stop_on_error):
            return signals, failed, tuple(chunk[place:])
        try:
            signal = read_signal(item.path, job.reading, name=item.name, expected=forecaster.manifest.channels.columns)
            signal = forecaster.converted(signal) if job.convert else signal
        except ForecasterError as error:
            failed.append(FailedInput(item.path, error))
        except OSError as error:
            message = f"{printable(item.path, 400)}: {error.strerror or error}."
            failed.append(FailedInput(item.path, ForecasterError(message)))
        else:
            signals.append((item, signal))
            values += sum(recording.values.size for recording in signal.recordings)
            values += _values_ahead(forecaster, signal, job)
    return signals, failed, ()


def _values_ahead(forecaster: Forecaster, signal: Signal, job: Job) -> int:
    """Return how many values the forecast of `signal` has, with the two sides of each band."""
    horizon = job.horizon or forecaster.config.window.n_input
    columns = forecaster.config.window.symbols + 1 + 2 * len(set(job.levels))
    return horizon * columns * forecaster.manifest.n_channels * len(list(signal.series()))


def _forecast(
    forecaster: Forecaster, signals: Sequence[tuple[Input, Signal]], job: Job
) -> Iterator[tuple[Input, Signal, list[Forecast] | ForecasterError]]:
    """Yield each of `signals` with its forecasts, or with the error for which it has none."""
    if not signals:
        return
    try:
        forecasts = forecaster.forecast([signal for _, signal in signals], horizon=job.horizon, levels=job.levels)
    except ForecasterError as error:
        if len(signals) == 1:
            yield (*signals[0], error)
            return
        # One bad signal refuses the whole call, so the chunk is halved until the bad ones stand alone.
        half = len(signals) // 2
        yield from _forecast(forecaster, signals[:half], job)
        yield from _forecast(forecaster, signals[half:], job)
    else:
        yield from ((*pair, listed) for pair, listed in zip(signals, forecasts, strict=True))


def _encoded(
    forecaster: Forecaster, signals: Sequence[tuple[Input, Signal]], job: Job
) -> Iterator[EncodedForecast | FailedInput]:
    """Yield the encoded forecast of each of `signals`, or why it has none."""
    for item, signal, forecasts in _forecast(forecaster, signals, job):
        try:
            if isinstance(forecasts, ForecasterError):
                raise forecasts
            data = encode(forecasts, job.levels, job.form)
        except ForecasterError as error:
            yield FailedInput(item.path, error)
            continue
        picture = None if job.figure is None else job.figure(forecasts)
        identity, sha256 = ledgers.identify(item.path, signal.sha256), hashlib.sha256(data).hexdigest()
        remarks = tuple(compatibility.remarks(signal, forecaster.manifest))
        yield EncodedForecast(item.path, identity, data, sha256, picture, forecasts, signal.notes, remarks)


def _refuse_own_inputs(inputs: Sequence[Input], names: dict[str, str], job: Job) -> None:
    """Refuse outputs that would take the place of an input, whatever paths lead to it."""
    sources = {os.path.realpath(item.path): item.path for item in inputs if item.path != "-"}
    for output in names.values():
        for name in (output, picture_name(output, job.form)) if job.figure else (output,):
            source = sources.get(os.path.realpath(job.directory / name))
            if source is not None:
                raise UsageError(
                    f"The forecast {printable(name)} would take the place of the input {printable(source, 400)}.",
                    hint="Give another folder with -o, or another --filename.",
                )


def _chunks(pending: deque[Input]) -> Iterator[tuple[Input, ...]]:
    """Yield the inputs that are pending when a chunk is drawn, and take them off `pending`."""
    while pending:
        yield tuple(pending.popleft() for _ in range(min(CHUNK_FILES, len(pending))))


@dataclass
class _Batch:
    """A batch under way: `names` are the outputs by the path of their input, `folder` is the open output folder."""

    job: Job
    outcome: Outcome
    names: dict[str, str]
    folder: int

    def is_stopped(self) -> bool:
        """Tell whether the batch ends at an input that failed, with the inputs behind it untouched."""
        return self.job.stop_on_error and bool(self.outcome.failed)

    def pending(self, inputs: Sequence[Input]) -> deque[Input]:
        """Return the inputs that are to be forecast, and record those whose forecast stands already."""
        pending: deque[Input] = deque()
        for item in inputs:
            # The standard input holds something else each time.
            if item.path != "-" and self.outcome.ledger.is_done(item.path):
                self.outcome.skipped.append(item.path)
            else:
                pending.append(item)
        return pending

    def store(self, result: ChunkResult) -> None:
        """Write the files of a chunk side by side, then the manifest.

        Raises:
            OutputError: a file cannot be written; those that could are in the manifest.
        """
        writes: list[tuple[Future[None], Entry, EncodedForecast]] = []
        try:
            with ThreadPoolExecutor(WRITERS) as pool:
                for file in result.files:
                    if isinstance(file, FailedInput):
                        self.outcome.fail(file.path, file.error)
                    else:
                        entry = self._entry(file)
                        writes.append((pool.submit(self._write, entry, file), entry, file))
            for write, entry, encoded in writes:
                if write.exception() is None:
                    self.outcome.succeed(entry, encoded)
            for write, _, _ in writes:
                write.result()
        finally:
            self.outcome.ledger.write()

    def _entry(self, encoded: EncodedForecast) -> Entry:
        output = self.names[encoded.path]
        picture = None if encoded.picture is None else picture_name(output, self.job.form)
        warnings = [
            printable(f"{forecast.unique_id}: {forecast.warning}", 2000)
            for forecast in encoded.forecasts
            if forecast.warnings
        ]
        return Entry(
            encoded.path, "ok", output, encoded.sha256, input=encoded.identity, picture=picture, warnings=warnings
        )

    def _write(self, entry: Entry, encoded: EncodedForecast) -> None:
        write_within(self.folder, self.job.directory / str(entry.output), encoded.data)
        if encoded.picture is not None:
            write_within(self.folder, self.job.directory / str(entry.picture), encoded.picture)
