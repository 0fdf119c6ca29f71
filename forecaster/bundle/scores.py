"""history.csv and metrics.json: the training's course and its scores, checked like all the rest."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

import numpy as np
from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError, model_validator
from typing_extensions import TypedDict

from forecaster.bundle.strict_json import first_error, parse, refused
from forecaster.errors import printable

MAX_FIELD = 40
MAX_VERDICT = 2000
MAX_CELLS = 50_000
"""Numbers in history.csv."""
STORED_STEPS = 2000
MOST_SPECTRA = 100
STORED_BYTES, STORED_OBJECTS = 1_500_000, 14_000
"""What the parts of one evaluation may take in metrics.json: the gate reads two of them."""
COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")
PLAIN = re.compile(r"[-+.0-9e]+")

Value = Annotated[float, Field(ge=-1e300, le=1e300)] | None
Steps = Annotated[int, Field(ge=0, le=10**12)]
Share = Annotated[float, Field(ge=0, le=1)]
History = list[dict[str, float | None]]


class _Record(BaseModel):
    """A record that may have keys that this version does not know; they passed the strict parser."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class StepScore(TypedDict):
    """The scores of one step ahead: a plain dictionary, because there are thousands."""

    __pydantic_config__ = _Record.model_config  # type: ignore[misc]
    step: Steps
    nmse: NotRequired[Value]
    rmse: NotRequired[Value]


class Skill(_Record):
    """The gain over the best baseline."""

    baseline: str
    gain: Value
    standard_error: Value


class BandScore(_Record):
    """How many targets one band covers."""

    level: Steps
    coverage: Value
    standard_error: Value
    within: bool | None
    separate: Annotated[float, Field(ge=0, le=10**12)] | None = None
    likely: Annotated[list[Share], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _known_together(self) -> BandScore:
        if (self.separate is None) != (self.likely is None):
            raise ValueError("separate and likely must stand together")
        if self.likely and self.likely[0] > self.likely[1]:
            raise ValueError("likely must ascend")
        return self


class LagCorrelation(_Record):
    """The lag at which forecasts look most like the past, and how much."""

    lag: Steps
    past: Value
    truth: Value
    lag_copy: Steps | None


class Peaks(_Record):
    """Peak and energies of a spectrum; of a predictor also what it is compared with."""

    peak: Value
    energy: Annotated[list[Annotated[float, Field(ge=0, le=1e300)]], Field(fail_fast=True)] | None
    peak_error: Value = None
    likeness: LagCorrelation | None = None


class Spectrum(_Record):
    """The spectrum of the truth and of every predictor."""

    unit: str
    resolution: Value
    edges: Annotated[list[float], FailFast()]
    truth: Peaks
    predictors: dict[str, Peaks]
    reasons: dict[str, str]


class Segment(_Record):
    """The error of one fed-back segment."""

    first_step: Steps
    last_step: Steps
    nmse: Value
    baseline: str
    baseline_nmse: Value
    spread: Value


class FreeRun(_Record):
    """The free run by segment."""

    segments: Annotated[list[Segment], FailFast()]
    text: str


class Part(_Record):
    """The scores of one channel of one signal; older versions have stored no skill, and nothing behind it."""

    signal: str
    channel: str
    origins: Steps
    scores: dict[str, dict[str, Value]]
    by_step: dict[str, Annotated[list[StepScore], FailFast()]] = Field(default_factory=dict)
    reasons: dict[str, Any] = Field(default_factory=dict)
    verdict: str = ""
    skill: Skill | None = None
    bands: Annotated[list[BandScore], Field(fail_fast=True)] | None = None
    spectrum: Spectrum | None = None
    free_run: FreeRun | None = None


class StoredEvaluation(_Record):
    """What `evaluate --json` prints, as metrics.json keeps it."""

    horizon: Steps
    stride: Steps
    parts: Annotated[list[Part], FailFast()]
    verdict: str = ""


_EVALUATIONS = TypeAdapter(Annotated[list[StoredEvaluation], FailFast()])


def parse_metrics(buffer: bytes, where: str) -> list[dict[str, Any]]:
    """Read metrics.json: a list of evaluations, each with horizon, stride, parts and verdict.

    Raises: ModelError.
    """
    found = parse(buffer, where, longest=MAX_VERDICT)
    try:
        _EVALUATIONS.validate_python(found, strict=True)
    except ValidationError as error:
        raise refused(where, first_error(error, found), "a list of evaluations") from None
    checked: list[dict[str, Any]] = found
    return checked


def parse_history(buffer: bytes, where: str) -> History:
    r"""Read history.csv: a header of plain names, then rows of plain numbers, or of nothing (None).

    Raises: ModelError.

    >>> parse_history(b"step,loss\n100,0.5\n200,\n", "history.csv")
    [{'step': 100.0, 'loss': 0.5}, {'step': 200.0, 'loss': None}]
    """
    try:
        text = buffer.decode("ascii")
    except UnicodeDecodeError:
        raise refused(where, "characters that are not ASCII", "numbers") from None
    if (cells := text.count("\n") + text.count(",")) > MAX_CELLS:
        raise refused(where, f"{cells} cells", f"at most {MAX_CELLS}")
    lines = text.removesuffix("\n").split("\n") if text else []
    names = lines[0].split(",") if lines else []
    if not all(COLUMN.fullmatch(name) for name in names) or len(set(names)) < len(names):
        raise refused(where, f"the header {printable(','.join(names), 80)!r}", "names in small letters, each once")
    return [_row(line, names, f"{where}:{number}") for number, line in enumerate(lines[1:], 2)]


def _row(line: str, names: list[str], where: str) -> dict[str, float | None]:
    fields = line.split(",")
    if len(fields) != len(names):
        raise refused(where, f"{len(fields)} fields", f"{len(names)}")
    return {name: _number(field, where) for name, field in zip(names, fields, strict=True)}


def _number(field: str, where: str) -> float | None:
    if not field:
        return None
    try:
        value = float(field) if len(field) <= MAX_FIELD and PLAIN.fullmatch(field) else math.nan
    except ValueError:
        value = math.nan
    if not abs(value) <= 1e300:
        raise refused(where, printable(repr(field), 60), "a finite number, or nothing")
    return value


def thinned(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Keep at most `STORED_STEPS` rows of the errors by step, evenly spread, so that metrics.json stays small.

    Beyond `MOST_SPECTRA` parts the spectra are left out too, and of very many parts the last ones:
    "parts_left_out" counts them.
    """
    tables = [(part["by_step"], name) for part in evaluation["parts"] for name in part["by_step"]]
    kept = max(1, STORED_STEPS // max(1, len(tables)))
    for by_step, name in tables:
        rows = by_step[name]
        chosen = np.unique(np.linspace(0, len(rows) - 1, min(kept, len(rows))).astype(np.int64)) if rows else ()
        by_step[name] = [rows[k] for k in chosen]
    if len(evaluation["parts"]) > MOST_SPECTRA:
        for part in evaluation["parts"]:
            part.pop("spectrum", None)
    shown: dict[str, Any] = _shown(evaluation)
    return _fitting(shown)


def _shown(value: Any) -> Any:
    """Return a tree of JSON with all control characters of its texts escaped: files may have any name."""
    if isinstance(value, dict):
        return {key: _shown(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return printable(value, 2000) if isinstance(value, str) else value


def _fitting(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Keep the first parts, as many as a model folder may hold."""
    parts, size, objects = evaluation["parts"], 0, 0
    for k, part in enumerate(parts):
        text = json.dumps(part)
        size, objects = size + len(text), objects + text.count("{") + text.count("[")
        if k and (size > STORED_BYTES or objects > STORED_OBJECTS):
            return {**evaluation, "parts": parts[:k], "parts_left_out": len(parts) - k}
    return evaluation


def dump_metrics(evaluations: list[dict[str, Any]]) -> str:
    """Return metrics.json as text: one evaluation a line."""
    lines = (json.dumps(one, ensure_ascii=False, allow_nan=False) for one in evaluations)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def history_text(history: Sequence[Mapping[str, float]]) -> str:
    """Write the learning curve as CSV; of very many rows those that a model folder may hold, evenly spread."""
    if not history:
        return ""
    names = list(dict.fromkeys(name for row in history for name in row))
    most = MAX_CELLS // len(names) - 1
    if len(history) > most:
        history = [history[k] for k in np.linspace(0, len(history) - 1, most).astype(np.int64)]
    rows = (",".join(_digits(row[name]) if name in row else "" for name in names) for row in history)
    return "\n".join((",".join(names), *rows)) + "\n"


def _digits(value: float) -> str:
    """Write a number so that it is the same when it is read and written again."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))
