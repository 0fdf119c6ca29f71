"""`forecaster demo`: the whole job on the shipped signal, every command shown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, program, shell, texts

# Where the signal lies in a checkout; an installed package has none.
SHIPPED = Path(__file__).resolve().parents[2] / "data" / "rotor.csv"
# A minute of training.
STEPS = 600


@click.command("demo")
@options.option(
    "-o", "--output", type=options.FilePath(), metavar="DIR", default=Path("forecaster-demo"), show_default=True,
    help="Folder for what the demo makes.",
)  # fmt: skip
@options.option("--steps", type=click.IntRange(1, 10**6), default=STEPS, show_default=True, help="Training steps.")
@options.speech
@click.pass_context
def command(ctx: click.Context, output: Path, steps: int) -> None:
    """Do the whole job on the shipped signal, showing each command.

    Check, train, evaluate, forecast, inspect: a minute, most of it training.
    """
    terminal: Terminal = ctx.obj
    shipped = _shipped()
    signal = shipped or output / "rotor.csv"
    model, forecasts, picture = output / "model", output / "forecasts", output / "evaluation.png"
    training = (signal, "-o", model, "--steps", steps, "--seed", 1, "--overwrite")
    _check_installed(training)
    output.mkdir(parents=True, exist_ok=True)
    if shipped is None:
        _step(terminal, "synthesize", "-o", signal, "--seed", 1, "--overwrite")
    _step(terminal, "check", signal)
    _step(terminal, "train", *training)
    _step(terminal, "evaluate", model, signal, "--plot", picture)
    _step(terminal, "forecast", model, signal, "-o", forecasts, "--plot", "--overwrite")
    _step(terminal, "inspect", model)
    terminal.out("\nThe demo is done. It made:")
    for path in (model, picture, *sorted(forecasts.iterdir())):
        terminal.out(f"  {path}")


def _check_installed(training: Iterable[object]) -> None:
    """Refuse to begin if this training, as the environment changes it, needs a library that is not installed."""
    from forecaster.commands import train
    from forecaster.commands.configure import RunSettings
    from forecaster.training import check_installed

    with train.command.make_context("train", texts(training)) as ctx:
        settings = RunSettings.of(options.explicit(ctx), ctx.params["config"])
    check_installed([settings.preliminary.predictor])


def _shipped() -> Path | None:
    """Return the shipped signal, relative to here if it lies below, or None where it is not installed."""
    if not SHIPPED.is_file():
        return None
    here = Path.cwd()
    return SHIPPED.relative_to(here) if SHIPPED.is_relative_to(here) else SHIPPED


def _step(terminal: Terminal, *arguments: object) -> None:
    """Print a command, and run it in this process."""
    from forecaster.commands.group import cli

    args = texts(arguments)
    terminal.out(f"\n$ {program()} {shell(args)}")
    step_terminal = Terminal(args)
    step_terminal.quiet, step_terminal.verbose = terminal.quiet, terminal.verbose
    with cli.make_context("forecaster", args, obj=step_terminal) as ctx:
        code = cli.invoke(ctx)
    if code:
        raise click.exceptions.Exit(code)
