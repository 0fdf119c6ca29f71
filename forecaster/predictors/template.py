"""A template of one period, laid under each context at the phase that fits it, and ridge on the residual.

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
from typing import Annotated, Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Window
from forecaster.equations.linear import by_blocks
from forecaster.errors import ModelError
from forecaster.predictors.base import Array, Specs, TensorSpec
from forecaster.predictors.ensemble import convex
from forecaster.predictors.fitting import Gram, examples, longest_stretch, training_examples
from forecaster.predictors.ridge import (
    ALPHAS,
    MAX_TAPS,
    LinearMap,
    RidgeParameters,
    Solution,
    as_stored,
    limits,
    penalised_map,
    squared_error,
)
from forecaster.signal.context import Context
from forecaster.signal.spectrum import fundamentals
from forecaster.signal.windows import WindowSplits

# How many harmonics are tried.
COUNTS = (4, 8, 16, 32)
# The parts of the context that the three ridges look back on.
SHARES = (1.0, 2 / 3, 1 / 3)
# Phases that are tried; between them a parabola is fitted.
GRID = 2048
# Each further candidate must be better than the best one by this factor.
BETTER = 0.999
# Samples that are fitted or subtracted at once.
BLOCK = 1 << 16


class TemplateParameters(RidgeParameters):
    """The parameters of ridge, and K, the most harmonics that a channel has."""

    harmonics: Annotated[int, Field(ge=0, le=COUNTS[-1])]


class Template(NamedTuple):
    """One channel's period: the fundamental in cycles a sample, and c as cosines and sines (2 K,)."""

    fundamental: float
    waves: tuple[float, ...]

    def phases(self, values: Array) -> Array:
        """Return the phase p at the first sample after each of `values` (B, L), in radians: that of the best fit."""
        count = len(self.waves) // 2
        cosines, sines = np.split(by_blocks(values, _basis(self.fundamental, count, (-values.shape[1], 0))), 2, axis=1)
        a, b = np.split(np.array(self.waves), 2)
        score = by_blocks(
            np.concatenate((a * cosines + b * sines, b * cosines - a * sines), axis=1), _phase_grid(count)
        )
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
class TemplateRidge(LinearMap):
    """A template of the period at the phase of each context, and ridge on what it leaves over."""

    name = "template-ridge"
    label = "the linear model template-ridge"
    joins_ensemble = True
    # A channel gets a template if the template leaves at most this share of the validation targets' squares.
    worthwhile: ClassVar[float] = 0.9
    # Whether these squares are about the mean of each context, or about the training part's.
    is_about_context: ClassVar[bool] = False
    Parameters = TemplateParameters
    parameters: TemplateParameters
    templates: tuple[Template | None, ...]

    @property
    def adds_to_ensemble(self) -> bool:
        """Whether a channel has a template: without one it is but three ridges that look back on less."""
        return any(self.templates)

    @classmethod
    def candidates(cls, splits: WindowSplits) -> Iterator[Self]:
        """Yield the predictors to choose from, best on validation first: one for each alpha."""
        templates = tuple(cls._best_template(splits, channel) for channel in range(splits.channels))
        harmonics = max(len(template.waves) // 2 if template else 0 for template in templates)
        taps, (low, high) = min(splits.window.context, MAX_TAPS), limits(splits)
        sizes = {"taps": taps, "segments": splits.training.ahead, "harmonics": harmonics, "moving": True}
        for solution in sorted(cls.residual_maps(splits, templates, taps), key=lambda solution: solution.error):
            parameters = TemplateParameters(alpha=solution.alpha, low=low, high=high, **sizes)
            yield cls(parameters, splits.window, as_stored(solution.kernel), as_stored(solution.bias), templates)

    @classmethod
    def _best_template(cls, splits: WindowSplits, channel: int) -> Template | None:
        """Return the template that leaves least of the channel's validation targets, or None if all leave too much."""
        chosen_by = examples(splits.validation, channel, splits.channels) or training_examples(splits, channel)
        stretch = longest_stretch(splits, channel)
        if chosen_by is None or not len(stretch):
            return None
        # Normalised windows lie about their own level.
        mean = 0.0 if splits.window.normalised else float(stretch.mean(dtype=np.float64))
        contexts, targets = (values - mean for values in chosen_by)
        contexts = np.ascontiguousarray(contexts[:, -MAX_TAPS:])
        if cls.is_about_context:
            level = contexts.mean(axis=1, keepdims=True)
            contexts, targets = contexts - level, targets - level
        best, least = None, cls.worthwhile * float(np.square(targets).mean())
        for fundamental in fundamentals(stretch, contexts.shape[1], splits.channels):
            for count in (count for count in COUNTS if count * fundamental < 0.5):
                template = fit_template(stretch, fundamental, count)
                residuals = targets - template.at(template.phases(contexts), (0, targets.shape[1]))
                error = float(np.square(residuals).mean())
                if error < least * BETTER:
                    best, least = template, error
        return best

    @classmethod
    def residual_maps(
        cls, splits: WindowSplits, templates: tuple[Template | None, ...], taps: int
    ) -> Iterator[Solution]:
        """Yield for each penalty the linear map of the residuals: a mixture of three ridges."""
        training, validation = residual_grams(splits, templates, taps)
        mean = training.mean
        moments, validation_moments = training.centred(mean), validation.centred(mean)
        for alpha in ALPHAS[::2]:
            kernels = np.zeros((len(SHARES), taps, splits.window.n_input))
            for kernel, share in zip(kernels, SHARES, strict=True):
                begin = taps - max(1, round(taps * share))
                square, cross = moments[begin:taps, begin:taps], moments[begin:taps, taps:]
                kernel[begin:] = penalised_map(square, cross, alpha)
            mixture = np.tensordot(convex(_error_products(validation_moments, kernels)), kernels, axes=1)
            bias = mean[taps:] - mean[:taps] @ mixture
            yield Solution(squared_error(validation_moments, mixture), alpha, False, mixture, bias)

    @classmethod
    def specs(cls, parameters: Any, window: Window, channels: int) -> Specs:
        """Return ridge's kernel (taps, N) and bias (N,); for each channel fundamental (C,) and waves (C, 2 K)."""
        if parameters.segments != 1 and not cls.is_direct:
            raise ValueError("a template is laid under one segment at a time")
        specs, count = super().specs(parameters, window, channels), parameters.harmonics
        if count:
            specs["fundamental"] = TensorSpec("F64", (channels,))
            specs["waves"] = TensorSpec("F64", (channels, 2 * count))
        return specs

    @classmethod
    def restore(cls, parameters: Any, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the predictor that was stored; ModelError for a fundamental outside 0 to 0.5."""
        kernel, bias = (tensors[name].astype(np.float64) for name in ("kernel", "bias"))
        if not parameters.harmonics:
            return cls(parameters, window, kernel, bias, ())
        fundamental, waves = (tensors[name].astype(np.float64) for name in ("fundamental", "waves"))
        if not np.all((fundamental >= 0) & (fundamental <= 0.5)):
            raise ModelError(f"A fundamental of the predictor {cls.name!r} lies outside 0 to 0.5 cycles a sample.")
        pairs = zip(fundamental.tolist(), waves.tolist(), strict=True)
        return cls(parameters, window, kernel, bias, tuple(Template(f, tuple(w)) if f else None for f, w in pairs))

    def tensors(self) -> dict[str, NDArray]:
        """Return kernel and bias in single precision, fundamentals and waves in double; 0 where there is none."""
        tensors, count = super().tensors(), self.parameters.harmonics
        if count:
            tensors["fundamental"] = np.array([t.fundamental if t else 0.0 for t in self.templates])
            tensors["waves"] = np.array([_padded_waves(template, count) for template in self.templates])
        return tensors

    def unclipped(self, context: Context) -> Array:
        """Return the template ahead plus the map of the context without its template, (B, K N), whatever the limits."""
        values, taps, width = context.values, self.parameters.taps, self.kernel.shape[1]
        behind, ahead = np.zeros((len(values), taps)), np.zeros((len(values), width))
        for channel in np.unique(context.channel):
            template = self.templates[channel] if self.templates else None
            if template is not None:
                rows = np.flatnonzero(context.channel == channel)
                recent = np.ascontiguousarray(values[rows, -taps:])
                if self.is_about_context:
                    recent -= recent.mean(axis=1, keepdims=True)
                phases = template.phases(recent)
                behind[rows], ahead[rows] = template.at(phases, (-taps, 0)), template.at(phases, (0, width))
        return by_blocks(values[:, -taps:] - behind, self.kernel) + self.bias + ahead


def _padded_waves(template: Template | None, count: int) -> list[float]:
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
def _phase_grid(count: int) -> Array:
    """Return the map from the scores of each harmonic to the score at every phase of the grid, (2 K, GRID)."""
    angle = 2 * np.pi / GRID * np.arange(1, count + 1)[:, None] * np.arange(GRID)
    return np.concatenate((np.cos(angle), np.sin(angle)))


def fit_template(stretch: NDArray[np.float32], fundamental: float, count: int) -> Template:
    """Return the template of `count` harmonics that is fitted to a stretch (T,), from phase 0 on."""
    # By projection: a stretch is so many periods long that its waves are as good as orthogonal.
    total = np.zeros(2 * count)
    for begin in range(0, len(stretch), BLOCK):
        block = stretch[begin : begin + BLOCK].astype(np.float64)
        total += block @ _basis(fundamental, count, (begin, begin + len(block)))
    return Template(fundamental, tuple((total * 2 / len(stretch)).tolist()))


def _error_products(moments: Array, kernels: Array) -> Array:
    """Return the summed products of the errors of several maps, `kernels` (M, taps, N), by the windows' moments."""
    taps = kernels.shape[1]
    square, cross = moments[:taps, :taps], moments[:taps, taps:]
    shared = np.einsum("mtn,tn->m", kernels, cross)
    both = np.einsum("atn,btn->ab", kernels, square @ kernels, optimize=True)
    products: Array = np.trace(moments[taps:, taps:]) - shared[:, None] - shared + (both + both.T) / 2
    return products


def residual_grams(splits: WindowSplits, templates: tuple[Template | None, ...], taps: int) -> tuple[Gram, Gram]:
    """Return the sums over the training and the validation windows of what the templates leave over.

    A window that is normalised keeps the level and the spread that it had with the template.
    """
    runs = splits.training.runs
    runs = replace(runs, flat=_residuals(splits, templates), reference=runs.flat)
    training, validation = (
        Gram.of(replace(windows, runs=runs), taps) for windows in (splits.training, splits.validation)
    )
    return training, validation


def _residuals(splits: WindowSplits, templates: tuple[Template | None, ...]) -> NDArray[np.float32]:
    """Return all runs end to end without their templates, each at the phase of the run's own training part."""
    runs, flat = splits.training.runs, splits.training.runs.flat.copy()
    for r in np.flatnonzero(splits.training.count + splits.validation.count):
        template = templates[runs.channel[r]]
        if template is None:
            continue
        windows = splits.training if splits.training.count[r] else splits.validation
        begin, stretch = int(windows.first[r]), windows.stretch(int(r)).astype(np.float64)
        phase = template.phases((stretch - stretch.mean())[None, -2 * BLOCK :])
        # The phase is that at the end of the stretch, from which the samples are counted.
        end = begin + len(stretch)
        for start in range(0, int(runs.length[r]), BLOCK):
            stop = min(start + BLOCK, int(runs.length[r]))
            place = slice(int(runs.start[r]) + start, int(runs.start[r]) + stop)
            flat[place] -= template.at(phase, (start - end, stop - end))[0].astype(np.float32)
    return flat
