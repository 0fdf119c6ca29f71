"""The predictors: baselines, ridge and every network, behind one protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from forecaster import networks
from forecaster.config import Task, Window
from forecaster.errors import ModelError, UsageError
from forecaster.predictors.base import Predictor, Specs, TensorSpec
from forecaster.predictors.ensemble import Ensemble
from forecaster.predictors.harmonic import Harmonic
from forecaster.predictors.local_ar import LocalAR
from forecaster.predictors.naive import LastValue, Mean, RepeatSegment, SeasonalNaive
from forecaster.predictors.network import NetworkPredictor
from forecaster.predictors.network import kind as network_kind
from forecaster.predictors.periodic import PeriodicRidge
from forecaster.predictors.ridge import DirectRidge, LevelRidge, Ridge
from forecaster.predictors.symbolic import LastSymbol, Markov, MostFrequent, SymbolNetwork, SymbolPredictor
from forecaster.predictors.template import TemplateRidge

__all__ = [
    "AUTO",
    "BASELINES",
    "Ensemble",
    "NetworkPredictor",
    "Predictor",
    "SymbolPredictor",
    "TensorSpec",
    "as_loaded",
    "baselines",
    "describe",
    "direct",
    "kind",
    "names",
    "parameters",
    "restore",
    "restore_all",
    "specs",
]

_NUMBERS = (LastValue, RepeatSegment, SeasonalNaive, Mean, Harmonic, LocalAR, Ridge)
_CLOSED_FORM = (*_NUMBERS, LastSymbol, MostFrequent, Markov)
BASELINES = tuple(one.name for one in _CLOSED_FORM)
"""Those of a model's task are fitted at its training and scored beside it."""
CLOSED_FORM: dict[str, Any] = {
    one.name: one for one in (*_CLOSED_FORM, LevelRidge, PeriodicRidge, TemplateRidge, DirectRidge)
}
AUTO = (LevelRidge.name, TemplateRidge.name)
"""Those in closed form that stand in the combination without being baselines."""
NETWORKS: dict[Task, type[NetworkPredictor]] = {one.task: one for one in (NetworkPredictor, SymbolNetwork)}


def names() -> tuple[str, ...]:
    """Return every predictor's name: the combination of them, the baselines, then the networks."""
    return (Ensemble.name, *CLOSED_FORM, *networks.names())


def direct() -> tuple[str, ...]:
    """Return the predictors, but for the combination, that can make several segments in one pass."""
    return (DirectRidge.name, PeriodicRidge.name, *networks.direct())


def baselines(task: Task) -> tuple[str, ...]:
    """Return the baselines of a task.

    >>> baselines("symbols")
    ('last-symbol', 'most-frequent', 'markov')
    """
    return tuple(name for name in BASELINES if CLOSED_FORM[name].task == task)


@cache
def kind(name: str) -> Any:
    """Return the class of the predictor `name`; UsageError names those that exist."""
    if name in CLOSED_FORM or name == Ensemble.name:
        return CLOSED_FORM.get(name, Ensemble)
    if name not in networks.names():
        raise UsageError(f"There is no predictor {name!r}.", hint=f"Choose one of: {', '.join(names())}.")
    return network_kind(name, NETWORKS[networks.task(name)])


def describe(name: str) -> str:
    """Return one line on what the predictor `name` does."""
    known = name not in networks.names()
    text = kind(name).__doc__ if known else import_module(networks.network(name).__name__).__doc__
    return (text or "").strip().splitlines()[0]


def parameters(name: str, given: Mapping[str, Any]) -> Any:
    """Return the parameters of the network `name`, `given` in place of its own; None of a baseline, which has none.

    Raises UsageError for a parameter that it does not have, or a value that does not fit.
    """
    if name not in networks.names():
        if given:
            raise UsageError(f"{name} has no parameters to set; found {', '.join(given)}.")
        return None
    members = kind(name).Parameters
    try:
        return members.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        found = f"The parameter {'.'.join(map(str, first['loc']))!r} of {name} is not valid: {first['msg']}."
        raise UsageError(found, hint=f"It has: {', '.join(members.model_fields)}.") from None


def specs(name: str, parameters: dict[str, Any], window: Window, n_channels: int) -> Specs:
    """Compute the tensors that a model folder must hold for a predictor; ModelError if it cannot be."""
    chosen = _known(name)
    try:
        return dict(chosen.specs(chosen.Parameters.model_validate(parameters), window, n_channels))
    except (ValidationError, ValueError) as error:
        raise ModelError(f"The parameters of {name!r} in model.json are not valid: {_first(error)}") from None


def restore(name: str, parameters: dict[str, Any], tensors: dict[str, NDArray], window: Window) -> Predictor:
    """Make a predictor from what a model folder holds; its tensors have passed `specs`."""
    chosen = _known(name)
    restored: Predictor = chosen.restore(chosen.Parameters.model_validate(parameters), tensors, window)
    return restored


def restore_all(
    states: Iterable[tuple[str, dict[str, Any], dict[str, NDArray]]], window: Window
) -> tuple[Predictor, ...]:
    """Return a model's predictors, each from its name, parameters and tensors; an ensemble comes first, and is bound.

    Every array is laid out as a file's bytes are read (in C order), wherever it comes from. So what was
    just fitted and what is loaded later compute the same bits.
    """
    first, *others = [
        restore(name, parameters, {key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}, window)
        for name, parameters, tensors in states
    ]
    return (first.with_members(others) if isinstance(first, Ensemble) else first, *others)


def as_loaded(predictors: Sequence[Predictor]) -> tuple[Predictor, ...]:
    """Return fitted `predictors` as a model folder would give them back."""
    states = [(p.name, p.parameters.model_dump(mode="json"), p.tensors()) for p in predictors]
    return restore_all(states, predictors[0].window)


def _known(name: str) -> Any:
    try:
        return kind(name)
    except UsageError:
        found = f"model.json names the predictor {name!r}, which this version does not have."
        raise ModelError(found) from None


def _first(error: Exception) -> str:
    """Return the first complaint of a validation, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
