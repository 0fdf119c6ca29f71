"""Scores beside baselines: origins, what was reached at each, and an honest sentence about it."""

from forecaster.evaluation.origins import default_stride, origins
from forecaster.evaluation.request import LEVELS, Keep, Request, ScoredBlock
from forecaster.evaluation.results import METRICS, ChannelScores, Evaluation, Example
from forecaster.evaluation.scoring import Band, Forecast, Known, evaluate
from forecaster.evaluation.verdict import Verdict, compare, overall

__all__ = [
    "LEVELS",
    "METRICS",
    "Band",
    "ChannelScores",
    "Evaluation",
    "Example",
    "Forecast",
    "Keep",
    "Known",
    "Request",
    "ScoredBlock",
    "Verdict",
    "compare",
    "default_stride",
    "evaluate",
    "origins",
    "overall",
]
