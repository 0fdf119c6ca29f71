"""Training: each predictor from its windows. TensorFlow is imported here alone, and only for a network."""

from forecaster.training.fit import Progress, Silent, Trained, check_installed, train

__all__ = ["Progress", "Silent", "Trained", "check_installed", "train"]
