"""Several predictors under one budget: trained on the same windows, scored from the same origins.

The baselines are fitted and scored once, and stand beside every network. A score over several
signals or channels is the mean of their normalised errors.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecaster import networks
from forecaster.config import Recipe, RunConfig, Task
from forecaster.errors import ForecasterError, UsageError, printable
from forecaster.evaluation.metrics import ErrorSums
from forecaster.evaluation.verdict import Kind, weigh
from forecaster.model import Forecaster, Shared
from forecaster.predictors import Predictor, baselines, names, predictor_class
from forecaster.predictors.threads import one_blas_thread
from forecaster.signal.signal import Signal
from forecaster.training import Progress
from forecaster.training.preparation import prepare, resolved

Array = NDArray[np.float64]
Tallies = dict[int, ErrorSums]
"""number of a part -> the errors of one predictor there."""
Watch = Callable[[str, int, int], Progress | None]
"""name, its number from 1, and of how many: a network's training begins."""
Keep = Callable[[str, Forecaster], str]
"""name and trained model: save it, and return the path."""
Status = Literal["done", "interrupted", "failed"]
TASK: Task = "forecast"


@dataclass(frozen=True)
class Scored:
    """The error of one predictor at one horizon.

    `skill` is 1 - nmse / nmse of `against`, the best baseline: positive is better. `verdict` is
    "same" where the difference lies within the uncertainty, "unknown" where there are too few
    origins to tell.
    """

    nmse: float | None
    skill: float | None = None
    verdict: Kind = "unknown"
    against: str = ""
    parts: tuple[float | None, ...] = ()


@dataclass(frozen=True)
class Horizon:
    """What was scored: `horizon` and `stride` in samples, (signal, channel, origins) of each part, the best baseline.

    `closed` tells a closed loop from the next segment.
    """

    horizon: int
    stride: int
    parts: tuple[tuple[str, str, int], ...]
    best: str
    closed: bool

    @property
    def origins(self) -> int:
        """The origins of all parts."""
        return sum(count for _, _, count in self.parts)


@dataclass
class Row:
    """One predictor: its size, what its training took, its scores by horizon.

    `seconds` are those of the fit alone. `parameters`, `steps` and `best_step` are None where
    there are none; `reason` says what went wrong; `saved` is the model folder, or "".
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
    fitting = [name for name in names() if _task(name) == TASK]
    if text is None:
        return tuple(name for name in fitting if name in networks.names())
    given = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    for name in given:
        _check(name, fitting)
    if not given:
        raise UsageError("--predictors names no predictor.", hint=f"Known are: {', '.join(fitting)}.")
    return tuple(fitting) if "all" in given else tuple(given)


def _check(name: str, fitting: Sequence[str]) -> None:
    """Refuse a `name` that cannot stand in the comparison."""
    if name == "all" or name in fitting:
        return
    known = f"Known are: {', '.join(fitting)}; `all` is all of them."
    if name not in names():
        raise UsageError(f"There is no predictor {printable(name, 80)!r}.", hint=known)
    raise UsageError(f"{name} does not forecast numbers, which is what is compared here.", hint=known)


def _task(name: str) -> str:
    return getattr(predictor_class(name), "task", TASK)


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

    The parameters and the carried state of `config` are those of its own predictor. One that
    fails does not stop the others; Ctrl-C ends the training, and what is finished is kept.
    Baselines among `predictors` are trained as models only for `keep`.

    Raises SignalError, TooShortError or UsageError for signals that do not fit, or hold nothing to score.
    """
    bench = _Bench.of(signals, config)
    for name in predictors:
        resolved(bench.config_of(name), signals)
    wanted = [name for name in predictors if keep or name not in bench.rows]
    result = Comparison(bench.config, bench.horizons, [])
    networks = [name for name in wanted if name not in bench.rows]
    for number, name in enumerate(wanted):
        try:
            progress = watch(name, networks.index(name) + 1, len(networks)) if watch and name in networks else None
            row = bench.train(name, progress, keep)
        except KeyboardInterrupt:
            result.interrupted, result.missing = True, tuple(wanted[number:])
            break
        if row.status == "interrupted":
            result.interrupted, result.missing = True, tuple(wanted[number + 1 :])
            break
    first = bench.horizons[0].horizon
    result.rows = sorted(bench.rows.values(), key=lambda row: _order(row.at(first).nmse))
    return result


def _order(nmse: float | None) -> float:
    return math.inf if nmse is None else nmse


@dataclass
class _Bench:
    """What all share: signals, windows, baselines with their errors, and the rows so far."""

    signals: Sequence[Signal]
    config: RunConfig
    shared: Shared
    horizons: tuple[Horizon, ...]
    losses: dict[int, dict[str, Array]]
    rows: dict[str, Row]

    @classmethod
    def of(cls, signals: Sequence[Signal], config: RunConfig) -> _Bench:
        """Prepare the windows, and fit and score the baselines."""
        config = config.model_copy(update={"recipe": _of_one_budget(config.recipe)})
        first = baselines(TASK)[0]
        plain = resolved(_as(config, first), signals)
        prepared = prepare(signals, plain)
        fitted: dict[str, Predictor] = {}
        seconds = {}
        for name in baselines(TASK):
            began = time.monotonic()
            with one_blas_thread():
                fitted[name] = predictor_class(name).fit(prepared.splits)
            seconds[name] = time.monotonic() - began
        shared = Shared(prepared, fitted)
        model = Forecaster.fit(signals, plain, shared=shared)
        losses = {
            horizon: {name: losses_of(_tallies(shared, horizon, name)) for name in fitted} for horizon in shared.sums
        }
        horizons = tuple(_horizon(evaluation, losses, k > 0) for k, evaluation in enumerate(model.stored))
        bench = cls(signals, config, shared, horizons, losses, {})
        for name, one in fitted.items():
            row = Row(name, True, parameters=size(one), seconds=seconds[name])
            bench.rows[name] = bench.scored(row, name)
        return bench

    def config_of(self, name: str) -> RunConfig:
        """Return the run that trains the predictor `name`."""
        return self.config if name == self.config.predictor else _as(self.config, name)

    def train(self, name: str, progress: Progress | None, keep: Keep | None) -> Row:
        """Train, score and keep one predictor; what goes wrong stands in its row."""
        row = self.rows.get(name) or Row(name, False)
        row.config = self.config_of(name)
        try:
            model = Forecaster.fit(self.signals, row.config, progress=progress, shared=self.shared)
            if not row.baseline:
                self.scored(_trained(row, model), "model")
            self.rows[name] = row
            row.saved = keep(name, model) if keep else ""
        except ForecasterError as error:
            row.reason = str(error)
            row.status = row.status if row.scores else "failed"
            self.rows[name] = row
        return row

    def scored(self, row: Row, known_as: str) -> Row:
        """Score the row's predictor, whose errors are known as `known_as`, at every horizon."""
        for one in self.horizons:
            tallies = _tallies(self.shared, one.horizon, known_as)
            row.scores[one.horizon] = _score(row.predictor, tallies, self.losses[one.horizon], one)
        return row


def _of_one_budget(recipe: Recipe) -> Recipe:
    """Return `recipe` with its steps chosen, so that no network takes as many as it is usually trained with."""
    return Recipe.model_validate({**recipe.model_dump(exclude_unset=True), "steps": recipe.steps})


def _as(config: RunConfig, name: str) -> RunConfig:
    """Return `config` for another predictor than its own: parameters and carried state belong to that one."""
    return config.model_copy(update={"predictor": name, "parameters": {}, "carry_state": False})


def _trained(row: Row, model: Forecaster) -> Row:
    """Note in `row` what the training took."""
    history = model.history
    row.status = "interrupted" if model.interrupted else "done"
    row.parameters, row.config, row.history = size(model.predictor), model.config, history
    if history:  # what is fitted in closed form has none
        best = min(history, key=lambda epoch: epoch.get("validation_loss", math.inf))
        row.steps, row.best_step, row.seconds = int(history[-1]["step"]), int(best["step"]), history[-1]["seconds"]
    return row


def size(predictor: Predictor) -> int:
    """Return how many numbers a predictor has learned."""
    return sum(tensor.size for tensor in predictor.tensors().values())


def _tallies(shared: Shared, horizon: int, name: str) -> Tallies:
    """Return the errors of `name` in every part that has origins."""
    return {part: sums[name].errors for part, sums in shared.sums[horizon].items() if name in sums}


def losses_of(tallies: Mapping[int, ErrorSums]) -> Array:
    """Return the normalised error of each origin, (O,), weighted so that their mean is the mean over the parts.

    Parts without origins, or whose truth is constant, have no normalised error: they are left out.
    """
    known = [tally for tally in tallies.values() if len(tally.origin_mse) and tally.y_true.variance > 0]
    total = sum(len(tally.origin_mse) for tally in known)
    with np.errstate(over="ignore"):
        weighted = [t.origin_mse / t.y_true.variance * (total / (len(known) * len(t.origin_mse))) for t in known]
    return np.concatenate(weighted) if weighted else np.zeros(0)


def _horizon(evaluation: Mapping[str, Any], losses: Mapping[int, Mapping[str, Array]], closed: bool) -> Horizon:
    """Name what was scored, and the best baseline; UsageError where there is nothing to score."""
    means = {name: float(loss.mean()) for name, loss in losses[evaluation["horizon"]].items() if len(loss)}
    known = {name: mean for name, mean in means.items() if math.isfinite(mean)}
    if not known:
        reasons = [reason for part in evaluation["parts"] for reason in part["reasons"].values()]
        hint = "The test part, the last of --split, must hold changing values and have room for a window's target."
        raise UsageError(f"There is nothing to compare on: {reasons[0]}.", hint=hint)
    parts = tuple((part["signal"], part["channel"], part["origins"]) for part in evaluation["parts"])
    best = min(known, key=lambda name: known[name])
    return Horizon(evaluation["horizon"], evaluation["stride"], parts, best, closed)


def _score(name: str, tallies: Tallies, rivals: Mapping[str, Array], horizon: Horizon) -> Scored:
    """Score one predictor against the best baseline."""
    own, theirs = losses_of(tallies), rivals[horizon.best]
    parts = tuple(tallies[k].nmse().value if k in tallies else None for k in range(len(horizon.parts)))
    if len(own) != len(theirs) or not np.isfinite(own).all():
        return Scored(None, parts=parts)
    nmse = _mean(value for value in parts if value is not None)
    if name == horizon.best:
        return Scored(nmse, 0.0, "same", name, parts)
    best = float(theirs.mean())
    found = weigh(own, theirs, overlap=-(-horizon.horizon // horizon.stride), baseline=horizon.best)
    return Scored(nmse, 1 - nmse / best if best > 0 else None, found.kind, horizon.best, parts)


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
