"""The model folder: written whole or not at all, and read through a gate.

    manifest      model.json: its fields, each with its range
    record        what is recorded of a run, and the manifest that comes of it
    tensors       tensors.safetensors, written and read
    scores        history.csv and metrics.json, written and read
    card          README.md, written and read
    strict_json   the parser of what a stranger may have written, and the form of a refusal
    gate          reads a model folder
    commit        writes a model folder
    checkpoint    writes and reads the progress of a training that may be interrupted

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
