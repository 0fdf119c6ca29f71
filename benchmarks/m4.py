"""The M4 competition's weekly and hourly series: one model of all of them, scored as the competition did.

The model is trained on the training file alone by one command, and every series is forecast from its end: 13 weeks or
48 hours. MASE is scaled by the mean absolute one-step (weekly) or one-day (hourly) difference of a series' training
rows, sMAPE goes from 0 to 200; both are means over series. Published figures: Makridakis, Spiliotis, Assimakopoulos,
"The M4 Competition" (2020), the winner (Smyl) and the benchmark Comb; repeating the last value or day is computed here.

    python benchmarks/m4.py weekly weekly_train.csv weekly_test.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import _measure as measure
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(measure.ROOT))

Array = NDArray[np.float64]


class Frequency(NamedTuple):
    """Samples ahead, the season of MASE, and the published (sMAPE, MASE) by source."""

    horizon: int
    season: int
    published: dict[str, tuple[float | None, float | None]]


FREQUENCIES = {
    "weekly": Frequency(13, 1, {"the winner of the M4": (7.82, 2.36), "Comb, a benchmark of the M4": (8.94, 2.43)}),
    "hourly": Frequency(48, 24, {"the winner of the M4": (9.33, 0.89)}),
}


def series(path: Path) -> dict[str, Array]:
    """Return the series of a file of the competition by name: one a row, the name first, as many cells as it has."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: np.array([float(cell) for cell in row[1:] if cell]) for row in rows}


def scores(training: dict[str, Array], targets: dict[str, Array], forecasts: dict[str, Array], season: int) -> Array:
    """Return the mean sMAPE and the mean MASE over all series."""
    rows = []
    for name, y_true in targets.items():
        error = np.abs(forecasts[name] - y_true)
        scale = np.abs(training[name][season:] - training[name][:-season]).mean()
        rows.append((200 * (error / (np.abs(y_true) + np.abs(forecasts[name]))).mean(), error.mean() / scale))
    return np.array(rows).mean(axis=0)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frequency", choices=FREQUENCIES, nargs="?", default="weekly")
    parser.add_argument("training", type=Path, nargs="?")
    parser.add_argument("test", type=Path, nargs="?")
    parser.add_argument("--predictor", action="append", help="several times for several; auto and ridge if left out")
    parser.add_argument("--quick", action="store_true", help="made-up series, one linear map: shows that it works")
    options = parser.parse_args()
    if options.test is None and not options.quick:
        parser.error("the two files are needed: the series are not shipped")
    frequency = FREQUENCIES[options.frequency]
    if options.test is not None:
        run(frequency, options.training, options.test, options.predictor or ["auto", "ridge"])
        return
    with tempfile.TemporaryDirectory() as folder:
        run(frequency, *made_up(Path(folder), frequency.horizon), ["ridge"])


def made_up(folder: Path, horizon: int) -> tuple[Path, Path]:
    """Write 30 walks of different size and length as a training and a test file, and return both."""
    rng = np.random.default_rng(0)
    paths = folder / "train.csv", folder / "test.csv"
    with paths[0].open("w", newline="") as training, paths[1].open("w", newline="") as test:
        writers = csv.writer(training), csv.writer(test)
        for writer in writers:
            writer.writerow(["V1", "V2"])
        for number in range(30):
            walk = (1000 + rng.normal(size=rng.integers(100, 300)).cumsum()) * 10.0 ** rng.uniform(-2, 2)
            for writer, values in zip(writers, (walk[:-horizon], walk[-horizon:]), strict=True):
                writer.writerow([f"W{number}", *map(repr, values.tolist())])
    return paths


def run(frequency: Frequency, training_path: Path, test_path: Path, predictors: list[str]) -> None:
    """Train each of the `predictors` on the training file, and print the scores on the test file."""
    from forecaster import Forecaster, read_signal

    horizon, season = frequency.horizon, frequency.season
    training, targets = series(training_path), series(test_path)
    signal = read_signal(str(training_path), layout="wide")
    repeated = {name: np.resize(values[-season:], horizon) for name, values in training.items()}
    naive = f"repeating the last {'value' if season == 1 else 'day'}"
    table = [(naive, *scores(training, targets, repeated, season), "")]
    for predictor in predictors:
        began = time.process_time()
        model = Forecaster.fit(signal, predictor=predictor, n_input=horizon, split=(85, 15, 0), seed=1)
        forecasts = {
            name: forecast.mean
            for name, forecast in zip(training, model.forecast(signal, horizon=horizon), strict=True)
        }
        cpu = f"{time.process_time() - began:.0f}"
        window = model.config.window
        label = f"{predictor}, {window.n_step} x {window.n_input}"
        table.append((label, *scores(training, targets, forecasts, season), cpu))
    print(f"{len(targets)} series, {horizon} ahead; {measure.machine()}\n")
    print("| | sMAPE | MASE | CPU s |\n|---|---:|---:|---:|")
    rows = [*table, *((f"published: {name}", *pair, "") for name, pair in frequency.published.items())]
    for name, smape, mase, cpu in rows:
        print(f"| {name} | {smape:.3f} | {mase:.3f} | {cpu} |")


if __name__ == "__main__":
    main()
