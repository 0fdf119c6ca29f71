"""Symbols: the likeliest ones to come with their probabilities, scored by accuracy and cross-entropy.

Symbols are learned synchronised, many to many: every step of a window answers with the probabilities of the symbol
that follows it, and the loss is the cross-entropy of all S answers. Their input is one-hot and gets no noise, whatever
the recipe says: half a symbol means nothing.

Source: deck C (K. H. Wong), demo_rnn4b; deck E, "Recurrent Neural Network", the kinds of sequence task.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from forecaster import networks
from forecaster.config import Recipe, RunConfig, Split, Window
from forecaster.conformal import bands
from forecaster.errors import OutputError, SignalError, UsageError, printable
from forecaster.evaluation import ForecastFn, SymbolScorer
from forecaster.forecasting.forecast import Cell, Forecast, finite, safe_text
from forecaster.forecasting.rollout import rollout_symbols
from forecaster.predictors import Predictor, SymbolPredictor
from forecaster.predictors.symbolic import one_hot
from forecaster.reading.survey import survey_labels
from forecaster.reading.symbols import listed, one_alphabet, recoded
from forecaster.signal.context import Context
from forecaster.signal.origins import Origins
from forecaster.signal.scaling import Scaler
from forecaster.signal.signal import Signal
from forecaster.signal.windows import WindowSplits, boundaries
from forecaster.tasks.base import Array, Examples, Series, Task
from forecaster.tasks.fitted import FittedModel
from forecaster.tasks.numbers import delayed

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GIVEN = "from the second step on, the probabilities are those given the symbols forecast before"
NO_BANDS = "symbols have probabilities, not bands"
# Symbols that a unit of a network may follow: the most frequent ones of a large alphabet.
MOST_SYMBOLS = 32
# Probabilities in a row of the terminal.
SHOWN = 8

Walk = tuple[Array, Array]
"""Codes (B, H), and the probabilities (B, H, K) that they were chosen by."""


class Symbols(Task):
    """The next symbols of a column of labels."""

    name = "symbols"
    noun = "symbols"
    columns = "a column of symbols"
    settings: ClassVar[Mapping[str, Mapping[str, Any]]] = {"reading": {"symbols": True}, "window": {"n_input": 1}}
    unused_options: ClassVar[Mapping[str, str]] = {
        "plot": "--plot draws scores of numbers; those of symbols are in the table and in --json.",
        "levels": "--level is for bands of numbers; a forecast of symbols gives the probability of each.",
        "forecasts": "--forecasts writes those of numbers; scores of symbols are in the table and in --json.",
    }
    loss_label = "cross-entropy, nats"
    rollout = staticmethod(rollout_symbols)
    is_continuous = False
    no_gradient = "symbols have no small changes, so a gradient by lag is not defined"

    # --- reading -------------------------------------------------------------------------

    def suggested_training(self, signal: Signal) -> str | None:
        """Return a command that trains a network which fits `signal`, or None if it is too short for any."""
        return survey_labels(signal, self.best_network).command

    @property
    def best_network(self) -> str:
        """The network that is suggested first."""
        return next(name for name in self.predictors if name in networks.names())

    def holds(self, signal: Signal) -> bool:
        """Return whether `signal` holds symbols."""
        return bool(signal.symbols)

    def harmonised(self, signals: Sequence[Signal]) -> list[Signal]:
        """Return `signals` with codes of one alphabet: all their symbols, in the order of first appearance."""
        return one_alphabet(signals)

    def aligned(self, signal: Signal, labels: tuple[str, ...]) -> Signal:
        """Return `signal` with the codes of the model's alphabet; SignalError for a symbol that is not in it."""
        if not self.holds(signal):
            raise SignalError("numbers", path=signal.path, expected="a column of symbols, as in training")
        return recoded(signal, labels)

    # --- training ------------------------------------------------------------------------

    def loss(self, recipe: Recipe) -> str:
        """Return the cross-entropy, whatever the recipe says."""
        return "sparse_categorical_crossentropy"

    def window_fields(self, config: RunConfig, signals: Sequence[Signal]) -> dict[str, int]:
        """Return N = 1 and K; UsageError for another N that was asked for."""
        if config.joint:
            raise UsageError("--joint: symbols are one channel, which has no others to see.", hint="Leave it out.")
        signal, n_input = signals[0], config.window.n_input
        if n_input != 1 and "n_input" in config.window.model_fields_set:
            problem = f"--n-input {n_input}: symbols are forecast one at a time, so a segment is 1 symbol."
            raise UsageError(problem, hint="Leave it out; -n says how many symbols to forecast.")
        if len(signal.symbols) < 2:
            problem = f"it holds one symbol alone, {signal.symbols[0]!r}"
            raise SignalError(problem, path=signal.path, column=signal.channels[0], expected="two symbols or more")
        covariates = {"exogenous": len(signal.exogenous), "known": signal.known, "others": 0}
        return {**covariates, "symbols": len(signal.symbols), "n_input": 1}

    def window_size(self, window: Window, fields: Mapping[str, int]) -> str:
        """Return how large a window is, in words."""
        return f"{window.n_step} symbols out of {fields['symbols']}"

    def suggested_window(self, rows: int, split: Split, period: float | None) -> tuple[int, int] | None:
        """Return an S of at most a fifth of the training part, and N = 1."""
        b1, _ = boundaries(rows, split)
        return (min(25, b1 // 5), 1) if b1 >= 10 else None

    def fit_scaler(self, training: Sequence[Array], signal: Signal) -> Scaler:
        """Return the scaler that leaves codes as they are."""
        return Scaler.identity()

    def choice_ends(self, begins: NDArray[np.int64], ends: NDArray[np.int64], window: Window) -> NDArray[np.int64]:
        """Return the end of each validation part: there are no bands that would need some of it."""
        return ends

    def examples(self, inputs: NDArray[np.float32], targets: NDArray[np.float32], window: Window) -> Examples:
        """Return the symbols one-hot (B, S, K), and the codes (B, S) that follow each: the window moved on by one.

        >>> codes = np.array([[[0], [1]]], np.float32)
        >>> window = Window(n_step=2, n_input=1, symbols=3)
        >>> x, y = Symbols().examples(codes, np.array([[2]], np.float32), window)
        >>> x.tolist(), y.tolist()
        ([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]], [[1.0, 2.0]])
        """
        codes = inputs[:, :, 0]
        following = np.concatenate((codes[:, 1:], targets), axis=1)
        return one_hot(codes, window.symbols, inputs.dtype), following

    def calibrate(
        self, predictor: Predictor, splits: WindowSplits, config: RunConfig, fold_predictors: Sequence[Predictor]
    ) -> tuple[bands.IntervalState, NDArray[np.float32]]:
        """Return no bands: the probabilities say how sure a forecast is."""
        return bands.calibrate([np.zeros((0, 1))], reason=NO_BANDS)

    # --- forecasting ---------------------------------------------------------------------

    def forecasts(
        self, model: FittedModel, series: Sequence[Series], context: Context, rolled: Walk, levels: Sequence[int]
    ) -> list[Forecast]:
        """Return the likeliest symbols of each of `series`, and the probabilities of all; there are no bands."""
        labels, reasons = model.manifest.channels.labels, {"p": GIVEN} if rolled[0].shape[1] > 1 else {}
        return [
            SymbolForecast(
                **end.named(model.manifest.channels),
                mean=codes,
                history=end.origin.context(model.manifest.window).values[0],
                reasons=reasons,
                symbols=labels,
                probabilities=probabilities,
            )
            for end, codes, probabilities in zip(series, *rolled, strict=True)
        ]

    # --- evaluation ----------------------------------------------------------------------

    def forecast_fn(self, model: FittedModel) -> ForecastFn:
        """Return the function that forecasts symbols, and their probabilities, with several predictors at once."""

        def forecast_fn(group: Sequence[Origins], horizon: int, names: Collection[str]) -> dict[str, Walk]:
            context = model.context(group)
            return {
                name: rollout_symbols(cast(SymbolPredictor, model.scored[name]), context, horizon) for name in names
            }

        return forecast_fn

    def scorer(self, model: FittedModel, levels: Sequence[int]) -> SymbolScorer:
        """Return what scores symbols by their probabilities; there are no bands whose levels could be asked for."""
        return SymbolScorer()

    # --- showing -------------------------------------------------------------------------

    def facts(self, labels: Sequence[str]) -> list[tuple[str, str]]:
        """Return how many symbols there are, and the first of them."""
        return [("symbols", f"{len(labels)}: {listed(labels)}")]

    def features(self, values: Array, window: Window, labels: Sequence[str]) -> dict[str, NDArray[np.floating]]:
        """Return where each symbol stands, and where it stood one step before; of many symbols the most frequent."""
        counts = np.bincount(values.astype(np.int64).ravel(), minlength=len(labels))
        frequent = sorted(np.argsort(-counts, kind="stable")[:MOST_SYMBOLS].tolist())
        features = {f"the symbol {labels[code]}": (values == code).astype(float) for code in frequent}
        return features | {f"{name} one step ago": delayed(places, 1) for name, places in features.items()}


@dataclass(frozen=True)
class SymbolForecast(Forecast):
    """What is expected of one series of symbols.

    `mean` (H,) and `history` (L,) are codes: places in the alphabet `symbols` (K,). `probabilities` (H, K) are those of
    every symbol, given the symbols forecast before.
    """

    symbols: tuple[str, ...] = ()
    probabilities: Array | None = None

    def header(self, levels: Sequence[int]) -> list[str]:
        """Return the names of the columns: the symbol, its probability, and that of every symbol."""
        return ["unique_id", "ds", "y_hat", "p", *(safe_text(f"p-{symbol}") for symbol in self.symbols)]

    def columns(self, levels: Sequence[int]) -> list[list[Cell]]:
        """Return the columns, H cells each; OutputError if a probability is missing or not finite."""
        if self.probabilities is None:
            raise OutputError(f"The forecast of {printable(self.unique_id)} has no probabilities.")
        codes = self.mean.astype(np.int64)
        return [
            [safe_text(self.unique_id)] * len(codes),
            self.stamps(),
            [safe_text(self.symbols[code]) for code in codes],
            finite(self.probabilities[np.arange(len(codes)), codes], self.unique_id),
            *(finite(column, self.unique_id) for column in self.probabilities.T),
        ]

    def preview(self, count: int) -> tuple[list[str], list[list[Cell]]]:
        """Return the first `count` rows with the probabilities of the first symbols, and their header."""
        header = ["ds", "y_hat", "p", *(printable(f"p-{symbol}", 20) for symbol in self.symbols[:SHOWN])]
        rows = zip(*self.columns(())[1 : len(header) + 1], strict=True)
        shown = [[ds, str(symbol), *(f"{p:.3f}" for p in chances)] for ds, symbol, *chances in rows]
        return header, shown[:count]

    @classmethod
    def figure(cls, forecasts: Sequence[Any]) -> Figure:
        """Return the picture of the forecasts of one file."""
        from forecaster.plots.forecasts import symbols

        return symbols(forecasts)
