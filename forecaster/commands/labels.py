"""Columns of labels, as `check` reports them and `forecast` advises on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from forecaster.commands.terminal import suggested
from forecaster.durations import duration
from forecaster.errors import SignalError, printable

if TYPE_CHECKING:
    from forecaster.config import ReadingOptions
    from forecaster.reading.inputs import Input
    from forecaster.reading.survey import LabelSurvey

MOST_COLUMNS, MOST_SHARES = 5, 8


def alone(item: Input, reading: ReadingOptions, arguments: Sequence[str]) -> LabelSurvey | None:
    """Survey the column of labels of a file without numbers; None where it has none, or its labels are numbers."""
    from forecaster.reading.text.cells import kind

    try:
        found = look(item, reading, arguments)
    except SignalError:
        return None
    kinds = {kind(symbol) for symbol in found.symbols}
    return None if "number" in kinds or kinds <= {"missing", "empty"} or len(found.symbols) == 1 else found


def beside(item: Input, reading: ReadingOptions, columns: Sequence[str]) -> list[LabelSurvey]:
    """Survey the text columns of a file that were left out; those that hold no symbols are passed over."""
    found = []
    for name in columns[:MOST_COLUMNS] if item.path != "-" else ():
        column = reading.model_copy(
            update={"columns": (name,), "exogenous": (), "known": (), "calendar": (), "units": ()}
        )
        survey = alone(item, column, ["--column", name])
        found += [survey] if survey else []
    return found


def look(item: Input, reading: ReadingOptions, arguments: Sequence[str]) -> LabelSurvey:
    """Survey a column of labels; the command that it suggests keeps the `arguments` of the reading."""
    from forecaster import predictors
    from forecaster.reading import read
    from forecaster.reading.survey import survey_labels

    classes = map(predictors.predictor_class, predictors.names())
    best = next(chosen.name for chosen in classes if chosen.task == "symbols" and not chosen.is_baseline)
    result = read(item.path, reading.model_copy(update={"symbols": True}), name=item.name)
    found = survey_labels(result.signal, best, dialect=result.dialect)
    return replace(found, command=suggested(found.command, arguments))


def report(survey: LabelSurvey) -> str:
    """Lay out a survey of labels for people."""
    name = printable(survey.path or survey.name, 400)
    rate = survey.sample_rate_hz
    time = f"{survey.time}, a row every {duration(1, rate)}" if rate else f"{survey.time}, rate not known"
    lines = [f"{name}: {survey.rows} rows of labels", f"time: {time}", *column(survey)]
    return "\n".join([*lines, *(f"note: {printable(note, 400)}" for note in survey.notes)])


def column(survey: LabelSurvey) -> list[str]:
    """Say what a column of labels holds, and the command that trains on it."""
    ordered = sorted(survey.shares.items(), key=lambda pair: -pair[1])
    shares = ", ".join(f"{printable(symbol, 64)} {share:.1%}" for symbol, share in ordered[:MOST_SHARES])
    more = ", ..." if len(ordered) > MOST_SHARES else ""
    facts = f"{survey.changes} changes, at most {survey.longest_run} alike in a row"
    lines = [f"labels: column {printable(survey.channel, 60)!r} holds {len(ordered)} ({shares}{more}), {facts}"]
    return [*lines, f"next: {survey.command}"] if survey.command else [*lines, "too few rows to train on"]
