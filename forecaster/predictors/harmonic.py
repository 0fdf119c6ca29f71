"""A sum of sines whose frequencies are those of the training part, its amplitudes those of the context.

    x[t] = m + sum over f of  a[f] cos(2 pi f t) + b[f] sin(2 pi f t)

The frequencies (cycles a sample) are found once, between the bins of the spectrum; constant,
amplitudes and phases are fitted to every context by least squares, a linear map from the context to
what follows. It is applied as three thin products, so that no map of L x N numbers is ever held.

Source: Quinn and Hannan, "The Estimation and Tracking of Frequency" (2001), chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field

from forecaster.config import Frozen, Window
from forecaster.equations.products import by_blocks
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.predictors.selection import learned, longest
from forecaster.predictors.threads import one_blas_thread
from forecaster.signal.context import Context
from forecaster.signal.sinusoids import MOST, layouts, separate
from forecaster.signal.splits import WindowSplits

MAX_TAPS = 4096
COLUMNS = 4096
"""Samples ahead that are computed together."""
COUNTS = (1, 2, 4, 8, 16)
"""How many frequencies there may be, beside none."""
SHARES = (1, 2, 4, 8)
"""Parts of the context that may be looked back on: where the level wanders, the whole is too much."""
RIDGE = 1e-6
"""The penalty on the amplitudes, for each sample of the context: it only keeps the equations sound."""
ROWS, LOOPS = 8, 400
"""Contexts from which the guard runs the closed loop, and segments that it goes at most."""

Key = tuple[float, ...]


class Frequencies(Frozen):
    """F, the most frequencies that a channel has, and for each channel the samples that the fit looks back on."""

    count: Annotated[int, Field(ge=0, le=MOST)]
    taps: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_TAPS)], ...], FailFast()]


@dataclass(frozen=True)
class Harmonic(Predictor):
    """A sum of sines fitted to each context; their frequencies are those of the training part."""

    name: ClassVar[str] = "harmonic"
    label: ClassVar[str] = "a sum of sines fitted to the context"
    is_baseline: ClassVar[bool] = True
    Parameters: ClassVar[type[Frozen]] = Frequencies
    parameters: Frequencies
    frequencies: Array

    @classmethod
    def fit(cls, parts: WindowSplits) -> Self:
        """Take for each channel what is best for the next segment of training windows."""
        with one_blas_thread():
            taps, found = zip(*(_best(parts, c) for c in range(parts.channels)), strict=True)
        count = max(len(own) for own in found)
        frequencies = np.zeros((len(found), count))
        for row, own in zip(frequencies, found, strict=True):
            row[: len(own)] = own
        return cls(Frequencies(count=count, taps=taps), parts.window, frequencies)

    @classmethod
    def specs(cls, parameters: Frequencies, window: Window, channels: int) -> Specs:
        """Frequencies (C, F), 0 where a channel has fewer; ValueError unless each channel has taps in the context."""
        if len(parameters.taps) != channels:
            raise ValueError(f"taps needs one value for each of the {channels} channels")
        if max(parameters.taps) > window.context:
            raise ValueError("taps must lie within the context")
        return {"frequencies": TensorSpec("F64", (channels, parameters.count))} if parameters.count else {}

    @classmethod
    def restore(cls, parameters: Frequencies, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make it again; ModelError for a frequency that is none."""
        frequencies = tensors.get("frequencies", np.zeros((1, 0))).astype(np.float64)
        if not np.all((frequencies >= 0) & (frequencies <= 0.5)):
            raise ModelError("A frequency of the predictor 'harmonic' lies outside 0 to 0.5 cycles a sample.")
        return cls(parameters, window, frequencies)

    def tensors(self) -> dict[str, NDArray]:
        """Return the frequencies."""
        return {"frequencies": self.frequencies} if self.parameters.count else {}

    def predict(self, context: Context) -> Array:
        """Continue the sum of sines that is nearest to each context, (B, N)."""
        result = np.empty((len(context.values), self.window.n_input))
        for channel in np.unique(context.channel):
            rows = np.flatnonzero(context.channel == channel)
            recent = context.values[rows, -self.parameters.taps[channel] :]
            result[rows] = continued(recent, self.window.n_input, self._of(int(channel)))
        return result

    def _of(self, channel: int) -> Key:
        """Return the frequencies of a channel."""
        if not self.parameters.count:
            return ()
        own = self.frequencies[channel]
        return tuple(own[own > 0].tolist())


def continued(values: Array, count: int, frequencies: Key) -> Array:
    """Fit sines of the `frequencies` to `values` (B, taps) and return their next `count` samples, (B, count).

    >>> t = np.arange(100)
    >>> bool(abs(continued(5 + np.sin(t / 7)[None, :90], 10, (1 / 14 / np.pi,))[0, -1] - 5 - np.sin(99 / 7)) < 1e-5)
    True
    """
    mean = np.ascontiguousarray(values).mean(axis=1, keepdims=True)
    if not frequencies:
        return np.repeat(mean, count, axis=1)
    taps = values.shape[1]
    moments = by_blocks(values - mean, _waves(frequencies, -taps, taps))
    amplitudes = by_blocks(moments, _solution(frequencies, taps))
    result = np.empty((len(values), count))
    for begin in range(0, count, COLUMNS):
        width = min(COLUMNS, count - begin)
        result[:, begin : begin + width] = by_blocks(amplitudes, _waves(frequencies, begin, width).T) + mean
    return result


@lru_cache(maxsize=64)
def _waves(frequencies: Key, begin: int, count: int) -> Array:
    """Return 1, the cosines and the sines of the samples `begin` .. `begin + count - 1`, (count, 1 + 2 F)."""
    turns = np.arange(begin, begin + count)[:, None] * np.array(frequencies)
    angle = 2 * np.pi * (turns - np.rint(turns))
    return np.concatenate((np.ones((count, 1)), np.cos(angle), np.sin(angle)), axis=1)


@lru_cache(maxsize=64)
def _solution(frequencies: Key, taps: int) -> Array:
    """Return the inverse of the normal equations, (1 + 2 F, 1 + 2 F); the constant is not penalised.

    They are summed in closed form: a large product would depend on the number of threads.
    """
    f = np.concatenate(([0.0], frequencies))
    plus, minus = _sum(f[:, None] + f, taps), _sum(f[:, None] - f, taps)
    cosines, sines = (minus.real + plus.real) / 2, (minus.real - plus.real) / 2
    mixed = (plus.imag - minus.imag) / 2
    normal = np.block([[cosines, mixed[:, 1:]], [mixed[:, 1:].T, sines[1:, 1:]]])
    penalty = np.full(len(normal), RIDGE * taps)
    penalty[0] = 0
    inverse: Array = np.linalg.inv(normal + np.diag(penalty))
    return inverse


def _sum(f: Array, taps: int) -> NDArray[np.complex128]:
    """Return ``sum over t = -taps .. -1 of exp(2 pi i f t)``: a geometric series."""
    turns = f - np.rint(f)
    half = np.sin(np.pi * turns)
    near = np.abs(half) < 1e-15
    size = np.where(near, taps, np.sin(np.pi * turns * taps) / np.where(near, 1.0, half))
    summed: NDArray[np.complex128] = size * np.exp(-1j * np.pi * turns * (taps + 1))
    return summed


def _best(parts: WindowSplits, channel: int) -> tuple[int, Key]:
    """Return the taps and the frequencies of the least squared error whose closed loop is stable."""
    longest_taps = min(parts.window.context, MAX_TAPS)
    found = learned(parts, channel)
    if found is None:
        return longest_taps, ()
    contexts, targets = found
    lines = layouts(longest(parts, channel), longest_taps, parts.channels)
    tried: dict[tuple[int, Key], float] = {}
    for taps, key in _candidates(lines, longest_taps):
        made = continued(contexts[:, -taps:], targets.shape[1], key)
        tried[taps, key] = float(np.square(made - targets).mean())
    ordered = sorted(tried, key=lambda one: tried[one])
    sample = contexts[np.unique(np.linspace(0, len(contexts) - 1, ROWS).astype(np.int64))]
    return next(one for one in ordered if is_stable(one[1], sample, (one[0], targets.shape[1])))


def _candidates(lines: list[Key], longest_taps: int) -> Iterator[tuple[int, Key]]:
    """Yield what may be chosen, each once: how far to look back, and the frequencies; the mean alone is among it."""
    for taps in dict.fromkeys(max(1, longest_taps // share) for share in SHARES):
        apart = [separate(one, (1 - 1e-9) / taps) for one in lines]
        yield from dict.fromkeys((taps, tuple(sorted(one[:count]))) for one in [(), *apart] for count in COUNTS)


def is_stable(frequencies: Key, contexts: Array, sizes: tuple[int, int]) -> bool:
    """Say whether the closed loop over a whole context stays in the range of its context, widened by its span.

    `contexts` (B, L), `sizes` the taps and N.
    """
    taps, n_input = sizes
    low, high = contexts.min(axis=1, keepdims=True), contexts.max(axis=1, keepdims=True)
    span = high - low
    recent = contexts[:, -taps:]
    for _ in range(min(LOOPS, contexts.shape[1] // n_input)):
        segment = continued(recent, n_input, frequencies)
        if np.any((segment < low - span) | (segment > high + span)):
            return False
        recent = np.concatenate((recent, segment), axis=1)[:, -taps:]
    return True
