"""Symbols scored: how often they are forecast right, and how surprising those that came were.

Beyond one step accuracy and cross-entropy are those of the closed loop, whose probabilities are given the symbols that
it named itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.metrics import SymbolSums, symbol_names, symbol_scores
from forecaster.evaluation.results import ChannelScores, Example
from forecaster.evaluation.scoring import ForecastFn, Place, Plan, too_short
from forecaster.evaluation.verdict import Verdict, weigh
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Array = NDArray[np.float64]
# Probabilities that a block may hold.
BLOCK_NUMBERS = 4_000_000


@dataclass(frozen=True)
class SymbolScorer:
    """How forecasts of symbols are scored: the codes (B, H) and the probabilities (B, H, K) of all K symbols."""

    step_name: ClassVar[str] = "symbol"

    def channel(self, signal: Signal, channel: int, places: Sequence[Place], plan: Plan) -> SymbolChannel:
        """Return the empty scores of a channel whose origins lie at `places`."""
        return SymbolChannel(signal, channel, plan, has_origins=bool(places))

    def block_size(self, plan: Plan, most: int) -> int:
        """Return how many origins are forecast at once: as many as memory holds probabilities of."""
        return max(1, min(most, BLOCK_NUMBERS // (plan.horizon * plan.window.symbols)))


class SymbolChannel:
    """The scores of one channel of symbols in the making; `has_origins` says whether any block will come."""

    def __init__(self, signal: Signal, channel: int, plan: Plan, *, has_origins: bool) -> None:
        self._signal, self._channel, self._plan, self._has_origins = signal, channel, plan, has_origins
        self.sums = {name: SymbolSums() for name in plan.names}

    def add(
        self, recording: int, block: Origins, y_true: Array, forecasts: Mapping[str, tuple[Array, Array]]
    ) -> dict[int, Array]:
        """Add a block of origins; symbols have no bands."""
        for name, (codes, probabilities) in forecasts.items():
            self.sums[name].add(y_true, codes, probabilities)
        return {}

    def result(self) -> ChannelScores:
        """Return the scores over all blocks."""
        signal, channel, plan = self._signal, self._channel, self._plan
        if not self._has_origins:
            reason, metrics = too_short(signal, plan), symbol_names()
            return ChannelScores.without_origins(signal, channel, predictors=plan.names, metrics=metrics, reason=reason)
        return ChannelScores.of(
            signal,
            channel,
            origins=len(self.sums["model"].loss),
            scores={name: symbol_scores(sums) for name, sums in self.sums.items()},
            by_step={name: sums.by_step() for name, sums in self.sums.items()},
            verdict=compare_symbols(self.sums, plan),
        )

    def examples(self, forecast_fn: ForecastFn) -> tuple[Example, ...]:
        """Return none: figures show numbers."""
        return ()


def compare_symbols(sums: Mapping[str, SymbolSums], plan: Plan) -> Verdict:
    """Compare "model" with the best baseline: by cross-entropy one step ahead, else by symbols forecast wrong."""
    means = {
        name: float(symbol_sums.loss.mean())
        for name, symbol_sums in sums.items()
        if name not in ("model", plan.own_baseline)
    }
    if not means:
        return Verdict("unknown", "No verdict: there is no baseline to compare it with.")
    best = min(means, key=lambda name: means[name])
    model_loss, baseline_loss = sums["model"].loss, sums[best].loss
    if plan.horizon == 1:
        loss, score = "cross-entropy", "cross-entropy"
        shown = [f"{losses.mean():.3g}" for losses in (model_loss, baseline_loss)]
    else:
        loss, score = "error", "accuracy"
        shown = [f"{100 * (1 - losses.mean()):.3g} %" for losses in (model_loss, baseline_loss)]
    scores = f"{score} {' against '.join(shown)}, {len(model_loss)} origins"
    verdict = weigh(model_loss, baseline_loss, overlap=plan.overlap, baseline=best, loss=loss, scores=scores)
    if plan.horizon == 1 and model_loss.mean() >= np.log(plan.window.symbols):
        clause = "It is no better than taking all symbols to be alike."
        verdict = replace(verdict, text=f"{verdict.text} {clause}")
    return verdict.as_baseline() if plan.own_baseline else verdict
