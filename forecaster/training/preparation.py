"""From signals to the windows that a predictor learns from: split, scaler, pooled runs."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from forecaster import networks
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import SignalError, TooShortError, UsageError
from forecaster.predictors import Ensemble, direct, names, parameters, predictor_class
from forecaster.reading.text.cells import same_unit
from forecaster.signal.calendar import SCALE
from forecaster.signal.scaling import Scaler, check_size
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.spectrum import dominant_period
from forecaster.signal.splits import WindowSplits, boundaries, chosen_until
from forecaster.signal.windows import Runs, Windows, suggest

SHORTER = "Choose a shorter one: --n-step, --n-input."
EPOCHS, FEWEST_STEPS, USUAL = 40, 200, 2500
RATE_TOLERANCE = 0.05
"""How far two sample rates may differ, as a share: as far as clocks do."""


@dataclass(frozen=True)
class Prepared:
    """Signals made ready for training; `bounds` has (b1, b2) of each recording in order."""

    recordings: tuple[Recording, ...]
    bounds: tuple[tuple[int, int], ...]
    scaler: Scaler
    parts: WindowSplits


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
    training = (r.values[:b1] for r, (b1, _) in zip(recordings, bounds, strict=True))
    scaler = Scaler.identity() if config.window.symbols else _of_calendar(Scaler.fit(training), signals[0])
    for signal in signals:
        for recording in signal.recordings:
            scaler.check(recording.values, signal.columns, signal.path)
    exogenous = len(signals[0].exogenous)
    runs = Runs.join([r.values for r in recordings], scaler.mean, scaler.scale, exogenous=exogenous)
    b1, b2 = (np.repeat(np.array(b, dtype=np.int64), len(signals[0].channels)) for b in zip(*bounds, strict=True))
    return Prepared(recordings, bounds, scaler, _parts(runs, (b1, b2), config.window))


def _of_calendar(scaler: Scaler, signal: Signal) -> Scaler:
    """Return `scaler` with the columns of a calendar, the last ones, scaled as over whole cycles."""
    first = len(signal.columns) - 2 * len(signal.calendar)
    own = np.arange(len(signal.columns)) >= first
    return Scaler(np.where(own, 0.0, scaler.mean), np.where(own, SCALE, scaler.scale))


def _parts(runs: Runs, bounds: tuple[NDArray[np.int64], NDArray[np.int64]], window: Window) -> WindowSplits:
    """Lay out the windows of each part; symbols have no bands to calibrate."""
    (b1, b2), dense = bounds, window.model_copy(update={"stride": 1})
    begins = np.maximum(b1, window.context)
    chosen = [chosen_until(int(one), int(end), window.n_input) for one, end in zip(begins, b2, strict=True)]
    own = b2 if window.symbols else np.array(chosen, dtype=np.int64)
    learned = Windows.between(runs, (np.zeros_like(b1), b1), window)
    return WindowSplits(learned, Windows.between(runs, (b1, own), dense), Windows.between(runs, (own, b2), dense))


def resolved(config: RunConfig, signals: Sequence[Signal]) -> RunConfig:
    """Return `config` with what the data decide of the window: how many channels stand beside, how many symbols.

    Raises UsageError if the window grows too large by them, `carry_state` asks for a state that the
    predictor does not have, `joint` for other channels where there are none, or `parameters` names
    others than its own; SignalError where it forecasts symbols and the signals are numbers, or the
    other way round.
    """
    _of_one_task(config.predictor, signals)
    parameters(config.predictor, config.parameters)
    if config.carry_state and not predictor_class(config.predictor).is_stateful:
        able = ", ".join(name for name in names() if predictor_class(name).is_stateful)
        found = f"--carry-state: {config.predictor} has no state that can be carried."
        raise UsageError(found, hint=f"These have: {able}.")
    reading = config.reading.model_copy(update={"symbols": bool(signals[0].symbols)})
    own = {"exogenous": len(signals[0].exogenous), "known": signals[0].known, "symbols": 0}
    own["others"] = _others(config, signals[0])
    own |= _symbol_window(config, signals) if signals[0].symbols else {}
    try:
        window = Window.model_validate(config.window.model_dump() | own)
    except ValidationError:
        raise UsageError(f"a window of {_size(config.window, own)} is too large.", hint=SHORTER) from None
    chosen = config.model_copy(update={"window": window, "reading": reading})
    chosen = chosen.model_copy(update={"ahead": _ahead(chosen, signals)})
    return chosen.model_copy(update=_recipes(chosen, signals))


def _others(config: RunConfig, signal: Signal) -> int:
    """Return how many other channels each of those that are forecast sees.

    Raises UsageError where `joint` can mean nothing.
    """
    if not config.joint:
        return 0
    if signal.symbols:
        raise UsageError("--joint: symbols are one channel, which has no others to see.", hint="Leave it out.")
    if config.carry_state:
        found = "--joint: a state is carried for each channel alone, past what the others were forecast to be."
        raise UsageError(found, hint="Leave out --joint or --carry-state.")
    if len(signal.channels) == 1:
        found = f"--joint: {signal.channels[0]} is the only channel to be forecast, and has no others to see."
        raise UsageError(found, hint="Read more with --column, or leave it out.")
    return len(signal.channels) - 1


def _ahead(config: RunConfig, signals: Sequence[Signal]) -> int:
    """Return how many segments are made in one pass: S, or as many as twice fit into the training and validation parts.

    Raises UsageError for a predictor that makes one at a time.
    """
    if config.horizon_mode != "direct":
        return 1
    able = (Ensemble.name, *direct())
    if config.predictor not in able:
        found = f"--horizon-mode direct: {config.predictor} forecasts one segment at a time."
        raise UsageError(found, hint=f"These can: {', '.join(able)}.")
    if config.ahead > 1:
        return config.ahead
    rooms = []
    for recording in (recording for signal in signals for recording in signal.recordings):
        b1, b2 = boundaries(len(recording), config.split)
        begin = max(b1, config.window.context)
        judged = chosen_until(begin, b2, config.window.n_input) - begin
        rooms.append(min(b1 - config.window.context, judged) // (2 * config.window.n_input))
    return max(1, min(config.window.n_step, max(rooms)))


def _recipes(config: RunConfig, signals: Sequence[Signal]) -> dict[str, Any]:
    """Settle how networks are trained: what was not chosen is each network's own."""
    if config.predictor in networks.names():
        return {"recipe": _recipe(config.recipe, config.predictor), "recipes": {}}
    if not issubclass(predictor_class(config.predictor), Ensemble):
        return {"recipes": {}}
    found = {name: config.recipes.get(name) or _budgeted(config, name, signals) for name in networks.members()}
    return {"recipes": found}


def _recipe(chosen: Recipe, name: str) -> Recipe:
    if chosen.name == "lecture":
        return chosen
    return Recipe.model_validate({**networks.recipe(name), **chosen.model_dump(exclude_unset=True)})


def _budgeted(config: RunConfig, name: str, signals: Sequence[Signal]) -> Recipe:
    """Return the recipe of one of several networks: its steps follow from how much there is to learn from.

    At most `EPOCHS` passes over the training windows; a window larger than 2,500 numbers gets
    fewer steps, as each takes longer. Steps that were asked for are taken.
    """
    recipe = _recipe(config.recipe, name)
    if "steps" in config.recipe.model_fields_set:
        return recipe
    rows = [len(recording) for signal in signals for recording in signal.recordings]
    need = config.window.context + config.window.n_input
    windows = sum(max(0, boundaries(count, config.split)[0] - need + 1) for count in rows) * len(signals[0].channels)
    size = config.window.n_step * config.window.width
    steps = min(recipe.steps, EPOCHS * windows // recipe.batch, recipe.steps * USUAL // size)
    return recipe.model_copy(update={"steps": max(FEWEST_STEPS, steps)})


def _size(window: Window, own: dict[str, int]) -> str:
    """Say how large a window is by what the data add to it."""
    if own["symbols"]:
        return f"{window.n_step} symbols out of {own['symbols']}"
    others = f"{own['others']} other and " if own["others"] else ""
    return f"{window.n_step} x {window.n_input} with {others}{own['exogenous']} exogenous channels"


def _of_one_task(name: str, signals: Sequence[Signal]) -> None:
    """Refuse signals of another kind than the predictor `name` forecasts."""
    wanted = predictor_class(name).task
    for signal in signals:
        found = "symbols" if signal.symbols else "forecast"
        if found != wanted:
            words = {"symbols": "a column of symbols", "forecast": "columns of numbers"}
            others = ", ".join(other for other in names() if predictor_class(other).task == found)
            hint = f"These forecast {words[found].rpartition(' ')[2]}: {others}."
            raise SignalError(words[found], path=signal.path, expected=f"{words[wanted]} for {name}", hint=hint)


def _symbol_window(config: RunConfig, signals: Sequence[Signal]) -> dict[str, int]:
    """Return N = 1 and K; UsageError for another N that was asked for."""
    symbols, asked = len(signals[0].symbols), config.window.n_input
    if asked != 1 and "n_input" in config.window.model_fields_set:
        found = f"--n-input {asked}: symbols are forecast one at a time, so a segment is 1 symbol."
        raise UsageError(found, hint="Leave it out; -n says how many symbols to forecast.")
    if symbols < 2:
        found = f"it holds one symbol alone, {signals[0].symbols[0]!r}"
        raise SignalError(found, path=signals[0].path, column=signals[0].channels[0], expected="two symbols or more")
    return {"n_input": 1, "symbols": symbols}


def fitting(rows: int, config: RunConfig, period: float | None) -> tuple[int, int] | None:
    """Return the (S, N) to suggest for a recording of `rows` rows, or None if it is too short for any.

    Its context is at most a fifth of the training part, and each later part holds a target.
    """
    b1, b2 = boundaries(rows, config.split)
    found = suggest(b1, period)
    if found is None:
        return None
    if config.window.symbols:
        return min(25, b1 // 5), 1
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


def check_units(signal: Signal, expected: Mapping[str, str], whose: str) -> None:
    """Raise SignalError where a channel's unit and the `expected` one, by its name, are known and differ."""
    for name, own in zip(signal.channels, signal.units, strict=False):
        other = expected.get(name, "")
        if own and other and not same_unit(own, other):
            hint = f"If the header is wrong, read it with --unit {shlex.quote(f'{name}={other}')}."
            raise SignalError(
                f"it is in {own}", path=signal.path, column=name, expected=f"{other}, as {whose}", hint=hint
            )


def _alike(signals: Sequence[Signal]) -> None:
    first = signals[0]
    for other in signals[1:]:
        check_rate(other, first.sample_rate_hz, f"{first.path} is")
        if (other.channels, other.exogenous, other.known) != (first.channels, first.exogenous, first.known):
            found, expected = (
                f"{', '.join(one.columns)}, {one.known} known" if one.known else ", ".join(one.columns)
                for one in (other, first)
            )
            hint = "Name the columns with --column."
            raise SignalError(
                f"it has the channels {found}", path=other.path, expected=f"{expected}, as {first.path} has", hint=hint
            )
        check_units(other, dict(zip(first.channels, first.units, strict=False)), f"{first.path} is")


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
