"""Stamps: what a column of times becomes, whether it holds texts or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.signal.time_axis import TimeKind

YEARS = (1678, 2261)
NO_TIME = {"no_time": True}
MEND = "Mend or delete the line."


def few(bad: int, rows: int) -> bool:
    """Tell whether so few of the stamps are bad that their lines are to be mended: a footer, a line cut off."""
    return bad <= max(1, min(5, rows // 20), rows // 100)


@dataclass
class Stamps:
    """Stamps of all rows in the unit of `kind`; `unit_s` is that unit in seconds."""

    kind: TimeKind
    values: NDArray[Any]
    unit_s: float
    column: str
    utc_offset: str = ""
    notes: tuple[str, ...] = ()


def nanoseconds(stamps: Any) -> NDArray[np.int64]:
    """Count in nanoseconds. Raises OverflowError beyond the years that 64 bits hold, where NumPy wraps around."""
    plain = np.asarray(stamps)
    years = plain.astype("datetime64[Y]").astype(np.int64) + 1970
    if len(years) and (years.min() < YEARS[0] or years.max() > YEARS[1]):
        raise OverflowError("years beyond 1678 to 2261")
    return plain.astype("datetime64[ns]").astype(np.int64)
