"""The model folders of format 1 that are kept: how each was trained, and how it forecasts."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WINDOW = "--n-step 4 --n-input 4"
HORIZON = "-n 14 --level 80 --level 95"
"""Three segments and a half, all of them within the 16 samples of a context, where there are bands."""


@dataclass(frozen=True)
class Fixture:
    """A model of `signal`: the options of `train`, and those of `forecast`.

    `interrupted`: its training is ended by Ctrl-C after the first look at the validation part.
    """

    signal: str
    training: str
    forecasting: str = HORIZON
    interrupted: bool = False

    def train(self, name: str) -> list[str]:
        """Return the command that trained the model `name`, as seen from this folder."""
        return shlex.split(f"train signals/{self.signal} -o {name}/model {self.training}")

    def forecast(self, name: str, folder: str) -> list[str]:
        """Return the command that forecasts the signal into `folder`."""
        return shlex.split(f"forecast {name}/model signals/{self.signal} -o {folder} {self.forecasting}")

    def inspect(self, name: str) -> list[str]:
        """Return the command that shows the model."""
        return ["inspect", f"{name}/model"]


CLOSED_FORM = (
    "last-value", "repeat-segment", "seasonal-naive", "mean", "harmonic", "local-ar", "ridge",
    "level-ridge", "periodic-ridge", "template-ridge", "direct-ridge",
)  # fmt: skip
STACK = "--set units_1=4 --set units_2=4 --set hidden=4"
NETWORKS = {
    "basic-rnn": STACK,
    "gru": STACK,
    "level-lstm": STACK,
    "linear-lstm": STACK,
    "narx": "--set units=4",
    "segment-gru": "--set units=4",
    "sliding-conv": "--set layers=2 --set taps=3 --set filters=4 --set hidden=4",
    "stacked-lstm": STACK,
    "state-space": "--set units=4 --set hidden=4",
    "textbook-lstm": STACK,
}
VARIANTS = {
    "basic-rnn-relu": ("basic-rnn", "--set activation=relu"),
    "gru-update-takes-reset-after": ("gru", "--set mix=update-takes"),
    "gru-update-keeps-reset-before": ("gru", "--set reset=before"),
    "gru-update-takes-reset-before": ("gru", "--set mix=update-takes --set reset=before"),
    "segment-gru-plain": ("segment-gru", "--set normalised=false"),
    "segment-gru-direct": ("segment-gru", "--horizon-mode direct"),
    "stacked-lstm-lecture": ("stacked-lstm", "--recipe lecture"),
    "stacked-lstm-no-test": ("stacked-lstm", "--split 85/15/0"),
    "state-space-carried": ("state-space", "--carry-state"),
}
STEPS = "--steps 20 --seed 1"
LONGER = "--steps 400 --seed 1"
"""Steps after which the combination gives weight to its networks, too."""


def numbers(predictor: str, *options: str, signal: str = "machine.csv") -> Fixture:
    """Return a fixture of a predictor of numbers."""
    return Fixture(signal, " ".join((f"--predictor {predictor} {WINDOW}", *options)))


def network(name: str, *options: str, signal: str = "machine.csv") -> Fixture:
    """Return a fixture of a small network of numbers."""
    return numbers(name, STEPS, NETWORKS[name], *options, signal=signal)


def symbols(predictor: str, *options: str) -> Fixture:
    """Return a fixture of a predictor of symbols, which have no bands."""
    return Fixture("states.csv", " ".join((f"--predictor {predictor} --n-step 6", *options)), "-n 5")


FIXTURES: dict[str, Fixture] = {
    **{name: numbers(name) for name in CLOSED_FORM},
    **{name: network(name) for name in NETWORKS},
    **{name: network(predictor, options) for name, (predictor, options) in VARIANTS.items()},
    **{f"{name}-direct": numbers(name, "--horizon-mode direct") for name in ("direct-ridge", "periodic-ridge")},
    **{name: symbols(name) for name in ("last-symbol", "most-frequent", "markov")},
    "symbol-rnn": symbols("symbol-rnn", STEPS, "--set units=4"),
    "symbol-rnn-zero": symbols("symbol-rnn", STEPS, "--set units=4 --set initial=zero"),
    "auto": numbers("auto", STEPS),
    "auto-direct": numbers("auto", STEPS, "--horizon-mode direct"),
    "auto-joint": numbers("auto", LONGER, "--joint", signal="coupled.csv"),
    "auto-known": numbers("auto", LONGER, "--known setpoint --calendar hour-of-day", signal="plan.csv"),
    "ridge-channels": numbers("ridge", signal="coupled.csv"),
    "gru-channels": network("gru", signal="coupled.csv"),
    "gru-joint": network("gru", "--joint", signal="coupled.csv"),
    "gru-exogenous": network("gru", "--column follower --exogenous leader", signal="coupled.csv"),
    "gru-known": network("gru", "--exogenous draught --known setpoint", signal="plan.csv"),
    "stacked-lstm-calendar": network(
        "stacked-lstm", "--column oven --calendar hour-of-day --calendar day-of-week --missing split", signal="plan.csv"
    ),
    "ridge-groups": numbers("ridge", "--group-column run --decimal , --missing interpolate", signal="runs.csv"),
    "ridge-headers": numbers("ridge", signal="headers.csv"),
    "stacked-lstm-interrupted": Fixture(
        "machine.csv", f"--predictor stacked-lstm {WINDOW} --steps 5000 --seed 1 {STACK}", interrupted=True
    ),
}
