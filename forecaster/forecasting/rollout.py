"""Closed loop: any horizon, by feeding the predictions back.

The predicted segment becomes the newest input segment and the oldest is dropped, so nothing
recorded after the origin is ever read. All windows of all files advance together.

A predictor with a state can instead carry it from the recording's first sample to the origin
and on: `carried`. It then remembers more than a window, and a segment costs one step instead of
a window; it is another forecast, and never chosen silently.

Source: deck E, "LSTM with TensorFlow", the prediction example.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.errors import OutputError, UsageError
from forecaster.predictors.base import Array, Predictor, StatefulPredictor
from forecaster.predictors.ensemble import Ensemble
from forecaster.predictors.network import NetworkPredictor
from forecaster.predictors.symbolic import SymbolPredictor, likeliest
from forecaster.predictors.threads import one_blas_thread
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins, contexts

ROWS = 128
"""Windows that advance together: enough to be fast, few enough to stay in the cache."""
VALUES = 4_000_000
"""What the windows that advance together may hold, where one of them is large."""
MOST = 10_000_000
"""Probabilities in one forecast of symbols."""


def forecast(predictor: Predictor, origins: Sequence[Origins], horizon: int, *, carry: bool = False) -> Array:
    """Forecast `horizon` samples from all `origins`, in scaled units: (O, H).

    With `carry` the predictor's state is carried over each whole recording.
    """
    if carry:
        return np.concatenate([carried(predictor, one, horizon) for one in origins])
    window = predictor.window
    if window.others:
        size = max(1, VALUES // (window.context * (1 + window.others)))
        origins = [block for one in origins for block in one.blocks(size)]
        found = (contexts([one], window.context, reached(horizon, window), joint=True) for one in origins)
        return np.concatenate([rollout(predictor, one, horizon) for one in found])
    return rollout(predictor, contexts(origins, window.context, reached(horizon, window)), horizon)


def reached(horizon: int, window: Window) -> int:
    """Return the samples of the segments that `horizon` samples reach into.

    >>> reached(101, Window(n_step=2, n_input=100))
    200
    """
    return -(-horizon // window.n_input) * window.n_input


def rollout(predictor: Predictor, context: Context, horizon: int) -> Array:
    """Forecast `horizon` samples after each window of `context`: (B, H).

    A row's bits depend on its own context alone, not on its neighbours or its place. The future
    of exogenous channels is not known: their last segment is repeated, unless they are `known`;
    where those end, their last value is. Channels that see each other advance together, each fed back
    to all, whether or not all are asked for. Each member of a combination feeds back its own forecasts.
    """
    if isinstance(predictor, Ensemble):
        return predictor.mix({one.name: rollout(one, context, horizon) for one in predictor.active_members}, context)
    result = np.empty((len(context.values), horizon))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        if context.targets is not None and _feeds_others(predictor, horizon):
            return _together(predictor, context, horizon)
        for rows in _blocks(len(result), predictor.window):
            result[rows] = _loop(predictor, context[rows], horizon)
    return result


def most_likely(predictor: SymbolPredictor, context: Context, horizon: int) -> tuple[Array, Array]:
    """Forecast the `horizon` likeliest symbols after each window of codes: (B, H), and probabilities (B, H, K).

    Those of a step are given the context and the symbols that were named for the steps before it.
    Raises OutputError if they are not finite, UsageError if they are too many.
    """
    batch, length = context.values.shape
    if horizon * predictor.window.symbols > MOST:
        found = f"{horizon} steps of {predictor.window.symbols} probabilities are more than {MOST}."
        raise UsageError(found, hint="Ask for a shorter horizon: -n.")
    codes = np.concatenate((context.values, np.empty((batch, horizon))), axis=1)
    probabilities = np.empty((batch, horizon, predictor.window.symbols))
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        for rows in _blocks(batch, predictor.window):
            for h in range(horizon):
                now = Context(codes[rows, h : h + length], context.channel[rows])
                probabilities[rows, h] = predictor.probabilities(now)
                if not np.isfinite(probabilities[rows, h]).all():
                    raise OutputError("The probabilities of a forecast are not finite; nothing was written.")
                codes[rows, length + h] = likeliest(probabilities[rows, h])[:, 0]
    return codes[:, length:], probabilities


def carried(predictor: Predictor, origins: Origins, horizon: int) -> Array:
    """Forecast `horizon` samples from each origin, the state carried from the recording's start: (O, H).

    The segments end at the origin, so the first one begins at the origin's row modulo N. The
    predictor must be one that `carries`.
    """
    stateful, n_input = cast(StatefulPredictor, predictor), predictor.window.n_input
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
        state, segment = _warmed(stateful, origins)
        made = [segment]
        while (done := len(made) * n_input) < horizon:
            step = (segment, *_beside(origins, origins.rows - n_input, origins.rows + done, n_input))
            state, segment = stateful.advance(state, np.concatenate(step, axis=1))
            made.append(segment)
    return np.concatenate(made, axis=1)[:, :horizon]


def _warmed(predictor: StatefulPredictor, origins: Origins) -> tuple[tuple[NDArray, ...], Array]:
    """Return the state and the forecast segment (O, N) at each origin; origins of equal phase share one pass."""
    n_input = predictor.window.n_input
    first, which = np.unique(origins.rows % n_input, return_inverse=True)
    steps = origins.rows // n_input
    state = predictor.start(len(first))
    kept = tuple(np.empty((len(origins), part.shape[1]), part.dtype) for part in state)
    segment = np.empty((len(origins), n_input))
    for k in range(int(steps.max())):
        state, output = predictor.advance(state, _segments(origins, first + k * n_input, n_input))
        here = np.flatnonzero(steps == k + 1)
        segment[here] = output[which[here]]
        for all_of_it, part in zip(kept, state, strict=True):
            all_of_it[here] = part[which[here]]
    return kept, segment


def _segments(origins: Origins, begin: NDArray[np.int64], n_input: int) -> Array:
    """Return one step's input (P, N (1 + X)) from each row in `begin` (P,); rows past the end repeat the last."""
    rows = np.minimum(begin[:, None] + np.arange(n_input), len(origins.values) - 1)
    return np.concatenate((origins.values[rows], *_beside(origins, begin, begin + n_input, n_input)), axis=1)


def _beside(
    origins: Origins, begin: NDArray[np.int64], ahead: NDArray[np.int64], n_input: int
) -> Iterator[NDArray[np.floating]]:
    """Yield what stands beside a segment: exogenous channels from `begin` (P,) on, known ones from `ahead` (P,)."""
    if origins.exogenous is not None:
        rows = np.minimum(begin[:, None] + np.arange(n_input), len(origins.values) - 1)
        yield origins.exogenous[rows].swapaxes(1, 2).reshape(len(rows), -1)
    if (known := origins.planned(ahead, n_input)) is not None:
        yield known.swapaxes(1, 2).reshape(len(begin), -1)


def _blocks(batch: int, window: Window) -> Iterator[slice]:
    """Yield the rows that advance together."""
    size = max(1, min(ROWS, VALUES // (window.n_step * window.width)))
    yield from (slice(begin, begin + size) for begin in range(0, batch, size))


def _loop(predictor: Predictor, context: Context, horizon: int) -> Array:
    """Advance by what the predictor makes at once, in one buffer (B, L + H rounded up), the context sliding along."""
    (batch, length), n_input = context.values.shape, predictor.window.n_input
    segments = -(-horizon // n_input)
    buffer = np.empty((batch, length + segments * n_input))
    buffer[:, :length] = context.values
    beside = _repeated(context.exogenous, n_input, segments)
    known = _lengthened(context.known, length + segments * n_input)
    begin = 0
    while begin < horizon:
        seen = slice(begin, begin + length)
        now = Context(
            buffer[:, seen],
            context.channel,
            None if beside is None else beside[:, seen],
            None if known is None else known[:, begin:],
            context.targets,  # no predictor that looks at them comes here a second time: see `_together`
        )
        made = predictor.predict(now)[:, : buffer.shape[1] - seen.stop]
        buffer[:, seen.stop : seen.stop + made.shape[1]] = made
        begin += made.shape[1]
    return buffer[:, length : length + horizon]


def _feeds_others(predictor: Predictor, horizon: int) -> bool:
    """Whether what is made of one channel is shown to others: a network's segments beyond what it makes at once."""
    if not isinstance(predictor, NetworkPredictor):
        return False
    return horizon > predictor.window.n_input * getattr(predictor.parameters, "segments", 1)


def _together(predictor: Predictor, context: Context, horizon: int) -> Array:
    """Advance all C channels of each row's origin, in one buffer (O, C, L + H rounded up); return the rows' own.

    A row holds the past of all channels, so it needs no other one; rows of one origin share its forecasts.
    """
    first, origin = _distinct(context)
    (_, length, count), n_input = context.targets.shape, predictor.window.n_input  # type: ignore[union-attr]
    segments, one = -(-horizon // n_input), context[first]
    buffer = np.empty((len(first), count, length + segments * n_input))
    buffer[:, :, :length] = one.targets.swapaxes(1, 2)  # type: ignore[union-attr]
    beside = _repeated(one.exogenous, n_input, segments)
    known = _lengthened(one.known, buffer.shape[2])
    begin = 0
    while begin < horizon:
        seen, made = slice(begin, begin + length), 0
        for rows in _blocks(len(first) * count, predictor.window):
            o, c = np.divmod(np.arange(len(first) * count)[rows], count)
            now = Context(
                buffer[o, c, seen],
                c,
                None if beside is None else beside[o, seen],
                None if known is None else known[o, begin : seen.stop + n_input],
                buffer[o, :, seen].swapaxes(1, 2),
            )
            found = predictor.predict(now)[:, : buffer.shape[2] - seen.stop]
            made = found.shape[1]
            buffer[o, c, seen.stop : seen.stop + made] = found
        begin += made
    return buffer[origin, context.channel, length : length + horizon]


def _distinct(context: Context) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return a row of each origin in `context`, (O,), and which of them each row belongs to, (B,)."""
    parts = [part for part in (context.targets, context.exogenous, context.known) if part is not None]
    seen: dict[bytes, int] = {}
    first: list[int] = []
    origin: list[int] = []
    for row in range(len(context.values)):
        place = seen.setdefault(b"".join(part[row].tobytes() for part in parts), len(seen))
        if place == len(first):
            first.append(row)
        origin.append(place)
    return np.array(first, dtype=np.int64), np.array(origin, dtype=np.int64)


def _repeated(exogenous: Array | None, n_input: int, segments: int) -> Array | None:
    """Continue `exogenous` (B, L, X) by its own last segment, as often as the loop goes round."""
    if exogenous is None:
        return None
    return np.concatenate((exogenous, np.tile(exogenous[:, -n_input:], (1, segments, 1))), axis=1)


def _lengthened(known: Array | None, rows: int) -> Array | None:
    """Continue `known` (B, L + F, .) by its own last value to at least `rows`."""
    if known is None or known.shape[1] >= rows:
        return known
    return np.concatenate((known, np.repeat(known[:, -1:], rows - known.shape[1], axis=1)), axis=1)
