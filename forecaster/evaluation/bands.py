"""Bands: whether they hold what they promise, by their realised coverage and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from forecaster.conformal.bands import likely
from forecaster.evaluation.metrics import CoverageSums
from forecaster.evaluation.verdict import standard_error
from forecaster.signal.origins import Origins
from forecaster.signal.training_range import Departure

Array = NDArray[np.float64]
# The coverage of the 90 % band is always taken.
LEVELS = (90,)
NO_BAND = "there is no band"


class Bands(Protocol):
    """The bands of a model, as they are scored."""

    def half_width(self, level: int, channel: int, horizon: int) -> tuple[Array | None, str]:
        """Return half the width of the band at `level` percent where the local scale is 1, or None and the reason.

        It is (H,), in the signal's unit.
        """

    def has_bands(self, departure: Departure | None) -> bool:
        """Return whether there are bands for a context that leaves the training range like this."""

    def local_scale(self, origins: Sequence[Origins], horizon: int) -> Array:
        """Return what the width of every band is multiplied by at each of `origins` and step, (O, H)."""

    def departures(self, origins: Sequence[Origins]) -> list[Departure | None]:
        """Return how the context of each of `origins` leaves the training range; one that does has no band."""

    def effective_sample_size(self, channel: int, horizon: int) -> float | None:
        """Return how many independent errors the bands were made of, None where that is not known."""


@dataclass(frozen=True)
class BandScore:
    """The realised `coverage` (0 to 1) of the band at `level` percent.

    `within` says whether it lies within two standard errors of the level, `reason` why a value is None.
    `effective_sample_size` is how many independent errors the band was made of, `likely` the coverage that follows
    where nothing has changed, 95 times in 100; both are None where that is not known.
    """

    level: int
    coverage: float | None = None
    standard_error: float | None = None
    within: bool | None = None
    reason: str = ""
    effective_sample_size: float | None = None
    likely: tuple[float, float] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the score as plain data."""
        return {
            "level": self.level,
            "coverage": self.coverage,
            "standard_error": self.standard_error,
            "within": self.within,
            **({"reason": self.reason} if self.reason else {}),
            "separate": self.effective_sample_size,
            "likely": None if self.likely is None else list(self.likely),
        }


def band_scores(
    coverages: Mapping[int, CoverageSums],
    reasons: Mapping[int, str],
    *,
    overlap: int,
    effective_sample_size: float | None = None,
) -> tuple[BandScore, ...]:
    """Return the score of each level of `coverages` and `reasons` (why a level has no band), in ascending order.

    `overlap` is how many origins overlap one another: the standard error is that of the verdict, None where there are
    too few separate origins.
    """
    scores = []
    for level in sorted({*coverages, *reasons}):
        sums = coverages.get(level)
        if sums is None or not sums.shares:
            scores.append(BandScore(level, reason=reasons.get(level) or NO_BAND))
            continue
        coverage, error = float(sums.by_origin.mean()), standard_error(sums.by_origin, overlap)
        score = BandScore(
            level,
            coverage,
            error,
            within=None if error is None else bool(abs(coverage - level / 100) <= 2 * error),
            reason="too few separate origins to say how sure the coverage is" if error is None else "",
            effective_sample_size=effective_sample_size,
            likely=None if effective_sample_size is None else likely(level, effective_sample_size),
        )
        scores.append(score)
    return tuple(scores)
