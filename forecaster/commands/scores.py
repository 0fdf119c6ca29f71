"""An evaluation laid out for people: scores, bands, spectrum, free run, verdict.

It is read from JSON, for it may have been stored with a model; what an older version has not stored is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from forecaster.commands.terminal import number, table
from forecaster.durations import duration, samples_and_time
from forecaster.errors import printable

# Segments of a free run that are shown.
SEGMENTS = 5


def report(result: Mapping[str, Any], sample_rate_hz: float | None, levels: Sequence[int] = (90,)) -> str:
    """Return an evaluation laid out for people: a table and what else is known of each channel, and the verdict."""
    ahead = samples_and_time(result["horizon"], sample_rate_hz)
    head = f"{ahead} ahead, an origin every {result['stride']} samples"
    return "\n\n".join([head, *(_part(part, sample_rate_hz, levels) for part in result["parts"]), result["verdict"]])


def _part(part: Mapping[str, Any], sample_rate_hz: float | None, levels: Sequence[int]) -> str:
    """Return one channel of one signal laid out."""
    from forecaster.evaluation import metrics

    title = " / ".join(printable(part[key]) for key in ("signal", "channel") if part[key])
    if not part["origins"]:
        reasons = dict.fromkeys(printable(text, 400) for text in part["reasons"].values())
        return "\n".join([f"{title}: not scored", *(f"  {reason}" for reason in reasons)])
    columns = metrics.columns({metric for scores in part["scores"].values() for metric in scores}, levels)
    rows = [
        [printable(name), *(number(scores.get(metric), digits) for metric, digits in columns.items())]
        for name, scores in part["scores"].items()
    ]
    lines = [f"{title}: {part['origins']} origins", table(["", *columns], rows)]
    for name, text in part["reasons"].items():
        metric = name.removeprefix("model.")
        if name.startswith("model.") and metric in columns:
            lines.append(f"  no {printable(metric)}: {printable(text, 400)}")
    lines += _bands(part.get("bands"), levels)
    lines += _spectrum(part.get("spectrum"), sample_rate_hz)
    lines += _free_run(part.get("free_run"))
    return "\n".join(lines)


def _bands(bands: Sequence[Mapping[str, Any]] | None, levels: Sequence[int]) -> list[str]:
    """Return a line a band: whether it holds what it promises, and what could be expected of it."""
    lines = []
    for band in bands or ():
        if band["level"] not in levels or band["coverage"] is None:
            continue
        certainty = " (too few separate origins to say how sure that is)"
        if band["standard_error"] is not None:
            verdict = "as promised" if band["within"] else "beyond the uncertainty"
            certainty = f" +- {200 * band['standard_error']:.1f}: {verdict}"
        expected = ""
        if band.get("likely"):
            low, high = (f"{100 * share:.1f}" for share in band["likely"])
            errors = f"{band['separate']:.0f} separate errors"
            expected = f"; by the {errors} it was made of, {low} to {high} % could be expected"
        lines.append(f"{band['level']} % band: covers {100 * band['coverage']:.1f} %{certainty}{expected}")
    return lines


def _spectrum(spectrum: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Return what peaks, bands and copies the model's forecasts have."""
    if not spectrum or "model" not in spectrum["predictors"]:
        return []
    model, actual, unit = spectrum["predictors"]["model"], spectrum["truth"], spectrum["unit"]
    lines = []
    if spectrum["resolution"] is not None:
        lines.append(f"spectrum, steps of {number(spectrum['resolution'], 3)} {unit}: {_peaks(model, actual)}")
    edges = spectrum["edges"]
    if model["energy"] and actual["energy"] and len(model["energy"]) == len(actual["energy"]) == len(edges) - 1:
        spans = [f"{number(low, 3)}-{number(high, 3)}" for low, high in pairwise(edges)]
        shares = (("truth", actual["energy"]), ("model", model["energy"]))
        rows = [[f"  {name}", *(f"{100 * share:.1f} %" for share in energy)] for name, energy in shares]
        lines.append(table([f"  energy by {unit}", *spans], rows))
    return lines + _copy(model["likeness"], sample_rate_hz)


def _peaks(model: Mapping[str, Any], actual: Mapping[str, Any]) -> str:
    """Return the dominant peak of the signal beside that of the forecasts."""
    if actual["peak"] is None:
        return "no peak stands out of the truth"
    text = f"the truth peaks at {number(actual['peak'])}"
    if model["peak"] is None:
        return f"{text}, the forecasts have no peak"
    return f"{text}, the forecasts at {number(model['peak'])} ({model['peak_error']:+.2g})"


def _copy(lag_correlation: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Return whether the forecasts copy the past: they correlate more with the signal some lag ago than with it now."""
    if lag_correlation is None:
        return []
    lag, (past, actual) = lag_correlation["lag"], (f"{lag_correlation[key]:.3f}" for key in ("past", "truth"))
    text = f"correlation with the truth {actual}, with the signal {lag} samples before {past}"
    if lag_correlation["lag_copy"] is None:
        return [f"no lag-copy: {text}"]
    time = duration(lag, sample_rate_hz)
    return [f"lag-copy of {lag} sample{'s' if lag > 1 else ''}{f' ({time})' if time else ''}: {text}"]


def _free_run(free_run: Mapping[str, Any] | None) -> list[str]:
    """Return the error of some recursive segments, and what the closed loop comes to."""
    if not free_run or not free_run["segments"]:
        return []
    segments = _spread(free_run["segments"], SEGMENTS)
    rows = [
        ["  model nmse", *(number(segment["nmse"], 3) for segment in segments)],
        ["  best baseline nmse", *(number(segment["baseline_nmse"], 3) for segment in segments)],
        ["  best baseline", *(printable(segment["baseline"]) or "-" for segment in segments)],
        ["  spread / truth's", *(number(segment["spread"], 3) for segment in segments)],
    ]
    steps = [f"{segment['first_step']}-{segment['last_step']}" for segment in segments]
    return [table(["free run, steps", *steps], rows), f"  {printable(free_run['text'], 400)}"]


def _spread(rows: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` of `rows`, evenly spread, the first and the last among them.

    >>> _spread(range(25), 5)
    [0, 6, 12, 18, 24]
    """
    count = min(len(rows), most)
    return [rows[k * (len(rows) - 1) // max(1, count - 1)] for k in range(count)]
