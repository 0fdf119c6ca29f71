"""Windows over recordings, none of which crosses a gap or a file, and the split into parts.

All recordings of all channels lie end to end in one flat array, `Runs`. A window is a place in it:
S segments of N samples (the context, L = S * N) and the N samples that follow (the target). A batch
is gathered from those places when it is needed. The windows themselves are never stored.

The split of a recording into training, validation and test part partitions the targets. Every training
target ends before validation begins, and every validation target before the test part begins. The
context of a validation or test target may reach back into the earlier parts, as it does in use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from forecaster.config import Split, Window
from forecaster.signal.context import NO_COVARIATES, Context
from forecaster.signal.covariates import Covariates
from forecaster.signal.scaling import level_and_spread

Index = NDArray[np.int64]
# No window to learn from counts as quieter than this share of its recording's standard deviation.
QUIETEST = 0.1
# A suggested window has at most so many segments. Of the calendar's spans the context holds at least so many, each with
# at most so many rows.
MOST_STEPS, FEWEST_SPANS, MOST_IN_SPAN = 25, 4, 300
# Series shorter than this share of the median do not shorten the context of all.
LEAST_OF_MEDIAN = 0.05
HOUR_S, DAY_S = 3600.0, 86_400.0
WEEK_S, YEAR_S = 7 * DAY_S, 365.25 * DAY_S
# The span that a person thinks in, by the seconds between rows: of weeks and months a year, of days a week.
SPANS_S = ((6 * DAY_S, YEAR_S), (0.9 * DAY_S, WEEK_S))


@dataclass(frozen=True)
class Runs:
    """Every channel of every recording end to end.

    `flat` (M,) float32, scaled; run r is ``flat[start[r] : start[r] + length[r]]`` and belongs
    to channel ``channel[r]``. Where windows are normalised, each run is scaled by its own training
    part. `covariates` (M', X) has the covariates of the recordings end to end, scaled, each at its
    own time; those of run r begin at ``covariate_start[r]``. `reference` (M,) has the samples themselves
    where `flat` holds what something in units of the spread leaves over of them.
    """

    flat: NDArray[np.float32]
    start: Index
    length: Index
    channel: Index
    covariates: NDArray[np.float32]
    covariate_start: Index
    reference: NDArray[np.float32] | None = None

    @classmethod
    def join(
        cls, recordings: Sequence[NDArray[np.float64]], mean: NDArray, scale: NDArray, *, exogenous: int = 0
    ) -> Runs:
        """Return the channels of `recordings`, each (T, C + X), laid end to end, scaled by ``(x - mean) / scale``.

        `mean` and `scale` are those of all recordings (C + X,), or of each (R, C + X).
        """
        channels = mean.shape[-1] - exogenous
        mean, scale = (np.broadcast_to(values, (len(recordings), channels + exogenous)) for values in (mean, scale))
        rows = np.array([len(values) for values in recordings], dtype=np.int64)
        length = np.repeat(rows, channels)
        start = np.concatenate(([0], np.cumsum(length)))[:-1].astype(np.int64)
        flat = np.empty(int(length.sum()), dtype=np.float32)
        for r, begin in enumerate(start):
            number, c = divmod(r, channels)
            scaling = mean[number, c], scale[number, c]
            _scale_into(flat[begin : begin + length[r]], recordings[number][:, c], scaling)
        channel = np.arange(len(length), dtype=np.int64) % channels
        covariates = np.empty((int(rows.sum()) if exogenous else 0, exogenous), dtype=np.float32)
        first = np.cumsum(rows) - rows
        for number, (values, begin) in enumerate(zip(recordings, first, strict=True)):
            for x, column in enumerate(range(channels, channels + exogenous)):
                scaling = mean[number, column], scale[number, column]
                _scale_into(covariates[begin : begin + len(values), x], values[:, column], scaling)
        return cls(flat, start, length, channel, covariates, np.repeat(first, channels))

    @property
    def channels(self) -> int:
        """C, the number of channels of a recording."""
        return int(self.channel.max()) + 1

    def targets(self, r: int) -> NDArray[np.float32]:
        """Return all channels of the recording that run r belongs to, a view (T, C)."""
        begin, rows = int(self.start[r - self.channel[r]]), int(self.length[r])
        return self.flat[begin : begin + self.channels * rows].reshape(self.channels, rows).T

    def run(self, r: int) -> NDArray[np.float32]:
        """Return run r, a view (T,)."""
        return self.flat[self.start[r] : self.start[r] + self.length[r]]


@dataclass(frozen=True)
class Windows:
    """The windows of one part (training, say) of all runs.

    In run r, `count[r]` windows begin at ``first[r]``, ``first[r] + stride`` and so on. Window
    w of the part is numbered through all runs in order. A target is `ahead` segments long.
    """

    runs: Runs
    first: Index
    count: Index
    window: Window
    ahead: int = 1

    @classmethod
    def between(cls, runs: Runs, targets: tuple[Index, Index], window: Window, *, ahead: int = 1) -> Windows:
        """Return every window whose target lies in ``[begin[r], end[r])`` of its run r; `targets` is (begin, end)."""
        begin, end = targets
        first = np.maximum(begin - window.context, 0).astype(np.int64)
        room = end - window.context - ahead * window.n_input - first
        count = np.where(room >= 0, room // window.stride + 1, 0).astype(np.int64)
        return cls(runs, first, count, window, ahead)

    def __len__(self) -> int:
        return int(self.count.sum())

    def farther(self, ahead: int) -> Windows:
        """Return the windows over the same rows whose targets are `ahead` segments long: fewer, or none."""
        room = self.covered - self.window.context - ahead * self.window.n_input
        count = np.where(room >= 0, room // self.window.stride + 1, 0).astype(np.int64)
        return replace(self, count=count, ahead=ahead)

    @property
    def covered(self) -> Index:
        """The rows of each run that its windows cover, (R,)."""
        return np.where(self.count > 0, (self.count - 1) * self.window.stride + self.span, 0).astype(np.int64)

    def halves(self) -> tuple[Windows, Windows]:
        """Return the windows whose targets lie in the first and in the second half of those of their run.

        A run that is too short for a window in both stays whole, in the first.
        """
        begin = self.first + self.window.context
        end = begin + self.targets
        middle = (begin + end) // 2
        first, second = (
            Windows.between(self.runs, part, self.window, ahead=self.ahead) for part in ((begin, middle), (middle, end))
        )
        both = (first.count > 0) & (second.count > 0)
        return (
            replace(
                first, first=np.where(both, first.first, self.first), count=np.where(both, first.count, self.count)
            ),
            replace(second, count=np.where(both, second.count, 0)),
        )

    def through(self, following: Windows) -> Windows:
        """Return all windows of the same runs from the first of these to the last of those `following`."""
        has_windows, has_later = self.count > 0, following.count > 0
        first = np.where(has_windows, self.first, following.first)
        end = np.where(has_later, following.first + following.count, self.first + self.count)
        return replace(self, first=first, count=np.where(has_windows | has_later, end - first, 0))

    @property
    def targets(self) -> Index:
        """The rows of each run that are targets of its windows, (R,)."""
        return np.maximum(self.covered - self.window.context, 0)

    @property
    def span(self) -> int:
        """The samples of a window: its context and its target."""
        return self.window.context + self.ahead * self.window.n_input

    @property
    def before(self) -> Index:
        """The number of windows before each run's first, (R,)."""
        return np.concatenate(([0], np.cumsum(self.count)[:-1])).astype(np.int64)

    @property
    def origin(self) -> Index:
        """The offset of each run in `flat`, (R,), so that window w begins at ``origin + w * stride``."""
        return self.runs.start + self.first - self.before * self.window.stride

    def places(self, index: Index) -> tuple[Index, Index]:
        """Return where the windows `index` (B,) begin in `flat`, and their channels, both (B,)."""
        r = np.searchsorted(np.cumsum(self.count), index, side="right")
        return self.origin[r] + index * self.window.stride, self.runs.channel[r]

    def take(self, index: Index) -> tuple[NDArray[np.floating], NDArray[np.float32]]:
        """Return the windows `index` (B,): their inputs (B, S, width) and their targets (B, `ahead` N)."""
        place, channel = self.places(index)
        rows = self.rows(place)
        context = Context(rows[:, : self.window.context], channel, self.covariates(index))
        return context.segments(self.window), rows[:, self.window.context :]

    def rows(self, place: Index) -> NDArray[np.float32]:
        """Return the samples of the windows that begin at `place` (B,) in `flat`: contexts and targets, (B, L + K N).

        If windows are normalised, they are in units of each window's spread, relative to its level.
        """
        rows: NDArray[np.float32] = sliding_window_view(self.runs.flat, self.span)[place]
        if not self.window.normalised:
            return rows
        reference = self.runs.flat if self.runs.reference is None else self.runs.reference
        samples = sliding_window_view(reference, self.span)[place]
        level, spread = level_and_spread(samples[:, : self.window.context], QUIETEST)
        normalised: NDArray[np.float32] = ((samples - level) / spread - (samples - rows)).astype(np.float32)
        return normalised

    def covariates(self, index: Index) -> Covariates:
        """Return the covariates that the windows `index` (B,) see, over their contexts.

        The future covariates reach a segment farther.
        """
        runs, window = self.runs, self.window
        if not (window.exogenous or window.others):
            return NO_COVARIATES
        r = np.searchsorted(np.cumsum(self.count), index, side="right")
        row = self.first[r] + (index - self.before[r]) * window.stride
        past = future = targets = None
        seen = (runs.covariate_start[r] + row)[:, None] + np.arange(window.context + window.n_input)
        if n_past := window.exogenous - window.known:
            past = runs.covariates[seen[:, : window.context], :n_past]
        if window.known:
            future = runs.covariates[seen, n_past:]
        if window.others:
            each = (r - runs.channel[r])[:, None] + np.arange(runs.channels)
            targets = sliding_window_view(runs.flat, window.context)[runs.start[each] + row[:, None]].swapaxes(1, 2)
        return Covariates(past, future, targets)

    def contexts(self, index: Index) -> NDArray[np.float32]:
        """Return the samples of their own channel that the windows `index` (B,) look back on, (B, L)."""
        place, _ = self.places(np.asarray(index))
        return self.rows(place)[:, : self.window.context]

    def channels(self, index: Index) -> Index:
        """Return the channels of the windows `index`, (B,)."""
        return self.places(np.asarray(index))[1]

    def stretch(self, r: int) -> NDArray[np.float32]:
        """Return the part of run r that its windows cover, a view."""
        length = (int(self.count[r]) - 1) * self.window.stride + self.span
        begin = int(self.runs.start[r] + self.first[r])
        return self.runs.flat[begin : begin + length]


def suggest(training_rows: int, period: float | None, step_s: float | None = None) -> tuple[int, int] | None:
    """Return an (S, N) whose context is at most a fifth of `training_rows`, or None below 10 rows.

    Where the rows lie `step_s` seconds apart on a calendar, a segment is a day, a week or a year of them, or an hour.
    Else the context covers two dominant periods (in samples) if it can, with S up to 25 segments of up to 100 samples,
    or of whole periods if about one fits into a segment, and otherwise as much as fits.

    >>> suggest(43_400, 416.0)
    (25, 100)
    >>> suggest(7_200, 57.3, step_s=1800)
    (25, 48)
    >>> suggest(2_000, 30.0)
    (13, 30)
    >>> suggest(9, None) is None
    True
    """
    room = training_rows // 5
    if room < 2:
        return None
    if n_input := _calendar_segment(room, step_s):
        return min(MOST_STEPS, room // n_input), n_input
    samples = min(room, 2500)
    if period is not None and 2 * period > samples:
        samples = min(room, int(np.ceil(2 * period)))
    n_step = max(1, min(MOST_STEPS, int(np.sqrt(samples))))
    n_input = samples // n_step
    if period is not None and n_input / 4 < period <= 2 * n_input:
        n_input = min(round(period * max(1, round(n_input / period))), samples)
        n_step = min(MOST_STEPS, samples // n_input)
    return n_step, n_input


def _calendar_segment(room: int, step_s: float | None) -> int | None:
    """Return the rows of a day, a week or a year, or of an hour, of which `room` holds enough; None without any."""
    if not step_s:
        return None
    longest = next((span for least, span in SPANS_S if step_s >= least), DAY_S)
    spans = [longest, HOUR_S] if longest == DAY_S else [longest]
    rows = [round(span / step_s) for span in spans if abs(span / step_s - round(span / step_s)) < 0.01 * span / step_s]
    return next((count for count in rows if 4 <= count <= MOST_IN_SPAN and room >= FEWEST_SPANS * count), None)


def steps_of_many(rows: Sequence[int], split: Split, window: Window) -> int:
    """Return S for series of so many `rows`: fewer than usual where some are shorter than the usual context.

    S segments then fit into the shortest series, and with their target into nine tenths of the training part of half of
    the series. Series shorter than a twentieth of the median do not count. An S that was chosen is kept, as is that of
    one series.

    >>> steps_of_many([80, 900, 2000], Split(training=85, validation=15, test=0), Window(n_input=13))
    6
    """
    if "n_step" in window.model_fields_set or len(rows) < 2:
        return window.n_step
    usual = sorted(rows)[len(rows) // 2]
    shortest = min(count for count in rows if count >= usual * LEAST_OF_MEDIAN)
    if shortest >= window.context:
        return window.n_step
    training = boundaries(usual, split)[0] * 9 // 10
    return max(1, min(shortest, training - window.n_input) // window.n_input)


def _scale_into(out: NDArray[np.float32], values: NDArray[np.float64], scaling: tuple[float, float]) -> None:
    """Write ``(values - mean) / scale`` into `out` by blocks, so that no float64 copy of a run is made."""
    mean, scale = scaling
    for begin in range(0, len(out), 1 << 20):
        block = slice(begin, begin + (1 << 20))
        out[block] = (values[block] - mean) / scale


def boundaries(rows: int, split: Split) -> tuple[int, int]:
    """Return the rows at which validation (b1) and test (b2) begin in a recording.

    Training targets lie in ``[0, b1)``, validation targets in ``[b1, b2)``, test targets in
    ``[b2, rows)``.

    >>> boundaries(62_000, Split())
    (43400, 52700)
    >>> boundaries(1000, Split(training=85, validation=15, test=0))
    (850, 1000)
    """
    b1 = round(rows * split.training / 100)
    b2 = round(rows * (split.training + split.validation) / 100)
    return b1, b2


def chosen_until(b1: int, b2: int, n_input: int) -> int:
    """Return the row of the validation part ``[b1, b2)`` up to which its targets choose among states and penalties.

    The last third of the part lies behind that row, or, where a third is shorter than two segments, two segments
    and at most half of the part. Where half of the part holds no segment, all of it chooses and there are no bands:
    the row is b2.

    >>> chosen_until(43_400, 52_700, 100), chosen_until(70, 85, 5), chosen_until(70, 85, 10)
    (49600, 78, 85)
    """
    rows = b2 - b1
    after = max(rows // 3, min(2 * n_input, rows // 2))
    return b2 - after if after >= n_input else b2


@dataclass(frozen=True)
class WindowSplits:
    """The windows of the training and the validation part.

    Attributes:
        training: What a predictor learns from.
        validation: What chooses states and penalties: the first two thirds of the validation part.
        last_fold: The last third of the validation part, which chooses nothing; None if there is none.

    The whole validation part finds the weights of an ensemble and calibrates the bands.
    """

    training: Windows
    validation: Windows
    last_fold: Windows | None = None

    def farther(self, ahead: int) -> WindowSplits:
        """Return the splits with targets of `ahead` segments."""
        return WindowSplits(self.training.farther(ahead), self.validation.farther(ahead))

    def whole_validation(self) -> Windows:
        """Return the windows of the whole validation part."""
        return self.validation if self.last_fold is None else self.validation.through(self.last_fold)

    def folds(self) -> list[Windows]:
        """Return the validation part in thirds, each of which is judged by what was found without it.

        The first two thirds are one fold where they are too short for two. There is no fold where no recording is
        long enough for the last third.
        """
        if self.last_fold is None or not len(self.last_fold):
            return []
        return [fold for fold in (*self.validation.halves(), self.last_fold) if len(fold)]

    @property
    def window(self) -> Window:
        """The window that all parts share."""
        return self.training.window

    @property
    def channels(self) -> int:
        """C, the number of channels."""
        return self.training.runs.channels
