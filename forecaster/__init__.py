"""From raw sensor recordings to a trusted forecast, on the networks of five lectures.

>>> import forecaster
>>> signal = forecaster.read_signal("data/rotor.csv")  # doctest: +SKIP
>>> model = forecaster.Forecaster.fit(signal, predictor="ridge", n_step=20, n_input=50)  # doctest: +SKIP
>>> model.forecast(signal, horizon=200).to_frame()  # doctest: +SKIP
"""

from __future__ import annotations

# Type checkers take this for True; `typing` itself would have to be imported.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from forecaster import errors
    from forecaster.config import ReadingOptions, RunConfig
    from forecaster.evaluation.results import Evaluation
    from forecaster.forecasting.forecast import Forecast, Forecasts
    from forecaster.model import Forecaster
    from forecaster.reading.api import read_signal
    from forecaster.signal.signal import Recording, Signal

__version__ = "0.1.0"

__all__ = [
    "Evaluation",
    "Forecast",
    "Forecaster",
    "Forecasts",
    "ReadingOptions",
    "Recording",
    "RunConfig",
    "Signal",
    "errors",
    "read_signal",
]

# Where each public name lives: it is imported when it is first asked for, so that `import forecaster` costs nothing.
_HOMES = {
    "Evaluation": "forecaster.evaluation.results",
    "Forecast": "forecaster.forecasting.forecast",
    "Forecaster": "forecaster.model",
    "Forecasts": "forecaster.forecasting.forecast",
    "ReadingOptions": "forecaster.config",
    "Recording": "forecaster.signal.signal",
    "RunConfig": "forecaster.config",
    "Signal": "forecaster.signal.signal",
    "read_signal": "forecaster.reading.api",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    if name == "errors":
        return import_module("forecaster.errors")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'forecaster' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
