"""Predictors of symbols: each gives the probability of every symbol of the alphabet to come next.

A symbol is a code 0..K-1 in the order of the alphabet. `predict` gives the likeliest code, which a
recursive forecast goes on with; `probabilities` gives all K of them. The baselines are fitted on
the training part, with Laplace's rule of succession: one is added to every count, so that
nothing is impossible.

Source: Jurafsky and Martin, "Speech and Language Processing", 3.1 (Markov models of symbols)
and 3.6 (smoothing).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from forecaster.config import Frozen, Window
from forecaster.errors import ModelError
from forecaster.networks import network
from forecaster.predictors.base import Array, NoParameters, Specs, SymbolPredictor, TensorSpec
from forecaster.predictors.network import NetworkPredictor
from forecaster.signal.context import Context
from forecaster.signal.windows import WindowSplits


def one_hot(codes: NDArray, symbols: int, dtype: np.dtype) -> NDArray:
    """Return codes (B, S) as rows of a unit matrix, (B, S, K).

    >>> one_hot(np.array([[2.0, 0.0]]), 3, np.dtype(np.float32)).tolist()
    [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    """
    numbers = codes.astype(np.int64)[..., None]
    return (numbers == np.arange(symbols)).astype(dtype)


class SymbolNetwork(SymbolPredictor, NetworkPredictor):
    """A network that computes the probabilities of the next symbol from one-hot symbols."""

    @classmethod
    def specs(cls, parameters: Frozen, window: Window, channels: int) -> Specs:
        """Return the network's tensors, in single precision; ValueError without an alphabet."""
        _alphabet(window)
        return super().specs(parameters, window, channels)

    def probabilities(self, context: Context) -> Array:
        """Return the probability of each symbol to come next, (B, K)."""
        return _normalised(network(self.name).forward(self.parameters, self.weights, self.steps(context)))

    def steps(self, context: Context) -> NDArray:
        """Return the symbols one-hot, (B, S, K)."""
        return one_hot(context.values, self.window.symbols, self.dtype)


class Stay(Frozen):
    """The probability that a symbol stays what it is."""

    stay: Annotated[float, Field(gt=0, le=1)]


class LastSymbol(SymbolPredictor):
    """The last symbol again, as likely as it stayed in training; all others equally likely.

    Where it hardly ever stayed it is still taken to be twice as likely as any other: it is the
    forecast that this baseline stands for.
    """

    name = "last-symbol"
    label = "repeating the last symbol"
    is_baseline = True
    Parameters = Stay
    parameters: Stay

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor with the share of steps in which the symbol stayed the same."""
        symbols = _alphabet(splits.window)
        stayed, steps = 0, 0
        for codes in _training_codes(splits):
            stayed += int((codes[1:] == codes[:-1]).sum())
            steps += len(codes) - 1
        return cls(Stay(stay=max((stayed + 1) / (steps + symbols), 2 / (symbols + 1))), splits.window)

    @classmethod
    def specs(cls, parameters: Stay, window: Window, channels: int) -> Specs:
        """Return no tensors; ValueError without an alphabet."""
        _alphabet(window)
        return {}

    def probabilities(self, context: Context) -> Array:
        """Return the probability of each symbol to come next, (B, K)."""
        symbols = self.window.symbols
        change = (1 - self.parameters.stay) / (symbols - 1)
        last = context.values[:, -1:].astype(np.int64)
        return np.where(last == np.arange(symbols), self.parameters.stay, change)

    def predict(self, context: Context) -> Array:
        """Return the last symbol, (B, 1)."""
        return context.values[:, -1:].copy()


@dataclass(frozen=True)
class CountedShares(SymbolPredictor):
    """Probabilities that were counted in the training part. They are the one tensor of the predictor.

    A subclass has in `tensor` the tensor's name, and in `axes` how many axes of K it has.
    """

    tensor: ClassVar[str]
    axes: ClassVar[int]
    shares: NDArray[np.float32]

    @classmethod
    def counted(cls, counts: NDArray, splits: WindowSplits) -> Self:
        """Return the predictor whose probabilities are the rows of `counts` (..., K), one added to each count."""
        plus_one = counts.astype(np.float64) + 1
        shares = (plus_one / plus_one.sum(axis=-1, keepdims=True)).astype(np.float32)
        return cls(NoParameters(), splits.window, shares)

    @classmethod
    def specs(cls, parameters: NoParameters, window: Window, channels: int) -> Specs:
        """Return the tensor of probabilities; ValueError without an alphabet."""
        return {cls.tensor: TensorSpec("F32", (_alphabet(window),) * cls.axes)}

    @classmethod
    def restore(cls, parameters: NoParameters, tensors: dict[str, NDArray], window: Window) -> Self:
        """Return the predictor that was stored; ModelError for a probability that is not above 0."""
        shares = tensors[cls.tensor]
        if not (shares > 0).all():
            raise ModelError("The model folder holds a probability that is not above 0.", hint="Train the model again.")
        return cls(parameters, window, shares)

    def tensors(self) -> dict[str, NDArray]:
        """Return the probabilities."""
        return {self.tensor: self.shares}


class MostFrequent(CountedShares):
    """The symbol that was most frequent in training, whatever came before: P(x) = (n_x + 1) / (n + K)."""

    name = "most-frequent"
    label = "naming the most frequent symbol"
    is_baseline = True
    tensor, axes = "shares", 1

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor with the share of each symbol in the training part."""
        symbols = _alphabet(splits.window)
        counts = np.zeros(symbols)
        for codes in _training_codes(splits):
            counts += np.bincount(codes, minlength=symbols)
        return cls.counted(counts, splits)

    def probabilities(self, context: Context) -> Array:
        """Return the same probabilities for every context, (B, K)."""
        return np.repeat(_normalised(self.shares[None]), len(context.values), axis=0)


class Markov(CountedShares):
    """The first-order Markov chain: how often y followed x in training, P(y | x) = (n_xy + 1) / (n_x + K)."""

    name = "markov"
    label = "the Markov chain"
    is_baseline = True
    tensor, axes = "transitions", 2

    @classmethod
    def fit(cls, splits: WindowSplits) -> Self:
        """Return the predictor with the share of each transition in the training part."""
        symbols = _alphabet(splits.window)
        counts = np.zeros((symbols, symbols))
        for codes in _training_codes(splits):
            np.add.at(counts, (codes[:-1], codes[1:]), 1)
        return cls.counted(counts, splits)

    def probabilities(self, context: Context) -> Array:
        """Return the probability of each symbol to come next, (B, K)."""
        return _normalised(self.shares[context.values[:, -1].astype(np.int64)])


def _alphabet(window: Window) -> int:
    """Return K; ValueError where the window is not one of symbols."""
    if window.symbols < 2 or window.n_input != 1:
        raise ValueError("it forecasts symbols, one at a time, of an alphabet of two or more")
    return window.symbols


def _training_codes(splits: WindowSplits) -> Iterator[NDArray[np.int64]]:
    """Yield the codes that the training windows of each run cover."""
    training = splits.training
    for r in np.flatnonzero(training.count):
        yield training.stretch(int(r)).astype(np.int64)


def _normalised(rows: NDArray) -> Array:
    """Return `rows` (B, K) in double precision, each scaled to the sum 1."""
    double = rows.astype(np.float64)
    return double / double.sum(axis=1, keepdims=True)
