"""`forecaster train`: from signals to a scored model folder."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, program, shell
from forecaster.durations import samples_and_time
from forecaster.errors import TooShortError, printable
from forecaster.files import as_argument

if TYPE_CHECKING:
    from forecaster.bundle import Checkpoint
    from forecaster.config import RunConfig
    from forecaster.model import Forecaster
    from forecaster.signal.signal import Signal

LONGEST_COMMAND = 600
INTERRUPTED = 130


@click.command("train")
@options.signals
@options.output("MODEL", "Folder to save the model in.")
@options.predictor
@options.training
@options.settings
@options.carry_state
@options.horizon_mode
@options.config
@options.overwrite
@options.resume
@options.plot("Draw the learning curve.")
@options.as_json
@options.reading
@options.speech
@click.pass_context
def command(ctx: click.Context, /, signals: tuple[str, ...], output: Path, **chosen: Any) -> int:
    """Train a predictor on signals and save it as a model folder.

    --set gives a network's own parameters, such as units_1=50.

    The last part of each recording is held back: the model is scored on it beside naive
    baselines, and the verdict says whether it is worth having. Ctrl-C ends the training and
    keeps the best weights so far as the model. After that, a kill or a power cut the same
    command with --resume goes on from the last checkpoint, to the weights that an undisturbed
    training would have given. Settings come from options, then FORECASTER_* variables, then
    --config, then the defaults.
    """
    terminal: Terminal = ctx.obj
    run = _prepare(ctx, signals, output, chosen)
    try:
        found = _trained_and_saved(terminal, run, overwrite=chosen["overwrite"], resume=chosen["resume"])
    except TooShortError as error:
        raise _with_command(error, terminal.args, run) from None
    if found is None:
        return _nothing_to_do(terminal, run, as_json=chosen["as_json"])
    forecaster, seconds = found
    _draw(terminal, forecaster, chosen["plot"])
    _report(terminal, run, _Result(forecaster, seconds, chosen["as_json"]))
    return INTERRUPTED if forecaster.interrupted else 0


@dataclass(frozen=True)
class _Run:
    """What is trained on what, and where it goes."""

    signals: tuple[Signal, ...]
    config: RunConfig
    output: Path

    @property
    def rate_hz(self) -> float | None:
        return self.signals[0].sample_rate_hz


@dataclass(frozen=True)
class _Result:
    """What came of it."""

    forecaster: Forecaster
    seconds: float
    as_json: bool


def _prepare(ctx: click.Context, arguments: Sequence[str], output: Path, chosen: Mapping[str, Any]) -> _Run:
    """Settle everything that can be refused before a signal is read, then read."""
    from forecaster.bundle import check_target
    from forecaster.commands import configure
    from forecaster.reading import inputs, read_signal
    from forecaster.training import check_installed

    source, settings, known = settled(ctx)
    if not chosen["resume"]:  # what is to be resumed may be finished already
        check_installed([known.predictor])
    check_target(output, overwrite=chosen["overwrite"] or chosen["resume"])
    options.check_picture(chosen["plot"], output)
    found = inputs.find(arguments)
    signals = tuple(read_signal(item.path, known.reading, name=item.name) for item in found)
    config = configure.run_config(configure.sizes(settings, signals[0].sample_rate_hz), source)
    return _Run(signals, config, output)


def settled(ctx: click.Context) -> tuple[str, dict[str, Any], RunConfig]:
    """Return where the settings come from, what they are, and what of the run is known before a signal is read."""
    from forecaster.commands import configure
    from forecaster.predictors import predictor_class

    file = ctx.params["config"]
    source = "the options" if file is None else printable(file)
    settings = configure.nested(options.explicit(ctx), file)
    known = configure.run_config(configure.without_times(settings), source)
    settings = configure.for_task(settings, predictor_class(known.predictor).task)
    return source, settings, configure.run_config(configure.without_times(settings), source)


def _nothing_to_do(terminal: Terminal, run: _Run, *, as_json: bool) -> int:
    """Say that the training to be resumed has ended; `--json` gives what it gave."""
    from forecaster.model import Forecaster

    terminal.say(f"resume: nothing to do: {printable(run.output)} holds the finished model of this training.")
    if as_json:
        terminal.json(_summary(run, _Result(Forecaster.load(run.output), 0.0, as_json)))
    return 0


def _trained_and_saved(
    terminal: Terminal, run: _Run, *, overwrite: bool, resume: bool
) -> tuple[Forecaster, float] | None:
    """Train and save, and return the model and the seconds; None where it was to be resumed and is finished."""
    from forecaster.commands import resuming
    from forecaster.model import Forecaster

    asked = Forecaster.run_of(run.signals, run.config)
    own = resuming.ended(run.output, asked, overwrite=overwrite) if resume else ""
    with resuming.opened(terminal, run.output, asked, resume=resume) as checkpoint:
        if own == "finished" and not checkpoint.exists:
            return None
        if said := resuming.stands(checkpoint, resume=resume):
            terminal.say(said)
        forecaster, seconds = _fit(terminal, run, checkpoint)
        with resuming.saving(checkpoint):
            forecaster.save(run.output, overwrite=overwrite or bool(own))
        if not forecaster.interrupted:
            checkpoint.discard()
    return forecaster, seconds


def _fit(terminal: Terminal, run: _Run, checkpoint: Checkpoint) -> tuple[Forecaster, float]:
    """Train, and say before how far the model will look back and ahead."""
    from forecaster.commands.resuming import GOES_ON
    from forecaster.model import Forecaster

    for signal in run.signals:
        for note in signal.notes:
            terminal.say(f"note: {printable(signal.name)}: {printable(note)}")
    window = run.config.window
    lengths = (samples_and_time(length, run.rate_hz) for length in (window.context, window.n_input))
    terminal.say("context {}, horizon {}".format(*lengths))
    began = time.monotonic()
    forecaster = Forecaster.fit(run.signals, run.config, progress=terminal.training(), checkpoint=checkpoint)
    for note in forecaster.notes:
        terminal.say(f"note: {printable(note, 800)}")
    if forecaster.interrupted:
        terminal.warn(f"interrupted: the best weights so far are kept. {GOES_ON if checkpoint.states else ''}".strip())
    return forecaster, time.monotonic() - began


def _with_command(error: TooShortError, args: Sequence[str], run: _Run) -> TooShortError:
    """Return `error` with a complete command that would fit in place of its hint."""
    if error.suggestion is None:
        return error
    n_step, n_input = error.suggestion
    command = f"{program()} {shell(resized(args, n_step, n_input))}"
    hint = f"This fits: {command}"
    if len(command) > LONGEST_COMMAND:
        hint = f"This fits: the same command with --n-step {n_step} --n-input {n_input}."
    path = error.path or (run.signals[0].path if len(run.signals) == 1 else "")
    return TooShortError(error.found, suggestion=error.suggestion, path=path, hint=hint)


def resized(args: Sequence[str], n_step: int, n_input: int) -> list[str]:
    """Return the arguments of a train command with another window, all else kept.

    >>> resized(["train", "a.csv", "--n-step", "25", "-o", "m"], 5, 10)
    ['train', '--n-step', '5', '--n-input', '10', 'a.csv', '-o', 'm']
    """
    kept: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            kept += [arg, *rest]
        elif arg in ("--n-step", "--n-input"):
            next(rest, None)
        elif not arg.startswith(("--n-step=", "--n-input=")):
            kept.append(arg)
    at = kept.index("train") + 1
    return [*kept[:at], "--n-step", str(n_step), "--n-input", str(n_input), *kept[at:]]


def _draw(terminal: Terminal, forecaster: Forecaster, path: Path | None) -> None:
    """Write the learning curve."""
    if path is None:
        return
    if not forecaster.history:
        terminal.warn("no learning curve: this predictor is fitted in one step.")
        return
    from forecaster import plots

    names = tuple(forecaster.config.recipes)
    plots.save(plots.learning_curve(forecaster.history, forecaster.manifest.task, names), path)
    terminal.say(f"wrote {printable(path)}")


def _report(terminal: Terminal, run: _Run, result: _Result) -> None:
    """Tell what was trained on what, how good it is, how long it took, and what to run next."""
    forecaster = result.forecaster
    if result.as_json:
        terminal.json(_summary(run, result))
        return
    terminal.out("\n".join(_trained(run, result)))
    from forecaster.commands.scores import report

    for evaluation in forecaster.stored:
        terminal.out(f"\nheld-back part, {report(evaluation, run.rate_hz)}")
    terminal.out(f"\nsaved as {printable(as_argument(run.output))}. Next:")
    terminal.out("\n".join(f"  {line}" for line in _next(run)))


def _trained(run: _Run, result: _Result) -> list[str]:
    """Say in plain words what was trained on what."""
    from forecaster.bundle.card import members_and_weights
    from forecaster.forecasting.forecast import CARRIED, JOINT

    names = [printable(signal.name, 60) for signal in run.signals]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    channels = [printable(channel, 40) for channel in run.signals[0].channels]
    rows = sum(len(recording) for signal in run.signals for recording in signal.recordings)
    split = run.config.split
    shares = "/".join(f"{share:g}" for share in (split.training, split.validation, split.test))
    window = run.config.window
    context, horizon = (samples_and_time(length, run.rate_hz) for length in (window.context, window.n_input))
    recorded = result.forecaster.manifest.channels
    kinds = (("exogenous", recorded.past_covariates), ("known", recorded.future_covariates))
    beside = {f"{kind} channel": [printable(name, 40) for name in own] for kind, own in kinds if own}
    seen = _channels(channels, "channel") + "".join(f", with {_channels(own, kind)}" for kind, own in beside.items())
    return [
        f"{run.config.predictor} on {shown}: {rows} rows, split {shares}, {seen}",
        *_symbols(result.forecaster.manifest.channels.labels),
        f"window: {window.n_step} segments of {window.n_input}, context {context}, horizon {horizon}",
        *([f"joint: {JOINT}"] if run.config.joint else []),
        *([f"note: {CARRIED}"] if run.config.carry_state else []),
        *([f"carried by: {carried}"] if (carried := members_and_weights(result.forecaster.manifest)) else []),
        f"{_steps(result.forecaster)}{result.seconds:.1f} s",
    ]


def _symbols(labels: Sequence[str]) -> list[str]:
    """Name the alphabet, if there is one."""
    from forecaster.reading.symbols import listed

    return [f"{len(labels)} symbols: {printable(listed(labels), 400)}"] if labels else []


def _channels(names: Sequence[str], kind: str) -> str:
    if len(names) == 1:
        return f"{kind} {names[0]}"
    return f"{len(names)} {kind}s ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"


def _steps(forecaster: Forecaster) -> str:
    """Say how many steps were taken and where the validation loss was least."""
    history = forecaster.history
    if not history:
        return "fitted and scored in "
    if "network" in history[0]:
        return f"{len({row['network'] for row in history})} networks trained, all of it in "
    best = min(history, key=lambda row: row.get("validation_loss", math.inf))
    taken = f"{history[-1]['step']:.0f} steps, the best at {best['step']:.0f}"
    ended = "" if "validation_loss" in history[-1] else "; then the loss stopped being finite"
    return f"{taken} (validation loss {number(float(best['validation_loss']))}){ended}, trained and scored in "


def _next(run: _Run) -> list[str]:
    """Return the commands that a user would run next."""
    longest = max(run.signals, key=lambda signal: max(map(len, signal.recordings), default=0))
    first, model, signal = program(), run.output, Path(longest.path or "SIGNAL")
    return [
        f"{first} {shell(['evaluate', model])}",
        f"{first} {shell(['forecast', model, signal, '-o', 'forecasts'])}",
        f"{first} {shell(['inspect', model])}",
    ]


def _summary(run: _Run, result: _Result) -> dict[str, Any]:
    """Return the report as JSON."""
    manifest = result.forecaster.manifest
    return {
        "model": str(run.output),
        "predictor": run.config.predictor,
        "config": run.config.model_dump(mode="json"),
        "context": run.config.window.context,
        "sample_rate_hz": run.rate_hz,
        "training_data": [data.model_dump(mode="json") for data in manifest.training_data],
        "seconds": round(result.seconds, 3),
        "interrupted": result.forecaster.interrupted,
        "notes": list(result.forecaster.notes),
        "history": result.forecaster.history,
        "evaluations": result.forecaster.stored,
        "next": _next(run),
    }
