"""From a file to a Signal: the order in which the parts of the reader work."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import calendar, columns, cutting, future, layouts, left_out, regular, suspicion, symbols
from forecaster.reading.columns import Roles
from forecaster.reading.dialect import Dialect, Sniffed, sniff
from forecaster.reading.refusal import RefusalError, applied, merged
from forecaster.reading.regular import Grid, Timing
from forecaster.reading.source import Source, open_source
from forecaster.reading.stamps import Stamps
from forecaster.reading.table import Table, load, suspect_code
from forecaster.reading.times import parse
from forecaster.reading.track import Track
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

ROUNDS = 8
REHEARSED_BYTES = 1 << 26


@dataclass(frozen=True)
class Reading:
    """A signal, how its file was written, what its time axis showed, and the columns of text that were left out."""

    signal: Signal
    dialect: Dialect
    timing: Timing
    left_out: tuple[str, ...] = ()


def read(source: Path | str, options: ReadingOptions | None = None, *, name: str | None = None) -> Reading:
    """Read one file ("-" is standard input) strictly.

    Raises SignalError with file, line, column, what was found, and the options that would
    read the file: they were tried before they are suggested.
    """
    path, chosen = str(source), options or ReadingOptions()
    try:
        return _read(path, chosen, name)
    except RefusalError as refusal:
        raise _with_tried_options(path, chosen, refusal) from None


def read_signal(source: Path | str, options: ReadingOptions | None = None, *, name: str | None = None) -> Signal:
    """Return the signal alone of `read`."""
    return read(source, options, name=name).signal


def _with_tried_options(path: str, options: ReadingOptions, refusal: RefusalError) -> Exception:
    """Add up what each refusal asks for, until the file reads or no option helps.

    Standard input and very large files are not read again: they get the first refusal's options.
    """
    total, last = dict(refusal.fix), refusal
    if path == "-" or not total or os.path.getsize(path) > REHEARSED_BYTES:
        return SignalError(refusal.found, hint=refusal.hint, **refusal.where)
    for _ in range(ROUNDS):
        try:
            _read(path, applied(options, total), None)
            return refusal.completed(total, True)
        except RefusalError as later:
            grown = merged(total, later.fix)
            if not later.fix or grown == total:
                break
            total, last = grown, later
    return refusal.completed(dict(refusal.fix) if last is refusal else total, False)


def _read(path: str, options: ReadingOptions, name: str | None) -> Reading:
    source = open_source(path, options.encoding)
    try:
        found = _read_text(source, options, name or _stem(path))
        return replace(found, signal=calendar.added(found.signal, options.calendar))
    except UnicodeError as error:
        raise source.undecodable(error) from None
    except OSError as error:
        raise RefusalError(f"cannot be read: {error.strerror}", path=path) from None
    finally:
        source.close()


def _stem(path: str) -> str:
    return "stdin" if path == "-" else Path(path).stem


@dataclass(frozen=True)
class _Parsed:
    """A file's table and stamps, and what is known of its columns."""

    source: Source
    sniffed: Sniffed
    roles: Roles
    table: Table
    stamps: Stamps | None

    @property
    def measured(self) -> NDArray[np.float64]:
        """The rows that were measured, without those that are known ahead alone."""
        return self.table.values[: len(self.table) - self.table.ahead]


def _read_text(source: Source, options: ReadingOptions, name: str) -> Reading:
    for option, names in (("--exogenous", options.exogenous), ("--known", options.known)):
        if names and options.layout != "columns":
            found = f"{option} together with --layout {options.layout}"
            raise RefusalError(found, path=source.path, expected="exogenous channels in columns of their own")
    if options.layout == "wide" and not options.symbols:
        return _read_wide(source, options, name)
    parsed = _parsed(source, options)
    notes = _noted(parsed, options)
    track, channels = _track(parsed, options)
    notes += left_out.follow_counts(track, parsed.table, parsed.sniffed, roles=parsed.roles, options=options)
    timing, rate, records = _timed(track, options, notes)
    if not records:
        raise RefusalError("no row without missing cells", path=source.path, line=parsed.sniffed.first_line)
    notes += _loss(track, records, channels)
    signal = _signal(parsed, records, channels, rate=rate, notes=notes, name=name)
    sniffed, needed = parsed.sniffed, parsed.roles.needed
    unread = tuple(sniffed.names[i] for i, kind in enumerate(sniffed.kinds) if kind == "text" and i not in needed)
    return Reading(signal, sniffed.dialect(source.encoding, sniffed.names), timing, unread)


def _parsed(source: Source, options: ReadingOptions) -> _Parsed:
    """Find out what is in which column, and parse it."""
    sniffed = symbols.sniff(source, options) if options.symbols else sniff(source, options)
    roles = columns.choose(sniffed, options, source)
    suspicion.refuse_grouped(sniffed, roles, options, path=source.path)
    roles = replace(roles, notes=roles.notes + left_out.refuse_summaries(source, sniffed, roles, options))
    try:
        table = load(source, sniffed, roles, options)
        stamps = parse(table.time, sniffed, roles, options, path=source.path)
    except RefusalError as refusal:
        if refusal.path:
            raise
        where = {**refusal.where, "path": source.path}
        raise RefusalError(refusal.found, fix=refusal.fix, advice=refusal.advice, **where) from None
    return _Parsed(source, sniffed, roles, table, stamps)


def _noted(parsed: _Parsed, options: ReadingOptions) -> list[str]:
    """Refuse what is doubtful, and return all there is to say of the columns."""
    source, sniffed, roles, table = parsed.source, parsed.sniffed, parsed.roles, parsed.table
    stamps = parsed.stamps
    _refuse_code(parsed, options)
    if stamps is not None:
        suspicion.refuse_long(source, sniffed, roles, options, t=stamps.values, rows=len(table))
    suspicion.refuse_points(parsed.measured, source, sniffed, roles=roles, options=options)
    doubts = suspicion.refuse_numbering(parsed.measured, sniffed, roles, options, path=source.path)
    return [*sniffed.notes, *roles.notes, *table.notes, *(stamps.notes if stamps else ()), *doubts]


def _refuse_code(parsed: _Parsed, options: ReadingOptions) -> None:
    """Refuse values that look like a code for missing, unless --na says what missing is."""
    code = None if options.na or options.symbols else suspect_code(parsed.measured)
    if code is None:
        return
    row, channel = np.argwhere(parsed.measured == code)[0]
    count = int((parsed.measured == code).sum())
    raise RefusalError(
        f"the value {code:g} stands {count} times, far from all others: it looks like a code for missing",
        path=parsed.source.path,
        line=parsed.table.first_line + int(row),
        column=parsed.sniffed.names[parsed.roles.channels[channel]],
        expected="measured values",
        fix={"na": (f"{code:g}",), **({"missing": "interpolate"} if options.missing == "error" else {})},
        advice="If it was measured: `--na ''`.",
    )


def _track(parsed: _Parsed, options: ReadingOptions) -> tuple[Track, tuple[str, ...]]:
    """Bring table and stamps together, and name the channels; blocks are where group or row count cut."""
    table, stamps, roles, path = parsed.table, parsed.stamps, parsed.roles, parsed.source.path
    t = None if stamps is None else stamps.values
    if options.layout == "long":
        channels, values, t = layouts.pivot(table, t, roles, options, path=path)
        block = _blocks(None, len(values), options)
    else:
        channels, values = columns.channel_names(parsed.sniffed, roles.channels), table.values
        block = _blocks(table.group, len(table), options)
    track = Track(values, block, path, table.first_line, stamps, t)
    track.ahead, track.exogenous, track.known = table.ahead, roles.exogenous, roles.known
    return track, channels


def _signal(
    parsed: _Parsed,
    records: list[Recording],
    columns: tuple[str, ...],
    *,
    rate: float | None,
    notes: list[str],
    name: str,
) -> Signal:
    """Put the signal together; of its `columns` the last ones are exogenous."""
    roles, own = parsed.roles, len(columns) - parsed.roles.exogenous
    return Signal(
        name=name,
        channels=columns[:own],
        exogenous=columns[own:],
        known=roles.known,
        recordings=tuple(records),
        units=roles.units if len(roles.units) == own else roles.units[:1] * own,
        sample_rate_hz=rate,
        path=parsed.source.path,
        sha256=parsed.source.finish().sha256,
        rows=len(parsed.table),
        notes=tuple(notes),
        symbols=parsed.table.alphabet,
    )


def _blocks(group: Any, rows: int, options: ReadingOptions) -> Any:
    if group is None and options.recording_rows is None:
        return None
    block = np.zeros(rows, np.int64)
    if group is not None:
        text = group.astype(str)
        block[1:] = np.cumsum(text[1:] != text[:-1])
    if options.recording_rows is not None:
        block = block * (rows + 1) + np.arange(rows) // options.recording_rows
    return block


def _timed(track: Track, options: ReadingOptions, notes: list[str]) -> tuple[Timing, float | None, list[Recording]]:
    """Make the axis regular, cut the recordings, and tell in `notes` what was done."""
    if track.t is None:
        records, filled = _cut(track, None, options, notes)
        _count_notes(notes, filled=filled)
        step = None if options.rate_hz is None else 1 / options.rate_hz
        return Timing(step, interpolated=filled), options.rate_hz, records
    future.refuse_early(track)
    duplicates = regular.ordered(track, options)
    grid = regular.grid(track)
    gaps, inserted = (0, 0) if grid is None else regular.handle_gaps(track, grid, options)
    records, filled = _cut(track, grid, options, notes)
    step_s = None if grid is None or track.kind == "samples" else grid.mean * track.unit_s
    rate = options.rate_hz or (None if not step_s else float(f"{1 / step_s:.9g}"))
    _count_notes(notes, filled=filled, duplicates=duplicates, gaps=gaps, inserted=inserted, how=options.duplicates)
    return Timing(step_s, None if grid is None else grid.jitter, gaps, duplicates, filled), rate, records


def _cut(track: Track, grid: Grid | None, options: ReadingOptions, notes: list[str]) -> tuple[list[Recording], int]:
    """Cut the rows into recordings, the last one with what is known of its future; and the cells filled."""
    told = future.taken(track, grid, notes)
    pairs, filled = cutting.segments(track, None if grid is None else grid.gap, options)
    records = cutting.recordings(track, grid, pairs, options)
    if told is not None and records:
        records[-1] = replace(records[-1], future=future.after(track, grid, told, pairs[-1][1]))
    return records, filled


def _count_notes(
    notes: list[str], *, filled: int, duplicates: int = 0, gaps: int = 0, inserted: int = 0, how: str = ""
) -> None:
    if duplicates:
        notes.append(
            f"{duplicates} rows with a stamp that stood before: {'mean taken' if how == 'mean' else 'first kept'}"
        )
    if gaps:
        notes.append(f"{gaps} gaps filled with {inserted} rows" if inserted else f"cut at {gaps} gaps")
    if filled:
        notes.append(f"{filled} missing values interpolated")


def _loss(track: Track, records: list[Recording], channels: tuple[str, ...]) -> list[str]:
    """Tell which channel costs the most rows, where cutting at missing cells costs many."""
    kept, rows = sum(map(len, records)), len(track.values)
    if kept >= 0.8 * rows or len(channels) < 2:
        return []
    lost = np.isnan(track.values).sum(axis=0)
    worst = int(np.argmax(lost))
    return [f"{kept} of {rows} rows are whole: {channels[worst]!r} lacks {lost[worst]}; --column chooses channels"]


def _read_wide(source: Source, options: ReadingOptions, name: str) -> Reading:
    """Read one series a row: every row is a recording with a label."""
    marks = layouts.wide_marks(source, options)
    records, filled, rows, rate = [], 0, 0, options.rate_hz
    base = TimeAxis("samples") if rate is None else TimeAxis("seconds", 0.0, 1 / rate)
    for line, label, values in layouts.wide_rows(source, options, marks):
        pieces, count = layouts.wide_pieces(values, options, path=source.path, line=line)
        filled, rows = filled + count, rows + 1
        for start, piece in pieces:
            time = replace(base, start=start * base.step)
            records.append(Recording(piece.reshape(-1, 1), time, line, label))
    if not records:
        raise RefusalError("no series", path=source.path, expected="one series of numbers a row")
    notes = [f"{rows} series, one a row"]
    _count_notes(notes, filled=filled)
    unit = next((u for u in reversed(options.units)), "").rpartition("=")[2]
    signal = Signal(
        name=name,
        channels=("value",),
        recordings=tuple(records),
        units=(unit,),
        sample_rate_hz=rate,
        path=source.path,
        sha256=source.finish().sha256,
        rows=rows,
        notes=tuple(notes),
    )
    step = None if rate is None else 1 / rate
    return Reading(signal, layouts.wide_dialect(source, options, marks), Timing(step, interpolated=filled))
