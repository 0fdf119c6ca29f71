"""Nothing of the future, and no stamp out of place: random series, each property counted.

    python -m tests.faults.leakage --count 500

- forecast: what is forecast at t has the same bytes whatever follows t, scored or forecast, bands too
- fit: scaler, tensors and bands have the same bytes whatever the scored part holds
- count: every origin is scored once, as many as the formula says, whatever the block
- gap: no window crosses a gap or a file, and no target of one part lies in another
- time: a forecast's stamps continue the file's own axis, from text to text
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from forecaster.batch import tables
from forecaster.config import ReadingOptions, RunConfig, Split, Window
from forecaster.evaluation import scoring
from forecaster.model import Forecaster
from forecaster.reading import read_signal
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis
from forecaster.signal.windows import boundaries
from forecaster.training.preparation import prepare

WINDOW = Window(n_step=3, n_input=5)
KINDS = (
    "ridge",
    "level-ridge",
    "periodic-ridge",
    "template-ridge",
    "local-ar",
    "harmonic",
    "seasonal-naive",
    "mean",
    "last-value",
)
STEPS_US = (1000, 20_000, 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000)


def series(rng: np.random.Generator, rows: int, channels: int = 1) -> np.ndarray:
    """Make a rhythm, a wander and some noise, (T, C), at any level and scale."""
    t = np.arange(rows)[:, None]
    rhythm = np.sin(2 * np.pi * t / rng.uniform(4, 40, channels) + rng.uniform(0, 6, channels))
    wander = rng.normal(0, rng.uniform(0, 0.3), (rows, channels)).cumsum(axis=0)
    noise = rng.normal(0, rng.uniform(0.01, 1), (rows, channels))
    return (rhythm + wander + noise) * 10 ** rng.uniform(-6, 6) + 10 ** rng.uniform(-3, 5)


def signal(*recordings: np.ndarray, name: str = "s") -> Signal:
    """Make a signal of whole recordings."""
    channels = recordings[0].shape[1]
    names = tuple(f"c{k}" for k in range(channels))
    return Signal(name, names, tuple(Recording(one, TimeAxis()) for one in recordings), units=("",) * channels)


def fitted(rng: np.random.Generator, values: np.ndarray) -> Forecaster:
    """Fit a predictor in closed form."""
    config = RunConfig(
        predictor=str(rng.choice(KINDS)), window=WINDOW, split=Split(training=60, validation=25, test=15)
    )
    return Forecaster.fit([signal(values)], config)


def forecast(rng: np.random.Generator) -> bool:
    """Whether what is forecast at t stays the same when what follows t does not."""
    channels = int(rng.integers(1, 3))
    model = fitted(rng, series(rng, 240, channels))
    one = series(rng, 120, channels) * rng.uniform(0.5, 2)
    at = int(rng.integers(60, 100))
    other = np.concatenate((one[:at], series(rng, 120 - at, channels)))
    horizon = int(rng.integers(1, 16))
    found = [_scored(model, signal(values), at, horizon) for values in (one, other)]
    ((alone, bands),) = [_forecast(model, signal(one[:at]), horizon)]
    mean, half = found[0][at]
    known = ~np.isnan(half)  # a forecast has bands for the steps that were calibrated, a score for all or none
    near = 1e-12 * (np.abs(alone) + half)[known]
    same = mean.tobytes() == alone.tobytes() and (np.abs(alone - half - bands)[known] <= near).all()
    return bool(same) and all(
        a.tobytes() == b.tobytes() for row in found[0] for a, b in zip(found[0][row], found[1][row], strict=True)
    )


def _scored(model: Forecaster, values: Signal, at: int, horizon: int) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """Return mean and half the 50 % band (C, H) of every origin up to `at`, by row."""
    found: dict[int, list[tuple[np.ndarray, np.ndarray]]] = {}

    def keep(made: scoring.ScoredBlock) -> None:
        half = made.half_widths.get(50, np.full(made.y_true.shape, np.nan))
        for row, mean, width in zip(made.origins.rows.tolist(), made.forecasts["model"], half, strict=True):
            if row <= at:
                found.setdefault(row, []).append((mean, width))

    model.evaluate([values], horizon=horizon, stride=1, levels=(50,), keep=keep)
    return {row: (np.stack([m for m, _ in own]), np.stack([h for _, h in own])) for row, own in found.items()}


def _forecast(model: Forecaster, values: Signal, horizon: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the lower bound of the 50 % band after the end, (C, H) each."""
    made = model.forecast([values], horizon=horizon, levels=(50,))[0]
    bounds = [one.bands[50][0] if one.bands[50] else np.full(horizon, np.nan) for one in made]
    return np.stack([one.mean for one in made]), np.stack(bounds)


def fit(rng: np.random.Generator) -> bool:
    """Whether scaler, tensors and bands stay the same when the scored part does not."""
    values, seed = series(rng, int(rng.integers(200, 320)), int(rng.integers(1, 3))), int(rng.integers(2**31))
    other = values.copy()
    _, b2 = boundaries(len(values), Split(training=60, validation=25, test=15))
    other[b2:] = series(rng, len(values) - b2, values.shape[1])
    one, two = (_bytes(fitted(np.random.default_rng(seed), rows)) for rows in (values, other))
    return one == two


def _bytes(model: Forecaster) -> list[bytes]:
    tensors = [tensor.tobytes() for one in model.predictors for _, tensor in sorted(one.tensors().items())]
    state = model.manifest
    records = (state.scaler, state.intervals, *state.predictors)
    return [*tensors, model.quantiles.tobytes(), *(one.model_dump_json().encode() for one in records)]


def count(rng: np.random.Generator) -> bool:
    """Whether every origin is scored once, and as many as the formula says, in blocks of any size."""
    model = fitted(rng, series(rng, 200))
    rows, horizon, stride = (int(rng.integers(*bounds)) for bounds in ((16, 90), (1, 12), (1, 9)))
    values = [series(rng, rows), series(rng, int(rng.integers(1, 60)))]
    expected = sum(max(0, (len(one) - WINDOW.context - horizon) // stride + 1) for one in values)
    seen: list[tuple[int, int]] = []
    before = scoring.BLOCK
    try:
        scoring.BLOCK = int(rng.integers(1, 50))
        result = model.evaluate(
            [signal(*values)],
            horizon=horizon,
            stride=stride,
            keep=lambda made: seen.extend((made.recording, row) for row in made.origins.rows.tolist()),
        )
    finally:
        scoring.BLOCK = before
    counted = result.to_json()["parts"][0]["origins"]
    return counted == expected == len(seen) == len(set(seen))


def gap(rng: np.random.Generator) -> bool:
    """Whether windows stay within a recording, and the targets of the parts within their part."""
    recordings = [np.zeros((int(rng.integers(40, 120)), 1)) for _ in range(int(rng.integers(1, 5)))]
    begin = 0
    for one in recordings:
        one[:, 0] = np.arange(begin, begin + len(one))
        begin += len(one)
    split = Split(training=60, validation=25, test=15)
    half = len(recordings) // 2
    signals = [signal(*own, name=f"s{k}") for k, own in enumerate((recordings[:half], recordings[half:])) if own]
    window = WINDOW.model_copy(update={"stride": int(rng.integers(1, 4))})
    prepared = prepare(signals, RunConfig(predictor="ridge", window=window, split=split))
    scale, mean = prepared.scaler.scale[0], prepared.scaler.mean[0]
    owner = np.repeat(np.arange(len(recordings)), [len(one) for one in recordings])
    place = np.concatenate([np.arange(len(one)) for one in recordings])
    bounds = np.array([boundaries(len(one), split) for one in recordings])
    parts = (prepared.splits.training, prepared.splits.validation, prepared.splits.last_fold)
    return all(
        _within(part, lambda x: np.rint(x.astype(np.float64) * scale + mean).astype(int), (owner, place, bounds), k)
        for k, part in enumerate(parts)
        if part is not None and len(part)
    )


def _within(part, rows_of, where, k: int) -> bool:
    """Whether the windows of part k run on within one recording, and their targets within the part."""
    owner, place, bounds = where
    inputs, targets = part.take(np.arange(len(part)))
    rows = rows_of(np.concatenate([inputs.reshape(len(inputs), -1), targets], axis=1))
    whole = (np.diff(rows, axis=1) == 1).all() and (owner[rows] == owner[rows[:, :1]]).all()
    low, high = (np.zeros(len(bounds), int), bounds[:, 0]) if k == 0 else (bounds[:, 0], bounds[:, 1])
    target = rows[:, WINDOW.context :]
    inside = (place[target] >= low[owner[target]]) & (place[target] < high[owner[target]])
    return bool(whole and inside.all())


def time(rng: np.random.Generator) -> bool:
    """Whether the stamps of a forecast are those that the file would go on with."""
    rows, step = int(rng.integers(60, 90)), int(rng.choice(STEPS_US))
    start = datetime(2000, 1, 1) + timedelta(microseconds=int(rng.integers(0, 800_000_000)) * 1_000_000)
    kind = str(rng.choice(["stamps", "seconds", "numbers"]))
    horizon, values = int(rng.integers(1, 12)), series(rng, rows)[:, 0]
    at = [start + timedelta(microseconds=step * k) for k in range(rows + horizon)]
    cells = {
        "stamps": [one.isoformat(sep=" ", timespec="milliseconds") for one in at],
        "seconds": [f"{k * step / 1e6:.6f}" for k in range(rows + horizon)],
        "numbers": [""] * (rows + horizon),
    }[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.csv"
        heads, lines = ("t,", [f"{c}," for c in cells]) if kind != "numbers" else ("", [""] * rows)
        body = "\n".join(f"{line}{value!r}" for line, value in zip(lines, values.tolist(), strict=False))
        path.write_text(f"{heads}x\n{body}\n")
        read = read_signal(str(path), ReadingOptions(), name="x")
    config = RunConfig(predictor="last-value", window=WINDOW, split=Split(training=70, validation=30, test=0))
    made = Forecaster.fit([read], config).forecast([read], horizon=horizon)[0]
    written = [line.split(",")[1] for line in tables.encode(made, [90], "csv").decode().splitlines()[1:]]
    return len(written) == horizon and all(
        _same(kind, text, (at[rows + k], (rows + k) * step / 1e6, rows + k)) for k, text in enumerate(written)
    )


def _same(kind: str, text: str, expected: tuple[datetime, float, int]) -> bool:
    if kind == "stamps":
        return datetime.fromisoformat(text) == expected[0]
    return abs(float(text) - expected[1]) < 1e-6 if kind == "seconds" else int(text) == expected[2]


PROPERTIES: dict[str, Callable[[np.random.Generator], bool]] = {
    "forecast": forecast,
    "fit": fit,
    "count": count,
    "gap": gap,
    "time": time,
}


def failures(name: str, count: int, seed: int) -> list[int]:
    """Return the seeds, of `count` from `seed` on, at which a property does not hold."""
    return [k for k in range(seed, seed + count) if not PROPERTIES[name](np.random.default_rng([k, len(name)]))]


def main() -> int:
    """Run every property and print the counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    bad = 0
    print("| property | series | do not hold |\n| --- | ---: | ---: |")
    for name in PROPERTIES:
        wrong = failures(name, options.count, options.seed)
        bad += len(wrong)
        print(f"| {name} | {options.count} | {len(wrong)} {wrong[:5] or ''} |", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
