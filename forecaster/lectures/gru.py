"""The gated recurrent unit of one unit, by hand, in both conventions."""

from __future__ import annotations

import numpy as np

from forecaster.equations import gru
from forecaster.lectures import deck_a
from forecaster.lectures.working import Example, Gate, Line, Note, Numbers, Step, Working
from forecaster.lectures.writing import Sum, factor, short, weighted

MIXES: dict[gru.Mix, tuple[str, str]] = {
    "update-keeps": ("update keeps (Keras)", "u y- + (1-u) a"),
    "update-takes": ("update takes", "(1-u) y- + u a"),
}


def work(numbers: Numbers) -> Working:
    """Work both conventions, each from the first step."""
    steps: list[Step] = []
    tables = []
    for mix, (title, _) in MIXES.items():
        trace = gru.trace(deck_a.sequence(numbers), deck_a.matrices(numbers, gru.GATES), mix)
        steps += [_step(numbers, trace, mix, t) for t in range(deck_a.count(numbers))]
        tables.append(deck_a.summary(numbers, trace._asdict(), title))
    note = Note(
        "The reset gate may also be applied after the product, r (Wa y-): with one unit and one bias that is the same "
        "number, with two units it is not. `train --predictor gru` knows all four forms.",
        {},
    )
    return Working(numbers, tuple(steps), tuple(tables), (note,))


def _step(numbers: Numbers, trace: gru.Trace, mix: gru.Mix, t: int) -> Step:
    """Write out step `t`, counted from 0."""
    last = deck_a.before(trace.y, t)
    r, u, a, y = (float(values[0, t, 0]) for values in trace)
    x = numbers[f"x{t + 1}"]
    seen = np.append(x, last)
    title, formula = MIXES[mix]
    lines = (
        Gate("r", "reset gate", "sig").line(deck_a.sums(numbers, "r", seen), r),
        Gate("u", "update gate", "sig").line(deck_a.sums(numbers, "u", seen), u),
        Gate("a", "candidate", "tanh").line(_candidate(numbers, x.tolist(), r, last), a),
        Line("y", f"output, {formula}", _mix(mix, u, a, last), y),
        *deck_a.error(numbers, t, "y", y),
    )
    return Step(f"{title}, t = {t + 1}", deck_a.known(numbers, t, y=last), lines)


def _candidate(numbers: Numbers, x: list[float], r: float, last: float) -> Sum:
    """Write out Wa [x, r y-] + ba, with r and y- apart."""
    wa, ba = numbers["Wa"].tolist(), float(numbers["ba"])
    start = weighted(wa[:2], x)
    written = f"{start.written} + {short(wa[2])}*{short(r)}*{factor(last)} + {short(ba)}".replace("+ -", "- ")
    return Sum(written, start.value + wa[2] * r * last + ba)


def _mix(mix: gru.Mix, u: float, a: float, last: float) -> str:
    """Write out the output with its numbers."""
    kept, taken = (short(u), f"(1 - {short(u)})") if mix == "update-keeps" else (f"(1 - {short(u)})", short(u))
    return f"{kept}*{factor(last)} + {taken}*{factor(a)}"


EXAMPLE = Example(
    name="gru",
    title="The gated recurrent unit: one unit, two inputs, both conventions",
    slide="decks A, B, D: the unit's name; papers: its equations",
    source=(
        "decks A, B and D name the unit and give no equations; Cho et al. (2014): the update gate keeps, as in Keras; "
        "Chung et al. (2014): it takes. With the weights of deck A: reset as its forget gate, update as its input gate"
    ),
    equations=(
        "r = sig(Wr [x, y-] + br)      reset gate\n"
        "u = sig(Wu [x, y-] + bu)      update gate\n"
        "a = tanh(Wa [x, r y-] + ba)   candidate\n"
        "y = u y- + (1-u) a            output: update keeps, as in Keras\n"
        "y = (1-u) y- + u a            output: update takes"
    ),
    given=(
        *deck_a.INPUTS,
        *deck_a.gate("r", deck_a.FORGET, "reset gate"),
        *deck_a.gate("u", deck_a.INPUT, "update gate"),
        *deck_a.gate("a", deck_a.CANDIDATE, "candidate"),
    ),
    work=work,
    about="the update gate keeps (Keras) or takes: two conventions, two results",
)
