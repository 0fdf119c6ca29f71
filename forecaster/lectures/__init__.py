"""The lectures' worked examples, worked by the equations that the program's networks run on.

>>> working = work("basic-rnn", ["b=.4"])
>>> [round(line.value, 4) for line in working.steps[0].lines]
[0.5299, 0.2299]
"""

from __future__ import annotations

from collections.abc import Iterable

from forecaster.errors import UsageError, printable
from forecaster.lectures import deck_a, gated_units, gradients, weather
from forecaster.lectures.working import Example, Line, Note, Parameter, Step, Table, Working, numbers

__all__ = ["GROUPS", "Example", "Line", "Note", "Parameter", "Step", "Table", "Working", "example", "names", "work"]

GROUPS: dict[str, tuple[Example, ...]] = {
    "One unit, step by step": (
        deck_a.BASIC_RNN,
        deck_a.TRADITIONAL_LSTM,
        gated_units.LSTM_BUILD_UP,
        gated_units.LSTM_SIGMOID_STATE,
        gated_units.GRU,
    ),
    "A network over symbols": (weather.WEATHER,),
    "Activations and gradients": (gradients.ACTIVATIONS, gradients.VANISHING_GRADIENT),
}
_BY_NAME = {example.name: example for group in GROUPS.values() for example in group}


def names() -> tuple[str, ...]:
    """Return the names of all examples, in the order in which they are taught."""
    return tuple(_BY_NAME)


def example(name: str) -> Example:
    """Return the example `name`.

    Raises:
        UsageError: there is none of that name; says which there are.
    """
    if name in _BY_NAME:
        return _BY_NAME[name]
    # Loaded only for a name that was mistyped.
    from difflib import get_close_matches

    close = get_close_matches(name, names())
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names())}."
    raise UsageError(f"No worked example is called {printable(name, 80)!r}.", hint=hint)


def work(name: str, settings: Iterable[str] = ()) -> Working:
    """Return the example `name` worked, with the person's own numbers (``NAME=VALUES``) in place of the lecture's.

    Raises:
        UsageError: an unknown example or number, or values that do not fit.
    """
    chosen = example(name)
    return chosen.work(numbers(chosen.parameters, settings))
