"""From signals to the windows that a predictor learns from, and what the data decide of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from forecaster import networks
from forecaster.compatibility import check_alike
from forecaster.config import Recipe, RunConfig, Window
from forecaster.errors import SignalError, TooShortError, UsageError
from forecaster.predictors import Ensemble, direct, names, parameters, predictor_class
from forecaster.signal.scaling import Scaler, check_size
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.spectrum import dominant_period
from forecaster.signal.windows import Runs, Windows, WindowSplits, boundaries, chosen_until
from forecaster.tasks import TASKS, Task, task_of

# A network of an ensemble passes at most so often over the training windows, and takes at least so many steps.
MOST_PASSES, FEWEST_STEPS = 40, 200
# Numbers in a window of usual size: a larger one gets fewer steps, as each takes longer.
USUAL_WINDOW = 2500
Array = NDArray[np.float64]
Bounds = tuple[int, int]
"""The rows of a recording at which validation and test begin."""


@dataclass(frozen=True)
class Prepared:
    """Signals ready for training.

    Attributes:
        recordings: All recordings of all signals.
        bounds: For each recording the rows (b1, b2) at which validation and test begin.
        scaler: Fitted on the training parts.
        splits: The windows of the training and the validation part.
    """

    recordings: tuple[Recording, ...]
    bounds: tuple[Bounds, ...]
    scaler: Scaler
    splits: WindowSplits


def prepare(signals: Sequence[Signal], config: RunConfig) -> Prepared:
    """Return `signals` ready for training: split, scaled by their training parts, and laid out as windows.

    Args:
        signals: The training signals.
        config: The run, resolved.

    Raises:
        SignalError: The signals differ in channels or rate, or hold values too large to be computed with.
        TooShortError: There is no training window or no validation target.
    """
    check_alike(signals)
    for signal in signals:
        for recording in signal.recordings:
            check_size(recording.values, signal.columns, signal.path)
    task, first = task_of(config.predictor), signals[0]
    recordings = tuple(recording for signal in signals for recording in signal.recordings)
    bounds = tuple(boundaries(len(recording), config.split) for recording in recordings)
    _check_lengths(recordings, bounds, config, task)
    scaler = task.fit_scaler([r.values[:b1] for r, (b1, _) in zip(recordings, bounds, strict=True)], first)
    for signal in signals:
        for recording in signal.recordings:
            scaler.check(recording.values, signal.columns, signal.path)
    values = [recording.values for recording in recordings]
    mean, scale = scaler.mean, scaler.scale
    if config.window.normalised:
        mean, scale = _by_recording(values, bounds, scaler, len(first.channels))
    runs = Runs.join(values, mean, scale, exogenous=len(first.exogenous))
    return Prepared(recordings, bounds, scaler, _window_splits(runs, bounds, config.window, task))


def _by_recording(
    recordings: Sequence[Array], bounds: Sequence[Bounds], scaler: Scaler, targets: int
) -> tuple[Array, Array]:
    """Return the mean and the scale (R, C + X) of each recording's training part; covariates keep those of all.

    Each window is scaled by its own afterwards. But in single precision a small machine would lose its digits beside a
    large one.
    """
    means, scales = (np.tile(values, (len(recordings), 1)) for values in (scaler.mean, scaler.scale))
    for number, (values, (b1, _)) in enumerate(zip(recordings, bounds, strict=True)):
        if b1:
            of_recording = Scaler.fit([values[:b1, :targets]])
            means[number, :targets], scales[number, :targets] = of_recording.mean, of_recording.scale
    return means, scales


def _window_splits(runs: Runs, bounds: Sequence[Bounds], window: Window, task: Task) -> WindowSplits:
    """Return the windows of each part. The bounds of a recording hold for the runs of all its channels."""
    b1, b2 = (np.repeat(np.array(rows, dtype=np.int64), runs.channels) for rows in zip(*bounds, strict=True))
    choice_ends = task.choice_ends(np.maximum(b1, window.context), b2, window)
    # Training may take every k-th window; what is judged is judged at every place.
    dense = window.model_copy(update={"stride": 1})
    return WindowSplits(
        Windows.between(runs, (np.zeros_like(b1), b1), window),
        Windows.between(runs, (b1, choice_ends), dense),
        Windows.between(runs, (choice_ends, b2), dense),
    )


def _check_lengths(recordings: Sequence[Recording], bounds: Sequence[Bounds], config: RunConfig, task: Task) -> None:
    """Raise TooShortError unless some recording has a training window, and some a validation target."""
    window = config.window
    need = window.context + window.n_input
    has_target = any(b2 - max(b1, window.context) >= window.n_input for b1, b2 in bounds)
    if has_target and any(b1 >= need for b1, _ in bounds):
        return
    longest = max(range(len(recordings)), key=lambda k: len(recordings[k]))
    (b1, b2), rows = bounds[longest], len(recordings[longest])
    problem = (
        f"the longest recording has {rows} rows, {b1} of them for training and {b2 - b1} for validation; "
        f"a window of {window.n_step} x {window.n_input} needs {need} training rows and {window.n_input} for validation"
    )
    period = dominant_period(recordings[longest].values[:b1, 0])
    raise TooShortError(problem, suggestion=task.suggested_window(rows, config.split, period))


# --- what the data decide of a run -------------------------------------------------------


def resolved(config: RunConfig, signals: Sequence[Signal]) -> RunConfig:
    """Return `config` with what the data decide: what stands beside a channel, how many symbols, how many steps.

    Raises:
        UsageError: The window grows too large, `carry_state` asks for a state that the predictor does not have,
            `joint` for other channels where there are none, or `parameters` names others than the predictor's.
        SignalError: The predictor forecasts symbols and the signals are numbers, or the other way round.
    """
    task = task_of(config.predictor)
    _check_task(config.predictor, task, signals)
    parameters(config.predictor, config.parameters)
    if config.carry_state and not predictor_class(config.predictor).is_stateful:
        stateful = ", ".join(name for name in names() if predictor_class(name).is_stateful)
        problem = f"--carry-state: {config.predictor} has no state that can be carried."
        raise UsageError(problem, hint=f"These have: {stateful}.")
    reading = config.reading.model_copy(update=task.settings["reading"])
    fields = task.window_fields(config, signals)
    try:
        window = Window.model_validate(config.window.model_dump() | fields)
    except ValidationError:
        problem = f"a window of {task.window_size(config.window, fields)} is too large."
        raise UsageError(problem, hint="Choose a shorter one: --n-step, --n-input.") from None
    with_window = config.model_copy(update={"window": window, "reading": reading})
    with_ahead = with_window.model_copy(update={"ahead": _segments_at_once(with_window, signals)})
    return with_ahead.model_copy(update=_recipes(with_ahead, signals))


def _check_task(predictor: str, task: Task, signals: Sequence[Signal]) -> None:
    """Raise SignalError for signals of another task than the predictor's."""
    for signal in signals:
        if not task.holds(signal):
            other = next(candidate for candidate in TASKS.values() if candidate.holds(signal))
            fitting = ", ".join(name for name in names() if task_of(name) is other)
            raise SignalError(
                other.columns,
                path=signal.path,
                expected=f"{task.columns} for {predictor}",
                hint=f"These forecast {other.noun}: {fitting}.",
            )


def _segments_at_once(config: RunConfig, signals: Sequence[Signal]) -> int:
    """Return how many segments are forecast in one pass: S, or fewer in short recordings.

    Twice as many segments must fit into the training part, and into what chooses in the validation part.

    Raises:
        UsageError: The predictor makes one segment at a time.
    """
    if config.horizon_mode != "direct":
        return 1
    able = (Ensemble.name, *direct())
    if config.predictor not in able:
        problem = f"--horizon-mode direct: {config.predictor} forecasts one segment at a time."
        raise UsageError(problem, hint=f"These can: {', '.join(able)}.")
    if config.ahead > 1:
        return config.ahead
    window, rooms = config.window, []
    for recording in (recording for signal in signals for recording in signal.recordings):
        b1, b2 = boundaries(len(recording), config.split)
        begin = max(b1, window.context)
        judged = chosen_until(begin, b2, window.n_input) - begin
        rooms.append(min(b1 - window.context, judged) // (2 * window.n_input))
    return max(1, min(window.n_step, max(rooms)))


def _recipes(config: RunConfig, signals: Sequence[Signal]) -> dict[str, Any]:
    """Return the recipes by which networks are trained: what was not chosen is each network's own."""
    if config.predictor in networks.names():
        return {"recipe": _recipe(config.recipe, config.predictor), "recipes": {}}
    if not issubclass(predictor_class(config.predictor), Ensemble):
        return {"recipes": {}}
    recipes = {name: config.recipes.get(name) or _budgeted(config, name, signals) for name in networks.members()}
    return {"recipes": recipes}


def _recipe(chosen: Recipe, network: str) -> Recipe:
    if chosen.name == "lecture":
        return chosen
    return Recipe.model_validate({**networks.recipe(network), **chosen.model_dump(exclude_unset=True)})


def _budgeted(config: RunConfig, network: str, signals: Sequence[Signal]) -> Recipe:
    """Return the recipe of one of several networks, with a number of steps that fits the amount of training data.

    A number of steps that was asked for is kept.
    """
    recipe = _recipe(config.recipe, network)
    if "steps" in config.recipe.model_fields_set:
        return recipe
    need = config.window.context + config.window.n_input
    rows = [len(recording) for signal in signals for recording in signal.recordings]
    windows = sum(max(0, boundaries(count, config.split)[0] - need + 1) for count in rows) * len(signals[0].channels)
    size = config.window.n_step * config.window.width
    steps = min(recipe.steps, MOST_PASSES * windows // recipe.batch, recipe.steps * USUAL_WINDOW // size)
    return recipe.model_copy(update={"steps": max(FEWEST_STEPS, steps)})
