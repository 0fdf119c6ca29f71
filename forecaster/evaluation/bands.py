"""Whether a band holds what it promises: its realised coverage, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.conformal.bands import likely
from forecaster.evaluation.metrics import Coverage
from forecaster.evaluation.verdict import standard_error

Array = NDArray[np.float64]


def realised(
    bands: Mapping[int, Coverage], reasons: Mapping[int, str], *, block: int, separate: float | None = None
) -> list[dict[str, Any]]:
    """Return for each level its coverage, the standard error, and whether it is within two of them of the level.

    `reasons` says why a level has no band; `block` is how many origins overlap one another: the
    standard error is that of the block bootstrap, widened where blocks are few (`verdict.standard_error`), None below
    four. `separate` is how many independent errors the bands were made of, and `likely` the coverage that follows where
    nothing has changed; None: not known.
    """
    rows = [_row(level, bands.get(level), reasons.get(level, ""), block) for level in sorted({*bands, *reasons})]
    return [{**row, **_made_of(row, separate)} for row in rows]


def _made_of(row: Mapping[str, Any], separate: float | None) -> dict[str, Any]:
    if separate is None or row["coverage"] is None:
        return {"separate": None, "likely": None}
    return {"separate": separate, "likely": list(likely(row["level"], separate))}


def _row(level: int, band: Coverage | None, reason: str, block: int) -> dict[str, Any]:
    row: dict[str, Any] = {"level": level, "coverage": None, "standard_error": None, "within": None}
    if band is None or not band.shares:
        return {**row, "reason": reason or "there is no band"}
    coverage, error = float(band.by_origin.mean()), standard_error(band.by_origin, block)
    row |= {"coverage": coverage, "standard_error": error}
    if error is None:
        return {**row, "reason": "too few separate origins to say how sure the coverage is"}
    return {**row, "within": bool(abs(coverage - level / 100) <= 2 * error)}
