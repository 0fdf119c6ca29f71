"""One training step: windows a second at batch 128, forward, backward and update.

The program's networks as `train` runs them (input noise, dropout, clipping, shuffled windows of
the whole signal), a bare Keras Sequential with the same layers fitted from an array in memory,
and torch nn.LSTM with Adam in a plain loop. Steps 11 to 40 of 40 are timed, so neither tracing
nor validation counts.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import _measure as measure
import numpy as np

S, N, BATCH, WARM = 25, 100, 128, 10
KERAS = "bare Keras Sequential fit"


def steps(quick: bool) -> int:
    """Return the number of steps, those of the warm-up included."""
    return 20 if quick else 40


class Clock:
    """Notes when the warm-up ended and when the last step did. It is a progress watcher of the program's too."""

    def __init__(self, total: int) -> None:
        self.total, self.times = total, {}

    def start(self, total_steps: int) -> None:
        """Training begins."""

    def update(self, step: int, loss: float, validation_loss: float | None) -> None:
        """Note the first time at which `step` steps were done."""
        self.times.setdefault(step, time.perf_counter())

    def finish(self) -> None:
        """Training has ended."""

    def measured(self) -> dict[str, float]:
        """Return windows a second between the warm-up and the end."""
        seconds = self.times[self.total] - self.times[WARM]
        return {"rate": (self.total - WARM) * BATCH / seconds, "step_ms": seconds / (self.total - WARM) * 1e3}


def in_memory(quick: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return as many windows as the steps take: inputs (W, S, N) and targets (W, N)."""
    count = steps(quick) * BATCH
    windows = np.lib.stride_tricks.sliding_window_view(measure.rotor(count + S * N + N - 1), S * N + N)
    return windows[:, : S * N].reshape(-1, S, N), windows[:, S * N :].copy()


def forecaster(name: str) -> measure.Make:
    """Train the network `name` as the program does."""

    def prepared(work: Path, quick: bool) -> measure.Run:
        from forecaster.config import Recipe, RunConfig, Window
        from forecaster.signal.windows import Runs, Windows, WindowSplits
        from forecaster.training.network import train_network

        signal, zero, total = measure.rotor(60_000), np.zeros(1, np.int64), steps(quick)
        length = np.array([len(signal)], np.int64)
        runs = Runs(signal, zero, length, zero, np.empty((0, 0), np.float32), zero)
        bounds = [np.array([bound], np.int64) for bound in (0, 59_000, 59_500)]
        window = Window(n_step=S, n_input=N)
        parts = WindowSplits(*(Windows.between(runs, (bounds[k], bounds[k + 1]), window) for k in range(2)))
        recipe = Recipe(steps=total, steps_per_epoch=total, batch=BATCH)
        config = RunConfig(predictor=name, window=window, recipe=recipe)

        def run() -> dict[str, float]:
            clock = Clock(total)
            train_network(parts, config, clock)
            return clock.measured()

        return run

    return prepared


def keras(work: Path, quick: bool) -> measure.Run:
    """Fit the same layers from an array in memory."""
    import keras

    inputs, targets = in_memory(quick)
    lstm, dense = keras.layers.LSTM, keras.layers.Dense
    layers = [lstm(100, return_sequences=True), lstm(100), dense(100, "relu"), dense(100)]
    model = keras.Sequential([keras.Input((S, N)), *layers])
    model.compile(keras.optimizers.Adam(1e-3), loss="mse")

    def run() -> dict[str, float]:
        clock = Clock(steps(quick))
        heard = keras.callbacks.LambdaCallback(on_train_batch_end=lambda k, logs: clock.update(k + 1, 0.0, None))
        model.fit(inputs, targets, batch_size=BATCH, epochs=1, verbose=0, callbacks=[heard])
        return clock.measured()

    return run


def torch(work: Path, quick: bool) -> measure.Run:
    """A plain loop of torch."""
    import torch

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = torch.nn.LSTM(N, 100, num_layers=2, batch_first=True)
            self.head = torch.nn.Sequential(torch.nn.Linear(100, 100), torch.nn.ReLU(), torch.nn.Linear(100, N))

        def forward(self, x: Any) -> Any:
            return self.head(self.lstm(x)[0][:, -1])

    inputs, targets = (torch.from_numpy(np.ascontiguousarray(part)) for part in in_memory(quick))
    network = Network()
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)

    def run() -> dict[str, float]:
        clock = Clock(steps(quick))
        order = torch.randperm(len(inputs))
        for k in range(steps(quick)):
            index = order[k * BATCH : (k + 1) * BATCH]
            optimizer.zero_grad()
            loss = torch.nn.functional.mse_loss(network(inputs[index]), targets[index])
            loss.backward()
            optimizer.step()
            clock.update(k + 1, 0.0, None)
        return clock.measured()

    return run


CONTENDERS = {
    "forecaster, stacked-lstm": forecaster("stacked-lstm"),
    "forecaster, textbook-lstm": forecaster("textbook-lstm"),
    KERAS: keras,
    "torch nn.LSTM, a plain loop": torch,
}


def report(results: dict[str, measure.Result], work: Path, quick: bool) -> None:
    """Print windows a second and the ratio to bare Keras."""
    rows = []
    for name, one in results.items():
        ratio = one.median("rate") / results[KERAS].median("rate")
        cells = (one.median("rate"), one.spread("rate"), one.median("step_ms"), ratio)
        rows.append((name, one.missing, "", "", "") if one.missing else (name, *cells))
    measure.table(("batch 128", "windows/s", "range", "ms/step", "/ bare Keras"), rows)


if __name__ == "__main__":
    measure.main(__doc__, CONTENDERS, report, rounds=3)
