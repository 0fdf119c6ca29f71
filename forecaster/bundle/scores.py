"""history.csv and metrics.json, written and read: the learning curve, and the evaluations of the held-back part.

What is written is cut to what the gate reads, and what is read is checked field by field.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

import numpy as np
from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError, model_validator
from typing_extensions import TypedDict

from forecaster.bundle.strict_json import MAX_MAGNITUDE, first_error, parse, refused
from forecaster.errors import printable

# Numbers in history.csv.
MAX_CELLS = 50_000
# Characters of one of them.
MAX_FIELD = 40
# Characters of a text in metrics.json: a verdict is the longest.
MAX_VERDICT = 2000
# Rows of the errors by step that are stored, of all predictors together.
STORED_STEPS = 2000
# Beyond so many parts their spectra are not stored.
MAX_SPECTRA = 100
# Warnings that are stored.
MAX_WARNINGS = 20
# What the parts of one evaluation may take in metrics.json: the gate reads two of them.
STORED_BYTES, STORED_OBJECTS = 1_500_000, 14_000

COLUMN = re.compile(r"[a-z][a-z0-9_]{0,39}")
# float() would take "1_0", " 1" and "infinity" too.
PLAIN = re.compile(r"[-+.0-9e]+")

Value = Annotated[float, Field(ge=-1e300, le=1e300)] | None
Steps = Annotated[int, Field(ge=0, le=10**12)]
Share = Annotated[float, Field(ge=0, le=1)]
History = list[dict[str, float | None]]


class _Record(BaseModel):
    """A record that may have keys of a later version; they have passed the strict parser."""

    model_config = ConfigDict(extra="allow", allow_inf_nan=False)


class StepScore(TypedDict):
    """The scores of one step ahead."""

    # A plain dictionary, because there are thousands: a model of each would take more time and memory.
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
    """The coverage of one band.

    `separate` is the effective sample size, `likely` the interval in which the coverage should lie.
    """

    level: Steps
    coverage: Value
    standard_error: Value
    within: bool | None
    separate: Annotated[float, Field(ge=0, le=10**12)] | None = None
    likely: Annotated[list[Share], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _check_likely(self) -> BandScore:
        if (self.separate is None) != (self.likely is None):
            raise ValueError("separate and likely must stand together")
        if self.likely and self.likely[0] > self.likely[1]:
            raise ValueError("likely must ascend")
        return self


class LagCorrelation(_Record):
    """The lag at which the forecasts correlate most with the past, and the correlation there."""

    lag: Steps
    past: Value
    truth: Value
    lag_copy: Steps | None


class Peaks(_Record):
    """The peak and the energies of a spectrum; for a predictor also its errors against the targets' spectrum."""

    peak: Value
    energy: Annotated[list[Annotated[float, Field(ge=0, le=1e300)]], Field(fail_fast=True)] | None
    peak_error: Value = None
    likeness: LagCorrelation | None = None


class Spectrum(_Record):
    """The spectrum of the targets and of every predictor."""

    unit: str
    resolution: Value
    edges: Annotated[list[float], FailFast()]
    truth: Peaks
    predictors: dict[str, Peaks]
    reasons: dict[str, str]


class Segment(_Record):
    """The error of one recursive segment."""

    first_step: Steps
    last_step: Steps
    nmse: Value
    baseline: str
    baseline_nmse: Value
    spread: Value


class FreeRun(_Record):
    """The recursive forecast, segment by segment."""

    segments: Annotated[list[Segment], FailFast()]
    text: str


class Panel(_Record):
    """How many series there were, and the share of them that were forecast better than by the seasonal-naive."""

    series: Steps
    better_than_seasonal_naive: Annotated[float, Field(ge=0, le=1)]


class ChannelScores(_Record):
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
    panel: Panel | None = None


class StoredEvaluation(_Record):
    """What `evaluate --json` prints, as metrics.json keeps it."""

    horizon: Steps
    stride: Steps
    parts: Annotated[list[ChannelScores], FailFast()]
    verdict: str = ""
    warnings: Annotated[list[str], FailFast()] = Field(default_factory=list)


EVALUATIONS = TypeAdapter(Annotated[list[StoredEvaluation], FailFast()])


def parse_metrics(buffer: bytes, where: str) -> list[dict[str, Any]]:
    """Return metrics.json: a list of evaluations, each with horizon, stride, parts and verdict.

    Raises: ModelError.
    """
    evaluations: list[dict[str, Any]] = parse(buffer, where, longest=MAX_VERDICT)
    try:
        EVALUATIONS.validate_python(evaluations, strict=True)
    except ValidationError as error:
        raise refused(where, first_error(error, evaluations), "a list of evaluations") from None
    # The parsed document, not the validated records: those are checked, and thrown away.
    return evaluations


def parse_history(buffer: bytes, where: str) -> History:
    r"""Return history.csv, a header of plain names and rows of plain numbers, an empty cell as None.

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
    if not text:
        return []
    header, *lines = text.removesuffix("\n").split("\n")
    names = header.split(",")
    if not all(COLUMN.fullmatch(name) for name in names) or len(set(names)) < len(names):
        raise refused(where, f"the header {printable(header, 80)!r}", "names in small letters, each once")
    history = []
    for number, line in enumerate(lines, 2):
        place, row = f"{where}:{number}", line.split(",")
        if len(row) != len(names):
            raise refused(place, f"{len(row)} fields", f"{len(names)}")
        history.append({name: _number(cell, place) for name, cell in zip(names, row, strict=True)})
    return history


def _number(cell: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        value = float(cell) if len(cell) <= MAX_FIELD and PLAIN.fullmatch(cell) else math.nan
    except ValueError:
        value = math.nan
    # NaN is not smaller than anything, so that it is refused here too.
    if not abs(value) <= MAX_MAGNITUDE:
        raise refused(where, printable(repr(cell), 60), "a finite number, or nothing")
    return value


def dump_metrics(evaluations: list[dict[str, Any]]) -> str:
    """Return metrics.json as text: one evaluation a line."""
    lines = (json.dumps(evaluation, ensure_ascii=False, allow_nan=False) for evaluation in evaluations)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def history_text(history: Sequence[Mapping[str, float]]) -> str:
    """Return the learning curve as CSV; of very many rows as many as the gate reads, evenly spread."""
    if not history:
        return ""
    # The rows of several networks stand in one table, and not all have the same columns.
    names = list(dict.fromkeys(name for row in history for name in row))
    max_rows = MAX_CELLS // len(names) - 1
    if len(history) > max_rows:
        history = [history[k] for k in np.linspace(0, len(history) - 1, max_rows).astype(np.int64)]
    rows = (",".join(_digits(row[name]) if name in row else "" for name in names) for row in history)
    return "\n".join((",".join(names), *rows)) + "\n"


def _digits(value: float) -> str:
    # Either form is read back as the same number, and a step reads better without ".0".
    return str(int(value)) if float(value).is_integer() and abs(value) < 2**53 else repr(float(value))


def thinned(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return an evaluation that fits into metrics.json.

    Of the errors by step at most `STORED_STEPS` rows are kept, evenly spread. Beyond `MAX_SPECTRA`
    parts the spectra are left out, and of very many parts the last ones: "parts_left_out" counts them.
    """
    tables = [(part["by_step"], name) for part in evaluation["parts"] for name in part["by_step"]]
    rows_per_table = max(1, STORED_STEPS // max(1, len(tables)))
    for by_step, name in tables:
        rows = by_step[name]
        count = min(rows_per_table, len(rows))
        by_step[name] = [rows[k] for k in np.unique(np.linspace(0, len(rows) - 1, count).astype(np.int64))]
    if len(evaluation["parts"]) > MAX_SPECTRA:
        for part in evaluation["parts"]:
            part.pop("spectrum", None)
    if "warnings" in evaluation:
        evaluation["warnings"] = evaluation["warnings"][:MAX_WARNINGS]
    return _first_parts(_escaped(evaluation))


def _escaped(document: Any) -> Any:
    """Return a tree of JSON with the control characters of its texts escaped: files may have any name."""
    if isinstance(document, dict):
        return {key: _escaped(value) for key, value in document.items()}
    if isinstance(document, list):
        return [_escaped(value) for value in document]
    return printable(document, 2000) if isinstance(document, str) else document


def _first_parts(evaluation: dict[str, Any]) -> dict[str, Any]:
    """Return `evaluation` with its first parts, as many as a model folder may hold, and always one."""
    parts, size, objects = evaluation["parts"], 0, 0
    for k, part in enumerate(parts):
        text = json.dumps(part)
        size, objects = size + len(text), objects + text.count("{") + text.count("[")
        if k and (size > STORED_BYTES or objects > STORED_OBJECTS):
            return {**evaluation, "parts": parts[:k], "parts_left_out": len(parts) - k}
    return evaluation
