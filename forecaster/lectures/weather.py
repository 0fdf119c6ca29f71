"""The weather sequence: a softmax RNN of three units over four symbols, by hand."""

from __future__ import annotations

import numpy as np

from forecaster.equations.activations import softmax
from forecaster.equations.recurrent import softmax_rnn
from forecaster.lectures.working import Array, Example, Gate, Line, Note, Numbers, Step, Table, Working, given
from forecaster.lectures.writing import DIGITS, Sum, listed, short, weighted

SYMBOLS = "SCRT"
UNITS = 3


def work(numbers: Numbers) -> Working:
    """Work the state, the numbers under the softmax and the probabilities, from h_1 on."""
    codes = [int(code) for code in numbers["inputs"]]
    h = states(numbers, codes)
    y = h @ numbers["Why"].T
    p = softmax(y)
    steps = tuple(_step(numbers, codes, (h, y, p), t) for t in range(len(h)))
    return Working(numbers, steps, (*_tables(h, y, p), _choices(numbers)), _notes(numbers, h, y))


def states(numbers: Numbers, codes: list[int]) -> Array:
    """Return h_1 and the state after every symbol, (1 + S, n)."""
    weights = {name: numbers[name].T for name in ("Whx", "Whh", "Why")} | {"bias": numbers["bias"]}
    one_hot = np.eye(len(SYMBOLS))[codes][None]
    return np.concatenate((numbers["h1"][None], softmax_rnn(one_hot, weights, numbers["h1"]).h[0]))


def _step(numbers: Numbers, codes: list[int], values: tuple[Array, Array, Array], t: int) -> Step:
    """Write out column `t`, counted from 0."""
    h, y, p = (each[t] for each in values)
    known = f"h given: {listed(h)}" if not t else f"{SYMBOLS[codes[t - 1]]} was read, h- = {listed(values[0][t - 1])}"
    sums = _sums(numbers, codes[t - 1], values[0][t - 1]) if t else []
    state = [Gate(f"h({k + 1})", "state", "tanh").line(net, h[k]) for k, net in enumerate(sums)]
    total = float(np.exp(y).sum())
    outputs = [_output(numbers, symbol, h, y[k]) for k, symbol in enumerate(SYMBOLS)]
    shares = [
        Line(f"p({symbol})", "softmax", f"exp({short(y[k])}) / {short(total)}", float(p[k]))
        for k, symbol in enumerate(SYMBOLS)
    ]
    norm = Line("sum", "of all exp(y)", " + ".join(f"exp({short(v)})" for v in y), total)
    best = int(p.argmax())
    return Step(f"t = {t + 1}", known, (*state, *outputs, norm, *shares), f"predicts {SYMBOLS[best]}")


def _sums(numbers: Numbers, code: int, last: Array) -> list[Sum]:
    """Write out each unit's sum: the symbol's column of Whx, the last state, the bias."""
    sums = []
    for k in range(UNITS):
        own = float(numbers["Whx"][k, code])
        other = weighted(numbers["Whh"][k].tolist(), last.tolist(), float(numbers["bias"][k]))
        written = f"{short(own)} + {other.written}".replace("+ -", "- ")
        sums.append(Sum(written, own + other.value))
    return sums


def _output(numbers: Numbers, symbol: str, h: Array, value: float) -> Line:
    """Write out one row of Why h."""
    row = numbers["Why"][SYMBOLS.index(symbol)].tolist()
    return Line(f"y({symbol})", "Why h", weighted(row, h.tolist()).written, float(value))


def _tables(h: Array, y: Array, p: Array) -> tuple[Table, ...]:
    """Return the deck's three tables, a column a step, and what each step predicts."""
    header = tuple(f"t = {t + 1}" for t in range(len(h)))
    predicted = ("predicts", *(SYMBOLS[int(k)] for k in p.argmax(axis=1)))
    units = [f"h({k + 1})" for k in range(UNITS)]
    return (
        Table("State h", ("", *header), _rows(units, h)),
        Table("Numbers under the softmax, y = Why h", ("", *header), _rows([f"y({s})" for s in SYMBOLS], y)),
        Table("Softmax", ("", *header), (*_rows([f"p({s})" for s in SYMBOLS], p), predicted)),
    )


def _rows(names: list[str], columns: Array) -> tuple[tuple[str | float, ...], ...]:
    return tuple((name, *map(float, row)) for name, row in zip(names, columns.T, strict=True))


def _choices(numbers: Numbers) -> Table:
    """Return Exercise 1a's choices: h(1) at t = 2 after each symbol; only the one that was read is right."""
    first = int(numbers["inputs"][0])
    rows = [
        (symbol, float(states(numbers, [k])[1, 0]), "right" if k == first else "wrong: was not read")
        for k, symbol in enumerate(SYMBOLS)
    ]
    return Table("Exercise 1a: h(1) at t = 2, with each symbol's column of Whx", ("symbol", "h(1)", ""), tuple(rows))


def _notes(numbers: Numbers, h: Array, y: Array) -> tuple[Note, ...]:
    """Say what rounding the state first makes of y(S) at t = 2, and that nothing is trained here."""
    rounded = float(numbers["Why"][0] @ h[1].round(DIGITS))
    return (
        Note(
            "Slide 19 works with states rounded to four digits: y(S) at t = 2 is {y_rounded} from those, and {y_full} "
            "at full precision, as on slide 23.",
            {"y_rounded": rounded, "y_full": float(y[1, 0])},
        ),
        Note("These weights are not trained. `train --predictor symbol-rnn` trains such a network.", {}),
    )


EXAMPLE = Example(
    name="weather",
    title="The weather sequence: a softmax RNN over the symbols S, C, R, T",
    slide="deck C: demo_rnn4b, slides 14 to 23, Exercise 1a",
    source="deck C (RNN v.250224b, K. H. Wong), demo_rnn4b, slides 14 to 23, and Exercise 1a",
    equations=(
        "h_{t+1} = tanh(Whx x_t + Whh h_t + bias)   state; x_t is one-hot: one column of Whx\n"
        "y_t = Why h_t                              a number for each symbol, no bias\n"
        "p_t = softmax(y_t)                         probability of each symbol to come next"
    ),
    given=(
        given("inputs", [0, 1, 2], "the symbols read, one a step", symbols=SYMBOLS, free=True),
        given("h1", [0.11, 0.21, 0.31], "state at t = 1", low=-1, high=1),
        given(
            "Whx",
            [[0.28, 0.84, 0.57, 0.48], [0.90, 0.87, 0.69, 0.18], [0.53, 0.09, 0.55, 0.49]],
            "input to state: a row a unit, a column a symbol",
        ),
        given("Whh", [[0.41, 0.12, 0.13], [0.51, 0.24, 0.26], [0.61, 0.34, 0.36]], "state to state: a row a unit"),
        given(
            "Why",
            [[0.37, 0.97, 0.83], [0.39, 0.28, 0.65], [0.64, 0.19, 0.33], [0.91, 0.32, 0.14]],
            "state to output: a row a symbol, a column a unit",
            low=-100,
            high=100,
        ),
        given("bias", [0.51, 0.62, 0.73], "bias of each unit"),
    ),
    work=work,
    about="state, outputs and softmax by step, and the symbol each step predicts",
)
