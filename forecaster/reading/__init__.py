"""The strict reader: a file becomes a Signal, or an error that says where and why not.

>>> from forecaster.config import ReadingOptions
>>> from forecaster.reading import read_signal
>>> read_signal("acceleration.csv", ReadingOptions(rate_hz=1024.0))  # doctest: +SKIP
"""

from forecaster.reading.api import read, read_signal
from forecaster.reading.file import Dialect
from forecaster.reading.recordings import Reading
from forecaster.reading.regular import Timing

__all__ = ["Dialect", "Reading", "Timing", "read", "read_signal"]
