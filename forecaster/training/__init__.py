"""Training: each predictor from its windows. TensorFlow is imported here alone, and only for a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from forecaster import networks
from forecaster.config import RunConfig, Task
from forecaster.errors import DivergedError
from forecaster.predictors import (
    Ensemble,
    Predictor,
    as_loaded,
    baselines,
    closed_form_members,
    direct,
    predictor_class,
)
from forecaster.predictors.threads import one_blas_thread
from forecaster.signal.splits import WindowSplits
from forecaster.training.progress import Progress, Silent
from forecaster.training.tensorflow import check_tensorflow

if TYPE_CHECKING:
    from forecaster.bundle.checkpoint import Checkpoint, NetworkCheckpoint
    from forecaster.training.ensemble_weights import Judged
    from forecaster.training.network import Outcome

__all__ = ["Progress", "Silent", "Trained", "check_installed", "train"]


Given = tuple[Progress, "Checkpoint | None"]
NOTHING = "on the validation part it found nothing to add to ridge."


@dataclass(frozen=True)
class Trained:
    """What training gave: the predictors, the chosen one first, and how it went.

    `history` has a row an epoch: step, loss, validation_loss, learning_rate, seconds, and before them
    the number of the network where several were trained; a loss that stopped being finite is absent.
    `notes` say in plain words what was left out, and what went wrong. `without` has, for each stretch of the
    validation part, a combination as it was found without it.
    """

    predictors: tuple[Predictor, ...]
    history: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    without: tuple[Predictor, ...] = ()


def check_installed(names: Iterable[str]) -> None:
    """Refuse, before any work, to train the predictors `names` where they need TensorFlow and there is none.

    Raises:
        UsageError: TensorFlow is not installed, and one of them is a network or the combination, which trains some.
    """
    trained = {Ensemble.name, *networks.names()}
    if trained.intersection(names):
        check_tensorflow()


def train(
    parts: WindowSplits,
    config: RunConfig,
    progress: Progress | None = None,
    *,
    known: Mapping[str, Predictor] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Fit the predictor that `config` names, and the baselines of its task beside it.

    `known` has those baselines by name where they are already fitted on the same `parts`; networks go
    on where the `checkpoint` stands, and are written there as they go on.
    """
    trained = _train(parts, config, known, given=(progress or Silent(), checkpoint))
    return replace(trained, predictors=as_loaded(trained.predictors))


def _train(parts: WindowSplits, config: RunConfig, known: Mapping[str, Predictor] | None, *, given: Given) -> Trained:
    """Fit the predictor that `config` names, as `train` says."""
    progress, checkpoint = given
    chosen = predictor_class(config.predictor)
    fitted = dict(known) if known else _baselines(parts, chosen.task)
    if issubclass(chosen, Ensemble):
        return _combined(parts, config, fitted, given=given)
    if config.predictor in fitted:
        own = fitted.pop(config.predictor)
        return Trained((own, *fitted.values()))
    if config.predictor not in networks.names():
        own = _closed(parts.farther(config.ahead) if config.ahead > 1 else parts, config.predictor)
        return Trained((own, *fitted.values()))
    slot = checkpoint.network(0) if checkpoint else None
    outcome = _network(parts, config, fitted, given=(progress, slot))
    note = _note(config.predictor, outcome, "stays where it started")
    return Trained((outcome.predictor, *fitted.values()), outcome.history, outcome.interrupted, note)


def _note(name: str, outcome: Outcome, otherwise: str) -> tuple[str, ...]:
    """Say what went wrong with a network, if something did; `otherwise` what becomes of one that is no better."""
    if outcome.improved:
        return (f"{name}: {outcome.note}",) if outcome.note else ()
    return () if outcome.interrupted else (f"{name} {otherwise}: {outcome.note or NOTHING}",)


def _baselines(parts: WindowSplits, task: Task) -> dict[str, Predictor]:
    """Fit the baselines, on one BLAS thread: two are no faster, and far slower where others work too."""
    with one_blas_thread():
        return {name: predictor_class(name).fit(parts) for name in baselines(task)}


def _closed(parts: WindowSplits, name: str) -> Predictor:
    """Fit in closed form what is no baseline."""
    with one_blas_thread():
        fitted: Predictor = predictor_class(name).fit(parts)
    return fitted


def _closed_members(parts: WindowSplits, ahead: int) -> list[Predictor]:
    """Fit what stands in the combination, in closed form, and is no baseline."""
    far = [name for name in direct() if name not in networks.names()] if ahead > 1 else []
    return [_closed(parts, name) for name in closed_form_members()] + [
        _closed(parts.farther(ahead), name) for name in far
    ]


def _refitted(parts: WindowSplits, ahead: int) -> Judged | None:
    """Fit all members in closed form on an earlier fold; None where the training part is too short for one."""
    from forecaster.training.ensemble_weights import Judged
    from forecaster.training.holdout import earlier

    fold = earlier(parts)
    far = fold.parts.farther(ahead) if fold else None
    if fold is None or far is None or not (len(far.training) and len(far.validation)):
        return None
    members = (*_baselines(fold.parts, "forecast").values(), *_closed_members(fold.parts, ahead))
    return Judged(members, fold.judged)


def _network(
    parts: WindowSplits,
    config: RunConfig,
    fitted: Mapping[str, Predictor],
    *,
    given: tuple[Progress, NetworkCheckpoint | None],
) -> Outcome:
    from forecaster.training.network import train_network

    return train_network(parts, config, given[0], fitted, slot=given[1])


def _combined(parts: WindowSplits, config: RunConfig, fitted: Mapping[str, Predictor], *, given: Given) -> Trained:
    """Train the networks one after the other, and combine them with the rest; Ctrl-C combines what there is."""
    from forecaster.training.ensemble_weights import combine

    made, refitted = _closed_members(parts, config.ahead), _refitted(parts, config.ahead)
    trained = _networks(parts, config, fitted, given=given)
    made += trained.predictors
    found: Any = combine((*fitted.values(), *made), parts, refitted)
    return replace(trained, predictors=(found.combination, *made, *fitted.values()), without=found.without)


def _networks(parts: WindowSplits, config: RunConfig, fitted: Mapping[str, Predictor], *, given: Given) -> Trained:
    """Train the networks of a combination; `notes` says which failed, or ended where it started, and is left out."""
    progress, checkpoint = given
    made, history, notes = [], [], []
    interrupted = False
    for number, (name, recipe) in enumerate(config.recipes.items()):
        own = config.model_copy(update={"predictor": name, "recipe": recipe, "recipes": {}})
        slot = checkpoint.network(number) if checkpoint else None
        try:
            outcome = _network(parts, own, fitted, given=(progress, slot))
        except KeyboardInterrupt:
            interrupted = True
            break
        except DivergedError as error:
            notes.append(f"{name} is left out of the combination: {error.message}")
            continue
        history += [{"network": float(number + 1), **row} for row in outcome.history]
        interrupted = outcome.interrupted
        notes += _note(name, outcome, "is left out of the combination")
        made += [outcome.predictor] if outcome.improved else []
        if interrupted:
            break
    return Trained(tuple(made), history, interrupted, tuple(notes))
