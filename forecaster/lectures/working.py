"""What a worked example is made of, and how its numbers are written: .7*.1 + .3*.4 + .4*0 + .4.

An example has parameters (weights, inputs), and is worked into steps, each of some lines, and
tables and notes. Numbers are rounded where they are written, and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecaster.errors import UsageError, printable

Array = NDArray[np.float64]
Numbers = Mapping[str, Array]
Cell = str | int | float | None

DIGITS = 4


@dataclass(frozen=True)
class Parameter:
    """A number, row or matrix that an example starts from, and the limits of what may replace it.

    What replaces it has the shape of `value`, or `any_count` of numbers; it lies between `low` and
    `high`, and is whole where it must be an `integer`. Where it is a sequence of symbols, `symbols`
    are their letters, and `value` holds their places among these.
    """

    name: str
    value: Array
    meaning: str
    low: float = -1e6
    high: float = 1e6
    integer: bool = False
    any_count: bool = False
    symbols: str = ""


def parameter(name: str, value: ArrayLike, meaning: str, **limits: Any) -> Parameter:
    """Return the parameter `name` with the `value` as an array."""
    return Parameter(name, np.asarray(value, dtype=np.float64), meaning, **limits)


@dataclass(frozen=True)
class Line:
    """One quantity of a step: what it means, how it is computed, written out, and its value.

    `total` is the sum before the activation, where there is one.
    """

    name: str
    meaning: str
    written: str
    value: float
    total: float | None = None


@dataclass(frozen=True)
class Step:
    """One step, such as ``t = 1``: what it starts from, its lines, and what follows from them."""

    title: str
    start: str
    lines: tuple[Line, ...]
    result: str = ""


@dataclass(frozen=True)
class Table:
    """Numbers in rows, the first cell of each a name.

    `powers` says that the numbers span so much that they are shown as powers of ten.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    powers: bool = False


@dataclass(frozen=True)
class Note:
    """A remark; `{name}` in its text stands for one of its values."""

    text: str
    values: Mapping[str, float]

    def __str__(self) -> str:
        return self.text.format_map({name: short(value) for name, value in self.values.items()})


@dataclass(frozen=True)
class Working:
    """A worked example: the numbers it was worked with, and its steps, tables and notes."""

    numbers: Numbers
    steps: tuple[Step, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Example:
    """An example to work: where it comes from, its equations and parameters, and the function that works it."""

    name: str
    title: str
    slide: str
    source: str
    equations: str
    parameters: tuple[Parameter, ...]
    work: Callable[[Numbers], Working]
    about: str


class Sum(NamedTuple):
    """A sum as it is written, and its value."""

    written: str
    value: float


def weighted(weights: Sequence[float], values: Sequence[float], *terms: float) -> Sum:
    """Return the weighted sum of `values`, plus further `terms` such as a bias.

    >>> weighted([0.7, 0.3, -0.4], [0.1, 0.4, 0.5299], 0.4)[0]
    '.7*.1 + .3*.4 - .4*.5299 + .4'
    """
    products = [f"{short(w)}*{factor(v)}" for w, v in zip(weights, values, strict=True)]
    written = " + ".join([*products, *map(short, terms)]).replace("+ -", "- ")
    return Sum(written, float(sum(w * v for w, v in zip(weights, values, strict=True)) + sum(terms)))


def activated(name: str, meaning: str, activation: str, net: Sum, value: float) -> Line:
    """Return the line of a gate or state: ``sig(.7*.1 + ...) = sig(.59)`` and its value."""
    written = f"{activation}({net.written}) = {activation}({short(net.value)})"
    return Line(name, meaning, written, float(value), net.value)


def four(value: float) -> str:
    """Write a number with four digits behind the point and no zero before it.

    >>> four(0.59), four(-0.08926), four(1.37196), four(0.0), four(8.88e-16)
    ('.5900', '-.0893', '1.3720', '.0000', '8.9e-16')
    """
    if value and not 0.5 * 10**-DIGITS <= abs(value) < 1e5:
        return power(value)
    return _without_zero(f"{value:.{DIGITS}f}")


def power(value: float) -> str:
    """Write a number with two digits, and as a power of ten where it is small or large.

    >>> power(0.25**5), power(0.25**25), power(0.9), power(0.0)
    ('9.8e-4', '8.9e-16', '.9', '0')
    """
    if not value:
        return "0"
    if 0.01 <= abs(value) < 100:
        return _without_zero(f"{value:.2g}")
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def short(value: float) -> str:
    """Write a number that needs fewer than four digits with fewer, and any other with four.

    >>> short(0.7), short(0.0), short(0.07 + 0.12 + 0.4), short(0.52989)
    ('.7', '0', '.59', '.5299')
    """
    # .07 + .12 + .4 is .5900000000000001: a rounding error does not count as a digit.
    exact = abs(value - round(value, DIGITS)) < 1e-12 and abs(value) < 1e5
    return _without_zero(f"{round(value, DIGITS):g}") if exact and (not value or abs(value) >= 1e-4) else four(value)


def factor(value: float) -> str:
    """Write a number that stands after a sign or a times: a negative one in brackets.

    >>> factor(-0.5)
    '(-.5)'
    """
    return f"({short(value)})" if value < 0 else short(value)


def listed(values: Iterable[float]) -> str:
    """Write several numbers: ``.7, .3, .5299``."""
    return ", ".join(short(float(value)) for value in values)


def typed(values: Iterable[float]) -> str:
    """Write several numbers that a person typed, with all their digits.

    >>> typed([0.7, 0.123456, 3.0])
    '.7, .123456, 3'
    """
    return ", ".join(_without_zero(f"{float(value):.12g}") for value in values)


def _without_zero(digits: str) -> str:
    """Drop the zero before the point, and the sign of a zero."""
    sign, size = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if not float(size):
        sign = ""
    return sign + (size[1:] if size.startswith("0.") else size)


SERIES = re.compile(r"(x|target)([1-9][0-9]{0,3})")
# The most numbers in a list, and the most steps of an example: more cannot be read.
MOST = 100


def numbers(parameters: Sequence[Parameter], settings: Iterable[str] = ()) -> Numbers:
    """Return the numbers of an example by name, with those of `settings` (``NAME=VALUES``) in their places.

    x3, where there are x1 and x2, adds a step; ``x2=`` with nothing behind it takes one away.

    Raises:
        UsageError: an unknown name, a wrong count, no number, or one out of range; says which.
    """
    by_name = {parameter.name: parameter for parameter in parameters}
    values = {parameter.name: parameter.value for parameter in parameters}
    for name, text in _parted(settings).items():
        # An empty x or target takes a step away; any other empty value is a wrong count.
        if not text.strip() and _is_of_a_step(name, by_name):
            values.pop(name, None)
        else:
            values[name] = _read(_parameter(name, by_name), text)
    if "x1" in by_name:
        _check_steps(values)
    return values


def _parted(settings: Iterable[str]) -> dict[str, str]:
    """Return the texts of the values by name."""
    texts: dict[str, str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {printable(setting, 80)}: there is no =.", hint="Write NAME=VALUES: Wf=.7,.3,.4.")
        if name.strip() in texts:
            raise UsageError(f"--set {printable(name, 80)} is given twice.")
        texts[name.strip()] = text
    return texts


def _is_of_a_step(name: str, by_name: Mapping[str, Parameter]) -> bool:
    """Whether a name is x1, x2 ... or target1, target2 ... of an example that has these."""
    parts = SERIES.fullmatch(name)
    return parts is not None and f"{parts[1]}1" in by_name


def _parameter(name: str, by_name: Mapping[str, Parameter]) -> Parameter:
    """Return the parameter of a name, or that of a further step."""
    if name in by_name:
        return by_name[name]
    if not _is_of_a_step(name, by_name):
        names = ", ".join(by_name)
        raise UsageError(f"--set {printable(name, 80)}: this example has no such number.", hint=f"It has {names}.")
    return replace(by_name[f"{name.rstrip('0123456789')}1"], name=name)


def _read(parameter: Parameter, text: str) -> Array:
    """Return the values that `text` holds; commas, semicolons and spaces stand between them."""
    # Two commas in a row leave an empty word, which is refused, and not skipped.
    words = re.split(r"\s*[,;]\s*|\s+", text.strip()) if text.strip() else []
    read = _symbol if parameter.symbols else _number
    values = np.array([read(parameter, word) for word in words])
    if parameter.any_count:
        if not 1 <= len(values) <= MOST:
            raise _refusal(parameter, f"{len(values)} values", f"1 to {MOST} of them")
        return values
    shape, size = parameter.value.shape, parameter.value.size
    if len(values) != size:
        expected = f"{size}: {parameter.meaning}"
        if len(shape) == 2:
            expected = f"{size}: {shape[0]} rows of {shape[1]}, row by row"
        raise _refusal(parameter, f"{len(values)} value{'s' * (len(values) != 1)}", expected)
    return values.reshape(shape)


def _number(parameter: Parameter, word: str) -> float:
    """Return one number, within the parameter's limits."""
    try:
        value = float(word)
    except ValueError:
        raise _refusal(parameter, f"{printable(word, 40)!r}, not a number", "such as .7") from None
    if not math.isfinite(value):
        raise _refusal(parameter, f"{printable(word, 40)}, not finite", "a finite number")
    if not parameter.low <= value <= parameter.high:
        raise _refusal(parameter, printable(word, 40), f"{short(parameter.low)} to {short(parameter.high)}")
    if parameter.integer and value != int(value):
        raise _refusal(parameter, printable(word, 40), "a whole number")
    return value


def _symbol(parameter: Parameter, word: str) -> float:
    """Return the place of one symbol in the alphabet."""
    if len(word) != 1 or word not in parameter.symbols:
        raise _refusal(parameter, repr(printable(word, 40)), f"symbols among {', '.join(parameter.symbols)}")
    return float(parameter.symbols.index(word))


def _refusal(parameter: Parameter, value: str, expected: str) -> UsageError:
    return UsageError(f"--set {parameter.name}: found {value}; expected {expected}.")


def _check_steps(values: Numbers) -> None:
    """Refuse a step without the one before it, and a target without its step."""
    steps = sorted(int(name[1:]) for name in values if re.fullmatch(r"x[0-9]+", name))
    targets = sorted(int(name[6:]) for name in values if re.fullmatch(r"target[0-9]+", name))
    if not steps or steps != list(range(1, len(steps) + 1)):
        inputs = ", ".join(f"x{t}" for t in steps) or "none"
        raise UsageError(f"--set: the inputs are {inputs}; they must be x1, x2, x3 ...")
    if len(steps) > MOST:
        raise UsageError(f"--set: {len(steps)} steps; expected at most {MOST}.")
    without_input = set(targets) - set(steps)
    if without_input:
        t = min(without_input)
        raise UsageError(f"--set: target{t} has no input x{t}.", hint=f"Take it away: --set target{t}=")
