"""One column a channel, one row a sample: CSV in any dialect, and columns of labels."""

from __future__ import annotations

from forecaster.reading import checks, recordings, symbols
from forecaster.reading.columns import channel_names, with_roles
from forecaster.reading.file import InputFile, Table
from forecaster.reading.measurements import without_unmeasured
from forecaster.reading.recordings import Reading
from forecaster.reading.rows import refuse_total_row
from forecaster.reading.text.dialect import sniff
from forecaster.reading.text.table import load


def read(file: InputFile) -> Reading:
    """Return the reading of a text with one column a channel. Raises RefusalError."""
    table = text_table(file)
    return recordings.reading(table, recordings.track_of(table), channel_names(table.file))


def text_table(file: InputFile) -> Table:
    """Return the table of a text, through all its stages: dialect, roles of the columns, values, stamps, checks.

    Raises RefusalError at the first stage that cannot go on.
    """
    sniffed = symbols.sniff(file) if file.options.symbols else sniff(file)
    checks.refuse_grouped_digits(sniffed)
    described = with_roles(sniffed)
    table = without_unmeasured(load(checks.check_last_rows(described)))
    refuse_total_row(table)
    recordings.with_stamps(table)
    checks.refuse_missing_code(table)
    checks.refuse_long(table)
    checks.refuse_points(table)
    checks.check_numbering(table)
    return table
