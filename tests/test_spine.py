"""The spine: how far it is from the public call to the mathematics, counted while it runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

import forecaster
from forecaster import networks
from forecaster.config import ReadingOptions
from forecaster.model import Forecaster
from forecaster.reading import read_signal
from tests.format1.fixtures import FIXTURES, HERE

PACKAGE = Path(forecaster.__file__).parent
EQUATIONS = PACKAGE / "equations"


NETWORKS = [name for name in FIXTURES if any(name.startswith(network) for network in networks.names())]


def is_function(code: CodeType) -> bool:
    """Whether a frame is that of a function of this package, and of no comprehension or generator expression."""
    return Path(code.co_filename).is_relative_to(PACKAGE) and not code.co_name.startswith("<")


class Depth:
    """Counts the package's frames on the stack when the first function of `equations` is entered, both ends counted."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if event != "call" or self.names or not Path(frame.f_code.co_filename).is_relative_to(EQUATIONS):
            return
        above: FrameType | None = frame
        while above is not None:
            if is_function(above.f_code):
                self.names.append(above.f_code.co_qualname)
            above = above.f_back


def frames_of(name: str) -> list[str]:
    """Return the functions on the stack while the model of a fixture forecasts, the equation first."""
    model = Forecaster.load(HERE / name / "model")
    reading = ReadingOptions.model_validate(model.config.reading.model_dump())
    source = json.loads((HERE / name / "model" / "model.json").read_bytes())["training_data"][0]["name"]
    signal = read_signal(HERE / "signals" / f"{Path(source).name}.csv", reading)
    depth = Depth()
    sys.setprofile(depth)
    try:
        model.forecast([signal], levels=())
    finally:
        sys.setprofile(None)
    return depth.names


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_five_frames_from_the_public_call_to_the_mathematics(name: str) -> None:
    frames = frames_of(name)
    assert len(frames) <= 5, frames
    assert frames[-1] == "Forecaster.forecast"


@pytest.mark.parametrize("name", [name for name in FIXTURES if name.startswith("auto")])
def test_an_ensemble_is_six(name: str) -> None:
    frames = frames_of(name)
    assert 0 < len(frames) <= 6, frames


def test_a_network_is_called_by_the_rollout_itself() -> None:
    assert frames_of("stacked-lstm")[-3:] == ["NetworkPredictor.predict", "rollout", "Forecaster.forecast"]
