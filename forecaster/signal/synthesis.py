"""Made-up signals: a rotating machine, a sine, a random walk.

The rotor is what an accelerometer on a bearing shows: imbalance at the shaft's speed, its
harmonics from misalignment, a gear mesh with sidebands, a speed that wanders, and noise. A
generator is a function of (rows, rate, seed) alone; the noise comes from NumPy's legacy
RandomState, whose stream is frozen for ever.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float64]

SHAFT_CYCLES_PER_SAMPLE = 1 / 41.7
HARMONICS = ((1, 0.9, 0.0), (2, 1.3, 1.1), (3, 0.35, 2.3), (4, 0.12, 0.4))
TEETH = 7
MESH, MESH_DEPTH = 0.3, 0.35
WANDER, WANDER_SAMPLES = 0.012, 900.0
NOISE = 0.25


def rotor(rows: int, seed: int) -> Samples:
    """Return the acceleration (T,) in m/s^2 of a rotor that turns once in about 41.7 samples.

    >>> rotor(3, seed=1).shape
    (3,)
    """
    random = np.random.RandomState(seed)
    speed = SHAFT_CYCLES_PER_SAMPLE * (1 + WANDER * _wander(random, rows))
    angle = 2 * np.pi * np.cumsum(speed)
    shaft = sum(size * np.sin(order * angle + phase) for order, size, phase in HARMONICS)
    mesh = MESH * (1 + MESH_DEPTH * np.sin(angle)) * np.sin(TEETH * angle)
    return np.asarray(shaft + mesh + NOISE * random.standard_normal(rows), dtype=np.float64)


def _wander(random: np.random.RandomState, rows: int) -> Samples:
    """Return a smooth random drift (T,) of about unit size: four slow sines of random phase."""
    time = np.arange(rows) / WANDER_SAMPLES
    phases = random.uniform(0, 2 * np.pi, 4)
    rates = random.uniform(0.3, 1.0, 4)
    return np.asarray(np.sin(time[:, None] * rates + phases).sum(axis=1) / np.sqrt(2.0), dtype=np.float64)


def sine(rows: int, seed: int) -> Samples:
    """Return a sine (T,) of 50 samples with a little noise: the easiest signal there is."""
    noise = np.random.RandomState(seed).standard_normal(rows)
    return np.asarray(np.sin(2 * np.pi * np.arange(rows) / 50) + 0.05 * noise, dtype=np.float64)


def walk(rows: int, seed: int) -> Samples:
    """Return a random walk (T,), which nothing forecasts better than its last value."""
    return np.asarray(np.cumsum(np.random.RandomState(seed).standard_normal(rows)), dtype=np.float64)


KINDS: dict[str, tuple[Callable[[int, int], Samples], str, str]] = {
    "rotor": (rotor, "acceleration", "m/s^2"),
    "sine": (sine, "value", "V"),
    "walk": (walk, "value", "V"),
}


def to_csv(kind: str, rows: int, rate_hz: float, seed: int) -> bytes:
    """Return a signal as CSV: the time in seconds, and the value in five significant digits.

    >>> to_csv("sine", 2, 100.0, seed=1).decode().splitlines()
    ['time (s),value (V)', '0.00,0.081217', '0.01,0.094745']
    """
    generate, name, unit = KINDS[kind]
    digits = _decimals(rate_hz)
    stamps = (f"{row / rate_hz:.{digits}f}" for row in range(rows))
    lines = (f"{stamp},{value:.5g}" for stamp, value in zip(stamps, generate(rows, seed).tolist(), strict=True))
    return "\n".join([f"time (s),{name} ({unit})", *lines, ""]).encode()


def _decimals(rate_hz: float) -> int:
    """Return how many decimals write the step exactly, or to a thousandth of a step at least."""
    enough = max(0, int(np.ceil(np.log10(rate_hz))) + 4)
    exact = (digits for digits in range(enough) if (1 / rate_hz * 10**digits).is_integer())
    return next(exact, enough)
