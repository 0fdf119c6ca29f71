"""The activations and their derivatives at some points."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecaster.equations import activations as act
from forecaster.lectures.working import Array, Cell, Example, Line, Note, Numbers, Step, Table, Working, given
from forecaster.lectures.writing import factor, short

FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (act.sigmoid, act.sigmoid_derivative),
    "tanh": (act.tanh, act.tanh_derivative),
    "ReLU": (act.relu, act.relu_derivative),
    "softplus": (act.softplus, act.softplus_derivative),
}
STEP = 1e-5


def work(numbers: Numbers) -> Working:
    """Work every function and derivative at every x."""
    x = numbers["x"]
    values = {name: (function(x), slope(x)) for name, (function, slope) in FUNCTIONS.items()}
    tables = (
        _table("Value", x, {name: value for name, (value, _) in values.items()}),
        _table("Derivative", x, {f"{name}'": slope for name, (_, slope) in values.items()}),
    )
    return Working(numbers, tuple(_step(float(one)) for one in x), tables, (_note(x),))


def _table(title: str, x: Array, columns: dict[str, Array]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (short(float(one)), *(float(column[k]) for column in columns.values())) for k, one in enumerate(x)
    ]
    return Table(title, ("x", *columns), tuple(rows))


def _step(x: float) -> Step:
    """Write out the values and the slopes at one x; the slopes in terms of the values."""
    value = {name: (float(f(np.asarray(x))), float(d(np.asarray(x)))) for name, (f, d) in FUNCTIONS.items()}
    sig, tanh = value["sigmoid"][0], value["tanh"][0]
    written = {
        "sigmoid": (f"1 / (1 + exp({short(-x)}))", f"{short(sig)}*(1 - {short(sig)})"),
        "tanh": (f"2 sig(2*{factor(x)}) - 1", f"1 - {factor(tanh)}^2"),
        "ReLU": (f"max({short(x)}, 0)", f"[{short(x)} > 0]"),
        "softplus": (f"log(1 + exp({short(x)}))", f"sig({short(x)})"),
    }
    lines = [
        Line(name + mark, meaning, written[name][k], value[name][k])
        for name in FUNCTIONS
        for k, (mark, meaning) in enumerate((("", "value"), ("'", "derivative")))
    ]
    return Step(f"x = {short(x)}", "", tuple(lines))


def _note(x: Array) -> Note:
    """Hold the derivatives against difference quotients, at every x but ReLU's corner."""
    away = x[np.abs(x) > STEP]
    gaps = [
        np.abs((f(away + STEP) - f(away - STEP)) / (2 * STEP) - slope(away)).max(initial=0.0)
        for f, slope in FUNCTIONS.values()
    ]
    return Note(
        "The derivatives agree with difference quotients at these points to {gap}. ReLU has a corner at 0 and no "
        "derivative there; 0 is taken. The others' slopes are largest at 0 (sigmoid {top}, tanh {tanh_top}), or far "
        "to the right (softplus, 1).",
        {
            "gap": float(max(gaps)),
            "top": float(act.sigmoid_derivative(np.zeros(()))),
            "tanh_top": float(act.tanh_derivative(np.zeros(()))),
        },
    )


EXAMPLE = Example(
    name="activations",
    title="The activations and their derivatives",
    slide="decks A to E: the activations",
    source="decks A to E, the sections on activations",
    equations=(
        "sigmoid(x)  = 1 / (1 + exp(-x))        sigmoid'  = sigmoid (1 - sigmoid)\n"
        "tanh(x)     = 2 sigmoid(2x) - 1        tanh'     = 1 - tanh^2\n"
        "ReLU(x)     = max(x, 0)                ReLU'     = [x > 0], which is 1 where that is so, else 0\n"
        "softplus(x) = log(1 + exp(x))          softplus' = sigmoid"
    ),
    given=(given("x", [-2, -1, 0, 1, 2], "points, any number of them", free=True, low=-1000, high=1000),),
    work=work,
    about="sigmoid, tanh, ReLU, softplus: values and derivatives at points of your choice",
)
