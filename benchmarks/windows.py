"""Windows: batches of 64 shuffled windows at stride 1 from a signal of 10 million samples.

A window is 25 segments of 100 samples and the 100 samples behind them. Time to the first batch,
then microseconds a window; peak memory beyond the signal (40 MB) and the libraries. Materialised
windows are measured on 50,000 of them; all would take 10.4 kB each.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _measure as measure
import numpy as np

S, N, BATCH = 25, 100, 64
Feed = Callable[[np.ndarray], Iterator[Any]]


def rows(quick: bool) -> int:
    """Return the length of the signal."""
    return 10**5 if quick else 10**7


def windows_of(signal: np.ndarray) -> Any:
    """Return the program's windows of the whole signal."""
    from forecaster.config import Window
    from forecaster.signal.windows import Runs, Windows

    zero, length = np.zeros(1, np.int64), np.array([len(signal)], np.int64)
    runs = Runs(signal, zero, length, zero, np.empty((0, 0), np.float32), zero)
    return Windows.between(runs, (zero, length), Window(n_step=S, n_input=N))


def take(signal: np.ndarray) -> Iterator[Any]:
    """The program's gather from strided views, windows drawn at random."""
    windows, draw = windows_of(signal), np.random.default_rng(1)
    while True:
        yield windows.take(draw.integers(0, len(windows), BATCH))


def feed(signal: np.ndarray) -> Iterator[Any]:
    """The program's training feed, as Keras' fit takes it: every window once an epoch."""
    from forecaster.training.network import batches

    yield from batches(windows_of(signal), batch=BATCH, steps=10**6, seed=1)


def timeseries(signal: np.ndarray) -> Iterator[Any]:
    """Keras' own utility, shuffled, context and target cut from each sequence."""
    import tensorflow as tf

    make = tf.keras.utils.timeseries_dataset_from_array
    data = make(signal, None, S * N + N, batch_size=BATCH, shuffle=True, seed=1)
    yield from data.map(lambda x: (tf.reshape(x[:, : S * N], (-1, S, N)), x[:, S * N :]))


def materialised(signal: np.ndarray) -> Iterator[Any]:
    """All windows of a part copied out and shuffled, then cut into batches."""
    part = signal[: min(len(signal), 50_000 + S * N + N - 1)]
    windows = np.lib.stride_tricks.sliding_window_view(part, S * N + N)
    windows = windows[np.random.default_rng(1).permutation(len(windows))]
    while True:
        for k in range(0, len(windows) - BATCH, BATCH):
            batch = windows[k : k + BATCH]
            yield batch[:, : S * N].reshape(-1, S, N), batch[:, S * N :]


def contender(source: Feed, uses_tensorflow: bool) -> measure.Make:
    """Take batches from `source` and measure."""

    def prepared(work: Path, quick: bool) -> measure.Run:
        signal, count = measure.rotor(rows(quick)), 30 if quick else 400
        next(source(signal[:10_000]))  # what a library allocates once is not the feed's
        if uses_tensorflow:
            import tensorflow as tf

            tf.constant(0.0)

        def run() -> dict[str, float]:
            memory, began = measure.Memory(), time.perf_counter()
            batches = source(signal)
            next(batches)
            first = time.perf_counter() - began
            began = time.perf_counter()
            for _ in range(count):
                inputs, targets = next(batches)
            each = (time.perf_counter() - began) / (count * BATCH)
            if inputs.shape != (BATCH, S, N) or targets.shape != (BATCH, N):
                raise SystemExit(f"The shapes are {inputs.shape} and {targets.shape}.")
            batches.close()
            return {"first": first, "us": each * 1e6, "extra_mb": memory.extra_mb()}

        return run

    return prepared


CONTENDERS = {
    "forecaster.signal.windows.take": contender(take, uses_tensorflow=False),
    "forecaster.training.network.batches": contender(feed, uses_tensorflow=True),
    "timeseries_dataset_from_array": contender(timeseries, uses_tensorflow=True),
    "materialised, 50,000 windows": contender(materialised, uses_tensorflow=False),
}


def report(results: dict[str, measure.Result], work: Path, quick: bool) -> None:
    """Print the times and the memory; a process grows in its first run, so memory is the greatest of the runs."""
    header = (f"{rows(quick):,} samples", "first batch, s", "us/window", "range", "extra memory, MB")
    lines = [
        (name, one.median("first"), one.median("us"), one.spread("us"), max(one.of("extra_mb")))
        for name, one in results.items()
    ]
    measure.table(header, lines)
    print(f"\nAll {rows(quick) - S * N - N + 1:,} windows materialised: {rows(quick) * (S * N + N) * 4 / 1e9:,.1f} GB.")


if __name__ == "__main__":
    measure.main(__doc__, CONTENDERS, report, rounds=3)
