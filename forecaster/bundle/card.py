"""README.md of a model folder: what was trained on what, how good it is, how to use it."""

from __future__ import annotations

import re
from typing import Any

from forecaster.bundle.manifest import Manifest
from forecaster.bundle.strict_json import complaint, refused
from forecaster.durations import duration
from forecaster.errors import printable

MOST_ROWS = 12
SCORES = ("nmse", "rmse", "mae", "mase", "coverage-90", "accuracy", "cross_entropy", "perplexity")
HOSTILE = re.compile(r"([\\`*_\[\]<>|&~#$:@!])")

USE = """## How to use it

In these commands `MODEL` is this folder, `SIGNAL` a file, a folder of files, or `-`:

```
forecaster forecast MODEL SIGNAL -o forecasts
forecaster evaluate MODEL SIGNAL
forecaster inspect MODEL
```
"""


def card(manifest: Manifest, metrics: list[dict[str, Any]], history: str) -> str:
    """Write the model card in Markdown.

    `metrics` are the stored evaluations, `history` the text of history.csv. Names from files
    are escaped: a channel may be called anything.
    """
    sections = [_head(manifest), _about(manifest, history), _scores(metrics), USE, _data(manifest), _limits(manifest)]
    return "\n".join(sections)


def escape(text: object) -> str:
    r"""Return `text` so that Markdown shows it as it is.

    >>> print(escape("<b>a|b_c"))
    \<b\>a\|b\_c
    """
    return HOSTILE.sub(r"\\\1", printable(text)).replace("www.", "www\\.")


def _head(manifest: Manifest) -> str:
    channels = manifest.channels
    names = [
        f"{escape(name)}{f' ({escape(unit)})' if unit else ''}"
        for name, unit in zip(channels.target, channels.units, strict=True)
    ]
    return (
        f"# A forecast model of {_listed(names)}\n\nMade by forecaster on {manifest.created}, seed {manifest.seed}.\n"
    )


def _about(manifest: Manifest, history: str) -> str:
    window, rate, (beside, known) = manifest.window, manifest.sample_rate_hz, manifest.channels.parted
    lines = [
        f"- Predictor: {escape(_carrier(manifest))}",
        f"- It looks back on: {window.context} samples{_in_time(window.context, rate)}, in {window.n_step} segments",
        f"- It forecasts: the next {window.n_input}{_in_time(window.n_input, rate)}; then from its own forecasts",
        *([f"- Beside the signal it sees: {_listed([escape(one) for one in beside])}"] if beside else []),
        *(["- Beside each channel it sees all others that it forecasts"] if window.others else []),
        *([f"- Known ahead, to the end of a forecast: {_listed([escape(one) for one in known])}"] if known else []),
        *([f"- Symbols: {_listed([escape(one) for one in manifest.channels.labels])}"] if window.symbols else []),
        *(["- Its state is carried from the first sample of a recording on"] if manifest.config.carry_state else []),
        f"- Sample rate: {f'{rate:g} Hz' if rate else 'not known; times are counted in samples'}",
        f"- Intervals: {_intervals(manifest)}",
        f"- Training: {_course(history)}{', then interrupted' if manifest.interrupted else ''}",
    ]
    return "## What it is\n\n" + "\n".join(lines) + "\n"


def _carrier(manifest: Manifest) -> str:
    """Name the predictor, or the combination of several, that carries the forecast."""
    if manifest.combination is None:
        return manifest.predictors[0].name
    return f"{manifest.predictors[0].name}: {carried_by(manifest)}"


def carried_by(manifest: Manifest) -> str:
    """Say who carries a combined forecast, or nothing where one predictor does."""
    if manifest.combination is None:
        return ""
    kinds = {"the next segment": manifest.combination.next, "those fed back": manifest.combination.fed_back}
    return "; ".join(
        f"{what} {', '.join(f'{name} {_percent(share)}' for name, share in shares.items())}"
        for what, shares in kinds.items()
        if shares
    )


def _percent(share: float) -> str:
    """Say a share; one that carries few of the segments is not nothing."""
    percent = round(share * 100)
    return f"{percent} %" if percent else "under 1 %"


def _in_time(samples: int, rate_hz: float | None) -> str:
    return f" = {duration(samples, rate_hz)}" if rate_hz else ""


def _intervals(manifest: Manifest) -> str:
    state = manifest.intervals
    if not (state.horizon and state.levels):
        return f"none{f' ({escape(state.reason)})' if state.reason else ''}"
    return f"conformal for each of {state.horizon} steps, levels {state.levels[0]} to {state.levels[-1]} %"


def _course(history: str) -> str:
    """Tell how the training went, from the last line of history.csv."""
    lines = history.split()
    if len(lines) < 2:
        return "in closed form"
    last = dict(zip(lines[0].split(","), lines[-1].split(","), strict=False))
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in last.items() if value)


def _scores(metrics: list[dict[str, Any]]) -> str:
    blocks = [block for one in metrics for block in _evaluation(one)]
    return "## How good it is\n\n" + ("\n".join(blocks) or "It has not been scored.\n")


def _evaluation(one: dict[str, Any]) -> list[str]:
    parts = one.get("parts", [])
    blocks = [f"{escape(one['verdict'])}\n"] if one.get("verdict") else []
    blocks += [f"The next {one['horizon']} samples, scored every {one['stride']} on the part held back:\n"]
    blocks += [_table(part) for part in parts[:MOST_ROWS]]
    return blocks + ([f"And {len(parts) - MOST_ROWS} more, in metrics.json.\n"] if len(parts) > MOST_ROWS else [])


def _table(part: dict[str, Any]) -> str:
    """Write the scores of one channel beside those of the baselines."""
    title = f"{escape(part['signal'])}, {escape(part['channel'])}: {part['origins']} origins\n"
    shown = [score for score in SCORES if any(score in scores for scores in part["scores"].values())]
    rows = [f"| {' | '.join(['', *map(escape, shown)])} |", "|---|" + "---:|" * len(shown)]
    for name, scores in part["scores"].items():
        rows.append(f"| {escape(name)} | {' | '.join(_value(scores.get(score)) for score in shown)} |")
    return f"{title}\n" + "\n".join(rows) + "\n"


def _value(score: float | None) -> str:
    return "" if score is None else f"{score:.4g}"


def _data(manifest: Manifest) -> str:
    files, split = manifest.training_data, manifest.split
    rows = [f"| {escape(one.name)} | {one.rows} | `{one.sha256[:16]}` |" for one in files[:MOST_ROWS]]
    more = [f"\nAnd {len(files) - MOST_ROWS} more, in model.json."] if len(files) > MOST_ROWS else []
    total = f"{len(files)} file{'s' if len(files) != 1 else ''} with {sum(one.rows for one in files)} rows."
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
    return ", ".join(names[:MOST_ROWS]) + (f" and {len(names) - MOST_ROWS} more" if len(names) > MOST_ROWS else "")


def parse_card(buffer: bytes, where: str) -> str:
    """Read README.md as text without control characters; it is for people, and nothing is made of it.

    Raises: ModelError.
    """
    try:
        text = buffer.decode("utf-8")
    except UnicodeDecodeError:
        raise refused(where, "bytes that are not UTF-8", "UTF-8 text") from None
    if wrong := complaint(text.replace("\n", " "), len(text)):
        raise refused(where, wrong, "printable text")
    return text
