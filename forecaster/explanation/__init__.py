"""A network explained on a real signal: its gates and states, and how far back it looks."""

from __future__ import annotations

from forecaster.explanation.explain import Explanation, Reach, explain, reach

__all__ = ["Explanation", "Reach", "explain", "reach"]
