"""The person's own numbers in place of an example's: ``Wf=.7,.3,.4``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecaster.errors import UsageError, printable
from forecaster.lectures.working import Array, Given, Numbers
from forecaster.lectures.writing import short

SERIES = re.compile(r"(x|target)([1-9][0-9]{0,3})")
MOST = 100
"""Numbers in a list, and steps in an example: more cannot be read."""


def numbers(givens: Sequence[Given], settings: Iterable[str] = ()) -> Numbers:
    """Return the numbers of an example by name, those of `settings` (``NAME=VALUES``) in their places.

    x3, where there are x1 and x2, adds a step; ``x2=`` with nothing behind it takes one away.

    Raises:
        UsageError: an unknown name, a wrong count, no number, or one out of range; says which.
    """
    known = {one.name: one for one in givens}
    found = {one.name: one.value for one in givens}
    for name, values in _split(settings).items():
        if not values.strip() and _series(name, known):
            found.pop(name, None)
        else:
            found[name] = _read(_one(name, known), values)
    if "x1" in known:
        _check_steps(found)
    return found


def _split(settings: Iterable[str]) -> dict[str, str]:
    """Part names from values."""
    parted: dict[str, str] = {}
    for setting in settings:
        name, equals, values = setting.partition("=")
        if not equals:
            raise UsageError(f"--set {printable(setting, 80)}: there is no =.", hint="Write NAME=VALUES: Wf=.7,.3,.4.")
        if name.strip() in parted:
            raise UsageError(f"--set {printable(name, 80)} is given twice.")
        parted[name.strip()] = values
    return parted


def _series(name: str, known: Mapping[str, Given]) -> str:
    """Return ``x`` for x1, x2, x3 ... where the example has an x1; else nothing."""
    parts = SERIES.fullmatch(name)
    return parts[1] if parts and f"{parts[1]}1" in known else ""


def _one(name: str, known: Mapping[str, Given]) -> Given:
    """Return the Given of a name, or that of a further step."""
    if name in known:
        return known[name]
    series = _series(name, known)
    if not series:
        names = ", ".join(known)
        raise UsageError(f"--set {printable(name, 80)}: this example has no such number.", hint=f"It has {names}.")
    return replace(known[f"{series}1"], name=name)


def _read(one: Given, text: str) -> Array:
    """Read the values of one name; commas, semicolons and spaces stand between them."""
    words = re.split(r"\s*[,;]\s*|\s+", text.strip()) if text.strip() else []
    if one.symbols:
        values = np.array([_symbol(one, word) for word in words])
    else:
        values = np.array([_number(one, word) for word in words])
    if one.free:
        if not 1 <= len(values) <= MOST:
            raise _refused(one, f"{len(values)} values", f"1 to {MOST} of them")
        return values
    if len(values) != one.value.size:
        raise _refused(one, f"{len(values)} value{'s' * (len(values) != 1)}", _shape(one))
    return values.reshape(one.value.shape)


def _number(one: Given, word: str) -> float:
    """Read one number."""
    try:
        value = float(word)
    except ValueError:
        raise _refused(one, f"{printable(word, 40)!r}, not a number", "such as .7") from None
    if not math.isfinite(value):
        raise _refused(one, f"{printable(word, 40)}, not finite", "a finite number")
    if not one.low <= value <= one.high:
        raise _refused(one, printable(word, 40), f"{short(one.low)} to {short(one.high)}")
    if one.whole and value != int(value):
        raise _refused(one, printable(word, 40), "a whole number")
    return value


def _symbol(one: Given, word: str) -> float:
    """Read one symbol as its place in the alphabet."""
    if len(word) != 1 or word not in one.symbols:
        raise _refused(one, repr(printable(word, 40)), f"symbols among {', '.join(one.symbols)}")
    return float(one.symbols.index(word))


def _shape(one: Given) -> str:
    """Say how many values a name takes."""
    if one.value.ndim == 2:
        rows, columns = one.value.shape
        return f"{one.value.size}: {rows} rows of {columns}, row by row"
    return f"{one.value.size}: {one.meaning}"


def _refused(one: Given, found: str, expected: str) -> UsageError:
    return UsageError(f"--set {one.name}: found {found}; expected {expected}.")


def _check_steps(found: Numbers) -> None:
    """Refuse a step without the one before it, and a target without its step."""
    steps = sorted(int(name[1:]) for name in found if re.fullmatch(r"x[0-9]+", name))
    targets = sorted(int(name[6:]) for name in found if re.fullmatch(r"target[0-9]+", name))
    if not steps or steps != list(range(1, len(steps) + 1)):
        there = ", ".join(f"x{t}" for t in steps) or "none"
        raise UsageError(f"--set: the inputs are {there}; they must be x1, x2, x3 ...")
    if len(steps) > MOST:
        raise UsageError(f"--set: {len(steps)} steps; expected at most {MOST}.")
    lost = set(targets) - set(steps)
    if lost:
        name = f"target{min(lost)}"
        raise UsageError(f"--set: {name} has no input x{min(lost)}.", hint=f"Take it away: --set {name}=")
