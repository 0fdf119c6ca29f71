"""A signal: one file's recordings on one regular time axis.

A file holds one recording, or several: a gap, a change of group or a row count cuts it. No
window ever crosses from one recording into the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Cycle
from forecaster.signal.time_axis import TimeAxis

if TYPE_CHECKING:
    from pandas import DataFrame


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
    help, `covariate_units` their units. `headers` has the names of all C + X as they stand in the
    file, with units. Of the last `known` of them the future is known too: from the file, and behind
    those, a sine and a cosine each, from the cycles of the `calendar`. `sample_rate_hz` is None
    where neither the file nor the user gave one. `sha256` and `rows` identify the file that was
    read. `notes` tells in plain words what the reader did beyond reading (values interpolated,
    duplicates dropped, ...).
    `rate_error` is the share by which the rate may be off for the resolution and the jitter of the file's stamps.
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
    rate_error: float = 0.0
    covariate_units: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: DataFrame,
        *,
        time: str | None = None,
        channels: Sequence[str] | str | None = None,
        unit: str | Mapping[str, str] | None = None,
        rate_hz: float | None = None,
        past_covariates: Sequence[str] = (),
        future_covariates: Sequence[str] = (),
        name: str = "",
    ) -> Signal:
        """Return a pandas DataFrame as a signal with one recording, a row a sample.

        Args:
            frame: Rows in the order of time, at regular steps.
            time: The column of time stamps (datetimes, ISO texts, or seconds). Left out, it is the index where that
                holds datetimes, else the one column of datetimes or texts; without any, rows are counted.
            channels: The columns to be forecast; all columns of numbers if left out.
            unit: The unit of all channels, or of each by its name.
            rate_hz: The sample rate, where the frame has no time.
            past_covariates: Columns that may help, whose past alone is known.
            future_covariates: Columns that may help, whose future is known too. The frame may go on with rows in
                which the channels are missing and these are not.
            name: The name of the series in forecasts; that of the channel, or of each, if left out.

        Raises:
            SignalError: A column is absent or holds no numbers, a value is missing, or the steps of time differ.

        Example:
            >>> import pandas as pd
            >>> hours = pd.date_range("2024-01-01", periods=48, freq="h")
            >>> signal = Signal.from_frame(pd.DataFrame({"kW": range(48)}, index=hours), unit="kW")
            >>> signal.channels, round(signal.sample_rate_hz * 3600, 6)
            (('kW',), 1.0)
        """
        from forecaster.signal.frames import signal_from

        return signal_from(
            frame,
            time=time,
            channels=channels,
            unit=unit,
            rate_hz=rate_hz,
            past_covariates=past_covariates,
            future_covariates=future_covariates,
            name=name,
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of all columns of the recordings, (C + X): the channels, then the exogenous ones."""
        return (*self.channels, *self.exogenous)

    @property
    def identity(self) -> str:
        """The file's sha256, or that of the values where the signal came from no file."""
        if self.sha256:
            return self.sha256
        digest = hashlib.sha256()
        for recording in self.recordings:
            digest.update(np.ascontiguousarray(recording.values).data)
        return digest.hexdigest()

    def series(self) -> Iterator[Recording]:
        """Yield the recording that a forecast continues: the last one of each label."""
        last = {recording.label: recording for recording in self.recordings}
        yield from last.values()
