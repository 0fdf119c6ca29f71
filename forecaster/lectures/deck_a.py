"""Deck A's examples on one unit with two inputs, the basic RNN and the traditional LSTM, and what they share.

The weights, the inputs and the targets are the deck's. The examples of `gated_units` work with
them too.

Source: deck A (COMP5331, R. Wong), "Basic RNN" and "Traditional LSTM".
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forecaster.equations import lstm
from forecaster.equations.activations import sigmoid
from forecaster.equations.recurrent import basic_rnn
from forecaster.lectures.working import (
    DIGITS,
    Array,
    Example,
    Line,
    Note,
    Numbers,
    Parameter,
    Step,
    Sum,
    Table,
    Working,
    activated,
    factor,
    parameter,
    short,
    weighted,
)

INPUTS = (
    parameter("x1", [0.1, 0.4], "the two inputs at t = 1"),
    parameter("target1", 0.3, "target at t = 1"),
    parameter("x2", [0.7, 0.9], "the two inputs at t = 2"),
    parameter("target2", 0.5, "target at t = 2"),
)

# The weights of the two inputs and of the last output, and the bias, of each gate of the LSTM.
FORGET = (0.7, 0.3, 0.4), 0.4
INPUT = (0.2, 0.3, 0.4), 0.2
CANDIDATE = (0.4, 0.2, 0.1), 0.5
OUTPUT = (0.8, 0.9, 0.2), 0.3


def weights_of(letter: str, weights: tuple[float, ...], meaning: str, last: str = "y-") -> Parameter:
    """Return the weights of a gate as a parameter: two of the inputs, one of the last output."""
    return parameter(f"W{letter}", weights, f"{meaning}: weights of x(1), x(2) and {last}")


def gate(letter: str, values: tuple[tuple[float, ...], float], meaning: str) -> tuple[Parameter, Parameter]:
    """Return the weights and the bias of a gate as two parameters."""
    weights, bias = values
    return weights_of(letter, weights, meaning), parameter(f"b{letter}", bias, f"{meaning}: bias")


def count(numbers: Numbers) -> int:
    """Return the number of time steps."""
    return sum(name[0] == "x" and name[1:].isdigit() for name in numbers)


def sequence(numbers: Numbers) -> Array:
    """Return x1, x2 ... as one window, (1, S, 2)."""
    return np.stack([numbers[f"x{t}"] for t in range(1, count(numbers) + 1)])[None]


def matrices(numbers: Numbers, letters: str) -> dict[str, Array]:
    """Return the gates' weights as the equations take them: W (3, 1), transposed, and b (1,) if they have one."""
    weights = {f"W{letter}": numbers[f"W{letter}"][:, None] for letter in letters}
    return weights | {f"b{letter}": numbers[f"b{letter}"][None] for letter in letters if f"b{letter}" in numbers}


def gate_sum(numbers: Numbers, letter: str, xy: Array) -> Sum:
    """Return the sum W [x, y-] + b of a gate, for [x, y-] (3,)."""
    bias = [float(numbers[f"b{letter}"])] if f"b{letter}" in numbers else []
    return weighted(numbers[f"W{letter}"].tolist(), xy.tolist(), *bias)


def before(values: NDArray, t: int) -> float:
    """Return what a quantity (1, S, 1) was one step before step `t`, counted from 0; zero at first."""
    return float(values[0, t - 1, 0]) if t else 0.0


def start(numbers: Numbers, t: int, **last: float) -> str:
    """Return what a step starts from: ``x = (.1, .4), y- = 0``."""
    x = ", ".join(map(short, numbers[f"x{t + 1}"].tolist()))
    return ", ".join([f"x = ({x})", *(f"{name}- = {short(value)}" for name, value in last.items())])


def error(numbers: Numbers, t: int, name: str, value: float) -> tuple[Line, ...]:
    """Return the line of the error, output - target, if the step has a target."""
    target = numbers.get(f"target{t + 1}")
    if target is None:
        return ()
    # Minus a negative target is written as plus.
    written = f"{short(value)} - {short(float(target))}".replace("- -", "+ ")
    return (Line("error", f"{name} - target", written, value - float(target)),)


def summary(numbers: Numbers, columns: Mapping[str, NDArray], title: str = "All steps") -> Table:
    """Return the table of every quantity (1, S, 1) by step, with the target and the error of the last one."""
    # The last quantity of every example is its output.
    y = list(columns.values())[-1]
    rows = []
    for t in range(count(numbers)):
        target = numbers.get(f"target{t + 1}")
        ends = (None, None) if target is None else (float(target), float(y[0, t, 0] - target))
        rows.append((t + 1, *(float(values[0, t, 0]) for values in columns.values()), *ends))
    return Table(title, ("t", *columns, "target", "error"), tuple(rows))


def work_basic_rnn(numbers: Numbers) -> Working:
    """Return the forward pass of the basic RNN, step by step."""
    y = basic_rnn(sequence(numbers), numbers["W"][:, None], numbers["b"][None])
    steps = []
    for t in range(count(numbers)):
        last, value = before(y, t), float(y[0, t, 0])
        net = weighted(numbers["W"].tolist(), [*numbers[f"x{t + 1}"].tolist(), last], float(numbers["b"]))
        lines = (activated("y", "output and state", "tanh", net, value), *error(numbers, t, "y", value))
        steps.append(Step(f"t = {t + 1}", start(numbers, t, y=last), lines))
    return Working(numbers, tuple(steps), (summary(numbers, {"y": y}),))


BASIC_RNN = Example(
    name="basic-rnn",
    title="The basic RNN: one unit, two inputs",
    slide='decks A, B: "Basic RNN"',
    source='deck A (COMP5331, R. Wong), "Basic RNN"; the same in deck B (COMP7/8118 M50, X. Zhang)',
    equations="s_t = tanh(W [x_t, s_{t-1}] + b)   state\ny_t = s_t                          output",
    parameters=(
        *INPUTS,
        parameter("W", [0.7, 0.3, 0.4], "weights of x(1), x(2) and y-"),
        parameter("b", 0.4, "bias"),
    ),
    work=work_basic_rnn,
    about="the state is the output: net, output and error at each step",
)


def work_traditional_lstm(numbers: Numbers) -> Working:
    """Return the forward pass of the LSTM, step by step, and in notes the results of two common slips."""
    trace = _lstm(numbers)
    steps = tuple(_lstm_step(numbers, trace, t) for t in range(count(numbers)))
    with_forget_bias = _lstm({**numbers, "bf": numbers["bf"] + 1.0})
    notes = (
        Note(
            "Numbers are rounded only where they are shown. Whoever rounds every gate and state to four digits and "
            "goes on with those gets y = {y1_rounded} at t = 1.",
            {"y1_rounded": _rounded_output(numbers)},
        ),
        Note(
            "Many programs add 1 to the forget gate's bias. That is another network: "
            f"y = {{y_raised}} at t = {count(numbers)}.",
            {"y_raised": float(with_forget_bias.y[0, -1, 0])},
        ),
    )
    return Working(numbers, steps, (summary(numbers, trace._asdict()),), notes)


def _lstm(numbers: Numbers) -> lstm.Trace:
    return lstm.trace(sequence(numbers), *lstm.textbook_gates(matrices(numbers, "fiao")))


def _lstm_step(numbers: Numbers, trace: lstm.Trace, t: int) -> Step:
    """Return step `t`, counted from 0, written out."""
    s_last, y_last = before(trace.s, t), before(trace.y, t)
    f, i, a, s, o, y = (float(values[0, t, 0]) for values in trace)
    xy = np.append(numbers[f"x{t + 1}"], y_last)
    lines = (
        activated("f", "forget gate", "sig", gate_sum(numbers, "f", xy), f),
        activated("i", "input gate", "sig", gate_sum(numbers, "i", xy), i),
        activated("a", "candidate", "tanh", gate_sum(numbers, "a", xy), a),
        Line("s", "state, f s- + i a", f"{short(f)}*{factor(s_last)} + {short(i)}*{factor(a)}", s),
        activated("o", "output gate", "sig", gate_sum(numbers, "o", xy), o),
        Line("y", "output, o tanh(s)", f"{short(o)}*tanh({short(s)})", y),
        *error(numbers, t, "y", y),
    )
    return Step(f"t = {t + 1}", start(numbers, t, y=y_last, s=s_last), lines)


def _rounded_output(numbers: Numbers) -> float:
    """Return y at t = 1 as someone gets it who rounds every result to four digits and goes on with those."""
    # At the first step the last output and the last state are zero.
    xy = np.append(numbers["x1"], 0.0)
    net = {letter: np.asarray(numbers[f"W{letter}"] @ xy + numbers[f"b{letter}"]) for letter in "fiao"}
    f, i, o = (round(float(sigmoid(net[letter])), DIGITS) for letter in "fio")
    a = round(float(np.tanh(net["a"])), DIGITS)
    s = round(f * 0.0 + i * a, DIGITS)
    return round(o * round(float(np.tanh(s)), DIGITS), DIGITS)


TRADITIONAL_LSTM = Example(
    name="traditional-lstm",
    title="The traditional LSTM: one unit, two inputs",
    slide='deck A: "Traditional LSTM"',
    source='deck A (COMP5331, R. Wong), "Traditional LSTM"; the deck gives the weights and stops before the numbers',
    equations=(
        "f = sig(Wf [x, y-] + bf)    forget gate\n"
        "i = sig(Wi [x, y-] + bi)    input gate\n"
        "a = tanh(Wa [x, y-] + ba)   candidate\n"
        "s = f s- + i a              state\n"
        "o = sig(Wo [x, y-] + bo)    output gate\n"
        "y = o tanh(s)               output"
    ),
    parameters=(
        *INPUTS,
        *gate("f", FORGET, "forget gate"),
        *gate("i", INPUT, "input gate"),
        *gate("a", CANDIDATE, "candidate"),
        *gate("o", OUTPUT, "output gate"),
    ),
    work=work_traditional_lstm,
    about="every gate's sum and value, the state, the output and the error",
)
