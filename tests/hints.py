"""The options that a refusal of the reader names, as its tests try them."""

import shlex

from forecaster.config import ReadingOptions
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
