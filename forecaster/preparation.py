"""From signals to the windows that a predictor learns from: split, scaler, pooled runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import ValidationError

from forecaster.config import RunConfig, Window
from forecaster.errors import SignalError, TooShortError, UsageError
from forecaster.predictors import Parts, kind, names
from forecaster.scaling import Scaler, check_size
from forecaster.signals import Recording, Signal
from forecaster.spectrum import dominant_period
from forecaster.splits import boundaries
from forecaster.windows import Runs, Windows, suggest

RATE_TOLERANCE = 0.05
"""How far two sample rates may differ, as a share: as far as clocks do."""


@dataclass(frozen=True)
class Prepared:
    """Signals made ready for training; `bounds` has (b1, b2) of each recording in order."""

    recordings: tuple[Recording, ...]
    bounds: tuple[tuple[int, int], ...]
    scaler: Scaler
    parts: Parts


def prepare(signals: Sequence[Signal], config: RunConfig) -> Prepared:
    """Split every recording, fit the scaler on the training parts, and lay out the windows.

    Raises SignalError if the signals differ in channels or rate, or hold values too large to be
    computed with; TooShortError if there is no training window or no validation target.
    """
    _alike(signals)
    for signal in signals:
        for recording in signal.recordings:
            check_size(recording.values, signal.columns, signal.path)
    recordings = tuple(recording for signal in signals for recording in signal.recordings)
    bounds = tuple(boundaries(len(recording), config.split) for recording in recordings)
    _long_enough(recordings, bounds, config)
    scaler = Scaler.fit(r.values[:b1] for r, (b1, _) in zip(recordings, bounds, strict=True))
    for signal in signals:
        for recording in signal.recordings:
            scaler.check(recording.values, signal.columns, signal.path)
    exogenous = len(signals[0].exogenous)
    runs = Runs.join([r.values for r in recordings], scaler.mean, scaler.scale, exogenous=exogenous)
    b1, b2 = (np.repeat(np.array(b, dtype=np.int64), len(signals[0].channels)) for b in zip(*bounds, strict=True))
    training = Windows.between(runs, (np.zeros_like(b1), b1), config.window)
    validation = Windows.between(runs, (b1, b2), config.window.model_copy(update={"stride": 1}))
    return Prepared(recordings, bounds, scaler, Parts(training, validation))


def resolved(config: RunConfig, signals: Sequence[Signal]) -> RunConfig:
    """Return `config` with what the data decide of the window: how many channels stand beside.

    Raises UsageError if the window grows too large by them, or `carry_state` asks for a state
    that the predictor does not have.
    """
    if config.carry_state and not kind(config.predictor).carries:
        able = ", ".join(name for name in names() if kind(name).carries)
        found = f"--carry-state: {config.predictor} has no state that can be carried."
        raise UsageError(found, hint=f"These have: {able}.")
    beside = len(signals[0].exogenous)
    try:
        window = Window.model_validate(config.window.model_dump() | {"exogenous": beside})
    except ValidationError:
        found = f"a window of {config.window.n_step} x {config.window.n_input} with {beside} exogenous channels"
        raise UsageError(f"{found} is too large.", hint="Choose a shorter one: --n-step, --n-input.") from None
    return config.model_copy(update={"window": window})


def fitting(rows: int, config: RunConfig, period: float | None) -> tuple[int, int] | None:
    """Return the (S, N) to suggest for a recording of `rows` rows, or None if it is too short for any.

    Its context is at most a fifth of the training part, and each later part holds a target.
    """
    b1, b2 = boundaries(rows, config.split)
    found = suggest(b1, period)
    if found is None:
        return None
    n_step, n_input = found
    later = min([part for part in (b2 - b1, rows - b2) if part > 0], default=0)
    n_input = min(n_input, later)
    return (n_step, n_input) if n_input else None


def check_rate(signal: Signal, rate_hz: float | None, whose: str) -> None:
    """Raise SignalError if both rates are known and differ: `signal` would run at another speed."""
    own = signal.sample_rate_hz
    if own and rate_hz and abs(own / rate_hz - 1) > RATE_TOLERANCE:
        hint = f"If the stamps are wrong, read it with --no-time --rate {rate_hz:g}."
        raise SignalError(
            f"it is sampled at {own:g} Hz", path=signal.path, expected=f"{rate_hz:g} Hz, as {whose}", hint=hint
        )


def _alike(signals: Sequence[Signal]) -> None:
    first = signals[0]
    for other in signals[1:]:
        check_rate(other, first.sample_rate_hz, f"{first.path} is")
        if (other.channels, other.exogenous) != (first.channels, first.exogenous):
            found = f"it has the channels {', '.join(other.columns)}"
            expected = f"{', '.join(first.columns)}, as {first.path} has"
            raise SignalError(found, path=other.path, expected=expected, hint="Name the columns with --column.")


def _long_enough(recordings: Sequence[Recording], bounds: Sequence[tuple[int, int]], config: RunConfig) -> None:
    """Refuse recordings of which none has a training window, or none a validation target."""
    window = config.window
    need = window.context + window.n_input
    if any(b1 >= need for b1, _ in bounds) and any(_holds_target(b, window) for b in bounds):
        return
    longest = max(range(len(recordings)), key=lambda k: len(recordings[k]))
    (b1, b2), rows = bounds[longest], len(recordings[longest])
    found = (
        f"the longest recording has {rows} rows, {b1} of them for training and {b2 - b1} for validation; "
        f"a window of {window.n_step} x {window.n_input} needs {need} training rows and {window.n_input} for validation"
    )
    period = dominant_period(recordings[longest].values[:b1, 0])
    raise TooShortError(found, suggestion=fitting(rows, config, period))


def _holds_target(bounds: tuple[int, int], window: Window) -> bool:
    """Say whether the validation part holds a target, with its context before it."""
    b1, b2 = bounds
    return b2 - max(b1, window.context) >= window.n_input
