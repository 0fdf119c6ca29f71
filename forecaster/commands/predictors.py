"""`forecaster predictors`: the kinds of predictor that `train --predictor` knows."""

from __future__ import annotations

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal


@click.command("predictors")
@options.as_json
@options.speech
@click.pass_obj
def command(terminal: Terminal, as_json: bool) -> None:
    """List the kinds of predictor that train knows."""
    from forecaster import predictors

    found = {name: predictors.describe(name) for name in predictors.names()}
    if as_json:
        tasks = {name: predictors.predictor_class(name).task for name in found}
        rows = [{"name": name, "task": tasks[name], "description": text} for name, text in found.items()]
        terminal.json({"predictors": rows})
    else:
        lines = [[name.ljust(max(map(len, found))), text] for name, text in found.items()]
        terminal.out("\n".join("  ".join(row) for row in lines))
