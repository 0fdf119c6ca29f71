"""Scores beside baselines: origins, what was reached at each, and an honest sentence about it."""

from forecaster.evaluation.result import METRICS, Evaluation, Example, Part
from forecaster.evaluation.scoring import (
    Band,
    Forecast,
    Known,
    default_stride,
    evaluate,
    origins,
)
from forecaster.evaluation.verdict import Verdict, compare, overall

__all__ = [
    "METRICS",
    "Band",
    "Evaluation",
    "Example",
    "Forecast",
    "Known",
    "Part",
    "Verdict",
    "compare",
    "default_stride",
    "evaluate",
    "origins",
    "overall",
]
