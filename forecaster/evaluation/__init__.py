"""Evaluation: forecasts scored beside baselines at every origin, and an honest sentence about them."""

from forecaster.evaluation.bands import LEVELS, Bands, BandScore
from forecaster.evaluation.numbers import NumberScorer
from forecaster.evaluation.results import ChannelScores, Evaluation, Example
from forecaster.evaluation.scoring import ForecastFn, Keep, Request, ReusableSums, ScoredBlock, evaluate
from forecaster.evaluation.symbols import SymbolScorer

__all__ = [
    "LEVELS",
    "BandScore",
    "Bands",
    "ChannelScores",
    "Evaluation",
    "Example",
    "ForecastFn",
    "Keep",
    "NumberScorer",
    "Request",
    "ReusableSums",
    "ScoredBlock",
    "SymbolScorer",
    "evaluate",
]
