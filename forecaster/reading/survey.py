"""What a file holds, before anything is trained on it: its health, its period, a window that fits.

Every number is taken over all recordings of a channel; runs never cross from one to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Split
from forecaster.errors import shell_quoted
from forecaster.files import as_argument
from forecaster.signal.signal import Signal
from forecaster.signal.spectrum import dominant_period
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import boundaries, suggest

if TYPE_CHECKING:
    from forecaster.reading import Dialect, Timing

Array = NDArray[np.float64]

# Samples in a row at the extreme value that count as clipped; single ones are just the extreme.
CLIPPED_RUN = 3
# A channel is called clipped from this share of such samples on.
CLIPPED_SHARE = 1e-3
# A sensor is called stuck at this many identical samples in a row, if they are this share of all.
STUCK_RUN, STUCK_SHARE = 20, 0.01


@dataclass(frozen=True)
class ChannelSurvey:
    """One channel.

    `crest_factor` is peak / rms; `kurtosis` is 3 for a normal distribution (faults of bearings
    raise it); `clipped` the share of samples at the extreme values in runs of three or more;
    `longest_run` the most identical samples in a row, `stuck` their share of all; `period` the dominant one in samples,
    `dominant_hz` the same as a frequency. None: it does not exist for this channel.
    """

    name: str
    unit: str
    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    rms: float
    peak: float
    crest_factor: float | None
    kurtosis: float | None
    clipped: float
    longest_run: int
    stuck: float
    constant: bool
    period: float | None
    dominant_hz: float | None


@dataclass(frozen=True)
class Survey:
    """A signal's survey: what `forecaster check` reports.

    `window` is the suggested (S, N), None where the recordings are too short for any;
    `command` a training that fits; `warnings` what a person should look at, in plain words.
    """

    name: str
    path: str
    rows: int
    recordings: tuple[int, ...]
    series: int
    sample_rate_hz: float | None
    time: str
    channels: tuple[ChannelSurvey, ...]
    dialect: dict[str, Any]
    timing: dict[str, Any]
    window: tuple[int, int] | None
    command: str | None
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the survey as plain data, undefined numbers as None."""
        return asdict(self)


def survey(signal: Signal, *, dialect: Dialect | None = None, timing: Timing | None = None) -> Survey:
    """Return the survey of all channels of `signal`; `dialect` and `timing` are what the reader says of the file."""
    channels = tuple(_channel(signal, c) for c in range(len(signal.channels)))
    longest = max((len(recording) for recording in signal.recordings), default=0)
    periods = [channel.period for channel in channels if channel.period]
    # A calendar's span, or two of the longest dominant periods in a window, if the recordings are long enough.
    axis = signal.recordings[0].time if signal.recordings else TimeAxis()
    step_s = 1 / signal.sample_rate_hz if axis.kind == "timestamps" and signal.sample_rate_hz else None
    window = suggest(boundaries(longest, Split())[0], max(periods, default=None), step_s)
    warnings = [text for channel in channels for text in _channel_warnings(channel)]
    return Survey(
        name=signal.name,
        path=signal.path,
        rows=sum(len(recording) for recording in signal.recordings),
        recordings=tuple(len(recording) for recording in signal.recordings),
        series=len({recording.label for recording in signal.recordings}),
        sample_rate_hz=signal.sample_rate_hz,
        time=signal.recordings[0].time.kind if signal.recordings else "samples",
        channels=channels,
        dialect={} if dialect is None else asdict(dialect),
        timing={} if timing is None else asdict(timing),
        window=window,
        command=None if window is None else _command(signal, window),
        warnings=(*warnings, *(() if window else ("no recording is long enough to train on",))),
        notes=signal.notes,
    )


@dataclass(frozen=True)
class LabelSurvey:
    """A column of symbols: what `forecaster check` reports of a file that holds labels.

    `shares` has the share of each symbol; `changes` counts the rows that differ from the one
    before; `longest_run` is the most identical symbols in a row; `n_step` the context that fits,
    None where the recordings are too short for any.
    """

    name: str
    path: str
    rows: int
    recordings: tuple[int, ...]
    sample_rate_hz: float | None
    time: str
    channel: str
    symbols: tuple[str, ...]
    shares: dict[str, float]
    changes: int
    longest_run: int
    n_step: int | None
    notes: tuple[str, ...]
    dialect: dict[str, Any]
    command: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the survey as plain data."""
        return asdict(self)


def survey_labels(signal: Signal, predictor: str, *, dialect: Dialect | None = None) -> LabelSurvey:
    """Return the survey of a column of symbols; the command that it suggests trains the kind `predictor`."""
    runs = [recording.values[:, 0] for recording in signal.recordings]
    counts = np.bincount(np.concatenate(runs).astype(np.int64), minlength=len(signal.symbols))
    lengths = [_run_lengths(run) for run in runs]
    training = boundaries(max(map(len, runs)), Split())[0]
    n_step = min(25, training // 5) if suggest(training, None) else None
    command = None
    if n_step:
        command = f"{_command(signal, (n_step, 1)).removesuffix(' --n-input 1')} --predictor {predictor}"
    return LabelSurvey(
        name=signal.name,
        path=signal.path,
        rows=int(counts.sum()),
        recordings=tuple(map(len, runs)),
        sample_rate_hz=signal.sample_rate_hz,
        time=signal.recordings[0].time.kind,
        channel=signal.channels[0],
        symbols=signal.symbols,
        shares=dict(zip(signal.symbols, (counts / counts.sum()).tolist(), strict=True)),
        changes=sum(len(run_lengths) - 1 for run_lengths in lengths),
        longest_run=int(max(run_lengths.max() for run_lengths in lengths)),
        n_step=n_step,
        notes=signal.notes,
        dialect={} if dialect is None else asdict(dialect),
        command=command,
    )


def _channel(signal: Signal, c: int) -> ChannelSurvey:
    """Return the survey of channel number `c`."""
    # One contiguous copy at a time: a channel may be large.
    runs = [np.ascontiguousarray(recording.values[:, c]) for recording in signal.recordings if len(recording)]
    values = runs[0] if len(runs) == 1 else np.concatenate(runs) if runs else np.zeros(1)
    low, high = float(values.min()), float(values.max())
    constant = low == high
    period = None if constant or not runs else dominant_period(max(runs, key=len))
    longest_run = max((int(_run_lengths(run).max()) for run in runs), default=0)
    return ChannelSurvey(
        name=signal.channels[c],
        unit=signal.units[c] if c < len(signal.units) else "",
        minimum=low,
        maximum=high,
        **_moments(values, constant),
        clipped=0.0 if constant else _clipped(runs, (low, high)) / len(values),
        longest_run=longest_run,
        stuck=longest_run / len(values),
        constant=constant,
        period=period,
        dominant_hz=signal.sample_rate_hz / period if period and signal.sample_rate_hz else None,
    )


def _moments(values: Array, constant: bool) -> dict[str, Any]:
    """Return mean, spread, RMS, peak, crest factor and kurtosis, scaled by the peak so that no square overflows."""
    peak = float(np.abs(values).max())
    if peak == 0 or constant:
        same = {"mean": float(values[0]), "standard_deviation": 0.0, "rms": peak, "peak": peak}
        return {**same, "crest_factor": 1.0 if peak else None, "kurtosis": None}
    scaled = values / peak
    mean, rms = float(scaled.mean()), float(np.sqrt(np.mean(np.square(scaled))))
    squares = np.square(scaled - mean)
    variance = float(squares.mean())
    return {
        "mean": mean * peak,
        "standard_deviation": float(np.sqrt(variance)) * peak,
        "rms": rms * peak,
        "peak": peak,
        "crest_factor": 1 / rms if rms else None,
        "kurtosis": float(np.mean(np.square(squares))) / variance**2 if variance > 0 else None,
    }


def _run_lengths(run: Array) -> NDArray[np.int64]:
    """Return the lengths of the stretches of identical values, in order."""
    edges = np.flatnonzero(run[1:] != run[:-1]) + 1
    return np.diff(np.concatenate(([0], edges, [len(run)]))).astype(np.int64)


def _clipped(runs: Sequence[Array], extremes: tuple[float, float]) -> int:
    """Return the number of samples at the extreme values in runs of `CLIPPED_RUN` or more."""
    count = 0
    for run in runs:
        lengths = _run_lengths(run)
        value = run[np.cumsum(lengths) - 1]
        count += int(lengths[np.isin(value, extremes) & (lengths >= CLIPPED_RUN)].sum())
    return count


def _command(signal: Signal, window: tuple[int, int]) -> str:
    """Return the command of a training that fits this file, ready to be copied into a shell."""
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in signal.name.rsplit("/", 1)[-1]).strip("-.")
    path = shell_quoted(as_argument(signal.path or "-"))
    return f"forecaster train {path} -o models/{name or 'model'} --n-step {window[0]} --n-input {window[1]}"


def _channel_warnings(channel: ChannelSurvey) -> list[str]:
    """Return what a person should look at in one channel before training."""
    if channel.constant:
        return [f"{channel.name}: all values are {channel.minimum:g}"]
    warnings = []
    if channel.clipped >= CLIPPED_SHARE:
        warnings.append(
            f"{channel.name}: {channel.clipped:.1%} of the samples stay at the extreme values, as if they were clipped"
        )
    if channel.longest_run >= STUCK_RUN and channel.stuck >= STUCK_SHARE:
        warnings.append(
            f"{channel.name}: {channel.longest_run} identical samples in a row, as if the sensor were stuck"
        )
    return warnings


__all__ = ["ChannelSurvey", "LabelSurvey", "Survey", "survey", "survey_labels"]
