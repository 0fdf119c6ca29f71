"""Score forecasts of symbols at every origin: how often they are right, and how surprised they were.

The accuracy is the share of symbols that were named right. The cross-entropy is the mean of
-ln p over the symbols that came, in nats, and the perplexity its exponential: ln K and K for one
who takes all K symbols to be alike. Beyond one step both are those of the closed loop, whose
probabilities are given the symbols that it named itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from forecaster.config import Window
from forecaster.errors import UsageError
from forecaster.evaluation.origins import default_stride, origins, too_short
from forecaster.evaluation.results import ChannelScores, Evaluation, unscored
from forecaster.evaluation.verdict import Verdict, weigh
from forecaster.signal.origins import Origins
from forecaster.signal.signal import Signal

Array = NDArray[np.float64]
Walk = Callable[[Origins, int], tuple[Array, Array]]
"""origins (O,) and horizon -> codes (O, H), and the probabilities (O, H, K) that they were chosen by."""
METRICS = ("accuracy", "cross_entropy", "perplexity")
LEAST = 1e-12
"""A probability below this counts as this: a surprise of at most 27.6 nats."""
BLOCK = 128
BLOCK_NUMBERS = 4_000_000


@dataclass
class SymbolTally:
    """What the scores of one forecaster need, by step (H,) and by origin (O,)."""

    right: Array = field(default_factory=lambda: np.zeros(0))
    surprise: Array = field(default_factory=lambda: np.zeros(0))
    losses: list[Array] = field(default_factory=list)

    def add(self, truth: Array, codes: Array, probabilities: Array) -> None:
        """Add a block of origins: truth and codes (B, H), probabilities (B, H, K)."""
        of_truth = np.take_along_axis(probabilities, truth.astype(np.int64)[..., None], axis=2)[..., 0]
        right, surprise = (codes == truth).astype(np.float64), -np.log(np.maximum(of_truth, LEAST))
        self.right = right.sum(axis=0) + (self.right if self.right.size else 0.0)
        self.surprise = surprise.sum(axis=0) + (self.surprise if self.surprise.size else 0.0)
        self.losses.append(surprise[:, 0] if truth.shape[1] == 1 else 1 - right.mean(axis=1))

    @property
    def loss(self) -> Array:
        """The loss of each origin, (O,): cross-entropy of one step, the share of wrong symbols of several."""
        return np.concatenate(self.losses)

    def scores(self) -> dict[str, float | None]:
        """Return the scores over all origins and steps."""
        count = len(self.loss)
        nats = float(self.surprise.mean() / count)
        return {"accuracy": float(self.right.mean() / count), "cross_entropy": nats, "perplexity": float(np.exp(nats))}

    def by_step(self) -> list[dict[str, int | float | None]]:
        """Return accuracy and cross-entropy of each step."""
        count = len(self.loss)
        pairs = zip((self.right / count).tolist(), (self.surprise / count).tolist(), strict=True)
        return [{"step": h, "accuracy": a, "cross_entropy": c} for h, (a, c) in enumerate(pairs, start=1)]


@dataclass(frozen=True)
class Job:
    """What is asked of every signal."""

    walks: Mapping[str, Walk]
    window: Window
    horizon: int
    stride: int
    itself: str


def evaluate_symbols(
    signals: Sequence[Signal],
    ranges: Sequence[Sequence[int]],
    walks: Mapping[str, Walk],
    *,
    window: Window,
    horizon: int,
    stride: int | None = None,
    model: str = "",
    itself: str = "",
) -> Evaluation:
    """Score `walks`, one of them named "model", on every signal, whose values are codes of one alphabet.

    Recording r of signal i is scored from row ``ranges[i][r]`` on. Raises UsageError if the
    horizon or the stride is below 1.
    """
    stride = default_stride(horizon, window) if stride is None else stride
    if horizon < 1 or stride < 1:
        raise UsageError(f"The horizon ({horizon}) and the stride ({stride}) must be at least 1 symbol.")
    job = Job(walks, window, horizon, stride, itself)
    parts = [_part(signal, first_targets, job) for signal, first_targets in zip(signals, ranges, strict=True)]
    return Evaluation(model, horizon, stride, tuple(parts))


def _part(signal: Signal, first_targets: Sequence[int], job: Job) -> ChannelScores:
    """Score one signal."""
    named = partial(ChannelScores, signal.name, signal.channels[0], sample_rate_hz=signal.sample_rate_hz)
    tallies = {name: SymbolTally() for name in job.walks}
    for block in _blocks(signal, first_targets, job):
        truth = block.y_true(job.horizon)
        for name, walk in job.walks.items():
            tallies[name].add(truth, *walk(block, job.horizon))
    if not tallies["model"].losses:
        why = too_short(signal, context=job.window.context, horizon=job.horizon)
        return named(0, *unscored(job.walks, METRICS, why))
    return named(
        len(tallies["model"].loss),
        {name: tally.scores() for name, tally in tallies.items()},
        {name: tally.by_step() for name, tally in tallies.items()},
        {},
        compare_symbols(tallies, job),
    )


def _blocks(signal: Signal, first_targets: Sequence[int], job: Job) -> Iterator[Origins]:
    """Yield the origins of all recordings, as many at once as memory holds probabilities of."""
    size = max(1, min(BLOCK, BLOCK_NUMBERS // (job.horizon * job.window.symbols)))
    for recording, first in zip(signal.recordings, first_targets, strict=True):
        spans = {"first_target": first, "context": job.window.context, "horizon": job.horizon, "stride": job.stride}
        yield from Origins(recording.values[:, 0], 0, origins(len(recording), **spans)).blocks(size)


def compare_symbols(tallies: Mapping[str, SymbolTally], job: Job) -> Verdict:
    """Compare "model" with the best baseline: by cross-entropy one step ahead, else by symbols named wrong."""
    others = {name: float(one.loss.mean()) for name, one in tallies.items() if name not in ("model", job.itself)}
    if not others:
        return Verdict("unknown", "No verdict: there is no baseline to compare it with.")
    best = min(others, key=lambda name: others[name])
    own, theirs = tallies["model"].loss, tallies[best].loss
    one_step = job.horizon == 1
    pair = (f"{loss.mean():.3g}" if one_step else f"{100 * (1 - loss.mean()):.3g} %" for loss in (own, theirs))
    scores = f"{'cross-entropy' if one_step else 'accuracy'} {' against '.join(pair)}, {len(own)} origins"
    what = "cross-entropy" if one_step else "error"
    found = weigh(own, theirs, block=-(-job.horizon // job.stride), best=best, words=(what, scores))
    if one_step and own.mean() >= np.log(job.window.symbols):
        found = replace(found, text=f"{found.text} It is no better than taking all symbols to be alike.")
    return replace(found, text=found.text.replace("every baseline", "every other baseline")) if job.itself else found
