"""README.md of a model folder: what was trained on what, how good it is, how to use it."""

from __future__ import annotations

import re
from typing import Any

from forecaster.bundle.manifest import Manifest
from forecaster.bundle.strict_json import complaint, refused
from forecaster.durations import duration
from forecaster.errors import printable

# Longer tables and lists are cut: model.json and metrics.json have all of them.
MAX_ROWS = 12
SCORES = ("nmse", "rmse", "mae", "mase", "coverage-90", "accuracy", "cross_entropy", "perplexity")
# The characters that begin Markdown, HTML, a table's cell or an automatic link.
MARKUP = re.compile(r"([\\`*_\[\]<>|&~#$:@!])")

USE = """## How to use it

In these commands `MODEL` is this folder, `SIGNAL` a file, a folder of files, or `-`:

```
forecaster forecast MODEL SIGNAL -o forecasts
forecaster evaluate MODEL SIGNAL
forecaster inspect MODEL
```
"""


def card(manifest: Manifest, metrics: list[dict[str, Any]], history: str) -> str:
    """Return the model card in Markdown.

    `metrics` are the stored evaluations, `history` is the text of history.csv. Names from files
    are escaped, because a channel may be called anything.
    """
    description, training_data = _description(manifest, history), _training_data(manifest)
    return "\n".join([_title(manifest), description, _evaluations(metrics), USE, training_data, _limits(manifest)])


def parse_card(buffer: bytes, where: str) -> str:
    """Return README.md as text without control characters; people read it, and the program takes nothing from it.

    Raises: ModelError.
    """
    try:
        text = buffer.decode("utf-8")
    except UnicodeDecodeError:
        raise refused(where, "bytes that are not UTF-8", "UTF-8 text") from None
    if wrong := complaint(text.replace("\n", " "), len(text)):
        raise refused(where, wrong, "printable text")
    return text


def escape(text: object) -> str:
    r"""Return `text` so that Markdown shows it as it is.

    >>> print(escape("<b>a|b_c"))
    \<b\>a\|b\_c
    """
    # Some renderers make a link of a bare "www." too.
    return MARKUP.sub(r"\\\1", printable(text)).replace("www.", "www\\.")


def members_and_weights(manifest: Manifest) -> str:
    """Return the members of an ensemble with their mean weights; "" where one predictor makes the forecast."""
    if manifest.combination is None:
        return ""
    weights = {"the next segment": manifest.combination.next, "those fed back": manifest.combination.fed_back}
    return "; ".join(
        f"{segments} {', '.join(f'{name} {_percent(weight)}' for name, weight in members.items())}"
        for segments, members in weights.items()
        if members
    )


def _percent(weight: float) -> str:
    percent = round(weight * 100)
    # A member of a few segments alone rounds to 0 %, and is not nothing.
    return f"{percent} %" if percent else "under 1 %"


def _title(manifest: Manifest) -> str:
    channels = zip(manifest.channels.target, manifest.channels.units, strict=True)
    names = [f"{escape(name)} ({escape(unit)})" if unit else escape(name) for name, unit in channels]
    return (
        f"# A forecast model of {_listed(names)}\n\nMade by forecaster on {manifest.created}, seed {manifest.seed}.\n"
    )


def _description(manifest: Manifest, history: str) -> str:
    window, rate_hz, channels = manifest.window, manifest.sample_rate_hz, manifest.channels
    predictor, weights = manifest.predictors[0].name, members_and_weights(manifest)
    past, future, labels = (
        _listed([escape(name) for name in names])
        for names in (channels.past_covariates, channels.future_covariates, channels.labels)
    )
    lines = [
        f"Predictor: {escape(f'{predictor}: {weights}' if weights else predictor)}",
        f"It looks back on: {window.context} samples{_in_time(window.context, rate_hz)}, in {window.n_step} segments",
        f"It forecasts: the next {window.n_input}{_in_time(window.n_input, rate_hz)}; then from its own forecasts",
        f"Beside the signal it sees: {past}" if channels.past_covariates else "",
        "Beside each channel it sees all others that it forecasts" if window.others else "",
        f"Known ahead, to the end of a forecast: {future}" if channels.future_covariates else "",
        f"Symbols: {labels}" if channels.labels else "",
        "Its state is carried from the first sample of a recording on" if manifest.config.carry_state else "",
        f"Sample rate: {f'{rate_hz:g} Hz' if rate_hz else 'not known; times are counted in samples'}",
        f"Intervals: {_intervals(manifest)}",
        f"Training: {_last_epoch(history)}{', then interrupted' if manifest.interrupted else ''}",
    ]
    return "## What it is\n\n" + "".join(f"- {line}\n" for line in lines if line)


def _in_time(samples: int, rate_hz: float | None) -> str:
    return f" = {duration(samples, rate_hz)}" if rate_hz else ""


def _intervals(manifest: Manifest) -> str:
    state = manifest.intervals
    if state.horizon and state.levels:
        return f"conformal for each of {state.horizon} steps, levels {state.levels[0]} to {state.levels[-1]} %"
    return f"none{f' ({escape(state.reason)})' if state.reason else ''}"


def _last_epoch(history: str) -> str:
    """Return the last line of history.csv in words."""
    lines = history.split()
    if len(lines) < 2:
        return "in closed form"
    losses = zip(lines[0].split(","), lines[-1].split(","), strict=False)
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in losses if value)


def _evaluations(metrics: list[dict[str, Any]]) -> str:
    blocks: list[str] = []
    for evaluation in metrics:
        parts = evaluation.get("parts", [])
        if evaluation.get("verdict"):
            blocks.append(f"{escape(evaluation['verdict'])}\n")
        blocks.append(
            f"The next {evaluation['horizon']} samples, scored every {evaluation['stride']} on the part held back:\n"
        )
        blocks += [_table(part) for part in parts[:MAX_ROWS]]
        if len(parts) > MAX_ROWS:
            blocks.append(f"And {len(parts) - MAX_ROWS} more, in metrics.json.\n")
    return "## How good it is\n\n" + ("\n".join(blocks) or "It has not been scored.\n")


def _table(part: dict[str, Any]) -> str:
    """Return the scores of one channel, those of the baselines below those of the model."""
    title = f"{escape(part['signal'])}, {escape(part['channel'])}: {part['origins']} origins\n"
    shown = [score for score in SCORES if any(score in scores for scores in part["scores"].values())]
    rows = [f"| {' | '.join(['', *map(escape, shown)])} |", "|---|" + "---:|" * len(shown)]
    for name, scores in part["scores"].items():
        values = (scores.get(score) for score in shown)
        cells = ["" if value is None else f"{value:.4g}" for value in values]
        rows.append(f"| {escape(name)} | {' | '.join(cells)} |")
    return f"{title}\n" + "\n".join(rows) + "\n"


def _training_data(manifest: Manifest) -> str:
    files, split = manifest.training_data, manifest.split
    rows = [f"| {escape(file.name)} | {file.rows} | `{file.sha256[:16]}` |" for file in files[:MAX_ROWS]]
    more = [f"\nAnd {len(files) - MAX_ROWS} more, in model.json."] if len(files) > MAX_ROWS else []
    total = f"{len(files)} file{'s' if len(files) != 1 else ''} with {sum(file.rows for file in files)} rows."
    parts = (
        f"By time, the first {split.training:g} % trained it, the next {split.validation:g} % chose among its states"
        f" and gave the intervals, the last {split.test:g} % were held back for the scores.\n"
    )
    head = ["## What it was trained on\n", f"{total} {parts}", "| file | rows | sha256 |\n|---|---:|---|"]
    return "\n".join([*head, *rows, *more]) + "\n"


def _limits(manifest: Manifest) -> str:
    bands = "- The intervals hold on average over data like the validation part; a change of the machine breaks them.\n"
    versions = ", ".join(f"{escape(name)} {escape(version)}" for name, version in sorted(manifest.versions.items()))
    return f"""## Limits

- It expects signals like those that it was trained on: the same channels, units and sample rate.
- Beyond {manifest.window.n_input} samples it forecasts from its own forecasts, and errors add up.
{bands if manifest.intervals.horizon else ""}- Do not edit these files: their hashes are checked at loading.

Versions: {versions or "not recorded"}.
"""


def _listed(names: list[str]) -> str:
    return ", ".join(names[:MAX_ROWS]) + (f" and {len(names) - MAX_ROWS} more" if len(names) > MAX_ROWS else "")
