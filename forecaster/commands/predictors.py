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

    descriptions = {name: predictors.describe(name) for name in predictors.names()}
    if as_json:
        tasks = {name: predictors.predictor_class(name).task for name in descriptions}
        rows = [{"name": name, "task": tasks[name], "description": text} for name, text in descriptions.items()]
        terminal.json({"predictors": rows})
    else:
        width = max(map(len, descriptions))
        terminal.out("\n".join(f"{name.ljust(width)}  {text}" for name, text in descriptions.items()))
