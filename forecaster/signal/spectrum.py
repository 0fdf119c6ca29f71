"""What repeats in a signal: its autocorrelation, its best lag, its dominant period, its spectrum, its sinusoids.

Periods and lags are in samples, frequencies in cycles a sample: whoever knows the sample rate turns
them into hertz.

A sinusoid is first a peak of the Hann-windowed spectrum, in one of its bins. It is then placed between
the bins, where the Fourier transform at any frequency is largest. A fundamental is placed where all its
harmonics together are largest, because the k-th harmonic fixes the frequency k times as precisely.

Source: Rife and Boorstyn, "Single-Tone Parameter Estimation" (1974), for one sinusoid; Nehorai and
Porat, "Adaptive Comb Filtering for Harmonic Signal Enhancement" (1986), for a fundamental.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LONGEST = 1 << 20
"""Samples looked at for lags and periods: the last million or so, which bounds the time and the memory."""
RISE = 0.02
"""How far a peak must rise above what lies before it to count as a return, not as noise."""
ROUNDING = (8 * np.finfo(np.float64).eps) ** 2
"""A variance up to this, in a signal scaled to 1, is the rounding of a constant."""
SHORTEST = 8
"""The fewest samples ahead of which a spectrum says anything."""
COARSE, FINE = 256, 4096
"""Longest segments of Welch's method: to compare spectra, and to find peaks and the energy of bands."""
PROMINENT = 10.0
"""A peak of a mean spectrum stands this many times (10 dB) above the middle of its neighbourhood."""
OCTAVES = 4
"""Band edges are halved at most this often from the Nyquist frequency downwards."""


def autocorrelation(values: Array, max_lag: int) -> Array:
    """Return the autocorrelation of `values` (T,) at the lags k = 0 .. `max_lag`, or up to T - 1 if that is less.

    It is ``1 - mean((x[t+k] - x[t])**2) / (2 var)``: the usual correlation where the signal is
    stationary, and a lower one where its level drifts or its size fades, because a repetition is
    farther off there. Only the last `LONGEST` samples are looked at. A constant signal gives zeros.

    >>> autocorrelation(np.array([1.0, -1.0] * 50), 2).round(6).tolist()
    [1.0, -1.0, 1.0]
    """
    x = _scaled(values)
    lags = np.arange(min(max_lag, len(x) - 1) + 1)
    x = x - x.mean()
    energy = np.concatenate(([0.0], np.cumsum(np.square(x))))
    if energy[-1] / len(x) <= ROUNDING:
        return np.zeros(len(lags))
    products = _products(x, len(lags))
    squares = energy[len(x) - lags] + energy[-1] - energy[lags] - 2 * products
    correlation: Array = 1 - squares / (len(x) - lags) / (2 * energy[-1] / len(x))
    return correlation


def best_lag(values: NDArray[np.floating], max_lag: int, *, horizon: int = 1) -> int | None:
    """Return the lag whose repetition is nearest to `values` (T,), or None if nothing repeats.

    The lag is a local maximum of the autocorrelation that rises above the decay before it. It is at
    most `max_lag` and at most half of the signal. A forecast that repeats k samples over `horizon`
    steps compares samples k, 2k, 3k ... apart, so the lag with the best mean autocorrelation over
    these distances wins, and the shortest of equals.

    >>> best_lag(np.sin(np.arange(1000) * 2 * np.pi / 50), 200)
    50
    """
    x = np.asarray(values)[-LONGEST:]
    correlation = autocorrelation(x, min(max_lag, len(x) // 2)) if len(x) >= 4 else np.zeros(0)
    lags = _returns(correlation)
    if not len(lags):
        return None
    gain = np.array([_over_horizon(correlation, int(lag), horizon) for lag in lags])
    return int(lags[np.argmax(gain >= gain.max() - 1e-3)]) if gain.max() > 0 else None


def dominant_period(values: Array) -> float | None:
    """Return the period of the strongest oscillation in `values` (T,), in samples, or None.

    The straight line of least squares is subtracted, and a Hann window is applied. The strongest peak
    of the spectrum that stands out from its neighbourhood wins, and a parabola through the log power
    places it between the bins. At least three periods must lie in the signal. Noise and drift have no
    period.

    >>> round(dominant_period(np.sin(np.arange(2000) * 2 * np.pi / 41.6)), 1)
    41.6
    """
    x = _scaled(values)
    if len(x) < 16:
        return None
    t = np.arange(len(x)) - (len(x) - 1) / 2
    x = x - x.mean()
    x = x - t * (t @ x / (t @ t))
    if np.mean(np.square(x)) <= ROUNDING:
        return None
    power = np.square(np.abs(np.fft.rfft(x * np.hanning(len(x)))))
    peaks = _maxima(power)
    peaks = peaks[peaks >= 3]
    strongest = peaks[np.argsort(-power[peaks], kind="stable")][:20]
    return next((len(x) / _vertex(power, int(k)) for k in strongest if _stands_out(power, int(k))), None)


def welch_psd(rows: Array, sample_rate_hz: float | None = None, *, longest: int = COARSE) -> tuple[Array, Array]:
    """Return frequencies (F,) and the mean power spectral density (F,) of `rows` (O, H).

    Welch's method in segments of up to `longest` samples; without a rate, in cycles per sample.
    Source: Welch 1967.
    """
    from scipy.signal import welch

    frequency, density = welch(rows, fs=sample_rate_hz or 1.0, nperseg=min(longest, rows.shape[-1]), axis=-1)
    return frequency, density.mean(axis=0)


def peak(density: Array) -> float | None:
    """Return the place of the strongest peak of a mean `density` (F,), in bins and between them, or None.

    A peak is a local maximum of at least two periods in a segment, `PROMINENT` above the median of its
    neighbourhood; its place is refined by a parabola through the log power.

    >>> frequency, density = welch_psd(np.sin(np.arange(500.0) * 2 * np.pi / 40)[None], longest=FINE)
    >>> round(float(1 / (peak(density) * frequency[1])), 1)
    40.0
    """
    maxima = _maxima(density)
    maxima = maxima[maxima >= 2]
    if not len(maxima):
        return None
    top = int(maxima[np.argmax(density[maxima])])
    around = _around(density, top)
    clear = len(around) and density[top] > PROMINENT * np.median(around)
    return _vertex(density, top) if clear else None


def octaves(length: int) -> Array:
    """Return the edges of bands an octave wide, in shares of the Nyquist frequency, for segments of `length`.

    The lowest band reaches down to 0; each holds at least one bin of the spectrum.

    >>> octaves(100).tolist()
    [0.0, 0.0625, 0.125, 0.25, 0.5, 1.0]
    """
    count = min(OCTAVES, int(np.log2(max(length, 2) / 2)))
    return np.concatenate(([0.0], 2.0 ** np.arange(-count, 1)))


def band_energies(density: Array, length: int) -> Array:
    """Return the sums of a `density` (F,) of segments of `length` samples over the bands of `octaves`.

    The upper edge of a band belongs to it, the lower one does not.

    >>> band_energies(np.ones(51), 100).tolist()
    [3.0, 3.0, 6.0, 13.0, 25.0]
    """
    edges = octaves(length)
    place = 2 * np.arange(1, len(density)) / length
    band = np.minimum(np.searchsorted(edges, place, side="left") - 1, len(edges) - 2)
    energies: Array = np.bincount(band, density[1:], minlength=len(edges) - 1).astype(np.float64)
    return energies


def _products(x: Array, count: int) -> Array:
    """Return ``sum_t x[t] x[t+k]`` for k = 0..count-1 by FFT, padded so that nothing wraps around."""
    size = 1 << int(np.ceil(np.log2(len(x) + count)))
    transform = np.fft.rfft(x, size)
    return np.fft.irfft(np.square(transform.real) + np.square(transform.imag), size)[:count]


def _scaled(values: Array) -> Array:
    """Return the last `LONGEST` samples divided by the largest of them, so that no square overflows."""
    x: Array = np.asarray(values, dtype=np.float64)[-LONGEST:]
    peak = np.abs(x).max(initial=0.0)
    return x / peak if peak > 0 else x


def _returns(correlation: Array) -> NDArray[np.intp]:
    """Return the lags of the local maxima that rise by `RISE` above the lowest point before them."""
    if len(correlation) < 3:
        return np.zeros(0, dtype=np.intp)
    peaks = _maxima(correlation)
    return peaks[correlation[peaks] - np.minimum.accumulate(correlation)[peaks] >= RISE]


def _over_horizon(correlation: Array, lag: int, horizon: int) -> float:
    """Return the mean autocorrelation over `horizon` steps of a forecast that repeats the last `lag` samples.

    The first `lag` steps repeat what lies `lag` samples before them, the next ones what lies two times as far, ...
    """
    distances = lag * np.arange(1, max(1, -(-horizon // lag)) + 1)
    steps = np.minimum(distances, horizon) - (distances - lag)
    within = distances < len(correlation)
    steps[0] = max(1, steps[0])
    return float(np.average(correlation[distances[within]], weights=steps[within]))


def _maxima(values: Array) -> NDArray[np.intp]:
    """Return the places of the local maxima of `values` (T,), the first of neighbours that are equal."""
    return np.flatnonzero((values[1:-1] > values[:-2]) & (values[1:-1] >= values[2:])) + 1


def _vertex(power: Array, k: int) -> float:
    """Return the place between the bins of the peak at bin `k`, by a parabola through the log power."""
    before, top, after = np.log(np.maximum(power[k - 1 : k + 2], np.finfo(np.float64).tiny))
    bend = before - 2 * top + after
    return float(k + 0.5 * (before - after) / bend) if bend < 0 else float(k)


def _stands_out(power: Array, k: int) -> bool:
    """Return whether bin `k` is farther above the median of its neighbourhood than noise would be."""
    around = _around(power, k)
    if not len(around):
        return False
    return bool(power[k] > 6 * np.log(len(around) + 10) * np.median(around))


def _around(power: Array, k: int) -> Array:
    """Return the bins from an octave below bin `k` to one above it, without the peak itself."""
    low, high = k // 2, min(len(power), 2 * k + 8)
    return np.concatenate((power[low : max(low, k - 2)], power[k + 3 : high]))


# --- sinusoids and fundamentals ---------------------------------------------------------

LONGEST_CHANNEL, LONGEST_SIGNAL = 200_000, 20_000_000
"""Samples looked at for sinusoids: the last of a channel, and of all channels together."""
MOST = 16
"""Sinusoids that are kept."""
HIGHEST = 64
"""The highest harmonic that is looked at."""
PARTS = 9
"""A strong sinusoid may be the first to the eighth harmonic of the fundamental."""
TRIED = 3
"""Sinusoids that are taken for a harmonic, and fundamentals that are placed."""
BLOCKS = 64
"""Parts whose Fourier sums are kept: within one, a frequency this near turns by a thirtieth of a cycle at most."""
ROUNDS, GRID = 7, 17
"""How often the place of a sinusoid is looked for, and among how many places."""


def layouts(values: NDArray[np.floating], taps: int, channels: int = 1) -> list[tuple[float, ...]]:
    """Return sets of frequencies that may make up `values` (T,), each set with its strongest first.

    The first set has the sinusoids as they are, each other set the harmonics of a fundamental. No two
    frequencies of a set are nearer to each other, or to 0 or 0.5, than a context of `taps` samples can
    tell apart.
    """
    x = _windowed(values, taps, channels)
    if not len(x):
        return []
    spacing = max(1 / taps, 4 / len(x))
    power = np.square(np.abs(np.fft.rfft(x)))
    peaks = _peaks(power, len(x), spacing)
    if not peaks:
        return []
    sinusoids = [placed(x, f, np.ones(1)) for f in peaks]
    candidates = _fundamentals(power, sinusoids[:TRIED], len(x), spacing)
    return [separate(sinusoids, spacing), *(_harmonics(x, f, spacing) for f in candidates)]


def fundamentals(values: NDArray[np.floating], taps: int, channels: int = 1) -> list[float]:
    """Return frequencies whose harmonics may make up `values` (T,), the likeliest first, each placed by them all."""
    return rhythms(values, taps, channels)[1]


def rhythms(values: NDArray[np.floating], taps: int, channels: int = 1) -> tuple[list[float], list[float]]:
    """Return the strongest sinusoids in `values` (T,), and its possible fundamentals, the likeliest first."""
    x = _windowed(values, taps, channels)
    if not len(x):
        return [], []
    spacing = max(1 / taps, 4 / len(x))
    power = np.square(np.abs(np.fft.rfft(x)))
    sinusoids = [placed(x, f, np.ones(1)) for f in _peaks(power, len(x), spacing)[:TRIED]]
    candidates = _fundamentals(power, sinusoids, len(x), spacing)
    orders = [_orders(f, spacing)[:MOST] for f in candidates]
    return sinusoids, [placed(x, placed(x, f, k), k) for f, k in zip(candidates, orders, strict=True)]


def _windowed(values: NDArray[np.floating], taps: int, channels: int) -> Array:
    """Return the last samples of `values` under a Hann window; an empty array where they hold no sinusoid."""
    length = min(LONGEST_CHANNEL, max(4 * taps, LONGEST_SIGNAL // channels))
    x = values[-length:].astype(np.float64)
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


def _peaks(power: Array, length: int, spacing: float) -> list[float]:
    """Return the strongest local maxima of the spectrum, the strongest first, none too near to another."""
    bins = _maxima(power)
    strongest = bins[np.argsort(-power[bins], kind="stable")][:2048]
    return list(separate((strongest / length).tolist(), spacing))


def separate(frequencies: Iterable[float], spacing: float) -> tuple[float, ...]:
    """Return those of `frequencies`, the strongest first, with room around them: `spacing` to all stronger ones.

    They are also `spacing` from 0, and half of it from 0.5.
    """
    kept: list[float] = []
    for f in frequencies:
        if spacing <= f <= 0.5 - spacing / 2 and all(abs(f - other) >= spacing for other in kept):
            kept.append(f)
        if len(kept) == MOST:
            break
    return tuple(kept)


def _fundamentals(power: Array, sinusoids: list[float], length: int, spacing: float) -> list[float]:
    """Return the most likely fundamentals: `sinusoids` and whole parts of them whose harmonics have the most power.

    Of two that have about the same power the higher one is meant: half of it has all its harmonics, too.
    `length` is that of the signal, and `spacing` the least distance between harmonics.
    """
    wide = np.maximum(power, np.maximum(np.append(power[1:], 0), np.append(0, power[:-1])))
    scored = []
    for f in sinusoids:
        for part in range(1, PARTS):
            if f / part >= spacing:
                bins = np.rint(f / part * _orders(f / part, spacing) * length).astype(np.int64)
                scored.append((float(np.sort(wide[bins])[-MOST:].sum()) * (1 - 0.003 * part), f / part))
    distinct: list[float] = []
    for _, f in sorted(scored, reverse=True):
        if all(abs(f / other - 1) > 1e-3 for other in distinct):
            distinct.append(f)
    return distinct[:TRIED]


def _orders(fundamental: float, spacing: float) -> Array:
    """Return the numbers of the harmonics that lie below half a cycle a sample, (K,)."""
    return np.arange(1, min(HIGHEST, max(1, int((0.5 - spacing / 2) / fundamental))) + 1).astype(np.float64)


def _harmonics(x: Array, fundamental: float, spacing: float) -> tuple[float, ...]:
    """Return the strongest harmonics of a fundamental, which they place, the strongest first."""
    orders = _orders(fundamental, spacing)
    for _ in range(2):
        sums, _ = _demodulated(x, fundamental * orders)
        strongest = orders[np.argsort(-np.abs(sums.sum(axis=1)), kind="stable")][:MOST]
        fundamental = placed(x, fundamental, strongest)
    return separate((fundamental * strongest).tolist(), spacing * (1 - 1e-9))
