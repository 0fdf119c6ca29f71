"""The rows of a file on their way to recordings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.reading.refusal import RefusalError
from forecaster.reading.stamps import Stamps
from forecaster.signal.time_axis import TimeKind


@dataclass
class Track:
    """Values, stamps, blocks that no recording may cross, and rows of the file.

    The last `exogenous` columns are not forecast; of the last `known` of them the future is known, in the
    last `ahead` rows.
    """

    values: NDArray[np.float64]
    block: NDArray[np.int64] | None
    path: str
    first_line: int
    stamps: Stamps | None = None
    t: Any = None  # (T,) stamps, or None without a time column
    row: NDArray[np.int64] | None = None
    ahead: int = 0
    exogenous: int = 0
    known: int = 0

    def line(self, index: int) -> int:
        """Return the file's line of row `index`."""
        return self.first_line + int(index if self.row is None else self.row[index])

    def joint(self) -> NDArray[np.bool_]:
        """Tell for each step (T-1,) whether both its rows are in one block."""
        if self.block is None:
            return np.ones(len(self.values) - 1, bool)
        return np.equal(np.diff(self.block), 0)

    @property
    def unit_s(self) -> float:
        """Return the seconds in the stamps' unit."""
        return 1.0 if self.stamps is None else self.stamps.unit_s

    @property
    def kind(self) -> TimeKind:
        """Return the kind of the stamps."""
        return "samples" if self.stamps is None else self.stamps.kind

    def take(self, index: NDArray[np.int64]) -> None:
        """Keep the rows `index`, in that order."""
        self.row = index if self.row is None else self.row[index]
        self.values = self.values[index]
        self.block = None if self.block is None else self.block[index]
        self.t = None if self.t is None else self.t[index]

    def refuse(self, found: str, index: int, **more: Any) -> RefusalError:
        """Return the refusal of the stamp of row `index`."""
        column = None if self.stamps is None else self.stamps.column
        return RefusalError(found, path=self.path, line=self.line(index), column=column, **more)
