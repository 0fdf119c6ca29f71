"""Ridge of what the mean cycle and the context's mean leave over.

    x[t] = l + s[t] + r[t],      r ahead = K r behind

l is the mean of the context, and s the mean cycle of the training part: the sum of harmonics of its period, at the
phase that fits the context. The map K has no bias, so it follows any level. Its penalty may be far larger than
ridge's: where the cycle and the level are most of what can be forecast, little should be made of the remainder.

Where no cycle is worth it, it is ridge of the distances from the context's mean.

Source: Lin et al., "CycleNet: Enhancing Time Series Forecasting through Modeling Periodic Patterns" (2024), who train
the cycle and the map by gradients; Hoerl and Kennard (1970) for ridge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecaster.predictors.ridge import Solution, penalised_map, relative_to, squared_error
from forecaster.predictors.template import Template, TemplateRidge, residual_grams
from forecaster.signal.windows import WindowSplits

ALPHAS = tuple(float(alpha) for alpha in 10.0 ** np.arange(0, 9))


@dataclass(frozen=True)
class CycleRidge(TemplateRidge):
    """The mean cycle of the training part about each context's mean, and ridge on what both leave over."""

    name = "cycle-ridge"
    label = "the linear model cycle-ridge"
    is_direct = True
    # A cycle is worth its while if it leaves less than this share of the squares about the context's mean.
    worthwhile = 0.98
    is_about_context = True

    @property
    def adds_to_ensemble(self) -> bool:
        """Whether there is something in it that no other member has: always, for its penalties are its own."""
        return True

    @classmethod
    def residual_maps(
        cls, splits: WindowSplits, templates: tuple[Template | None, ...], taps: int
    ) -> Iterator[Solution]:
        """Yield for each penalty the linear map of what the cycle and the context's mean leave over."""
        training, validation = residual_grams(splits, templates, taps)
        mean_of_context = np.full(taps, 1 / taps)
        fitted_to = relative_to(training.product[:taps], mean_of_context)
        for alpha in ALPHAS:
            kernel = penalised_map(fitted_to[:, :taps], fitted_to[:, taps:], alpha)
            # As a map of the values themselves: the weights of each column sum to 1.
            kernel += (1 - kernel.sum(axis=0)) / taps
            bias = np.zeros(kernel.shape[1])
            yield Solution(squared_error(validation.product, kernel), alpha, True, kernel, bias)
