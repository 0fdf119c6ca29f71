"""Why a gradient vanishes: a chain of slopes below one."""

from __future__ import annotations

import numpy as np

from forecaster.equations.activations import sigmoid_derivative, tanh_derivative
from forecaster.lectures.working import Array, Example, Line, Note, Numbers, Step, Table, Working, given
from forecaster.lectures.writing import factor, short


def factors(numbers: Numbers) -> dict[str, float]:
    """Return what one step back multiplies the gradient by, for each kind of chain."""
    x, w = numbers["x"], float(numbers["w"])
    return {
        "sigmoid": float(w * sigmoid_derivative(x)),
        "tanh": float(w * tanh_derivative(x)),
        "LSTM state": float(numbers["f"]),
    }


def powers(numbers: Numbers, lags: Array) -> dict[str, Array]:
    """Return those factors to the power of each lag."""
    return {name: value**lags for name, value in factors(numbers).items()}


def work(numbers: Numbers) -> Working:
    """Work the factor of one step, and its powers."""
    lags, table = numbers["lags"], powers(numbers, numbers["lags"])
    rows = tuple((int(lag), *(float(column[k]) for column in table.values())) for k, lag in enumerate(lags))
    shown = Table("What is left of a gradient after so many steps", ("steps back", *table), rows, powers=True)
    return Working(numbers, (_step(numbers),), (shown,), (_note(numbers),))


def _step(numbers: Numbers) -> Step:
    """Write out the factor of one step back."""
    x, w, f = (float(numbers[name]) for name in ("x", "w", "f"))
    one = factors(numbers)
    lines = (
        Line("sigmoid", "w sig(x) (1 - sig(x))", f"{short(w)}*{factor(_slope('sigmoid', x))}", one["sigmoid"]),
        Line("tanh", "w (1 - tanh(x)^2)", f"{short(w)}*{factor(_slope('tanh', x))}", one["tanh"]),
        Line("LSTM state", "the forget gate", "f", one["LSTM state"]),
    )
    return Step("one step back", f"x = {short(x)}, w = {short(w)}, f = {short(f)}", lines)


def _slope(kind: str, x: float) -> float:
    act = sigmoid_derivative if kind == "sigmoid" else tanh_derivative
    return float(act(np.asarray(x)))


def _note(numbers: Numbers) -> Note:
    top = float(sigmoid_derivative(np.zeros(())))
    return Note(
        "The sigmoid's slope is at most {top}, where x = 0; tanh's is at most {tanh_top}, and smaller everywhere else: "
        "--set x=1 shows it. Along the state of an LSTM the factor is the forget gate, which the network can hold near "
        "1 (the paths through its gates are left out here).",
        {"top": top, "tanh_top": float(tanh_derivative(np.zeros(())))},
    )


EXAMPLE = Example(
    name="vanishing-gradient",
    title="The vanishing gradient: a chain of slopes",
    slide="decks A to E: the vanishing gradient",
    source="decks A to E, the sections on the vanishing gradient",
    equations=(
        "s_t = act(w s_{t-1} + ...)                 one unit, back through time:\n"
        "d s_t / d s_{t-k} = (w act'(x))^k          act' at the sum x, here the same at every step\n"
        "d s_t / d s_{t-k} = f^k                    along the state of an LSTM, s_t = f s_{t-1} + i a"
    ),
    given=(
        given("lags", [5, 10, 25], "numbers of steps back", whole=True, free=True, low=0, high=1000),
        given("x", 0, "sum before the activation; 0 is where the slopes are largest", low=-100, high=100),
        given("w", 1, "weight from state to state", low=-1, high=1),
        given("f", 0.9, "forget gate of the LSTM", low=0, high=1),
    ),
    work=work,
    about=".25^5, .25^10, .25^25: the sigmoid's slope is at most a quarter",
)
