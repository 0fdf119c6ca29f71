"""The picture of a comparison: the error of every predictor as a bar, the next segment beside the closed loop."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from forecaster.errors import printable
from forecaster.plots.style import FAINT, INK, MODEL, ahead, canvas, fit_bars, rounded, wide

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from forecaster.comparison import Comparison, Horizon, Row

BETTER, NOT_BETTER, BASELINE = MODEL, "#9fc8e6", "#b5b5b5"
BEHIND: Any = {"facecolor": "white", "edgecolor": "none", "pad": 1}
MARKS = {"same": " ~", "unknown": " ?"}


def comparison(result: Comparison, sample_rate_hz: float | None = None) -> Figure:
    """Draw a bar for each predictor, in the order of the table: the best at the next segment on top."""
    rows = [row for row in result.rows if row.scores][::-1]
    with canvas(height=230 + 42 * max(4, len(rows))) as figure:
        title = "Normalised mean squared error on the held-back part: shorter is better"
        figure.suptitle("\n".join([title, *_absent(result)]), x=0.01, ha="left", fontsize=12)
        panels: Any = figure.subplots(1, len(result.horizons), sharey=True, squeeze=False)[0]
        for axes, horizon in zip(panels, result.horizons, strict=True):
            _bars(axes, rows, horizon)
            reach = ahead(horizon.horizon, sample_rate_hz).removeprefix("next ")
            axes.tick_params(axis="y", length=0)
            axes.set_title(f"{'closed loop' if horizon.closed else 'next segment'}: {reach}")
        panels[0].set_yticks(range(len(rows)), [_label(row) for row in rows])
        figure.legend(handles=_legend(rows, result), loc="outside lower center", ncols=4)
    return figure


def _absent(result: Comparison) -> list[str]:
    """Say who has no bar, and why."""
    gone = [f"{row.predictor} failed" for row in result.rows if not row.scores]
    gone += [f"{name} was not trained" for name in result.missing]
    return [textwrap.fill(printable("; ".join(gone), 300), 130)] if gone else []


def _label(row: Row) -> str:
    return row.predictor if row.status == "done" else f"{row.predictor} ({row.status})"


def _bars(axes: Axes, rows: list[Row], horizon: Horizon) -> None:
    """Draw one horizon: bars with their numbers, and a line at the best baseline."""
    known = [(place, row, row.at(horizon.horizon).nmse) for place, row in enumerate(rows)]
    drawn = [(place, row, float(nmse)) for place, row, nmse in known if nmse is not None]
    values = [nmse for _, _, nmse in drawn]
    best = next((nmse for _, row, nmse in drawn if row.predictor == horizon.best), None)
    axes.barh(
        [place for place, _, _ in drawn], values, color=[_colour(row, horizon) for _, row, _ in drawn], height=0.7
    )
    fit_bars(axes, values)
    for place, row, nmse in drawn:
        text = f"{rounded(nmse)}{_mark(row, horizon)}"
        axes.annotate(text, (nmse, place), (6, 0), textcoords="offset points", va="center", bbox=BEHIND)
    for place, _, found in known:
        if found is None:
            axes.text(0.01, place, "no score", va="center", color=FAINT, transform=axes.get_yaxis_transform())
    if best is not None:
        axes.axvline(best, color=INK, lw=1, ls=":")
    axes.set_xlabel("nmse" + (" (logarithmic)" if wide(values) else ""))
    axes.set_ylim(-0.7, len(rows) - 0.3)


def _colour(row: Row, horizon: Horizon) -> str:
    if row.baseline:
        return BASELINE
    return BETTER if row.at(horizon.horizon).verdict == "better" else NOT_BETTER


def _mark(row: Row, horizon: Horizon) -> str:
    return "" if row.predictor == horizon.best else MARKS.get(row.at(horizon.horizon).verdict, "")


def _legend(rows: list[Row], result: Comparison) -> list[Any]:
    """Explain the colours, the line and the marks, those alone that are there."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    texts = {
        BETTER: "network, better than every baseline",
        NOT_BETTER: "network, not shown to be better",
        BASELINE: "baseline",
    }
    used = {_colour(row, horizon) for row in rows for horizon in result.horizons}
    marks = {_mark(row, horizon).strip() for row in rows for horizon in result.horizons}
    words = {"~": "~ within the uncertainty of the best baseline", "?": "? too few origins to tell"}
    return [
        *(Patch(color=colour, label=text) for colour, text in texts.items() if colour in used),
        Line2D([], [], color=INK, lw=1, ls=":", label="best baseline"),
        *(Line2D([], [], ls="", label=text) for mark, text in words.items() if mark in marks),
    ]
