"""`forecaster demo`: the whole job on the shipped signal, every command shown."""

from __future__ import annotations

from pathlib import Path

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, program, shell, texts

SHIPPED = Path(__file__).resolve().parents[2] / "data" / "rotor.csv"
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
    output.mkdir(parents=True, exist_ok=True)
    signal = _shipped()
    if signal is None:
        signal = output / "rotor.csv"
        _step(terminal, "synthesize", "-o", signal, "--seed", 1, "--overwrite")
    model, forecasts, picture = output / "model", output / "forecasts", output / "evaluation.png"
    _step(terminal, "check", signal)
    _step(terminal, "train", signal, "-o", model, "--steps", steps, "--seed", 1, "--overwrite")
    _step(terminal, "evaluate", model, signal, "--plot", picture)
    _step(terminal, "forecast", model, signal, "-o", forecasts, "--plot", "--overwrite")
    _step(terminal, "inspect", model)
    terminal.out("\nThe demo is done. It made:")
    for path in (model, picture, *sorted(forecasts.iterdir())):
        terminal.out(f"  {path}")


def _shipped() -> Path | None:
    """Return the shipped signal, relative to here if it lies below, or None where it is not installed."""
    if not SHIPPED.is_file():
        return None
    here = Path.cwd()
    return SHIPPED.relative_to(here) if SHIPPED.is_relative_to(here) else SHIPPED


def _step(terminal: Terminal, *arguments: object) -> None:
    """Show a command, and run it in this process."""
    from forecaster.commands.group import cli

    args = texts(arguments)
    terminal.out(f"\n$ {program()} {shell(args)}")
    own = Terminal(args)
    own.quiet, own.verbose = terminal.quiet, terminal.verbose
    with cli.make_context("forecaster", args, obj=own) as ctx:
        code = cli.invoke(ctx)
    if code:
        raise click.exceptions.Exit(code)
