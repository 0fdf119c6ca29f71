"""A refusal of the reader, and the options that it names, as its tests try them."""

import shlex

import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read
from forecaster.reading.refusal import FLAGS, NAMES

FIELDS = {option: field for field, option in (NAMES | FLAGS).items()}
LISTS = ("columns", "time_columns", "units", "na")


def options_of(text):
    """Parse the options of a hint as the command line would."""
    found, words = {}, shlex.split(text)
    while words:
        field = FIELDS[words.pop(0)]
        if field in FLAGS:
            found[field] = True
        elif field in LISTS:
            found[field] = (*found.get(field, ()), words.pop(0))
        else:
            found[field] = words.pop(0)
    return ReadingOptions(**found)


def refusal(path, **options):
    """Return the error with which a file is refused."""
    with pytest.raises(SignalError) as caught:
        read(path, ReadingOptions(**options))
    return caught.value
