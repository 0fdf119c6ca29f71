"""Score a model and its baselines at every origin of every recording.

Targets and contexts are gathered block by block, so memory does not grow with the number of
origins, and every origin counts, whatever the block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation.bands import realised
from forecaster.evaluation.examples import chosen, example
from forecaster.evaluation.lag_correlation import Past
from forecaster.evaluation.metrics import Coverage, Score, Tally
from forecaster.evaluation.origins import Place, default_stride, located, places, too_short
from forecaster.evaluation.recursive import free_run, trusted
from forecaster.evaluation.request import LEVELS, Keep, ScoredBlock
from forecaster.evaluation.results import ChannelScores, Evaluation, metrics, unscored
from forecaster.evaluation.spectra import density_error_db, spectrum
from forecaster.evaluation.sums import Spectra, Steps, Sums
from forecaster.evaluation.verdict import PLAIN, compare
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Array = NDArray[np.float64]
Forecast = Callable[[Origins, int], Array]
"""origins (O,) and horizon -> H steps (O, H), in the signal's unit."""
Band = Callable[[int, int, int], tuple[Array | None, str]]
"""level, channel, horizon -> half the width of the model's band (H,) in the signal's unit, or None and the reason."""
Local = Callable[[Sequence[Origins], int], Array]
"""origins and horizon -> what the width of the model's bands is to be multiplied by at each and step, (O, H)."""
BLOCK = 128
PARTS_WITH_EXAMPLES = 4
NOT_THEIRS = "bands belong to the model alone"

Known = dict[int, dict[str, Sums]]
"""number of a part -> NAME -> what was summed for it: what another model's evaluation need not sum again."""


@dataclass(frozen=True)
class Job:
    """What is asked of every part; `known` is what is summed already of the baselines of this one.

    `levels` ascend and hold 90; `shown` is the level of the band in figures.
    """

    forecasts: Mapping[str, Forecast]
    window: Window
    horizon: int
    stride: int
    mase_scale: Sequence[float | None]
    band: Band | None
    local: Local | None
    separate: Sequence[float | None]
    itself: str
    levels: tuple[int, ...]
    shown: int
    keep: Keep | None
    known: dict[str, Sums] = field(default_factory=dict)

    @property
    def overlap(self) -> int:
        """How many origins overlap one another."""
        return -(-self.horizon // self.stride)


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
    local: Local | None = None,
    separate: Sequence[float | None] = (),
    model: str = "",
    itself: str = "",
    known: Known | None = None,
    levels: Sequence[int] = LEVELS,
    keep: Keep | None = None,
) -> Evaluation:
    """Score `forecasts`, one of them named "model", on every channel of every signal.

    Recording r of signal i is scored from row ``ranges[i][r]`` on: the first target that may be
    scored; its context may reach back before it. `mase_scale` (C,) is the seasonal-naive
    error of each channel on the training part, `model` the name that the result carries,
    `itself` the baseline that the model is, if it is one. `local` says how the width of `band` differs from
    origin to origin, `separate` (C,) how many independent errors it was made of. `known` is filled, and
    read by the next call with the same signals, ranges, horizon, stride and baselines: they are scored once.
    The coverage of the bands is taken at `levels` and at 90 percent. `keep` is given all that is
    forecast, block by block; then nothing is taken from `known`.

    Raises:
        UsageError: the horizon or the stride is below 1.
    """
    stride = default_stride(horizon, window) if stride is None else stride
    if horizon < 1 or stride < 1:
        raise UsageError(f"The horizon ({horizon}) and the stride ({stride}) must be at least 1 sample.")
    every, shown = tuple(sorted({*LEVELS, *levels})), max(levels, default=LEVELS[0])
    job = Job(forecasts, window, horizon, stride, mase_scale, band, local, separate, itself, every, shown, keep)
    parts: list[ChannelScores] = []
    for signal, first_targets in zip(signals, ranges, strict=True):
        found = places(signal, first_targets, context=window.context, horizon=horizon, stride=stride)
        for channel in range(len(signal.channels)):
            reused = {} if known is None or keep is not None else known.setdefault(len(parts), {})
            job = replace(job, known=reused)
            parts.append(_part(signal, channel, found, job=job, drawn=len(parts) < PARTS_WITH_EXAMPLES))
    return Evaluation(model, horizon, stride, tuple(parts))


def _part(signal: Signal, channel: int, found: list[Place], *, job: Job, drawn: bool) -> ChannelScores:
    """Score one channel of one signal."""
    unit = signal.units[channel] if channel < len(signal.units) else ""
    named = partial(
        ChannelScores, signal.name, signal.channels[channel], unit=unit, sample_rate_hz=signal.sample_rate_hz
    )
    pass_ = _Pass.of(signal, channel, found, job)
    if not found:
        why = too_short(signal, context=job.window.context, horizon=job.horizon)
        missing = realised({}, dict.fromkeys(job.levels, why), block=1)
        return named(0, *unscored(job.forecasts, metrics(job.levels), why), bands=missing, spectrum=pass_.spectrum())
    pass_.run()
    tallies = {name: one.tally for name, one in pass_.sums.items()}
    scores = {name: pass_.scores(name) for name in pass_.sums}
    loop = pass_.free_run()
    worth = job.separate[channel] if job.separate else None
    verdict = compare(tallies, block=job.overlap, itself=job.itself)
    if loop and verdict.kind == "better":
        verdict = verdict.and_then(trusted(loop, job.horizon, signal.sample_rate_hz))
    return named(
        len(tallies["model"].origin_mse),
        {name: {metric: score.value for metric, score in row.items()} for name, row in scores.items()},
        {name: tally.by_step() for name, tally in tallies.items()},
        {f"{name}.{m}": s.reason for name, row in scores.items() for m, s in row.items() if s.value is None},
        verdict,
        examples=pass_.examples() if drawn else (),
        bands=realised(pass_.covered, pass_.no_band, block=job.overlap, separate=worth),
        spectrum=pass_.spectrum(),
        free_run=loop,
    )


@dataclass
class _Pass:
    """One channel of one signal on its way through all predictors, block by block, and what is summed meanwhile."""

    signal: Signal
    channel: int
    places: list[Place]
    job: Job
    sums: dict[str, Sums]
    past: Past
    half_widths: dict[int, Array | None]
    no_band: dict[int, str]
    covered: dict[int, Coverage]
    truth: Spectra = field(default_factory=Spectra)
    steps: Steps | None = None

    @classmethod
    def of(cls, signal: Signal, channel: int, found: list[Place], job: Job) -> _Pass:
        """Begin with nothing summed."""
        bands = {p: job.band(p, channel, job.horizon) if job.band else (None, "there is no band") for p in job.levels}
        past = Past.of(job.window.context, job.horizon, sum(len(place.rows) for place in found))
        half_widths = {level: half for level, (half, _) in bands.items()}
        return cls(
            signal,
            channel,
            found,
            job,
            {name: Sums(Tally(job.horizon)) for name in job.forecasts},
            past,
            half_widths,
            {level: reason for level, (half, reason) in bands.items() if half is None},
            {level: Coverage() for level, half in half_widths.items() if half is not None},
        )

    def run(self) -> None:
        """Forecast every origin with every predictor that is not known already."""
        wanted = [name for name in self.sums if name == "model" or name not in self.job.known]
        for place in self.places:
            for block in located(self.signal, self.channel, place).blocks(BLOCK):
                self._block(block, place.recording, wanted)
        self.job.known.update({name: self.sums[name] for name in wanted})
        self.sums = {name: self.job.known[name] for name in self.sums}

    def _block(self, block: Origins, recording: int, wanted: Sequence[str]) -> None:
        """Sum a block of origins in one recording."""
        truth = block.y_true(self.job.horizon)
        if self.job.horizon > self.job.window.n_input and self.steps is None:
            self.steps = Steps(float(truth.mean()))
            for name in wanted:
                self.sums[name].steps = Steps(self.steps.pivot)
        self.truth.add(truth)
        if self.steps is not None:
            self.steps.add(truth)
        looked_at, transform = self.past.add(block.values, block.rows)
        made = {}
        for name in wanted:
            made[name] = forecast = self.job.forecasts[name](block, self.job.horizon)
            self.sums[name].add(truth, forecast)
            self.sums[name].likeness.add(self.past, forecast[looked_at], transform)
        widths = self._widths(block)
        for level, coverage in self.covered.items():
            coverage.add(truth, made["model"], widths[level])
        if self.job.keep is not None:
            self.job.keep(ScoredBlock(self.signal, recording, block, truth, made, widths))

    def _widths(self, block: Origins) -> dict[int, Array]:
        """Return half the width of each band that there is, at each origin of a block: (O, H) by level."""
        there = {level: half for level, half in self.half_widths.items() if half is not None}
        one = np.ones((len(block), 1))
        scale = self.job.local([block], self.job.horizon) if self.job.local and there else one
        return {level: scale * half for level, half in there.items()}

    def scores(self, name: str) -> dict[str, Score]:
        """Take all metrics of a predictor from the sums."""
        tally = self.sums[name].tally
        found = {
            "nmse": tally.nmse(),
            "rmse": tally.rmse(),
            "mae": tally.mae(),
            "mase": tally.mase(self.job.mase_scale[self.channel]),
            "smape": tally.smape(),
            **{f"coverage-{level}": self._coverage(name, level) for level in self.job.levels},
            "psd_error_db": self._spectral(name),
            "rms_ratio": tally.rms_ratio(),
        }
        return {metric: found[metric] for metric in metrics(self.job.levels)}

    def _coverage(self, name: str, level: int) -> Score:
        if name != "model":
            return Score(None, NOT_THEIRS)
        return self.covered[level].score() if level in self.covered else Score(None, self.no_band[level])

    def _spectral(self, name: str) -> Score:
        """Compare the spectra, unless the truth is constant: what is left of it then is rounding."""
        if self.truth.coarse.size and self._constant:
            return Score(None, "the scored values are constant, so their spectrum is empty")
        return density_error_db(self.truth.coarse, self.sums[name].spectra.coarse)

    @property
    def _constant(self) -> bool:
        return bool(self.sums["model"].tally.truth.variance == 0)

    def spectrum(self) -> dict[str, Any]:
        """Compare peaks, energies and likenesses."""
        rate_hz = self.signal.sample_rate_hz
        return spectrum(self.truth, self.past, self.sums, rate_hz=rate_hz, constant=self._constant)

    def free_run(self) -> dict[str, Any] | None:
        """Score segment by segment, where segments are fed back."""
        if self.steps is None:
            return None
        rivals = [name for name in self.sums if name in PLAIN and name != self.job.itself]
        segment, rate_hz = self.job.window.n_input, self.signal.sample_rate_hz
        return free_run(self.sums, self.steps, rivals=rivals, segment=segment, rate_hz=rate_hz)

    def examples(self) -> tuple[Any, ...]:
        """Forecast the best, the median and the worst origin of the model once more, for figures."""
        job, level = self.job, self.job.shown
        three = chosen(self.sums["model"].tally.origin_mse, self.places)
        sizes = (job.window.context, job.horizon)
        drawn = []
        for kind, place in three.items():
            one = example(kind, self.signal, self.channel, place=place, ahead=job.forecasts, sizes=sizes)
            width = self._widths(located(self.signal, self.channel, place)).get(level)
            drawn.append(replace(one, half_width=None if width is None else width[0], level=level))
        return tuple(drawn)
