"""The lines of a spectrum, each placed between the bins of the Fourier transform.

A line is found as a peak of the Hann-windowed spectrum, then placed where the transform at any
frequency is largest. A fundamental is placed where all its harmonics together are largest: the
k-th tells its place k times as well.

Source: Rife and Boorstyn, "Single-Tone Parameter Estimation" (1974), for one line; Nehorai and
Porat, "Adaptive Comb Filtering for Harmonic Signal Enhancement" (1986), for a fundamental.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
MOST = 16
"""Lines that are kept."""
HIGHEST = 64
"""The highest harmonic that is looked at."""
PARTS = 9
"""A strong line may be the first to the eighth harmonic of the fundamental."""
TRIED = 3
"""Lines that are taken for a harmonic, and fundamentals that are placed."""
LONGEST, ALL = 200_000, 20_000_000
"""Samples looked at: the last of a channel, and of all channels together."""
BLOCKS = 64
"""Parts whose Fourier sums are kept: within one, a frequency this near turns by a thirtieth of a cycle at most."""
ROUNDS, GRID = 7, 17
"""How often the place of a line is looked for, and among how many places."""


def layouts(values: NDArray[np.floating], taps: int, channels: int = 1) -> list[tuple[float, ...]]:
    """Return sets of frequencies that may make up `values` (T,), each set with its strongest first.

    The first set are the lines themselves; each other one the harmonics of a fundamental. No two
    are nearer than a context of `taps` samples can tell apart, none nearer to 0 or 0.5.
    """
    x = _windowed(values, taps, channels)
    if not len(x):
        return []
    apart = max(1 / taps, 4 / len(x))
    power = np.square(np.abs(np.fft.rfft(x)))
    peaks = _peaks(power, len(x), apart)
    if not peaks:
        return []
    lines = [placed(x, f, np.ones(1)) for f in peaks]
    free = separate(lines, apart)
    return [free, *(_harmonics(x, f, apart) for f in _fundamentals(power, lines[:TRIED], (len(x), apart)))]


def fundamentals(values: NDArray[np.floating], taps: int, channels: int = 1) -> list[float]:
    """Return frequencies whose harmonics may make up `values` (T,), the likeliest first, each placed by them all."""
    return rhythms(values, taps, channels)[1]


def rhythms(values: NDArray[np.floating], taps: int, channels: int = 1) -> tuple[list[float], list[float]]:
    """Return the strongest lines of `values` (T,), and the fundamentals that may make it up, the likeliest first."""
    x = _windowed(values, taps, channels)
    if not len(x):
        return [], []
    apart = max(1 / taps, 4 / len(x))
    power = np.square(np.abs(np.fft.rfft(x)))
    lines = [placed(x, f, np.ones(1)) for f in _peaks(power, len(x), apart)[:TRIED]]
    candidates = _fundamentals(power, lines, (len(x), apart))
    return lines, [placed(x, placed(x, f, _orders(f, apart)[:MOST]), _orders(f, apart)[:MOST]) for f in candidates]


def _windowed(values: NDArray[np.floating], taps: int, channels: int) -> Array:
    """Return the last samples of `values`, scaled and under a Hann window; nothing where there is no line."""
    x = values[-max(4 * taps, min(LONGEST, ALL // channels)) :][-LONGEST:].astype(np.float64)
    x = x - x.mean() if len(x) else x
    if len(x) < 16 or not np.any(x):
        return np.zeros(0)
    tapered: Array = x / np.abs(x).max() * np.hanning(len(x))
    return tapered


def placed(x: Array, frequency: float, harmonics: Array) -> float:
    """Return the frequency next to `frequency` whose `harmonics` (K,) carry the most power in `x` (T,), windowed.

    >>> x = np.hanning(1000) * np.cos(2 * np.pi * 0.123456 * np.arange(1000))
    >>> round(placed(x, 0.123, np.ones(1)), 6)
    0.123456
    """
    sums, times = _demodulated(x, frequency * harmonics)
    # Two bins of the highest harmonic either way: its peak is four wide, so none is stepped over.
    reach, best = 2 / (len(x) * float(harmonics.max())), 0.0
    for _ in range(ROUNDS):
        shifts = best + np.linspace(-reach, reach, GRID)
        angles = np.multiply.outer(np.multiply.outer(shifts, harmonics), times)
        power = np.square(np.abs((np.exp(-2j * np.pi * angles) * sums).sum(axis=2))).sum(axis=1)
        best = float(shifts[np.argmax(power)])
        reach /= 5
    return frequency + best


def _demodulated(x: Array, frequencies: Array) -> tuple[NDArray[np.complex128], Array]:
    """Return the Fourier sums of blocks of `x` at the `frequencies` (K,), (K, blocks), and the blocks' centres."""
    size = max(1, len(x) // BLOCKS)
    count = len(x) // size
    blocks = x[: count * size].reshape(count, size)
    within: NDArray[np.complex128] = np.exp(-2j * np.pi * np.multiply.outer(frequencies, np.arange(size)))
    starts: Array = np.arange(0.0, count * size, size)
    sums = (within @ blocks.T) * np.exp(-2j * np.pi * np.multiply.outer(frequencies, starts))
    centres: Array = starts + (size - 1) / 2 - len(x) / 2
    return sums, centres


def _peaks(power: Array, length: int, apart: float) -> list[float]:
    """Return the strongest local maxima of the spectrum, the strongest first, none too near to another."""
    bins = np.flatnonzero((power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:])) + 1
    strongest = bins[np.argsort(-power[bins], kind="stable")][:2048]
    return list(separate((strongest / length).tolist(), apart))


def separate(frequencies: Iterable[float], apart: float) -> tuple[float, ...]:
    """Keep of `frequencies`, the strongest first, those that are apart from all stronger ones, and from 0 and 0.5."""
    kept: list[float] = []
    for f in frequencies:
        if apart <= f <= 0.5 - apart / 2 and all(abs(f - other) >= apart for other in kept):
            kept.append(f)
        if len(kept) == MOST:
            break
    return tuple(kept)


def _fundamentals(power: Array, lines: list[float], sizes: tuple[int, float]) -> list[float]:
    """Return the most likely fundamentals: `lines` and whole parts of them whose harmonics carry the most power.

    `sizes` are the length and how far apart harmonics must be. Of two that carry about the same,
    the higher one is meant: half of it has all its harmonics too.
    """
    length, apart = sizes
    wide = np.maximum(power, np.maximum(np.append(power[1:], 0), np.append(0, power[:-1])))
    scored = []
    for f in lines:
        for part in range(1, PARTS):
            if f / part >= apart:
                bins = np.rint(f / part * _orders(f / part, apart) * length).astype(np.int64)
                scored.append((float(np.sort(wide[bins])[-MOST:].sum()) * (1 - 0.003 * part), f / part))
    found: list[float] = []
    for _, f in sorted(scored, reverse=True):
        if all(abs(f / other - 1) > 1e-3 for other in found):
            found.append(f)
    return found[:TRIED]


def _orders(fundamental: float, apart: float) -> Array:
    """Return the numbers of the harmonics below half a cycle a sample."""
    return np.arange(1, min(HIGHEST, max(1, int((0.5 - apart / 2) / fundamental))) + 1).astype(np.float64)


def _harmonics(x: Array, fundamental: float, apart: float) -> tuple[float, ...]:
    """Place a fundamental by its strongest harmonics, and return those, the strongest first."""
    orders = _orders(fundamental, apart)
    for _ in range(2):
        sums, _ = _demodulated(x, fundamental * orders)
        strongest = orders[np.argsort(-np.abs(sums.sum(axis=1)), kind="stable")][:MOST]
        fundamental = placed(x, fundamental, strongest)
    return separate((fundamental * strongest).tolist(), apart * (1 - 1e-9))
