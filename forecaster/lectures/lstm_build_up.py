"""The LSTM built up in three steps, and one slide's odd form with a sigmoid around the state."""

from __future__ import annotations

import numpy as np

from forecaster.equations.activations import sigmoid
from forecaster.equations.lstm import BuildUpTrace, Form, build_up
from forecaster.lectures import deck_a
from forecaster.lectures.working import Example, Gate, Line, Note, Numbers, Step, Table, Working
from forecaster.lectures.writing import factor, short

STATE: dict[Form, str] = {
    "add": "c- + a",
    "forget": "f c- + a",
    "input": "f c- + i a",
    "sigmoid-state": "sig(f c- + i a)",
}
DOORS = (Gate("f", "forget gate", "sig"), Gate("i", "input gate", "sig"), Gate("a", "candidate c~", "tanh"))
SOURCE = "deck E (Recurrent Neural Network, Industrial AI Lab)"
FORMS: tuple[Form, ...] = ("add", "forget", "input")
WEIGHTS = (
    deck_a.row("f", deck_a.FORGET[0], "forget gate", "h-"),
    deck_a.row("i", deck_a.INPUT[0], "input gate", "h-"),
    deck_a.row("a", deck_a.CANDIDATE[0], "candidate", "h-"),
    deck_a.row("o", deck_a.OUTPUT[0], "output gate", "h-"),
)


def work(numbers: Numbers) -> Working:
    """Work the three forms, each from the first step."""
    traces = {form: _trace(numbers, form) for form in FORMS}
    parts = [
        _form(numbers, form, trace, f"{k}. c = {STATE[form]}") for k, (form, trace) in enumerate(traces.items(), 1)
    ]
    return Working(numbers, sum((steps for steps, _ in parts), ()), tuple(table for _, table in parts))


def work_sigmoid_state(numbers: Numbers) -> Working:
    """Work the odd form."""
    steps, table = _form(numbers, "sigmoid-state", _trace(numbers, "sigmoid-state"), "c = sig(f c- + i a)")
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


def _form(numbers: Numbers, form: Form, trace: BuildUpTrace, title: str) -> tuple[tuple[Step, ...], Table]:
    """Write out every step of a form, and its table."""
    steps = tuple(_step(numbers, form, trace, t) for t in range(deck_a.count(numbers)))
    steps = tuple(Step(f"{title}, {step.title}", step.known, step.lines) for step in steps)
    used = {name: values for name, values in trace._asdict().items() if _has(form, name)}
    return steps, deck_a.summary(numbers, used, title)


def _step(numbers: Numbers, form: Form, trace: BuildUpTrace, t: int) -> Step:
    """Write out step `t`, counted from 0."""
    c_last, h_last = deck_a.before(trace.c, t), deck_a.before(trace.h, t)
    seen = np.append(numbers[f"x{t + 1}"], h_last)
    value = {name: float(values[0, t, 0]) for name, values in trace._asdict().items()}
    lines = [
        gate.line(deck_a.sums(numbers, gate.name, seen), value[gate.name]) for gate in DOORS if _has(form, gate.name)
    ]
    state = Line("c", f"state, {STATE[form]}", _state(form, value, c_last), value["c"])
    door = Gate("o", "output gate", "sig").line(deck_a.sums(numbers, "o", seen), value["o"])
    output = Line("h", "output, o tanh(c)", f"{short(value['o'])}*tanh({short(value['c'])})", value["h"])
    shown = (*lines, state, door, output, *deck_a.error(numbers, t, "h", value["h"]))
    return Step(f"t = {t + 1}", deck_a.known(numbers, t, h=h_last, c=c_last), shown)


def _has(form: Form, name: str) -> bool:
    """Whether a form has a gate: the first has neither f nor i, the second no i."""
    return name not in {"add": "fi", "forget": "i"}.get(form, "")


def _state(form: Form, value: dict[str, float], last: float) -> str:
    """Write out the state with its numbers."""
    kept = f"{short(value['f'])}*{factor(last)}" if _has(form, "f") else short(last)
    taken = f"{short(value['i'])}*{factor(value['a'])}" if _has(form, "i") else factor(value["a"])
    return f"sig({kept} + {taken})" if form == "sigmoid-state" else f"{kept} + {taken}"


GATES = (
    "f = sig(Wf [x, h-])     forget gate\n"
    "i = sig(Wi [x, h-])     input gate\n"
    "a = tanh(Wa [x, h-])    candidate, c~ = tanh(W h- + U x) in the deck\n"
    "o = sig(Wo [x, h-])     output gate\n"
)

EXAMPLE = Example(
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
    given=(*deck_a.INPUTS, *WEIGHTS),
    work=work,
    about="c + c~, then f c + c~, then f c + i c~: what each gate adds",
)

SIGMOID_STATE = Example(
    name="lstm-sigmoid-state",
    title="One slide's odd LSTM: a sigmoid around the state",
    slide="deck E: the slide with C = sig(f C- + i C~)",
    source=f"{SOURCE}, the one slide with C = sig(f C- + i C~); with the weights of deck A",
    equations=GATES
    + "c = sig(f c- + i a)     state: contradicts the deck's later slides\nh = o tanh(c)           output",
    given=(*deck_a.INPUTS, *WEIGHTS),
    work=work_sigmoid_state,
    about="a sigmoid around the state, which contradicts the deck's own later slides",
)
