"""`forecaster inspect`: what a model folder holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, program, shell, table
from forecaster.durations import samples_and_time
from forecaster.errors import printable

if TYPE_CHECKING:
    from forecaster.model import Forecaster


@click.command("inspect")
@options.model
@options.as_json
@options.speech
@click.pass_obj
def command(terminal: Terminal, model: Path, as_json: bool) -> None:
    """Show what a model folder holds.

    How it was trained and on what, its window, channels and scores: everything needed to
    repeat the run.
    """
    from forecaster.model import Forecaster

    forecaster = Forecaster.load(model)
    terminal.json(_document(forecaster, model)) if as_json else terminal.out(_text(forecaster, model))


def _parameter_counts(forecaster: Forecaster) -> dict[str, int]:
    """Return how many numbers each predictor holds."""
    from forecaster import predictors

    manifest = forecaster.manifest
    counts = {}
    for state in manifest.predictors:
        shapes = predictors.specs(state.name, dict(state.parameters), manifest.window, manifest.n_channels)
        counts[state.name] = sum(math.prod(spec.shape) for spec in shapes.values())
    return counts


def _document(forecaster: Forecaster, model: Path) -> dict[str, Any]:
    """Return model.json with what follows from it."""
    return {
        "model": str(model),
        **forecaster.manifest.model_dump(mode="json"),
        "context": forecaster.manifest.window.context,
        "parameter_counts": _parameter_counts(forecaster),
        "evaluations": forecaster.stored,
    }


def _text(forecaster: Forecaster, model: Path) -> str:
    """Return model.json and the stored scores laid out for people."""
    facts = [(label, printable(text, 2000)) for label, text in _facts(forecaster, model)]
    width = max(len(label) for label, _ in facts)
    lines = [f"{label.ljust(width)}  {text}" for label, text in facts]
    return "\n".join([*lines, *_scores(forecaster)])


def _facts(forecaster: Forecaster, model: Path) -> list[tuple[str, str]]:
    """Return the facts of a model, a label and a text each."""
    from forecaster.bundle.card import members_and_weights
    from forecaster.forecasting.forecast import CARRIED, JOINT, REREAD

    manifest = forecaster.manifest
    window, split, rate_hz = manifest.window, manifest.split, manifest.sample_rate_hz
    channels = manifest.channels
    past, future = channels.past_covariates, channels.future_covariates
    names = {name: f"{name} [{unit}]" if (unit := channels.unit_of(name)) else name for name in channels.columns}
    counts = _parameter_counts(forecaster)
    # An ensemble has a recipe for each of its networks, a single network one without a name.
    recipes = manifest.config.recipes or {"": manifest.config.recipe}
    reading = manifest.config.reading.model_dump(exclude_defaults=True)
    return [
        ("model", f"{model}, format {manifest.format}, created {manifest.created}"),
        ("predictor", manifest.config.predictor),
        *([("carried by", members_and_weights(manifest))] if manifest.combination else []),
        ("holds", ", ".join(f"{name} ({count} parameters)" for name, count in counts.items())),
        ("window", f"{window.n_step} segments of {window.n_input} samples, one every {window.stride}"),
        ("context", samples_and_time(window.context, rate_hz)),
        ("horizon", samples_and_time(window.n_input, rate_hz)),
        ("beyond it", CARRIED if manifest.config.carry_state else REREAD),
        ("sample rate", "not known" if rate_hz is None else f"{rate_hz:.6g} Hz"),
        ("channels", ", ".join(names[name] for name in channels.target)),
        *([("joint", JOINT)] if window.others else []),
        *forecaster.task.facts(channels.labels),
        *([("exogenous", ", ".join(names[name] for name in past))] if past else []),
        *([("known", ", ".join(names[name] for name in future))] if future else []),
        ("split", f"{split.training:g}/{split.validation:g}/{split.test:g} percent"),
        *([("training", "interrupted: not the whole one")] if manifest.interrupted else []),
        ("seed", str(manifest.seed)),
        *(
            (
                f"recipe of {name}" if name else "recipe",
                ", ".join(f"{key} {value}" for key, value in recipe.model_dump().items()),
            )
            for name, recipe in recipes.items()
        ),
        ("reading", ", ".join(f"{name} {value!r}" for name, value in reading.items()) or "defaults"),
        ("bands", _bands(forecaster)),
        ("versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("repeat with", f"{program()} train SIGNAL -o NEW --config {shell([model / 'model.json'])}"),
        *(("trained on", f"{data.name}, {data.rows} rows, sha256 {data.sha256}") for data in manifest.training_data),
    ]


def _bands(forecaster: Forecaster) -> str:
    """Return what the bands are calibrated for, and by how many errors."""
    state = forecaster.manifest.intervals
    if not state.horizon:
        return f"none: {state.reason}"
    origins = f"{state.horizon} steps ahead, from {', '.join(map(str, state.origins))} validation origins"
    sizes = ", ".join(f"{near} and {far}" if far else f"{near}" for near, far in state.separate)
    return f"{origins}, made of {sizes} separate errors (next segment and beyond)" if sizes else origins


def _scores(forecaster: Forecaster) -> list[str]:
    """Return the first score of the stored evaluations laid out: the normalised error, or the accuracy."""
    lines: list[str] = []
    for evaluation in forecaster.stored:
        parts = evaluation["parts"]
        predictors = parts[0]["scores"] if parts else {}
        first = next(iter(predictors), "")
        metric = next(iter(predictors.get(first, {})), "nmse")
        rows = []
        for part in parts:
            values = (part["scores"].get(name, {}).get(metric) for name in predictors)
            rows.append([f"{part['signal']} {part['channel']}", *map(number, values)])
        title = f"{metric}, {evaluation['horizon']} ahead, every {evaluation['stride']}"
        lines += ["", table([title, *predictors], rows), evaluation.get("verdict", "")]
    return lines
