"""The learning rate by step.

Source: Loshchilov and Hutter, "SGDR" (2017), for the cosine.
"""

from __future__ import annotations

import math
from typing import Any

from forecaster.config import Recipe


def learning_rate(recipe: Recipe, step: Any, cos: Any = math.cos) -> Any:
    """Return the learning rate at `step`: constant, or a linear warm-up and a cosine to zero.

    >>> recipe = Recipe(steps=100, learning_rate=1.0, warmup=0.1)
    >>> [round(learning_rate(recipe, step), 3) for step in (0, 9, 55, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    warmup = max(1, round(recipe.warmup * recipe.steps))
    ramp = (step + 1) / warmup
    fall = 0.5 * (1 + cos(math.pi * (step - warmup) / max(1, recipe.steps - warmup)))
    return recipe.learning_rate * (ramp if step < warmup else fall)
