"""Recursive segments: how the error grows as forecast segments become context, and how far it is of use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.durations import samples_and_time
from forecaster.evaluation import sentences
from forecaster.evaluation.metrics import ErrorSums
from forecaster.evaluation.sentences import Loop

Array = NDArray[np.float64]
# A variance below this share of the mean square is what subtracting two sums leaves of none.
ROUNDING = 1e-12


@dataclass
class StepSums:
    """Sums and squares of rows by step (H,), about a `pivot` near the signal's level, over `count` origins."""

    pivot: float
    count: int = 0
    total: Array = field(default_factory=lambda: np.zeros(0))
    square: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, rows: Array) -> None:
        """Add a block (B, H)."""
        with np.errstate(all="ignore"):
            centred = rows - self.pivot
            self.total = centred.sum(axis=0) + (self.total if self.total.size else 0.0)
            self.square = np.square(centred).sum(axis=0) + (self.square if self.square.size else 0.0)
        self.count += len(rows)

    def spread(self, begin: int, end: int) -> float:
        """Return the standard deviation over all origins of the steps `begin` to `end` - 1.

        It is infinite if it overflows, and 0 where it is only rounding.
        """
        size = self.count * (end - begin)
        with np.errstate(all="ignore"):
            power = self.square[begin:end].sum() / size
            variance = power - np.square(self.total[begin:end].sum() / size)
        if not np.isfinite(variance):
            return float("inf")
        return float(np.sqrt(variance)) if variance > ROUNDING * power else 0.0


@dataclass(frozen=True)
class Segment:
    """One segment, its steps counted from 1.

    `nmse` is the model's error over the variance of all scored targets, `baseline_nmse` that of the `baseline` which is
    best there, `gain` 1 less their ratio, `spread` that of the model's forecasts over that of the targets.
    """

    segment: int
    first_step: int
    last_step: int
    nmse: float | None
    baseline: str
    baseline_nmse: float | None
    gain: float | None
    spread: float | None

    @property
    def is_ahead(self) -> bool:
        """Whether the model is better here than every baseline, and than predicting the mean."""
        limits = [1.0] if self.baseline_nmse is None else [1.0, self.baseline_nmse]
        return self.nmse is not None and self.nmse < min(limits)


@dataclass(frozen=True)
class UsableHorizon:
    """How far ahead the forecast is of use, in `samples`, and in `seconds` where the rate is known.

    It ends with the last segment up to which, from the first on and without a break, the model's error is below that of
    every baseline and its nmse below 1. It is 0 samples if that fails at once.
    """

    samples: int
    seconds: float | None = None

    def reach(self, horizon: int, rate_hz: float | None) -> str:
        """Return a clause on how far ahead the error stays below that of every baseline and of the mean."""
        below = "below every baseline's and the mean's"
        if self.samples == 0:
            return f"the error is not {below} even in the first segment"
        to_the_end = ", the whole horizon" if self.samples == horizon else ""
        return f"the error stays {below} for {samples_and_time(self.samples, rate_hz)}{to_the_end}"

    def ahead(self, horizon: int, rate_hz: float | None) -> str:
        """Return a clause on how far ahead a model that is better than every baseline stays so.

        >>> UsableHorizon(200).ahead(200, None)
        'it stays ahead for all 200 samples'
        """
        if self.samples == 0:
            return "but not in the first segment of its free run"
        if self.samples < horizon:
            return f"it stays ahead for {samples_and_time(self.samples, rate_hz)}, not for all {horizon}"
        return f"it stays ahead for all {samples_and_time(self.samples, rate_hz)}"


@dataclass(frozen=True)
class RecursiveSegments:
    """The errors segment by segment, `segment_length` samples each (the last one may be shorter).

    `loop` tells what becomes of the amplitude of the forecasts, `text` sums up all of it.
    """

    segment_length: int
    segments: tuple[Segment, ...]
    usable_horizon: UsableHorizon
    loop: Loop
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the segments as plain data."""
        return {
            "segment": self.segment_length,
            "segments": [asdict(segment) for segment in self.segments],
            "usable_horizon": asdict(self.usable_horizon),
            "loop": self.loop,
            "text": self.text,
        }


def recursive_segments(
    errors: Mapping[str, ErrorSums],
    *,
    target_steps: StepSums,
    forecast_steps: StepSums,
    baselines: Sequence[str],
    segment_length: int,
    rate_hz: float | None,
) -> RecursiveSegments:
    """Score the `errors` of "model" and of the `baselines` segment by segment.

    `target_steps` and `forecast_steps` are the sums by step of the targets and of the model's forecasts.
    """
    horizon = errors["model"].horizon
    ends = [*range(segment_length, horizon, segment_length), horizon]
    segments = []
    for k, (begin, end) in enumerate(zip([0, *ends], ends, strict=False), start=1):
        nmse = _nmse(errors["model"], begin, end)
        baseline, baseline_nmse = _best({name: _nmse(errors[name], begin, end) for name in baselines})
        gain = None if nmse is None or not baseline_nmse else 1 - nmse / baseline_nmse
        target_spread, forecast_spread = target_steps.spread(begin, end), forecast_steps.spread(begin, end)
        is_defined = target_spread > 0 and np.isfinite(forecast_spread)
        spread = forecast_spread / target_spread if is_defined else None
        segments.append(Segment(k, begin + 1, end, nmse, baseline, baseline_nmse, gain, spread))
    last, usable = segments[-1], usable_horizon(segments, rate_hz)
    changes = target_steps.spread(last.first_step - 1, last.last_step) > 0
    loop = sentences.loop_of(last.spread, changes=changes)
    return RecursiveSegments(segment_length, tuple(segments), usable, loop, summary(segments, rate_hz, changes=changes))


def usable_horizon(segments: Sequence[Segment], rate_hz: float | None) -> UsableHorizon:
    """Return how far ahead the forecast of `segments` is of use."""
    # The first segment that fails ends it: a later success would be no comfort.
    ahead = takewhile(lambda segment: segment.is_ahead, segments)
    samples = max((segment.last_step for segment in ahead), default=0)
    return UsableHorizon(samples, None if rate_hz is None else samples / rate_hz)


def summary(segments: Sequence[Segment], rate_hz: float | None, *, changes: bool) -> str:
    """Return in a sentence how far the forecast of `segments` is of use, and what becomes of its amplitude.

    `changes` says whether the targets of the last segment change.
    """
    last = segments[-1]
    reach = usable_horizon(segments, rate_hz).reach(last.last_step, rate_hz)
    return f"{reach}; {sentences.loop(last.spread, changes=changes)}"


def _best(nmses: Mapping[str, float | None]) -> tuple[str, float | None]:
    """Return the baseline with the least error and that error, "" and None where none has a value."""
    comparable = {name: nmse for name, nmse in nmses.items() if nmse is not None}
    best = min(comparable, key=lambda name: comparable[name], default="")
    return best, comparable.get(best)


def _nmse(errors: ErrorSums, begin: int, end: int) -> float | None:
    """Return the normalised error of the steps `begin` to `end` - 1, None where it has no value."""
    with np.errstate(all="ignore"):
        size = errors.y_true.count / errors.horizon * (end - begin)
        value = np.float64(errors.square_by_step[begin:end].sum() / size) / errors.y_true.variance
    return float(value) if np.isfinite(value) else None
