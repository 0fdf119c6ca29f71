"""The recursive rollout: a forecast over any horizon, each forecast segment becoming input to the next.

A predictor forecasts one segment. Beyond it the forecast segment becomes the newest input segment and the oldest is
dropped, so nothing recorded after the origin is ever read. Many windows advance together.

A stateful network can instead keep its state over the whole recording (`stateful_rollout`): it remembers more than one
window, and each further segment costs one step. These forecasts differ from those of `rollout`, so this mode must be
asked for.

Source: deck E, "LSTM with TensorFlow", the prediction example.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.errors import OutputError, UsageError
from forecaster.predictors.base import Predictor, SymbolPredictor, likeliest, one_blas_thread
from forecaster.signal.context import Array, Context, Index
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins, context_of, reach

# Windows that advance together: enough to be fast, few enough to stay in the cache.
ROWS = 128
# Values that the windows advancing together may hold, where one of them is large.
VALUES = 4_000_000
# Probabilities in one forecast of symbols.
MAX_PROBABILITIES = 10_000_000


def rollout(predictor: Predictor, context: Context, horizon: int) -> Array:
    """Return the forecast of the `horizon` samples after each row of `context`, (B, H), in scaled units.

    A row's bits depend on its own context alone, not on its neighbours or its place. The last segment of the past
    covariates is repeated, for their future is not known; where the future covariates end, their last value is held.
    If a predictor sees other targets, all channels of an origin are forecast together and fed back to each other, even
    if only one is asked for.
    Each member of an ensemble feeds back its own forecasts.
    """
    if predictor.is_ensemble:
        context = predictor.without_shift(context)
        members = predictor.active_members(context)
        return predictor.mix({member.name: rollout(member, context, horizon) for member in members}, context)
    level, spread = np.zeros(1), np.ones(1)
    if predictor.window.normalised:
        context, level, spread = context.normalised()
    result = np.empty((len(context.values), horizon))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for rows, recursion in _recursions(predictor, context, horizon):
            while recursion.done < horizon:
                for block, window in recursion.windows():
                    recursion.append(block, predictor.predict(window))
                recursion.advance()
            result[rows] = recursion.result(horizon)
    if (limits := predictor.limits(context)) is not None:
        result = np.clip(result, *limits)
    return level + spread * result if predictor.window.normalised else result


def rollout_symbols(predictor: SymbolPredictor, context: Context, horizon: int) -> tuple[Array, Array]:
    """Return the `horizon` likeliest symbols after each window of codes, (B, H), and all probabilities, (B, H, K).

    The probabilities at step h are conditional on the context and on the symbols forecast for steps 1 to h - 1.

    Raises:
        OutputError: a probability is not finite.
        UsageError: there are too many probabilities.
    """
    batch, length = context.values.shape
    if horizon * predictor.window.symbols > MAX_PROBABILITIES:
        problem = f"{horizon} steps of {predictor.window.symbols} probabilities are more than {MAX_PROBABILITIES}."
        raise UsageError(problem, hint="Ask for a shorter horizon: -n.")
    codes = np.concatenate((context.values, np.empty((batch, horizon))), axis=1)
    probabilities = np.empty((batch, horizon, predictor.window.symbols))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for rows in _blocks(batch, predictor.window):
            for h in range(horizon):
                window = Context(codes[rows, h : h + length], context.channel[rows])
                probabilities[rows, h] = predictor.probabilities(window)
                if not np.isfinite(probabilities[rows, h]).all():
                    raise OutputError("The probabilities of a forecast are not finite; nothing was written.")
                codes[rows, length + h] = likeliest(probabilities[rows, h])[:, 0]
    return codes[:, length:], probabilities


def rollout_from(predictor: Predictor, origins: Sequence[Origins], horizon: int, *, stateful: bool = False) -> Array:
    """Return the forecast of `horizon` samples from each of `origins`, (O, H), in scaled units as they are.

    With `stateful` the predictor's state runs on over each whole recording.
    """
    if stateful:
        return np.concatenate([stateful_rollout(predictor, places, horizon) for places in origins])
    window = predictor.window
    if not window.others:
        return rollout(predictor, context_of(origins, window, horizon), horizon)
    # A context holds all channels for each of its rows, so only some of them fit into memory at once.
    size = max(1, VALUES // (window.context * (1 + window.others)))
    blocks = [block for places in origins for block in places.blocks(size)]
    return np.concatenate([rollout(predictor, block.context(window, horizon), horizon) for block in blocks])


def stateful_rollout(predictor: Predictor, origins: Origins, horizon: int) -> Array:
    """Return the forecast of `horizon` samples from each origin, (O, H), the state running on from the first sample.

    The segments end at the origin, so the first one begins at the origin's row modulo N: origins of equal phase share
    one pass over the recording. The predictor must be stateful.
    """
    n_input, values = predictor.window.n_input, origins.values
    first, phase = np.unique(origins.rows % n_input, return_inverse=True)
    steps = origins.rows // n_input
    segment = np.empty((len(origins), n_input))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        state = predictor.start(len(first))
        states = tuple(np.empty((len(origins), part.shape[1]), part.dtype) for part in state)
        for k in range(int(steps.max())):
            begin = first + k * n_input
            rows = np.minimum(begin[:, None] + np.arange(n_input), len(values) - 1)
            columns = _covariate_columns(origins, begin, begin + n_input, n_input)
            state, output = predictor.advance(state, np.concatenate((values[rows], *columns), axis=1))
            # The origins that lie at the end of this step take over the state of their phase.
            here = np.flatnonzero(steps == k + 1)
            segment[here] = output[phase[here]]
            for at_origins, part in zip(states, state, strict=True):
                at_origins[here] = part[phase[here]]
        segments = [segment]
        while (done := len(segments) * n_input) < horizon:
            columns = _covariate_columns(origins, origins.rows - n_input, origins.rows + done, n_input)
            states, segment = predictor.advance(states, np.concatenate((segment, *columns), axis=1))
            segments.append(segment)
    return np.concatenate(segments, axis=1)[:, :horizon]


def _covariate_columns(origins: Origins, begin: Index, ahead: Index, n_input: int) -> Iterator[NDArray[np.floating]]:
    """Yield a step's segments of the past covariates from rows `begin` (P,) on, of the future ones from `ahead` on."""
    if (past := origins.covariates.past) is not None:
        rows = np.minimum(begin[:, None] + np.arange(n_input), len(origins.values) - 1)
        yield past[rows].swapaxes(1, 2).reshape(len(rows), -1)
    if (future := origins.covariates.future_from(ahead, n_input)) is not None:
        yield future.swapaxes(1, 2).reshape(len(begin), -1)


def _blocks(batch: int, window: Window) -> Iterator[slice]:
    """Yield the rows that are forecast in one call."""
    size = max(1, min(ROWS, VALUES // (window.n_step * window.width)))
    yield from (slice(begin, begin + size) for begin in range(0, batch, size))


def _recursions(predictor: Predictor, context: Context, horizon: int) -> Iterator[tuple[slice, Recursion]]:
    """Yield the rows of `context` that advance together, each with its recursion."""
    # What is forecast of one channel is shown to the others from the second pass of the predictor on.
    second_pass = horizon > predictor.segments * predictor.window.n_input
    if context.covariates.targets is not None and predictor.sees_other_targets and second_pass:
        yield slice(None), MultivariateRecursion(context, predictor.window, horizon)
        return
    for rows in _blocks(len(context.values), predictor.window):
        yield rows, Recursion(context[rows], predictor.window, horizon)


class Recursion:
    """A batch of contexts that slide along over the horizon, in one buffer (B, L + H rounded up to segments).

    `windows` yields the contexts that end at the current step, `append` writes a forecast behind them, `advance` moves
    on by that forecast.
    """

    def __init__(self, context: Context, window: Window, horizon: int) -> None:
        self.window, self.context = window, context
        # How many samples are forecast, and how many each call of the predictor gave.
        self.done = self.step = 0
        ahead = reach(horizon, window)
        self.buffer = np.empty((*self.channels().shape[:-1], window.context + ahead))
        self.buffer[..., : window.context] = self.channels()
        self.past = _repeated(context.covariates.past, window.n_input, ahead // window.n_input)
        self.future = _held(context.covariates.future, window.context + ahead)

    def channels(self) -> Array:
        """Return the samples that the forecast continues, (..., L)."""
        return self.context.values

    @property
    def seen(self) -> slice:
        """The samples of the buffer that the predictor sees now."""
        return slice(self.done, self.done + self.window.context)

    def windows(self) -> Iterator[tuple[slice, Context]]:
        """Yield the rows of the buffer and their current contexts: here all rows at once."""
        covariates = Covariates(
            None if self.past is None else self.past[:, self.seen],
            None if self.future is None else self.future[:, self.done :],
            # A predictor that looks at the other targets makes all of its horizon in one call here.
            self.context.covariates.targets,
        )
        yield slice(None), Context(self.buffer[:, self.seen], self.context.channel, covariates)

    def append(self, block: slice, segment: Array) -> None:
        """Lay the forecast `segment` of the contexts `block` behind them."""
        self.step = min(segment.shape[1], self.buffer.shape[-1] - self.seen.stop)
        self.buffer[block, self.seen.stop : self.seen.stop + self.step] = segment[:, : self.step]

    def advance(self) -> None:
        """Slide on by what was appended."""
        self.done += self.step

    def result(self, horizon: int) -> Array:
        """Return the forecasts, (B, H)."""
        return self.buffer[:, self.window.context : self.window.context + horizon]


class MultivariateRecursion(Recursion):
    """All C channels of each row's origin advance together, in one buffer (O, C, L + H rounded up).

    A row of the context holds the past of all channels, so it needs no other row; rows of one origin share its
    forecasts.
    """

    def __init__(self, context: Context, window: Window, horizon: int) -> None:
        first, self.origin = _distinct_origins(context.covariates)
        self.channel = context.channel
        super().__init__(context[first], window, horizon)

    def channels(self) -> Array:
        """Return the past of all channels of each origin, (O, C, L)."""
        return np.swapaxes(cast(Array, self.context.covariates.targets), 1, 2)

    def windows(self) -> Iterator[tuple[slice, Context]]:
        """Yield the contexts of all channels of all origins, as many as fit into a call of the predictor."""
        origins, channels, _ = self.buffer.shape
        future_end = self.seen.stop + self.window.n_input
        for block in _blocks(origins * channels, self.window):
            o, c = np.divmod(np.arange(origins * channels)[block], channels)
            covariates = Covariates(
                None if self.past is None else self.past[o, self.seen],
                None if self.future is None else self.future[o, self.done : future_end],
                self.buffer[o, :, self.seen].swapaxes(1, 2),
            )
            yield block, Context(self.buffer[o, c, self.seen], c, covariates)

    def append(self, block: slice, segment: Array) -> None:
        """Lay the forecast `segment` of the channels `block` behind them."""
        rows = self.buffer.reshape(-1, self.buffer.shape[-1])
        self.step = min(segment.shape[1], self.buffer.shape[-1] - self.seen.stop)
        rows[block, self.seen.stop : self.seen.stop + self.step] = segment[:, : self.step]

    def result(self, horizon: int) -> Array:
        """Return the forecasts of the rows' own channels, (B, H)."""
        return self.buffer[self.origin, self.channel, self.window.context : self.window.context + horizon]


def _distinct_origins(covariates: Covariates) -> tuple[Index, Index]:
    """Return a row of each origin among `covariates`, (O,), and which of them each row belongs to, (B,)."""
    parts = [part for part in (covariates.targets, covariates.past, covariates.future) if part is not None]
    numbers: dict[bytes, int] = {}
    first: list[int] = []
    origin: list[int] = []
    for row in range(len(parts[0])):
        place = numbers.setdefault(b"".join(part[row].tobytes() for part in parts), len(numbers))
        if place == len(first):
            first.append(row)
        origin.append(place)
    return np.array(first, dtype=np.int64), np.array(origin, dtype=np.int64)


def _repeated(past: NDArray | None, n_input: int, segments: int) -> NDArray | None:
    """Return `past` (B, L, X) continued by its own last segment, `segments` times."""
    if past is None:
        return None
    return np.concatenate((past, np.tile(past[:, -n_input:], (1, segments, 1))), axis=1)


def _held(future: NDArray | None, rows: int) -> NDArray | None:
    """Return `future` (B, L + ahead, F) continued by its own last value to at least `rows`."""
    if future is None or future.shape[1] >= rows:
        return future
    return np.concatenate((future, np.repeat(future[:, -1:], rows - future.shape[1], axis=1)), axis=1)
