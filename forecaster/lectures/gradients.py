"""The activations with their derivatives, and the vanishing gradient: a chain of slopes below one.

Source: decks A to E, the sections on activations and on the vanishing gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from forecaster.equations import activations as act
from forecaster.lectures.working import (
    Array,
    Cell,
    Example,
    Line,
    Note,
    Numbers,
    Step,
    Table,
    Working,
    factor,
    parameter,
    short,
)

# Each activation and its derivative.
FUNCTIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "sigmoid": (act.sigmoid, act.sigmoid_derivative),
    "tanh": (act.tanh, act.tanh_derivative),
    "ReLU": (act.relu, act.relu_derivative),
    "softplus": (act.softplus, act.softplus_derivative),
}
# Half the distance between the two points of a difference quotient.
DIFFERENCE = 1e-5


def work_activations(numbers: Numbers) -> Working:
    """Return the value and the derivative of every activation at every x."""
    x = numbers["x"]
    tables = (
        _by_x("Value", x, {name: function(x) for name, (function, _) in FUNCTIONS.items()}),
        _by_x("Derivative", x, {f"{name}'": derivative(x) for name, (_, derivative) in FUNCTIONS.items()}),
    )
    return Working(numbers, tuple(_activations_at(float(point)) for point in x), tables, (_quotients(x),))


def _by_x(title: str, x: Array, columns: dict[str, Array]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (short(float(point)), *(float(column[k]) for column in columns.values())) for k, point in enumerate(x)
    ]
    return Table(title, ("x", *columns), tuple(rows))


def _activations_at(x: float) -> Step:
    """Return the values and the slopes at one x written out; the slopes in terms of the values."""
    # The equations take arrays, for they compute in the precision of these.
    point = np.asarray(x)
    values = {name: (float(function(point)), float(slope(point))) for name, (function, slope) in FUNCTIONS.items()}
    sig, tanh = values["sigmoid"][0], values["tanh"][0]
    written = {
        "sigmoid": (f"1 / (1 + exp({short(-x)}))", f"{short(sig)}*(1 - {short(sig)})"),
        "tanh": (f"2 sig(2*{factor(x)}) - 1", f"1 - {factor(tanh)}^2"),
        "ReLU": (f"max({short(x)}, 0)", f"[{short(x)} > 0]"),
        "softplus": (f"log(1 + exp({short(x)}))", f"sig({short(x)})"),
    }
    lines = []
    for name in FUNCTIONS:
        lines.append(Line(name, "value", written[name][0], values[name][0]))
        lines.append(Line(f"{name}'", "derivative", written[name][1], values[name][1]))
    return Step(f"x = {short(x)}", "", tuple(lines))


def _quotients(x: Array) -> Note:
    """Return how far the derivatives are from difference quotients, at every x but ReLU's corner."""
    # Near 0 a difference quotient of ReLU would straddle its corner.
    smooth = x[np.abs(x) > DIFFERENCE]
    gaps = []
    for function, derivative in FUNCTIONS.values():
        quotient = (function(smooth + DIFFERENCE) - function(smooth - DIFFERENCE)) / (2 * DIFFERENCE)
        gaps.append(np.abs(quotient - derivative(smooth)).max(initial=0.0))
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


ACTIVATIONS = Example(
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
    parameters=(parameter("x", [-2, -1, 0, 1, 2], "points, any number of them", any_count=True, low=-1000, high=1000),),
    work=work_activations,
    about="sigmoid, tanh, ReLU, softplus: values and derivatives at points of your choice",
)


def factors(numbers: Numbers) -> dict[str, float]:
    """Return what one step back multiplies the gradient by, for each kind of chain."""
    x, w = numbers["x"], float(numbers["w"])
    return {
        "sigmoid": float(w * act.sigmoid_derivative(x)),
        "tanh": float(w * act.tanh_derivative(x)),
        "LSTM state": float(numbers["f"]),
    }


def powers(numbers: Numbers, lags: Array) -> dict[str, Array]:
    """Return what `lags` steps back multiply the gradient by, for each kind of chain."""
    return {name: value**lags for name, value in factors(numbers).items()}


def work_vanishing_gradient(numbers: Numbers) -> Working:
    """Return the factor of one step back written out, and its powers."""
    x, w, f = (float(numbers[name]) for name in ("x", "w", "f"))
    sigmoid_slope, tanh_slope = (float(slope(np.asarray(x))) for slope in (act.sigmoid_derivative, act.tanh_derivative))
    by_chain = factors(numbers)
    lines = (
        Line("sigmoid", "w sig(x) (1 - sig(x))", f"{short(w)}*{factor(sigmoid_slope)}", by_chain["sigmoid"]),
        Line("tanh", "w (1 - tanh(x)^2)", f"{short(w)}*{factor(tanh_slope)}", by_chain["tanh"]),
        Line("LSTM state", "the forget gate", "f", by_chain["LSTM state"]),
    )
    step = Step("one step back", f"x = {short(x)}, w = {short(w)}, f = {short(f)}", lines)
    columns = powers(numbers, numbers["lags"])
    rows = tuple(
        (int(lag), *(float(column[k]) for column in columns.values())) for k, lag in enumerate(numbers["lags"])
    )
    table = Table("What is left of a gradient after so many steps", ("steps back", *columns), rows, powers=True)
    note = Note(
        "The sigmoid's slope is at most {top}, where x = 0; tanh's is at most {tanh_top}, and smaller everywhere else: "
        "--set x=1 shows it. Along the state of an LSTM the factor is the forget gate, which the network can hold near "
        "1 (the paths through its gates are left out here).",
        {
            "top": float(act.sigmoid_derivative(np.zeros(()))),
            "tanh_top": float(act.tanh_derivative(np.zeros(()))),
        },
    )
    return Working(numbers, (step,), (table,), (note,))


VANISHING_GRADIENT = Example(
    name="vanishing-gradient",
    title="The vanishing gradient: a chain of slopes",
    slide="decks A to E: the vanishing gradient",
    source="decks A to E, the sections on the vanishing gradient",
    equations=(
        "s_t = act(w s_{t-1} + ...)                 one unit, back through time:\n"
        "d s_t / d s_{t-k} = (w act'(x))^k          act' at the sum x, here the same at every step\n"
        "d s_t / d s_{t-k} = f^k                    along the state of an LSTM, s_t = f s_{t-1} + i a"
    ),
    parameters=(
        parameter("lags", [5, 10, 25], "numbers of steps back", integer=True, any_count=True, low=0, high=1000),
        parameter("x", 0, "sum before the activation; 0 is where the slopes are largest", low=-100, high=100),
        parameter("w", 1, "weight from state to state", low=-1, high=1),
        parameter("f", 0.9, "forget gate of the LSTM", low=0, high=1),
    ),
    work=work_vanishing_gradient,
    about=".25^5, .25^10, .25^25: the sigmoid's slope is at most a quarter",
)
