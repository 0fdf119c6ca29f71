"""The lectures' worked examples, worked by the equations that the program's networks run on.

>>> working = work("basic-rnn", ["b=.4"])
>>> [round(line.value, 4) for line in working.steps[0].lines]
[0.5299, 0.2299]
"""

from __future__ import annotations

from collections.abc import Iterable

from forecaster.errors import UsageError, printable
from forecaster.lectures import (
    activations,
    basic_rnn,
    gru,
    lstm_build_up,
    traditional_lstm,
    vanishing_gradient,
    weather,
)
from forecaster.lectures.numbers import numbers
from forecaster.lectures.working import Example, Given, Line, Note, Step, Table, Working

__all__ = ["GROUPS", "Example", "Given", "Line", "Note", "Step", "Table", "Working", "example", "names", "work"]

GROUPS: dict[str, tuple[Example, ...]] = {
    "One unit, step by step": (
        basic_rnn.EXAMPLE,
        traditional_lstm.EXAMPLE,
        lstm_build_up.EXAMPLE,
        lstm_build_up.SIGMOID_STATE,
        gru.EXAMPLE,
    ),
    "A network over symbols": (weather.EXAMPLE,),
    "Activations and gradients": (activations.EXAMPLE, vanishing_gradient.EXAMPLE),
}


def names() -> tuple[str, ...]:
    """Return the names of all examples, in the order in which they are taught."""
    return tuple(one.name for group in GROUPS.values() for one in group)


def example(name: str) -> Example:
    """Return an example by its name.

    Raises:
        UsageError: there is none of that name; says which there are.
    """
    for group in GROUPS.values():
        for one in group:
            if one.name == name:
                return one
    from difflib import get_close_matches

    close = get_close_matches(name, names())
    hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names())}."
    raise UsageError(f"No worked example is called {printable(name, 80)!r}.", hint=hint)


def work(name: str, settings: Iterable[str] = ()) -> Working:
    """Work an example, with the person's own numbers (``NAME=VALUES``) in place of the lecture's.

    Raises:
        UsageError: an unknown example or number, or values that do not fit.
    """
    one = example(name)
    return one.work(numbers(one.given, settings))
