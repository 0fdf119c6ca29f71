"""An evaluation laid out for people: scores, bands, spectrum, free run, verdict.

What an older version has not stored is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from forecaster.commands.terminal import number, table
from forecaster.durations import duration, samples_and_time

SEGMENTS = 5


def report(result: Mapping[str, Any], sample_rate_hz: float | None, levels: Sequence[int] = (90,)) -> str:
    """Lay out an evaluation: for each signal and channel a table and what else is known, and the verdict."""
    horizon, stride = result["horizon"], result["stride"]
    ahead = samples_and_time(horizon, sample_rate_hz)
    blocks = [f"{ahead} ahead, an origin every {stride} samples"]
    blocks += [_part(part, sample_rate_hz, levels) for part in result["parts"]]
    return "\n\n".join([*blocks, result["verdict"]])


def _part(part: Mapping[str, Any], sample_rate_hz: float | None, levels: Sequence[int]) -> str:
    """Lay out one signal and channel."""
    from forecaster.errors import printable
    from forecaster.evaluation import metrics

    title = " / ".join(printable(part[key]) for key in ("signal", "channel") if part[key])
    if not part["origins"]:
        whys = dict.fromkeys(printable(text, 400) for text in part["reasons"].values())
        return "\n".join([f"{title}: not scored", *(f"  {why}" for why in whys)])
    columns = metrics.columns({metric for scores in part["scores"].values() for metric in scores}, levels)
    rows = [
        [printable(name), *(number(scores.get(metric), digits) for metric, digits in columns.items())]
        for name, scores in part["scores"].items()
    ]
    lines = [f"{title}: {part['origins']} origins", table(["", *columns], rows), *_reasons(part, list(columns))]
    lines += _bands(part.get("bands"), levels)
    lines += _spectrum(part.get("spectrum"), sample_rate_hz)
    lines += _free_run(part.get("free_run"))
    return "\n".join(lines)


def _reasons(part: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Say why the model lacks a score that is shown."""
    from forecaster.errors import printable

    own = {name.removeprefix("model."): text for name, text in part["reasons"].items() if name.startswith("model.")}
    return [f"  no {printable(name)}: {printable(text, 400)}" for name, text in own.items() if name in names]


def _bands(bands: Sequence[Mapping[str, Any]] | None, levels: Sequence[int]) -> list[str]:
    """Say whether the bands hold what they promise."""
    lines = []
    for band in bands or ():
        if band["level"] not in levels or band["coverage"] is None:
            continue
        sure = " (too few separate origins to say how sure that is)"
        if band["standard_error"] is not None:
            verdict = "as promised" if band["within"] else "beyond the uncertainty"
            sure = f" +- {200 * band['standard_error']:.1f}: {verdict}"
        lines.append(f"{band['level']} % band: covers {100 * band['coverage']:.1f} %{sure}{_likely(band)}")
    return lines


def _likely(band: Mapping[str, Any]) -> str:
    """Say what coverage could be expected by what the band was made of."""
    if not band.get("likely"):
        return ""
    low, high = (f"{100 * share:.1f}" for share in band["likely"])
    return f"; by the {band['separate']:.0f} separate errors it was made of, {low} to {high} % could be expected"


def _spectrum(found: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Say what peaks, bands and copies the model's forecasts have."""
    if not found or "model" not in found["predictors"]:
        return []
    own, truth, unit = found["predictors"]["model"], found["truth"], found["unit"]
    lines = []
    if found["resolution"] is not None:
        lines.append(f"spectrum, steps of {number(found['resolution'], 3)} {unit}: {_peaks(own, truth)}")
    if own["energy"] and truth["energy"] and len(own["energy"]) == len(truth["energy"]) == len(found["edges"]) - 1:
        spans = [f"{number(low, 3)}-{number(high, 3)}" for low, high in pairwise(found["edges"])]
        rows = [[f"  {name}", *map(_percent, row["energy"])] for name, row in (("truth", truth), ("model", own))]
        lines.append(table([f"  energy by {unit}", *spans], rows))
    return lines + _copy(own["likeness"], sample_rate_hz)


def _peaks(own: Mapping[str, Any], truth: Mapping[str, Any]) -> str:
    """Compare the dominant peaks."""
    if truth["peak"] is None:
        return "no peak stands out of the truth"
    there = f"the truth peaks at {number(truth['peak'])}"
    if own["peak"] is None:
        return f"{there}, the forecasts have no peak"
    return f"{there}, the forecasts at {number(own['peak'])} ({own['peak_error']:+.2g})"


def _copy(likeness: Mapping[str, Any] | None, sample_rate_hz: float | None) -> list[str]:
    """Name a copy of the past."""
    if likeness is None:
        return []
    lag, (past, truth) = likeness["lag"], (f"{likeness[key]:.3f}" for key in ("past", "truth"))
    text = f"correlation with the truth {truth}, with the signal {lag} samples before {past}"
    if likeness["lag_copy"] is None:
        return [f"no lag-copy: {text}"]
    time = duration(lag, sample_rate_hz)
    return [f"lag-copy of {lag} sample{'s' if lag > 1 else ''}{f' ({time})' if time else ''}: {text}"]


def _free_run(found: Mapping[str, Any] | None) -> list[str]:
    """Show the error of some fed-back segments, and what the loop comes to."""
    from forecaster.errors import printable

    if not found or not found["segments"]:
        return []
    shown = _spread(found["segments"], SEGMENTS)
    rows = [
        ["  model nmse", *(number(row["nmse"], 3) for row in shown)],
        ["  best baseline nmse", *(number(row["baseline_nmse"], 3) for row in shown)],
        ["  best baseline", *(printable(row["baseline"]) or "-" for row in shown)],
        ["  spread / truth's", *(number(row["spread"], 3) for row in shown)],
    ]
    steps = [f"{row['first_step']}-{row['last_step']}" for row in shown]
    return [table(["free run, steps", *steps], rows), f"  {printable(found['text'], 400)}"]


def _spread(rows: Sequence[Any], most: int) -> list[Any]:
    """Choose at most `most` rows, evenly spread, the first and the last among them.

    >>> _spread(range(25), 5)
    [0, 6, 12, 18, 24]
    """
    count = min(len(rows), most)
    return [rows[k * (len(rows) - 1) // max(1, count - 1)] for k in range(count)]


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
