"""Several predictors under one budget: trained on the same windows, scored from the same origins.

The baselines are fitted and scored once, and stand beside every network. A score over several signals or channels is
the mean of their normalised errors.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecaster import networks
from forecaster.config import Recipe, RunConfig
from forecaster.errors import ForecasterError, UsageError, printable
from forecaster.evaluation.metrics import ErrorSums
from forecaster.evaluation.verdict import Kind, weigh
from forecaster.model import Forecaster, Shared
from forecaster.predictors import Predictor, baselines, names, predictor_class
from forecaster.predictors.base import one_blas_thread
from forecaster.signal.signal import Signal
from forecaster.tasks import NUMBERS
from forecaster.training import Progress
from forecaster.training.preparation import prepare, resolved

Array = NDArray[np.float64]
Watch = Callable[[str, int, int], Progress | None]
"""Hears that the training of a network begins: its name, its number from 1, and of how many."""
Keep = Callable[[str, Forecaster], str]
"""Saves the model of a predictor, and returns the path."""
Status = Literal["done", "interrupted", "failed"]
# Predictors of numbers are compared.
TASK = NUMBERS.name


@dataclass(frozen=True)
class Scored:
    """The error of one predictor at one horizon; `parts` has that of each channel.

    `skill` is 1 - nmse / nmse of `against`, the best baseline: positive is better. `verdict` is "same" where the
    difference lies within the uncertainty, "unknown" where there are too few origins to tell.
    """

    nmse: float | None
    skill: float | None = None
    verdict: Kind = "unknown"
    against: str = ""
    parts: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Horizon:
    """A horizon that is scored, in samples, from origins every `stride` samples.

    `parts` has signal, channel and number of origins of each channel; `best` is the best baseline; `closed` says
    whether the horizon takes a closed loop, or is the next segment.
    """

    horizon: int
    stride: int
    parts: tuple[tuple[str, str, int], ...]
    best: str
    closed: bool

    @property
    def origins(self) -> int:
        """The origins of all channels."""
        return sum(origins for _, _, origins in self.parts)

    @property
    def overlap(self) -> int:
        """How many origins overlap one another."""
        return -(-self.horizon // self.stride)


@dataclass
class Row:
    """One predictor: its size, what its training took, its scores by horizon.

    `seconds` are those of the fit alone. `parameters`, `steps` and `best_step` are None where there are none; `reason`
    says what went wrong; `saved` is the model folder, or "".
    """

    predictor: str
    baseline: bool
    status: Status = "done"
    reason: str = ""
    parameters: int | None = None
    steps: int | None = None
    best_step: int | None = None
    seconds: float | None = None
    saved: str = ""
    config: RunConfig | None = None
    history: list[dict[str, float]] = field(default_factory=list)
    scores: dict[int, Scored] = field(default_factory=dict)

    def at(self, horizon: int) -> Scored:
        """Return the score at `horizon`."""
        return self.scores.get(horizon, Scored(None))


@dataclass
class Comparison:
    """All rows, the best at the next segment first; `missing` names what an interruption left untrained."""

    config: RunConfig
    horizons: tuple[Horizon, ...]
    rows: list[Row]
    missing: tuple[str, ...] = ()
    interrupted: bool = False

    @property
    def failed(self) -> list[Row]:
        """The rows of which something went wrong."""
        return [row for row in self.rows if row.reason]


# --- which predictors --------------------------------------------------------------------


def chosen(text: str | None) -> tuple[str, ...]:
    """Return the predictors that `text` names between commas: all that fit for "all", the networks for None.

    Raises UsageError for a name that there is not, or for a predictor of another task.

    >>> chosen("ridge, last-value, ridge")
    ('ridge', 'last-value')
    """
    fitting = NUMBERS.predictors
    if text is None:
        return tuple(name for name in fitting if name in networks.names())
    listed = f"Known are: {', '.join(fitting)}"
    named = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if not named:
        raise UsageError("--predictors names no predictor.", hint=f"{listed}.")
    for name in named:
        if name not in ("all", *names()):
            raise UsageError(f"There is no predictor {printable(name, 80)!r}.", hint=f"{listed}; `all` is all of them.")
        if name not in ("all", *fitting):
            message = f"{name} does not forecast numbers, which is what is compared here."
            raise UsageError(message, hint=f"{listed}; `all` is all of them.")
    return tuple(fitting) if "all" in named else named


# --- training and scoring ----------------------------------------------------------------


def compare(
    signals: Sequence[Signal],
    config: RunConfig,
    predictors: Sequence[str],
    *,
    watch: Watch | None = None,
    keep: Keep | None = None,
) -> Comparison:
    """Train `predictors` one after the other as `config` says, and score all of them and the baselines.

    The parameters and the carried state of `config` are those of its own predictor. One that fails does not stop the
    others; Ctrl-C ends the training, and what is finished is kept. Baselines among `predictors` are trained as models
    only for `keep`.

    Raises SignalError, TooShortError or UsageError for signals that do not fit, or hold nothing to score.
    """
    bench = _Bench.of(signals, config)
    # A run that cannot be is refused before the first network is trained.
    for name in predictors:
        resolved(bench.config_of(name), signals)
    to_train = [name for name in predictors if keep or name not in bench.rows]
    to_watch = [name for name in to_train if name not in bench.rows]
    result = Comparison(bench.config, bench.horizons, [])
    for number, name in enumerate(to_train):
        try:
            progress = watch(name, to_watch.index(name) + 1, len(to_watch)) if watch and name in to_watch else None
            row = bench.train(name, progress, keep)
        except KeyboardInterrupt:
            result.interrupted, result.missing = True, tuple(to_train[number:])
            break
        if row.status == "interrupted":
            result.interrupted, result.missing = True, tuple(to_train[number + 1 :])
            break
    nearest = bench.horizons[0].horizon
    result.rows = sorted(
        bench.rows.values(), key=lambda row: math.inf if (nmse := row.at(nearest).nmse) is None else nmse
    )
    return result


@dataclass
class _Bench:
    """What all predictors of a comparison share, and the rows so far by predictor.

    `baseline_losses` has by horizon and baseline the loss of each origin, (O,).
    """

    signals: Sequence[Signal]
    config: RunConfig
    shared: Shared
    horizons: tuple[Horizon, ...]
    baseline_losses: dict[int, dict[str, Array]]
    rows: dict[str, Row]

    @classmethod
    def of(cls, signals: Sequence[Signal], config: RunConfig) -> _Bench:
        """Prepare the windows, and fit and score the baselines; UsageError where there is nothing to score."""
        # With its steps chosen, no network takes as many as it is usually trained with: the budget is one for all.
        recipe = Recipe.model_validate({**config.recipe.model_dump(exclude_unset=True), "steps": config.recipe.steps})
        config = config.model_copy(update={"recipe": recipe})
        of_baseline = resolved(_of_another(config, baselines(TASK)[0]), signals)
        prepared = prepare(signals, of_baseline)
        fitted: dict[str, Predictor] = {}
        rows: dict[str, Row] = {}
        for name in baselines(TASK):
            began = time.monotonic()
            with one_blas_thread():
                fitted[name] = predictor_class(name).fit(prepared.splits)
            seconds = time.monotonic() - began
            rows[name] = Row(name, True, parameters=_size(fitted[name]), seconds=seconds)
        shared = Shared(prepared, fitted)
        # The training of one baseline as a model scores all of them, and fills the sums that are shared.
        evaluations = Forecaster.fit(signals, of_baseline, shared=shared).stored
        losses = {
            horizon: {name: losses_of(_errors(channels, name)) for name in fitted}
            for horizon, channels in shared.sums.items()
        }
        horizons = [
            _horizon(evaluation, losses[evaluation["horizon"]], closed=k > 0)
            for k, evaluation in enumerate(evaluations)
        ]
        bench = cls(signals, config, shared, tuple(horizons), losses, rows)
        for name, row in rows.items():
            bench.score(row, name)
        return bench

    def config_of(self, name: str) -> RunConfig:
        """Return the run that trains the predictor `name`."""
        return self.config if name == self.config.predictor else _of_another(self.config, name)

    def train(self, name: str, progress: Progress | None, keep: Keep | None) -> Row:
        """Train, score and keep one predictor; its row says what went wrong."""
        row = self.rows.get(name) or Row(name, False)
        row.config = self.config_of(name)
        try:
            model = Forecaster.fit(self.signals, row.config, progress=progress, shared=self.shared)
            if not row.baseline:
                _note_training(row, model)
                self.score(row, "model")
            self.rows[name] = row
            row.saved = keep(name, model) if keep else ""
        except ForecasterError as error:
            row.reason = str(error)
            row.status = row.status if row.scores else "failed"
            self.rows[name] = row
        return row

    def score(self, row: Row, summed_as: str) -> None:
        """Score the row's predictor at every horizon; its errors were just summed under the name `summed_as`."""
        for horizon in self.horizons:
            errors = _errors(self.shared.sums[horizon.horizon], summed_as)
            best_losses = self.baseline_losses[horizon.horizon][horizon.best]
            row.scores[horizon.horizon] = _score(row.predictor, errors, best_losses, horizon)


def _of_another(config: RunConfig, name: str) -> RunConfig:
    """Return `config` for the predictor `name`: parameters and carried state belong to the one that it names."""
    return config.model_copy(update={"predictor": name, "parameters": {}, "carry_state": False})


def _note_training(row: Row, model: Forecaster) -> None:
    """Note in `row` what the training took."""
    history = model.history
    row.status = "interrupted" if model.interrupted else "done"
    row.parameters, row.config, row.history = _size(model.predictor), model.config, history
    # A predictor that is fitted in closed form has no history.
    if history:
        best = min(history, key=lambda epoch: epoch.get("validation_loss", math.inf))
        row.steps, row.best_step, row.seconds = int(history[-1]["step"]), int(best["step"]), history[-1]["seconds"]


def _size(predictor: Predictor) -> int:
    """Return how many numbers a predictor has learned."""
    return sum(tensor.size for tensor in predictor.tensors().values())


def _errors(channels: Mapping[int, Mapping[str, Any]], name: str) -> dict[int, ErrorSums]:
    """Return the errors of the predictor `name` by number of a channel; those without origins have none."""
    return {number: sums[name].errors for number, sums in channels.items() if name in sums}


def losses_of(errors: Mapping[int, ErrorSums]) -> Array:
    """Return the normalised error of each origin, (O,), weighted so that their mean is the mean over the channels.

    Channels without origins, or whose targets are constant, have no normalised error: they are left out.
    """
    scored = [sums for sums in errors.values() if len(sums.origin_mse) and sums.y_true.variance > 0]
    total = sum(len(sums.origin_mse) for sums in scored)
    with np.errstate(over="ignore"):
        weighted = [
            sums.origin_mse / sums.y_true.variance * (total / (len(scored) * len(sums.origin_mse))) for sums in scored
        ]
    return np.concatenate(weighted) if weighted else np.zeros(0)


def _horizon(evaluation: Mapping[str, Any], baseline_losses: Mapping[str, Array], *, closed: bool) -> Horizon:
    """Return what was scored, and the best baseline; UsageError where there is nothing to score."""
    means = {name: float(loss.mean()) for name, loss in baseline_losses.items() if len(loss)}
    finite = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    if not finite:
        reasons = [reason for part in evaluation["parts"] for reason in part["reasons"].values()]
        hint = "The test part, the last of --split, must hold changing values and have room for a window's target."
        raise UsageError(f"There is nothing to compare on: {reasons[0]}.", hint=hint)
    channels = tuple((part["signal"], part["channel"], part["origins"]) for part in evaluation["parts"])
    best = min(finite, key=lambda name: finite[name])
    return Horizon(evaluation["horizon"], evaluation["stride"], channels, best, closed)


def _score(name: str, errors: Mapping[int, ErrorSums], best_losses: Array, horizon: Horizon) -> Scored:
    """Score the `errors` of one predictor by channel against the losses of the best baseline."""
    losses = losses_of(errors)
    nmses = tuple(errors[k].nmse().value if k in errors else None for k in range(len(horizon.parts)))
    if len(losses) != len(best_losses) or not np.isfinite(losses).all():
        return Scored(None, parts=nmses)
    nmse = float(np.mean([value for value in nmses if value is not None]))
    if name == horizon.best:
        return Scored(nmse, 0.0, "same", name, nmses)
    best = float(best_losses.mean())
    skill = 1 - nmse / best if best > 0 else None
    verdict = weigh(losses, best_losses, overlap=horizon.overlap, baseline=horizon.best)
    return Scored(nmse, skill, verdict.kind, horizon.best, nmses)
