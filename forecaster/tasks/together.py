"""Channels that see each other are forecast together: what the others get of it need not be made again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from forecaster.forecasting.rollout import VALUES
from forecaster.predictors import NetworkPredictor
from forecaster.signal.origins import Origins
from forecaster.tasks.base import Array, Model

MOST = 20_000_000
"""Forecast values that are kept for the channels that have not asked yet."""
Key = tuple[int, int, bytes]
"""Where a recording stands in memory, a channel, and the rows of the origins."""


class Together:
    """The closed loops of a model's networks over all channels, each kept until its channel is scored.

    Scores are taken channel by channel, and a network makes one only with all the others: without
    this each of C channels would cost C of them.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._networks = [one for one in model.predictors if isinstance(one, NetworkPredictor)]
        self._kept: dict[Key, dict[str, Array]] = {}
        self._held = 0

    def of(self, origins: Origins, horizon: int) -> dict[str, Array]:
        """Return what the networks make of `origins`, scaled, by name; nothing where channels are forecast alone."""
        window = self._model.manifest.window
        if not window.others or origins.covariates.targets is None or horizon <= window.n_input:
            return {}
        key = _key(origins, origins.channel)
        if key not in self._kept:
            if self._held > MOST:
                return {}
            self._keep(origins, horizon)
        found = self._kept.pop(key)
        self._held -= sum(one.size for one in found.values())
        return found

    def _keep(self, origins: Origins, horizon: int) -> None:
        made: list[dict[str, Array]] = []
        count = self._model.manifest.n_channels
        for block in origins.blocks(size(self._model)):
            made.append({})
            for network in self._networks:
                self._model.run(network, every_channel(block), horizon, made[-1])
        for c in range(count):
            own = {name: np.concatenate([one[name].reshape(count, -1, horizon)[c] for one in made]) for name in made[0]}
            self._kept[_key(origins, c)] = own
            self._held += sum(one.size for one in own.values())


def every_channel(origins: Origins) -> list[Origins]:
    """Return the same places in each of the recording's channels."""
    targets = origins.covariates.targets
    if targets is None:
        return [origins]
    return [replace(origins, values=targets[:, c], channel=c) for c in range(targets.shape[1])]


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


def _key(origins: Origins, channel: int) -> Key:
    targets = origins.covariates.targets
    where = 0 if targets is None else targets.ctypes.data
    return where, channel, origins.rows.tobytes()
