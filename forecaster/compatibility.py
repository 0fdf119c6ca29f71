"""Does a signal fit a model, or another signal: names, units, rate, and what is known of its future?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from forecaster.bundle import Manifest
from forecaster.durations import duration
from forecaster.errors import SignalError, TooShortError, shell_quoted
from forecaster.reading.text.cells import begins_other, plain_name, unit_of
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
        units = dict(enumerate(column_units(first)))
        check_units(signal, units, f"{first.path} is", hint="Convert its values first: all files need one unit.")


def remarks_among(signals: Sequence[Signal]) -> tuple[str, ...]:
    """Return in sentences what differs between `signals` and the first of them, and is no reason to refuse them."""
    first = signals[0]
    return tuple(
        f"{signal.name}: {remark}"
        for signal in signals[1:]
        for remark in (
            *_rate_remarks(signal, first.sample_rate_hz, f"of {first.name}", first.rate_error),
            *_unit_remarks(signal, first),
        )
    )


def _unit_remarks(signal: Signal, first: Signal) -> list[str]:
    """Return a sentence for each column whose unit one of two signals of the same columns alone names."""
    triples = zip(signal.columns, column_units(signal), column_units(first), strict=True)
    return [
        f"{name} is in {unit}, and {first.name} names no unit"
        if unit
        else f"it names no unit: {name} in {first_unit}, as {first.name} is"
        for name, unit, first_unit in triples
        if bool(unit) != bool(first_unit)
    ]


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
            hint=f"Resample it to {_rate_text(rate_hz)} first. "
            f"If its stamps are wrong, read it with --no-time --rate {rate_hz:.9g}.",
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
    apart = f"{float(f'{abs(share) * 1e6:.3g}'):g} ppm"
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


def check_units(signal: Signal, expected: Mapping[int, str], owner: str, *, hint: str = "") -> None:
    """Raise SignalError where the unit of a column and the `expected` one, by its place, are known and differ.

    `hint` says what to do where it does not depend on the two units.
    """
    for place, unit, expected_unit in _differing(signal, expected):
        raise SignalError(
            f"it is in {unit}",
            path=signal.path,
            column=signal.columns[place],
            expected=f"{expected_unit}, as {owner}",
            hint=hint or _unit_hint(unit, expected_unit),
        )


def _differing(signal: Signal, expected: Mapping[int, str]) -> Iterator[tuple[int, str, str]]:
    """Yield place, unit and expected unit of each column in which these are known and differ."""
    units = column_units(signal)
    for place, expected_unit in expected.items():
        if units[place] and expected_unit and not are_one_unit(units[place], expected_unit):
            yield place, units[place], expected_unit


def _unit_hint(unit: str, expected: str) -> str:
    """Return what to do with a file in `unit` for a model in the `expected` one."""
    if are_convertible(unit, expected):
        return f"Add --convert to convert it to {expected}."
    return (
        f"It cannot be converted: give a column in {expected}. If only its header is wrong, --unit says the right one."
    )


def column_units(signal: Signal) -> tuple[str, ...]:
    """Return the unit of each column of `signal`, "" where none is known.

    A header whose unit stayed a part of the name, because other columns differ from it by the unit alone, has one, too.
    """
    # Calendars are columns without a header.
    headers = signal.headers + signal.columns[len(signal.headers) :]
    units = [*signal.units, *[""] * (len(signal.channels) - len(signal.units)), *signal.covariate_units]
    units += [""] * (len(signal.columns) - len(units))
    return tuple(unit or unit_of(header)[1] for unit, header in zip(units, headers, strict=True))


def _columns(signal: Signal) -> str:
    return ", ".join(signal.columns) + (f", {signal.known} known" if signal.known else "")


# --- a signal and a model ----------------------------------------------------------------


def column_places(signal: Signal, manifest: Manifest) -> list[int]:
    """Return where the model's columns stand in `signal`; SignalError if they, their units or its rate do not fit."""
    check_rate(signal, manifest.sample_rate_hz, AS_TRAINED)
    places = _places(signal, manifest)
    hint = ""
    if manifest.config.reading.units:
        hint = f"The model was trained with --unit {' '.join(manifest.config.reading.units)}: give the file's own unit."
    check_units(signal, _expected_units(places, manifest), AS_TRAINED, hint=hint)
    return places


def remarks(signal: Signal, manifest: Manifest) -> list[str]:
    """Return in sentences what differs between `signal` and the training files, and is no reason to refuse it."""
    rate_hz, units = manifest.sample_rate_hz, column_units(signal)
    texts = _rate_remarks(signal, rate_hz, "of the training")
    if rate_hz and not signal.sample_rate_hz:
        texts.append(f"it has no time: its rows are taken to be {1 / rate_hz:.9g} s apart, as {AS_TRAINED}")
    expected = _expected_units(_places(signal, manifest), manifest)
    bare = [f"{signal.columns[place]} in {unit}" for place, unit in expected.items() if unit and not units[place]]
    # A unit that an option told the training is told to every file.
    if bare and not manifest.config.reading.units:
        texts.append(f"it names no unit: {', '.join(bare)}, as {AS_TRAINED}")
    named = [
        f"{signal.columns[place]} in {units[place]}" for place, unit in expected.items() if units[place] and not unit
    ]
    if named:
        texts.append(f"{', '.join(named)}: the model does not say in which unit it was trained")
    return texts


def converted(signal: Signal, manifest: Manifest) -> Signal:
    """Return `signal` with the values of the model's columns in the model's units, and a note on each conversion.

    Raises:
        SignalError: A column is absent, or its unit cannot be converted.
    """
    expected = _expected_units(_places(signal, manifest), manifest)
    units, notes, recordings = list(column_units(signal)), list(signal.notes), signal.recordings
    for place, unit, expected_unit in _differing(signal, expected):
        name = signal.columns[place]
        if not are_convertible(unit, expected_unit):
            raise SignalError(
                f"{unit} cannot be converted to {expected_unit}",
                path=signal.path,
                column=name,
                hint=_unit_hint(unit, expected_unit),
            )
        future_place = place - (len(signal.columns) - signal.known)
        recordings = tuple(_with_unit(r, place, future_place, unit, expected_unit) for r in recordings)
        units[place] = expected_unit
        notes.append(f"{name} converted from {unit} to {expected_unit}")
    count = len(signal.channels)
    return replace(
        signal,
        recordings=recordings,
        units=tuple(units[:count]),
        covariate_units=tuple(units[count:]),
        notes=tuple(notes),
    )


def _with_unit(recording: Recording, place: int, future_place: int, unit: str, other: str) -> Recording:
    """Return `recording` with the column at `place` in the `other` unit, in what is known of the future, too."""
    values, future = recording.values.copy(), recording.future
    values[:, place] = in_unit(values[:, place], unit, other)
    if future is not None and future_place >= 0:
        future = future.copy()
        future[:, future_place] = in_unit(future[:, future_place], unit, other)
    return replace(recording, values=values, future=future)


def _places(signal: Signal, manifest: Manifest) -> list[int]:
    """Return where the model's columns stand in `signal`; SignalError where one does not, or two are one."""
    columns = manifest.channels.columns
    # A single channel fits a model of one, whatever either is called.
    if len(columns) == len(signal.columns) == 1:
        return [0]
    index = _index(signal)
    places = [place for name in columns if (place := _place_of(name, index)) is not None]
    if len(set(places)) < len(columns):
        raise SignalError(
            f"it has the channels {', '.join(signal.columns)}",
            path=signal.path,
            expected=f"{', '.join(columns)}, as {AS_TRAINED}",
            hint=_renaming(signal, manifest),
        )
    return places


def _index(signal: Signal) -> dict[str, int]:
    """Return the place of each column by the texts that it alone has: its header, its name, the header without unit."""
    headers = signal.headers or signal.columns
    index: dict[str, int] = {}
    # What comes later holds where two columns could be meant.
    for texts in ([unit_of(header)[0] for header in headers], signal.columns, headers):
        counts = Counter(texts)
        index |= {text: place for place, text in enumerate(texts) if counts[text] == 1}
    return index


def _place_of(name: str, index: Mapping[str, int]) -> int | None:
    """Return where the column stands that a model calls `name`: version 1 left units in names that it did not know."""
    return index.get(name, index.get(unit_of(name)[0]))


def _renaming(signal: Signal, manifest: Manifest) -> str:
    """Return a hint with the --rename options for the model's columns, where names or units leave no choice."""
    index = _index(signal)
    places = {name: _place_of(name, index) for name in manifest.channels.columns}
    missing = [name for name, place in places.items() if place is None]
    pairs: dict[str, int] = {}
    for is_alike in (_have_one_name, _have_one_unit, _begins_the_other):
        free = [place for place in range(len(signal.columns)) if place not in {*places.values(), *pairs.values()}]
        alike = {
            name: [place for place in free if is_alike(signal, place, name, manifest)]
            for name in missing
            if name not in pairs
        }
        claims = Counter(place for candidates in alike.values() for place in candidates)
        pairs |= {
            name: candidates[0]
            for name, candidates in alike.items()
            if len(candidates) == 1 and claims[candidates[0]] == 1
        }
    if not missing or len(pairs) < len(missing):
        return "Name the columns with --column, or give them the model's names with --rename OLD=NEW, once for each."
    options = [f"--rename {shell_quoted(f'{signal.columns[pairs[name]]}={name}')}" for name in missing]
    expected = {place: manifest.channels.unit_of(name) for name, place in (places | pairs).items() if place is not None}
    options += ["--convert"] * any(_differing(signal, expected))
    return f"Add `{' '.join(options)}` if they are the same."


def _have_one_name(signal: Signal, place: int, name: str, manifest: Manifest) -> bool:
    """Return whether two columns have the same letters and digits for a name, and may have one unit."""
    return plain_name(signal.columns[place]) == plain_name(name) and _may_have_one_unit(signal, place, name, manifest)


def _have_one_unit(signal: Signal, place: int, name: str, manifest: Manifest) -> bool:
    """Return whether two columns have one unit, and the one in the file not the name of another of the model."""
    unit, expected = column_units(signal)[place], manifest.channels.unit_of(name)
    is_other = plain_name(signal.columns[place]) in map(plain_name, manifest.channels.columns)
    return bool(unit and expected) and are_one_unit(unit, expected) and not is_other


def _begins_the_other(signal: Signal, place: int, name: str, manifest: Manifest) -> bool:
    """Return whether the name of one of two columns begins that of the other, and they may have one unit."""
    return begins_other(signal.columns[place], name) and _may_have_one_unit(signal, place, name, manifest)


def _may_have_one_unit(signal: Signal, place: int, name: str, manifest: Manifest) -> bool:
    """Return whether the unit of one of two columns is not known, or can be converted to that of the other."""
    unit, expected = column_units(signal)[place], manifest.channels.unit_of(name)
    return not (unit and expected) or are_one_unit(unit, expected) or are_convertible(unit, expected)


def _expected_units(places: Sequence[int], manifest: Manifest) -> dict[int, str]:
    """Return the units of the model's columns by their places in a signal; older folders have them in their names."""
    channels = manifest.channels
    return {
        place: channels.unit_of(name) or unit_of(name)[1] for place, name in zip(places, channels.columns, strict=True)
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
    count, known = len(signal.columns) - signal.known, manifest.channels.known
    places = [place - count for place in _places(signal, manifest)[-known:]] if known else []
    if any(place < 0 for place in places):
        return np.empty((0, known))
    return future(signal, recording, ahead)[:, places]


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
