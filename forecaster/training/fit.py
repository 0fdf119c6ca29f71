"""What a training fits, in which order: baselines, the chosen predictor, the members of an ensemble."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from forecaster import networks
from forecaster.config import RunConfig, TaskName
from forecaster.errors import DivergedError
from forecaster.predictors import Ensemble, Predictor, as_loaded, closed_form_members, direct, predictor_class
from forecaster.predictors import baselines as baselines_of
from forecaster.predictors.base import one_blas_thread
from forecaster.signal.windows import WindowSplits

# Both import what forecasting never needs, so they are imported when a training begins.
if TYPE_CHECKING:
    from forecaster.bundle.checkpoint import Checkpoint
    from forecaster.training.ensemble_weights import HeldOut
    from forecaster.training.network import Outcome


class Progress(Protocol):
    """A watcher of a training. It is called from the training thread, so it should be quick."""

    def start(self, total_steps: int) -> None:
        """Called when a training begins. It may end before `total_steps`."""

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """Called after `step` steps with the losses there; `validation_loss` is None between epochs."""

    def finish(self) -> None:
        """Called when the training has ended."""


class Silent:
    """A watcher that says nothing."""

    def start(self, total_steps: int) -> None:
        """Say nothing."""

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Trained:
    """The result of a training.

    Attributes:
        predictors: What was fitted, the chosen predictor first.
        history: A row an epoch: step, loss, validation_loss, learning_rate, seconds, and before them the number of the
            network where several were trained. A loss that stopped being finite is absent.
        interrupted: Whether Ctrl-C ended the training early.
        notes: What went wrong and which networks were left out, in plain words.
        fold_ensembles: For each fold of the validation part the ensemble whose weights were fitted without that fold.
    """

    predictors: tuple[Predictor, ...]
    history: list[dict[str, float]] = field(default_factory=list)
    interrupted: bool = False
    notes: tuple[str, ...] = ()
    fold_ensembles: tuple[Predictor, ...] = ()


def check_installed(names: Iterable[str]) -> None:
    """Raise UsageError, before any work, if one of the predictors `names` needs TensorFlow and it is not installed."""
    if not {Ensemble.name, *networks.names()}.isdisjoint(names):
        from forecaster.training.network import check_tensorflow

        check_tensorflow()


def train(
    splits: WindowSplits,
    config: RunConfig,
    progress: Progress | None = None,
    *,
    baselines: Mapping[str, Predictor] | None = None,
    checkpoint: Checkpoint | None = None,
) -> Trained:
    """Return the predictor that `config` names, fitted on `splits`, and the baselines of its task.

    Args:
        splits: The training and validation windows.
        config: The run, resolved.
        progress: A watcher of the networks' training.
        baselines: The baselines by name, if they are already fitted on the same `splits`.
        checkpoint: Where networks go on, and what they write as they go.

    Raises:
        DivergedError: The loss of the network stopped being finite before there were any weights to keep.
    """
    chosen, progress = predictor_class(config.predictor), progress or Silent()
    fitted = dict(baselines) if baselines else fit_baselines(splits, chosen.task)
    if chosen.name in fitted:
        first = fitted.pop(chosen.name)
        trained = Trained((first, *fitted.values()))
    elif chosen.is_closed_form:
        first = _fit(chosen, splits.farther(config.ahead) if config.ahead > 1 else splits)
        trained = Trained((first, *fitted.values()))
    elif chosen.name in networks.names():
        trained = _train_network(splits, config, fitted, progress, checkpoint=checkpoint)
    else:
        trained = _train_ensemble(splits, config, fitted, progress, checkpoint=checkpoint)
    # A model just trained must forecast the bits of the same model loaded.
    return replace(trained, predictors=as_loaded(trained.predictors))


def fit_baselines(splits: WindowSplits, task: TaskName) -> dict[str, Predictor]:
    """Return the baselines of a task, fitted on `splits`, by name."""
    return {name: _fit(predictor_class(name), splits) for name in baselines_of(task)}


def _fit(chosen: type[Predictor], splits: WindowSplits) -> Predictor:
    # A second BLAS thread is no faster here, and far slower where other programs work too.
    with one_blas_thread():
        return chosen.fit(splits)


# --- networks ---------------------------------------------------------------------------


def _train_network(
    splits: WindowSplits,
    config: RunConfig,
    baselines: Mapping[str, Predictor],
    progress: Progress,
    *,
    checkpoint: Checkpoint | None,
) -> Trained:
    from forecaster.training.network import train_network

    of_network = checkpoint.network(0) if checkpoint else None
    outcome = train_network(splits, config, progress, baselines, checkpoint=of_network)
    notes = notes_on(config.predictor, outcome, "stays where it started")
    return Trained((outcome.predictor, *baselines.values()), outcome.history, outcome.interrupted, notes)


def notes_on(name: str, outcome: Outcome, unimproved: str) -> tuple[str, ...]:
    """Return notes on what went wrong with the network `name`; none if all went well.

    `unimproved` says what becomes of a network that is no better than its start.
    """
    if outcome.improved:
        return (f"{name}: {outcome.note}",) if outcome.note else ()
    if outcome.interrupted:
        return ()
    return (f"{name} {unimproved}: {outcome.note or 'on the validation part it found nothing to add to ridge.'}",)


# --- the ensemble -----------------------------------------------------------------------


def _train_ensemble(
    splits: WindowSplits,
    config: RunConfig,
    baselines: Mapping[str, Predictor],
    progress: Progress,
    *,
    checkpoint: Checkpoint | None,
) -> Trained:
    """Train the networks one after the other, and weigh all members; Ctrl-C weighs those that are trained by then."""
    from forecaster.training.ensemble_weights import fit_ensemble

    members = [member for member in _fit_closed_form_members(splits, config.ahead) if member.adds_to_ensemble]
    holdout = _fit_on_holdout_fold(splits, config.ahead, [member.name for member in members])
    trained = _train_networks(splits, config, baselines, progress, checkpoint=checkpoint)
    members += trained.predictors
    ensemble, fold_ensembles = fit_ensemble((*baselines.values(), *members), splits, holdout)
    return replace(trained, predictors=(ensemble, *members, *baselines.values()), fold_ensembles=fold_ensembles)


def _fit_closed_form_members(splits: WindowSplits, ahead: int) -> list[Predictor]:
    """Return the members in closed form that are no baselines, fitted on `splits`."""
    farther = splits.farther(ahead) if ahead > 1 else splits
    several = [name for name in direct() if predictor_class(name).is_closed_form] if ahead > 1 else []
    fitted = []
    for name in dict.fromkeys((*closed_form_members(), *several)):
        member = predictor_class(name)
        fitted.append(_fit(member, farther if member.is_direct else splits))
    return fitted


def _fit_on_holdout_fold(splits: WindowSplits, ahead: int, members: Sequence[str]) -> HeldOut | None:
    """Return the baselines and the `members` fitted on the holdout fold; None if the training part is too short."""
    from forecaster.training.ensemble_weights import HeldOut, holdout_fold

    fold = holdout_fold(splits)
    farther = fold.splits.farther(ahead) if fold else None
    if fold is None or farther is None or not (len(farther.training) and len(farther.validation)):
        return None
    baselines = fit_baselines(fold.splits, "forecast")
    fitted = [member for member in _fit_closed_form_members(fold.splits, ahead) if member.name in members]
    return HeldOut((*baselines.values(), *fitted), fold.holdout)


def _train_networks(
    splits: WindowSplits,
    config: RunConfig,
    baselines: Mapping[str, Predictor],
    progress: Progress,
    *,
    checkpoint: Checkpoint | None,
) -> Trained:
    """Return the networks that got better than their start; `notes` says which are left out, and why."""
    from forecaster.training.network import train_network

    trained, history, notes = [], [], []
    interrupted = False
    for number, (name, recipe) in enumerate(config.recipes.items()):
        of_network = config.model_copy(update={"predictor": name, "recipe": recipe, "recipes": {}})
        network_checkpoint = checkpoint.network(number) if checkpoint else None
        try:
            outcome = train_network(splits, of_network, progress, baselines, checkpoint=network_checkpoint)
        except KeyboardInterrupt:
            interrupted = True
            break
        except DivergedError as error:
            notes.append(f"{name} is left out of the ensemble: {error.message}")
            continue
        history += [{"network": float(number + 1), **row} for row in outcome.history]
        notes += notes_on(name, outcome, "is left out of the ensemble")
        if outcome.improved:
            trained.append(outcome.predictor)
        if interrupted := outcome.interrupted:
            break
    return Trained(tuple(trained), history, interrupted, tuple(notes))
