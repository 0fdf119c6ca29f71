"""An evaluation laid out for people: scores, bands, spectrum, free run, verdict.

It is read from JSON, for it may have been stored with a model; what an older version has not stored is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from forecaster.commands.terminal import number, table
from forecaster.durations import samples_and_time
from forecaster.errors import printable
from forecaster.evaluation import sentences

# Segments of a free run that are shown.
SEGMENTS = 5
# Warnings that are shown.
WARNINGS = 10


def report(result: Mapping[str, Any], sample_rate_hz: float | None, levels: Sequence[int] = (90,)) -> str:
    """Return an evaluation laid out for people: a table and what else is known of each channel, and the verdict."""
    ahead = samples_and_time(result["horizon"], sample_rate_hz)
    head = f"{ahead} ahead, an origin every {result['stride']} samples"
    parts = [_part(part, sample_rate_hz, levels) for part in result["parts"]]
    warnings = _warnings(result.get("warnings", []))
    return "\n\n".join([head, *parts, *(["\n".join(warnings)] if warnings else []), result["verdict"]])


def _warnings(warnings: Sequence[str]) -> list[str]:
    """Return the first warnings, a line each, and how many more there are."""
    more = len(warnings) - WARNINGS
    lines = [f"warning: {printable(text, 800)}" for text in warnings[:WARNINGS]]
    return lines + ([f"warning: {more} more like these"] if more > 0 else [])


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
    if part.get("panel"):
        lines.append("  errors are in units of each context's spread; mase is the mean of all series")
    for name, text in part["reasons"].items():
        metric = name.removeprefix("model.")
        if name.startswith("model.") and metric in columns:
            lines.append(f"  no {printable(metric)}: {printable(text, 400)}")
    lines += _bands(part.get("bands"), levels)
    lines += _spectrum(part.get("spectrum"), sample_rate_hz)
    lines += _free_run(part.get("free_run"), sample_rate_hz)
    return "\n".join(lines)


def _bands(bands: Sequence[Mapping[str, Any]] | None, levels: Sequence[int]) -> list[str]:
    """Return a line a band: how much it contained, and what would be normal."""
    return [
        sentences.coverage(band["level"], band["coverage"], band["standard_error"], band.get("likely"))
        for band in bands or ()
        if band["level"] in levels and band["coverage"] is not None
    ]


def _spectrum(spectrum: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Return what peaks, bands and copies the model's forecasts have."""
    if not spectrum or "model" not in spectrum["predictors"]:
        return []
    model, actual, unit = spectrum["predictors"]["model"], spectrum["truth"], spectrum["unit"]
    lines = []
    if (spectrum["resolution"] or 0.0) > 0:
        peaks = sentences.peaks(actual["peak"], model["peak"], spectrum["resolution"], unit)
        lines.append(f"spectrum: {peaks}")
    edges = spectrum["edges"]
    if model["energy"] and actual["energy"] and len(model["energy"]) == len(actual["energy"]) == len(edges) - 1:
        spans = [f"{number(low, 3)}-{number(high, 3)}" for low, high in pairwise(edges)]
        shares = (("truth", actual["energy"]), ("model", model["energy"]))
        rows = [[f"  {name}", *(f"{100 * share:.1f} %" for share in energy)] for name, energy in shares]
        lines.append(table([f"  energy by {unit}", *spans], rows))
    return lines + _copy(model["likeness"], sample_rate_hz)


def _copy(lag_correlation: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Return whether the forecasts copy the past: whether they are as much like the signal some samples before."""
    if lag_correlation is None:
        return []
    lag, past, target = (lag_correlation[key] for key in ("lag", "past", "truth"))
    copied = lag_correlation["lag_copy"] is not None
    return [sentences.lag_copy(lag, past, target, copied=copied, sample_rate_hz=sample_rate_hz)]


def _free_run(free_run: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Return the error of some recursive segments, and what the closed loop comes to."""
    from forecaster.evaluation.recursive import Segment, summary

    if not free_run or not free_run["segments"]:
        return []
    # An older version has stored no gain of a segment; nothing here needs it.
    fields = ("first_step", "last_step", "nmse", "baseline", "baseline_nmse", "spread")
    segments = [
        Segment(segment=k, gain=None, **{name: segment[name] for name in fields})
        for k, segment in enumerate(free_run["segments"], start=1)
    ]
    shown = _spread(segments, SEGMENTS)
    rows = [
        ["  model nmse", *(number(segment.nmse, 3) for segment in shown)],
        ["  best baseline nmse", *(number(segment.baseline_nmse, 3) for segment in shown)],
        ["  best baseline", *(printable(segment.baseline) or "-" for segment in shown)],
        ["  spread / truth's", *(number(segment.spread, 3) for segment in shown)],
    ]
    steps = [f"{segment.first_step}-{segment.last_step}" for segment in shown]
    # The sentence follows from the figures: an older version may have stored another.
    text = summary(segments, sample_rate_hz, changes=free_run.get("loop") != "unknown")
    return [table(["free run, steps", *steps], rows), f"  {text}"]


def _spread(rows: Sequence[Any], most: int) -> list[Any]:
    """Return at most `most` of `rows`, evenly spread, the first and the last among them.

    >>> _spread(range(25), 5)
    [0, 6, 12, 18, 24]
    """
    count = min(len(rows), most)
    return [rows[k * (len(rows) - 1) // max(1, count - 1)] for k in range(count)]
