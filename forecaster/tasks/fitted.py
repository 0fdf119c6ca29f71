"""A fitted model: what training gives and a model folder holds, and what it forecasts from any origins."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Manifest
from forecaster.config import RunConfig
from forecaster.forecasting.rollout import VALUES, rollout, stateful_rollout
from forecaster.predictors import Predictor, baselines
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins, context_of
from forecaster.signal.scaling import Scaler
from forecaster.signal.training_range import Departure, departures

Array = NDArray[np.float64]


@dataclass
class FittedModel:
    """Predictors that were fitted together, with scaler and bands.

    Attributes:
        manifest: All that is recorded of the training.
        predictors: The one that forecasts comes first, then those that are scored beside it.
        quantiles: (C, H, 99), the bands' half widths at a local scale of 1, scaled.
        name: The folder that the model was loaded from or saved to.
    """

    manifest: Manifest
    predictors: tuple[Predictor, ...]
    quantiles: NDArray[np.float32]
    name: str = ""

    @property
    def config(self) -> RunConfig:
        """The resolved configuration of the training."""
        return self.manifest.config

    @property
    def predictor(self) -> Predictor:
        """The predictor that forecasts."""
        return self.predictors[0]

    @property
    def scaler(self) -> Scaler:
        """The scaler that was fitted on the training part."""
        return Scaler(np.array(self.manifest.scaler.mean), np.array(self.manifest.scaler.scale))

    @property
    def scored(self) -> dict[str, Predictor]:
        """All predictors by the name under which they are scored: "model", baselines, and the ensemble's members."""
        first, *scored_beside = self.predictors
        order = {name: place for place, name in enumerate(baselines(self.manifest.task))}
        rivals = [first, *scored_beside] if first.is_baseline else scored_beside
        rivals.sort(key=lambda predictor: order.get(predictor.name, len(order)))
        return {"model": first, **{predictor.name: predictor for predictor in rivals}}

    @property
    def own_baseline(self) -> str:
        """The name of the baseline that the model is, or ""."""
        return self.predictor.name if self.predictor.is_baseline else ""

    def context(self, origins: Sequence[Origins], horizon: int = 1) -> Context:
        """Return the scaled contexts of `origins`, with what `horizon` samples need of the covariates."""
        return context_of(origins, self.manifest.window, horizon).scaled(self.scaler, self.manifest.n_channels)

    def predictor_context(self, origins: Sequence[Origins]) -> Context:
        """Return the contexts of `origins` as a predictor's `predict` takes them: scaled, and normalised if it is."""
        context = self.context(origins)
        return context.normalised()[0] if self.manifest.window.normalised else context

    def departures(self, context: Context) -> list[Departure | None]:
        """Return how each row of a scaled `context` leaves the training range, None where it does not.

        The members of an ensemble see a context in the same scaled units, whole or in part: one answer is theirs, too.
        """
        manifest = self.manifest
        return departures(context, manifest.window, manifest.training_range, len(manifest.channels.columns))

    def has_bands(self, departure: Departure | None) -> bool:
        """Return whether the bands hold for a context that leaves the training range like this.

        They do if the forecast follows the channel to any level: the local scale then makes the bands as wide as the
        errors were there. They do not for a context without spread, where the spread is the unit of the errors.
        """
        if departure is None:
            return True
        if self.manifest.window.normalised:
            return False
        is_target = departure.column < self.manifest.n_channels
        return self.manifest.intervals.at_any_level and self.predictor.follows_level and is_target

    def forecast_from(self, origins: Sequence[Origins], horizon: int) -> Array:
        """Return the model's forecast from `origins`, (O, H), in the channels' units."""
        return self.forecasts_from(origins, horizon, ["model"])["model"]

    def forecasts_from(self, origins: Sequence[Origins], horizon: int, names: Collection[str]) -> dict[str, Array]:
        """Return what each scored predictor of `names` forecasts from `origins`, (O, H), in the channels' units.

        Each ensemble member is forecast once, even if several of `names` use it.
        """
        context = self.context(origins, horizon)
        scaled: dict[str, Array] = {}
        forecasts = {}
        for name in names:
            predictor = self.scored[name]
            if predictor.without_shift(context) is not context:
                forecasts[name] = self.scaler.inverse(rollout(predictor, context, horizon), context.channel)
                continue
            for member in predictor.active_members(context) if predictor.is_ensemble else (predictor,):
                if member.name not in scaled:
                    scaled[member.name] = self._rolled(member, origins, context, horizon)
            y_hat = predictor.mix(scaled, context) if predictor.is_ensemble else scaled[predictor.name]
            forecasts[name] = self.scaler.inverse(y_hat, context.channel)
        return forecasts

    def _rolled(self, predictor: Predictor, origins: Sequence[Origins], context: Context, horizon: int) -> Array:
        """Return the forecast of one predictor in scaled units. With `carry_state` the model's own state runs on."""
        if self.config.carry_state and predictor is self.predictor:
            return np.concatenate(
                [stateful_rollout(predictor, places, horizon) for places in self.scaled_origins(origins)]
            )
        return rollout(predictor, context, horizon)

    def scaled_origins(self, origins: Sequence[Origins]) -> list[Origins]:
        """Return `origins` in scaled copies of their recordings."""
        return [places.scaled(self.scaler, self.manifest.n_channels) for places in origins]

    @property
    def rows_at_once(self) -> int:
        """How many origins of all channels together fit into memory, where each channel sees all others."""
        window = self.manifest.window
        return max(1, VALUES // (window.context * (1 + window.others) ** 2))

    def batches(self, origins: Sequence[Origins]) -> Iterator[slice]:
        """Yield slices of `origins` (one row each) to forecast at once; a recording's channels stay together."""
        step = self.rows_at_once * self.manifest.n_channels if self.manifest.window.others else max(1, len(origins))
        yield from (slice(begin, begin + step) for begin in range(0, len(origins), step))


def in_blocks(group: Sequence[Origins], size: int) -> Iterator[list[Origins]]:
    """Yield the same places of several channels, up to `size` places at once."""
    for begin in range(0, len(group[0]), size):
        yield [replace(places, rows=places.rows[begin : begin + size]) for places in group]
