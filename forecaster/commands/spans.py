"""Lengths of a signal, in samples or in time: `100`, `0.5s`, `100ms`, `2h`."""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from forecaster.errors import UsageError

SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
MAX_SAMPLES = 10**7
_FORM = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)")


@dataclass(frozen=True)
class Span:
    """A length: `samples`, or `seconds` where the user gave a time; `text` as it was given."""

    text: str
    samples: int | None = None
    seconds: float | None = None

    def resolve(self, sample_rate_hz: float | None, option: str) -> int:
        """Return the length in samples.

        >>> Span("2s", seconds=2.0).resolve(50.0, "-n")
        100

        Raises:
            UsageError: a time, but no known rate, or a time that rounds to no sample.
        """
        if self.samples is not None:
            return self.samples
        if sample_rate_hz is None or self.seconds is None:
            raise UsageError(
                f"{option} {self.text} is a time, but the sample rate is not known.",
                hint="Give the length in samples, or the rate with --rate HZ.",
            )
        samples = round(self.seconds * sample_rate_hz)
        if not 1 <= samples <= MAX_SAMPLES:
            raise UsageError(
                f"{option} {self.text} is {self.seconds * sample_rate_hz:.3g} samples at {sample_rate_hz:.6g} Hz; "
                f"expected 1 to {MAX_SAMPLES}."
            )
        return samples


class SpanType(click.ParamType):
    """click's type of a length."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Span:
        """Read `100` as samples and `100ms` as a time."""
        if isinstance(value, Span):
            return value
        span = parse(str(value))
        if span is None:
            units = ", ".join(SECONDS)
            self.fail(
                f"{value!r} is neither a number of samples (1 to {MAX_SAMPLES}) nor a time in {units}.", param, ctx
            )
        return span


def parse(text: str) -> Span | None:
    """Return the length that `text` means, or None.

    >>> parse("100").samples, parse("250 ms").seconds, parse("1.5"), parse("x")
    (100, 0.25, None, None)
    """
    found = _FORM.fullmatch(text.strip().lower())
    if found is None:
        return None
    amount, unit = found.groups()
    if not unit:
        return Span(text, samples=int(amount)) if amount.isdecimal() and 1 <= int(amount) <= MAX_SAMPLES else None
    seconds = float(amount) * SECONDS.get(unit, 0)
    return Span(text, seconds=seconds) if seconds > 0 else None
