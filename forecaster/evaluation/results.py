"""What an evaluation gives back, and the JSON that it becomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.bands import BandScore
from forecaster.evaluation.metrics import Score, StepRow
from forecaster.evaluation.panel import Panel
from forecaster.evaluation.recursive import RecursiveSegments
from forecaster.evaluation.spectra import Spectrum
from forecaster.evaluation.verdict import Verdict, overall
from forecaster.forecasting.forecast import SHOWN_WARNINGS
from forecaster.signal.signal import Signal
from forecaster.signal.time_axis import TimeAxis

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

Array = NDArray[np.float64]
# The key in JSON of how many times the loss of the model's own test part the loss here is.
OWN_RATIO = "own_ratio"


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
    None; `by_step` has by predictor a row for each step; `warnings` say which forecasts are not to be relied on. Only
    numbers have a score of each of the `bands`, a `spectrum`, and `recursive` segments beyond the first.
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
    warnings: tuple[str, ...] = ()
    panel: Panel | None = None

    @classmethod
    def of(
        cls,
        signal: Signal,
        channel: int,
        *,
        origins: int,
        scores: Mapping[str, Mapping[str, Score]],
        by_step: dict[str, list[StepRow]],
        verdict: Verdict,
    ) -> ChannelScores:
        """Return the `scores`, by predictor and metric, of a channel of a signal."""
        return cls(
            signal.name,
            signal.channels[channel],
            origins,
            {name: {metric: score.value for metric, score in row.items()} for name, row in scores.items()},
            by_step,
            {
                f"{name}.{metric}": score.reason
                for name, row in scores.items()
                for metric, score in row.items()
                if score.value is None
            },
            verdict,
            unit=signal.units[channel] if channel < len(signal.units) else "",
            sample_rate_hz=signal.sample_rate_hz,
        )

    @classmethod
    def without_origins(
        cls, signal: Signal, channel: int, *, predictors: Collection[str], metrics: Collection[str], reason: str
    ) -> ChannelScores:
        """Return a channel that could not be scored for one `reason`: no number, no step, no verdict."""
        return cls.of(
            signal,
            channel,
            origins=0,
            scores={name: dict.fromkeys(metrics, Score(None, reason)) for name in predictors},
            by_step={name: [] for name in predictors},
            verdict=Verdict("unknown", f"Not scored: {reason}."),
        )

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
        # Only another file than those of the training is compared with the model's own test part.
        if self.verdict.own_ratio is not None or OWN_RATIO in self.reasons:
            document[OWN_RATIO] = self.verdict.own_ratio
        if self.bands is not None:
            document["bands"] = [band.to_json() for band in self.bands]
        if self.panel is not None:
            document["panel"] = self.panel.to_json()
        if self.spectrum is not None:
            document["spectrum"] = self.spectrum.to_json()
        if self.recursive is not None:
            document["free_run"] = self.recursive.to_json()
        return document


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
        return overall([(f"{part.signal}/{part.channel}".removeprefix("/"), part.verdict) for part in self.parts])

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which forecasts are not to be relied on, a text a channel."""
        return tuple(
            f"{part.signal}/{part.channel}".removeprefix("/") + f": {text}"
            for part in self.parts
            for text in part.warnings
        )

    def to_frame(self) -> DataFrame:
        """Return the scores as a DataFrame: a row a channel and predictor, a column a metric, NaN if undefined."""
        import pandas as pd

        rows = [
            {"signal": part.signal, "channel": part.channel, "predictor": name, "origins": part.origins, **scores}
            for part in self.parts
            for name, scores in part.scores.items()
        ]
        return pd.DataFrame(rows)

    def plot(self, path: str | Path | None = None) -> Figure:
        """Return the picture of the scores, and write it to `path` if there is one (.png, .svg or .pdf)."""
        from forecaster.plots import evaluation, save

        figure = evaluation(self)
        if path is not None:
            save(figure, path)
        return figure

    def __str__(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        texts = (self.verdict, *self.warnings[:SHOWN_WARNINGS])
        return "".join(f"<p>{escape(text)}</p>" for text in texts) + self.to_frame().to_html(index=False)

    def to_json(self) -> dict[str, Any]:
        """Return the evaluation as plain data, undefined numbers as None."""
        return {
            "model": self.model,
            "horizon": self.horizon,
            "stride": self.stride,
            "parts": [part.to_json() for part in self.parts],
            "verdict": self.verdict,
            "warnings": list(self.warnings),
        }
