"""Numbers at the edges: whatever is trained on them forecasts and scores finite numbers."""

from itertools import product

import numpy as np
import pytest

from forecaster.config import Recipe, RunConfig, Window
from forecaster.model import Forecaster
from forecaster.signal.signal import Recording, Signal
from forecaster.signal.time_axis import TimeAxis

T = np.arange(400)
RIPPLE = np.sin(T / 5) + np.random.default_rng(0).normal(0, 0.1, len(T))
EDGES = {
    "constant": np.full(len(T), 3.0),
    "zero": np.zeros(len(T)),
    "constant where it is trained": np.where(T < 300, 1.0, RIPPLE),
    "constant where it is judged": np.where(T < 280, RIPPLE, 0.0),
    "a spread of rounding": 1 + 1e-15 * RIPPLE,
    "a tiny spread": 1 + 1e-9 * RIPPLE,
    "subnormal": RIPPLE * 5e-320,
    "next to nothing": RIPPLE * 1e-200,
    "an offset of 1e15": 1e15 + RIPPLE,
    "large": RIPPLE * 1e140,
    "a step": np.where(T < 200, 0, 1e6) + RIPPLE,
    "a spike": np.where(T == 200, 1e12, RIPPLE),
    "growth": np.exp(T / 20.0),
    "two values": np.where(T % 7 < 3, -1.0, 1.0),
}
CLOSED = ("ridge", "level-ridge", "periodic-ridge", "template-ridge", "local-ar", "harmonic")
TRAINED = ("subnormal", "an offset of 1e15", "a spike")


@pytest.mark.parametrize(("edge", "kind"), [*product(EDGES, CLOSED), *product(TRAINED, ["gru"])])
def test_what_is_forecast_is_finite(edge, kind):
    signal = Signal("s", ("x",), (Recording(EDGES[edge][:, None], TimeAxis()),), units=("",))
    parameters = {"units_1": 4, "units_2": 4, "hidden": 4} if kind == "gru" else {}
    recipe = Recipe(steps=4, steps_per_epoch=2, batch=16)
    config = RunConfig(predictor=kind, window=Window(n_step=3, n_input=6), parameters=parameters, recipe=recipe)
    model = Forecaster.fit([signal], config)
    found = model.forecast([signal], horizon=40, levels=(50,))[0][0]
    assert np.isfinite(found.mean).all()
    if found.bands[50] is not None:
        assert all(np.isfinite(side[:6]).all() for side in found.bands[50])
    for part in model.evaluate([signal]).to_json()["parts"]:
        for scores in part["scores"].values():
            assert all(score is None or np.isfinite(score) for score in scores.values())
