"""`forecaster synthesize`: a made-up signal as CSV."""

from __future__ import annotations

from pathlib import Path

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal
from forecaster.errors import UsageError, printable


@click.command("synthesize")
@options.output("FILE.csv", "Where to write the signal.")
@options.option(
    "--kind", type=click.Choice(["rotor", "sine", "walk"]), default="rotor", show_default=True, help="What."
)
@options.option("--rows", type=click.IntRange(1, 10**8), default=20000, show_default=True, help="Samples.")
@options.option(
    "--rate", "--fs", "rate_hz", type=click.FloatRange(1e-6, 1e9), default=1000.0, show_default=True, metavar="HZ",
    help="Sample rate.",
)  # fmt: skip
@options.seed
@options.overwrite
@options.speech
@click.pass_obj
def command(
    terminal: Terminal, output: Path, *, kind: str, rows: int, rate_hz: float, seed: int, overwrite: bool
) -> None:
    """Write a made-up signal of a rotating machine.

    A rotor with imbalance, harmonics, a gear mesh, a wandering speed and noise; a sine; or a
    random walk, which nothing forecasts. The same options give the same file.
    """
    from forecaster.files import write_file
    from forecaster.signal import synthesis

    if output.exists() and not overwrite:
        raise UsageError(f"{printable(output)} exists already.", hint="Give another name, or --overwrite.")
    write_file(output, synthesis.to_csv(kind, rows, rate_hz, seed))
    terminal.say(f"wrote {printable(output)}: {kind}, {rows} rows at {rate_hz:g} Hz, seed {seed}")
