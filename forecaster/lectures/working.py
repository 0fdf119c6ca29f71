"""What a worked example is made of: given numbers, steps of lines, tables, notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forecaster.lectures.writing import Sum, short

Array = NDArray[np.float64]
Numbers = Mapping[str, Array]
Cell = str | int | float | None


@dataclass(frozen=True)
class Given:
    """A number, row or matrix that an example starts from, and what may stand in its place.

    The shape of `value` is the shape that is expected, unless any count is `free`. `symbols`
    are the letters whose places `value` holds, where it is a sequence of symbols.
    """

    name: str
    value: Array
    meaning: str
    low: float = -1e6
    high: float = 1e6
    whole: bool = False
    free: bool = False
    symbols: str = ""


def given(name: str, value: ArrayLike, meaning: str, **rules: Any) -> Given:
    """Make a Given of any numbers."""
    return Given(name, np.asarray(value, dtype=np.float64), meaning, **rules)


@dataclass(frozen=True)
class Line:
    """One quantity of a step: how it is computed, written out, and its value.

    `total` is the sum before the activation, where there is one.
    """

    name: str
    meaning: str
    written: str
    value: float
    total: float | None = None


@dataclass(frozen=True)
class Step:
    """One step, such as ``t = 1``: what is known before it, its lines, and what follows from them."""

    title: str
    known: str
    lines: tuple[Line, ...]
    result: str = ""


@dataclass(frozen=True)
class Table:
    """Numbers in rows, the first cell of each a name."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    powers: bool = False
    """Whether the numbers span so much that they are shown as powers of ten."""


@dataclass(frozen=True)
class Note:
    """A remark; `{name}` in its text stands for one of its values."""

    text: str
    values: Mapping[str, float]

    def __str__(self) -> str:
        return self.text.format_map({name: short(value) for name, value in self.values.items()})


@dataclass(frozen=True)
class Working:
    """A worked example, worked."""

    numbers: Numbers
    steps: tuple[Step, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Example:
    """A worked example: where it comes from, in short and in full, its equations, its numbers, and how it is worked."""

    name: str
    title: str
    slide: str
    source: str
    equations: str
    given: tuple[Given, ...]
    work: Callable[[Numbers], Working]
    about: str


class Gate(NamedTuple):
    """A name, what it means, and its activation: ``f``, forget gate, ``sig``."""

    name: str
    meaning: str
    activation: str

    def line(self, net: Sum, value: float) -> Line:
        """Return the line of the gate: ``sig(.7*.1 + ...) = sig(.59)``, and its value."""
        written = f"{self.activation}({net.written}) = {self.activation}({short(net.value)})"
        return Line(self.name, self.meaning, written, float(value), net.value)
