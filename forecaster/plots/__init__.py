"""Figures that show at a glance what was forecast, how good it is, and how the training went."""

from forecaster.plots.figures import SUFFIXES, image, png, save
from forecaster.plots.forecasts import forecast, symbols
from forecaster.plots.lectures import LECTURES
from forecaster.plots.scores import comparison, evaluation, learning_curve

__all__ = [
    "LECTURES",
    "SUFFIXES",
    "comparison",
    "evaluation",
    "forecast",
    "image",
    "learning_curve",
    "png",
    "save",
    "symbols",
]
