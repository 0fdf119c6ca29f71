"""A signal: one file's recordings on one regular time axis.

A file holds one recording, or several: a gap, a change of group or a row count cuts it. No
window ever crosses from one recording into the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

TimeKind = Literal["samples", "seconds", "timestamps", "epoch-s", "epoch-ms", "epoch-us", "epoch-ns"]


@dataclass(frozen=True)
class TimeAxis:
    """A regular time axis: stamp k of a recording is ``start + k * step``.

    `kind` says how the file wrote its stamps. `start` and `step` count in the kind's own
    unit: sample numbers (start 0, step 1), seconds (float), epoch units (int; a
    step may be a fraction), or, for timestamps, nanoseconds since 1970 (int, with
    `utc_offset` the text to put behind each stamp, such as ``+01:00`` or ``Z``). `calendar`
    is a pandas frequency alias (``MS``, ``QS``, ``YS`` ...) where months, quarters or years
    step on, else None.
    """

    kind: TimeKind = "samples"
    start: float = 0
    step: float = 1
    utc_offset: str = ""
    calendar: str | None = None


@dataclass(frozen=True)
class Recording:
    """An unbroken, regular stretch of a signal.

    `values` (T, C) float64, all finite; `time` its axis; `line` the file's line of the first
    row; `label` the series' name where the layout holds one series a row, else empty.
    """

    values: NDArray[np.float64]
    time: TimeAxis
    line: int = 1
    label: str = ""

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class Signal:
    """All recordings of one file.

    `name` is the input's relative path without suffix; `channels` has C names, `units` C
    units ("" where unknown); `sample_rate_hz` is None where neither the file nor the user
    gave one. `sha256` and `rows` identify the file that was read. `notes` tells in plain
    words what the reader did beyond reading (values interpolated, duplicates dropped, ...).
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

    def series(self) -> Iterator[Recording]:
        """Yield the recording that a forecast continues: the last one of each label."""
        last = {recording.label: recording for recording in self.recordings}
        yield from last.values()
