"""What an evaluation holds, and the JSON it becomes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.verdict import Verdict, overall
from forecaster.signal.time_axis import TimeAxis

Array = NDArray[np.float64]
METRICS = ("nmse", "rmse", "mae", "mase", "smape", "coverage-90", "psd_error_db", "rms_ratio")


def metrics(levels: Iterable[int]) -> tuple[str, ...]:
    """Return the names of all scores, one coverage for each of `levels`.

    >>> metrics((90,)) == METRICS
    True
    """
    place = METRICS.index("coverage-90")
    return (*METRICS[:place], *(f"coverage-{level}" for level in levels), *METRICS[place + 1 :])


@dataclass(frozen=True)
class Example:
    """One origin kept for a figure, in the signal's unit.

    `kind` is best, median or worst (of the model's squared errors); `first` is the row of the
    first target in its recording, whose axis is `time`; `context` (L,), `truth` (H,),
    `forecasts` NAME -> (H,), `half_width` (H,) of the band at `level` percent or None.
    """

    kind: str
    first: int
    time: TimeAxis
    context: Array
    truth: Array
    forecasts: dict[str, Array]
    half_width: Array | None = None
    level: int = 90


@dataclass(frozen=True)
class ChannelScores:
    """One channel of one signal, scored at all its origins.

    `scores` NAME -> metric -> number or None; `reasons` tells under ``NAME.metric`` why a
    number is None; `by_step` NAME -> a row for each step. What only numbers have: `bands` a row a level,
    the `spectrum`, and the `free_run` beyond one segment.
    """

    signal: str
    channel: str
    origins: int
    scores: dict[str, dict[str, float | None]]
    by_step: dict[str, list[dict[str, int | float | None]]]
    reasons: dict[str, str]
    verdict: Verdict
    unit: str = ""
    sample_rate_hz: float | None = None
    examples: tuple[Example, ...] = ()
    bands: list[dict[str, Any]] | None = None
    spectrum: dict[str, Any] | None = None
    free_run: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the part as plain data; what only figures need stays out."""
        more = {"bands": self.bands, "spectrum": self.spectrum, "free_run": self.free_run}
        return {
            "signal": self.signal,
            "channel": self.channel,
            "origins": self.origins,
            "scores": self.scores,
            "by_step": self.by_step,
            "reasons": self.reasons,
            "verdict": self.verdict.text,
            "skill": self.verdict.skill,
            **{key: value for key, value in more.items() if value is not None},
        }


def unscored(
    names: Collection[str], scores: Sequence[str], reason: str
) -> tuple[dict[str, dict[str, float | None]], dict[str, list[dict[str, int | float | None]]], dict[str, str], Verdict]:
    """Return what a part without origins has by name: all `scores` None for one reason, no step, no verdict."""
    reasons = {f"{name}.{score}": reason for name in names for score in scores}
    none: dict[str, dict[str, float | None]] = {name: dict.fromkeys(scores) for name in names}
    return none, {name: [] for name in names}, reasons, Verdict("unknown", f"Not scored: {reason}.")


@dataclass(frozen=True)
class Evaluation:
    """A model scored at `horizon` steps from origins every `stride` samples, part by part."""

    model: str
    horizon: int
    stride: int
    parts: tuple[ChannelScores, ...] = field(default=())

    @property
    def verdict(self) -> str:
        """One plain sentence over all parts."""
        return overall([(f"{part.signal}/{part.channel}", part.verdict) for part in self.parts])

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as plain data, undefined numbers as None."""
        return {
            "model": self.model,
            "horizon": self.horizon,
            "stride": self.stride,
            "parts": [part.to_json() for part in self.parts],
            "verdict": self.verdict,
        }
