"""Which predictors there are, and how to make one by its name.

A predictor in closed form is one file of this package and one line of `CLOSED_FORM`. A network is a
file of `forecaster.networks`, and needs no line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from forecaster import networks
from forecaster.config import Frozen, TaskName, Window
from forecaster.errors import ModelError, UsageError
from forecaster.predictors.base import Predictor, Specs
from forecaster.predictors.ensemble import Ensemble

# Name -> module and class, imported when they are asked for. Baselines, and the members of the ensemble,
# stand in this order wherever several are shown or fitted.
CLOSED_FORM = {
    "last-value": "naive.LastValue",
    "repeat-segment": "naive.RepeatSegment",
    "seasonal-naive": "naive.SeasonalNaive",
    "mean": "naive.Mean",
    "harmonic": "harmonic.Harmonic",
    "local-ar": "local_ar.LocalAR",
    "ridge": "ridge.Ridge",
    "last-symbol": "symbolic.LastSymbol",
    "most-frequent": "symbolic.MostFrequent",
    "markov": "symbolic.Markov",
    "level-ridge": "ridge.LevelRidge",
    "periodic-ridge": "periodic.PeriodicRidge",
    "template-ridge": "template.TemplateRidge",
    "cycle-ridge": "cycle.CycleRidge",
    "direct-ridge": "ridge.DirectRidge",
}
NETWORK_CLASSES: dict[TaskName, str] = {"forecast": "network.NetworkPredictor", "symbols": "symbolic.SymbolNetwork"}


def names() -> tuple[str, ...]:
    """Return every predictor's name: the ensemble, those in closed form, then the networks."""
    return (Ensemble.name, *CLOSED_FORM, *networks.names())


@cache
def predictor_class(name: str) -> type[Predictor]:
    """Return the class of the predictor `name`; UsageError lists the names that exist."""
    if name == Ensemble.name:
        return Ensemble
    if name in CLOSED_FORM:
        return _imported(CLOSED_FORM[name])
    if name in networks.names():
        base: Any = _imported(NETWORK_CLASSES[networks.task(name)])
        return base.of(name)
    raise UsageError(f"There is no predictor {name!r}.", hint=f"Choose one of: {', '.join(names())}.")


def _imported(place: str) -> Any:
    module, _, class_name = place.partition(".")
    return getattr(import_module(f"forecaster.predictors.{module}"), class_name)


def label(name: str) -> str:
    """Return what a sentence calls the predictor `name`.

    >>> label("last-value")
    'repeating the last value'
    """
    return predictor_class(name).label


def describe(name: str) -> str:
    """Return one line on what the predictor `name` does: its docstring's first, or that of a network's module."""
    documented = import_module(networks.network(name).__name__) if name in networks.names() else predictor_class(name)
    return (documented.__doc__ or "").strip().splitlines()[0]


def baselines(task: TaskName) -> tuple[str, ...]:
    """Return the baselines of a task.

    >>> baselines("symbols")
    ('last-symbol', 'most-frequent', 'markov')
    """
    by_task: dict[TaskName, list[str]] = {}
    for predictor in map(predictor_class, CLOSED_FORM):
        if predictor.is_baseline:
            by_task.setdefault(predictor.task, []).append(predictor.name)
    return tuple(by_task[task])


def closed_form_members() -> tuple[str, ...]:
    """Return the members of the ensemble in closed form that are no baselines."""
    return tuple(name for name in CLOSED_FORM if predictor_class(name).joins_ensemble)


def direct() -> tuple[str, ...]:
    """Return the predictors, but for the ensemble, that can forecast several segments in one pass."""
    return (*sorted(name for name in CLOSED_FORM if predictor_class(name).is_direct), *networks.direct())


def parameters(name: str, chosen: Mapping[str, Any]) -> Any:
    """Return the parameters of the network `name`, its defaults replaced by those `chosen`; None if it is no network.

    Raises UsageError for a parameter that it does not have, or a value that does not fit.
    """
    if name not in networks.names():
        if chosen:
            raise UsageError(f"{name} has no parameters to set; found {', '.join(chosen)}.")
        return None
    fields = predictor_class(name).Parameters
    try:
        return fields.model_validate(dict(chosen))
    except ValidationError as error:
        first = error.errors()[0]
        message = f"The parameter {'.'.join(map(str, first['loc']))!r} of {name} is not valid: {first['msg']}."
        raise UsageError(message, hint=f"It has: {', '.join(fields.model_fields)}.") from None


def specs(name: str, parameters: dict[str, Any], window: Window, n_channels: int) -> Specs:
    """Return the tensors that a model folder must hold for a predictor; ModelError if its parameters are not valid."""
    stored = _stored_class(name)
    try:
        return dict(stored.specs(_strict(stored.Parameters, parameters), window, n_channels))
    except (ValidationError, ValueError) as error:
        raise ModelError(f"The parameters of {name!r} in model.json are not valid: {_first_line(error)}") from None


def _strict(fields: type[Frozen], parameters: Mapping[str, Any]) -> Frozen:
    """Return stored `parameters` as `fields`: no text for a number, and no true for a 1; a list is a tuple."""
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in parameters.items()}
    return fields.model_validate(values, strict=True)


def restore(name: str, parameters: dict[str, Any], tensors: dict[str, NDArray], window: Window) -> Predictor:
    """Return a predictor from what a model folder holds; its tensors have passed `specs`."""
    stored = _stored_class(name)
    return stored.restore(_strict(stored.Parameters, parameters), tensors, window)


def restore_all(
    states: Iterable[tuple[str, dict[str, Any], dict[str, NDArray]]], window: Window
) -> tuple[Predictor, ...]:
    """Return a model's predictors, each from its name, parameters and tensors; an ensemble gets its members.

    Every array is laid out as a file's bytes are read (in C order), wherever it comes from. So what was
    just fitted and what is loaded later compute the same bits.
    """
    restored = [
        restore(name, parameters, {key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}, window)
        for name, parameters, tensors in states
    ]
    return (restored[0].with_members(restored[1:]), *restored[1:])


def as_loaded(predictors: Sequence[Predictor]) -> tuple[Predictor, ...]:
    """Return fitted `predictors` as a model folder would give them back."""
    states = [(p.name, p.parameters.model_dump(mode="json"), p.tensors()) for p in predictors]
    return restore_all(states, predictors[0].window)


def _stored_class(name: str) -> type[Predictor]:
    try:
        return predictor_class(name)
    except UsageError:
        message = f"model.json names the predictor {name!r}, which this version does not have."
        raise ModelError(message) from None


def _first_line(error: Exception) -> str:
    """Return the first complaint of a validation, in one line."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return str(error)
