"""Every option, declared once, and lengths in samples or in time. Only click is imported: `--help` is instant."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from forecaster.commands.terminal import Terminal
from forecaster.errors import UsageError, printable

if TYPE_CHECKING:
    from forecaster.tasks import Task

Function = TypeVar("Function", bound=Callable[..., Any])
# The units of time that a length may have, in seconds.
SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
# A longer window or horizon is a slip, not a wish.
MAX_SAMPLES = 10**7
_SPAN = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*([a-z]*)")
# Names of characters that are hard to type in a shell.
CHARACTERS = {"tab": "\t", "\\t": "\t", "space": " ", "comma": ",", "semicolon": ";", "pipe": "|"}


@dataclass(frozen=True)
class Span:
    """A length of a signal: `samples`, or `seconds` where the user gave a time; `text` as the user wrote it."""

    text: str
    samples: int | None = None
    seconds: float | None = None

    def resolve(self, sample_rate_hz: float | None, option: str) -> int:
        """Return the length in samples.

        >>> Span("2s", seconds=2.0).resolve(50.0, "-n")
        100

        Raises:
            UsageError: the length is a time and the rate is unknown, or the time rounds to no sample.
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
    """The type of an option that is a length: `100`, `0.5s`, `100ms`, `2h`."""

    name = "length"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Span:
        """Read `100` as samples and `100ms` as a time."""
        if isinstance(value, Span):
            return value
        span = parse_span(str(value))
        if span is None:
            units = ", ".join(SECONDS)
            self.fail(
                f"{value!r} is neither a number of samples (1 to {MAX_SAMPLES}) nor a time in {units}.", param, ctx
            )
        return span


def parse_span(text: str) -> Span | None:
    """Return the length that `text` means, or None.

    >>> parse_span("100").samples, parse_span("250 ms").seconds, parse_span("1.5"), parse_span("x")
    (100, 0.25, None, None)
    """
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        return None
    amount, unit = match.groups()
    if not unit:
        return Span(text, samples=int(amount)) if amount.isdecimal() and 1 <= int(amount) <= MAX_SAMPLES else None
    seconds = float(amount) * SECONDS.get(unit, 0)
    return Span(text, seconds=seconds) if seconds > 0 else None


class Listed(click.types.StringParamType):
    """A text; an environment variable separates several of them by commas, for names may hold spaces."""

    envvar_list_splitter = ","


class FilePath(click.Path):
    """A `pathlib.Path`; whether it exists is for the command to say."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Refuse an empty name, which pathlib takes for the current folder: a shell's unset variable."""
        if value == "":
            self.fail("the name is empty; the current folder is '.'.", param, ctx)
        return super().convert(value, param, ctx)


def option(*declarations: str, **attributes: Any) -> Callable[[Function], Function]:
    """Declare an option and its environment variable: `--n-step` is FORECASTER_N_STEP."""
    long = max(declarations, key=lambda name: name.startswith("--"))
    variable = "FORECASTER_" + long.split("/")[0].lstrip("-").replace("-", "_").upper()
    return click.option(*declarations, **{"envvar": variable, **attributes})


def joined(*decorators: Callable[[Any], Any]) -> Callable[[Function], Function]:
    """Return the decorators joined into one; the first is listed first in the help."""

    def decorate(function: Function) -> Function:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


def _character(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Accept `tab`, `space` ... for the character of that name."""
    return value if value is None else CHARACTERS.get(value.lower(), value)


def _set(name: str) -> Callable[[click.Context, click.Parameter, bool], None]:
    """Return a callback that sets the attribute `name` of the command's Terminal."""

    def store(ctx: click.Context, param: click.Parameter, value: bool) -> None:
        if value and isinstance(ctx.obj, Terminal):
            setattr(ctx.obj, name, True)

    return store


signals = click.argument("signals", metavar="SIGNAL...", nargs=-1, required=True)
optional_signals = click.argument("signals", metavar="[SIGNAL...]", nargs=-1)
model = click.argument("model", metavar="MODEL", type=FilePath())

quiet = option(
    "-q", "--quiet", is_flag=True, expose_value=False, is_eager=True, callback=_set("quiet"),
    help="Say errors and warnings alone.",
)  # fmt: skip
verbose = option(
    "-v", "--verbose", is_flag=True, expose_value=False, is_eager=True, callback=_set("verbose"),
    help="Show where an error arose.",
)  # fmt: skip
speech = joined(quiet, verbose)
as_json = option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
convert = option("--convert", is_flag=True, help="Convert the file's units to those of the model.")
overwrite = option("--overwrite", is_flag=True, help="Replace what is there.")
resume = option("--resume", is_flag=True, help="Go on with a training that was interrupted, where it stood.")
seed = option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Seed of all chance.")

predictor = option("--predictor", metavar="NAME", help="Kind of predictor; `predictors` lists them.  [auto]")
predictors = option(
    "--predictors", metavar="A,B,...", help="Kinds of predictor, between commas, or `all`.  [every network]"
)
n_step = option("--n-step", type=SpanType(), help="S, segments in a window; or the context as a time.  [25]")
n_input = option("--n-input", type=SpanType(), help="N, samples in a segment; or a time such as 0.5s.  [100]")
stride = option("--stride", type=SpanType(), help="Samples from one window to the next.  [1]")
split = option("--split", metavar="A/B/C", help="Percent for training, validation, test, in time order.  [70/15/15]")
recipe = option("--recipe", type=click.Choice(["default", "lecture"]), help="How a network is trained.  [default]")
steps = option("--steps", type=click.IntRange(1, 10**7), help="Training steps: the budget.")
learning_rate = option("--learning-rate", type=click.FloatRange(0, 10, min_open=True), help="Highest learning rate.")
joint = option(
    "--joint", is_flag=True, default=None,
    help="Show a network, beside each channel, all others that are forecast; they advance together.",
)  # fmt: skip
training = joined(n_step, n_input, stride, split, joint, recipe, steps, learning_rate, seed)
carry_state = option(
    "--carry-state", is_flag=True, default=None,
    help="Carry the predictor's state over the whole recording, in place of re-reading the window.",
)  # fmt: skip
horizon_mode = option(
    "--horizon-mode", type=click.Choice(["closed-loop", "direct"]),
    help="Feed forecasts back, or make several segments in one pass too.  [closed-loop]",
)  # fmt: skip
settings = option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True, help="Set a parameter by its name; repeatable."
)
config = option(
    "--config",
    type=FilePath(),
    metavar="FILE",
    help="Read settings from a TOML file, or a MODEL/model.json; options win over it.",
)
horizon = option("-n", "--horizon", type=SpanType(), help="Samples to forecast, or a time.  [the model's N]")
origins = option("--stride", type=SpanType(), help="Samples from one scored origin to the next.  [min(H, N)]")
levels = option(
    "--level", "levels", type=click.IntRange(1, 99), multiple=True, default=(90,), show_default=True,
    help="Coverage of a band in percent; repeatable.",
)  # fmt: skip
backtest = option("--forecasts", type=FilePath(), metavar="FILE.csv", help="Write every scored forecast to a file.")
least_skill = option(
    "--fail-below-skill", "least_skill", type=click.FloatRange(max=1, max_open=True), metavar="X",
    help="Exit with 1 unless each part's gain over the best baseline is at least X (0.1: a tenth of its error).",
)  # fmt: skip
form = option(
    "--format", "form", type=click.Choice(["csv", "json", "parquet"]), default="csv", show_default=True,
    help="Kind of forecast file.",
)  # fmt: skip
filename = option(
    "--filename", default="{stem}.forecast.{ext}", show_default=True, help="Name of a forecast file within DIR."
)
on_error = option(
    "--on-error", type=click.Choice(["continue", "stop"]), default="continue", show_default=True,
    help="What to do after a file that cannot be forecast.",
)  # fmt: skip

reading = joined(
    option("--column", "columns", type=Listed(), multiple=True, help="Channel to read; repeatable.  [all numbers]"),
    option("--exogenous", type=Listed(), multiple=True, help="Channel that helps and is not forecast; repeatable."),
    option("--known", type=Listed(), multiple=True, help="Exogenous channel whose future is known; repeatable."),
    option(
        "--calendar", type=click.Choice(["minute-of-hour", "hour-of-day", "day-of-week", "day-of-year"]), multiple=True,
        help="Known channels made from the time stamps; repeatable.",
    ),
    option("--rename", type=Listed(), multiple=True, metavar="OLD=NEW", help="Give a column another name; repeatable."),
    option("--time-column", "time_columns", type=Listed(), multiple=True, help="Time column; twice for date and time."),
    option("--no-time", is_flag=True, default=None, help="There is no time column."),
    option("--time-format", metavar="FORMAT", help="strptime format of the time stamps."),
    option("--time-zone", metavar="AREA/CITY", help="Zone of a local clock with summer time, such as Europe/Berlin."),
    option("--rate", "--fs", "rate_hz", type=click.FloatRange(0, min_open=True), metavar="HZ", help="Sample rate."),
    option("--unit", "units", type=Listed(), multiple=True, help="Unit of all channels, or NAME=UNIT; repeatable."),
    option("--delimiter", callback=_character, metavar="CHAR", help="Field separator; `tab` is understood."),
    option("--decimal", type=click.Choice([".", ","]), help="Decimal mark."),
    option(
        "--thousands", type=click.Choice([",", ".", "'", "_", " ", "space"]), callback=_character, metavar="CHAR",
        help="Thousands mark: , . ' _ or space.",
    ),
    option("--no-header", is_flag=True, default=None, help="The first row holds data."),
    option("--skip-rows", type=click.IntRange(0), metavar="ROWS", help="Lines to skip at the top."),
    option("--skip-end", type=click.IntRange(0), metavar="ROWS", help="Rows to leave out at the end, such as a total."),
    option("--encoding", metavar="NAME", help="utf-8, utf-16, latin-1 ..."),
    option("--na", type=Listed(), multiple=True, metavar="VALUE", help="What stands for a missing value; repeatable."),
    option("--missing", type=click.Choice(["error", "split", "interpolate"]), help="What to do at gaps.  [error]"),
    option("--duplicates", type=click.Choice(["error", "first", "mean"]), help="For equal time stamps.  [error]"),
    option("--sort", is_flag=True, default=None, help="Sort the rows by time."),
    option("--group-column", metavar="NAME", help="A new value in this column begins a new recording."),
    option("--recording-rows", type=click.IntRange(1), metavar="ROWS", help="Rows of each recording."),
    option("--layout", type=click.Choice(["columns", "wide", "long"]), help="Where the series stand.  [columns]"),
)  # fmt: skip


def output(metavar: str, text: str, *, required: bool = True) -> Callable[[Function], Function]:
    """Declare `-o`."""
    return option("-o", "--output", type=FilePath(), metavar=metavar, required=required, help=text)


def plot(text: str) -> Callable[[Function], Function]:
    """Declare `--plot FILE`."""
    return option("--plot", type=FilePath(), metavar="FILE.png", help=text)


def check_picture(path: Path | None, *models: Path) -> None:
    """Refuse a picture that cannot be drawn, or that would stand in one of the `models`, before the work is done.

    Raises:
        UsageError: the suffix is not one of those that can be written, or the place is within a model's folder.
    """
    if path is None:
        return
    from forecaster.plots import SUFFIXES

    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {printable(path)}: pictures can be {', '.join(SUFFIXES)}.")
    place = Path(os.path.realpath(path))
    if any(place.is_relative_to(os.path.realpath(model)) for model in models):
        hint = "Give the picture another place: a model's folder is its own."
        raise UsageError(f"--plot {printable(path)} lies in the folder of the model.", hint=hint)


def refuse_unused(ctx: click.Context, task: Task, *names: str) -> None:
    """Refuse those of the options `names` that mean nothing for models of `task`.

    Raises:
        UsageError: the user gave one of them.
    """
    for name in names:
        if name in task.unused_options and name in explicit(ctx):
            raise UsageError(task.unused_options[name])


def explicit(ctx: click.Context) -> dict[str, Any]:
    """Return the parameters that the user gave, on the command line or in the environment."""
    sources = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    return {name: value for name, value in ctx.params.items() if ctx.get_parameter_source(name) in sources}


def as_arguments(command: click.Command, values: Mapping[str, Any]) -> list[str]:
    """Return the reading options among `values` as arguments again, in the order of the help."""
    from forecaster.commands.configure import READING

    arguments: list[str] = []
    for param in command.params:
        if param.name in READING and param.name in values and isinstance(param, click.Option):
            value, option_name = values[param.name], param.opts[0]
            if param.is_flag:
                arguments.append(option_name)
            elif value == CHARACTERS["tab"]:
                # A tab within a command would not survive being pasted.
                arguments.append(f"{option_name}=tab")
            else:
                texts = value if isinstance(value, tuple) else (value,)
                arguments += [f"{option_name}={text}" for text in texts]
    return arguments
