"""The picture of an evaluation: three origins, the error by step, and the error of everyone."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from forecaster.errors import printable
from forecaster.plots.style import (
    COLOURS,
    DASHES,
    FAINT,
    INK,
    MODEL,
    OTHER_DASHES,
    TimeScale,
    ahead,
    canvas,
    colour,
    fit_bars,
    plain_log,
    quantity,
    rounded,
    stroke,
    wide,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from forecaster.evaluation import ChannelScores, Evaluation, Example


def evaluation(evaluation: Evaluation) -> Figure:
    """Draw the first part that has origins: best, median and worst origin, error by step, nmse of everyone."""
    part = next((part for part in evaluation.parts if part.examples), None)
    with canvas(height=760) as figure:
        if part is None:
            figure.text(0.5, 0.5, textwrap.fill(printable(evaluation.verdict, 400), 90), ha="center", va="center")
            return figure
        figure.suptitle(_title(evaluation, part), x=0.01, ha="left", fontsize=12)
        rows: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
        _examples(rows[0], part)
        by_step, bars = rows[1].subplots(1, 2, width_ratios=(2, 1))
        _by_step(by_step, part)
        _bars(bars, part)
    return figure


def _title(evaluation: Evaluation, part: ChannelScores) -> str:
    """Say what was scored, and the verdict."""
    label = printable(part.signal, 60) + (f" / {printable(part.channel, 40)}" if part.channel else "")
    more = f", the first of {len(evaluation.parts)} parts" if len(evaluation.parts) > 1 else ""
    reach = ahead(evaluation.horizon, part.sample_rate_hz)
    first = f"{label}: {reach}, {part.origins} origins{more}"
    return f"{first}\n{textwrap.fill(printable(part.verdict.text, 300), 135)}"


def _examples(figure: SubFigure, part: ChannelScores) -> None:
    """Draw the kept origins side by side on one y axis, with a legend for all."""
    panels = figure.subplots(1, len(part.examples), sharey=True, squeeze=False)[0]
    for axes, example in zip(panels, part.examples, strict=True):
        _example(axes, example, part, part.verdict.baseline)
    panels[0].set_ylabel(quantity(part.channel, part.unit))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)


def _example(axes: Axes, example: Example, part: ChannelScores, rival: str) -> None:
    """Draw one origin: history, truth, band, the model, and its best rival."""
    scale, horizon = TimeScale(example.time, part.sample_rate_hz), len(example.truth)
    kept = min(len(example.context), max(horizon, 20))
    steps, model = scale.at(example.first, horizon), example.forecasts["model"]
    axes.plot(
        scale.at(example.first - kept, kept),
        example.context[-kept:],
        color=FAINT,
        lw=stroke(horizon, 1.2),
        label="history",
    )
    if example.half_width is not None:
        lower, upper = model - example.half_width, model + example.half_width
        axes.fill_between(steps, lower, upper, color=MODEL, alpha=0.18, lw=0, label=f"{example.level} % band")
    axes.plot(steps, example.truth, color=INK, lw=stroke(horizon, 1.6), label="truth")
    if rival in example.forecasts:
        line = example.forecasts[rival]
        axes.plot(steps, line, color=colour(rival), ls=DASHES.get(rival, ":"), lw=stroke(horizon, 1.4), label=rival)
    axes.plot(steps, model, color=MODEL, lw=stroke(horizon, 2), label="model")
    axes.axvline(scale.at(example.first - 1, 1)[0], color=FAINT, lw=1, ls="--")
    error = float(np.sqrt(np.mean(np.square(example.truth - model))))
    axes.set_title(f"{example.kind} origin (rmse {rounded(error)})")
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#eeeeee")
    scale.dress(axes, ticks=4)


def _by_step(axes: Axes, part: ChannelScores) -> None:
    """Draw the error by step: the model's on top, its rival's, and the best-known baselines'."""
    drawn: list[float] = []
    key = "rmse" if part.scores["model"]["nmse"] is None else "nmse"
    shown = [name for name in part.by_step if name in COLOURS or name == part.verdict.baseline]
    for name in sorted(shown, key="model".__eq__):
        rows = part.by_step[name]
        values = np.array([np.nan if row[key] is None else row[key] for row in rows], dtype=float)
        drawn += values[np.isfinite(values)].tolist()
        width = stroke(len(values), 2.2 if name == "model" else 1.4)
        style = {"color": colour(name), "ls": DASHES.get(name, OTHER_DASHES), "lw": width}
        axes.plot(np.arange(1, len(values) + 1), values, marker="o" if len(values) < 12 else None, **style)
    usable = (part.free_run or {}).get("usable_horizon", {}).get("samples", 0)
    if 0 < usable < len(part.by_step["model"]):
        axes.axvline(usable, color=INK, lw=1, ls=":")
        look: Any = {"fontsize": 9, "ha": "right", "va": "top", "backgroundcolor": "#ffffffcc"}
        axes.text(usable, 0.98, "usable up to here ", transform=axes.get_xaxis_transform(), **look)
    axes.set_title("error by step")
    axes.set_xlabel("steps ahead")
    axes.margins(x=0.01)
    axes.set_ylabel("normalised mse" if key == "nmse" else quantity("rmse", part.unit))
    axes.grid(color="#eeeeee")
    if wide(drawn):
        axes.set_yscale("log")
        plain_log(axes.yaxis)


def _bars(axes: Axes, part: ChannelScores) -> None:
    """Draw the error of every predictor as a bar with its number, the best on top."""
    key = "rmse" if part.scores["model"]["nmse"] is None else "nmse"
    known = sorted(((row[key], name) for name, row in part.scores.items() if row[key] is not None), reverse=True)
    values = [float(value or 0) for value, _ in known]
    names = [name for _, name in known]
    axes.barh(names, values, color=[colour(name) for name in names], height=0.65)
    axes.set_title(f"{'normalised mse' if key == 'nmse' else 'rmse'}, all steps")
    fit_bars(axes, values)
    for row, value in enumerate(values):
        axes.text(value, row, f" {rounded(value)}", va="center", weight="bold" if names[row] == "model" else "normal")
    if key == "nmse" and values and axes.get_xlim()[1] > 1:
        axes.axvline(1, color=INK, lw=1, ls=":")
        axes.text(1, -0.75, "the mean", ha="center", va="center", fontsize=9)
    axes.set_ylim(-1, max(1, len(names)) - 0.4)
    axes.tick_params(axis="y", length=0)
