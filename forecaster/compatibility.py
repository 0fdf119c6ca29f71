"""Does a signal fit a model, or another signal: names, units, rate, and what is known of its future?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Manifest
from forecaster.errors import SignalError, TooShortError
from forecaster.reading.text.cells import same_unit
from forecaster.signal.calendar import future, names
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Recording, Signal

# How far two sample rates may differ, as a share.
RATE_TOLERANCE = 0.05
AS_TRAINED = "the model was trained"


# --- signals among themselves ------------------------------------------------------------


def check_alike(signals: Sequence[Signal]) -> None:
    """Raise SignalError unless all `signals` have the rate, columns and units of the first."""
    first = signals[0]
    for signal in signals[1:]:
        check_rate(signal, first.sample_rate_hz, f"{first.path} is")
        if (signal.channels, signal.exogenous, signal.known) != (first.channels, first.exogenous, first.known):
            raise SignalError(
                f"it has the channels {_columns(signal)}",
                path=signal.path,
                expected=f"{_columns(first)}, as {first.path} has",
                hint="Name the columns with --column.",
            )
        check_units(signal, dict(zip(first.channels, first.units, strict=False)), f"{first.path} is")


def check_rate(signal: Signal, rate_hz: float | None, owner: str) -> None:
    """Raise SignalError if both rates are known and differ: `signal` would run at another speed.

    `owner` says whose the expected rate is.
    """
    rate = signal.sample_rate_hz
    if rate and rate_hz and abs(rate / rate_hz - 1) > RATE_TOLERANCE:
        raise SignalError(
            f"it is sampled at {rate:g} Hz",
            path=signal.path,
            expected=f"{rate_hz:g} Hz, as {owner}",
            hint=f"If the stamps are wrong, read it with --no-time --rate {rate_hz:g}.",
        )


def check_units(signal: Signal, expected: Mapping[str, str], owner: str) -> None:
    """Raise SignalError where a channel's unit and the `expected` one, by its name, are known and differ."""
    for name, unit in zip(signal.channels, signal.units, strict=False):
        expected_unit = expected.get(name, "")
        if unit and expected_unit and not same_unit(unit, expected_unit):
            raise SignalError(
                f"it is in {unit}",
                path=signal.path,
                column=name,
                expected=f"{expected_unit}, as {owner}",
                hint=f"If the header is wrong, read it with --unit {shlex.quote(f'{name}={expected_unit}')}.",
            )


def _columns(signal: Signal) -> str:
    return ", ".join(signal.columns) + (f", {signal.known} known" if signal.known else "")


# --- a signal and a model ----------------------------------------------------------------


def column_places(signal: Signal, manifest: Manifest) -> list[int]:
    """Return where the model's columns stand in `signal`; SignalError if they or its rate do not fit."""
    check_rate(signal, manifest.sample_rate_hz, AS_TRAINED)
    columns, units = manifest.channels.columns, manifest.channels.units
    # A single channel fits a model of one, whatever either is called.
    is_single = len(columns) == len(signal.columns) == 1
    targets = signal.channels if is_single else manifest.channels.target
    check_units(signal, dict(zip(targets, units, strict=False)), AS_TRAINED)
    if is_single:
        return [0]
    if not set(columns) <= set(signal.columns):
        raise SignalError(
            f"it has the channels {', '.join(signal.columns)}",
            path=signal.path,
            expected=f"{', '.join(columns)}, as {AS_TRAINED}",
            hint="Name the columns with --column.",
        )
    return [signal.columns.index(name) for name in columns]


def ordered(signal: Signal, manifest: Manifest, scaler: Scaler) -> Signal:
    """Return `signal` with the model's columns, in the model's order, to be scored."""
    places, recordings, channels = column_places(signal, manifest), signal.recordings, manifest.channels
    # A signal that is in order is not copied: it may be long.
    if places != list(range(len(signal.columns))):
        recordings = tuple(replace(r, values=r.values[:, places], future=None) for r in recordings)
    for recording in recordings:
        scaler.check(recording.values, channels.columns, signal.path)
    return replace(
        signal,
        channels=channels.target,
        exogenous=channels.exogenous,
        units=channels.units,
        known=channels.known,
        recordings=recordings,
    )


def series_end(signal: Signal, recording: Recording, manifest: Manifest, ahead: int) -> list[Origins]:
    """Return the end of `recording` as an origin of each channel, with up to `ahead` rows of its future covariates."""
    places, count = column_places(signal, manifest), manifest.n_channels
    targets = recording.values[:, places[:count]] if manifest.window.others else None
    covariates = Covariates.split(recording.values[:, places[count:]], manifest.channels.known, targets)
    if covariates.future is not None:
        later = future_rows(signal, recording, manifest, ahead)
        covariates = replace(covariates, future=np.concatenate((covariates.future, later)))
    end = np.array([len(recording)])
    return [Origins(recording.values[:, place], c, end, covariates) for c, place in enumerate(places[:count])]


def future_rows(signal: Signal, recording: Recording, manifest: Manifest, ahead: int) -> NDArray[np.float64]:
    """Return the rows of the model's future covariates after the end of `recording`, up to `ahead` of them."""
    columns = manifest.channels.future_covariates
    available = signal.exogenous[len(signal.exogenous) - signal.known :]
    if not set(columns) <= set(available):
        return np.empty((0, len(columns)))
    return future(signal, recording, ahead)[:, [available.index(name) for name in columns]]


def require(signal: Signal, manifest: Manifest, scaler: Scaler, ahead: int) -> None:
    """Raise SignalError, or TooShortError, unless the `ahead` rows after every series can be forecast."""
    places, need = column_places(signal, manifest), manifest.window.context
    for recording in signal.series():
        if len(recording) < need:
            label = f"series {recording.label!r}" if recording.label else "the last recording"
            raise TooShortError(
                f"{label} has {len(recording)} rows, and the model looks back on {need}",
                path=signal.path,
                hint="Train a model with a shorter context: --n-step, --n-input.",
            )
        _check_stamps(signal, recording, ahead)
        # A state that runs on sees the recording from its first row.
        seen = recording.values if manifest.config.carry_state else recording.values[-need:]
        scaler.check(seen[:, places], manifest.channels.columns, signal.path)
        if manifest.channels.known and ahead:
            later = future_rows(signal, recording, manifest, ahead)
            _check_future(signal, manifest, len(later), ahead)
            first = len(places) - manifest.channels.known
            columns = manifest.channels.future_covariates
            Scaler(scaler.mean[first:], scaler.scale[first:]).check(later, columns, signal.path)


def _check_stamps(signal: Signal, recording: Recording, ahead: int) -> None:
    """Raise SignalError if there are no time stamps for all of the `ahead` rows after `recording`."""
    left = recording.time.room - len(recording)
    if ahead > left:
        hint = f"Forecast fewer: -n {int(left)}." if left > 0 else "Read it without its time: --no-time."
        raise SignalError(
            f"its time stamps reach {max(0, int(left))} rows beyond the last one, to the year 2262 or 64 bits",
            path=signal.path,
            expected=f"{ahead}, as many as are forecast",
            hint=hint,
        )


def _check_future(signal: Signal, manifest: Manifest, rows: int, ahead: int) -> None:
    """Raise SignalError if `rows` of future covariates are fewer than the `ahead` that are to be forecast."""
    if rows >= ahead:
        return
    computed = names(signal.calendar)
    planned = [name for name in manifest.channels.future_covariates if name not in computed]
    hint = "Add rows with a time stamp and the known cells filled, the others empty"
    raise SignalError(
        f"it tells what {', '.join(planned)} will be for {rows} row{'' if rows == 1 else 's'} "
        "after the last measured one",
        path=signal.path,
        expected=f"{ahead}, as many as are forecast",
        hint=f"{hint}; or forecast fewer: -n {rows}." if rows else f"{hint}.",
    )
