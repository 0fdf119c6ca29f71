"""The command group: a command's module is imported when the command runs, not before."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import click

from forecaster import __version__
from forecaster.commands.boundary import guarded
from forecaster.commands.terminal import Terminal, program

# Each command is a module of this package. Its help is repeated here, so that `--help` imports none of them.
COMMANDS = {
    "demo": "Do the whole job on the shipped signal, showing each command.",
    "check": "Say what signal files hold, and which window would fit.",
    "train": "Train a predictor on signals and save it as a model folder.",
    "compare": "Train several predictors under one budget, and rank them in one table.",
    "evaluate": "Score a model beside naive baselines, with a verdict.",
    "forecast": "Forecast files or folders of files with a model.",
    "inspect": "Show what a model folder holds.",
    "explain": "Watch a network think on a real signal.",
    "predictors": "List the kinds of predictor that train knows.",
    "lecture": "Work the lectures' examples step by step, or list them.",
    "synthesize": "Write a made-up signal of a rotating machine.",
}


class LazyGroup(click.Group):
    """A group that knows its commands by name, and imports one when it is asked for it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"forecaster.commands.{cmd_name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command; where there is none of that name, say which one may have been meant."""
        # click's own guess is lost in a group that does not hold its commands.
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS)
            guess = f" Did you mean {' or '.join(close)}?" if close else f" There are: {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command {args[0]!r}.{guess}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, *_: Any, **extra: Any) -> Any:
        """Run a command inside the error boundary, and leave with its exit code."""
        arguments = list(sys.argv[1:] if args is None else args)
        terminal = Terminal(arguments)
        # Without its standalone mode, click raises what went wrong instead of printing it.
        options = {**extra, "standalone_mode": False, "obj": terminal}
        sys.exit(guarded(lambda: super(LazyGroup, self).main(arguments, prog_name or program(), **options), terminal))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="forecaster")
def cli() -> None:
    """From raw sensor recordings to a trusted forecast.

    \b
    forecaster demo                              see all of it in a minute
    forecaster check SIGNAL                      what does the file hold?
    forecaster train SIGNAL -o MODEL             train and score a predictor
    forecaster forecast MODEL SIGNAL... -o DIR   forecast files and folders

    SIGNAL is a file, a folder, a glob pattern, or - for the standard input. Every option can
    also be set by an environment variable: --n-step by FORECASTER_N_STEP, and so on.
    """  # noqa: D301 - the escape tells click to keep the lines
