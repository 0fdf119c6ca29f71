"""A sum of sines whose frequencies are those of the training part, its amplitudes those of the context.

    x[t] = m + sum over f of  a[f] cos(2 pi f t) + b[f] sin(2 pi f t)

The frequencies (cycles a sample) are fitted once, between the bins of the spectrum; constant,
amplitudes and phases are fitted to every context by least squares, a linear map from the context to
the next segment. It is applied as three thin products, so that no map of L x N numbers is ever held.

Source: Quinn and Hannan, "The Estimation and Tracking of Frequency" (2001), chapters 2 and 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field

from forecaster.config import Frozen, Window
from forecaster.equations.linear import by_blocks
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec, one_blas_thread
from forecaster.predictors.fitting import longest_stretch, training_examples
from forecaster.signal.context import Context
from forecaster.signal.spectrum import MOST, layouts, separate
from forecaster.signal.windows import WindowSplits

MAX_TAPS = 4096
# Samples ahead that are computed together.
COLUMNS = 4096
# How many frequencies are tried, besides none.
COUNTS = (1, 2, 4, 8, 16)
# The fit looks back on the context divided by one of these: where the level wanders, all of it is too much.
DIVISORS = (1, 2, 4, 8)
# The penalty on the amplitudes, for each sample of the context: it only keeps the equations sound.
PENALTY = 1e-6
# Contexts from which the recursive forecast is tried out, and the segments that it goes at most.
STABILITY_CONTEXTS, STABILITY_SEGMENTS = 8, 400

Frequency = tuple[float, ...]


class Frequencies(Frozen):
    """F, the most frequencies that a channel has, and for each channel the samples that the fit looks back on."""

    count: Annotated[int, Field(ge=0, le=MOST)]
    taps: Annotated[tuple[Annotated[int, Field(ge=1, le=MAX_TAPS)], ...], FailFast()]


@dataclass(frozen=True)
class Harmonic(Predictor):
    """A sum of sines fitted to each context; their frequencies are those of the training part."""

    name = "harmonic"
    label = "a sum of sines fitted to the context"
    is_baseline = True
    Parameters = Frequencies
    parameters: Frequencies
    frequencies: Array

    @property
    def follows_level(self) -> bool:
        """Whether a context that is higher by any amount is forecast higher by just as much: always."""
        return True

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor with the taps and frequencies that are best for the next segment of training windows."""
        with one_blas_thread():
            taps, frequencies = zip(*(_best(splits, channel) for channel in range(splits.channels)), strict=True)
        count = max(len(of_channel) for of_channel in frequencies)
        padded = np.zeros((splits.channels, count))
        for row, of_channel in zip(padded, frequencies, strict=True):
            row[: len(of_channel)] = of_channel
        return cls(Frequencies(count=count, taps=taps), splits.window, padded)

    @classmethod
    def specs(cls, parameters: Frequencies, window: Window, channels: int) -> Specs:
        """Return the frequencies (C, F), 0 where a channel has fewer; ValueError unless each channel's taps fit."""
        if len(parameters.taps) != channels:
            raise ValueError(f"taps needs one value for each of the {channels} channels")
        if max(parameters.taps) > window.context:
            raise ValueError("taps must lie within the context")
        return {"frequencies": TensorSpec("F64", (channels, parameters.count))} if parameters.count else {}

    @classmethod
    def restore(cls, parameters: Frequencies, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the predictor that was stored; ModelError for a frequency outside 0 to 0.5."""
        frequencies = tensors.get("frequencies", np.zeros((1, 0))).astype(np.float64)
        if not np.all((frequencies >= 0) & (frequencies <= 0.5)):
            raise ModelError("A frequency of the predictor 'harmonic' lies outside 0 to 0.5 cycles a sample.")
        return cls(parameters, window, frequencies)

    def tensors(self) -> dict[str, NDArray]:
        """Return the frequencies."""
        return {"frequencies": self.frequencies} if self.parameters.count else {}

    def predict(self, context: Context) -> Array:
        """Return the continuation of the sum of sines that is nearest to each context, (B, N)."""
        y_hat = np.empty((len(context.values), self.window.n_input))
        for channel in np.unique(context.channel):
            rows = np.flatnonzero(context.channel == channel)
            recent = context.values[rows, -self.parameters.taps[channel] :]
            frequencies = self.frequencies[channel] if self.parameters.count else np.zeros(0)
            y_hat[rows] = continued(recent, self.window.n_input, tuple(frequencies[frequencies > 0].tolist()))
        return y_hat


def continued(values: Array, count: int, frequencies: Frequency) -> Array:
    """Return the next `count` samples (B, count) of the sines of `frequencies` that fit `values` (B, taps) best.

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
def _waves(frequencies: Frequency, begin: int, count: int) -> Array:
    """Return 1, the cosines and the sines of the samples `begin` .. `begin + count - 1`, (count, 1 + 2 F)."""
    turns = np.arange(begin, begin + count)[:, None] * np.array(frequencies)
    angle = 2 * np.pi * (turns - np.rint(turns))
    return np.concatenate((np.ones((count, 1)), np.cos(angle), np.sin(angle)), axis=1)


@lru_cache(maxsize=64)
def _solution(frequencies: Frequency, taps: int) -> Array:
    """Return the inverse of the normal equations, (1 + 2 F, 1 + 2 F); the constant is not penalised."""
    # The sums of products of waves have a closed form; computed as a large product, their bits would depend on
    # the number of threads.
    f = np.concatenate(([0.0], frequencies))
    plus, minus = _geometric_sum(f[:, None] + f, taps), _geometric_sum(f[:, None] - f, taps)
    cosines, sines = (minus.real + plus.real) / 2, (minus.real - plus.real) / 2
    mixed = (plus.imag - minus.imag) / 2
    normal = np.block([[cosines, mixed[:, 1:]], [mixed[:, 1:].T, sines[1:, 1:]]])
    penalty = np.full(len(normal), PENALTY * taps)
    penalty[0] = 0
    inverse: Array = np.linalg.inv(normal + np.diag(penalty))
    return inverse


def _geometric_sum(f: Array, taps: int) -> NDArray[np.complex128]:
    """Return ``sum over t = -taps .. -1 of exp(2 pi i f t)``."""
    turns = f - np.rint(f)
    half = np.sin(np.pi * turns)
    near = np.abs(half) < 1e-15
    size = np.where(near, taps, np.sin(np.pi * turns * taps) / np.where(near, 1.0, half))
    summed: NDArray[np.complex128] = size * np.exp(-1j * np.pi * turns * (taps + 1))
    return summed


def _best(splits: WindowSplits, channel: int) -> tuple[int, Frequency]:
    """Return the taps and frequencies with the least squared error among those whose recursive forecast is stable."""
    longest_taps = min(splits.window.context, MAX_TAPS)
    chosen_by = training_examples(splits, channel)
    if chosen_by is None:
        return longest_taps, ()
    contexts, targets = chosen_by
    n_input = targets.shape[1]
    sinusoids = layouts(longest_stretch(splits, channel), longest_taps, splits.channels)
    errors: dict[tuple[int, Frequency], float] = {}
    for taps, frequencies in _candidates(sinusoids, longest_taps):
        y_hat = continued(contexts[:, -taps:], n_input, frequencies)
        errors[taps, frequencies] = float(np.square(y_hat - targets).mean())
    sample = contexts[np.unique(np.linspace(0, len(contexts) - 1, STABILITY_CONTEXTS).astype(np.int64))]
    # The mean alone, which is among the candidates, is stable.
    return next(
        (taps, frequencies)
        for taps, frequencies in sorted(errors, key=errors.__getitem__)
        if is_stable(frequencies, sample, taps, n_input)
    )


def _candidates(sinusoids: list[Frequency], longest_taps: int) -> Iterator[tuple[int, Frequency]]:
    """Yield the pairs of taps and frequencies to choose from, each once.

    The mean alone, without frequencies, is among them.
    """
    for taps in dict.fromkeys(max(1, longest_taps // divisor) for divisor in DIVISORS):
        # Frequencies closer than one cycle over the taps cannot be told apart there.
        separated = [separate(frequencies, (1 - 1e-9) / taps) for frequencies in sinusoids]
        yield from dict.fromkeys(
            (taps, tuple(sorted(frequencies[:count]))) for frequencies in [(), *separated] for count in COUNTS
        )


def is_stable(frequencies: Frequency, contexts: Array, taps: int, n_input: int) -> bool:
    """Return whether the recursive forecast of a context's length stays in the context's range, widened by its span.

    `contexts` is (B, L).
    """
    low, high = contexts.min(axis=1, keepdims=True), contexts.max(axis=1, keepdims=True)
    span = high - low
    recent = contexts[:, -taps:]
    for _ in range(min(STABILITY_SEGMENTS, contexts.shape[1] // n_input)):
        segment = continued(recent, n_input, frequencies)
        if np.any((segment < low - span) | (segment > high + span)):
            return False
        recent = np.concatenate((recent, segment), axis=1)[:, -taps:]
    return True
