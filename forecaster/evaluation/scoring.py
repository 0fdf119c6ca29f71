"""The engine of every evaluation: it asks for forecasts at all origins and has them scored, block by block.

It walks signals, groups of channels, recordings, and blocks of origins. Targets and contexts are gathered block by
block, so memory does not grow with the number of origins, and every origin counts. What is scored, and how, is the
`Scorer`'s: `NumberScorer` for numbers, `SymbolScorer` for symbols.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation.bands import LEVELS
from forecaster.evaluation.results import ChannelScores, Evaluation, Example
from forecaster.signal.covariates import Covariates
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Array = NDArray[np.float64]
Index = NDArray[np.int64]
# How many origins are forecast at once. The sums are taken block by block: another size gives other last bits.
BLOCK = 128
# The first channels have their best, median and worst origin kept for figures.
CHANNELS_WITH_EXAMPLES = 4

ForecastFn = Callable[[Sequence[Origins], int, Collection[str]], Mapping[str, Any]]
"""Blocks of origins, the horizon and the names of predictors -> by name what each forecasts.

The rows of all blocks stand one after the other: of numbers an array (sum of O, H) in the signal's unit, of symbols
the pair of their codes (sum of O, H) and probabilities (sum of O, H, K).
"""
ReusableSums = dict[int, dict[str, Any]]
"""By place of a channel in the evaluation, and by predictor, what was summed of its forecasts."""


class Place(NamedTuple):
    """Where origins lie: the recording's number in its signal, and the rows of their first targets (O,)."""

    recording: int
    rows: Index


@dataclass(frozen=True)
class Plan:
    """What all channels of an evaluation share.

    `names` are the predictors scored, "model" among them; `own_baseline` is the baseline that the model is, or "".
    `has_targets` says whether there is any row that may be scored.
    """

    names: tuple[str, ...]
    window: Window
    horizon: int
    stride: int
    own_baseline: str = ""
    has_targets: bool = True

    @property
    def overlap(self) -> int:
        """How many origins overlap one another."""
        return -(-self.horizon // self.stride)


@dataclass(frozen=True)
class ScoredBlock:
    """What was forecast from a block of origins in one channel of one recording, in the signal's unit.

    `recording` is its number in `signal`; `y_true` (B, H); `forecasts` by predictor (B, H); `half_widths` by level
    (B, H) of the model's bands, where there are any.
    """

    signal: Signal
    recording: int
    origins: Origins
    y_true: Array
    forecasts: Mapping[str, Any]
    half_widths: Mapping[int, Array]


Keep = Callable[[ScoredBlock], None]


@dataclass(frozen=True)
class Request:
    """How far ahead and how densely to score, and what else to do on the way.

    `horizon` and `stride` in samples (None: the default stride), the `levels` of the bands in percent; `keep` is given
    all that is forecast, block by block; `reuse` has what was summed of the baselines before, or is to be filled.
    """

    horizon: int
    stride: int | None = None
    levels: tuple[int, ...] = LEVELS
    keep: Keep | None = None
    reuse: ReusableSums | None = None


class ChannelScorer(Protocol):
    """The scores of one channel in the making; `sums` has by predictor what was summed so far."""

    sums: dict[str, Any]

    def add(self, recording: int, block: Origins, y_true: Array, forecasts: Mapping[str, Any]) -> Mapping[int, Array]:
        """Add a block of origins (B, H) of a recording; return half the width of the model's bands, by level (B, H)."""

    def result(self) -> ChannelScores:
        """Return the scores over all blocks."""

    def examples(self, forecast_fn: ForecastFn) -> tuple[Example, ...]:
        """Return origins for figures, forecast once more."""


class Scorer(Protocol):
    """How the forecasts of a task are scored; `step_name` is what a step is called: sample or symbol."""

    step_name: ClassVar[str]

    def channel(self, signal: Signal, channel: int, places: Sequence[Place], plan: Plan) -> ChannelScorer:
        """Return the empty scores of a channel whose origins lie at `places`."""

    def block_size(self, plan: Plan, most: int) -> int:
        """Return how many origins are forecast at once: at most `most`."""


def evaluate(  # noqa: PLR0913  the keywords are what a scored run consists of
    signals: Sequence[Signal],
    first_targets: Sequence[Sequence[int]],
    forecast_fn: ForecastFn,
    *,
    names: Sequence[str],
    window: Window,
    horizon: int,
    stride: int | None = None,
    scorer: Scorer,
    grouped: bool = False,
    model: str = "",
    own_baseline: str = "",
    reuse: ReusableSums | None = None,
    keep: Keep | None = None,
) -> Evaluation:
    """Score the predictors `names`, one of them "model", on every channel of every signal.

    Args:
        signals: What is forecast.
        first_targets: Recording r of signal i is scored from row ``first_targets[i][r]`` on: the first target that may
            be scored; its context may reach back before it.
        forecast_fn: Forecasts with several predictors at once, so that what they share is computed once.
        names: The predictors, in the order in which they are shown.
        window: The model's window: its context is what an origin needs before it.
        horizon: Steps ahead.
        stride: Steps from one origin to the next; the shorter of horizon and segment if left out.
        scorer: How forecasts are scored.
        grouped: Whether `forecast_fn` is given all channels of a signal at once, a block each; else one at a time.
        model: The name that the result carries.
        own_baseline: The baseline that the model is, if it is one: it is no rival of its own.
        reuse: Filled with what was summed, and read by the next call with the same signals, first targets, horizon,
            stride and baselines: these are then forecast once. Not used together with `keep`.
        keep: Is given all that is forecast, block by block.

    Raises:
        UsageError: the horizon or the stride is below 1.
    """
    stride = default_stride(horizon, window) if stride is None else stride
    if horizon < 1 or stride < 1:
        sizes = f"The horizon ({horizon}) and the stride ({stride})"
        raise UsageError(f"{sizes} must be at least 1 {scorer.step_name}.")
    has_targets = any(
        first < len(recording)
        for signal, rows in zip(signals, first_targets, strict=True)
        for recording, first in zip(signal.recordings, rows, strict=True)
    )
    plan = Plan(tuple(names), window, horizon, stride, own_baseline, has_targets)
    run = _Run(plan, scorer, forecast_fn, keep)
    reusable: ReusableSums = {} if reuse is None or keep is not None else reuse
    scores: list[ChannelScores] = []
    for signal, first_rows in zip(signals, first_targets, strict=True):
        places = find_places(signal, first_rows, plan)
        channels = range(len(signal.channels))
        for group in [channels] if grouped else [[channel] for channel in channels]:
            reused = [reusable.setdefault(len(scores) + k, {}) for k in range(len(group))]
            channel_scorers = run.add_up(signal, group, places, reused)
            for channel_scorer in channel_scorers:
                has_examples = bool(places) and len(scores) < CHANNELS_WITH_EXAMPLES
                examples = channel_scorer.examples(forecast_fn) if has_examples else ()
                scores.append(replace(channel_scorer.result(), examples=examples))
    return Evaluation(model, horizon, stride, tuple(scores))


@dataclass(frozen=True)
class _Run:
    """What stays the same from channel to channel of an evaluation."""

    plan: Plan
    scorer: Scorer
    forecast_fn: ForecastFn
    keep: Keep | None

    def add_up(
        self, signal: Signal, group: Sequence[int], places: Sequence[Place], reused: Sequence[dict[str, Any]]
    ) -> list[ChannelScorer]:
        """Return the scorers of a `group` of channels, with the forecasts at all their origins added.

        `reused` has for each channel what was summed before; what is summed here is put there.
        """
        plan = self.plan
        scorers = [self.scorer.channel(signal, channel, places, plan) for channel in group]
        to_forecast = [name for name in plan.names if name == "model" or name not in reused[0]]
        for recording, blocks in self._blocks(signal, group, places):
            forecasts = self.forecast_fn(blocks, plan.horizon, to_forecast)
            for k, (block, channel_scorer) in enumerate(zip(blocks, scorers, strict=True)):
                y_true, rows = block.y_true(plan.horizon), slice(k * len(block), (k + 1) * len(block))
                of_channel = {name: _rows(forecasts[name], rows) for name in to_forecast}
                half_widths = channel_scorer.add(recording, block, y_true, of_channel)
                if self.keep is not None:
                    self.keep(ScoredBlock(signal, recording, block, y_true, of_channel, half_widths))
        if places:
            for sums, channel_scorer in zip(reused, scorers, strict=True):
                sums.update({name: channel_scorer.sums[name] for name in to_forecast})
                channel_scorer.sums = {name: sums[name] for name in plan.names}
        return scorers

    def _blocks(
        self, signal: Signal, group: Sequence[int], places: Sequence[Place]
    ) -> Iterator[tuple[int, tuple[Origins, ...]]]:
        """Yield the number of a recording and a block of its origins in each channel of the `group`."""
        size = self.scorer.block_size(self.plan, BLOCK)
        for place in places:
            channels = [located(signal, channel, place).blocks(size) for channel in group]
            for blocks in zip(*channels, strict=True):
                yield place.recording, blocks


def _rows(forecast: Any, rows: slice) -> Any:
    """Return some rows of a forecast: an array, or a pair of arrays."""
    return tuple(part[rows] for part in forecast) if isinstance(forecast, tuple) else forecast[rows]


# --- origins --------------------------------------------------------------------------------


def origins(rows: int, *, first_target: int, context: int, horizon: int, stride: int) -> Index:
    """Return every row t that can be scored: `context` rows before it, and t..t+`horizon` within `rows`.

    >>> origins(100, first_target=70, context=50, horizon=10, stride=10).tolist()
    [70, 80, 90]
    """
    return np.arange(max(first_target, context), rows - horizon + 1, stride, dtype=np.int64)


def default_stride(horizon: int, window: Window) -> int:
    """Return min(H, N): targets that touch without overlapping, and never further apart than a segment."""
    return min(horizon, window.n_input)


def find_places(signal: Signal, first_targets: Sequence[int], plan: Plan) -> list[Place]:
    """Return the origins of each recording that has any."""
    places = []
    for number, (recording, first_target) in enumerate(zip(signal.recordings, first_targets, strict=True)):
        rows = origins(
            len(recording),
            first_target=first_target,
            context=plan.window.context,
            horizon=plan.horizon,
            stride=plan.stride,
        )
        if len(rows):
            places.append(Place(number, rows))
    return places


def located(signal: Signal, channel: int, place: Place) -> Origins:
    """Return the origins at `place` in one channel, with its covariates: the recording's last columns."""
    values, count = signal.recordings[place.recording].values, len(signal.channels)
    covariates = Covariates.split(values[:, count:], signal.known, values[:, :count])
    return Origins(values[:, channel], channel, place.rows, covariates)


def too_short(signal: Signal, plan: Plan) -> str:
    """Return with counts why a signal has no origin."""
    if not plan.has_targets:
        return "nothing was held back: the split leaves no test part"
    longest = max((len(recording) for recording in signal.recordings), default=0)
    return (
        f"an origin needs {plan.window.context} rows of context and {plan.horizon} rows to score, in the part "
        f"that may be scored; the longest recording has {longest} rows"
    )
