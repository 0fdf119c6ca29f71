"""The LSTM built up step by step as in deck E, and the GRU in both conventions, with the weights of deck A.

Source: deck E (Recurrent Neural Network, Industrial AI Lab), the slides that build up the LSTM.
Decks A, B and D name the GRU and give no equations; Cho et al. (2014), Chung et al. (2014).
"""

from __future__ import annotations

import numpy as np

from forecaster.equations import gru
from forecaster.equations.activations import sigmoid
from forecaster.equations.lstm import BuildUpTrace, Form, build_up
from forecaster.lectures import deck_a
from forecaster.lectures.working import (
    Example,
    Line,
    Note,
    Numbers,
    Step,
    Sum,
    Table,
    Working,
    activated,
    factor,
    short,
    weighted,
)

STATE: dict[Form, str] = {
    "add": "c- + a",
    "forget": "f c- + a",
    "input": "f c- + i a",
    "sigmoid-state": "sig(f c- + i a)",
}
# The gates that a form of the LSTM does not have.
MISSING: dict[Form, str] = {"add": "fi", "forget": "i", "input": "", "sigmoid-state": ""}
SOURCE = "deck E (Recurrent Neural Network, Industrial AI Lab)"
WEIGHTS = (
    deck_a.weights_of("f", deck_a.FORGET[0], "forget gate", "h-"),
    deck_a.weights_of("i", deck_a.INPUT[0], "input gate", "h-"),
    deck_a.weights_of("a", deck_a.CANDIDATE[0], "candidate", "h-"),
    deck_a.weights_of("o", deck_a.OUTPUT[0], "output gate", "h-"),
)


def work_build_up(numbers: Numbers) -> Working:
    """Return the three forms of the LSTM, each from the first step."""
    forms: tuple[Form, ...] = ("add", "forget", "input")
    steps: tuple[Step, ...] = ()
    tables = []
    for k, form in enumerate(forms, start=1):
        form_steps, table = _worked_form(numbers, form, f"{k}. c = {STATE[form]}")
        steps += form_steps
        tables.append(table)
    return Working(numbers, steps, tuple(tables))


def work_sigmoid_state(numbers: Numbers) -> Working:
    """Return the form with a sigmoid around the state, and in a note what it cannot do."""
    steps, table = _worked_form(numbers, "sigmoid-state", f"c = {STATE['sigmoid-state']}")
    usual = _trace(numbers, "input")
    note = Note(
        "The deck's later slides have no sigmoid around the state. Without it the same weights give h = {h_usual} at "
        "the last step. With it the state stays between 0 and 1, and a cell that has kept and taken nothing holds "
        "{c_empty}, not 0: it can neither count nor be negative.",
        {"h_usual": float(usual.h[0, -1, 0]), "c_empty": float(sigmoid(np.zeros(1))[0])},
    )
    return Working(numbers, steps, (table,), (note,))


def _trace(numbers: Numbers, form: Form) -> BuildUpTrace:
    return build_up(deck_a.sequence(numbers), deck_a.matrices(numbers, "fiao"), form)


def _worked_form(numbers: Numbers, form: Form, title: str) -> tuple[tuple[Step, ...], Table]:
    """Return every step of a form written out, and its table."""
    trace = _trace(numbers, form)
    steps = tuple(_build_up_step(numbers, form, title, trace, t) for t in range(deck_a.count(numbers)))
    shown = {name: values for name, values in trace._asdict().items() if name not in MISSING[form]}
    return steps, deck_a.summary(numbers, shown, title)


def _build_up_step(numbers: Numbers, form: Form, title: str, trace: BuildUpTrace, t: int) -> Step:
    """Return step `t`, counted from 0, written out with the gates that the form has."""
    c_last, h_last = deck_a.before(trace.c, t), deck_a.before(trace.h, t)
    xh = np.append(numbers[f"x{t + 1}"], h_last)
    f, i, a, c, o, h = (float(values[0, t, 0]) for values in trace)
    # A gate that is missing leaves its factor out of the state: it is always 1.
    kept, taken, lines = short(c_last), factor(a), []
    if "f" not in MISSING[form]:
        kept = f"{short(f)}*{factor(c_last)}"
        lines.append(activated("f", "forget gate", "sig", deck_a.gate_sum(numbers, "f", xh), f))
    if "i" not in MISSING[form]:
        taken = f"{short(i)}*{factor(a)}"
        lines.append(activated("i", "input gate", "sig", deck_a.gate_sum(numbers, "i", xh), i))
    state = f"sig({kept} + {taken})" if form == "sigmoid-state" else f"{kept} + {taken}"
    lines += [
        activated("a", "candidate c~", "tanh", deck_a.gate_sum(numbers, "a", xh), a),
        Line("c", f"state, {STATE[form]}", state, c),
        activated("o", "output gate", "sig", deck_a.gate_sum(numbers, "o", xh), o),
        Line("h", "output, o tanh(c)", f"{short(o)}*tanh({short(c)})", h),
        *deck_a.error(numbers, t, "h", h),
    ]
    return Step(f"{title}, t = {t + 1}", deck_a.start(numbers, t, h=h_last, c=c_last), tuple(lines))


GATES = (
    "f = sig(Wf [x, h-])     forget gate\n"
    "i = sig(Wi [x, h-])     input gate\n"
    "a = tanh(Wa [x, h-])    candidate, c~ = tanh(W h- + U x) in the deck\n"
    "o = sig(Wo [x, h-])     output gate\n"
)

LSTM_BUILD_UP = Example(
    name="lstm-build-up",
    title="The LSTM built up in three steps, without biases",
    slide="deck E: the LSTM built up",
    source=f"{SOURCE}, the slides that build up the LSTM; with the weights of deck A",
    equations=(
        GATES + "1. c = c- + a           a state that adds up\n"
        "2. c = f c- + a         it can forget\n"
        "3. c = f c- + i a       it can choose what to take\n"
        "h = o tanh(c)           output"
    ),
    parameters=(*deck_a.INPUTS, *WEIGHTS),
    work=work_build_up,
    about="c + c~, then f c + c~, then f c + i c~: what each gate adds",
)

LSTM_SIGMOID_STATE = Example(
    name="lstm-sigmoid-state",
    title="One slide's odd LSTM: a sigmoid around the state",
    slide="deck E: the slide with C = sig(f C- + i C~)",
    source=f"{SOURCE}, the one slide with C = sig(f C- + i C~); with the weights of deck A",
    equations=GATES
    + "c = sig(f c- + i a)     state: contradicts the deck's later slides\nh = o tanh(c)           output",
    parameters=(*deck_a.INPUTS, *WEIGHTS),
    work=work_sigmoid_state,
    about="a sigmoid around the state, which contradicts the deck's own later slides",
)


MIXES: dict[gru.Mix, tuple[str, str]] = {
    "update-keeps": ("update keeps (Keras)", "u y- + (1-u) a"),
    "update-takes": ("update takes", "(1-u) y- + u a"),
}


def work_gru(numbers: Numbers) -> Working:
    """Return the GRU in both conventions, each from the first step."""
    steps: list[Step] = []
    tables = []
    for mix, (title, _) in MIXES.items():
        trace = gru.trace(deck_a.sequence(numbers), deck_a.matrices(numbers, gru.GATES), mix)
        steps += [_gru_step(numbers, trace, mix, t) for t in range(deck_a.count(numbers))]
        tables.append(deck_a.summary(numbers, trace._asdict(), title))
    note = Note(
        "The reset gate may also be applied after the product, r (Wa y-): with one unit and one bias that is the same "
        "number, with two units it is not. `train --predictor gru` knows all four forms.",
        {},
    )
    return Working(numbers, tuple(steps), tuple(tables), (note,))


def _gru_step(numbers: Numbers, trace: gru.Trace, mix: gru.Mix, t: int) -> Step:
    """Return step `t`, counted from 0, written out."""
    y_last = deck_a.before(trace.y, t)
    r, u, a, y = (float(values[0, t, 0]) for values in trace)
    x = numbers[f"x{t + 1}"]
    xy = np.append(x, y_last)
    # The candidate's sum Wa [x, r y-] + ba is written with r and y- apart.
    wa, ba = numbers["Wa"].tolist(), float(numbers["ba"])
    inputs = weighted(wa[:2], x.tolist())
    written = f"{inputs.written} + {short(wa[2])}*{short(r)}*{factor(y_last)} + {short(ba)}".replace("+ -", "- ")
    candidate = Sum(written, inputs.value + wa[2] * r * y_last + ba)
    keeps = mix == "update-keeps"
    share_of_last, share_of_a = (short(u), f"(1 - {short(u)})") if keeps else (f"(1 - {short(u)})", short(u))
    title, formula = MIXES[mix]
    lines = (
        activated("r", "reset gate", "sig", deck_a.gate_sum(numbers, "r", xy), r),
        activated("u", "update gate", "sig", deck_a.gate_sum(numbers, "u", xy), u),
        activated("a", "candidate", "tanh", candidate, a),
        Line("y", f"output, {formula}", f"{share_of_last}*{factor(y_last)} + {share_of_a}*{factor(a)}", y),
        *deck_a.error(numbers, t, "y", y),
    )
    return Step(f"{title}, t = {t + 1}", deck_a.start(numbers, t, y=y_last), lines)


GRU = Example(
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
    parameters=(
        *deck_a.INPUTS,
        *deck_a.gate("r", deck_a.FORGET, "reset gate"),
        *deck_a.gate("u", deck_a.INPUT, "update gate"),
        *deck_a.gate("a", deck_a.CANDIDATE, "candidate"),
    ),
    work=work_gru,
    about="the update gate keeps (Keras) or takes: two conventions, two results",
)
