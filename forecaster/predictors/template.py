"""A template of one period, laid under each context at the phase that fits it, and ridge on what it leaves over.

    x[t] = Re sum over k of  c[k] exp(i k (w t + p)) + r[t],   k = 1 .. K

The fundamental w and the coefficients c are fitted once to the training part, which tells them far
more precisely than a context can; the one phase p is found again in every context, so no clock is
needed. The map from the residual r of the context to that of the next segment is a convex mixture of
three ridges, which look back on all of the context, two thirds and one third of it.

Source: Nehorai and Porat, "Adaptive Comb Filtering for Harmonic Signal Enhancement" (1986), for
the template; Breiman, "Stacked Regressions" (1996), for the mixture; Hoerl and Kennard (1970) for ridge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.equations.products import by_blocks
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Predictor, Specs, TensorSpec
from forecaster.predictors.ensemble import convex
from forecaster.predictors.gram import Gram
from forecaster.predictors.ridge import ALPHAS, LOOPS, MAX_TAPS, RidgeParameters, limits, squared_error, stored
from forecaster.predictors.selection import examples, learned, longest
from forecaster.signal.context import Context
from forecaster.signal.sinusoids import fundamentals
from forecaster.signal.splits import WindowSplits

COUNTS = (4, 8, 16, 32)
"""How many harmonics there may be."""
SHARES = (1.0, 2 / 3, 1 / 3)
GRID = 2048
"""Phases that are tried; between them a parabola tells."""
WORTH = 0.9
"""A template is laid under a channel whose validation targets it leaves at most this share of."""


class TemplateParameters(RidgeParameters):
    """Those of ridge, and K, the most harmonics that a channel has."""

    harmonics: Annotated[int, Field(ge=0, le=COUNTS[-1])]


class Template(NamedTuple):
    """One channel's period: the fundamental in cycles a sample, and c as cosines and sines (2 K,)."""

    fundamental: float
    waves: tuple[float, ...]

    def phases(self, values: Array) -> Array:
        """Return the phase p at the first sample after each of `values` (B, L), in radians."""
        count = len(self.waves) // 2
        cosines, sines = np.split(by_blocks(values, _basis(self.fundamental, count, (-values.shape[1], 0))), 2, axis=1)
        a, b = np.split(np.array(self.waves), 2)
        score = by_blocks(np.concatenate((a * cosines + b * sines, b * cosines - a * sines), axis=1), _turned(count))
        best = score.argmax(axis=1)
        left, top, right = (score[np.arange(len(score)), (best + step) % GRID] for step in (-1, 0, 1))
        bend = left - 2 * top + right
        between = np.divide(left - right, 2 * bend, out=np.zeros_like(bend), where=bend < 0)
        return 2 * np.pi / GRID * (best + between)

    def at(self, phases: Array, span: tuple[int, int]) -> Array:
        """Return the template over the samples `span` from each phase on, (B, end - begin)."""
        count = len(self.waves) // 2
        turn = phases[:, None] * np.arange(1, count + 1)
        a, b = np.split(np.array(self.waves), 2)
        cosines, sines = a * np.cos(turn) + b * np.sin(turn), b * np.cos(turn) - a * np.sin(turn)
        return by_blocks(np.concatenate((cosines, sines), axis=1), _basis(self.fundamental, count, span).T)


@dataclass(frozen=True)
class TemplateRidge(Predictor):
    """A template of the period at the phase of each context, and ridge on what it leaves over."""

    name: ClassVar[str] = "template-ridge"
    label: ClassVar[str] = "the linear model template-ridge"
    joins_ensemble: ClassVar[bool] = True
    Parameters: ClassVar[type[Frozen]] = TemplateParameters
    parameters: TemplateParameters
    kernel: Array
    bias: Array
    templates: tuple[Template | None, ...]

    @classmethod
    def fit(cls, parts: WindowSplits) -> Self:
        """Fit each channel's template, then the ridges on what is left of all of them; alpha as ridge chooses it."""
        templates = tuple(_best(parts, channel) for channel in range(parts.channels))
        count = max(len(one.waves) // 2 if one else 0 for one in templates)
        taps, (low, high) = min(parts.window.context, MAX_TAPS), limits(parts)
        fitted = [
            cls(
                TemplateParameters(alpha=alpha, taps=taps, low=low, high=high, harmonics=count),
                parts.window,
                stored(kernel),
                stored(bias),
                templates,
            )
            for _, alpha, kernel, bias in sorted(_solutions(parts, templates, taps), key=lambda one: one[0])
        ]
        return next((one for one in fitted if one.is_stable(parts)), fitted[0])

    @classmethod
    def specs(cls, parameters: TemplateParameters, window: Window, channels: int) -> Specs:
        """Ridge's kernel (taps, N) and bias (N,); for each channel the fundamental (C,) and the waves (C, 2 K)."""
        if parameters.taps > window.context or parameters.low > parameters.high:
            raise ValueError("taps must lie within the context, and low below high")
        n_input, count = window.n_input, parameters.harmonics
        own = {"kernel": TensorSpec("F32", (parameters.taps, n_input)), "bias": TensorSpec("F32", (n_input,))}
        waves = {"fundamental": TensorSpec("F64", (channels,)), "waves": TensorSpec("F64", (channels, 2 * count))}
        return own | (waves if count else {})

    @classmethod
    def restore(cls, parameters: TemplateParameters, tensors: dict[str, NDArray], window: Window) -> Self:
        """Make it again; ModelError for a fundamental that is none."""
        kernel, bias = (tensors[name].astype(np.float64) for name in ("kernel", "bias"))
        if not parameters.harmonics:
            return cls(parameters, window, kernel, bias, ())
        found = tensors["fundamental"].astype(np.float64)
        if not np.all((found >= 0) & (found <= 0.5)):
            raise ModelError("A fundamental of the predictor 'template-ridge' lies outside 0 to 0.5 cycles a sample.")
        pairs = zip(found.tolist(), tensors["waves"].astype(np.float64).tolist(), strict=True)
        return cls(parameters, window, kernel, bias, tuple(Template(f, tuple(w)) if f else None for f, w in pairs))

    def tensors(self) -> dict[str, NDArray]:
        """Return kernel and bias in single precision, fundamentals and waves in double; 0 where there is none."""
        own = {"kernel": self.kernel.astype(np.float32), "bias": self.bias.astype(np.float32)}
        if not self.parameters.harmonics:
            return own
        waves = np.array([_padded(one, self.parameters.harmonics) for one in self.templates])
        return own | {
            "fundamental": np.array([one.fundamental if one else 0.0 for one in self.templates]),
            "waves": waves,
        }

    def predict(self, context: Context) -> Array:
        """Forecast the next segment (B, N), kept within the limits."""
        return np.clip(self._map(context), self.parameters.low, self.parameters.high)

    def is_stable(self, parts: WindowSplits) -> bool:
        """Say whether the closed loop over a whole context, from validation contexts, stays within the limits."""
        index = np.unique(np.linspace(0, len(parts.validation) - 1, LOOPS).astype(np.int64))
        values, channel = parts.validation.contexts(index).astype(np.float64), parts.validation.channels(index)
        for _ in range(self.window.n_step):
            segment = self._map(Context(values, channel))
            if segment.min() < self.parameters.low or segment.max() > self.parameters.high:
                return False
            values = np.concatenate((values[:, self.window.n_input :], segment), axis=1)
        return True

    def _map(self, context: Context) -> Array:
        """Take the template away, map what is left, and lay the template under it again."""
        values, taps, n_input = context.values, self.parameters.taps, self.window.n_input
        under, ahead = np.zeros((len(values), taps)), np.zeros((len(values), n_input))
        for channel in np.unique(context.channel):
            template = self.templates[channel] if self.templates else None
            if template is not None:
                rows = np.flatnonzero(context.channel == channel)
                phases = template.phases(np.ascontiguousarray(values[rows, -taps:]))
                under[rows], ahead[rows] = template.at(phases, (-taps, 0)), template.at(phases, (0, n_input))
        return by_blocks(values[:, -taps:] - under, self.kernel) + self.bias + ahead


def _padded(template: Template | None, count: int) -> list[float]:
    """Return the waves of `count` harmonics, 0 for those that a channel lacks."""
    if template is None:
        return [0.0] * (2 * count)
    a, b = np.split(np.array(template.waves), 2)
    return [*np.pad(a, (0, count - len(a))).tolist(), *np.pad(b, (0, count - len(b))).tolist()]


@lru_cache(maxsize=16)
def _basis(fundamental: float, count: int, span: tuple[int, int]) -> Array:
    """Return cosines and sines of the harmonics over the samples `span`, (samples, 2 K)."""
    turns = np.arange(*span)[:, None] * (fundamental * np.arange(1, count + 1))
    angle = 2 * np.pi * (turns - np.rint(turns))
    return np.concatenate((np.cos(angle), np.sin(angle)), axis=1)


@lru_cache(maxsize=4)
def _turned(count: int) -> Array:
    """Return what turns the scores of each harmonic to every phase of the grid, (2 K, GRID)."""
    angle = 2 * np.pi / GRID * np.arange(1, count + 1)[:, None] * np.arange(GRID)
    return np.concatenate((np.cos(angle), np.sin(angle)))


def _best(parts: WindowSplits, channel: int) -> Template | None:
    """Return the template that leaves least of the channel's validation targets, or None if it is not worth it."""
    judged = examples(parts.validation, channel, parts.channels) or learned(parts, channel)
    stretch = longest(parts, channel)
    if judged is None or not len(stretch):
        return None
    contexts, targets = (part - float(stretch.mean(dtype=np.float64)) for part in judged)
    contexts = np.ascontiguousarray(contexts[:, -MAX_TAPS:])
    best, least = None, WORTH * float(np.square(targets).mean())
    for fundamental in fundamentals(stretch, contexts.shape[1], parts.channels):
        for count in (count for count in COUNTS if count * fundamental < 0.5):
            one = _fitted(stretch, fundamental, count)
            left = float(np.square(targets - one.at(one.phases(contexts), (0, targets.shape[1]))).mean())
            best, least = (one, left) if left < least * 0.999 else (best, least)
    return best


def _fitted(stretch: NDArray[np.float32], fundamental: float, count: int) -> Template:
    """Fit the waves to a stretch (T,) from phase 0 on, by projection: it is many periods long."""
    total = np.zeros(2 * count)
    for begin in range(0, len(stretch), 1 << 16):
        part = stretch[begin : begin + (1 << 16)].astype(np.float64)
        total += part @ _basis(fundamental, count, (begin, begin + len(part)))
    return Template(fundamental, tuple((total * 2 / len(stretch)).tolist()))


def _solutions(
    parts: WindowSplits, templates: tuple[Template | None, ...], taps: int
) -> Iterator[tuple[float, float, Array, Array]]:
    """Yield the error on validation, alpha, the kernel (taps, N) and the bias (N,), for each alpha."""
    from scipy.linalg import cho_factor, cho_solve

    flat = _left_over(parts, templates)
    windows = [replace(one, runs=replace(one.runs, flat=flat)) for one in (parts.training, parts.validation)]
    training, judge = (Gram.of(one, taps) for one in windows)
    mean = training.mean
    moments, judged = training.centred(mean), judge.centred(mean)
    for alpha in ALPHAS[::2]:
        kernels = np.zeros((len(SHARES), taps, parts.window.n_input))
        for kernel, share in zip(kernels, SHARES, strict=True):
            begin = taps - max(1, round(taps * share))
            square, cross = moments[begin:taps, begin:taps], moments[begin:taps, taps:]
            kernel[begin:] = cho_solve(cho_factor(square + alpha * np.eye(len(square))), cross)
        kernel = np.tensordot(convex(_products(judged, kernels)), kernels, axes=1)
        yield squared_error(judged, kernel), alpha, kernel, mean[taps:] - mean[:taps] @ kernel


def _products(moments: Array, kernels: Array) -> Array:
    """Return the summed products of the errors of several maps, `kernels` (M, taps, N), by the windows' moments."""
    taps = kernels.shape[1]
    square, cross = moments[:taps, :taps], moments[:taps, taps:]
    shared = np.einsum("mtn,tn->m", kernels, cross)
    both = np.einsum("atn,btn->ab", kernels, square @ kernels, optimize=True)
    found: Array = np.trace(moments[taps:, taps:]) - shared[:, None] - shared + (both + both.T) / 2
    return found


def _left_over(parts: WindowSplits, templates: tuple[Template | None, ...]) -> NDArray[np.float32]:
    """Return all runs end to end, the templates taken away: each at the phase of the run's own training part."""
    runs, flat = parts.training.runs, parts.training.runs.flat.copy()
    for r in np.flatnonzero(parts.training.count + parts.validation.count):
        template = templates[runs.channel[r]]
        if template is None:
            continue
        windows = parts.training if parts.training.count[r] else parts.validation
        begin, known = int(windows.first[r]), windows.stretch(int(r)).astype(np.float64)
        phase = template.phases((known - known.mean())[None, -(1 << 17) :])
        end = begin + len(known)
        for start in range(0, int(runs.length[r]), 1 << 16):
            stop = min(start + (1 << 16), int(runs.length[r]))
            place = slice(int(runs.start[r]) + start, int(runs.start[r]) + stop)
            flat[place] -= template.at(phase, (start - end, stop - end))[0].astype(np.float32)
    return flat
