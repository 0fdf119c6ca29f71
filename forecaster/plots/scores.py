"""The figures of how good forecasts are: an evaluation, a comparison of predictors, and a learning curve."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from forecaster.errors import printable
from forecaster.plots.figures import (
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
    from matplotlib.figure import Figure

    from forecaster.comparison import Comparison, Horizon, Row
    from forecaster.evaluation import ChannelScores, Evaluation, Example


def evaluation(evaluation: Evaluation) -> Figure:
    """Return the figure of the first channel with origins: three of these, the error by step, and of each predictor."""
    part = next((part for part in evaluation.parts if part.examples), None)
    with canvas(height=760) as figure:
        if part is None:
            figure.text(0.5, 0.5, textwrap.fill(printable(evaluation.verdict, 400), 90), ha="center", va="center")
            return figure
        figure.suptitle(_evaluation_title(evaluation, part), x=0.01, ha="left", fontsize=12)
        rows: Any = figure.subfigures(2, 1, height_ratios=(1.15, 1))
        panels = rows[0].subplots(1, len(part.examples), sharey=True, squeeze=False)[0]
        for axes, example in zip(panels, part.examples, strict=True):
            _draw_example(axes, example, part)
        panels[0].set_ylabel(quantity(part.channel, part.unit))
        rows[0].legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
        by_step, bars = rows[1].subplots(1, 2, width_ratios=(2, 1))
        _draw_error_by_step(by_step, part)
        _draw_errors(bars, part)
    return figure


def _evaluation_title(evaluation: Evaluation, part: ChannelScores) -> str:
    """Return what was scored, and the verdict."""
    label = printable(part.signal, 60) + (f" / {printable(part.channel, 40)}" if part.channel else "")
    more = f", the first of {len(evaluation.parts)} parts" if len(evaluation.parts) > 1 else ""
    reach = ahead(evaluation.horizon, part.sample_rate_hz)
    scored = f"{label}: {reach}, {part.origins} origins{more}"
    return f"{scored}\n{textwrap.fill(printable(part.verdict.text, 500), 135)}"


def _draw_example(axes: Axes, example: Example, part: ChannelScores) -> None:
    """Draw one origin: the history, the target, the band, the model, and the best baseline."""
    scale, horizon = TimeScale(example.time, part.sample_rate_hz), len(example.y_true)
    kept = min(len(example.context), max(horizon, 20))
    steps, model = scale.at(example.first, horizon), example.forecasts["model"]
    past = scale.at(example.first - kept, kept)
    axes.plot(past, example.context[-kept:], color=FAINT, lw=stroke(horizon, 1.2), label="history")
    if example.half_width is not None:
        lower, upper = model - example.half_width, model + example.half_width
        axes.fill_between(steps, lower, upper, color=MODEL, alpha=0.18, lw=0, label=f"{example.level} % band")
    axes.plot(steps, example.y_true, color=INK, lw=stroke(horizon, 1.6), label="truth")
    rival = part.verdict.baseline
    if rival in example.forecasts:
        style: Any = {"color": colour(rival), "ls": DASHES.get(rival, ":"), "lw": stroke(horizon, 1.4)}
        axes.plot(steps, example.forecasts[rival], label=rival, **style)
    axes.plot(steps, model, color=MODEL, lw=stroke(horizon, 2), label="model")
    axes.axvline(scale.at(example.first - 1, 1)[0], color=FAINT, lw=1, ls="--")
    error = float(np.sqrt(np.mean(np.square(example.y_true - model))))
    axes.set_title(f"{example.kind} origin (rmse {rounded(error)})")
    axes.margins(x=0.01)
    axes.grid(axis="y", color="#eeeeee")
    scale.dress(axes, ticks=4)


def _draw_error_by_step(axes: Axes, part: ChannelScores) -> None:
    """Draw the error by step: the model's on top, the best baseline's, and those of the baselines with a colour."""
    drawn: list[float] = []
    key = _drawn_score(part)
    shown = [name for name in part.by_step if name in COLOURS or name == part.verdict.baseline]
    for name in sorted(shown, key="model".__eq__):
        values = np.array([np.nan if row[key] is None else row[key] for row in part.by_step[name]], dtype=float)
        drawn += values[np.isfinite(values)].tolist()
        width = stroke(len(values), 2.2 if name == "model" else 1.4)
        style = {"color": colour(name), "ls": DASHES.get(name, OTHER_DASHES), "lw": width}
        axes.plot(np.arange(1, len(values) + 1), values, marker="o" if len(values) < 12 else None, **style)
    usable = part.recursive.usable_horizon.samples if part.recursive else 0
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


def _draw_errors(axes: Axes, part: ChannelScores) -> None:
    """Draw the error of every predictor as a bar with its number, the best on top."""
    key = _drawn_score(part)
    scored = sorted(((row[key], name) for name, row in part.scores.items() if row[key] is not None), reverse=True)
    values = [float(value or 0) for value, _ in scored]
    names = [name for _, name in scored]
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


def _drawn_score(part: ChannelScores) -> str:
    """Return the score that is drawn: nmse, or rmse of a constant target, which has no variance to divide by."""
    return "rmse" if part.scores["model"]["nmse"] is None else "nmse"


BETTER, NOT_BETTER, BASELINE = MODEL, "#9fc8e6", "#b5b5b5"
# The marks of a verdict behind a number; the best baseline itself has none.
MARKS = {"same": " ~", "unknown": " ?"}


def comparison(result: Comparison, sample_rate_hz: float | None = None) -> Figure:
    """Return the figure of a comparison: a bar for each predictor and horizon, the best at the next segment on top."""
    rows = [row for row in result.rows if row.scores][::-1]
    with canvas(height=230 + 42 * max(4, len(rows))) as figure:
        title = "Normalised mean squared error on the held-back part: shorter is better"
        absent = [f"{row.predictor} failed" for row in result.rows if not row.scores]
        absent += [f"{name} was not trained" for name in result.missing]
        if absent:
            title += "\n" + textwrap.fill(printable("; ".join(absent), 300), 130)
        figure.suptitle(title, x=0.01, ha="left", fontsize=12)
        panels: Any = figure.subplots(1, len(result.horizons), sharey=True, squeeze=False)[0]
        for axes, horizon in zip(panels, result.horizons, strict=True):
            _draw_horizon(axes, rows, horizon)
            reach = ahead(horizon.horizon, sample_rate_hz).removeprefix("next ")
            axes.tick_params(axis="y", length=0)
            axes.set_title(f"{'closed loop' if horizon.closed else 'next segment'}: {reach}")
        labels = [row.predictor if row.status == "done" else f"{row.predictor} ({row.status})" for row in rows]
        panels[0].set_yticks(range(len(rows)), labels)
        figure.legend(handles=_comparison_legend(rows, result), loc="outside lower center", ncols=4)
    return figure


def _draw_horizon(axes: Axes, rows: list[Row], horizon: Horizon) -> None:
    """Draw one horizon: bars with their numbers, and a line at the best baseline."""
    scores = [row.at(horizon.horizon).nmse for row in rows]
    places = [place for place, nmse in enumerate(scores) if nmse is not None]
    values = [float(nmse) for nmse in scores if nmse is not None]
    axes.barh(places, values, color=[_bar_colour(rows[place], horizon) for place in places], height=0.7)
    fit_bars(axes, values)
    behind: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    for place, nmse in zip(places, values, strict=True):
        text = f"{rounded(nmse)}{_mark(rows[place], horizon)}"
        axes.annotate(text, (nmse, place), (6, 0), textcoords="offset points", va="center", bbox=behind)
    for place, score in enumerate(scores):
        if score is None:
            axes.text(0.01, place, "no score", va="center", color=FAINT, transform=axes.get_yaxis_transform())
    best = next((v for place, v in zip(places, values, strict=True) if rows[place].predictor == horizon.best), None)
    if best is not None:
        axes.axvline(best, color=INK, lw=1, ls=":")
    axes.set_xlabel("nmse" + (" (logarithmic)" if wide(values) else ""))
    axes.set_ylim(-0.7, len(rows) - 0.3)


def _bar_colour(row: Row, horizon: Horizon) -> str:
    if row.baseline:
        return BASELINE
    return BETTER if row.at(horizon.horizon).verdict == "better" else NOT_BETTER


def _mark(row: Row, horizon: Horizon) -> str:
    return "" if row.predictor == horizon.best else MARKS.get(row.at(horizon.horizon).verdict, "")


def _comparison_legend(rows: list[Row], result: Comparison) -> list[Any]:
    """Return what explains the line, and of the colours and marks those that are drawn."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    colours = {
        BETTER: "network, better than every baseline",
        NOT_BETTER: "network, not shown to be better",
        BASELINE: "baseline",
    }
    marks = {"~": "~ within the uncertainty of the best baseline", "?": "? too few origins to tell"}
    drawn_colours = {_bar_colour(row, horizon) for row in rows for horizon in result.horizons}
    drawn_marks = {_mark(row, horizon).strip() for row in rows for horizon in result.horizons}
    return [
        *(Patch(color=tint, label=text) for tint, text in colours.items() if tint in drawn_colours),
        Line2D([], [], color=INK, lw=1, ls=":", label="best baseline"),
        *(Line2D([], [], ls="", label=text) for mark, text in marks.items() if mark in drawn_marks),
    ]


def learning_curve(
    history: Sequence[Mapping[str, float]],
    loss_label: str = "mean squared error, scaled signal",
    names: Sequence[str] = (),
) -> Figure:
    """Return the figure of both losses by step, with the step whose weights were kept.

    `history` has rows with `step`, `loss` and `validation_loss`. If they have a `network` too, a
    number counted from 1, each network gets its own axes under its name in `names`.
    """
    numbers = list(dict.fromkeys(row.get("network", 0.0) for row in history)) or [0.0]
    with canvas() as figure:
        for number, axes in zip(numbers, np.atleast_1d(figure.subplots(1, len(numbers))), strict=True):
            name = f": {names[int(number) - 1]}" if number and int(number) <= len(names) else ""
            axes.set_title(f"Learning curve{name}", weight="bold")
            axes.set_xlabel("training step")
            axes.set_ylabel(f"loss ({loss_label})")
            axes.grid(color="#eeeeee")
            if history:
                _draw_losses(axes, [row for row in history if row.get("network", 0.0) == number])
            else:
                text = "nothing was trained: the predictor is fitted in one step"
                axes.text(0.5, 0.5, text, ha="center", color=FAINT)
    return figure


def _draw_losses(axes: Axes, history: Sequence[Mapping[str, float]]) -> None:
    """Draw the two losses, with dots where there are few, and mark the best validation loss."""
    steps = np.array([row["step"] for row in history])
    drawn: list[float] = []
    for key, label, tint in (("loss", "training", FAINT), ("validation_loss", "validation", MODEL)):
        loss = np.array([row.get(key, np.nan) for row in history], dtype=float)
        axes.plot(steps, loss, color=tint, lw=2, marker="o" if len(steps) < 60 else None, ms=4, label=label)
        drawn += loss[np.isfinite(loss) & (loss > 0)].tolist()
        if key == "validation_loss" and np.isfinite(loss).any():
            _mark_kept_step(axes, steps, loss)
    if wide(drawn) or (drawn and max(drawn) / min(drawn) > 2):
        axes.set_yscale("log")
        plain_log(axes.yaxis)
    axes.legend(loc="upper right")


def _mark_kept_step(axes: Axes, steps: np.ndarray, loss: np.ndarray) -> None:
    k = int(np.nanargmin(loss))
    tint = COLOURS["ridge"]
    axes.axvline(steps[k], color=tint, lw=1, ls="--")
    axes.plot(steps[k], loss[k], "o", ms=11, mfc="none", mec=tint, mew=2)
    # The text stands on the side where the axes have room for it.
    offset, side = ((-14, 22), "right") if k > len(steps) / 2 else ((14, 22), "left")
    look: Any = {"textcoords": "offset points", "ha": side, "color": INK, "weight": "bold"}
    axes.annotate(f"kept: step {int(steps[k])}, {loss[k]:.4g}", (steps[k], loss[k]), xytext=offset, **look)
