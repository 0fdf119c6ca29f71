"""The standard benchmark of long horizons: 96 to 720 rows ahead, by the protocol of the literature.

Protocol of Zhou et al., "Informer" (2021): the first part of a set trains, the next validates, the last is scored;
every channel is z-scored by its training part; MSE and MAE over all channels, steps and test windows, each window
counted. One model for all channels, which are forecast independently, from the 720 rows before. All sets are trained by
one command, the default predictor in direct mode; everything is chosen on validation.

Published figures are the lowest that a paper gives for the set, each with its source. Most were taken with the last
incomplete batch of test windows left out; so the number of windows stands beside ours.

    python benchmarks/ltsf.py ETTh1 ETTh1.csv
    python benchmarks/ltsf.py weather weather.csv --sentinel -9999
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import _measure as measure
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

sys.path.insert(0, str(measure.ROOT))

HORIZONS = (96, 192, 336, 720)
N_STEP, N_INPUT = 15, 48
WORKERS = 2
# Contexts that are forecast at once.
ROWS = 4096
DAY_H, DAY_15, DAY_10 = 24, 96, 144
MONTHS = (12, 16, 20)


class Set(NamedTuple):
    """A standard set: the seconds from row to row, the rows at which its parts end, and the published MSE by horizon.

    Without `ends` the parts are 70, 10 and 20 percent.
    """

    step_s: float
    ends: tuple[int, ...] = ()
    published: dict[str, tuple[float | None, ...]] = {}  # noqa: RUF012  a NamedTuple's default


def _months(rows_a_day: int) -> tuple[int, ...]:
    return tuple(months * 30 * rows_a_day for months in MONTHS)


SEGRNN, FITS, PATCH = "SegRNN (2023)", "FITS (2024)", "PatchTST (2023)"
SETS = {
    "ETTh1": Set(3600, _months(DAY_H), {SEGRNN: (0.351, 0.392, 0.423, 0.466), PATCH: (0.375, None, None, None)}),
    "ETTh2": Set(3600, _months(DAY_H), {PATCH: (None, None, 0.329, None)}),
    "ETTm1": Set(900, _months(DAY_15)),
    "ETTm2": Set(900, _months(DAY_15)),
    "weather": Set(600),
    "exchange": Set(86_400),
    "electricity": Set(3600),
}


class Scores(NamedTuple):
    """The errors of one predictor at one horizon, over so many windows, and the CPU seconds of all the training."""

    name: str
    horizon: int
    mse: float
    mae: float
    windows: int
    cpu: float


class Job(NamedTuple):
    """A set in a file to be forecast over one horizon."""

    name: str
    path: Path
    horizon: int
    sentinel: float | None
    predictor: str
    steps: int | None


def scored(job: Job) -> list[Scores]:
    """Train one model, and return the scores of the ensemble and of its members over all test windows."""
    from forecaster.config import Recipe, RunConfig, Split, Window
    from forecaster.training import train
    from forecaster.training.preparation import prepare, resolved

    signal, ends = signal_of(job)
    rows = ends[-1]
    split = Split(
        training=100 * ends[0] / rows, validation=100 * (ends[1] - ends[0]) / rows, test=100 * (rows - ends[1]) / rows
    )
    config = RunConfig(
        predictor=job.predictor,
        window=Window(n_step=N_STEP, n_input=N_INPUT),
        split=split,
        horizon_mode="direct" if job.horizon > N_INPUT else "closed-loop",
        ahead=-(-job.horizon // N_INPUT),
        recipe=Recipe() if job.steps is None else Recipe(steps=job.steps),
        seed=1,
    )
    began = time.process_time()
    config = resolved(config, [signal])
    prepared = prepare([signal], config)
    predictors = train(prepared.splits, config).predictors
    cpu = time.process_time() - began
    runs, window = prepared.splits.training.runs, config.window
    return list(errors(job.horizon, predictors, runs, window, ends[1], cpu))


def quick() -> Any:
    """Yield the scores of a linear map on made-up daily rhythms."""
    import tempfile

    import pandas as pd

    hours = np.arange(3000)
    waves = np.sin(2 * np.pi * hours[:, None] / 24 + np.arange(2))
    values = waves + np.random.default_rng(0).normal(0, 0.3, waves.shape)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rhythms.csv"
        pd.DataFrame(values, columns=["a", "b"]).to_csv(path, index=False)
        yield from scored(Job("exchange", path, HORIZONS[0], None, "cycle-ridge", None))


def signal_of(job: Job) -> tuple[Any, tuple[int, ...]]:
    """Return the set as a signal of one recording, and the rows at which its parts end."""
    import pandas as pd

    from forecaster.signal.signal import Recording, Signal
    from forecaster.signal.time_axis import TimeAxis

    with job.path.open() as file:
        first = file.readline().strip().split(",")
    # The exchange rates have no header.
    header = None if all(cell.lstrip("-").replace(".", "", 1).isdigit() for cell in first) else 0
    table = pd.read_csv(job.path, header=header).select_dtypes("number")
    values = table.to_numpy(dtype=np.float64)
    if job.sentinel is not None:
        values = table.mask(table == job.sentinel).interpolate(limit_direction="both").to_numpy(dtype=np.float64)
    standard, rows = SETS[job.name], len(values)
    ends = standard.ends or (int(rows * 0.7), rows - int(rows * 0.2), rows)
    recording = Recording(values[: ends[-1]], TimeAxis("seconds", 0.0, standard.step_s))
    names = tuple(map(str, table.columns))
    signal = Signal(job.name, names, (recording,), units=("",) * len(names), sample_rate_hz=1 / standard.step_s)
    return signal, ends


def errors(horizon: int, predictors: Any, runs: Any, window: Any, begin: int, cpu: float) -> Any:
    """Yield the scores of the first of `predictors`, and of the members that have weight in it."""
    from forecaster.forecasting.rollout import rollout
    from forecaster.signal.context import Context

    ensemble = predictors[0]
    weights = ensemble.mean_weights()
    members = [member for member in predictors[1:] if member.name in weights]
    sums = {predictor.name: np.zeros(2) for predictor in (ensemble, *members)}
    count = 0
    for c in range(runs.channels):
        windows = sliding_window_view(runs.run(c), window.context + horizon)[begin - window.context :]
        count += len(windows)
        for block in (windows[k : k + ROWS].astype(np.float64) for k in range(0, len(windows), ROWS)):
            context = Context(block[:, : window.context], np.full(len(block), c))
            # What the members forecast is forecast once, but where a step was taken out for the ensemble.
            is_shared = ensemble.is_ensemble and ensemble.without_shift(context) is context
            active = ensemble.active_members(context) if is_shared else members
            distinct = {member.name: member for member in (*members, *active)}
            forecasts = {name: rollout(member, context, horizon) for name, member in distinct.items()}
            forecasts[ensemble.name] = (
                ensemble.mix(forecasts, context) if is_shared else rollout(ensemble, context, horizon)
            )
            for name in sums:
                error = forecasts[name] - block[:, window.context :]
                sums[name] += (np.square(error).sum(), np.abs(error).sum())
    for name, (square, absolute) in sums.items():
        label = f"{name} ({weights[name]:.0%} of the weight)" if name in weights else name
        values = count * horizon
        yield Scores(label, horizon, square / values, absolute / values, count // runs.channels, cpu)


def report(name: str, scores: list[Scores]) -> str:
    """Return a table: a line a predictor and horizon, then what is published."""
    lines = ["| predictor | ahead | MSE | MAE | windows | CPU s |", "|---|---:|---:|---:|---:|---:|"]
    for row in scores:
        cells = (row.name, row.horizon, f"{row.mse:.4f}", f"{row.mae:.4f}", row.windows, f"{row.cpu:.0f}")
        lines.append(f"| {' | '.join(map(str, cells))} |")
    for source, values in SETS[name].published.items():
        lines += [
            f"| published: {source} | {horizon} | {value} | | | |"
            for horizon, value in zip(HORIZONS, values, strict=True)
            if value is not None
        ]
    return "\n".join(lines)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", choices=SETS, nargs="?", default="ETTh1")
    parser.add_argument("path", type=Path, metavar="FILE", nargs="?", help="the set as CSV; it is not shipped")
    parser.add_argument("--horizon", type=int, action="append", choices=HORIZONS, help="all if left out")
    parser.add_argument(
        "--sentinel", type=float, help="the number that stands for a missing value; a value if left out"
    )
    parser.add_argument("--predictor", default="auto")
    parser.add_argument("--quick", action="store_true", help="made-up signals, few steps: shows that it works")
    options = parser.parse_args()
    if options.path is None and not options.quick:
        parser.error("FILE is needed: the sets are not shipped")
    horizons = HORIZONS[:1] if options.quick else tuple(options.horizon or HORIZONS)
    steps = 5 if options.quick else None
    jobs = [
        Job(options.set, options.path, horizon, options.sentinel, options.predictor, steps)
        for horizon in horizons[::-1]
    ]
    print(f"{options.set}; {measure.machine()}\n", flush=True)
    if options.path is None:
        print(report(options.set, list(quick())))
        return
    began = time.monotonic()
    os.environ.update(dict.fromkeys(measure.THREADS, "1"))
    with ProcessPoolExecutor(WORKERS, get_context("spawn")) as pool:
        results = list(pool.map(scored, jobs))
    print(report(options.set, [row for result in results[::-1] for row in result]))
    print(f"\n{time.monotonic() - began:.0f} s in all; {WORKERS} processes of one thread")


if __name__ == "__main__":
    main()
