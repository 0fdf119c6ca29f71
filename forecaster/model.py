"""A trained model: `Forecaster` fits, forecasts, evaluates, saves and loads.

>>> from forecaster import Forecaster, read_signal
>>> signal = read_signal("data/rotor.csv")  # doctest: +SKIP
>>> model = Forecaster.fit(signal, predictor="ridge")  # doctest: +SKIP
>>> model.forecast(signal, horizon=100).to_frame()  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from forecaster import compatibility, predictors
from forecaster.bundle import Checkpoint, Run, TrainingData, dump_metrics, load, save
from forecaster.bundle.card import card
from forecaster.bundle.record import channels_of, manifest_of, run_of
from forecaster.bundle.scores import history_text, thinned
from forecaster.config import RunConfig
from forecaster.errors import SignalError, TooShortError, printable
from forecaster.evaluation import LEVELS, Evaluation, Keep, Request, ReusableSums
from forecaster.evaluation.own_scores import beside_own_scores
from forecaster.forecasting.forecast import Forecast, Forecasts
from forecaster.forecasting.rollout import stateful_rollout
from forecaster.predictors import Predictor
from forecaster.signal.frames import as_signals, is_frame
from forecaster.signal.origins import Origins, reach
from forecaster.signal.signal import Signal
from forecaster.signal.windows import boundaries
from forecaster.tasks import TASKS, FittedModel, Series, Task, task_of
from forecaster.training import Progress, train
from forecaster.training.preparation import Prepared, prepare, resolved

if TYPE_CHECKING:
    from pandas import DataFrame

QUANTILES = "intervals/quantiles"
CUT_OTHERWISE = "it trained this model, cut into other recordings: rows that it learned from would be scored"


@dataclass
class Shared:
    """What is computed once for all models of the same signals, window and split.

    Attributes:
        prepared: The windows.
        baselines: The fitted baselines by name.
        sums: By horizon what was summed of the baselines' forecasts, filled as they are scored.
    """

    prepared: Prepared
    baselines: Mapping[str, Predictor]
    sums: dict[int, ReusableSums] = field(default_factory=dict)


@dataclass
class Forecaster(FittedModel):
    """A trained model: predictors, scaler and bands, with the scores and the learning curve of its training.

    Attributes:
        stored: The evaluations of the held-back part as JSON, taken when the model was trained.
        history: The learning curve, a row an epoch.
        notes: In what the files differ and what the training left out, in plain words.
    """

    stored: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, float]] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    # --- fitting, saving, loading --------------------------------------------------------

    @classmethod
    def fit(  # noqa: PLR0913  plain keyword arguments with the defaults of the command line
        cls,
        data: Signal | Sequence[Signal] | DataFrame,
        config: RunConfig | None = None,
        *,
        predictor: str = "auto",
        n_step: int = 25,
        n_input: int = 100,
        stride: int = 1,
        split: Sequence[float] = (70, 15, 15),
        seed: int = 0,
        recipe: str | None = None,
        steps: int | None = None,
        learning_rate: float | None = None,
        parameters: Mapping[str, Any] | None = None,
        joint: bool = False,
        carry_state: bool = False,
        horizon_mode: str = "closed-loop",
        time: str | None = None,
        channels: Sequence[str] | str | None = None,
        unit: str | Mapping[str, str] | None = None,
        rate_hz: float | None = None,
        past_covariates: Sequence[str] = (),
        future_covariates: Sequence[str] = (),
        progress: Progress | None = None,
        shared: Shared | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> Forecaster:
        """Return a model that was trained on `data`, calibrated, and scored on the held-back part.

        Args:
            data: A signal, several of the same channels and rate, or a DataFrame: a column a channel, or the long form
                (unique_id, ds, y).
            config: The whole run, in place of the settings up to `horizon_mode`.
            predictor: The kind of predictor, as `forecaster predictors` lists them.
            n_step: S, the segments of a window.
            n_input: N, the samples of a segment.
            stride: Samples from one training window to the next.
            split: The shares of the training, validation and test part in percent.
            seed: The seed of all random numbers.
            recipe: "lecture" trains a network as the lecture does.
            steps: How many steps a network is trained for.
            learning_rate: The learning rate of a network.
            parameters: The sizes of a network, such as its units.
            joint: Whether each channel sees the others.
            carry_state: Whether a network's state runs on over the recording.
            horizon_mode: "direct" forecasts several segments in one pass.
            time: The column of time stamps of a frame, as in `Signal.from_frame`.
            channels: The columns of a frame that are forecast.
            unit: The unit of a frame's channels, or of each by its name.
            rate_hz: The sample rate of a frame without time stamps.
            past_covariates: The columns of a frame whose past alone is known.
            future_covariates: The columns of a frame whose future is known, too.
            progress: Hears how far the training is.
            shared: What was computed before of the same signals for a model with the same window and split.
            checkpoint: One of the same `run_of`: the training goes on where it stands, and is written there.

        Raises:
            SignalError: The signals differ, or do not fit the predictor.
            TooShortError: There is no training window, or no validation target.
            TrainingError: The training gives nothing usable.
        """
        config = config or RunConfig.of(
            predictor=predictor,
            n_step=n_step,
            n_input=n_input,
            stride=stride,
            split=split,
            recipe={"name": recipe, "steps": steps, "learning_rate": learning_rate},
            seed=seed,
            parameters=dict(parameters or {}),
            joint=joint,
            carry_state=carry_state,
            horizon_mode=horizon_mode,
        )
        signals = as_signals(
            data,
            time=time,
            channels=channels,
            unit=unit,
            rate_hz=rate_hz,
            past_covariates=past_covariates,
            future_covariates=future_covariates,
        )
        return cls._trained(signals, config, progress=progress, shared=shared, checkpoint=checkpoint)

    @classmethod
    def _trained(
        cls,
        signals: Sequence[Signal],
        config: RunConfig,
        *,
        progress: Progress | None,
        shared: Shared | None,
        checkpoint: Checkpoint | None,
    ) -> Forecaster:
        """Return the model of `signals`: split and scaled, fitted, calibrated, then scored on the held-back part."""
        task = task_of(config.predictor)
        signals = task.harmonised(signals)
        # A name that a model folder cannot hold is refused before the training, not after it.
        channels_of(signals)
        config = resolved(config, signals)
        prepared = shared.prepared if shared else prepare(signals, config)
        baselines = shared.baselines if shared else None
        trained = train(prepared.splits, config, progress, baselines=baselines, checkpoint=checkpoint)
        rows = [r.values[:b1] for r, (b1, _) in zip(prepared.recordings, prepared.bounds, strict=True)]
        fitted = tuple(p.with_training_errors(rows, prepared.scaler.scale) for p in trained.predictors)
        until_test = [r.values[:b2] for r, (_, b2) in zip(prepared.recordings, prepared.bounds, strict=True)]
        state, quantiles = task.calibrate(fitted[0], prepared.splits, config, trained.fold_ensembles)
        manifest = manifest_of(
            signals,
            config,
            scaler=prepared.scaler,
            predictors=fitted,
            intervals=state,
            training_range=task.training_range(until_test, prepared.scaler, config.window, signals[0]),
            interrupted=trained.interrupted,
        )
        targets = [part[:, : len(signals[0].channels)] for part in rows]
        notes = (*compatibility.remarks_among(signals), *task.remarks(targets, config.window), *trained.notes)
        model = cls(manifest, fitted, quantiles, history=trained.history, notes=notes)
        for horizon in _scored_horizons(prepared, config):
            reuse = shared.sums.setdefault(horizon, {}) if shared else None
            evaluation = model.evaluate(signals, horizon=horizon, reuse=reuse)
            model.stored.append(thinned(evaluation.to_json()))
        return model

    @staticmethod
    def run_of(signals: Sequence[Signal], config: RunConfig) -> Run:
        """Return the settings and data that determine the weights; a checkpoint is resumed only if they agree."""
        signals = task_of(config.predictor).harmonised(signals)
        return run_of(signals, resolved(config, signals))

    @classmethod
    def load(cls, path: str | Path) -> Forecaster:
        """Return the model in the folder at `path`, through its gate; ModelError if it is refused."""
        loaded = load(path)
        manifest = loaded.manifest
        states = [(state.name, dict(state.parameters), loaded.tensors_of(state.name)) for state in manifest.predictors]
        fitted = predictors.restore_all(states, manifest.window)
        history = [{key: value for key, value in row.items() if value is not None} for row in loaded.history]
        return cls(manifest, fitted, loaded.tensors[QUANTILES], str(path), loaded.metrics, history)

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the model folder: all of it, or nothing."""
        self.name = str(path)
        self.stored = [{**evaluation, "model": printable(self.name)} for evaluation in self.stored]
        tensors = {f"{p.name}/{name}": tensor for p in self.predictors for name, tensor in p.tensors().items()}
        history = history_text(self.history)
        texts = {
            "history.csv": history,
            "metrics.json": dump_metrics(self.stored),
            "README.md": card(self.manifest, self.stored, history),
        }
        self.manifest = save(path, self.manifest, tensors | {QUANTILES: self.quantiles}, texts, overwrite=overwrite)

    # --- using ---------------------------------------------------------------------------

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended the training early."""
        return self.manifest.interrupted

    @property
    def task(self) -> Task:
        """What the model forecasts."""
        return TASKS[self.manifest.task]

    def require(self, signal: Signal, ahead: int = 0) -> None:
        """Raise SignalError, or TooShortError, if `signal` cannot be forecast `ahead` rows with this model."""
        compatibility.require(signal, self.manifest, self.scaler, ahead)

    def converted(self, signal: Signal) -> Signal:
        """Return `signal` in the units of the training; SignalError where one of them cannot be converted.

        Columns without a unit are taken to be in the model's.
        """
        return compatibility.converted(signal, self.manifest)

    def check(self, signal: Signal) -> None:
        """Raise SignalError if `signal` cannot be scored with this model."""
        compatibility.ordered(self._aligned(signal), self.manifest, self.scaler)
        self._first_targets(signal)

    @overload
    def forecast(
        self,
        data: Signal | DataFrame,
        *,
        horizon: int | None = None,
        levels: Sequence[int] = (90,),
        time: str | None = None,
    ) -> Forecasts: ...
    @overload
    def forecast(
        self, data: Sequence[Signal], *, horizon: int | None = None, levels: Sequence[int] = (90,)
    ) -> list[list[Forecast]]: ...
    def forecast(
        self,
        data: Signal | Sequence[Signal] | DataFrame,
        *,
        horizon: int | None = None,
        levels: Sequence[int] = (90,),
        time: str | None = None,
    ) -> Forecasts | list[list[Forecast]]:
        """Return the forecasts of the samples after the end of every signal, one a series and channel.

        Those of one signal or of a frame come as `Forecasts`, those of several signals as a list for each.

        All windows of all signals advance together, and each forecast has the same bytes as if it were made alone.

        Args:
            data: What is forecast: a signal, several, or a DataFrame as in `fit`.
            horizon: Samples ahead; a segment if left out.
            levels: Levels of the bands in percent.
            time: The column of time stamps of a frame.

        Raises:
            SignalError: A signal does not fit the model.
            TooShortError: A series is shorter than the context.
            OutputError: A forecast is not finite.
        """
        horizon = horizon or self.config.window.n_input
        signals = [self._aligned(signal) for signal in self._signals(data, time)]
        numbers, series = [], []
        for number, signal in enumerate(signals):
            self.require(signal, horizon)
            ends = self._series(signal, horizon)
            numbers += [number] * len(ends)
            series += ends
        origins = [end.origin for end in series]
        forecasts: list[Forecast] = []
        for batch in self.batches(origins):
            context = self.context(origins[batch], horizon)
            if self.config.carry_state:
                places = self.scaled_origins(origins[batch])
                rolled = np.concatenate([stateful_rollout(self.predictor, place, horizon) for place in places])
            else:
                rolled = self.task.rollout(self.predictor, context, horizon)
            forecasts += self.task.forecasts(self, series[batch], context, rolled, levels)
        by_signal: list[list[Forecast]] = [[] for _ in signals]
        for number, forecast in zip(numbers, forecasts, strict=True):
            by_signal[number].append(forecast)
        return Forecasts(forecasts) if isinstance(data, Signal) or is_frame(data) else by_signal

    def evaluate(
        self,
        data: Signal | Sequence[Signal] | DataFrame,
        *,
        horizon: int | None = None,
        stride: int | None = None,
        levels: Sequence[int] = LEVELS,
        keep: Keep | None = None,
        reuse: ReusableSums | None = None,
        time: str | None = None,
    ) -> Evaluation:
        """Return the scores beside the baselines: on the held-back part of a training file, on all of a new one.

        Args:
            data: What is scored: a signal, several, or a DataFrame as in `fit`.
            horizon: Samples ahead; a segment if left out.
            stride: Samples from one origin to the next; the shorter of horizon and segment if left out.
            levels: Levels of the bands in percent.
            keep: Is given all that is forecast, block by block.
            reuse: What was summed of the baselines' forecasts before, or an empty dictionary to be filled.
            time: The column of time stamps of a frame.
        """
        horizon, signals = horizon or self.config.window.n_input, self._signals(data, time)
        ordered = [compatibility.ordered(self._aligned(signal), self.manifest, self.scaler) for signal in signals]
        first_targets = [self._first_targets(signal) for signal in signals]
        request = Request(horizon, stride, tuple(levels), keep, reuse)
        evaluation = self.task.evaluate(self, ordered, first_targets, request)
        is_own = np.repeat([self._is_training_file(signal) for signal in signals], self.manifest.n_channels)
        return beside_own_scores(evaluation, self.stored, is_own.tolist())

    def origins(self, signal: Signal, rows: Sequence[int] | None = None) -> list[Origins]:
        """Return the `rows` of the last recording of `signal` as origins of each channel; its end if None.

        Raises as `require` does.
        """
        signal = self._aligned(signal)
        self.require(signal)
        last = list(signal.series())[-1]
        ends = compatibility.series_end(signal, last, self.manifest, self.config.window.n_input)
        return ends if rows is None else [replace(end, rows=np.asarray(rows, dtype=np.int64)) for end in ends]

    def latest(self, signal: Signal) -> int:
        """Return the last row of the last recording of `signal` from which the next segment can be forecast.

        It is the recording's end, or lies before it where the future covariates end too early.
        """
        recording, window = list(signal.series())[-1], self.config.window
        latest = len(recording)
        if self.manifest.channels.known:
            latest -= window.n_input - len(compatibility.future_rows(signal, recording, self.manifest, window.n_input))
        if latest < window.context:
            raise TooShortError(
                f"{latest} rows have a known future, and the model looks back on {window.context}",
                hint="Let the file hold the known columns' future, or more measured rows.",
            )
        return latest

    # --- details -------------------------------------------------------------------------

    def _signals(self, data: Signal | Sequence[Signal] | DataFrame, time: str | None) -> list[Signal]:
        """Return `data` as signals; of a frame the model's columns are taken."""
        channels = self.manifest.channels
        return as_signals(
            data,
            time=time,
            channels=channels.target,
            unit={name: channels.unit_of(name) for name in channels.columns},
            past_covariates=channels.past_covariates,
            future_covariates=channels.future_covariates,
        )

    def _aligned(self, signal: Signal) -> Signal:
        return self.task.aligned(signal, self.manifest.channels.labels)

    def _series(self, signal: Signal, horizon: int) -> list[Series]:
        """Return the end of every series of `signal`, channel by channel."""
        ahead = reach(horizon, self.config.window)
        return [
            Series(signal, recording, origin)
            for recording in signal.series()
            for origin in compatibility.series_end(signal, recording, self.manifest, ahead)
        ]

    def _is_training_file(self, signal: Signal) -> bool:
        return signal.identity in {trained.sha256 for trained in self.manifest.training_data}

    def _first_targets(self, signal: Signal) -> list[int]:
        """Return for each recording the first row that may be scored: the test part of what was trained on.

        Raises:
            SignalError: A training file is cut into other recordings than at training: rows that the model has
                learned from would be scored.
        """
        data = TrainingData.of(signal)
        if not self._is_training_file(signal):
            return [0] * len(signal.recordings)
        cuts = {trained.cut for trained in self.manifest.training_data if trained.sha256 == data.sha256}
        if data.cut not in cuts:
            hint = "Leave out the reading options: those of the training hold."
            raise SignalError(CUT_OTHERWISE, path=signal.path, hint=hint)
        return [boundaries(len(recording), self.config.split)[1] for recording in signal.recordings]


def _scored_horizons(prepared: Prepared, config: RunConfig) -> list[int]:
    """Return the horizons to score at training: a segment, and as many segments as half the test part holds."""
    window = config.window
    longest = max(
        len(recording) - max(b2, window.context)
        for recording, (_, b2) in zip(prepared.recordings, prepared.bounds, strict=True)
    )
    segments = min(window.n_step, longest // (2 * window.n_input))
    return [window.n_input, *([segments * window.n_input] if segments > 1 else [])]
