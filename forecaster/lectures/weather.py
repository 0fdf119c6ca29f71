"""The weather sequence: a softmax RNN of three units over four symbols, by hand.

Source: deck C (RNN v.250224b, K. H. Wong), demo_rnn4b, slides 14 to 23, and Exercise 1a.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from forecaster.equations.activations import softmax
from forecaster.equations.recurrent import softmax_rnn
from forecaster.lectures.working import (
    DIGITS,
    Array,
    Example,
    Line,
    Note,
    Numbers,
    Step,
    Sum,
    Table,
    Working,
    activated,
    listed,
    parameter,
    short,
    weighted,
)

# The deck's four symbols of the weather, in the order of its columns.
SYMBOLS = "SCRT"
UNITS = 3


def work_weather(numbers: Numbers) -> Working:
    """Return the states, the numbers under the softmax and the probabilities, from h_1 on."""
    codes = [int(code) for code in numbers["inputs"]]
    h = states(numbers, codes)
    y = h @ numbers["Why"].T
    p = softmax(y)
    steps = tuple(_step(numbers, codes, t, h=h, y=y[t], p=p[t]) for t in range(len(h)))
    tables = (
        _by_step("State h", [f"h({k + 1})" for k in range(UNITS)], h),
        _by_step("Numbers under the softmax, y = Why h", [f"y({symbol})" for symbol in SYMBOLS], y),
        _by_step("Softmax", [f"p({symbol})" for symbol in SYMBOLS], p, predicted=p.argmax(axis=1)),
        _choices(numbers),
    )
    rounded = float(numbers["Why"][0] @ h[1].round(DIGITS))
    notes = (
        Note(
            "Slide 19 works with states rounded to four digits: y(S) at t = 2 is {y_rounded} from those, and {y_full} "
            "at full precision, as on slide 23.",
            {"y_rounded": rounded, "y_full": float(y[1, 0])},
        ),
        Note("These weights are not trained. `train --predictor symbol-rnn` trains such a network.", {}),
    )
    return Working(numbers, steps, tables, notes)


def states(numbers: Numbers, codes: Sequence[int]) -> Array:
    """Return h_1 and the state after every symbol, (1 + S, n)."""
    weights = {name: numbers[name].T for name in ("Whx", "Whh", "Why")} | {"bias": numbers["bias"]}
    one_hot = np.eye(len(SYMBOLS))[codes][None]
    return np.concatenate((numbers["h1"][None], softmax_rnn(one_hot, weights, numbers["h1"]).h[0]))


def _step(numbers: Numbers, codes: Sequence[int], t: int, *, h: Array, y: Array, p: Array) -> Step:
    """Return column `t`, counted from 0, written out: the state of `h` (1 + S, n), and its y and p, each (K,)."""
    start, lines = f"h given: {listed(h[t])}", []
    if t:
        symbol = SYMBOLS[codes[t - 1]]
        start = f"{symbol} was read, h- = {listed(h[t - 1])}"
        sums = (_unit_sum(numbers, k, codes[t - 1], h[t - 1]) for k in range(UNITS))
        lines = [activated(f"h({k + 1})", "state", "tanh", net, h[t, k]) for k, net in enumerate(sums)]
    for k, symbol in enumerate(SYMBOLS):
        written = weighted(numbers["Why"][k].tolist(), h[t].tolist()).written
        lines.append(Line(f"y({symbol})", "Why h", written, float(y[k])))
    total = float(np.exp(y).sum())
    lines.append(Line("sum", "of all exp(y)", " + ".join(f"exp({short(value)})" for value in y), total))
    for k, symbol in enumerate(SYMBOLS):
        lines.append(Line(f"p({symbol})", "softmax", f"exp({short(y[k])}) / {short(total)}", float(p[k])))
    return Step(f"t = {t + 1}", start, tuple(lines), f"predicts {SYMBOLS[int(p.argmax())]}")


def _unit_sum(numbers: Numbers, unit: int, code: int, h_last: Array) -> Sum:
    """Return the sum of one unit: the symbol's column of Whx, the last state and the bias."""
    column = float(numbers["Whx"][unit, code])
    recurrent = weighted(numbers["Whh"][unit].tolist(), h_last.tolist(), float(numbers["bias"][unit]))
    written = f"{short(column)} + {recurrent.written}".replace("+ -", "- ")
    return Sum(written, column + recurrent.value)


def _by_step(title: str, names: Sequence[str], values: Array, predicted: Array | None = None) -> Table:
    """Return a table of the deck: a row a name, a column a step, from `values` (1 + S, names)."""
    rows: list[tuple[str | float, ...]] = [(name, *map(float, row)) for name, row in zip(names, values.T, strict=True)]
    if predicted is not None:
        rows.append(("predicts", *(SYMBOLS[int(code)] for code in predicted)))
    return Table(title, ("", *(f"t = {t + 1}" for t in range(len(values)))), tuple(rows))


def _choices(numbers: Numbers) -> Table:
    """Return Exercise 1a's choices: h(1) at t = 2 after each symbol. Only the symbol that was read is right."""
    first = int(numbers["inputs"][0])
    rows = [
        (symbol, float(states(numbers, [k])[1, 0]), "right" if k == first else "wrong: was not read")
        for k, symbol in enumerate(SYMBOLS)
    ]
    return Table("Exercise 1a: h(1) at t = 2, with each symbol's column of Whx", ("symbol", "h(1)", ""), tuple(rows))


WEATHER = Example(
    name="weather",
    title="The weather sequence: a softmax RNN over the symbols S, C, R, T",
    slide="deck C: demo_rnn4b, slides 14 to 23, Exercise 1a",
    source="deck C (RNN v.250224b, K. H. Wong), demo_rnn4b, slides 14 to 23, and Exercise 1a",
    equations=(
        "h_{t+1} = tanh(Whx x_t + Whh h_t + bias)   state; x_t is one-hot: one column of Whx\n"
        "y_t = Why h_t                              a number for each symbol, no bias\n"
        "p_t = softmax(y_t)                         probability of each symbol to come next"
    ),
    parameters=(
        parameter("inputs", [0, 1, 2], "the symbols read, one a step", symbols=SYMBOLS, any_count=True),
        parameter("h1", [0.11, 0.21, 0.31], "state at t = 1", low=-1, high=1),
        parameter(
            "Whx",
            [[0.28, 0.84, 0.57, 0.48], [0.90, 0.87, 0.69, 0.18], [0.53, 0.09, 0.55, 0.49]],
            "input to state: a row a unit, a column a symbol",
        ),
        parameter("Whh", [[0.41, 0.12, 0.13], [0.51, 0.24, 0.26], [0.61, 0.34, 0.36]], "state to state: a row a unit"),
        parameter(
            "Why",
            [[0.37, 0.97, 0.83], [0.39, 0.28, 0.65], [0.64, 0.19, 0.33], [0.91, 0.32, 0.14]],
            "state to output: a row a symbol, a column a unit",
            low=-100,
            high=100,
        ),
        parameter("bias", [0.51, 0.62, 0.73], "bias of each unit"),
    ),
    work=work_weather,
    about="state, outputs and softmax by step, and the symbol each step predicts",
)
