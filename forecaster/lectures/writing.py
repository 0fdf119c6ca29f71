"""How numbers and sums are written out, as a lecture writes them: .7*.1 + .3*.4 + .4*0 + .4.

Numbers are rounded here, where they are shown, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

DIGITS = 4


class Sum(NamedTuple):
    """A sum as it is written, and its value."""

    written: str
    value: float


def four(value: float) -> str:
    """Write with four digits behind the point and no zero before it.

    >>> four(0.59), four(-0.08926), four(1.37196), four(0.0), four(8.88e-16)
    ('.5900', '-.0893', '1.3720', '.0000', '8.9e-16')
    """
    if value and not 0.5 * 10**-DIGITS <= abs(value) < 1e5:
        return power(value)
    return _bare(f"{value:.{DIGITS}f}")


def power(value: float) -> str:
    """Write with two digits, and a power of ten where the number is small or large.

    >>> power(0.25**5), power(0.25**25), power(0.9), power(0.0)
    ('9.8e-4', '8.9e-16', '.9', '0')
    """
    if not value:
        return "0"
    if 0.01 <= abs(value) < 100:
        return _bare(f"{value:.2g}")
    size, exponent = f"{value:.1e}".split("e")
    return f"{size}e{int(exponent)}"


def short(value: float) -> str:
    """Write a number that needs fewer digits with fewer; any other with four.

    >>> short(0.7), short(0.0), short(0.07 + 0.12 + 0.4), short(0.52989)
    ('.7', '0', '.59', '.5299')
    """
    exact = abs(value - round(value, DIGITS)) < 1e-12 and abs(value) < 1e5
    return _bare(f"{round(value, DIGITS):g}") if exact and (not value or abs(value) >= 1e-4) else four(value)


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
    """Write several given numbers with all the digits they were given with.

    >>> typed([0.7, 0.123456, 3.0])
    '.7, .123456, 3'
    """
    return ", ".join(_bare(f"{float(value):.12g}") for value in values)


def weighted(weights: Sequence[float], values: Sequence[float], *others: float) -> Sum:
    """Write the weighted sum of `values`, plus `others`.

    >>> weighted([0.7, 0.3, -0.4], [0.1, 0.4, 0.5299], 0.4)[0]
    '.7*.1 + .3*.4 - .4*.5299 + .4'
    """
    products = [f"{short(w)}*{factor(v)}" for w, v in zip(weights, values, strict=True)]
    written = " + ".join([*products, *map(short, others)]).replace("+ -", "- ")
    return Sum(written, float(sum(w * v for w, v in zip(weights, values, strict=True)) + sum(others)))


def _bare(digits: str) -> str:
    """Drop the zero before the point, and the sign of a zero."""
    sign, size = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if not float(size):
        sign = ""
    return sign + (size[1:] if size.startswith("0.") else size)
