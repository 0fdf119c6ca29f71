"""The loss on a file beside that on the model's own test part, which was stored when the model was trained.

A model can be better than every baseline on a machine that it forecasts far worse than the one it was trained on: its
baselines grow worse there, too, and its bands widen. Only its own score tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from forecaster.errors import printable
from forecaster.evaluation.results import OWN_RATIO, ChannelScores, Evaluation

NOT_STORED = "the model stores no score of its own test part at these steps"
NOT_COMPARABLE = "the loss on the model's own test part is 0, or too large to be compared"
# Characters of a name, as metrics.json holds it.
LONGEST_TEXT = 2000


def beside_own_scores(
    evaluation: Evaluation, stored: Sequence[Mapping[str, Any]], are_own: Sequence[bool]
) -> Evaluation:
    """Return the `evaluation` of other files, each verdict with how many times the loss on the own test part it has.

    Args:
        evaluation: The scores.
        stored: The evaluations of the model's test part, as JSON.
        are_own: For each part of the evaluation whether it belongs to the model's own test part: it stays as it is.
    """
    parts = [
        part if is_own or not part.origins else _beside_own(part, stored)
        for part, is_own in zip(evaluation.parts, are_own, strict=True)
    ]
    return replace(evaluation, parts=tuple(parts))


def _beside_own(part: ChannelScores, stored: Sequence[Mapping[str, Any]]) -> ChannelScores:
    """Return `part` with the ratio of its loss to that of the same channel's test part, or why there is none."""
    own_ratio, reason = loss_ratio(part, stored)
    if own_ratio is None:
        return replace(part, reasons={**part.reasons, OWN_RATIO: reason})
    return replace(part, verdict=part.verdict.beside_own(own_ratio))


def loss_ratio(part: ChannelScores, stored: Sequence[Mapping[str, Any]]) -> tuple[float | None, str]:
    """Return the mean loss of `part` over that of its channel in `stored`, or None and the reason.

    Both are taken over the steps that both have: the stored horizon may be another, and long tables are stored thinned.
    """
    horizon, channel = len(part.by_step["model"]), printable(part.channel, LONGEST_TEXT)
    here = _losses([{"origins": part.origins, "by_step": part.by_step}], horizon)
    candidates: list[tuple[list[float], list[float]]] = []
    for evaluation in stored:
        same_channel = [row for row in evaluation["parts"] if row["channel"] == channel and row["origins"]]
        losses = _losses(same_channel, horizon)
        steps = sorted(here.keys() & losses.keys())
        candidates.append(([here[step] for step in steps], [losses[step] for step in steps]))
    losses_here, own_losses = max(candidates, key=lambda pair: len(pair[0]), default=([], []))
    if not own_losses:
        return None, NOT_STORED
    with np.errstate(all="ignore"):
        own_ratio = float(np.divide(np.mean(losses_here), np.mean(own_losses)))
    return (own_ratio, "") if np.isfinite(own_ratio) else (None, NOT_COMPARABLE)


def _losses(parts: Sequence[Mapping[str, Any]], horizon: int) -> dict[int, float]:
    """Return the model's mean loss at each step that all `parts` have, the parts weighed by their origins."""
    by_step: dict[int, list[float]] = {}
    for part in parts:
        for row in part.get("by_step", {}).get("model", ()):
            loss = _loss(row, horizon)
            if loss is not None:
                by_step.setdefault(row["step"], []).append(loss)
    weights = [part["origins"] for part in parts]
    return {
        step: float(np.average(losses, weights=weights))
        for step, losses in by_step.items()
        if len(losses) == len(parts)
    }


def _loss(row: Mapping[str, Any], horizon: int) -> float | None:
    """Return what the verdict compares of a step: squared error, cross-entropy of one step, or the share of errors."""
    key = "rmse" if "rmse" in row else "cross_entropy" if horizon == 1 else "accuracy"
    value = row.get(key)
    # What an older version has stored of symbols is not checked when a folder is loaded.
    if not isinstance(value, int | float):
        return None
    return {"rmse": value * value, "cross_entropy": value, "accuracy": 1 - value}[key]
