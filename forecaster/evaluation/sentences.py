"""What is said of the figures of an evaluation: one function a sentence.

A sentence holds the figures that it rests on, and is decided on them as they are shown, so that the two never differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from forecaster.durations import duration

Loop = Literal["holds", "fades", "grows", "explodes", "unknown"]

# The loop keeps its amplitude between these shares of the targets' spread, and explodes above the last.
FLATTER, WIDER, EXPLODED = 0.8, 1.2, 3.0
# From this ratio on a larger error than at home is a reason to doubt the verdict before it.
WORSE_THAN_AT_HOME = 1.5
# A member of an ensemble is named if its error is smaller by this share.
LESS = 0.02


def ratio(value: float) -> str:
    """Return a ratio in the digits that a comparison needs.

    >>> ratio(0.3812), ratio(2.84), ratio(57.3)
    ('0.38', '2.8', '57.3')
    """
    return f"{value:.2g}" if value < 10 else f"{value:.3g}"


def better_alone(nmse: float, members: Mapping[str, float | None]) -> str:
    """Return which member of an ensemble alone has less error than its `nmse`, by at least `LESS`; "" if none has.

    >>> better_alone(0.05, {"level-ridge": 0.048, "segment-gru": 0.06})
    'level-ridge alone has nmse 0.048'
    >>> better_alone(0.05, {"level-ridge": 0.0499, "segment-gru": None})
    ''
    """
    scored = {name: value for name, value in members.items() if value is not None}
    best = min(scored, key=lambda name: scored[name], default="")
    return f"{best} alone has nmse {scored[best]:.4g}" if best and scored[best] < (1 - LESS) * nmse else ""


def better_series(share: float, series: int, baseline: str) -> str:
    """Return how many of many series are forecast better than by the `baseline`.

    >>> better_series(0.7138, 359, "repeating the last period")
    'it is better than repeating the last period on 71 % of 359 series'
    """
    return f"it is better than {baseline} on {100 * share:.0f} % of {series} series"


def loop_of(spread: float | None, *, changes: bool) -> Loop:
    """Return what became of a loop's amplitude; `spread` is that of its forecasts over that of the targets.

    `changes` says whether the targets do; where they do, a spread is missing only because it overflowed.
    """
    if not changes:
        return "unknown"
    shown = math.inf if spread is None else float(ratio(spread))
    if shown > EXPLODED:
        return "explodes"
    if shown > WIDER:
        return "grows"
    return "fades" if shown < FLATTER else "holds"


def loop(spread: float | None, *, changes: bool) -> str:
    """Return a clause on the amplitude that a loop has at its end.

    >>> loop(0.384, changes=True)
    "the loop is flatter than the truth: at its end it has 0.38 of the truth's spread"
    """
    kind = loop_of(spread, changes=changes)
    if kind == "unknown":
        return "the scored values do not change, so nothing is said of the loop's amplitude"
    if spread is None:
        return "the loop explodes: its forecasts grow too large to be squared"
    words = {
        "holds": "keeps its amplitude",
        "fades": "is flatter than the truth",
        "grows": "swings more than the truth",
        "explodes": "explodes",
    }
    share = f"{ratio(spread)} of" if spread < 1 else f"{ratio(spread)} times"
    return f"the loop {words[kind]}: at its end it has {share} the truth's spread"


def normal_coverage(
    level: int, standard_error: float | None, likely: tuple[float, float] | None
) -> tuple[float, float] | None:
    """Return the range in which the coverage of a band at `level` percent lies where nothing has changed.

    Two things make it differ from the level: the band was made of few errors, which gives the range `likely`, and few
    values are scored, which gives the `standard_error`. They are independent, so their squares add up. None where the
    standard error is not known.
    """
    if standard_error is None:
        return None
    share = level / 100
    low, high = likely or (share, share)
    return (
        max(0.0, share - math.hypot(max(0.0, share - low), 2 * standard_error)),
        min(1.0, share + math.hypot(max(0.0, high - share), 2 * standard_error)),
    )


def coverage(level: int, covered: float, standard_error: float | None, likely: tuple[float, float] | None) -> str:
    """Return whether the band at `level` percent holds what it promises; all but the level are shares of 1.

    >>> coverage(90, 0.904, 0.004, (0.888, 0.911))
    'The 90 % band contained 90.4 % of the values (88.6 to 91.4 % would be normal)'
    """
    contained = f"The {level} % band contained {100 * covered:.1f} % of the values"
    normal = normal_coverage(level, standard_error, likely)
    if normal is None:
        return f"{contained} (too little test data to say what would be normal)"
    low, high = (f"{100 * bound:.1f}" for bound in normal)
    shown, what_is_normal = float(f"{100 * covered:.1f}"), f"{low} to {high} % would be normal"
    if shown < float(low):
        return f"{contained}, so it is too narrow here ({what_is_normal})"
    if shown > float(high):
        return f"{contained}, so it is wider than needed here ({what_is_normal})"
    return f"{contained} ({what_is_normal})"


def lag_copy(lag: int, past: float, target: float, *, copied: bool, sample_rate_hz: float | None) -> str:
    """Return whether forecasts copy the past; `past` is their correlation with the signal `lag` samples before.

    `target` is that with the target, `copied` whether it is clearly less. Where it is no more, nothing clears them.

    >>> lag_copy(41, 0.976, 0.974, copied=False, sample_rate_hz=None)
    'a lag-copy cannot be ruled out: correlation with the truth 0.974, with the signal 41 samples before 0.976'
    """
    samples = f"{lag} sample{'s' if lag > 1 else ''}"
    figures = f"correlation with the truth {target:.3f}, with the signal {samples} before {past:.3f}"
    if copied:
        time = duration(lag, sample_rate_hz)
        return f"lag-copy of {samples}{f' ({time})' if time else ''}: {figures}"
    cleared = float(f"{target:.3f}") > float(f"{past:.3f}")
    return f"{'no lag-copy' if cleared else 'a lag-copy cannot be ruled out'}: {figures}"


def peaks(target: float | None, forecast: float | None, resolution: float, unit: str) -> str:
    """Return where the strongest peaks of the targets' and the forecasts' spectra lie, as far as can be told.

    A frequency is given in no more digits than the `resolution` of the spectrum, all in `unit`.

    >>> peaks(41.54, 41.57, 20.0, "Hz")
    'the truth peaks at 40 +- 20 Hz, the forecasts there too'
    """
    width = f"+- {resolution:.2g} {unit}" if resolution < 10 else f"+- {resolution:.0f} {unit}"
    if target is None:
        return f"no peak stands out of the truth (resolution {width.removeprefix('+- ')})"
    text = f"the truth peaks at {_rounded(target, resolution)} {width}"
    if forecast is None:
        return f"{text}, the forecasts have no peak"
    if abs(forecast - target) < resolution:
        return f"{text}, the forecasts there too"
    return f"{text}, the forecasts at {_rounded(forecast, resolution)} {width}"


def _rounded(frequency: float, resolution: float) -> str:
    """Return `frequency` to the decimal place of the first digit of `resolution`.

    >>> _rounded(41.54, 20.0), _rounded(0.1234567, 0.004)
    ('40', '0.123')
    """
    decimals = -math.floor(math.log10(resolution))
    return f"{round(frequency, decimals):.{max(0, decimals)}f}"


def own_ratio(value: float, loss: str, *, is_better: bool) -> str:
    """Return a clause on the `loss` here as a multiple of that on the model's own test part.

    `is_better` says whether the sentence before has found the model better than every baseline.

    >>> own_ratio(2.81, "squared error", is_better=True)
    'but its squared error here is 2.8 times that on its own test part'
    """
    text = f"its {loss} here is {ratio(value)} times that on its own test part"
    return f"but {text}" if is_better and float(ratio(value)) >= WORSE_THAN_AT_HOME else text
