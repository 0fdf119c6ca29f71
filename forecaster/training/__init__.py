"""Training: each predictor from its windows. TensorFlow is imported here alone, and only for a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from forecaster.config import RunConfig
from forecaster.predictors import Parts, Predictor, baselines, kind
from forecaster.training.progress import Progress, Silent

__all__ = ["Progress", "Silent", "Trained", "train"]


@dataclass(frozen=True)
class Trained:
    """What training gave: the predictors, the chosen one first, and how it went.

    `history` has a row an epoch: step, loss, validation_loss, learning_rate, seconds; a loss that
    stopped being finite is absent.
    """

    predictors: tuple[Predictor, ...]
    history: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False


def train(
    parts: Parts,
    config: RunConfig,
    progress: Progress | None = None,
    *,
    known: Mapping[str, Predictor] | None = None,
) -> Trained:
    """Fit the predictor that `config` names, and the baselines of its task beside it.

    `known` has those baselines by name where they are already fitted on the same `parts`.
    """
    names = baselines(kind(config.predictor).task)
    fitted: dict[str, Predictor] = {name: known[name] if known else kind(name).fit(parts) for name in names}
    if config.predictor in fitted:
        own = fitted.pop(config.predictor)
        return Trained((own, *fitted.values()))
    from forecaster.training.network import train_network

    outcome = train_network(parts, config, progress or Silent())
    return Trained((outcome.predictor, *fitted.values()), outcome.history, outcome.interrupted)
