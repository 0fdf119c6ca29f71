"""JSON from a stranger: read strictly, or refused.

The parser refuses more than the standard does: a key twice, NaN and infinity, nesting deeper than
32, more values than memory should go to (both counted before anything is built), integers of more
than 18 digits, magnitudes above 1e300, and strings that are long or hold control characters.
`refused` composes the refusals of the whole package.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import Counter
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from forecaster.errors import ModelError, printable

Record = TypeVar("Record", bound=BaseModel)

AGAIN = "Train the model again, or fetch the folder again from where it came."

MAX_DEPTH = 32
# Every integer of 18 digits fits into 64 bits.
MAX_DIGITS = 18
MAX_MAGNITUDE = 1e300
# Keys of one object.
MAX_KEYS = 1024
# Keys and values together: a number in a list takes some 40 bytes of memory.
MAX_ITEMS = 400_000
# Objects and lists: one takes up to a kilobyte while it is checked.
MAX_OBJECTS = 30_000
# More complaints than this are counted, and not listed: to list them would take seconds.
MAX_ERRORS = 1000

# Possessive quantifiers: a long string costs no memory for ways back. One that is never closed
# reaches to the end: to look on behind its first quote would take time by the square of its length.
STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
BRACKET = re.compile(r"[\[\]{}]")


def refused(where: str, actual: str, expected: str = "", *, hint: str = AGAIN) -> ModelError:
    """Return the ModelError, to be raised, of a file `where` the gate found something `actual` that it does not accept.

    >>> str(refused("m/model.json", "the key 'x' twice", "each key once", hint="Train it again."))
    "m/model.json: found the key 'x' twice; expected each key once. Train it again."
    """
    tail = f"; expected {expected}" if expected else ""
    return ModelError(f"{printable(where, 400)}: found {printable(actual, 500)}{tail}.", hint=hint)


def parse(buffer: bytes, where: str, *, longest: int = 256, objects: int = MAX_OBJECTS) -> Any:
    """Return the document in `buffer`, the content of the file `where`.

    It may have `objects` objects and lists, and strings of at most `longest` characters.

    Raises: ModelError.

    >>> parse(b'{"a": [1, 2.5, null]}', "model.json")
    {'a': [1, 2.5, None]}
    """
    try:
        text = buffer.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refused(where, f"bytes that are not UTF-8 at {error.start}", "UTF-8 text") from None
    if text.startswith("\ufeff"):
        raise refused(where, "a byte-order mark", "UTF-8 without one")
    _check_structure(text, where, objects)
    hooks = _Hooks(where)
    try:
        document = json.loads(
            text,
            object_pairs_hook=hooks.pairs,
            parse_int=hooks.integer,
            parse_float=hooks.real,
            parse_constant=hooks.constant,
        )
    except json.JSONDecodeError as error:
        raise refused(where, f"{error.msg} at line {error.lineno}, column {error.colno}", "JSON") from None
    # The text takes up to four bytes a character, which the check below can use.
    del text
    _check_strings(document, where, longest)
    return document


def validated(record: type[Record], document: Any, where: str) -> Record:
    """Return what `parse` returned for the file `where` as a `record`, every value of exactly its type.

    Raises: ModelError.
    """
    try:
        # Of the values that were parsed, and not of the bytes: then a complaint points to its value. Of
        # bytes each would hold a copy, that of a missing key one of the whole document.
        return record.model_validate(_with_tuples(document), strict=True)
    except ValidationError as error:
        raise refused(where, first_error(error, document)) from None


def _with_tuples(document: Any) -> Any:
    """Return a tree of JSON with tuples for its lists, which a strict record takes for no tuples."""
    if isinstance(document, dict):
        return {key: _with_tuples(value) for key, value in document.items()}
    return tuple(map(_with_tuples, document)) if isinstance(document, list) else document


def complaint(text: str, longest: int = 256) -> str | None:
    r"""Return what is wrong with a string, or None: it must be short, and show as what it is.

    A tab and every width of space are let through, because delimiters and units hold them.

    >>> complaint("m/s²"), complaint("a\x1b[2J")
    (None, "the control character '\\x1b'")
    """
    if len(text) > longest:
        return f"{len(text)} characters; at most {longest} are allowed"
    if text.isprintable():
        return None
    bad = next((c for c in text if not (c.isprintable() or c == "\t" or unicodedata.category(c) == "Zs")), None)
    return None if bad is None else f"the control character '{printable(bad)}'"


def first_error(error: ValidationError, document: Any = None) -> str:
    """Return the first complaint of a validation: its place, what is wrong, and the value there in the `document`."""
    if error.error_count() > MAX_ERRORS:
        return f"{error.error_count()} values that are not valid"
    # Without their inputs: those of missing keys are the whole document, once for each.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    value = _value_at(document, first["loc"])
    return f"{printable(place, 120)}{': ' if place else ''}{printable(first['msg'])}{value}"


def _value_at(document: Any, place: tuple[int | str, ...]) -> str:
    """Return the value at `place`, in brackets, if it is a single one."""
    for key in place:
        # A validator adds steps of its own to a place, such as the type of a union: they lead nowhere.
        in_object = isinstance(document, dict) and key in document
        if in_object or (isinstance(document, list) and isinstance(key, int) and key < len(document)):
            document = document[key]
    is_single = isinstance(document, str | int | float) and document not in ("", None)
    return f" ({printable(repr(document)[:200], 60)})" if is_single else ""


class _Hooks:
    """What json.loads calls for each object and number of the file `where`."""

    def __init__(self, where: str) -> None:
        self.where = where

    def pairs(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return an object, refusing a key that comes twice."""
        if len(pairs) > MAX_KEYS:
            raise refused(self.where, f"an object of {len(pairs)} keys", f"at most {MAX_KEYS}")
        document = dict(pairs)
        if len(document) != len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise refused(self.where, f"the key {printable(twice, 80)!r} twice", "each key once")
        return document

    def integer(self, digits: str) -> int:
        """Return an integer of at most 18 digits."""
        # Counted before it is converted: int() takes time by the square of the digits.
        if len(digits.lstrip("-")) > MAX_DIGITS:
            raise refused(self.where, f"an integer of {len(digits)} digits", f"at most {MAX_DIGITS}")
        return int(digits)

    def real(self, digits: str) -> float:
        """Return a float that is finite and at most 1e300 in magnitude."""
        value = float(digits)
        if not (math.isfinite(value) and abs(value) <= MAX_MAGNITUDE):
            raise refused(self.where, f"the number {printable(digits, 40)}", "magnitudes up to 1e300")
        return value

    def constant(self, name: str) -> NoReturn:
        """Refuse NaN, Infinity and -Infinity."""
        raise refused(self.where, name, "finite numbers")


def _check_structure(text: str, where: str, max_objects: int) -> None:
    """Count the brackets and commas outside strings, so that no parser recurses too deep or builds too much."""
    bare = STRING.sub("", text)
    objects, items = bare.count("{") + bare.count("["), bare.count(",") + bare.count(":")
    if objects > max_objects or items > MAX_ITEMS:
        expected = f"at most {max_objects} and {MAX_ITEMS}"
        raise refused(where, f"{objects} objects and lists, {items} keys and values", expected)
    depth = 0
    for bracket in BRACKET.finditer(bare):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MAX_DEPTH:
            raise refused(where, f"values nested deeper than {MAX_DEPTH}", f"at most {MAX_DEPTH} levels")


def _check_strings(document: Any, where: str, longest: int) -> None:
    """Check every string and key, without recursion."""
    values = [document]
    while values:
        value = values.pop()
        if isinstance(value, dict):
            values.extend(value)
            values.extend(value.values())
        elif isinstance(value, list):
            values.extend(value)
        elif isinstance(value, str) and (wrong := complaint(value, longest)):
            raise refused(where, f"a string with {wrong}", "short strings of printable characters")
