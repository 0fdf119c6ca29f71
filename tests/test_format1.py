"""Model folders of format 1, written by version 1, are read for ever and forecast as they did."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.commands import ok
from tests.format1.fixtures import FIXTURES, HERE

# A forecast of the same model differs between processors: their kernels of BLAS add up in another order, and a
# network's tensors and sums are in single precision, whose last digit is 6e-8 of a value. The closed loop feeds what it
# made back four times. So the numbers may differ by 1e-5 of themselves, or of the channel's deviation in training.
RELATIVE = 1e-5


@pytest.fixture(autouse=True)
def within_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """Call the models by the names that stand in what was printed, and the program by its own."""
    monkeypatch.chdir(HERE)
    monkeypatch.setattr(sys, "argv", ["forecaster"])


def stored_metrics(name: str) -> object:
    (path,) = Path(name, "model").glob("data-*/metrics.json")
    return json.loads(path.read_bytes())


def deviations(name: str, table: pd.DataFrame) -> np.ndarray:
    """Return for each row of a forecast the deviation of its channel in training; 1 for probabilities."""
    manifest = json.loads(Path(name, "model", "model.json").read_bytes())
    targets = manifest["channels"]["target"]
    channels = table["unique_id"].str.rpartition("/")[2]
    codes = [targets.index(channel) if channel in targets else 0 for channel in channels]
    return np.array(manifest["scaler"]["scale"])[codes]


def numbers(table: pd.DataFrame) -> Iterator[str]:
    """Name the columns of a forecast that hold computed numbers."""
    return (name for name in table if name not in {"unique_id", "ds"} and pd.api.types.is_float_dtype(table[name]))


def test_every_predictor_of_then_is_there() -> None:
    manifests = [json.loads(Path(name, "model", "model.json").read_bytes()) for name in FIXTURES]
    stored = {state["name"] for manifest in manifests for state in manifest["predictors"]}
    listed = {row["name"] for row in json.loads(ok("predictors", "--json").stdout)["predictors"]}
    assert stored <= listed


def test_every_folder_is_tested() -> None:
    assert {path.parent.name for path in HERE.glob("*/model")} == FIXTURES.keys()


@pytest.mark.parametrize("name", FIXTURES)
def test_a_model_shows_what_it_showed(name: str) -> None:
    shown = json.loads(ok(*FIXTURES[name].inspect(name), "--json").stdout)
    assert shown.pop("evaluations") == stored_metrics(name)
    assert shown == json.loads(Path(name, "inspect.json").read_bytes())
    assert ok(*FIXTURES[name].inspect(name)).stdout == Path(name, "inspect.txt").read_text("utf-8")


@pytest.mark.parametrize("name", FIXTURES)
def test_a_model_forecasts_what_it_forecast(name: str, tmp_path: Path) -> None:
    ok(*FIXTURES[name].forecast(name, str(tmp_path / "out")))
    (path,) = (tmp_path / "out").glob("*.csv")
    now, then = pd.read_csv(path), pd.read_csv(Path(name, "forecast.csv"))
    computed = list(numbers(then))
    assert computed
    assert list(now) == list(then)
    pd.testing.assert_frame_equal(now.drop(columns=computed), then.drop(columns=computed))
    scale = deviations(name, then)
    for column in computed:
        np.testing.assert_array_less(
            np.abs(now[column] - then[column]), RELATIVE * (scale + then[column].abs()), err_msg=column
        )
