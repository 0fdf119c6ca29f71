"""The basic RNN of one unit, by hand."""

from __future__ import annotations

from forecaster.equations.recurrent import basic_rnn
from forecaster.lectures import deck_a
from forecaster.lectures.working import Array, Example, Gate, Numbers, Step, Working, given
from forecaster.lectures.writing import weighted


def work(numbers: Numbers) -> Working:
    """Work the forward pass."""
    y = basic_rnn(deck_a.sequence(numbers), numbers["W"][:, None], numbers["b"][None])
    steps = tuple(_step(numbers, t, y) for t in range(deck_a.count(numbers)))
    return Working(numbers, steps, (deck_a.summary(numbers, {"y": y}),))


def _step(numbers: Numbers, t: int, y: Array) -> Step:
    """Write out step `t`, counted from 0."""
    last, value = deck_a.before(y, t), float(y[0, t, 0])
    net = weighted(numbers["W"].tolist(), [*numbers[f"x{t + 1}"].tolist(), last], float(numbers["b"]))
    line = Gate("y", "output and state", "tanh").line(net, value)
    return Step(f"t = {t + 1}", deck_a.known(numbers, t, y=last), (line, *deck_a.error(numbers, t, "y", value)))


EXAMPLE = Example(
    name="basic-rnn",
    title="The basic RNN: one unit, two inputs",
    slide='decks A, B: "Basic RNN"',
    source='deck A (COMP5331, R. Wong), "Basic RNN"; the same in deck B (COMP7/8118 M50, X. Zhang)',
    equations="s_t = tanh(W [x_t, s_{t-1}] + b)   state\ny_t = s_t                          output",
    given=(
        *deck_a.INPUTS,
        given("W", [0.7, 0.3, 0.4], "weights of x(1), x(2) and y-"),
        given("b", 0.4, "bias"),
    ),
    work=work,
    about="the state is the output: net, output and error at each step",
)
