"""The weights of a Keras model by the names that a model folder has."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def weights_of(model: Any) -> dict[str, NDArray[np.float32]]:
    """Return the trained tensors of a Keras model by layer and weight name."""
    return {weight_name(variable.path): np.array(variable.numpy()) for variable in model.trainable_variables}


def weight_name(path: str) -> str:
    """Shorten ``lstm_1/lstm_cell/kernel`` to ``lstm_1.kernel``."""
    parts = path.split("/")
    return f"{parts[0]}.{parts[-1]}"
