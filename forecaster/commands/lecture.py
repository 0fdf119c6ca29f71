"""`forecaster lecture`: the lectures' worked examples, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent, wrap
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, program, table
from forecaster.errors import UsageError, printable

if TYPE_CHECKING:
    from forecaster.lectures import Example, Step, Table, Working

# Characters of a line of running text, and the widest column of numbers before their meaning.
WIDTH, NUMBERS_WIDTH = 100, 40


@click.command("lecture")
@click.argument("name", metavar="[EXAMPLE]", required=False)
@options.settings
@options.plot("Draw the example's figure, where it has one.")
@options.as_json
@options.speech
@click.pass_obj
def command(
    terminal: Terminal, name: str | None, *, settings: tuple[str, ...], plot: Path | None, as_json: bool
) -> None:
    """Work the lectures' examples step by step, or list them.

    \b
    forecaster lecture                                            list the examples
    forecaster lecture traditional-lstm                           work one
    forecaster lecture traditional-lstm --set bf=1.4              with another forget bias
    forecaster lecture basic-rnn --set x3=.2,.5 --set target3=.4  with a third step
    forecaster lecture activations --plot activations.png         draw it
    """  # noqa: D301 - the escape tells click to keep the lines
    from forecaster import lectures

    options.check_picture(plot)
    if name is None:
        _list(terminal, settings, plot, as_json)
        return
    example = lectures.example(name)
    if plot is not None:
        from forecaster.plots.lectures import LECTURES

        if name not in LECTURES:
            raise UsageError(f"--plot: {name} has no figure.", hint=f"These have: {', '.join(LECTURES)}.")
    working = lectures.work(name, settings)
    if as_json:
        terminal.json(_document(example, working))
    else:
        terminal.out(written(example, working))
    if plot is not None:
        from forecaster import plots

        plots.save(plots.LECTURES[name](working.numbers), plot)
        terminal.say(f"wrote {printable(plot)}")


def _list(terminal: Terminal, settings: Sequence[str], plot: Path | None, as_json: bool) -> None:
    """List the examples, by group."""
    from forecaster import lectures

    if settings or plot is not None:
        raise UsageError("--set and --plot need an EXAMPLE.", hint=f"There are: {', '.join(lectures.names())}.")
    if as_json:
        listed = [(example, group) for group, examples in lectures.GROUPS.items() for example in examples]
        terminal.json({"examples": [_about(example, group) for example, group in listed]})
        return
    width = max(map(len, lectures.names()))
    for group, examples in lectures.GROUPS.items():
        terminal.out(group)
        for example in examples:
            terminal.out(f"  {example.name.ljust(width)}  {example.about}\n{' ' * (width + 4)}{example.slide}")
        terminal.out("")
    terminal.out(f"`{program()} lecture EXAMPLE` works one; --set NAME=VALUES puts your own numbers in.")


def _about(example: Example, group: str) -> dict[str, str]:
    """Return what the list says of an example."""
    return {
        "name": example.name,
        "group": group,
        "about": example.about,
        "slide": example.slide,
        "source": example.source,
    }


# --- what a person sees ------------------------------------------------------------------


def written(example: Example, working: Working) -> str:
    """Return a worked example as text."""
    parts = [
        "\n".join([example.title, *wrap(f"Source: {example.source}.", WIDTH)]),
        indent(example.equations, "  "),
        f"Numbers (--set NAME=VALUES puts others in)\n{_numbers(example, working)}",
        *map(_step, working.steps),
        *map(_table, working.tables),
        *("\n".join(wrap(f"Note: {note}", WIDTH, subsequent_indent="  ")) for note in working.notes),
    ]
    return "\n\n".join(parts)


def _numbers(example: Example, working: Working) -> str:
    """Return the numbers an example starts from, each with its name and what it means."""
    parameters = {parameter.name: parameter for parameter in example.parameters}
    rows = []
    for name, value in working.numbers.items():
        parameter = parameters.get(name)
        # A name that the example does not have continues one that it has: x3 behind x1 and x2.
        symbols, meaning = (parameter.symbols, parameter.meaning) if parameter else ("", "your own further step")
        rows.append((name, _values(value, symbols).split("\n"), meaning))
    names = max(len(name) for name, _, _ in rows)
    width = min(max(len(text) for _, texts, _ in rows for text in texts), NUMBERS_WIDTH)
    lines = []
    for name, (first, *below), meaning in rows:
        lines.append(f"  {name.ljust(names)}  {first.ljust(width)}  {meaning}")
        # The further rows of a matrix stand under its first.
        lines += [f"  {' ' * names}  {text}" for text in below]
    return "\n".join(lines)


def _values(value: Any, symbols: str) -> str:
    from forecaster.lectures.working import typed

    if symbols:
        return ", ".join(symbols[int(code)] for code in value)
    return "\n".join(map(typed, value)) if value.ndim == 2 else typed(value.reshape(-1))


def _step(step: Step) -> str:
    """Return a step: its title, a line a quantity, and its result."""
    from forecaster.lectures.working import short

    title = f"{step.title}: {step.start}" if step.start else step.title
    names, meanings = (max(len(getattr(line, key)) for line in step.lines) for key in ("name", "meaning"))
    lines = [
        f"  {line.name.ljust(names)}  {line.meaning.ljust(meanings)}  {line.written} = {short(line.value)}"
        for line in step.lines
    ]
    return "\n".join([title, *lines, *([f"  {step.result}"] if step.result else [])])


def _table(printed: Table) -> str:
    """Return a table with four digits."""
    rows = [[_cell(cell, printed.powers) for cell in row] for row in printed.rows]
    return f"{printed.title}\n{indent(table(printed.header, rows), '  ')}"


def _cell(cell: str | float | None, powers: bool) -> str:
    from forecaster.lectures.working import four, power

    if isinstance(cell, float):
        return power(cell) if powers else four(cell)
    return "-" if cell is None else str(cell)


# --- what a program reads ----------------------------------------------------------------


def _document(example: Example, working: Working) -> dict[str, Any]:
    """Return a worked example as JSON, every number at full precision."""
    symbols = {parameter.name: parameter.symbols for parameter in example.parameters}
    return {
        "name": example.name,
        "title": example.title,
        "source": example.source,
        "equations": example.equations.split("\n"),
        "numbers": {name: _plain(value, symbols.get(name, "")) for name, value in working.numbers.items()},
        "steps": [_step_document(step) for step in working.steps],
        "tables": [
            {"title": printed.title, "columns": list(printed.header), "rows": [list(row) for row in printed.rows]}
            for printed in working.tables
        ],
        "notes": [{"text": str(note), "values": dict(note.values)} for note in working.notes],
    }


def _plain(value: Any, symbols: str) -> Any:
    """Return an array as lists; codes of `symbols` as their letters."""
    return [symbols[int(code)] for code in value] if symbols else value.tolist()


def _step_document(step: Step) -> dict[str, Any]:
    quantities = {
        line.name: {"meaning": line.meaning, "written": line.written, "sum": line.total, "value": line.value}
        for line in step.lines
    }
    return {"title": step.title, "known": step.start, "quantities": quantities, "result": step.result or None}
