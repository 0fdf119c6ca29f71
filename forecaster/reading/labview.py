"""LabVIEW measurement files (.lvm): two headers above the columns, read with the options that they imply."""

from __future__ import annotations

import contextlib
from decimal import Decimal, InvalidOperation
from itertools import islice

from forecaster.config import ReadingOptions
from forecaster.reading.refusal import RefusalError
from forecaster.reading.source import Source

END = "***End_of_Header***"


def refuse(source: Source, lines: list[str], options: ReadingOptions) -> None:
    """Refuse a LabVIEW measurement file with the options that read it."""
    if options.skip_rows or not lines or not lines[0].startswith("LabVIEW Measurement"):
        return
    ends = [i for i, line in enumerate(lines) if line.startswith(END)]
    if not ends:
        return
    _refuse_segments(source)
    end = ends[:2][-1]
    fields = {}
    for line in lines[:end]:
        key, *rest = [part.strip() for part in line.split("\t")]
        fields[key] = [part for part in rest if part]
    separator = "," if fields.get("Separator", ["Tab"])[0].lower() == "comma" else "\t"
    fix: dict[str, object] = {"skip_rows": end + 1, "delimiter": separator}
    if fields.get("X_Columns", ["No"])[0] == "No":
        fix.update(_rate(source, fields, end))
    raise RefusalError(
        "is a LabVIEW measurement: two headers stand above the columns",
        path=source.path,
        line=1,
        expected="a header or numbers",
        fix=fix,
        advice=_advice(fix, fields),
    )


def _refuse_segments(source: Source) -> None:
    """Refuse a file in which the channels' header comes again: behind it another segment stands."""
    again = None
    with contextlib.suppress(UnicodeError):  # the bytes are refused where they are read
        ends = (number for number, line in enumerate(source.lines(), start=1) if line.startswith(END))
        again = next(islice(ends, 2, None), None)
    if again is not None:
        raise RefusalError(
            "the header of the channels comes again: another segment begins",
            path=source.path,
            line=again,
            expected="one segment",
            advice="Save the segments as files of their own.",
        )


def _rate(source: Source, fields: dict[str, list[str]], end: int) -> dict[str, object]:
    """Return the rate from Delta_X; where more rows follow than announced, the blocks that they are."""
    found: dict[str, object] = {}
    try:
        found["rate_hz"] = _likely_hz(fields["Delta_X"][0].replace(",", "."))
        samples = int(fields["Samples"][0])
    except (KeyError, IndexError, ValueError, ZeroDivisionError, InvalidOperation):
        return found
    rows = sum(1 for line in source.lines() if line.strip()) - end - 2
    if rows > samples > 0:
        found["recording_rows"] = samples
    return found


def _likely_hz(step: str) -> float:
    """Return the rate of a step in seconds as written: where it is rounded, the power of two that it may stand for.

    >>> _likely_hz("0.000977"), _likely_hz("0.000100"), _likely_hz("1.953125E-5"), _likely_hz("0.000333")
    (1024.0, 10000.0, 51200.0, 3003.0)
    """
    written = Decimal(step)
    half = Decimal(5).scaleb(int(written.as_tuple().exponent) - 1)
    if written > half and half / written < Decimal("1e-2"):
        for power in range(21):
            if 1 / (written + half) <= 2**power <= 1 / (written - half):
                return float(2**power)
    return float(f"{1 / float(written):.6g}")


def _advice(fix: dict[str, object], fields: dict[str, list[str]]) -> str:
    if "rate_hz" not in fix:
        return "The time is taken from the first X_Value column."
    step = fields["Delta_X"][0].replace(",", ".")
    exact = float(f"{1 / float(step):.6g}")
    return "" if exact == fix["rate_hz"] else f"Delta_X is rounded to {step}: the rate as written is {exact:g}."
