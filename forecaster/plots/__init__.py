"""Figures that tell at a glance what was forecast, how good it is, and how the training went."""

from forecaster.plots.activations import LECTURES
from forecaster.plots.comparison import comparison
from forecaster.plots.forecasts import forecast
from forecaster.plots.image import SUFFIXES, image, png, save
from forecaster.plots.learning import learning_curve
from forecaster.plots.scores import evaluation
from forecaster.plots.symbols import symbols

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
