"""The scores as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forecaster.evaluation.result import METRICS, Evaluation, Part

if TYPE_CHECKING:
    from rich.table import Table

HEADS = {
    "coverage-90": "in 90 % band",
    "psd_error_db": "spectrum dB",
    "rms_ratio": "rms ratio",
}


def table(evaluation: Evaluation, *, most_parts: int = 12) -> Table:
    """Return a rich table: the predictors of each part, the best nmse in bold; the first `most_parts` parts."""
    from rich.table import Table

    parts = evaluation.parts[:most_parts]
    caption = "" if len(parts) == len(evaluation.parts) else f"and {len(evaluation.parts) - len(parts)} parts more"
    result = Table(title=_title(evaluation), caption=caption or None, title_justify="left")
    for name in ("signal", "predictor"):
        result.add_column(name, no_wrap=name == "predictor", overflow="fold")
    for metric in METRICS:
        result.add_column(HEADS.get(metric, metric), justify="right", no_wrap=False)
    for part in parts:
        _add(result, part)
    return result


def _title(evaluation: Evaluation) -> str:
    """Say what was scored."""
    origins = sum(part.origins for part in evaluation.parts)
    return f"next {evaluation.horizon} samples, {origins} origins, one every {evaluation.stride} samples"


def _add(table: Table, part: Part) -> None:
    """Add one row a predictor, best first after the model."""
    from rich.text import Text

    known = {name: row["nmse"] for name, row in part.scores.items() if row["nmse"] is not None}
    best = min(known, key=lambda name: known[name], default=None)
    label = part.signal if part.channel in ("", part.signal) else f"{part.signal} / {part.channel}"
    for name, row in part.scores.items():
        style = "bold" if name == best else ""
        first = Text(label if name == "model" else "")
        table.add_row(
            first,
            Text(name, style),
            *(Text(_cell(row[metric]), style) for metric in METRICS),
        )
    table.add_section()


def _cell(value: float | None) -> str:
    """Write a number with four significant digits, or a dash."""
    return "-" if value is None else f"{value:.4g}"
