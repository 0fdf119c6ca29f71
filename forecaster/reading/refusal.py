"""How the reader says no: a SignalError with the options that would accept the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError, shell_quoted

# Reading options that take a value, by their field of `ReadingOptions`.
NAMES = {
    "columns": "--column",
    "exogenous": "--exogenous",
    "known": "--known",
    "calendar": "--calendar",
    "time_columns": "--time-column",
    "time_format": "--time-format",
    "rate_hz": "--rate",
    "units": "--unit",
    "delimiter": "--delimiter",
    "decimal": "--decimal",
    "thousands": "--thousands",
    "skip_rows": "--skip-rows",
    "encoding": "--encoding",
    "na": "--na",
    "missing": "--missing",
    "duplicates": "--duplicates",
    "group_column": "--group-column",
    "recording_rows": "--recording-rows",
    "layout": "--layout",
    "rename": "--rename",
    "skip_end": "--skip-end",
    "time_zone": "--time-zone",
}
FLAGS = {"no_time": "--no-time", "no_header": "--no-header", "sort": "--sort"}
# Values that a shell would not show.
SPELLED = {"\t": "tab", " ": "space"}

Fix = Mapping[str, Any]


class RefusalError(SignalError):
    """A SignalError whose `fix` holds the reading options that would get past it.

    `advice` says what to do beside or instead of them; `where` holds path, line, column and
    what was expected, as `SignalError` takes them.
    """

    def __init__(self, problem: str, *, fix: Fix | None = None, advice: str = "", **where: Any) -> None:
        self.fix: dict[str, Any] = dict(fix or {})
        self.advice = advice
        self.where = where
        hint = " ".join(part for part in (f"`{as_text(self.fix)}` would accept it." if fix else "", advice) if part)
        super().__init__(problem, hint=hint, **where)

    def completed(self, fix: Fix, *, reads: bool, doubt: str = "") -> SignalError:
        """Return the final error, whose hint names all options that the file needs; `reads` says whether they do.

        `doubt` says why what they read is hardly what is meant: then they are not to be added without a thought.
        """
        text = as_text(fix)
        hint = f"Add `{text}` to read it." if reads else f"`{text}` gets past this, but not yet the whole file."
        hint = f"With `{text}`, {doubt}." if doubt else hint
        return SignalError(self.found, hint=" ".join(p for p in (hint if text else "", self.advice) if p), **self.where)


def as_text(fix: Fix) -> str:
    r"""Return reading options as they are typed on a command line.

    >>> as_text({"skip_rows": 22, "delimiter": "\t", "no_time": True})
    '--skip-rows 22 --delimiter tab --no-time'
    """
    return " ".join(_words(fix))


def _words(fix: Fix) -> Iterator[str]:
    for field, value in fix.items():
        if field in FLAGS:
            if value:
                yield FLAGS[field]
            continue
        for item in value if isinstance(value, tuple) else (value,):
            text = f"{item:g}" if isinstance(item, float) else SPELLED.get(str(item), str(item))
            yield f"{NAMES[field]} {shell_quoted(text)}"


def applied(options: ReadingOptions, fix: Fix) -> ReadingOptions:
    """Return `options` with those of `fix` in their place."""
    return ReadingOptions.model_validate({**options.model_dump(), **fix})


def merged(first: Fix, second: Fix) -> dict[str, Any]:
    """Return an earlier fix with a later one added."""
    both: dict[str, Any] = dict(first)
    for field, value in second.items():
        joins = field in ("na", "units") and field in both
        both[field] = (*both[field], *value) if joins else value
    # Without a time column, nothing that mended its stamps is needed.
    if both.get("no_time"):
        for field in ("sort", "duplicates", "time_format"):
            both.pop(field, None)
    return both
