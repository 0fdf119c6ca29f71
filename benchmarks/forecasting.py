"""Forecasting: 1,000 series, 300 samples ahead in closed loop, by one network and the same weights.

The network is LSTM(100) -> LSTM(100) -> Dense(100) -> Dense(100) on 25 segments of 100 samples;
the weights are random. All series together, and a loop over the series: a fifth, a tenth and a
hundredth of them, scaled up. The program runs on NumPy with one thread; the others use the
threads that they choose. "differs" is the largest difference from the program's forecast, in
standard deviations of the signal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import _measure as measure
import numpy as np

SERIES, HORIZON, S, N = 1000, 300, 25, 100
OURS = "forecaster, together"
Predict = Callable[[Any], Any]


def prepare(work: Path, quick: bool) -> None:
    """Write the contexts (B, L), scaled, and the weights."""
    count = 40 if quick else SERIES
    signal = measure.rotor(count * 97 + S * N)
    signal = (signal - signal.mean()) / signal.std()
    context = np.stack([signal[k * 97 : k * 97 + S * N] for k in range(count)])
    np.savez(work / "data.npz", context=context, **weights())


def weights() -> dict[str, np.ndarray]:
    """Draw weights of the size that training leaves, gates in the order i, f, a, o."""
    draw = np.random.default_rng(1)
    shapes: dict[str, tuple[int, ...]] = {}
    for k in (1, 2):
        shapes |= {f"lstm_{k}.kernel": (100, 400), f"lstm_{k}.recurrent_kernel": (100, 400), f"lstm_{k}.bias": (400,)}
    for name in ("hidden", "segment"):
        shapes |= {f"{name}.kernel": (100, 100), f"{name}.bias": (100,)}
    return {name: draw.normal(0, 0.15, shape).astype(np.float32) for name, shape in shapes.items()}


def looped(predict: Predict, context: np.ndarray) -> np.ndarray:
    """Feed the predictions back until the horizon is reached."""
    for _ in range(HORIZON // N):
        context = np.concatenate((context, predict(context[:, -S * N :])), axis=1)
    return context[:, -HORIZON:]


def contender(
    make: Callable[[dict[str, np.ndarray]], Callable[[np.ndarray], np.ndarray]], share: int, name: str
) -> Any:
    """Turn a maker of forecast functions into a contender; `share` > 0: a loop over 1/`share` of the series."""

    def prepared(work: Path, quick: bool) -> measure.Run:
        data = dict(np.load(work / "data.npz"))
        context = data.pop("context")
        forecast = make(data)
        forecast(context[:1] if share else context)

        def run() -> dict[str, float]:
            rows = context[: max(2, len(context) // share)] if share else context
            began = time.perf_counter()
            result = np.concatenate([forecast(row[None]) for row in rows]) if share else forecast(rows)
            seconds = time.perf_counter() - began
            np.save(work / f"{name}.npy", result)
            return {"seconds": seconds * len(context) / len(rows)}

        return run

    return prepared


def forecaster(data: dict[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The program's closed loop."""
    from forecaster.config import Window
    from forecaster.forecasting.rollout import rollout
    from forecaster.predictors import restore
    from forecaster.signal.context import Context

    predictor = restore("stacked-lstm", {}, data, Window(n_step=S, n_input=N))
    channel = np.zeros(10**6, np.int64)
    return lambda values: rollout(predictor, Context(values.astype(np.float64), channel[: len(values)]), HORIZON)


def keras(batch: int | None) -> Callable[[dict[str, np.ndarray]], Callable[[np.ndarray], np.ndarray]]:
    """A loop of Keras' predict, with its default batch of 32 or another."""

    def make(data: dict[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        import keras

        lstm, dense = keras.layers.LSTM, keras.layers.Dense
        layers = [lstm(100, return_sequences=True), lstm(100), dense(100, "relu"), dense(100)]
        model = keras.Sequential([keras.Input((S, N)), *layers])
        model.set_weights(list(data.values()))
        predict = lambda context: model.predict(context.reshape(-1, S, N), batch_size=batch, verbose=0)  # noqa: E731
        return lambda context: looped(predict, context)

    return make


def torch(data: dict[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """The same with torch.nn.LSTM, whose gates stand in the same order."""
    import torch

    lstm = torch.nn.LSTM(N, 100, num_layers=2, batch_first=True)
    hidden, segment = torch.nn.Linear(100, 100), torch.nn.Linear(100, N)
    with torch.no_grad():
        for k in (1, 2):
            for ours, theirs in (("kernel", "weight_ih"), ("recurrent_kernel", "weight_hh"), ("bias", "bias_ih")):
                getattr(lstm, f"{theirs}_l{k - 1}").copy_(torch.from_numpy(data[f"lstm_{k}.{ours}"].T.copy()))
            getattr(lstm, f"bias_hh_l{k - 1}").zero_()
        for layer, name in ((hidden, "hidden"), (segment, "segment")):
            layer.weight.copy_(torch.from_numpy(data[f"{name}.kernel"].T.copy()))
            layer.bias.copy_(torch.from_numpy(data[f"{name}.bias"]))

    def predict(context: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            output, _ = lstm(torch.from_numpy(np.ascontiguousarray(context).reshape(-1, S, N)))
            return segment(torch.relu(hidden(output[:, -1]))).numpy()

    return lambda context: looped(predict, context)


# Name: how its forecast is made, and the share, 1 in so many, of the series that it loops over (0: all together).
CONTENDERS = {
    OURS: (forecaster, 0),
    "Keras predict, batch 1000": (keras(1000), 0),
    "Keras predict, batch 32 (default)": (keras(None), 0),
    "torch nn.LSTM, together": (torch, 0),
    "forecaster, a loop per series": (forecaster, 5),
    "torch nn.LSTM, a loop per series": (torch, 10),
    "Keras predict, a loop per series": (keras(None), 100),
}


def report(results: dict[str, measure.Result], work: Path, quick: bool) -> None:
    """Print times, the ratio to the program's, and how far the forecasts differ."""
    ours = np.load(work / f"{file(OURS)}.npy")
    rows = []
    for name, result in results.items():
        if result.missing:
            rows.append((name, result.missing, "", "", ""))
            continue
        theirs = np.load(work / f"{file(name)}.npy")
        differs = f"{np.abs(theirs - ours[: len(theirs)]).max():.1e}"
        rows.append((name, result.median(), result.spread(), result.median() / results[OURS].median(), differs))
    measure.table((f"{len(ours)} series x {HORIZON} ahead", "s", "range", "/ forecaster", "differs"), rows)


def file(name: str) -> str:
    """Return a file name for a contender."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


if __name__ == "__main__":
    made = {name: contender(make, share, file(name)) for name, (make, share) in CONTENDERS.items()}
    measure.main(__doc__, made, report, prepare=prepare)
