"""A training that was interrupted and resumed ends with the weights, byte for byte, of one that was not."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from forecaster import networks
from forecaster.bundle import Checkpoint
from forecaster.bundle.checkpoint import PREFIX, STATE
from forecaster.config import ReadingOptions, Recipe, RunConfig, Window
from forecaster.model import Forecaster
from forecaster.signals import Recording, Signal, TimeAxis
from forecaster.training import Silent
from tests.commands import ok, refused, run

WINDOW = Window(n_step=3, n_input=4)
RECIPE = Recipe(steps=70, steps_per_epoch=10, batch=8, learning_rate=5e-3)
SMALL = {"units": 4, "units_1": 4, "units_2": 4, "hidden": 4, "filters": 3, "state": 4}


class Killed(BaseException):
    """What ends a training as abruptly as a kill does, within this process."""


class Killer(Silent):
    """Ends a training when it has reached a step for the k-th time a network is trained."""

    def __init__(self, step, network=1):
        self.step, self.network, self.begun = step, network, 0

    def start(self, total_steps):
        self.begun += 1

    def update(self, step, loss, validation_loss):
        if validation_loss is not None and self.begun == self.network and step >= self.step:
            raise Killed


def line(channels=("x",), exogenous=(), known=0, rows=400, seed=0):
    """A noisy sine in each column."""
    rng, t = np.random.default_rng(seed), np.arange(rows)
    count = len(channels) + len(exogenous)
    values = np.stack([np.sin(t / (4 + k)) + 0.3 * rng.normal(size=rows) for k in range(count)], axis=1)
    units = ("m",) * len(channels)
    return Signal("line", channels, (Recording(values, TimeAxis()),), units=units, exogenous=exogenous, known=known)


def letters(rows=400):
    codes = np.random.default_rng(3).integers(0, 3, rows)[:, None].astype(float)
    return Signal("letters", ("s",), (Recording(codes, TimeAxis()),), units=("",), symbols=("a", "b", "c"))


def config_of(name, **changes):
    fields = networks.network(name).Parameters.model_fields
    parameters = {key: value for key, value in SMALL.items() if key in fields}
    given = {"predictor": name, "parameters": parameters, "window": WINDOW, "recipe": RECIPE, "seed": 5}
    if networks.task(name) == "symbols":
        window, reading = WINDOW.model_copy(update={"n_input": 1}), ReadingOptions(symbols=True)
        given |= {"window": Window(n_step=5, n_input=1), "reading": reading}
    return RunConfig(**(given | changes))


@dataclass(frozen=True)
class Training:
    """One training, and where it keeps its checkpoint."""

    signals: list
    config: RunConfig
    model: Path

    def fit(self, progress=None, *, resume=False):
        asked = Forecaster.run_of(self.signals, self.config)
        with Checkpoint.opened(self.model, asked, resume=resume) as checkpoint:
            checkpoint_always(checkpoint)
            made = Forecaster.fit(self.signals, self.config, progress=progress, checkpoint=checkpoint)
            assert not checkpoint.note
            checkpoint.discard()
            return made

    def killed(self, step, network=1, *, resume=False):
        with pytest.raises(Killed):
            self.fit(Killer(step, network), resume=resume)


def checkpoint_always(checkpoint):
    offer = checkpoint.put
    checkpoint.offer = offer


def bytes_of(model):
    found = {f"{one.name}/{name}": t.tobytes() for one in model.predictors for name, t in one.tensors().items()}
    return found | {"quantiles": model.quantiles.tobytes()}


def course_of(model):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in model.history]


def assert_same(one, other):
    assert bytes_of(one) == bytes_of(other)
    assert course_of(one) == course_of(other)
    assert one.stored == other.stored
    assert one.notes == other.notes


@pytest.mark.parametrize("name", networks.names())
def test_every_network_resumes_to_the_same_bytes(name, tmp_path):
    signals = [letters() if networks.task(name) == "symbols" else line()]
    training = Training(signals, config_of(name), tmp_path / "m")
    whole = training.fit()
    training.killed(random.randrange(10, 40, 10))
    training.killed(random.randrange(40, 70, 10), resume=True)
    assert_same(training.fit(resume=True), whole)
    assert list(tmp_path.iterdir()) == []
