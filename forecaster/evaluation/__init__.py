"""Scores beside baselines: origins, what was reached at each, and an honest sentence about it."""

from forecaster.evaluation.places import default_stride, origins
from forecaster.evaluation.request import LEVELS, Keep, Made, Request
from forecaster.evaluation.result import METRICS, Evaluation, Example, Part
from forecaster.evaluation.scoring import Band, Forecast, Known, evaluate
from forecaster.evaluation.verdict import Verdict, compare, overall

__all__ = [
    "LEVELS",
    "METRICS",
    "Band",
    "Evaluation",
    "Example",
    "Forecast",
    "Keep",
    "Known",
    "Made",
    "Part",
    "Request",
    "Verdict",
    "compare",
    "default_stride",
    "evaluate",
    "origins",
    "overall",
]
