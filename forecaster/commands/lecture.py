"""`forecaster lecture`: the lectures' worked examples, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import indent, wrap
from typing import TYPE_CHECKING, Any

import click

from forecaster.commands import options
from forecaster.commands.terminal import Terminal, program, table

if TYPE_CHECKING:
    from forecaster.lectures import Example, Step, Table, Working

WIDTH = 100


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
        _check_figure(name)
    working = lectures.work(name, settings)
    if as_json:
        terminal.json(_document(example, working))
    else:
        terminal.out(written(example, working))
    if plot is not None:
        _draw(terminal, name, working, plot)


def _list(terminal: Terminal, settings: Sequence[str], plot: Path | None, as_json: bool) -> None:
    """List the examples, by group."""
    from forecaster import lectures
    from forecaster.errors import UsageError

    if settings or plot is not None:
        raise UsageError("--set and --plot need an EXAMPLE.", hint=f"There are: {', '.join(lectures.names())}.")
    if as_json:
        terminal.json({"examples": [_about(one, group) for group, some in lectures.GROUPS.items() for one in some]})
        return
    width = max(map(len, lectures.names()))
    for group, some in lectures.GROUPS.items():
        lines = [f"  {one.name.ljust(width)}  {one.about}\n{' ' * (width + 4)}{one.slide}" for one in some]
        terminal.out("\n".join([group, *lines, ""]))
    terminal.out(f"`{program()} lecture EXAMPLE` works one; --set NAME=VALUES puts your own numbers in.")


def _about(example: Example, group: str) -> dict[str, str]:
    """Return what the list says of an example."""
    named = {"name": example.name, "group": group, "about": example.about}
    return {**named, "slide": example.slide, "source": example.source}


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
    """Lay out the numbers an example starts from, with what they mean."""
    known = {one.name: one for one in example.parameters}
    rows = []
    for name, value in working.numbers.items():
        one = known.get(name)
        meaning = one.meaning if one else "your own further step"
        rows.append((name, _values(value, one.symbols if one else ""), meaning))
    names, values = (max(len(line) for row in rows for line in row[k].split("\n")) for k in (0, 1))
    return "\n".join(_number(row, names, min(values, 40)) for row in rows)


def _number(row: tuple[str, str, str], names: int, values: int) -> str:
    """Write a name, its values and its meaning; the rows of a matrix stand under each other."""
    first, *rest = row[1].split("\n")
    lines = [f"  {row[0].ljust(names)}  {first.ljust(values)}  {row[2]}"]
    return "\n".join([*lines, *(f"  {' ' * names}  {line}" for line in rest)])


def _values(value: Any, symbols: str) -> str:
    from forecaster.lectures.working import typed

    if symbols:
        return ", ".join(symbols[int(code)] for code in value)
    return "\n".join(map(typed, value)) if value.ndim == 2 else typed(value.reshape(-1))


def _step(step: Step) -> str:
    """Write a step: a line a quantity."""
    from forecaster.lectures.working import short

    title = f"{step.title}: {step.start}" if step.start else step.title
    names, meanings = (max(len(getattr(line, key)) for line in step.lines) for key in ("name", "meaning"))
    lines = [
        f"  {line.name.ljust(names)}  {line.meaning.ljust(meanings)}  {line.written} = {short(line.value)}"
        for line in step.lines
    ]
    return "\n".join([title, *lines, *([f"  {step.result}"] if step.result else [])])


def _table(shown: Table) -> str:
    """Write a table with four digits."""
    rows = [[_cell(cell, shown.powers) for cell in row] for row in shown.rows]
    return f"{shown.title}\n{indent(table(shown.header, rows), '  ')}"


def _cell(cell: str | float | None, powers: bool) -> str:
    from forecaster.lectures.working import four, power

    if isinstance(cell, float):
        return power(cell) if powers else four(cell)
    return "-" if cell is None else str(cell)


def _document(example: Example, working: Working) -> dict[str, Any]:
    """Return a worked example as JSON, every number at full precision."""
    return {
        "name": example.name,
        "title": example.title,
        "source": example.source,
        "equations": example.equations.split("\n"),
        "numbers": {name: _plain(example, name, value) for name, value in working.numbers.items()},
        "steps": [_step_document(step) for step in working.steps],
        "tables": [
            {"title": one.title, "columns": list(one.header), "rows": [list(row) for row in one.rows]}
            for one in working.tables
        ],
        "notes": [{"text": str(note), "values": dict(note.values)} for note in working.notes],
    }


def _plain(example: Example, name: str, value: Any) -> Any:
    """Return an array as lists, symbols by their letters."""
    symbols = next((one.symbols for one in example.parameters if one.name == name), "")
    return [symbols[int(code)] for code in value] if symbols else value.tolist()


def _step_document(step: Step) -> dict[str, Any]:
    quantities = {
        line.name: {"meaning": line.meaning, "written": line.written, "sum": line.total, "value": line.value}
        for line in step.lines
    }
    return {"title": step.title, "known": step.start, "quantities": quantities, "result": step.result or None}


def _check_figure(name: str) -> None:
    from forecaster.errors import UsageError
    from forecaster.plots.lectures import LECTURES

    if name not in LECTURES:
        raise UsageError(f"--plot: {name} has no figure.", hint=f"These have: {', '.join(LECTURES)}.")


def _draw(terminal: Terminal, name: str, working: Working, path: Path) -> None:
    from forecaster import plots
    from forecaster.errors import printable

    plots.save(plots.LECTURES[name](working.numbers), path)
    terminal.say(f"wrote {printable(path)}")
