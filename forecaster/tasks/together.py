"""Channels that see each other are forecast together, as many origins at once as memory holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forecaster.forecasting.rollout import VALUES
from forecaster.signal.origins import Origins
from forecaster.tasks.base import Model


def size(model: Model) -> int:
    """Return how many origins fit into memory together, each with all channels for each of its channels."""
    window = model.manifest.window
    return max(1, VALUES // (window.context * (1 + window.others) ** 2))


def batches(model: Model, origins: Sequence[Origins]) -> Iterator[Sequence[Origins]]:
    """Yield `origins`, each with one row, as many at once as fit, the channels of one recording together.

    Channels that are forecast alone come all at once.
    """
    if not model.manifest.window.others:
        yield origins
        return
    step = size(model) * model.manifest.n_channels
    yield from (origins[begin : begin + step] for begin in range(0, len(origins), step))
