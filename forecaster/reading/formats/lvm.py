"""LabVIEW measurement files (.lvm): refused with the options that read the columns below their two headers."""

from __future__ import annotations

import contextlib
from decimal import Decimal, InvalidOperation
from itertools import islice

from forecaster.reading import formats
from forecaster.reading.file import InputFile
from forecaster.reading.recordings import Reading
from forecaster.reading.text.dialect import SAMPLE_LINES

END = "***End_of_Header***"


def read(file: InputFile) -> Reading:
    """Return the reading of the columns, if options skip the headers. Raises RefusalError with these options."""
    options = file.options
    if not (options.skip_rows or options.symbols or options.layout == "wide"):
        _refuse_headers(file)
    return formats.by_layout(file).read(file)


def _refuse_headers(file: InputFile) -> None:
    """Raise RefusalError if the file has the headers, with what they say of the columns below."""
    lines = file.source.head_lines(SAMPLE_LINES)
    ends = [index for index, line in enumerate(lines) if line.startswith(END)]
    if not ends:
        return
    _refuse_segments(file)
    # The second header, of the channels, may be absent.
    end = ends[:2][-1]
    fields = {}
    for line in lines[:end]:
        key, *values = [part.strip() for part in line.split("\t")]
        fields[key] = [value for value in values if value]
    is_comma = fields.get("Separator", ["Tab"])[0].lower() == "comma"
    fix: dict[str, object] = {"skip_rows": end + 1, "delimiter": "," if is_comma else "\t"}
    if fields.get("X_Columns", ["No"])[0] == "No":
        fix.update(_rate(file, fields, end))
    raise file.refusal(
        "is a LabVIEW measurement: two headers stand above the columns",
        line=1,
        expected="a header or numbers",
        fix=fix,
        advice=_advice(fix, fields),
    )


def _refuse_segments(file: InputFile) -> None:
    """Raise RefusalError for a file in which the channels' header comes again: behind it another segment stands."""
    again = None
    # Bytes that are no text are refused where they are read.
    with contextlib.suppress(UnicodeError):
        ends = (number for number, line in enumerate(file.source.lines(), start=1) if line.startswith(END))
        again = next(islice(ends, 2, None), None)
    if again is not None:
        raise file.refusal(
            "the header of the channels comes again: another segment begins",
            line=again,
            expected="one segment",
            advice="Save the segments as files of their own.",
        )


def _rate(file: InputFile, fields: dict[str, list[str]], end: int) -> dict[str, object]:
    """Return the rate from Delta_X; where more rows follow than announced, the blocks that they are."""
    fix: dict[str, object] = {}
    try:
        fix["rate_hz"] = _likely_hz(fields["Delta_X"][0].replace(",", "."))
        samples = int(fields["Samples"][0])
    except (KeyError, IndexError, ValueError, ZeroDivisionError, InvalidOperation):
        return fix
    rows = sum(1 for line in file.source.lines() if line.strip()) - end - 2
    if rows > samples > 0:
        fix["recording_rows"] = samples
    return fix


def _likely_hz(step: str) -> float:
    """Return the rate in Hz of a step in seconds: where it is rounded, the power of two that it may stand for.

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
