"""Score a model and its baselines at every origin of every recording.

Targets and contexts are gathered block by block, so memory does not grow with the number of
origins, and every origin counts, whatever the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation.result import METRICS, Evaluation, Example, Part
from forecaster.evaluation.verdict import Verdict, compare
from forecaster.metrics import Score, Tally
from forecaster.origins import Origins
from forecaster.signals import Signal
from forecaster.spectrum import SHORTEST, density_error_db, welch_psd

Array = NDArray[np.float64]
Index = NDArray[np.int64]
Forecast = Callable[[Origins, int], Array]
"""origins (O,) and horizon -> H steps (O, H), in the signal's unit."""
Band = Callable[[int, int, int], tuple[Array | None, str]]
"""level, channel, horizon -> half the width of the model's band (H,) in the signal's unit, or None and the reason."""
BLOCK = 128
PARTS_WITH_EXAMPLES = 4


def origins(rows: int, *, first_target: int, context: int, horizon: int, stride: int) -> Index:
    """Return every row t that can be scored: `context` rows before it, and t..t+`horizon` within `rows`.

    >>> origins(100, first_target=70, context=50, horizon=10, stride=10).tolist()
    [70, 80, 90]
    """
    return np.arange(max(first_target, context), rows - horizon + 1, stride, dtype=np.int64)


def default_stride(horizon: int, window: Window) -> int:
    """Return min(H, N): targets that touch without overlapping, and never further apart than a segment."""
    return min(horizon, window.n_input)


class Place(NamedTuple):
    """Where origins lie: the recording's number, and the rows of their first targets (O,)."""

    recording: int
    rows: Index


@dataclass
class Sums:
    """One predictor's tally and the summed spectra of its forecasts."""

    tally: Tally
    density: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, truth: Array, forecast: Array, half_width: Array | None) -> None:
        """Add a block (B, H)."""
        self.tally.add(truth, forecast, half_width)
        self.density = _density(forecast) + (self.density if self.density.size else 0.0)


Known = dict[int, dict[str, Sums]]
"""number of a part -> NAME -> what was summed for it: what another model's evaluation need not sum again."""


@dataclass(frozen=True)
class Job:
    """What is asked of every part; `known` is what is summed already of the baselines of this one."""

    forecasts: Mapping[str, Forecast]
    window: Window
    horizon: int
    stride: int
    mase_scale: Sequence[float | None]
    band: Band | None
    itself: str
    known: dict[str, Sums] = field(default_factory=dict)


def evaluate(  # noqa: PLR0913  the keywords are what a scored run consists of
    signals: Sequence[Signal],
    ranges: Sequence[Sequence[int]],
    forecasts: Mapping[str, Forecast],
    *,
    window: Window,
    horizon: int,
    stride: int | None = None,
    mase_scale: Sequence[float | None],
    band: Band | None = None,
    model: str = "",
    itself: str = "",
    known: Known | None = None,
) -> Evaluation:
    """Score `forecasts`, one of them named "model", on every channel of every signal.

    Recording r of signal i is scored from row ``ranges[i][r]`` on: the first target that may be
    scored; its context may reach back before it. `mase_scale` (C,) is the seasonal-naive
    error of each channel on the training part, `model` the name that the result carries,
    `itself` the baseline that the model is, if it is one. `known` is filled, and read by the next
    call with the same signals, ranges, horizon, stride and baselines: they are scored once.

    Raises:
        UsageError: the horizon or the stride is below 1.
    """
    stride = default_stride(horizon, window) if stride is None else stride
    if horizon < 1 or stride < 1:
        raise UsageError(f"The horizon ({horizon}) and the stride ({stride}) must be at least 1 sample.")
    job = Job(forecasts, window, horizon, stride, mase_scale, band, itself)
    parts: list[Part] = []
    for signal, first_targets in zip(signals, ranges, strict=True):
        places = _places(signal, first_targets, job)
        for channel in range(len(signal.channels)):
            job = replace(job, known={} if known is None else known.setdefault(len(parts), {}))
            parts.append(
                _part(
                    signal,
                    channel,
                    places,
                    job=job,
                    keep=len(parts) < PARTS_WITH_EXAMPLES,
                )
            )
    return Evaluation(model, horizon, stride, tuple(parts))


def _places(signal: Signal, first_targets: Sequence[int], job: Job) -> list[Place]:
    """Find the origins of each recording that has any."""
    find = partial(origins, context=job.window.context, horizon=job.horizon, stride=job.stride)
    rows = [
        find(len(recording), first_target=first)
        for recording, first in zip(signal.recordings, first_targets, strict=True)
    ]
    return [Place(r, found) for r, found in enumerate(rows) if len(found)]


def _part(signal: Signal, channel: int, places: list[Place], *, job: Job, keep: bool) -> Part:
    """Score one channel of one signal."""
    unit = signal.units[channel] if channel < len(signal.units) else ""
    named = partial(
        Part,
        signal.name,
        signal.channels[channel],
        unit=unit,
        sample_rate_hz=signal.sample_rate_hz,
    )
    if not places:
        return named(0, *_empty(job.forecasts, _too_short(signal, job)))
    half_width, no_band = job.band(90, channel, job.horizon) if job.band else (None, "there is no band")
    sums, density = _sums(signal, channel, places, job=job, half_width=half_width)
    tallies = {name: one.tally for name, one in sums.items()}
    scores = {name: _scores(one, density, job.mase_scale[channel]) for name, one in sums.items()}
    for name, row in scores.items():
        if not tallies[name].banded:
            row["coverage-90"] = Score(None, no_band if name == "model" else "bands belong to the model alone")
    return named(
        len(tallies["model"].origin_mse),
        {name: {metric: row[metric].value for metric in METRICS} for name, row in scores.items()},
        {name: tally.by_step() for name, tally in tallies.items()},
        {f"{name}.{m}": s.reason for name, row in scores.items() for m, s in row.items() if s.value is None},
        compare(tallies, block=-(-job.horizon // job.stride), itself=job.itself),
        examples=_examples(signal, channel, places, job=job, tally=tallies["model"], half=half_width) if keep else (),
    )


def _sums(
    signal: Signal,
    channel: int,
    places: list[Place],
    *,
    job: Job,
    half_width: Array | None,
) -> tuple[dict[str, Sums], Array]:
    """Forecast every origin with every predictor, block by block; also the summed spectrum of the truth."""
    sums = {name: Sums(Tally(job.horizon)) for name in job.forecasts if name == "model" or name not in job.known}
    density = np.zeros(0)
    for place in places:
        for origins in _origins(signal, channel, place).blocks(BLOCK):
            truth = origins.truth(job.horizon)
            density = _density(truth) + (density if density.size else 0.0)
            for name, one in sums.items():
                one.add(truth, job.forecasts[name](origins, job.horizon), half_width if name == "model" else None)
    job.known.update(sums)
    return {name: job.known[name] for name in job.forecasts}, density


def _origins(signal: Signal, channel: int, place: Place) -> Origins:
    """Return the origins of one channel of a recording; the recording's last columns stand beside it."""
    values, targets = signal.recordings[place.recording].values, len(signal.channels)
    beside = values[:, targets:] if signal.exogenous else None
    return Origins(values[:, channel], channel, place.rows, beside)


def _scores(sums: Sums, truth_density: Array, scale: float | None) -> dict[str, Score]:
    """Take all metrics from the sums."""
    tally = sums.tally
    return {
        "nmse": tally.nmse(),
        "rmse": tally.rmse(),
        "mae": tally.mae(),
        "mase": tally.mase(scale),
        "smape": tally.smape(),
        "coverage-90": tally.coverage(),
        "psd_error_db": _spectral(tally, truth_density, sums.density),
        "rms_ratio": tally.rms_ratio(),
    }


def _spectral(tally: Tally, truth: Array, forecast: Array) -> Score:
    """Compare the spectra, unless the truth is constant: what is left of it then is rounding."""
    if truth.size and tally.truth.variance == 0:
        return Score(None, "the scored values are constant, so their spectrum is empty")
    return density_error_db(truth, forecast)


def _density(rows: Array) -> Array:
    """Sum the spectra of `rows` (B, H); empty where the horizon is too short for one."""
    if rows.shape[1] < SHORTEST:
        return np.zeros(0)
    with np.errstate(all="ignore"):
        return welch_psd(rows)[1] * len(rows)


def _empty(
    names: Mapping[str, Forecast], reason: str
) -> tuple[dict[str, dict[str, float | None]], dict[str, list[Any]], dict[str, str], Verdict]:
    """Return the scores of a part without origins: all None, for one reason."""
    scores: dict[str, dict[str, float | None]] = {name: dict.fromkeys(METRICS) for name in names}
    reasons = {f"{name}.{metric}": reason for name in names for metric in METRICS}
    return (
        scores,
        {name: [] for name in names},
        reasons,
        Verdict("unknown", f"Not scored: {reason}."),
    )


def _too_short(signal: Signal, job: Job) -> str:
    """Say with counts why a signal has no origin."""
    longest = max((len(recording) for recording in signal.recordings), default=0)
    return (
        f"an origin needs {job.window.context} rows of context and {job.horizon} rows to score, in the part "
        f"that may be scored; the longest recording has {longest} rows"
    )


def _examples(
    signal: Signal,
    channel: int,
    places: list[Place],
    *,
    job: Job,
    tally: Tally,
    half: Array | None,
) -> tuple[Example, ...]:
    """Forecast the best, the median and the worst origin of the model once more, for figures."""
    order = np.argsort(tally.origin_mse, kind="stable")
    chosen = {
        "best": order[0],
        "median": order[(len(order) - 1) // 2],
        "worst": order[-1],
    }
    number = np.concatenate([np.full(len(place.rows), place.recording) for place in places])
    rows = np.concatenate([place.rows for place in places])
    return tuple(
        _example(
            kind,
            signal,
            Place(int(number[o]), rows[o : o + 1]),
            job=job,
            at=(channel, half),
        )
        for kind, o in chosen.items()
    )


def _example(kind: str, signal: Signal, place: Place, *, job: Job, at: tuple[int, Array | None]) -> Example:
    """Keep one origin, at (channel, half width of its band)."""
    channel, half = at
    origin = _origins(signal, channel, place)
    forecasts = {name: one(origin, job.horizon)[0] for name, one in job.forecasts.items()}
    context, truth = origin.context(job.window.context).values[0], origin.truth(job.horizon)[0]
    time = signal.recordings[place.recording].time
    return Example(kind, int(place.rows[0]), time, context, truth, forecasts, half)
