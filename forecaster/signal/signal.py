"""A signal: one file's recordings on one regular time axis.

A file holds one recording, or several: a gap, a change of group or a row count cuts it. No
window ever crosses from one recording into the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Cycle
from forecaster.signal.time_axis import TimeAxis


@dataclass(frozen=True)
class Recording:
    """An unbroken, regular stretch of a signal.

    `values` (T, C + X) float64, all finite, the exogenous channels last; `time` its axis; `line` the
    file's line of the first row; `label` the series' name where the layout holds one series a row, else empty.
    `future` (F, .) has what the file tells of its known columns after the last row, None where it tells nothing.
    """

    values: NDArray[np.float64]
    time: TimeAxis
    line: int = 1
    label: str = ""
    future: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Signal:
    """All recordings of one file.

    `name` is the input's relative path without suffix; `channels` has C names, `units` C
    units ("" where unknown); `exogenous` has X names of channels that are not forecast but may
    help. Of the last `known` of them the future is known too: from the file, and behind those, a
    sine and a cosine each, from the cycles of the `calendar`. `sample_rate_hz` is None where neither
    the file nor the user gave one. `sha256` and `rows` identify the file that was read. `notes` tells in plain
    words what the reader did beyond reading (values interpolated, duplicates dropped, ...).
    Where the one channel holds symbols, `symbols` is their alphabet, and values are places in it.
    """

    name: str
    channels: tuple[str, ...]
    recordings: tuple[Recording, ...]
    units: tuple[str, ...] = ()
    sample_rate_hz: float | None = None
    path: str = ""
    sha256: str = ""
    rows: int = 0
    notes: tuple[str, ...] = field(default=())
    exogenous: tuple[str, ...] = ()
    known: int = 0
    calendar: tuple[Cycle, ...] = ()
    symbols: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns of the recordings, (C + X): the channels, then the exogenous ones."""
        return (*self.channels, *self.exogenous)

    @property
    def identity(self) -> str:
        """The file's sha256, or that of the values where the signal came from no file."""
        if self.sha256:
            return self.sha256
        own = hashlib.sha256()
        for recording in self.recordings:
            own.update(np.ascontiguousarray(recording.values).data)
        return own.hexdigest()

    def series(self) -> Iterator[Recording]:
        """Yield the recording that a forecast continues: the last one of each label."""
        last = {recording.label: recording for recording in self.recordings}
        yield from last.values()
