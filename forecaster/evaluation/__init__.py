"""Scores beside baselines: origins, what was reached at each, and an honest sentence about it."""

from forecaster.evaluation.bands import LEVELS, Bands, BandScore
from forecaster.evaluation.metrics import NUMBER_METRICS, SYMBOL_METRICS, Metric
from forecaster.evaluation.numbers import NumberScorer
from forecaster.evaluation.results import ChannelScores, Evaluation, Example
from forecaster.evaluation.scoring import (
    ForecastFn,
    Keep,
    Request,
    ReusableSums,
    ScoredBlock,
    default_stride,
    evaluate,
    origins,
)
from forecaster.evaluation.symbols import SymbolScorer
from forecaster.evaluation.verdict import Verdict, compare, overall

Known = ReusableSums

__all__ = [
    "LEVELS",
    "NUMBER_METRICS",
    "SYMBOL_METRICS",
    "BandScore",
    "Bands",
    "ChannelScores",
    "Evaluation",
    "Example",
    "ForecastFn",
    "Keep",
    "Known",
    "Metric",
    "NumberScorer",
    "Request",
    "ReusableSums",
    "ScoredBlock",
    "SymbolScorer",
    "Verdict",
    "compare",
    "default_stride",
    "evaluate",
    "origins",
    "overall",
]
