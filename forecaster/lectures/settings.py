"""A person's own numbers in place of an example's, as `--set` takes them: ``Wf=.7,.3,.4``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecaster.errors import UsageError, printable
from forecaster.lectures.working import Array, Numbers, Parameter, short

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
