"""The free run: how the error grows as forecast segments are fed back, and how far it is of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecaster.durations import samples_and_time
from forecaster.evaluation.metrics import Tally
from forecaster.evaluation.sums import Steps, Sums

FADED, EXPLODED = 0.3, 3.0
"""A loop whose spread in its last segment is below or above this share of the truth's fades, or explodes."""
LOOPS = {
    "holds": "the loop keeps its amplitude",
    "fades": "the loop fades: its forecasts grow flat",
    "explodes": "the loop explodes: its forecasts grow far beyond the signal",
    "unknown": "the scored values do not change, so nothing is said of the loop's amplitude",
}


def free_run(
    sums: Mapping[str, Sums], truth: Steps, *, rivals: Sequence[str], segment: int, rate_hz: float | None
) -> dict[str, Any]:
    """Score the forecasts segment by segment, `segment` samples each (the last one may be shorter).

    Of each segment: the `nmse` of the model (by the variance of all scored values, as by step), the best
    of the baselines `rivals` there with its own, the `gain` over it (1 - ratio of the errors), and the `spread`
    of the model's forecasts over that of the truth, over all origins.

    The usable horizon ends with the last segment up to which, from the first on and without a break, the
    model's error is below that of every baseline and its nmse below 1. It is 0 samples if that fails at once.
    """
    model = sums["model"]
    ends = [*range(segment, model.tally.horizon, segment), model.tally.horizon]
    rows = [
        {"segment": k, "first_step": begin + 1, "last_step": end}
        | _errors({name: sums[name].tally for name in ("model", *rivals)}, begin, end)
        | {"spread": _ratio(model.steps, truth, begin, end)}
        for k, (begin, end) in enumerate(zip([0, *ends], ends, strict=False), start=1)
    ]
    usable = 0
    for row in rows:
        if not _ahead(row):
            break
        usable = row["last_step"]
    loop = _loop(rows[-1]["spread"], changes=truth.spread(ends[-2] if len(ends) > 1 else 0, ends[-1]) > 0)
    return {
        "segment": segment,
        "segments": rows,
        "usable_horizon": {"samples": usable, "seconds": None if rate_hz is None else usable / rate_hz},
        "loop": loop,
        "text": f"{_reach(usable, ends[-1], rate_hz)}; {LOOPS[loop]}",
    }


def trusted(found: Mapping[str, Any], horizon: int, rate_hz: float | None) -> str:
    """Say in a clause how far ahead a model that is better than every baseline can be trusted.

    >>> trusted({"usable_horizon": {"samples": 200}}, 200, None)
    'it can be trusted for all 200 samples'
    """
    usable = found["usable_horizon"]["samples"]
    if usable == 0:
        return "but not in the first segment of its free run"
    if usable < horizon:
        return f"it can be trusted for {samples_and_time(usable, rate_hz)}, not for all {horizon}"
    return f"it can be trusted for all {samples_and_time(usable, rate_hz)}"


def _reach(usable: int, horizon: int, rate_hz: float | None) -> str:
    if usable == 0:
        return "the error is not below the best baseline's, from the first segment on"
    whole = ", the whole horizon" if usable == horizon else ""
    return f"the error stays below every baseline's for {samples_and_time(usable, rate_hz)}{whole}"


def _ahead(row: Mapping[str, Any]) -> bool:
    """Whether the model is the best of all in this segment."""
    gain, nmse = row["gain"], row["nmse"]
    return nmse is not None and nmse < 1 and (row["baseline"] == "" or (gain is not None and gain > 0))


def _errors(tallies: Mapping[str, Tally], begin: int, end: int) -> dict[str, Any]:
    """Return the error of the model, and of the best baseline, in the steps `begin` .. `end` - 1."""
    errors = {name: _nmse(tally, begin, end) for name, tally in tallies.items()}
    own = errors.pop("model")
    known = {name: value for name, value in errors.items() if value is not None}
    best = min(known, key=lambda name: known[name], default="")
    gain = 1 - own / known[best] if best and own is not None and known[best] > 0 else None
    return {"nmse": own, "baseline": best, "baseline_nmse": known.get(best), "gain": gain}


def _nmse(tally: Tally, begin: int, end: int) -> float | None:
    """Return the normalised error of some steps, None where it has no value."""
    with np.errstate(all="ignore"):
        size = tally.truth.count / tally.horizon * (end - begin)
        value = np.float64(tally.step_square[begin:end].sum() / size) / tally.truth.variance
    return float(value) if np.isfinite(value) else None


def _ratio(own: Steps | None, truth: Steps, begin: int, end: int) -> float | None:
    """Return the spread of the forecasts over that of the truth; None where it is undefined or overflows."""
    theirs = truth.spread(begin, end)
    mine = own.spread(begin, end) if own else float("nan")
    return mine / theirs if theirs > 0 and np.isfinite(mine) else None


def _loop(spread: float | None, *, changes: bool) -> str:
    """Name what became of the loop's amplitude at its end."""
    if not changes:
        return "unknown"
    if spread is None or spread > EXPLODED:
        return "explodes"
    return "fades" if spread < FADED else "holds"
