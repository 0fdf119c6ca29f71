"""Good model folders of many kinds, made in a second: closed forms are fitted, networks have random weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from forecaster import predictors
from forecaster.bundle import Manifest
from forecaster.bundle.record import manifest_of
from forecaster.bundle.scores import thinned
from forecaster.config import ReadingOptions, RunConfig, Window
from forecaster.evaluation import LEVELS
from forecaster.model import Forecaster
from forecaster.predictors import Predictor
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import WindowSplits
from forecaster.tasks import TASKS
from forecaster.training.preparation import prepare, resolved

ROWS = 160


class Kind(NamedTuple):
    """What a sample is made of: the predictors, the first of which carries the forecast, and the signal."""

    carrier: str
    others: tuple[str, ...] = ()
    window: Window = Window(n_step=3, n_input=4)
    channels: int = 1
    exogenous: int = 0
    known: int = 0
    symbols: int = 0
    options: Mapping[str, Any] = {}


CLOSED = (
    "level-ridge",
    "template-ridge",
    "ridge",
    "harmonic",
    "local-ar",
    "seasonal-naive",
    "mean",
    "last-value",
)
SMALL = {"units": 3, "units_1": 3, "units_2": 3, "hidden": 3, "layers": 2, "filters": 2, "taps": 2}
KINDS = {
    "combination": Kind("auto", (*CLOSED, "level-lstm", "linear-lstm", "segment-gru"), channels=2),
    "stacked-lstm": Kind("stacked-lstm", ("ridge", "repeat-segment"), exogenous=1),
    "symbols": Kind("symbol-rnn", ("markov", "most-frequent", "last-symbol"), Window(n_step=5, n_input=1), symbols=3),
    "joint": Kind("gru", ("narx", "seasonal-naive"), channels=3, exogenous=2, known=1, options={"joint": True}),
    "carried": Kind("state-space", ("sliding-conv", "textbook-lstm"), options={"carry_state": True}),
    "direct": Kind(
        "direct-ridge", ("periodic-ridge", "segment-gru", "basic-rnn"), options={"horizon_mode": "direct", "ahead": 2}
    ),
}


def make(folder: Path, name: str) -> Path:
    """Write the model folder of the kind `name` into `folder`, and return it."""
    kind, rng = KINDS[name], np.random.default_rng(7)
    signal = signal_of(kind)
    reading = ReadingOptions(symbols=bool(kind.symbols))
    config = RunConfig(predictor=kind.carrier, window=kind.window, reading=reading, **kind.options)
    config = resolved(config, [signal])
    prepared = prepare([signal], config)
    others = [_made(one, prepared.splits, rng) for one in kind.others]
    made = (_combined(others, rng, prepared.splits) if kind.carrier == "auto" else None,)
    made = (made[0] or _made(kind.carrier, prepared.splits, rng), *others)
    state, quantiles = TASKS[made[0].task].calibrate(made[0], prepared.splits, config, ())
    manifest = manifest_of([signal], config, scaler=prepared.scaler, predictors=made, intervals=state)
    history = [{"step": 10.0, "loss": 0.5}, {"step": 20.0, "loss": 0.25, "validation_loss": 0.3}]
    model = Forecaster(manifest, made, quantiles, [], history)
    model.stored = [thinned(model.evaluate([signal], levels=LEVELS[::33]).to_json())]
    model.save(folder / name)
    return folder / name


def signal_of(kind: Kind) -> Signal:
    """Return waves, or symbols in a cycle that is broken now and then."""
    rng = np.random.default_rng(3)
    count = kind.channels + kind.exogenous
    if kind.symbols:
        values = (np.cumsum(rng.integers(0, 10, ROWS) > 0) % kind.symbols).astype(float)[:, None]
    else:
        values = np.sin(np.arange(ROWS)[:, None] * (0.3 + 0.1 * np.arange(count))) + rng.normal(0, 0.1, (ROWS, count))
    names = tuple("abcdefgh"[:count])
    return _signal(names, values, kind.channels, known=kind.known, symbols=tuple("xyz"[: kind.symbols]))


def fitting(manifest: Manifest) -> Signal | None:
    """Return a signal just as long as the model of `manifest` asks for, or None where that is very long."""
    rows, columns = manifest.window.context + 3, manifest.channels.columns
    if rows * len(columns) > 200_000 or rows * manifest.window.width > 2_000_000:
        return None
    wave = np.sin(np.arange(rows)[:, None] * 0.3 + np.arange(len(columns)))
    values = np.clip(manifest.scaler.mean + wave * np.minimum(manifest.scaler.scale, 1e100), -1e100, 1e100)
    labels = manifest.channels.labels
    if labels:
        values = (np.arange(rows) % len(labels)).astype(float)[:, None]
    known, rate = manifest.channels.known, manifest.sample_rate_hz
    return _signal(columns, values, len(manifest.channels.target), known=known, symbols=labels, rate_hz=rate)


def _signal(
    names: tuple[str, ...],
    values: np.ndarray,
    channels: int,
    *,
    known: int,
    symbols: tuple[str, ...],
    rate_hz: float | None = None,
) -> Signal:
    future = np.repeat(values[-1:, len(names) - known :], 64, axis=0) if known else None
    return Signal(
        "sample",
        names[:channels],
        (Recording(values, TimeAxis(), future=future),),
        units=("m",) * channels,
        sample_rate_hz=rate_hz,
        rows=len(values),
        exogenous=names[channels:],
        known=known,
        symbols=symbols,
    )


def _made(name: str, parts: WindowSplits, rng: np.random.Generator) -> Predictor:
    """Fit a closed form, or give a network random weights."""
    kind = predictors.predictor_class(name)
    if kind.is_closed_form:
        return kind.fit(parts)
    fields = kind.Parameters.model_fields
    chosen = kind.Parameters(**{key: size for key, size in SMALL.items() if key in fields})
    specs = kind.specs(chosen, parts.window, parts.channels)
    weights = {key: rng.normal(0, 0.3, spec.shape).astype(np.float32) for key, spec in specs.items()}
    return kind.restore(chosen, weights, parts.window)


def _combined(others: list[Predictor], rng: np.random.Generator, parts: WindowSplits) -> Predictor:
    """Mix all of `others`, each with a weight in each of two segments."""
    kind = predictors.predictor_class("auto")
    members = kind.Parameters(members=tuple(one.name for one in others), segments=2)
    weights = rng.random((parts.channels, 2, len(others)))
    made = kind.restore(members, {"weights": weights / weights.sum(axis=2, keepdims=True)}, parts.window)
    return made.with_members(others)
