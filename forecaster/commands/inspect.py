"""`forecaster inspect`: what a model folder holds."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, program, shell, table
from forecaster.durations import samples_and_time

if TYPE_CHECKING:
    from forecaster.config import RunConfig
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


def parameter_counts(forecaster: Forecaster) -> dict[str, int]:
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
        "parameter_counts": parameter_counts(forecaster),
        "evaluations": forecaster.stored,
    }


def _text(forecaster: Forecaster, model: Path) -> str:
    from forecaster.errors import printable

    facts = [(label, printable(text, 2000)) for label, text in _facts(forecaster, model)]
    width = max(len(label) for label, _ in facts)
    lines = [f"{label.ljust(width)}  {text}" for label, text in facts]
    return "\n".join([*lines, *_scores(forecaster)])


def _facts(forecaster: Forecaster, model: Path) -> list[tuple[str, str]]:
    """Return the facts of a model, a label and a text each."""
    from forecaster.bundle.card import members_and_weights
    from forecaster.forecasting.forecast import CARRIED, JOINT, REREAD
    from forecaster.reading.symbols import listed

    manifest = forecaster.manifest
    window, split, rate_hz = manifest.window, manifest.split, manifest.sample_rate_hz
    past, known = manifest.channels.past_covariates, manifest.channels.future_covariates
    counts = parameter_counts(forecaster)
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
        ("channels", ", ".join(_channels(forecaster))),
        *([("joint", JOINT)] if window.others else []),
        *([("symbols", f"{window.symbols}: {listed(manifest.channels.labels)}")] if window.symbols else []),
        *([("exogenous", ", ".join(past))] if past else []),
        *([("known", ", ".join(known))] if known else []),
        ("split", f"{split.training:g}/{split.validation:g}/{split.test:g} percent"),
        *([("training", "interrupted: not the whole one")] if manifest.interrupted else []),
        ("seed", str(manifest.seed)),
        *(
            (f"recipe{f' of {name}' if name else ''}", ", ".join(f"{key} {value}" for key, value in recipe))
            for name, recipe in _recipes(manifest.config)
        ),
        ("reading", _reading(forecaster)),
        ("bands", _bands(forecaster)),
        ("versions", ", ".join(f"{name} {version}" for name, version in manifest.versions.items())),
        ("repeat with", f"{program()} train SIGNAL -o NEW --config {shell([model / 'model.json'])}"),
        *(("trained on", f"{data.name}, {data.rows} rows, sha256 {data.sha256}") for data in manifest.training_data),
    ]


def _recipes(config: RunConfig) -> list[tuple[str, list[tuple[str, Any]]]]:
    """Return how the network was trained, or each of several with its name."""
    recipes = config.recipes or {"": config.recipe}
    return [(name, list(recipe.model_dump().items())) for name, recipe in recipes.items()]


def _channels(forecaster: Forecaster) -> list[str]:
    channels = forecaster.manifest.channels
    return [f"{name} [{unit}]" if unit else name for name, unit in zip(channels.target, channels.units, strict=True)]


def _reading(forecaster: Forecaster) -> str:
    chosen = forecaster.manifest.config.reading.model_dump(exclude_defaults=True)
    return ", ".join(f"{name} {value!r}" for name, value in chosen.items()) or "defaults"


def _bands(forecaster: Forecaster) -> str:
    state = forecaster.manifest.intervals
    if not state.horizon:
        return f"none: {state.reason}"
    origins = f"{state.horizon} steps ahead, from {', '.join(map(str, state.origins))} validation origins"
    worth = ", ".join(f"{near} and {far}" if far else f"{near}" for near, far in state.separate)
    return f"{origins}, made of {worth} separate errors (next segment and beyond)" if worth else origins


def _scores(forecaster: Forecaster) -> list[str]:
    """Lay out the first score of the stored evaluations: the normalised error, or the accuracy."""
    lines: list[str] = []
    for evaluation in forecaster.stored:
        parts = evaluation["parts"]
        names = list(parts[0]["scores"]) if parts else []
        first = next((key for name in names[:1] for key in parts[0]["scores"][name]), "nmse")
        rows = [
            [
                f"{part['signal']} {part['channel']}",
                *(number(part["scores"].get(name, {}).get(first)) for name in names),
            ]
            for part in parts
        ]
        title = f"{first}, {evaluation['horizon']} ahead, every {evaluation['stride']}"
        lines += ["", table([title, *names], rows), evaluation.get("verdict", "")]
    return lines
