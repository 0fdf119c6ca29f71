"""The strict reader: CSV and its dialects become a Signal, or an error that says where and why.

>>> from forecaster.config import ReadingOptions
>>> from forecaster.reading import read_signal
>>> read_signal("acceleration.csv", ReadingOptions(rate_hz=1024.0))  # doctest: +SKIP
"""

from forecaster.reading.dialect import Dialect
from forecaster.reading.reader import Reading, read, read_signal
from forecaster.reading.regular import Timing

__all__ = ["Dialect", "Reading", "Timing", "read", "read_signal"]
