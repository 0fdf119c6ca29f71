"""`forecaster train`: from signals to a scored model folder."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, number, program, shell
from forecaster.durations import samples_and_time
from forecaster.errors import DivergedError, OutputError, TooShortError, UsageError, printable
from forecaster.files import as_argument

if TYPE_CHECKING:
    from forecaster.bundle import Checkpoint, Run
    from forecaster.commands.configure import RunSettings
    from forecaster.config import RunConfig
    from forecaster.model import Forecaster
    from forecaster.signal.signal import Signal

# Characters of a suggested command that are shown whole: a longer one would drown the message that it ends.
LONGEST_COMMAND = 600
INTERRUPTED = 130
GOES_ON = "The same command with --resume goes on where it stood."


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
        trained = _train_and_save(terminal, run, output, overwrite=chosen["overwrite"], resume=chosen["resume"])
    except TooShortError as error:
        raise _with_command(error, terminal.args, run) from None
    if trained is None:
        terminal.say(f"resume: nothing to do: {printable(output)} holds the finished model of this training.")
        if chosen["as_json"]:
            from forecaster.model import Forecaster

            terminal.json(_summary(_Trained(run, output, Forecaster.load(output), 0.0)))
        return 0
    _draw(terminal, trained.forecaster, chosen["plot"])
    if chosen["as_json"]:
        terminal.json(_summary(trained))
    else:
        _report(terminal, trained)
    return INTERRUPTED if trained.forecaster.interrupted else 0


@dataclass(frozen=True)
class TrainingRun:
    """What is trained on what: the signals as they were read, and the configuration with lengths in samples."""

    signals: tuple[Signal, ...]
    config: RunConfig

    @property
    def rate_hz(self) -> float | None:
        """The sample rate of the signals, which is that of all of them, or None."""
        return self.signals[0].sample_rate_hz

    @classmethod
    def read(cls, arguments: Sequence[str], settings: RunSettings) -> TrainingRun:
        """Return the run on the files that `arguments` name, the lengths in time settled by their rate."""
        from forecaster.reading import inputs, read_signal

        items, reading = inputs.find(arguments), settings.preliminary.reading
        signals = tuple(read_signal(item.path, reading, name=item.name) for item in items)
        return cls(signals, settings.resolved(signals[0].sample_rate_hz))

    def announce(self, terminal: Terminal) -> None:
        """Print what the reader noted, and how far the model will look back and ahead."""
        for signal in self.signals:
            for note in signal.notes:
                terminal.say(f"note: {printable(signal.name)}: {printable(note)}")
        from forecaster.training.preparation import resolved

        window = resolved(self.config, self.signals).window
        context, horizon = (samples_and_time(length, self.rate_hz) for length in (window.context, window.n_input))
        terminal.say(f"context {context}, horizon {horizon}")

    def too_short(self, error: TooShortError, command: str = "") -> TooShortError:
        """Return `error` with the window that would fit in its hint, and the `command` that trains with it."""
        if error.suggestion is None:
            return error
        n_step, n_input = error.suggestion
        hint = f"This fits: {command or f'the same command with --n-step {n_step} --n-input {n_input}.'}"
        path = error.path or (self.signals[0].path if len(self.signals) == 1 else "")
        return TooShortError(error.found, suggestion=error.suggestion, path=path, hint=hint)


@dataclass(frozen=True)
class _Trained:
    """A model that was trained in `seconds`, and saved as `output`."""

    run: TrainingRun
    output: Path
    forecaster: Forecaster
    seconds: float


def _prepare(ctx: click.Context, arguments: Sequence[str], output: Path, chosen: Mapping[str, Any]) -> TrainingRun:
    """Settle everything that can be refused before a signal is read, then read."""
    from forecaster.bundle import check_target
    from forecaster.commands.configure import RunSettings
    from forecaster.training import check_installed

    settings = RunSettings.of(options.explicit(ctx), chosen["config"])
    # What is to be resumed may be finished already, and then needs no library to train with.
    if not chosen["resume"]:
        check_installed([settings.preliminary.predictor])
    check_target(output, overwrite=chosen["overwrite"] or chosen["resume"])
    options.check_picture(chosen["plot"], output)
    return TrainingRun.read(arguments, settings)


# --- training, from the beginning or from a checkpoint -----------------------------------


def _train_and_save(
    terminal: Terminal, run: TrainingRun, output: Path, *, overwrite: bool, resume: bool
) -> _Trained | None:
    """Train and save, and return the model; None where a training that was to be resumed is finished."""
    from forecaster.bundle import Checkpoint
    from forecaster.model import Forecaster

    identity = Forecaster.run_of(run.signals, run.config)
    earlier = _earlier_training(output, identity, overwrite=overwrite) if resume else ""
    with Checkpoint.opened(output, identity, resume=resume) as checkpoint:
        if earlier == "finished" and not checkpoint.exists:
            return None
        if text := _starting_point(checkpoint, resume=resume):
            terminal.say(text)
        try:
            trained = _fit(terminal, run, output, checkpoint)
        except DivergedError:
            # The same steps from the same checkpoint would diverge again.
            checkpoint.discard()
            raise
        try:
            trained.forecaster.save(output, overwrite=overwrite or bool(earlier))
        except OutputError as error:
            if not checkpoint.states:
                raise
            raise OutputError(error.message, hint=f"What was trained is kept. {GOES_ON}") from None
        if not trained.forecaster.interrupted:
            checkpoint.discard()
        if checkpoint.note:
            terminal.warn(f"note: no checkpoint was kept, and --resume cannot go on with this run: {checkpoint.note}")
    return trained


def _earlier_training(output: Path, run: Run, *, overwrite: bool) -> Literal["", "interrupted", "finished"]:
    """Return how the training ended whose model `output` holds, if it was this very run, else "".

    Raises:
        UsageError: the folder holds the model of another run, which may not be replaced.
        ModelError: the folder holds a model that cannot be read.
    """
    from forecaster.bundle import Run, load
    from forecaster.bundle.gate import MANIFEST
    from forecaster.bundle.record import listed
    from forecaster.errors import ModelError

    if not (output / MANIFEST).exists():
        return ""
    try:
        manifest = load(output).manifest
    except ModelError:
        if overwrite:
            return ""
        raise
    differences = run.differences(Run.of(manifest), versions=False)
    if differences and not overwrite:
        hint = "Repeat the command as it was, add --overwrite to replace the model, or choose another name."
        holds = f"{printable(output, 200)} holds the model of another training: {listed(differences)}."
        raise UsageError(f"--resume: {holds}", hint=hint)
    if differences:
        return ""
    return "interrupted" if manifest.interrupted else "finished"


def _starting_point(checkpoint: Checkpoint, *, resume: bool) -> str:
    """Return in words where a training begins, or goes on; "" where there is nothing to say."""
    if not resume:
        anew = "note: a training of this model was interrupted. This one begins anew; --resume would go on with it."
        return anew if checkpoint.exists else ""
    if not checkpoint.states:
        return "resume: nothing was left by an earlier training; this one begins at the beginning."
    # Networks are trained in turn, so the last one alone may be under way.
    last = checkpoint.states[-1]
    finished = [state.name for state in checkpoint.states if state is not last or last.done]
    parts = [f"{name} is trained" for name in finished]
    return "resume: " + ", ".join(parts + ([] if last.done else [f"{last.name} goes on after step {last.step}"]))


def _fit(terminal: Terminal, run: TrainingRun, output: Path, checkpoint: Checkpoint) -> _Trained:
    """Train, and say before how far the model will look back and ahead."""
    from forecaster.model import Forecaster

    run.announce(terminal)
    began = time.monotonic()
    forecaster = Forecaster.fit(run.signals, run.config, progress=terminal.training(), checkpoint=checkpoint)
    for note in forecaster.notes:
        terminal.say(f"note: {printable(note, 800)}")
    if forecaster.interrupted:
        terminal.warn(f"interrupted: the best weights so far are kept. {GOES_ON if checkpoint.states else ''}".strip())
    return _Trained(run, output, forecaster, time.monotonic() - began)


def _with_command(error: TooShortError, args: Sequence[str], run: TrainingRun) -> TooShortError:
    """Return `error` with a complete command that would fit in place of its hint."""
    if error.suggestion is None:
        return error
    command = f"{program()} {shell(resized(args, *error.suggestion))}"
    return run.too_short(error, command if len(command) <= LONGEST_COMMAND else "")


def resized(args: Sequence[str], n_step: int, n_input: int) -> list[str]:
    """Return the arguments of a train command with another window, all else kept.

    >>> resized(["train", "a.csv", "--n-step", "25", "-o", "m"], 5, 10)
    ['train', '--n-step', '5', '--n-input', '10', 'a.csv', '-o', 'm']
    """
    kept: list[str] = []
    remaining = iter(args)
    for arg in remaining:
        if arg == "--":
            # Behind the two dashes, --n-step would be the name of a file.
            kept += [arg, *remaining]
        elif arg in ("--n-step", "--n-input"):
            next(remaining, None)
        elif not arg.startswith(("--n-step=", "--n-input=")):
            kept.append(arg)
    at = kept.index("train") + 1
    return [*kept[:at], "--n-step", str(n_step), "--n-input", str(n_input), *kept[at:]]


# --- what a person sees, and what a program reads ----------------------------------------


def _draw(terminal: Terminal, forecaster: Forecaster, path: Path | None) -> None:
    """Write the learning curve."""
    if path is None:
        return
    if not forecaster.history:
        terminal.warn("no learning curve: this predictor is fitted in one step.")
        return
    from forecaster import plots

    names = tuple(forecaster.config.recipes)
    plots.save(plots.learning_curve(forecaster.history, forecaster.task.loss_label, names), path)
    terminal.say(f"wrote {printable(path)}")


def _report(terminal: Terminal, trained: _Trained) -> None:
    """Print what was trained on what, how good it is, how long it took, and what to run next."""
    from forecaster.commands.scores import report

    terminal.out("\n".join(_facts(trained)))
    for evaluation in trained.forecaster.stored:
        terminal.out(f"\nheld-back part, {report(evaluation, trained.run.rate_hz)}")
    terminal.out(f"\nsaved as {printable(as_argument(trained.output))}. Next:")
    terminal.out("\n".join(f"  {command}" for command in _next_commands(trained)))


def _facts(trained: _Trained) -> list[str]:
    """Return in plain words what was trained on what, a line a fact."""
    from forecaster.bundle.card import members_and_weights
    from forecaster.forecasting.forecast import CARRIED, JOINT
    from forecaster.reading.symbols import listed

    signals, config, rate_hz = trained.run.signals, trained.forecaster.config, trained.run.rate_hz
    channels, window, split = trained.forecaster.manifest.channels, config.window, config.split
    names = [printable(signal.name, 60) for signal in signals]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    rows = sum(len(recording) for signal in signals for recording in signal.recordings)
    shares = "/".join(f"{share:g}" for share in (split.training, split.validation, split.test))
    seen = _counted(signals[0].channels, "channel")
    for kind, covariates in (("exogenous", channels.past_covariates), ("known", channels.future_covariates)):
        seen += f", with {_counted(covariates, f'{kind} channel')}" if covariates else ""
    context, horizon = (samples_and_time(length, rate_hz) for length in (window.context, window.n_input))
    weights = members_and_weights(trained.forecaster.manifest)
    return [
        f"{config.predictor} on {shown}: {rows} rows, split {shares}, {seen}",
        *([f"{len(channels.labels)} symbols: {printable(listed(channels.labels), 400)}"] if channels.labels else []),
        f"window: {window.n_step} segments of {window.n_input}, context {context}, horizon {horizon}",
        *([f"joint: {JOINT}"] if config.joint else []),
        *([f"note: {CARRIED}"] if config.carry_state else []),
        *([f"carried by: {weights}"] if weights else []),
        f"{_steps(trained.forecaster)}{trained.seconds:.1f} s",
    ]


def _counted(names: Sequence[str], kind: str) -> str:
    """Return the names of some channels with how many there are."""
    shown = [printable(name, 40) for name in names]
    if len(shown) == 1:
        return f"{kind} {shown[0]}"
    return f"{len(shown)} {kind}s ({', '.join(shown[:5])}{', ...' if len(shown) > 5 else ''})"


def _steps(forecaster: Forecaster) -> str:
    """Return how many steps were taken and where the validation loss was least."""
    history = forecaster.history
    if not history:
        return "fitted and scored in "
    if "network" in history[0]:
        return f"{len({row['network'] for row in history})} networks trained, all of it in "
    best = min(history, key=lambda row: row.get("validation_loss", math.inf))
    taken = f"{history[-1]['step']:.0f} steps, the best at {best['step']:.0f}"
    # A loss that is not finite is left out of the history.
    ended = "" if "validation_loss" in history[-1] else "; then the loss stopped being finite"
    return f"{taken} (validation loss {number(float(best['validation_loss']))}){ended}, trained and scored in "


def _next_commands(trained: _Trained) -> list[str]:
    """Return the commands that a user would run next."""
    # A short file of several may have too few rows to be forecast.
    longest = max(trained.run.signals, key=lambda signal: max(map(len, signal.recordings), default=0))
    signal, model = Path(longest.path or "SIGNAL"), trained.output
    return [
        f"{program()} {shell(['evaluate', model])}",
        f"{program()} {shell(['forecast', model, signal, '-o', 'forecasts'])}",
        f"{program()} {shell(['inspect', model])}",
    ]


def _summary(trained: _Trained) -> dict[str, Any]:
    """Return the report as JSON."""
    run, forecaster = trained.run, trained.forecaster
    return {
        "model": str(trained.output),
        "predictor": run.config.predictor,
        "config": forecaster.config.model_dump(mode="json"),
        "context": forecaster.config.window.context,
        "sample_rate_hz": run.rate_hz,
        "training_data": [data.model_dump(mode="json") for data in forecaster.manifest.training_data],
        "seconds": round(trained.seconds, 3),
        "interrupted": forecaster.interrupted,
        "notes": list(forecaster.notes),
        "history": forecaster.history,
        "evaluations": forecaster.stored,
        "next": _next_commands(trained),
    }
