"""Lengths of a signal in time, for people to read."""

from __future__ import annotations


def duration(samples: float, sample_rate_hz: float | None) -> str:
    """Return how long `samples` last, in the unit that a person would choose; "" where no rate is known.

    >>> duration(2500, 1 / 3600), duration(100, 1000.0)
    ('104 days', '0.1 s')
    """
    if sample_rate_hz is None:
        return ""
    seconds = samples / sample_rate_hz
    # From two of a unit on: 90 minutes are 90 minutes, and 120 are 2 hours.
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0), ("s", 1.0)):
        if seconds >= 2 * size or (unit == "s" and seconds >= 0.1):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} us"


def samples_and_time(samples: int, sample_rate_hz: float | None) -> str:
    """Return a length in samples and, where the rate is known, in time.

    >>> samples_and_time(100, 1000.0), samples_and_time(100, None)
    ('100 samples (0.1 s)', '100 samples')
    """
    time = duration(samples, sample_rate_hz)
    return f"{samples} samples ({time})" if time else f"{samples} samples"
