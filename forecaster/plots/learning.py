"""The learning curve: both losses by step, and the weights that were kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from forecaster.config import Task
from forecaster.plots.style import COLOURS, FAINT, INK, MODEL, canvas, plain_log, wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LOSSES: dict[Task, str] = {"forecast": "mean squared error, scaled signal", "symbols": "cross-entropy, nats"}


def learning_curve(
    history: Sequence[Mapping[str, float]], task: Task = "forecast", names: Sequence[str] = ()
) -> Figure:
    """Draw `loss` and `validation_loss` of `history` (rows with `step`) and mark the best validation.

    Rows that name several networks by their number, `names` in that order, get a curve each.
    """
    numbers = list(dict.fromkeys(row.get("network", 0.0) for row in history)) or [0.0]
    with canvas() as figure:
        for number, axes in zip(numbers, np.atleast_1d(figure.subplots(1, len(numbers))), strict=True):
            named = f": {names[int(number) - 1]}" if number and int(number) <= len(names) else ""
            axes.set_title(f"Learning curve{named}", weight="bold")
            axes.set_xlabel("training step")
            axes.set_ylabel(f"loss ({LOSSES[task]})")
            axes.grid(color="#eeeeee")
            if history:
                _curves(axes, [row for row in history if row.get("network", 0.0) == number])
            else:
                axes.text(
                    0.5, 0.5, "nothing was trained: the predictor is fitted in one step", ha="center", color=FAINT
                )
    return figure


def _curves(axes: Axes, history: Sequence[Mapping[str, float]]) -> None:
    """Draw the two losses, with dots where there are few."""
    steps = np.array([row["step"] for row in history])
    drawn: list[float] = []
    for key, label, tint in (("loss", "training", FAINT), ("validation_loss", "validation", MODEL)):
        loss = np.array([row.get(key, np.nan) for row in history], dtype=float)
        axes.plot(steps, loss, color=tint, lw=2, marker="o" if len(steps) < 60 else None, ms=4, label=label)
        drawn += loss[np.isfinite(loss) & (loss > 0)].tolist()
        if key == "validation_loss" and np.isfinite(loss).any():
            _best(axes, steps, loss)
    if wide(drawn) or (drawn and max(drawn) / min(drawn) > 2):
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    axes.legend(loc="upper right")


def _best(axes: Axes, steps: np.ndarray, loss: np.ndarray) -> None:
    """Mark the step whose weights were kept."""
    k = int(np.nanargmin(loss))
    tint = COLOURS["ridge"]
    axes.axvline(steps[k], color=tint, lw=1, ls="--")
    axes.plot(steps[k], loss[k], "o", ms=11, mfc="none", mec=tint, mew=2)
    left = k > len(steps) / 2
    axes.annotate(
        f"kept: step {int(steps[k])}, {loss[k]:.4g}",
        (steps[k], loss[k]),
        xytext=(-14 if left else 14, 22),
        textcoords="offset points",
        ha="right" if left else "left",
        color=INK,
        weight="bold",
    )
