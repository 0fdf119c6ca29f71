"""A signal as a model knows it: its columns in the model's order, and what is known of their future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Manifest
from forecaster.errors import SignalError, TooShortError
from forecaster.signal.calendar import future, names
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Recording, Signal
from forecaster.training.preparation import check_rate, check_units

Array = NDArray[np.float64]


def places(signal: Signal, manifest: Manifest) -> list[int]:
    """Return where the model's columns stand in `signal`; SignalError if they or its rate do not fit."""
    check_rate(signal, manifest.sample_rate_hz, "the model was trained")
    wanted, units = manifest.channels.columns, manifest.channels.units
    alone = len(wanted) == len(signal.columns) == 1  # whatever it is called
    known = signal.channels if alone else manifest.channels.target
    check_units(signal, dict(zip(known, units, strict=False)), "the model was trained")
    if alone:
        return [0]
    if all(name in signal.columns for name in wanted):
        return [signal.columns.index(name) for name in wanted]
    raise SignalError(
        f"it has the channels {', '.join(signal.columns)}",
        path=signal.path,
        expected=f"{', '.join(wanted)}, as the model was trained",
        hint="Name the columns with --column.",
    )


def ordered(signal: Signal, manifest: Manifest, scaler: Scaler) -> Signal:
    """Return `signal` with the model's channels, in the model's order, to be scored."""
    columns, recordings, channels = places(signal, manifest), signal.recordings, manifest.channels
    if columns != list(range(len(signal.columns))):  # else no copy is made of a long signal
        recordings = tuple(replace(r, values=r.values[:, columns], future=None) for r in recordings)
    for recording in recordings:
        scaler.check(recording.values, channels.columns, signal.path)
    named = replace(signal, channels=channels.target, exogenous=channels.exogenous, units=channels.units)
    return replace(named, known=channels.known, recordings=recordings)


def ends(signal: Signal, recording: Recording, manifest: Manifest, ahead: int) -> list[Origins]:
    """Return the end of `recording` as an origin of each channel, with up to `ahead` rows of the known columns."""
    columns, count = places(signal, manifest), manifest.n_channels
    targets = recording.values[:, columns[:count]] if manifest.window.others else None
    covariates = Covariates.split(recording.values[:, columns[count:]], manifest.channels.known, targets)
    if covariates.future is not None:
        later = told(signal, recording, manifest, ahead)
        covariates = replace(covariates, future=np.concatenate((covariates.future, later)))
    end = np.array([len(recording)])
    return [Origins(recording.values[:, column], c, end, covariates) for c, column in enumerate(columns[:count])]


def told(signal: Signal, recording: Recording, manifest: Manifest, ahead: int) -> Array:
    """Return what `signal` tells of the model's known columns after the end of `recording`: (F, .), F up to `ahead`."""
    wanted, given = manifest.channels.future_covariates, signal.exogenous[len(signal.exogenous) - signal.known :]
    if not set(wanted) <= set(given):
        return np.empty((0, len(wanted)))
    return future(signal, recording, ahead)[:, [given.index(name) for name in wanted]]


def require(signal: Signal, manifest: Manifest, scaler: Scaler, ahead: int) -> None:
    """Raise SignalError, or TooShortError, unless the `ahead` rows after every series can be forecast."""
    columns, need = places(signal, manifest), manifest.window.context
    for recording in signal.series():
        if len(recording) < need:
            raise TooShortError(
                _short(recording, need),
                path=signal.path,
                hint="Train a model with a shorter context: --n-step, --n-input.",
            )
        _refuse_beyond(signal, recording, ahead)
        seen = recording.values if manifest.config.carry_state else recording.values[-need:]
        scaler.check(seen[:, columns], manifest.channels.columns, signal.path)
        if manifest.channels.known and ahead:
            later = told(signal, recording, manifest, ahead)
            _refuse_unknown(signal, manifest, len(later), ahead)
            first = len(columns) - manifest.channels.known
            Scaler(scaler.mean[first:], scaler.scale[first:]).check(
                later, manifest.channels.future_covariates, signal.path
            )


def _refuse_beyond(signal: Signal, recording: Recording, ahead: int) -> None:
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


def _refuse_unknown(signal: Signal, manifest: Manifest, found: int, wanted: int) -> None:
    """Raise SignalError if `found` rows of known values are fewer than are `wanted`."""
    if found >= wanted:
        return
    computed = names(signal.calendar)
    plan = [name for name in manifest.channels.future_covariates if name not in computed]
    rows = f"{found} row{'' if found == 1 else 's'}"
    raise SignalError(
        f"it tells what {', '.join(plan)} will be for {rows} after the last measured one",
        path=signal.path,
        expected=f"{wanted}, as many as are forecast",
        hint="Add rows with a time stamp and the known cells filled, the others empty"
        + (f"; or forecast fewer: -n {found}." if found else "."),
    )


def _short(recording: Recording, need: int) -> str:
    label = f"series {recording.label!r}" if recording.label else "the last recording"
    return f"{label} has {len(recording)} rows, and the model looks back on {need}"
