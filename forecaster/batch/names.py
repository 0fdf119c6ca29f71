"""The names of forecast files: safe on every file system, within the folder, never twice the same."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence

from forecaster.errors import UsageError, printable

MANIFEST = "manifest.json"
# Characters of a stem: a suffix, and a hash that tells equal names apart, must fit behind it.
LONGEST = 120
_UNSAFE = re.compile(r"[^\w. +=@()-]")
_FIELD = re.compile(r"\{(\w*)\}")


def safe_stem(name: str) -> str:
    r"""Return `name` as one file name: separators and odd characters as `_`, no odd beginning.

    >>> safe_stem("plant/pump 1"), safe_stem("=1+1"), safe_stem("-rf"), safe_stem("a\nb")
    ('plant_pump 1', '_1+1', '_rf', 'a_b')
    """
    stem = _UNSAFE.sub("_", name).strip()
    if stem[:1] in tuple("=+-@.") or not stem:
        stem = f"_{stem[1:]}"
    return stem[:LONGEST].rstrip(". ") or "_"


def check_template(template: str, several: bool) -> None:
    """Refuse a `--filename` that leaves the folder, or gives every one of several forecasts the same name.

    Raises:
        UsageError: it is such a template, or no template at all.
    """
    fields = set(_FIELD.findall(template))
    plain = _FIELD.sub("x", template)
    if fields - {"stem", "ext"} or "{" in plain or "}" in plain:
        raise UsageError(f"--filename {printable(template)!r}: the fields are {{stem}} and {{ext}}.")
    if "/" in plain or "\\" in plain or not plain.isprintable() or plain.startswith((".", "=", "+", "-", "@")):
        raise UsageError(f"--filename {printable(template)!r} is not the name of a file within the folder.")
    if template.replace("{ext}", "json").casefold() == MANIFEST:
        raise UsageError(f"--filename {printable(template)!r} is the name of the batch's own manifest.")
    if several and "stem" not in fields:
        raise UsageError(
            f"--filename {printable(template)!r} gives several files one name.", hint="Put {stem} into it."
        )


def output_names(
    inputs: Sequence[tuple[str, str]], template: str, extension: str, kept: Mapping[str, str]
) -> dict[str, str]:
    """Return the output's name for each path of `inputs`, pairs of (path, name).

    A path in `kept` keeps the output that it has there. Where two names come out the same, on
    any file system, each gets eight digits of its path's hash.

    >>> output_names([("a/x.csv", "a/x"), ("a_x.csv", "a_x")], "{stem}.{ext}", "csv", {})["a_x.csv"]
    'a_x-3ebeac7a.csv'
    """
    plain = {path: _fill(template, safe_stem(name), extension) for path, name in inputs}
    # Some file systems hold names apart by case, and others do not.
    counts = Counter(output.casefold() for output in plain.values())
    taken = {output.casefold() for output in kept.values()} | {MANIFEST}
    names = {}
    for path, name in inputs:
        output = plain[path]
        if counts[output.casefold()] > 1 or output.casefold() in taken:
            digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
            output = _fill(template, f"{safe_stem(name)}-{digest}", extension)
        names[path] = kept.get(path, output)
    return names


def picture_name(output: str, extension: str) -> str:
    """Return the name of the picture beside `output`.

    >>> picture_name("pump.forecast.csv", "csv")
    'pump.forecast.png'
    """
    return f"{output.removesuffix('.' + extension)}.png"


def _fill(template: str, stem: str, extension: str) -> str:
    return template.replace("{ext}", extension).replace("{stem}", stem)
