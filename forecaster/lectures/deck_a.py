"""The inputs, targets and weights of deck A, which its networks and those of deck E share.

Source: deck A (COMP5331, R. Wong), "Basic RNN" and "Traditional LSTM".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forecaster.lectures.working import Array, Given, Line, Numbers, Table, given
from forecaster.lectures.writing import Sum, short, weighted

INPUTS = (
    given("x1", [0.1, 0.4], "the two inputs at t = 1"),
    given("target1", 0.3, "target at t = 1"),
    given("x2", [0.7, 0.9], "the two inputs at t = 2"),
    given("target2", 0.5, "target at t = 2"),
)
FORGET = (0.7, 0.3, 0.4), 0.4
INPUT = (0.2, 0.3, 0.4), 0.2
CANDIDATE = (0.4, 0.2, 0.1), 0.5
OUTPUT = (0.8, 0.9, 0.2), 0.3


def row(letter: str, weights: tuple[float, ...], meaning: str, last: str = "y-") -> Given:
    """Return the weights of a gate as a Given: two of the inputs, one of the last output."""
    return given(f"W{letter}", weights, f"{meaning}: weights of x(1), x(2) and {last}")


def gate(letter: str, values: tuple[tuple[float, ...], float], meaning: str) -> tuple[Given, Given]:
    """Return the weights and the bias of a gate as two Givens."""
    weights, bias = values
    return row(letter, weights, meaning), given(f"b{letter}", bias, f"{meaning}: bias")


def sequence(numbers: Numbers) -> Array:
    """Return x1, x2 ... as one window, (1, S, 2)."""
    return np.stack([numbers[f"x{t}"] for t in range(1, count(numbers) + 1)])[None]


def count(numbers: Numbers) -> int:
    """Return the number of time steps."""
    return sum(name[0] == "x" and name[1:].isdigit() for name in numbers)


def matrices(numbers: Numbers, letters: str) -> dict[str, Array]:
    """Return weights and biases as the equations take them: W (3, 1), transposed, and b (1,)."""
    weights = {f"W{letter}": numbers[f"W{letter}"][:, None] for letter in letters}
    return weights | {f"b{g}": numbers[f"b{g}"][None] for g in letters if f"b{g}" in numbers}


def sums(numbers: Numbers, letter: str, seen: Array) -> Sum:
    """Write out W [x, y-] + b of a gate, for what it sees, (3,)."""
    return weighted(numbers[f"W{letter}"].tolist(), seen.tolist(), *map(float, _bias(numbers, letter)))


def _bias(numbers: Numbers, letter: str) -> tuple[Array, ...]:
    return (numbers[f"b{letter}"],) if f"b{letter}" in numbers else ()


def before(values: NDArray, t: int) -> float:
    """Return what a quantity (1, S, 1) was one step before step `t`, counted from 0; zero at first."""
    return float(values[0, t - 1, 0]) if t else 0.0


def known(numbers: Numbers, t: int, **others: float) -> str:
    """Say what a step starts from: ``x = (.1, .4), y- = 0``."""
    x = ", ".join(map(short, numbers[f"x{t + 1}"].tolist()))
    return ", ".join([f"x = ({x})", *(f"{name}- = {short(value)}" for name, value in others.items())])


def error(numbers: Numbers, t: int, name: str, value: float) -> tuple[Line, ...]:
    """Return the line of the error, output - target, where the step has a target."""
    target = numbers.get(f"target{t + 1}")
    if target is None:
        return ()
    written = f"{short(value)} - {short(float(target))}".replace("- -", "+ ")
    return (Line("error", f"{name} - target", written, value - float(target)),)


def summary(numbers: Numbers, columns: Mapping[str, NDArray], title: str = "All steps") -> Table:
    """Return the table of every quantity (1, S, 1) by step, the last column's error included."""
    y = list(columns.values())[-1]
    rows = []
    for t in range(count(numbers)):
        target = numbers.get(f"target{t + 1}")
        ends = (None, None) if target is None else (float(target), float(y[0, t, 0] - target))
        rows.append((t + 1, *(float(values[0, t, 0]) for values in columns.values()), *ends))
    return Table(title, ("t", *columns, "target", "error"), tuple(rows))
