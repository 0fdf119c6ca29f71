"""A refusal of the reader, and the options that it names, as its tests try them."""

import shlex

import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read
from forecaster.reading.refusal import FLAGS, NAMES, SPELLED

FIELDS = {option: field for field, option in (NAMES | FLAGS).items()}
LISTS = ("columns", "time_columns", "units", "na", "rename")
CHARACTERS = {name: character for character, name in SPELLED.items()}


def options_of(text):
    """Parse the options of a hint as the command line would."""
    options, words = {}, shlex.split(text)
    while words:
        field = FIELDS[words.pop(0)]
        if field in FLAGS:
            options[field] = True
        elif field in LISTS:
            options[field] = (*options.get(field, ()), words.pop(0))
        else:
            word = words.pop(0)
            options[field] = CHARACTERS.get(word, word)
    return ReadingOptions(**options)


def refusal(path, **options):
    """Return the error with which a file is refused."""
    with pytest.raises(SignalError) as caught:
        read(path, ReadingOptions(**options))
    return caught.value
