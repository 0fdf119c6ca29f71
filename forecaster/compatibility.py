"""Does a signal fit a model, or another signal: names, units, rate, and what is known of its future?"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Manifest
from forecaster.durations import duration
from forecaster.errors import SignalError, TooShortError
from forecaster.reading.text.cells import unit_of
from forecaster.signal.calendar import future, names
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import RATE_TOLERANCE
from forecaster.signal.units import are_convertible, are_one_unit
from forecaster.signal.units import converted as in_unit

# The share by which two rates may differ without a word: the clocks of loggers differ by parts per million.
CLOCK_TOLERANCE = 20e-6
# Below this rate, the time between two rows says more than hertz do.
SLOW_HZ = 0.1
AS_TRAINED = "the model was trained"


# --- signals among themselves ------------------------------------------------------------


def check_alike(signals: Sequence[Signal]) -> None:
    """Raise SignalError unless all `signals` have the rate, columns and units of the first."""
    first = signals[0]
    for signal in signals[1:]:
        check_rate(signal, first.sample_rate_hz, f"{first.path} is", first.rate_error)
        if (signal.channels, signal.exogenous, signal.known) != (first.channels, first.exogenous, first.known):
            raise SignalError(
                f"it has the channels {_columns(signal)}",
                path=signal.path,
                expected=f"{_columns(first)}, as {first.path} has",
                hint="Name the columns with --column.",
            )
        check_units(signal, _units(first), f"{first.path} is")


def remarks_among(signals: Sequence[Signal]) -> tuple[str, ...]:
    """Return in sentences what differs between `signals` and the first of them, and is no reason to refuse them."""
    first = signals[0]
    return tuple(
        f"{signal.name}: {remark}"
        for signal in signals[1:]
        for remark in _rate_remarks(signal, first.sample_rate_hz, f"of {first.name}", first.rate_error)
    )


def check_rate(signal: Signal, rate_hz: float | None, owner: str, error: float = 0.0) -> None:
    """Raise SignalError if both rates are known and differ by more than clocks do: `signal` would run at another speed.

    `owner` says whose the expected rate is, `error` is the share by which that is open.
    """
    share = rate_difference(signal, rate_hz, error)
    if rate_hz and abs(share) > RATE_TOLERANCE:
        raise SignalError(
            f"it is sampled at {_rate_text(signal.sample_rate_hz or 0.0)}{_apart(share)}",
            path=signal.path,
            expected=f"{_rate_text(rate_hz)}, as {owner}",
            hint=f"Resample it first. If its stamps are wrong, read it with --no-time --rate {rate_hz:.9g}.",
        )


def rate_difference(signal: Signal, rate_hz: float | None, error: float = 0.0) -> float:
    """Return the share by which the rate of `signal` is above `rate_hz`; 0 where one is unknown.

    It is 0, too, where clocks that are of one rate differ by as much, or where the stamps cannot tell; `error` is the
    share by which `rate_hz` is open.
    """
    rate = signal.sample_rate_hz
    share = rate / rate_hz - 1 if rate and rate_hz else 0.0
    return share if abs(share) > max(CLOCK_TOLERANCE, signal.rate_error + error) else 0.0


def _rate_remarks(signal: Signal, rate_hz: float | None, owner: str, error: float = 0.0) -> list[str]:
    """Return a sentence if the rate of `signal` is a little off the one of `owner`."""
    share = rate_difference(signal, rate_hz, error)
    apart = f"{abs(share) * 1e6:.3g} ppm"
    return [f"its rate is {signal.sample_rate_hz:.9g} Hz, {apart} from the {rate_hz:.9g} Hz {owner}"] if share else []


def _rate_text(rate_hz: float) -> str:
    """Return a rate in hertz, and where that is slow how far apart two rows are.

    >>> _rate_text(1048.99983), _rate_text(1 / 3600)
    ('1049 Hz', '0.000277778 Hz (a row every 60 minutes)')
    """
    return f"{rate_hz:.6g} Hz" + (f" (a row every {duration(1, rate_hz)})" if rate_hz < SLOW_HZ else "")


def _apart(share: float) -> str:
    """Return how far a rate is off, where a share of it says more than both numbers do."""
    return f", {100 * abs(share):.3g} % too {'fast' if share > 0 else 'slow'}" if abs(share) < 0.1 else ""


def remarks(signal: Signal, manifest: Manifest) -> list[str]:
    """Return in sentences what differs between `signal` and the training files, and is no reason to refuse it."""
    rate_hz = manifest.sample_rate_hz
    texts = _rate_remarks(signal, rate_hz, "of the training")
    if rate_hz and not signal.sample_rate_hz:
        texts.append(f"it has no time: its rows are taken to be {1 / rate_hz:.9g} s apart, as {AS_TRAINED}")
    units = dict(zip(manifest.channels.target, manifest.channels.units, strict=False))
    bare = [name for name, unit in zip(signal.channels, signal.units, strict=False) if not unit and units.get(name)]
    if bare:
        listed = ", ".join(f"{name} in {units[name]}" for name in bare)
        texts.append(f"it names no unit: {listed}, as {AS_TRAINED}")
    known = manifest.channels.covariate_units
    for name, unit in _units(signal).items() if not known else ():
        if unit and name in manifest.channels.exogenous:
            texts.append(f"{name} is in {unit}; the model does not say in which unit it was trained")
    return texts


def check_units(signal: Signal, expected: Mapping[str, str], owner: str, *, convert: bool = False) -> None:
    """Raise SignalError where a column's unit and the `expected` one, by its name, are known and differ.

    `convert` says whether --convert may be proposed.
    """
    for name, unit in _units(signal).items():
        expected_unit = expected.get(name, "")
        if not (unit and expected_unit) or are_one_unit(unit, expected_unit):
            continue
        option = f"--unit {shlex.quote(f'{name}={expected_unit}')}"
        hint = f"If the header is wrong, read it with {option}."
        if convert and are_convertible(unit, expected_unit):
            hint = f"Add --convert to convert it to {expected_unit}. {hint}"
        raise SignalError(
            f"it is in {unit}", path=signal.path, column=name, expected=f"{expected_unit}, as {owner}", hint=hint
        )


def _units(signal: Signal) -> dict[str, str]:
    """Return the unit of each column of `signal`, by its name."""
    return dict(zip(signal.columns, (*signal.units, *signal.covariate_units), strict=False))


def _columns(signal: Signal) -> str:
    return ", ".join(signal.columns) + (f", {signal.known} known" if signal.known else "")


# --- a signal and a model ----------------------------------------------------------------


def column_places(signal: Signal, manifest: Manifest) -> list[int]:
    """Return where the model's columns stand in `signal`; SignalError if they, their units or its rate do not fit."""
    check_rate(signal, manifest.sample_rate_hz, AS_TRAINED)
    places = _places(signal, manifest)
    check_units(signal, _expected_units(signal, places, manifest), AS_TRAINED, convert=True)
    return places


def converted(signal: Signal, manifest: Manifest) -> Signal:
    """Return `signal` with the values of the model's columns in the model's units, and a note on each conversion.

    Raises:
        SignalError: A column is absent, or its unit cannot be converted.
    """
    places = _places(signal, manifest)
    expected, units, notes = _expected_units(signal, places, manifest), _units(signal), list(signal.notes)
    recordings = signal.recordings
    for place in places:
        name = signal.columns[place]
        unit, expected_unit = units.get(name, ""), expected.get(name, "")
        if not (unit and expected_unit) or are_one_unit(unit, expected_unit):
            continue
        try:
            recordings = tuple(_with_unit(recording, place, unit, expected_unit) for recording in recordings)
        except ValueError as error:
            raise SignalError(f"{error}", path=signal.path, column=name, hint="Leave --convert out.") from None
        units[name] = expected_unit
        notes.append(f"{name} converted from {unit} to {expected_unit}")
    texts = tuple(units.get(name, "") for name in signal.columns)
    count = len(signal.channels)
    return replace(
        signal, recordings=recordings, units=texts[:count], covariate_units=texts[count:], notes=tuple(notes)
    )


def _with_unit(recording: Recording, place: int, unit: str, other: str) -> Recording:
    """Return `recording` with the column at `place` in the `other` unit, in what is known of the future, too."""
    values, future = recording.values.copy(), recording.future
    values[:, place] = in_unit(values[:, place], unit, other)
    first = values.shape[1] - (0 if future is None else future.shape[1])
    if future is not None and place >= first:
        future = future.copy()
        future[:, place - first] = in_unit(future[:, place - first], unit, other)
    return replace(recording, values=values, future=future)


def _places(signal: Signal, manifest: Manifest) -> list[int]:
    """Return where the model's columns stand in `signal`: by the headers of the file, else by them without units."""
    columns = manifest.channels.columns
    # A single channel fits a model of one, whatever either is called.
    if len(columns) == len(signal.columns) == 1:
        return [0]
    names = {name: place for place, name in enumerate(signal.columns)}
    names |= {header: place for place, header in enumerate(signal.headers)}
    if not set(columns) <= set(names):
        raise SignalError(
            f"it has the channels {', '.join(signal.columns)}",
            path=signal.path,
            expected=f"{', '.join(columns)}, as {AS_TRAINED}",
            hint=_renaming(signal, columns, manifest),
        )
    return [names[name] for name in columns]


def _renaming(signal: Signal, columns: Sequence[str], manifest: Manifest) -> str:
    """Return a hint with the --rename options for the model's columns, where units or names leave no choice.

    Each column of the model that is missing must be like one column of the file alone, and no two like the same one.
    """
    units, expected = _units(signal), manifest.channels.unit_of
    missing = [name for name in columns if name not in signal.columns and name not in signal.headers]
    free = [name for name in signal.columns if name not in columns]
    alike = {
        name: [other for other in free if _is_alike(other, units.get(other, ""), name, expected(name))]
        for name in missing
    }
    pairs = {name: others[0] for name, others in alike.items() if len(others) == 1}
    if len(pairs) < len(missing) or len(set(pairs.values())) < len(pairs):
        return "Name the columns with --column; --rename gives one the name that it has in the model."
    return "If they are the same: " + " ".join(
        f"--rename {shlex.quote(f'{other}={name}')}" for name, other in pairs.items()
    )


def _is_alike(name: str, unit: str, other: str, other_unit: str) -> bool:
    """Return whether two columns have one unit, or where a unit is not known, names of which one begins the other."""
    if unit and other_unit:
        return are_one_unit(unit, other_unit)
    short, long = sorted((name.casefold(), other.casefold()), key=len)
    return long.startswith(short)


def _expected_units(signal: Signal, places: Sequence[int], manifest: Manifest) -> dict[str, str]:
    """Return the units of the model's columns by their names in `signal`; older folders have them in their names."""
    channels = manifest.channels
    return {
        signal.columns[place]: channels.unit_of(name) or unit_of(name)[1]
        for place, name in zip(places, channels.columns, strict=True)
    }


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
