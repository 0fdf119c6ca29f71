"""The model folder: written whole or not at all, and read through a gate.

>>> from forecaster.bundle import load
>>> load("models/none")
Traceback (most recent call last):
    ...
forecaster.errors.ModelError: There is no model at models/none. Train one with ...
"""

from forecaster.bundle.checkpoint import Checkpoint
from forecaster.bundle.commit import check_target, save
from forecaster.bundle.gate import Loaded, load
from forecaster.bundle.manifest import (
    Channels,
    EnsembleState,
    Manifest,
    PredictorState,
    ScalerState,
    TrainingData,
    now,
)
from forecaster.bundle.record import Run
from forecaster.bundle.scores import dump_metrics

__all__ = [
    "Channels",
    "Checkpoint",
    "EnsembleState",
    "Loaded",
    "Manifest",
    "PredictorState",
    "Run",
    "ScalerState",
    "TrainingData",
    "check_target",
    "dump_metrics",
    "load",
    "now",
    "save",
]
