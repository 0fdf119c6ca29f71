"""The training range: the levels and spreads of the contexts that a model learned from, and contexts that leave it.

A model has seen contexts whose mean and deviation lay within a range. One that lies far from there is forecast by
extrapolation, and errors on the validation part say nothing of it. The level is taken of the whole context and of its
last segment: the predictors of an ensemble look back on parts of the context, and none on less than a segment.

A level is far if it leaves the range widened by its own width on either side, and by half a training deviation at
least: a signal whose level wanders was seen to wander, one whose level stays was not. A spread is far if it is more
than three times the largest, or less than a third of the smallest. Bands follow smaller changes by their local scale.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import FailFast, Field, model_validator

from forecaster.config import Frozen, Window
from forecaster.signal.context import Context
from forecaster.signal.level_shift import largest_jump
from forecaster.signal.scaling import FARTHEST, Scaler
from forecaster.signal.windows import Windows

Array = NDArray[np.float64]
# Of more columns no ranges are stored: model.json is bounded.
MOST_COLUMNS = 1000
# What is taken for the range of levels and spreads, in training deviations, where a folder stores none.
ASSUMED = 2.0
# A level may leave the range by this many training deviations at least, and by this share of the range's width.
LEAST_MARGIN, MARGIN = 0.5, 1.0
# A spread may be so many times the largest, or the smallest be so many times the spread.
SPREAD = 3.0
# A spread below this, in training deviations, is none.
QUIET = 1e-3
# Contexts are looked at from so many phases of a segment.
PHASES = 8
# Rows that are summed up at once, and the digits that are stored.
BLOCK, DIGITS = 1 << 20, 6

Scaled = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST)]
Pairs = Annotated[tuple[tuple[Scaled, Scaled], ...], Field(max_length=MOST_COLUMNS), FailFast()]


class TrainingRange(Frozen):
    """The lowest and the highest of what the contexts of the training and validation part had, in scaled units.

    There is a pair for each column, the targets first. The columns of a calendar, which come last, have none.

    Attributes:
        level: The mean of a context.
        segment_level: The mean of a segment.
        spread: The standard deviation of a context.
    """

    level: Pairs
    segment_level: Pairs
    spread: Pairs

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not len(self.level) == len(self.segment_level) == len(self.spread):
            raise ValueError("the ranges must be of the same columns")
        if any(low > high for pairs in (self.level, self.segment_level, self.spread) for low, high in pairs):
            raise ValueError("the ends of a range must ascend")
        if any(low < 0 for low, _ in self.spread):
            raise ValueError("a spread is not negative")
        return self

    @classmethod
    def assumed(cls, columns: int) -> Self:
        """Return what is taken for the range of a model folder that stores none.

        The squares of level and spread add up to 1 on average over the training part, so that few contexts have one
        above `ASSUMED`.
        """
        levels = ((-ASSUMED, ASSUMED),) * columns
        return cls(level=levels, segment_level=levels, spread=((0.0, ASSUMED),) * columns)

    @classmethod
    def fit(cls, parts: Iterable[Array], scaler: Scaler, window: Window, columns: int) -> Self | None:
        """Return the range of the first `columns` of all `parts` (T, .); None if these are more than are stored."""
        if columns > MOST_COLUMNS:
            return None
        extremes = [[_Extremes() for _ in range(columns)] for _ in range(3)]
        for part in parts:
            for column in range(columns):
                for block in _blocks(part[:, column], window.context):
                    scaled = scaler.transform(block[None], np.array([column]))[0]
                    for statistic, values in zip(extremes, _statistics(scaled, window), strict=True):
                        statistic[column].add(values)
        level, segment_level, spread = (tuple(column.pair for column in statistic) for statistic in extremes)
        return cls(level=level, segment_level=segment_level, spread=spread)


@dataclass
class _Extremes:
    """The lowest and the highest of the values added."""

    low: float = np.inf
    high: float = -np.inf

    def add(self, values: Array) -> None:
        if values.size:
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))

    @property
    def pair(self) -> tuple[float, float]:
        low, high = (float(f"{min(max(end, -FARTHEST), FARTHEST):.{DIGITS}g}") for end in (self.low, self.high))
        return low, high


def _blocks(values: NDArray[Any], context: int) -> Iterator[NDArray[Any]]:
    """Yield `values` (T,) in blocks, each with the rows before it that its first context needs."""
    for begin in range(0, max(1, len(values) - context + 1), BLOCK):
        yield values[begin : begin + BLOCK + context - 1]


def _statistics(values: Array, window: Window) -> tuple[Array, Array, Array]:
    """Return the level of contexts, the level of segments, and the spread of contexts in `values` (T,), scaled."""
    every = max(1, window.n_input // PHASES)
    level, segment_level = (_means(values, length, every) for length in (window.context, window.n_input))
    variance = _means(np.square(values), window.context, every) - np.square(level)
    return level, segment_level, np.sqrt(np.maximum(variance, 0))


def _means(values: Array, length: int, every: int) -> Array:
    """Return the means of `length` values in a row, from every `every`-th place on."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    return (sums[length:] - sums[:-length])[::every] / length if len(values) >= length else np.zeros(0)


class LevelRanges(NamedTuple):
    """The lowest and the highest mean of a `context` and of a `segment`, (C, 2) each, and the largest `jump`, (C,)."""

    context: Array
    segment: Array
    jump: Array


def level_ranges(windows: Windows) -> LevelRanges:
    """Return the ranges of what `windows` cover.

    A channel without windows has the range 0 to 0. Where nothing moved no jump is too large.
    """
    channels = windows.runs.channels
    context, segment = ([_Extremes() for _ in range(channels)] for _ in range(2))
    jump = np.zeros(channels)
    for r in np.flatnonzero(windows.count):
        channel = windows.runs.channel[r]
        for block in _blocks(windows.stretch(int(r)), windows.window.context):
            levels = _statistics(block.astype(np.float64), windows.window)
            context[channel].add(levels[0])
            segment[channel].add(levels[1])
            jump[channel] = max(jump[channel], largest_jump(block))
    pairs = [[e.pair if e.low <= e.high else (0.0, 0.0) for e in of_channels] for of_channels in (context, segment)]
    return LevelRanges(np.array(pairs[0]), np.array(pairs[1]), np.where(jump > 0, jump, FARTHEST))


# --- contexts that leave the range ---------------------------------------------------------


@dataclass(frozen=True)
class Departure:
    """How a context leaves the training range.

    Attributes:
        column: The number of the column that does.
        statistic: What does: "level", "segment_level" or "spread".
        value: What it is, in training deviations.
        training: The lowest and highest of the training; None where that is not stored.
        size: How far it is, 1 where it just counts as far.
    """

    column: int
    statistic: str
    value: float
    training: tuple[float, float] | None
    size: float

    def describe(self, name: str) -> str:
        """Return in words how far the column `name` lies from the training.

        >>> Departure(0, "level", 11.31, (-0.02, 0.12), 22.0).describe("v")
        'the level of v is 11.3 training deviations above the training mean, where the training had -0.02 to 0.12'
        """
        seen = f", where the training had {self.training[0]:.2g} to {self.training[1]:.2g}" if self.training else ""
        if self.statistic == "spread":
            return f"the spread of {name} is {self.value:.3g} training deviations{seen}"
        part = "level" if self.statistic == "level" else "level of the last segment"
        side = "above" if self.value > 0 else "below"
        return f"the {part} of {name} is {abs(self.value):.3g} training deviations {side} the training mean{seen}"


def departures(
    context: Context, window: Window, training: TrainingRange | None, columns: int
) -> list[Departure | None]:
    """Return for each row of a scaled `context` the largest departure from the `training` range; None without any.

    `columns` is how many columns the model has, the targets first. Only the columns that a row sees are looked at.
    """
    ranges = training or TrainingRange.assumed(columns)
    values, column = _seen(context, columns)
    bounds = np.minimum(column, len(ranges.level) - 1)
    statistics = {
        "level": (values.mean(axis=2), ranges.level),
        "segment_level": (values[..., -window.n_input :].mean(axis=2), ranges.segment_level),
        "spread": (values.std(axis=2), ranges.spread),
    }
    sizes = np.stack([_size(name, value, np.array(pairs)[bounds]) for name, (value, pairs) in statistics.items()], -1)
    # The columns of a calendar have no range.
    sizes[column >= len(ranges.level)] = 0.0
    if window.normalised:
        # Windows that are scaled by their own are far only if there is nothing to scale them by.
        is_target = column < columns - window.exogenous
        sizes[is_target] = 0.0
        sizes[is_target & (np.ptp(values, axis=2) == 0), -1] = np.inf
    rows: list[Departure | None] = [None] * len(sizes)
    for row in np.flatnonzero((sizes > 1).any(axis=(1, 2))):
        place, kind = np.unravel_index(sizes[row].argmax(), sizes.shape[1:])
        name, (value, pairs) = list(statistics.items())[kind]
        number = int(column[row, place])
        seen = None if training is None else pairs[number]
        rows[row] = Departure(number, name, float(value[row, place]), seen, float(sizes[row, place, kind]))
    return rows


def _size(statistic: str, value: Array, bounds: Array) -> Array:
    """Return how far `value` (B, K) lies from the range within `bounds` (B, K, 2): 1 where it just counts as far."""
    low, high = bounds[..., 0], bounds[..., 1]
    if statistic == "spread":
        wide = value / np.maximum(high, QUIET)
        narrow = np.where(low > QUIET, low / np.maximum(value, np.finfo(np.float64).tiny), 0.0)
        return np.asarray(np.maximum(wide, narrow) / SPREAD)
    return np.asarray(np.maximum(low - value, value - high) / np.maximum(LEAST_MARGIN, MARGIN * (high - low)))


def _seen(context: Context, columns: int) -> tuple[Array, NDArray[np.int64]]:
    """Return the columns that each row of `context` sees, (B, K, L), and their numbers, (B, K)."""
    covariates, (batch, length) = context.covariates, context.values.shape
    values, numbers = [context.values[:, None]], [context.channel[:, None]]
    past_and_future = [part[:, :length] for part in (covariates.past, covariates.future) if part is not None]
    first = columns - sum(part.shape[2] for part in past_and_future)
    if covariates.targets is not None:
        values, numbers = [covariates.targets.swapaxes(1, 2)], [np.broadcast_to(np.arange(first), (batch, first))]
    if past_and_future:
        values += [part.swapaxes(1, 2) for part in past_and_future]
        numbers.append(np.broadcast_to(np.arange(first, columns), (batch, columns - first)))
    return np.concatenate(values, axis=1), np.concatenate(numbers, axis=1)


def worst(rows: Sequence[Departure | None]) -> Departure | None:
    """Return the largest of the departures; None without any."""
    return max((row for row in rows if row is not None), key=lambda row: row.size, default=None)
