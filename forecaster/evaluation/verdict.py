"""One honest sentence: is the model better than the best baseline, and is that more than chance?

The gain is claimed only if the mean difference of squared errors exceeds two standard errors.
Neighbouring origins share targets and weather, so the standard error is that of resampled
blocks of consecutive origins, not of single ones.

Source: Künsch 1989, "The Jackknife and the Bootstrap for General Stationary Observations"; for few blocks, Ibragimov
and Müller 2010, "t-Statistic Based Correlation and Heterogeneity Robust Inference".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from forecaster.evaluation.metrics import Tally

Array = NDArray[np.float64]
Kind = Literal["better", "same", "worse", "unknown"]
FEWEST_BLOCKS = 4
TWO_ERRORS = 0.97725
"""The share of a normal distribution below two standard deviations."""
EXACT = 1e-9
"""A standard error below this is rounding: the gain is the same at every origin."""
PLAIN = {
    "last-value": "repeating the last value",
    "repeat-segment": "repeating the last segment",
    "seasonal-naive": "repeating the last period",
    "mean": "predicting the mean",
    "harmonic": "a sum of sines fitted to the context",
    "local-ar": "an autoregression fitted to the context",
    "ridge": "the linear model ridge",
    "last-symbol": "repeating the last symbol",
    "most-frequent": "naming the most frequent symbol",
    "markov": "the Markov chain",
}


@dataclass(frozen=True)
class Verdict:
    """What was found: `kind`, the sentence `text`, the best `baseline`, and the share of its error saved, `gain`.

    `error` is the standard error of the gain, None where there are too few separate origins.
    """

    kind: Kind
    text: str
    baseline: str = ""
    gain: float | None = None
    error: float | None = None

    @property
    def skill(self) -> dict[str, Any]:
        """The gain over the best baseline as plain data."""
        return {"baseline": self.baseline, "gain": _plain(self.gain), "standard_error": _plain(self.error)}

    def and_then(self, clause: str) -> Verdict:
        """Return the verdict with a clause more in its sentence."""
        return replace(self, text=f"{self.text.removesuffix('.')}; {clause}.") if clause else self


def compare(tallies: Mapping[str, Tally], *, block: int, itself: str = "") -> Verdict:
    """Compare "model" with the best baseline among the other names; `block` is how many origins overlap one another.

    `itself` is the baseline that the model is, if it is one: it is no rival.
    """
    model = tallies["model"]
    reached = model.nmse()
    if reached.value is None:
        return Verdict("unknown", f"No verdict: {reached.reason}.")
    others = {name: tally.nmse().value for name, tally in tallies.items() if name in PLAIN and name != itself}
    known = {name: value for name, value in others.items() if value is not None}
    if not known:
        return Verdict(
            "unknown",
            f"No verdict: nmse {reached.value:.4g}, and no baseline to compare it with.",
        )
    best = min(known, key=lambda name: known[name])
    found = _against(model, tallies[best], best=best, block=block)
    return replace(found, text=found.text.replace("every baseline", "every other baseline")) if itself else found


def _against(model: Tally, other: Tally, *, best: str, block: int) -> Verdict:
    """Weigh the model against its best baseline, whose name is `best`.

    With an error above the variance of what came it is no better than predicting the mean, whatever the baselines do.
    """
    own, theirs = _number(model.nmse().value), _number(other.nmse().value)
    scores = f"nmse {own:.4g} against {theirs:.4g}, {len(model.origin_mse)} origins"
    found = weigh(model.origin_mse, other.origin_mse, block=block, best=best, words=("squared error", scores))
    if own < 1 or best == "mean":
        return found
    if found.kind != "better":
        return found.and_then("it is no better than predicting the mean")
    gain = f"though {_share(found.gain, found.error)} less squared error than {PLAIN.get(best, best)}"
    return replace(found, kind="same", text=f"No better than predicting the mean, {gain} ({scores}).")


def weigh(own: Array, theirs: Array, *, block: int, best: str, words: tuple[str, str]) -> Verdict:
    """Weigh the losses of each origin, (O,), against those of the baseline `best`.

    `words` are what the losses measure, and both scores as they are shown.
    """
    with np.errstate(all="ignore"):
        difference, mean = theirs - own, float(theirs.mean())
        gain = float(difference.mean() / mean) if mean > 0 else 0.0
        error = standard_error(difference, block)
    of_gain = error / mean if error is not None and mean > 0 else None
    found = Verdict(_kind(difference, error), "", best, gain, of_gain)
    return replace(found, text=_sentence(found, PLAIN.get(best, best), words, equal=not np.any(difference)))


def _kind(difference: Array, error: float | None) -> Kind:
    """Tell by two standard errors."""
    if not np.any(difference):
        return "same"
    if error is None:
        return "unknown"
    mean = difference.mean()
    return "better" if mean > 2 * error else "worse" if mean < -2 * error else "same"


def _sentence(found: Verdict, name: str, words: tuple[str, str], *, equal: bool) -> str:
    """Put the comparison with the baseline called `name` into words; `equal` are the same errors."""
    (what, scores), share = words, _share(found.gain, found.error)
    less = "less" if (found.gain or 0) > 0 else "more"
    if equal:
        return f"No better than {name}: it makes the same errors ({scores})."
    return {
        "unknown": f"Too few separate origins to tell it from {name}: {share} {less} {what} ({scores}).",
        "better": f"Better than every baseline: {share} less {what} than {name} ({scores}).",
        "worse": f"Worse than {name}: {share} more {what} ({scores}).",
        "same": f"No better than {name}: {share} {less} {what}, the difference is within the uncertainty ({scores}).",
    }[found.kind]


def _share(gain: float | None, error: float | None) -> str:
    """Write a gain without its sign, and its uncertainty: two standard errors, as in the decision."""
    return percent(gain or 0.0) + (f" +- {percent(2 * error)}" if error is not None and error > EXACT else "")


def standard_error(difference: Array, block: int) -> float | None:
    """Return the standard error of the mean of `difference` (O,), or None below four blocks.

    It is that of the block bootstrap, in closed form: blocks of at least `block` and O^(1/3) consecutive origins, and
    of up to twice `block` where there are still four, so that most of what resembles each other stands in one. Few
    blocks tell little of how they differ: Student's t widens it, so that two of it hold what two standard errors do.
    """
    count = len(difference)
    length = max(block, min(2 * block, count // FEWEST_BLOCKS), round(count ** (1 / 3)), 1)
    if count < FEWEST_BLOCKS * length:
        return None
    sums = np.concatenate(([0.0], np.cumsum(difference)))
    spread = float(np.var(sums[length:] - sums[:-length])) / length**2
    blocks = count // length
    return _widening(blocks) * math.sqrt(spread / blocks * count / (count - length))


def _widening(blocks: int) -> float:
    """Return what a standard error from so many blocks is to be multiplied by: half the quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(blocks - 1, TWO_ERRORS)) / 2


def overall(parts: Sequence[tuple[str, Verdict]]) -> str:
    """Sum up the verdicts of all parts, each with its name, in one sentence."""
    if len(parts) == 1:
        return parts[0][1].text
    if not parts:
        return "No verdict: there was nothing to score."
    return "; ".join(filter(None, (_group(parts, kind, words) for kind, words in _WORDS.items()))) + "."


_WORDS: dict[Kind, str] = {
    "better": "Better than every baseline on",
    "same": "No better than the best baseline on",
    "worse": "Worse than the best baseline on",
    "unknown": "No verdict on",
}


def _group(parts: Sequence[tuple[str, Verdict]], kind: Kind, words: str) -> str:
    """Name the first three parts of a kind, and say how many there are."""
    names = [name for name, verdict in parts if verdict.kind == kind]
    if not names:
        return ""
    shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
    return f"{words} {len(names)} of {len(parts)} ({shown})"


def percent(share: float) -> str:
    """Write a share without its sign, and without pretending to precision.

    >>> percent(-0.4217), percent(0.0031)
    ('42 %', '0.3 %')
    """
    value = abs(share) * 100
    return f"{value:.0f} %" if value >= 9.5 else f"{value:.1g} %"


def _plain(value: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return value if value is not None and abs(value) < 1e300 else None


def _number(value: float | None) -> float:
    """The value of a score that is known to have one."""
    return float("nan") if value is None else value
