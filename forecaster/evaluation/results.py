"""What an evaluation gives back, and the JSON that it becomes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.bands import BandScore
from forecaster.evaluation.metrics import StepRow
from forecaster.evaluation.recursive import RecursiveSegments
from forecaster.evaluation.spectra import Spectrum
from forecaster.evaluation.verdict import Verdict, overall
from forecaster.signal.signal import Signal
from forecaster.signal.time_axis import TimeAxis

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """One origin kept for a figure, in the signal's unit.

    `kind` is best, median or worst (of the model's squared errors); `first` is the row of the first target in its
    recording, whose axis is `time`; `context` (L,), `y_true` (H,), `forecasts` by predictor (H,), `half_width` (H,) of
    the band at `level` percent or None.
    """

    kind: str
    first: int
    time: TimeAxis
    context: Array
    y_true: Array
    forecasts: dict[str, Array]
    half_width: Array | None = None
    level: int = 90


@dataclass(frozen=True)
class ChannelScores:
    """One channel of one signal, scored at all its origins.

    `scores` has by predictor and metric a number or None; `reasons` tells under ``NAME.metric`` why a number is
    None; `by_step` has by predictor a row for each step. Only numbers have a score of each of the `bands`, a
    `spectrum`, and `recursive` segments beyond the first.
    """

    signal: str
    channel: str
    origins: int
    scores: dict[str, dict[str, float | None]]
    by_step: dict[str, list[StepRow]]
    reasons: dict[str, str]
    verdict: Verdict
    unit: str = ""
    sample_rate_hz: float | None = None
    examples: tuple[Example, ...] = ()
    bands: tuple[BandScore, ...] | None = None
    spectrum: Spectrum | None = None
    recursive: RecursiveSegments | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the scores as plain data; what only figures need stays out."""
        document: dict[str, Any] = {
            "signal": self.signal,
            "channel": self.channel,
            "origins": self.origins,
            "scores": self.scores,
            "by_step": self.by_step,
            "reasons": self.reasons,
            "verdict": self.verdict.text,
            "skill": self.verdict.skill,
        }
        if self.bands is not None:
            document["bands"] = [band.to_json() for band in self.bands]
        if self.spectrum is not None:
            document["spectrum"] = self.spectrum.to_json()
        if self.recursive is not None:
            document["free_run"] = self.recursive.to_json()
        return document


def unscored(
    signal: Signal, channel: int, *, predictors: Collection[str], metrics: Collection[str], reason: str
) -> ChannelScores:
    """Return the scores of a channel without origins: all `metrics` None for one reason, no step, no verdict."""
    return ChannelScores(
        signal.name,
        signal.channels[channel],
        origins=0,
        scores={name: dict.fromkeys(metrics) for name in predictors},
        by_step={name: [] for name in predictors},
        reasons={f"{name}.{metric}": reason for name in predictors for metric in metrics},
        verdict=Verdict("unknown", f"Not scored: {reason}."),
        unit=unit_of(signal, channel),
        sample_rate_hz=signal.sample_rate_hz,
    )


def unit_of(signal: Signal, channel: int) -> str:
    """Return the unit of a channel, "" where none is known."""
    return signal.units[channel] if channel < len(signal.units) else ""


@dataclass(frozen=True)
class Evaluation:
    """A model scored at `horizon` steps from origins every `stride` samples, channel by channel of each signal."""

    model: str
    horizon: int
    stride: int
    parts: tuple[ChannelScores, ...] = ()

    @property
    def verdict(self) -> str:
        """One plain sentence over all channels."""
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
