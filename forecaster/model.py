"""The Python API: `Forecaster` fits, forecasts, evaluates, saves and loads.

>>> from forecaster.config import RunConfig
>>> from forecaster.model import Forecaster
>>> from forecaster.reading import read_signal
>>> signal = read_signal("data/rotor.csv", RunConfig().reading)      # doctest: +SKIP
>>> model = Forecaster.fit([signal], RunConfig(predictor="ridge"))   # doctest: +SKIP
>>> model.forecast([signal], horizon=100)[0][0].mean                 # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster import compatibility, predictors
from forecaster.bundle import Checkpoint, Manifest, Run, TrainingData, dump_metrics, load, save
from forecaster.bundle.card import card
from forecaster.bundle.record import channels_of, manifest_of, run_of
from forecaster.bundle.scores import history_text, thinned
from forecaster.config import RunConfig
from forecaster.errors import OutputError, SignalError, TooShortError, printable
from forecaster.evaluation import LEVELS, Evaluation, Keep, Known, Request
from forecaster.forecasting.forecast import Forecast, runaway
from forecaster.forecasting.rollout import rollout, stateful_rollout
from forecaster.predictors import Ensemble
from forecaster.predictors.base import Predictor
from forecaster.reading.symbols import one_alphabet
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins, context_of, reach
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.splits import boundaries
from forecaster.tasks import TASKS, Work
from forecaster.training import Progress, train
from forecaster.training.preparation import Prepared, prepare, resolved

Array = NDArray[np.float64]
QUANTILES = "intervals/quantiles"
CUT_OTHERWISE = "it trained this model, cut into other recordings: rows that it learned from would be scored"


@dataclass
class Shared:
    """What models of the same signals, window and split have in common, so that it is made once.

    `fitted` has the baselines by name; `known` their sums by horizon, filled as they are scored.
    """

    prepared: Prepared
    fitted: Mapping[str, Predictor]
    known: dict[int, Known] = field(default_factory=dict)


@dataclass
class Forecaster:
    """A trained model: the predictors (the first one carries the forecast), scaler and bands.

    `stored` holds the evaluations of the held-back part as JSON, taken when it was trained;
    `history` the learning curve, a row an epoch; `notes` what the training left out; `name` is the
    folder it was loaded from or saved to; `known` is there only while `fit` scores beside other models.
    """

    manifest: Manifest
    predictors: tuple[Predictor, ...]
    quantiles: NDArray[np.float32]
    stored: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    name: str = ""
    known: dict[int, Known] | None = field(default=None, repr=False)

    # --- making, keeping, loading -------------------------------------------------------

    @classmethod
    def fit(
        cls,
        signals: Sequence[Signal],
        config: RunConfig,
        *,
        progress: Progress | None = None,
        shared: Shared | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Forecaster:
        """Train on `signals` as `config` says, calibrate the bands, and score the held-back part.

        `shared` is what was made before of the same signals for a model with the same window and split;
        `checkpoint` one of the same `run`, where the training goes on and is written as it goes.
        Raises SignalError or TooShortError for signals that do not fit, TrainingError if
        training gives nothing usable.
        """
        signals = one_alphabet(signals)
        channels_of(signals)
        config = resolved(config, signals)
        prepared = shared.prepared if shared else prepare(signals, config)
        known = shared.fitted if shared else None
        trained = train(prepared.parts, config, progress, baselines=known, checkpoint=checkpoint)
        trained = replace(trained, predictors=_measured(trained.predictors, prepared))
        work = TASKS[trained.predictors[0].task]
        state, quantiles = work.calibrate(trained.predictors[0], prepared.parts, config, trained.fold_ensembles)
        manifest = manifest_of(
            signals,
            config,
            scaler=prepared.scaler,
            predictors=trained.predictors,
            intervals=state,
            interrupted=trained.interrupted,
        )
        model = cls(manifest, trained.predictors, quantiles, [], trained.history, trained.notes)
        model.known = shared.known if shared else None
        model.stored = [thinned(model.evaluate(signals, horizon=h).to_json()) for h in _horizons(prepared, config)]
        model.known = None
        return model

    @staticmethod
    def run_of(signals: Sequence[Signal], config: RunConfig) -> Run:
        """Return what decides the weights that `fit` gives: what a checkpoint is compared by."""
        signals = one_alphabet(signals)
        return run_of(signals, resolved(config, signals))

    @classmethod
    def load(cls, path: str | Path) -> Forecaster:
        """Load a model folder through its gate; ModelError if it is refused."""
        loaded = load(path)
        manifest = loaded.manifest
        states = [(state.name, dict(state.parameters), loaded.tensors_of(state.name)) for state in manifest.predictors]
        restored = predictors.restore_all(states, manifest.window)
        history = [{key: value for key, value in row.items() if value is not None} for row in loaded.history]
        return cls(manifest, restored, loaded.tensors[QUANTILES], loaded.metrics, history, name=str(path))

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the model folder: all of it, or nothing."""
        self.name = str(path)
        self.stored = [{**one, "model": printable(self.name)} for one in self.stored]
        tensors = {f"{one.name}/{name}": tensor for one in self.predictors for name, tensor in one.tensors().items()}
        history = history_text(self.history)
        texts = {
            "history.csv": history,
            "metrics.json": dump_metrics(self.stored),
            "README.md": card(self.manifest, self.stored, history),
        }
        self.manifest = save(path, self.manifest, tensors | {QUANTILES: self.quantiles}, texts, overwrite=overwrite)

    # --- using --------------------------------------------------------------------------

    @property
    def config(self) -> RunConfig:
        """The resolved run that trained the model."""
        return self.manifest.config

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training early."""
        return self.manifest.interrupted

    @property
    def predictor(self) -> Predictor:
        """The predictor that carries the forecast."""
        return self.predictors[0]

    @property
    def work(self) -> Work:
        """What the model does by its task."""
        return TASKS[self.manifest.task]

    @property
    def scaler(self) -> Scaler:
        """The scaler that was fitted on the training part."""
        return Scaler(np.array(self.manifest.scaler.mean), np.array(self.manifest.scaler.scale))

    def require(self, signal: Signal, ahead: int = 0) -> None:
        """Raise SignalError, or TooShortError, if `signal` cannot be forecast `ahead` rows with this model."""
        compatibility.require(signal, self.manifest, self.scaler, ahead)

    def check(self, signal: Signal) -> None:
        """Raise SignalError if `signal` cannot be scored with this model."""
        compatibility.ordered(self._own(signal), self.manifest, self.scaler)
        self._first_targets(signal)

    def forecast(
        self, signals: Sequence[Signal], *, horizon: int | None = None, levels: Sequence[int] = (90,)
    ) -> list[list[Forecast]]:
        """Forecast the samples after the end of every signal: for each, one forecast a series and channel.

        All windows of all signals advance together. `horizon` in samples (default: N).
        Raises as `require` does, and OutputError if a forecast is not finite.
        """
        horizon = horizon or self.config.window.n_input
        signals = [self._own(signal) for signal in signals]
        for signal in signals:
            self.require(signal, horizon)
        ahead = reach(horizon, self.config.window)
        series = [(k, recording) for k, signal in enumerate(signals) for recording in signal.series()]
        asked = [
            (k, recording, end)
            for k, recording in series
            for end in compatibility.ends(signals[k], recording, self.manifest, ahead)
        ]
        found = self.work.made(self, [origin for _, _, origin in asked], horizon, levels)
        result: list[list[Forecast]] = [[] for _ in signals]
        for (k, recording, origin), made in zip(asked, found, strict=True):
            made["history"] = origin.context(self.config.window).values[0]
            result[k].append(self._forecast(signals[k], recording, origin.channel, made))
        return result

    def evaluate(
        self,
        signals: Sequence[Signal],
        *,
        horizon: int | None = None,
        stride: int | None = None,
        levels: Sequence[int] = LEVELS,
        keep: Keep | None = None,
    ) -> Evaluation:
        """Score the model beside the baselines: on the held-back part of a training file, on all of a new one.

        `levels` are those of the bands in percent; `keep` is given all that is forecast, block by block.
        """
        horizon = horizon or self.config.window.n_input
        ordered = [compatibility.ordered(self._own(signal), self.manifest, self.scaler) for signal in signals]
        ranges = [self._first_targets(signal) for signal in signals]
        return self.work.evaluate(self, ordered, ranges, Request(horizon, stride, tuple(levels), keep))

    def run(
        self, predictor: Predictor, origins: Sequence[Origins], horizon: int, made: dict[str, Array] | None = None
    ) -> Array:
        """Forecast with one predictor from `origins` in the channels' units: (O, H) in the same.

        `made` has by name what predictors made of the same origins before, scaled; it is added to.
        """
        made, context = {} if made is None else made, self.context(origins, horizon)
        parts = predictor.active_members if isinstance(predictor, Ensemble) else (predictor,)
        for one in parts:
            if one.name not in made:
                made[one.name] = self._made(one, origins, (context, horizon))
        scaled = predictor.mix(made, context) if isinstance(predictor, Ensemble) else made[predictor.name]
        return self.scaler.inverse(scaled, context.channel)

    def _made(self, predictor: Predictor, origins: Sequence[Origins], given: tuple[Context, int]) -> Array:
        """Forecast in scaled units, `given` being the origins' context and the horizon."""
        context, horizon = given
        if self.config.carry_state and predictor is self.predictor:
            scaled = (places.scaled(self.scaler, self.manifest.n_channels) for places in origins)
            return np.concatenate([stateful_rollout(predictor, places, horizon) for places in scaled])
        return rollout(predictor, context, horizon)

    def origins(self, signal: Signal, rows: Sequence[int] | None = None) -> list[Origins]:
        """Return the `rows` of the last recording of `signal` as origins of each channel; its end if None.

        Raises as `require` does.
        """
        signal = self._own(signal)
        self.require(signal)
        ends = compatibility.ends(signal, list(signal.series())[-1], self.manifest, self.config.window.n_input)
        return ends if rows is None else [replace(end, rows=np.asarray(rows, dtype=np.int64)) for end in ends]

    def latest(self, signal: Signal) -> int:
        """Return the last row of the last recording of `signal` from which the next segment can be forecast.

        It is its end, or lies before it where too little is known of the known columns' future.
        """
        recording, n_input = list(signal.series())[-1], self.config.window.n_input
        unknown = n_input - len(compatibility.told(signal, recording, self.manifest, n_input))
        latest, need = len(recording) - (unknown if self.manifest.channels.known else 0), self.config.window.context
        if latest < need:
            hint = "Let the file hold the known columns' future, or more measured rows."
            raise TooShortError(f"{latest} rows have a known future, and the model looks back on {need}", hint=hint)
        return latest

    def context(self, origins: Sequence[Origins], horizon: int = 1) -> Context:
        """Return the contexts of `origins`, scaled, as a predictor sees them that is to forecast `horizon` samples."""
        return context_of(origins, self.config.window, horizon).scaled(self.scaler, self.manifest.n_channels)

    # --- parts --------------------------------------------------------------------------

    def _own(self, signal: Signal) -> Signal:
        """Return `signal` as the model knows signals: symbols with its codes."""
        return self.work.own(signal, self.manifest.channels.labels)

    def _first_targets(self, signal: Signal) -> list[int]:
        """Return for each recording the first row that may be scored: the test part of what was trained on.

        Raises SignalError if a training file is cut into other recordings than at training:
        rows that the model has learned from would be scored.
        """
        own = TrainingData.of(signal)
        cuts = {one.cut for one in self.manifest.training_data if one.sha256 == own.sha256}
        if not cuts:
            return [0] * len(signal.recordings)
        if own.cut not in cuts:
            hint = "Leave out the reading options: those of the training hold."
            raise SignalError(CUT_OTHERWISE, path=signal.path, hint=hint)
        return [boundaries(len(recording), self.config.split)[1] for recording in signal.recordings]

    def _forecast(self, signal: Signal, recording: Recording, channel: int, made: dict[str, Any]) -> Forecast:
        """Name what was `made` for one channel of one recording, and place it in time."""
        if not np.isfinite(made["mean"]).all():
            raise OutputError(f"The forecast of {signal.path or signal.name} is not finite; nothing was written.")
        names = self.manifest.channels.target
        parts = (signal.name, recording.label, names[channel] if len(names) > 1 else "")
        return Forecast(
            unique_id="/".join(part for part in parts if part),
            channel=names[channel],
            unit=self.manifest.channels.units[channel],
            time=recording.time,
            first=len(recording),
            sample_rate_hz=signal.sample_rate_hz,
            warning="" if signal.symbols else runaway(made["mean"], made["history"]),
            **made,
        )


def _measured(made: Sequence[Predictor], prepared: Prepared) -> tuple[Predictor, ...]:
    """Return what was trained, the error that MASE is scaled by measured on the training rows as they were read."""
    known = [r.values[:b1] for r, (b1, _) in zip(prepared.recordings, prepared.bounds, strict=True)]
    return tuple(predictor.with_training_errors(known, prepared.scaler.scale) for predictor in made)


def _horizons(prepared: Prepared, config: RunConfig) -> list[int]:
    """Return the horizons to score at training: a segment, and the closed loop as far as half the test part goes."""
    window = config.window
    longest = max(
        len(r) - max(b2, window.context) for r, (_, b2) in zip(prepared.recordings, prepared.bounds, strict=True)
    )
    segments = min(window.n_step, longest // (2 * window.n_input))
    return [window.n_input, *([segments * window.n_input] if segments > 1 else [])]
