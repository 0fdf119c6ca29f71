"""A backtest as CSV: a row for each scored origin, step and channel, as it is forecast.

Columns: `unique_id, cutoff, ds, y`, then one for each NAME that is scored, then `model-lo-L, model-hi-L`
for each level of a band. `cutoff` is the stamp of the last known sample. Numbers are the shortest
text that reads back to the same number, so that every score can be taken again from the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forecaster.batch.tables import cell, safe_text
from forecaster.evaluation import ScoredBlock
from forecaster.signal.signal import Signal
from forecaster.signal.time_axis import TimeAxis

Array = NDArray[np.float64]
FIRST = ("unique_id", "cutoff", "ds", "y")


class Backtest:
    """Writes what an evaluation gives it to `append`; the header comes with the first block."""

    def __init__(self, append: Callable[[bytes], None], levels: Sequence[int]) -> None:
        self._append, self._levels = append, sorted(set(levels))
        self._header: list[str] | None = None
        self.rows = 0

    def __call__(self, made: ScoredBlock) -> None:
        """Write a block of origins."""
        if self._header is None:
            self._header = _header(list(made.forecasts), self._levels)
            self._append(_line(self._header))
        columns = [_listed(one) for one in (made.y_true, *made.forecasts.values())]
        for level in self._levels:
            columns += _bounds(made.forecasts["model"], made.half_widths.get(level))
        name = cell(unique_id(made.signal, made.recording, made.origins.channel))
        stamps = _Stamps(made.signal.recordings[made.recording].time)
        horizon = made.y_true.shape[1]
        for row, first in enumerate(made.origins.rows.tolist()):
            cutoff, *ahead = stamps.at(first - 1, horizon + 1)
            values = zip(*(column[row * horizon : (row + 1) * horizon] for column in columns), strict=True)
            lines = (",".join((name, cutoff, ds, *numbers)) for ds, numbers in zip(ahead, values, strict=True))
            self._append(("\n".join(lines) + "\n").encode("utf-8", "backslashreplace"))
            self.rows += horizon

    def close(self, names: Sequence[str]) -> None:
        """Write the header alone where nothing was scored."""
        if self._header is None:
            self._append(_line(_header(names, self._levels)))


def is_backtest(path: Path) -> bool:
    """Tell by its header a file that may be replaced: an earlier backtest, or an empty one."""
    with path.open("rb") as file:
        head = file.read(64)
    return not head or head.startswith(_line(FIRST).rstrip() + b",")


def unique_id(signal: Signal, recording: int, channel: int) -> str:
    """Name a series: the signal, the recording's label, the channel where there are several, as text that is safe.

    Of several recordings with one label the later ones get a number: stamps may begin anew in each.
    """
    labels = [one.label for one in signal.recordings]
    label = labels[recording]
    again = f"#{labels[: recording + 1].count(label)}" if Counter(labels)[label] > 1 else ""
    parts = (signal.name, label, signal.channels[channel] if len(signal.channels) > 1 else "")
    return safe_text("/".join(part for part in parts if part) + again)


class _Stamps:
    """The stamps of a recording as cells."""

    def __init__(self, time: TimeAxis) -> None:
        self._time = time

    def at(self, first: int, count: int) -> list[str]:
        found = self._time.stamps(first, count).tolist()
        return [cell(one if isinstance(one, int | float) else str(one)) for one in found]


def _header(names: Sequence[str], levels: Sequence[int]) -> list[str]:
    bands = [f"model-{side}-{level}" for level in levels for side in ("lo", "hi")]
    return [*FIRST, *names, *bands]


def _bounds(mean: Array, half_width: Array | None) -> list[list[str]]:
    """Return both sides of a band as cells, empty where there is none."""
    if half_width is None:
        return [[""] * mean.size] * 2
    return [_listed(mean - half_width), _listed(mean + half_width)]


def _listed(values: Array) -> list[str]:
    return [repr(value) for value in values.ravel().tolist()]


def _line(cells: Sequence[str]) -> bytes:
    return (",".join(cells) + "\n").encode("utf-8", "backslashreplace")
