"""The traditional LSTM of one unit, by hand, and what two common slips would make of it."""

from __future__ import annotations

import numpy as np

from forecaster.equations import lstm
from forecaster.equations.activations import sigmoid
from forecaster.lectures import deck_a
from forecaster.lectures.working import Array, Example, Gate, Line, Note, Numbers, Step, Working
from forecaster.lectures.writing import factor, short

GATES = (
    Gate("f", "forget gate", "sig"),
    Gate("i", "input gate", "sig"),
    Gate("a", "candidate", "tanh"),
    Gate("o", "output gate", "sig"),
)
ROUNDED = 4


def work(numbers: Numbers) -> Working:
    """Work the forward pass."""
    trace = _trace(numbers)
    steps = tuple(_step(numbers, trace, t) for t in range(deck_a.count(numbers)))
    return Working(numbers, steps, (deck_a.summary(numbers, trace._asdict()),), _slips(numbers))


def _trace(numbers: Numbers) -> lstm.Trace:
    """Run the equations that the program's own LSTM runs on."""
    return lstm.trace(deck_a.sequence(numbers), *lstm.textbook_gates(deck_a.matrices(numbers, "fiao")))


def _step(numbers: Numbers, trace: lstm.Trace, t: int) -> Step:
    """Write out step `t`, counted from 0."""
    s_last, y_last = deck_a.before(trace.s, t), deck_a.before(trace.y, t)
    f, i, a, s, o, y = (float(values[0, t, 0]) for values in trace)
    seen = np.append(numbers[f"x{t + 1}"], y_last)
    value = {"f": f, "i": i, "a": a, "o": o}
    lines = [gate.line(deck_a.sums(numbers, gate.name, seen), value[gate.name]) for gate in GATES]
    state = Line("s", "state, f s- + i a", f"{short(f)}*{factor(s_last)} + {short(i)}*{factor(a)}", s)
    output = Line("y", "output, o tanh(s)", f"{short(o)}*tanh({short(s)})", y)
    shown = (*lines[:3], state, lines[3], output, *deck_a.error(numbers, t, "y", y))
    return Step(f"t = {t + 1}", deck_a.known(numbers, t, y=y_last, s=s_last), shown)


def _slips(numbers: Numbers) -> tuple[Note, ...]:
    """Return what rounding at every step, and a forget bias raised by 1, would give."""
    raised = _trace({**numbers, "bf": numbers["bf"] + 1.0}).y
    rounded = _rounded(numbers)
    last = deck_a.count(numbers)
    return (
        Note(
            "Numbers are rounded only where they are shown. Whoever rounds every gate and state to four digits and "
            "goes on with those gets y = {y1_rounded} at t = 1.",
            {"y1_rounded": rounded[0]},
        ),
        Note(
            f"Many programs add 1 to the forget gate's bias. That is another network: y = {{y_raised}} at t = {last}.",
            {"y_raised": float(raised[0, -1, 0])},
        ),
    )


def _rounded(numbers: Numbers) -> list[float]:
    """Return the outputs of someone who rounds every result to four digits and goes on with it."""
    outputs, s, y = [], 0.0, 0.0
    for t in range(deck_a.count(numbers)):
        seen = np.append(numbers[f"x{t + 1}"], y)
        f, i, a, o = (_to_four(_value(numbers, gate, seen)) for gate in GATES)
        s = _to_four(f * s + i * a)
        y = _to_four(o * _to_four(np.tanh(s)))
        outputs.append(y)
    return outputs


def _value(numbers: Numbers, gate: Gate, seen: Array) -> float:
    """Return one gate's value at full precision."""
    net = np.asarray(numbers[f"W{gate.name}"] @ seen + numbers[f"b{gate.name}"])
    return float(sigmoid(net) if gate.activation == "sig" else np.tanh(net))


def _to_four(value: float) -> float:
    return round(float(value), ROUNDED)


EXAMPLE = Example(
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
    given=(
        *deck_a.INPUTS,
        *deck_a.gate("f", deck_a.FORGET, "forget gate"),
        *deck_a.gate("i", deck_a.INPUT, "input gate"),
        *deck_a.gate("a", deck_a.CANDIDATE, "candidate"),
        *deck_a.gate("o", deck_a.OUTPUT, "output gate"),
    ),
    work=work,
    about="every gate's sum and value, the state, the output and the error",
)
