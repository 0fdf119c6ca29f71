"""The standard benchmark of long horizons: ETTh1, 96 to 720 hours ahead from the 720 before.

Protocol of Zhou et al., "Informer" (2021): 12 months train, 4 validate, 4 test; every channel
z-scored by its training part; MSE and MAE over all channels, steps and test windows, each window
counted. One model for all channels, which are forecast independently. Nothing is chosen by the
test part: how far ridge looks back, alpha and the best step of each network by validation; that the
mean of all of them is what counts was decided before, and so was the noise of each. Published
figures: as their papers give them. SegRNN's were taken with the last incomplete batch of 256 test
windows left out, as its authors say of their code, and these windows are the hardest: the same mean
over the same windows has a row of its own.

    python benchmarks/ett.py --data ETTh1.csv
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import _measure as measure
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

sys.path.insert(0, str(measure.ROOT))

HORIZONS = (96, 192, 336, 720)
N_STEP, N_INPUT = 15, 48
MONTH = 30 * 24
SEEDS = (1, 2, 3)
NOISES = (0.0, 0.1, 0.0)
LOOKS_BACK = (720, 480, 240)
NETWORK = {"units": 256}
RECIPE = {"steps": 500, "batch": 256, "learning_rate": 2e-3, "dropout": 0.5, "patience": 4}
BATCH = 256
PUBLISHED = {
    "SegRNN (2023)": (0.351, 0.392, 0.423, 0.466),
    "PatchTST (2023)": (0.375, None, None, None),
    "DLinear (2023)": (0.381, None, None, None),
    "pointwise GRU": (1.135, None, None, None),
}


class Task(NamedTuple):
    """What is to be forecast: the run, its windows, and the test part's contexts, truth and channels."""

    config: Any
    parts: Any
    context: Any
    truth: np.ndarray


class Row(NamedTuple):
    """One predictor at one horizon."""

    name: str
    horizon: int
    mse: float
    mae: float
    cpu: float | None = None


def signal_of(path: Path | None, months: int) -> Any:
    """Read the first months of the data, or, without a file, make seven noisy daily rhythms with drift."""
    from forecaster.config import ReadingOptions
    from forecaster.reading import read_signal
    from forecaster.signals import Recording, Signal, TimeAxis

    if path is not None:
        signal = read_signal(str(path), ReadingOptions(), name="ETTh1")
        first = signal.recordings[0]
        return replace(signal, recordings=(replace(first, values=first.values[: months * MONTH]),))
    rng, hours = np.random.default_rng(0), np.arange(months * MONTH)
    rhythm = np.sin(2 * np.pi * hours[:, None] / 24 + np.arange(7))
    values = rhythm + rng.normal(0, 0.05, rhythm.shape).cumsum(axis=0) * 0.2 + rng.normal(0, 0.3, rhythm.shape)
    names = tuple(f"c{k}" for k in range(7))
    return Signal("rhythms", names, (Recording(values, TimeAxis()),), units=("",) * 7)


def task_of(signal: Any, horizon: int, recipe: dict[str, Any]) -> Task:
    """Lay out the windows as the protocol has them."""
    from forecaster.config import Recipe, RunConfig, Split, Window
    from forecaster.predictors import Context, Parts
    from forecaster.preparation import prepare
    from forecaster.windows import Windows

    window, ahead = Window(n_step=N_STEP, n_input=N_INPUT), horizon // N_INPUT
    own = {"window": window, "split": Split(training=60, validation=20, test=20), "ahead": ahead}
    chosen = Recipe(**recipe, loss="mae", average=0.995)
    config = RunConfig(predictor="segment-gru", horizon_mode="direct", parameters=NETWORK, recipe=chosen, **own)
    prepared = prepare([signal], config)
    runs, rows = prepared.parts.training.runs, len(signal.recordings[0])
    b1, b2 = (np.full(len(runs.start), round(rows * share)) for share in (0.6, 0.8))
    # The protocol has no part for bands: all of the validation part chooses.
    parts = Parts(prepared.parts.training, Windows.between(runs, (b1, b2), window))
    views = [
        sliding_window_view(runs.run(r), window.context + horizon)[int(b2[r]) - window.context :] for r in range(7)
    ]
    windows = np.concatenate(views).astype(np.float64)
    channel = np.repeat(np.arange(7), [len(view) for view in views])
    return Task(config, parts, Context(windows[:, : window.context], channel), windows[:, window.context :])


def predictors(task: Task, seeds: tuple[int, ...]) -> Any:
    """Yield each predictor with its name and the CPU seconds of its fit."""
    from forecaster.predictors.ridge import DirectRidge, RidgeParameters, solve
    from forecaster.training.network import train_network
    from forecaster.training.progress import Silent

    began, parts = time.process_time(), task.parts.farther(task.config.ahead)
    found = [solve(parts, taps, relatives=(True,))[0] for taps in LOOKS_BACK]
    best = min(found, key=lambda one: one.error)
    free = RidgeParameters(alpha=best.alpha, taps=len(best.kernel), low=-1e9, high=1e9, segments=task.config.ahead)
    yield "ridge of distances from the last value", DirectRidge(free, parts.window, best.kernel, best.bias), began
    for seed in seeds:
        began = time.process_time()
        recipe = task.config.recipe.model_copy(update={"noise": NOISES[seed - 1]})
        config = task.config.model_copy(update={"seed": seed, "recipe": recipe})
        yield f"segment-gru, seed {seed}", train_network(task.parts, config, Silent()).predictor, began


def scored(task: Task, horizon: int, seeds: tuple[int, ...]) -> list[Row]:
    """Fit, forecast every test window, and score each predictor and their means."""
    from forecaster.rollout import rollout

    rows, made = [], []
    for name, predictor, began in predictors(task, seeds):
        cpu = time.process_time() - began
        made.append(rollout(predictor, task.context, horizon))
        rows.append(Row(name, horizon, *_errors(made[-1], task.truth), cpu))
    total = sum(row.cpu or 0 for row in rows)
    rows.append(Row("mean of the networks", horizon, *_errors(np.mean(made[1:], axis=0), task.truth)))
    rows.append(Row("mean of all", horizon, *_errors(np.mean(made, axis=0), task.truth), total))
    whole = _whole_batches(task)
    counted = np.mean(made, axis=0)[whole], task.truth[whole]
    rows.append(Row("mean of all, the windows that SegRNN counts", horizon, *_errors(*counted)))
    return rows


def _whole_batches(task: Task) -> np.ndarray:
    """Tell which test windows of each channel are left if the last incomplete batch is dropped."""
    count = len(task.truth) // 7
    return np.tile(np.arange(count) < max(1, count // BATCH) * BATCH, 7)


def _errors(made: np.ndarray, truth: np.ndarray) -> tuple[float, float]:
    return float(np.square(made - truth).mean()), float(np.abs(made - truth).mean())


def report(rows: list[Row], horizons: tuple[int, ...]) -> None:
    """Print MSE, MAE and CPU seconds, a column a horizon."""
    names = list(dict.fromkeys(row.name for row in rows))
    head = ["", *(f"{what} {horizon}" for horizon in horizons for what in ("MSE", "MAE", "CPU s"))]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for name in names:
        own = {row.horizon: row for row in rows if row.name == name}
        cells = [(f"{own[h].mse:.3f}", f"{own[h].mae:.3f}", _seconds(own[h].cpu)) for h in horizons]
        lines.append([name, *(cell for group in cells for cell in group)])
    for name, published in PUBLISHED.items():
        known = dict(zip(HORIZONS, published, strict=True))
        cells = [(f"{known[h]:.3f}" if known.get(h) else "", "", "") for h in horizons]
        lines.append([f"published: {name}", *(cell for group in cells for cell in group)])
    print("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _seconds(cpu: float | None) -> str:
    return "" if cpu is None else f"{cpu:.0f}"


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="FILE", help="ETTh1.csv; without it signals are made up")
    parser.add_argument("--quick", action="store_true", help="one horizon, one network, few steps: shows that it works")
    options = parser.parse_args()
    if options.data is None and not options.quick:
        parser.error("--data FILE is needed: ETTh1.csv of the ETT data set, which is not shipped")
    horizons, seeds = (HORIZONS[:1], SEEDS[:1]) if options.quick else (HORIZONS, SEEDS)
    recipe = {**RECIPE, "steps": 5} if options.quick else RECIPE
    signal = signal_of(options.data, 20)
    print(f"{'ETTh1' if options.data else 'made-up signals'}; {measure.machine()}\n", flush=True)
    began, rows = time.monotonic(), []
    for horizon in horizons:
        rows += scored(task_of(signal, horizon, recipe), horizon, seeds)
    report(rows, horizons)
    print(f"\n{time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
