"""One honest sentence: is the model better than the best baseline, and is that more than chance?

A gain is claimed only if the mean difference of the losses exceeds two standard errors. Neighbouring origins share
targets and weather, so the standard error is that of resampled blocks of consecutive origins, not of single ones.

Source: Künsch 1989, "The Jackknife and the Bootstrap for General Stationary Observations"; for few blocks, Ibragimov
and Müller 2010, "t-Statistic Based Correlation and Heterogeneity Robust Inference".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from forecaster.config import TaskName
from forecaster.evaluation import sentences
from forecaster.evaluation.metrics import ErrorSums
from forecaster.predictors import baselines, label
from forecaster.predictors.naive import Mean

Array = NDArray[np.float64]
Kind = Literal["better", "same", "worse", "unknown"]

# With fewer blocks of origins nothing is said of how much they differ.
FEWEST_BLOCKS = 4
# The share of a normal distribution below two standard deviations.
TWO_ERRORS = 0.97725
# A standard error below this is rounding: the gain is the same at every origin.
EXACT = 1e-9
# A gain that lies within this of none, its uncertainty included, is none worth having.
LEVEL = 0.05


@dataclass(frozen=True)
class Verdict:
    """The comparison with the best baseline: its `kind`, and the sentence `text` that tells it.

    `gain` is the share of the error of the `baseline` that is saved, `error` the standard error of the gain, None where
    there are too few separate origins. `loss` says what is compared, and `own_ratio` how many times that of the model's
    own test part it is, None where there is no such comparison.
    """

    kind: Kind
    text: str
    baseline: str = ""
    gain: float | None = None
    error: float | None = None
    loss: str = "squared error"
    own_ratio: float | None = None

    @property
    def skill(self) -> dict[str, Any]:
        """The gain over the best baseline as plain data."""
        return {"baseline": self.baseline, "gain": _plain(self.gain), "standard_error": _plain(self.error)}

    def and_then(self, clause: str) -> Verdict:
        """Return the verdict with a clause more in its sentence."""
        return replace(self, text=f"{self.text.removesuffix('.')}; {clause}.") if clause else self

    def beside_own(self, own_ratio: float) -> Verdict:
        """Return the verdict with what the loss is beside that of the model's own test part."""
        clause = sentences.own_ratio(own_ratio, self.loss, is_better=self.kind == "better")
        return replace(self.and_then(clause), own_ratio=own_ratio)

    def as_baseline(self) -> Verdict:
        """Return the verdict on a model that is a baseline itself: those it was compared with are the other ones."""
        return replace(self, text=self.text.replace("every baseline", "every other baseline"))


def compare(errors: Mapping[str, ErrorSums], *, overlap: int, own_baseline: str = "") -> Verdict:
    """Compare "model" with the best baseline in `errors`.

    `overlap` is how many origins overlap one another, `own_baseline` the baseline that the model is, if it is one: it
    is no rival.
    """
    nmse = errors["model"].nmse()
    if nmse.value is None:
        return Verdict("unknown", f"No verdict: {nmse.reason}.")
    rivals = {name: sums.nmse().value for name, sums in errors.items() if is_rival(name, own_baseline)}
    comparable = {name: value for name, value in rivals.items() if value is not None}
    if not comparable:
        return Verdict("unknown", f"No verdict: nmse {nmse.value:.4g}, and no baseline to compare it with.")
    best = min(comparable, key=lambda name: comparable[name])
    origin_mse = errors["model"].origin_mse
    scores = f"nmse {nmse.value:.4g} against {comparable[best]:.4g}, {len(origin_mse)} origins"
    verdict = weigh(origin_mse, errors[best].origin_mse, overlap=overlap, baseline=best, scores=scores)
    # An error above the variance of the targets is no better than their mean, whatever the baselines do.
    if nmse.value >= 1 and best != Mean.name:
        if verdict.kind == "better":
            gain = f"though {_share(verdict)} less squared error than {label(best)}"
            verdict = replace(verdict, kind="same", text=f"No better than {Mean.label}, {gain} ({scores}).")
        else:
            verdict = verdict.and_then(f"it is no better than {Mean.label}")
    members = {name: sums.nmse().value for name, sums in errors.items() if name != "model" and name not in rivals}
    verdict = verdict.and_then(sentences.better_alone(nmse.value, members))
    return verdict.as_baseline() if own_baseline else verdict


def is_rival(name: str, own_baseline: str = "") -> bool:
    """Return whether the predictor `name` is a baseline that a model is compared with; not if the model is it."""
    return name != own_baseline and any(name in baselines(task) for task in get_args(TaskName))


def weigh(
    model_loss: Array,
    baseline_loss: Array,
    *,
    overlap: int,
    baseline: str,
    loss: str = "squared error",
    scores: str = "",
) -> Verdict:
    """Weigh the losses of the model at each origin, (O,), against those of the `baseline`.

    `loss` says what they measure, and `scores` shows both means, as the sentence is to have it.
    """
    # A forecast that ran away has a loss that overflows here.
    with np.errstate(all="ignore"):
        difference, baseline_mean = baseline_loss - model_loss, float(baseline_loss.mean())
        gain = float(difference.mean() / baseline_mean) if baseline_mean > 0 else 0.0
        error = standard_error(difference, overlap)
    error_of_gain = error / baseline_mean if error is not None and baseline_mean > 0 else None
    verdict = Verdict(_kind(difference, error), "", baseline, gain, error_of_gain, loss)
    if not np.any(difference):
        return replace(verdict, text=f"No better than {label(baseline)}: it makes the same errors ({scores}).")
    return replace(verdict, text=sentence(verdict, scores))


def sentence(verdict: Verdict, scores: str) -> str:
    """Return what the figures of a verdict say; `scores` shows the losses of both.

    >>> sentence(Verdict("same", "", "ridge", 0.28, 0.16), "60 origins")
    'Too little test data to say whether it beats the linear model ridge: 28 % +- 32 % less squared error (60 origins).'
    """
    name, gain, loss = label(verdict.baseline), verdict.gain or 0.0, verdict.loss
    share, less = _share(verdict), "less" if gain > 0 else "more"
    if verdict.kind == "better":
        return f"Better than every baseline: {share} less {loss} than {name} ({scores})."
    if verdict.kind == "worse":
        return f"Worse than {name}: {share} more {loss} ({scores})."
    if verdict.error is not None and abs(gain) + 2 * verdict.error <= LEVEL:
        return f"Level with {name}: {share} {less} {loss} ({scores})."
    return f"Too little test data to say whether it beats {name}: {share} {less} {loss} ({scores})."


def _kind(difference: Array, error: float | None) -> Kind:
    """Return whether the mean `difference` of the losses (O,) exceeds two standard errors."""
    if not np.any(difference):
        return "same"
    if error is None:
        return "unknown"
    mean = difference.mean()
    return "better" if mean > 2 * error else "worse" if mean < -2 * error else "same"


def _share(verdict: Verdict) -> str:
    """Return a gain without its sign, and its uncertainty: two standard errors, as in the decision."""
    gain = verdict.gain or 0.0
    if verdict.error is None or verdict.error <= EXACT:
        return percent(gain)
    shown = percent(gain), percent(2 * verdict.error)
    if shown[0] == shown[1] and verdict.kind in ("better", "worse"):
        # What is beyond the uncertainty must look so.
        shown = f"{100 * abs(gain):.4g} %", f"{200 * verdict.error:.4g} %"
    return " +- ".join(shown)


def standard_error(difference: Array, overlap: int) -> float | None:
    """Return the standard error of the mean of `difference` (O,), or None below four blocks of origins.

    It is that of the block bootstrap, in closed form: blocks of at least `overlap` and O^(1/3) consecutive origins, and
    of up to twice `overlap` where there are still four, so that most of what resembles each other stands in one. Few
    blocks tell little of how they differ: Student's t widens it, so that two of it hold what two standard errors do.
    """
    from scipy.special import stdtrit

    count = len(difference)
    length = max(overlap, min(2 * overlap, count // FEWEST_BLOCKS), round(count ** (1 / 3)), 1)
    if count < FEWEST_BLOCKS * length:
        return None
    sums = np.concatenate(([0.0], np.cumsum(difference)))
    variance = float(np.var(sums[length:] - sums[:-length])) / length**2
    blocks = count // length
    widening = float(stdtrit(blocks - 1, TWO_ERRORS)) / 2
    return widening * math.sqrt(variance / blocks * count / (count - length))


_OVERALL: dict[Kind, str] = {
    "better": "Better than every baseline on",
    "same": "Not shown to be better than the best baseline on",
    "worse": "Worse than the best baseline on",
    "unknown": "No verdict on",
}


def overall(verdicts: Sequence[tuple[str, Verdict]]) -> str:
    """Return one sentence on the verdicts of all channels, each with its name: the first three of each kind."""
    if len(verdicts) == 1:
        return verdicts[0][1].text
    if not verdicts:
        return "No verdict: there was nothing to score."
    groups = {words: [name for name, verdict in verdicts if verdict.kind == kind] for kind, words in _OVERALL.items()}
    least = sentences.WORSE_THAN_AT_HOME
    groups[f"Its {verdicts[0][1].loss} is {least:g} times that on its own test part, or more, on"] = [
        name for name, verdict in verdicts if verdict.own_ratio and float(sentences.ratio(verdict.own_ratio)) >= least
    ]
    clauses = []
    for words, names in groups.items():
        if names:
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            clauses.append(f"{words} {len(names)} of {len(verdicts)} ({shown})")
    return "; ".join(clauses) + "."


def percent(share: float) -> str:
    """Return a share without its sign, and without pretending to precision.

    >>> percent(-0.4217), percent(0.0031)
    ('42 %', '0.3 %')
    """
    value = abs(share) * 100
    return f"{value:.0f} %" if value >= 9.5 else f"{value:.1g} %"


def _plain(value: float | None) -> float | None:
    """Return a number that JSON can hold, or None."""
    return value if value is not None and abs(value) < 1e300 else None
