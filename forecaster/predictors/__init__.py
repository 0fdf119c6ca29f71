"""The predictors: baselines, linear maps, the ensemble and every network, behind one base class."""

from forecaster.predictors.base import Predictor, SymbolPredictor, TensorSpec
from forecaster.predictors.ensemble import Ensemble
from forecaster.predictors.network import NetworkPredictor
from forecaster.predictors.registry import (
    as_loaded,
    baselines,
    closed_form_members,
    describe,
    direct,
    label,
    names,
    parameters,
    predictor_class,
    restore,
    restore_all,
    specs,
)

__all__ = [
    "Ensemble",
    "NetworkPredictor",
    "Predictor",
    "SymbolPredictor",
    "TensorSpec",
    "as_loaded",
    "baselines",
    "closed_form_members",
    "describe",
    "direct",
    "label",
    "names",
    "parameters",
    "predictor_class",
    "restore",
    "restore_all",
    "specs",
]
