"""From options, the environment and a file to the frozen configuration of a run."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from forecaster.bundle.gate import MAX_MANIFEST, parse_manifest
from forecaster.commands.spans import Span
from forecaster.config import LECTURE, ReadingOptions, RunConfig, Task
from forecaster.errors import UsageError, printable

Model = TypeVar("Model", bound=BaseModel)
READING = frozenset(ReadingOptions.model_fields)
Nested = dict[str, Any]


def reading(given: Mapping[str, Any], base: ReadingOptions | None = None) -> ReadingOptions:
    """Return `base` with the reading options that were given in place of its own.

    A time column of `base` goes when `--no-time` is given, and the other way round.
    """
    own = {name: value for name, value in given.items() if name in READING}
    start = {} if base is None else base.model_dump(exclude_defaults=True)
    if own.get("no_time"):
        start = {name: value for name, value in start.items() if name not in ("time_columns", "time_format")}
    if own.get("time_columns"):
        start.pop("no_time", None)
    return validated(ReadingOptions, {**start, **own}, "the reading options")


def nested(given: Mapping[str, Any], file: Path | None) -> Nested:
    """Return the settings of a run as they stand in `file`, overridden by the options that were given."""
    settings = {} if file is None else _from_file(file)
    for section, names in _SECTIONS.items():
        own = {key: given[name] for name, key in names.items() if name in given}
        if own:
            settings[section] = {**_mapping(settings, section), **own}
    if given.get("settings"):
        settings["parameters"] = {**_mapping(settings, "parameters"), **parameters(given["settings"])}
    if "split" in given:
        settings["split"] = split(given["split"])
    if _mapping(settings, "recipe").get("name") == "lecture":
        settings["recipe"] = {**LECTURE.model_dump(), **settings["recipe"]}
    return {
        **settings,
        **{
            name: given[name] for name in ("predictor", "seed", "joint", "carry_state", "horizon_mode") if name in given
        },
    }


_SECTIONS = {
    "reading": {name: name for name in sorted(READING)},
    "recipe": {"recipe": "name", "steps": "steps", "learning_rate": "learning_rate"},
    "window": {"n_step": "n_step", "n_input": "n_input", "stride": "stride"},
}


_BY_TASK: dict[Task, Nested] = {
    "forecast": {"reading": {"symbols": False}},
    "symbols": {"reading": {"symbols": True}, "window": {"n_input": 1}},
}


def for_task(settings: Nested, task: Task) -> Nested:
    """Return `settings` with how files are read for `task`, and its window where none was chosen."""
    own = _BY_TASK[task]
    reading, window = (_mapping(settings, section) for section in ("reading", "window"))
    found = {"reading": {**reading, **own["reading"]}, "window": {**own.get("window", {}), **window}}
    return {**settings, **{section: values for section, values in found.items() if values}}


def without_times(settings: Nested) -> Nested:
    """Return `settings` with what is known before the rate is: lengths in time are left out."""
    window = {}
    for key, value in _mapping(settings, "window").items():
        if not isinstance(value, Span):
            window[key] = value
        elif value.samples is not None:
            window[key] = value.samples
    return {**settings, "window": window}


def sizes(settings: Nested, sample_rate_hz: float | None) -> Nested:
    """Return `settings` with the lengths of the window in samples; an `n_step` in time is the context."""
    window = dict(_mapping(settings, "window"))
    if isinstance(window.get("n_input"), Span):
        window["n_input"] = window["n_input"].resolve(sample_rate_hz, "--n-input")
    if isinstance(window.get("stride"), Span):
        window["stride"] = window["stride"].resolve(sample_rate_hz, "--stride")
    if isinstance(window.get("n_step"), Span):
        span = window["n_step"]
        samples = span.resolve(sample_rate_hz, "--n-step")
        in_time = span.samples is None
        window["n_step"] = max(1, round(samples / window.get("n_input", 100))) if in_time else samples
    return {**settings, "window": window} if window else settings


def run_config(settings: Nested, source: str) -> RunConfig:
    """Check the settings of a run.

    Raises:
        UsageError: an unknown key or a value outside its range, by name.
    """
    return validated(RunConfig, settings, source)


def parameters(texts: Sequence[str]) -> dict[str, int | float | str]:
    """Read the `NAME=VALUE` of `--set`.

    >>> parameters(["units-1=50", "rate=.5", "mix=update-takes"])
    {'units_1': 50, 'rate': 0.5, 'mix': 'update-takes'}
    """
    found: dict[str, int | float | str] = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not (mark and name.strip() and value.strip()):
            raise UsageError(f"--set {printable(text, 80)!r} is not NAME=VALUE.", hint="Example: --set units_1=50.")
        found[name.strip().replace("-", "_")] = _scalar(value.strip())
    return found


def _scalar(text: str) -> int | float | str:
    """Read a number where there is one."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def split(text: str) -> dict[str, float]:
    """Read `70/15/15`.

    >>> split("85/15/0")
    {'training': 85.0, 'validation': 15.0, 'test': 0.0}
    """
    try:
        training, validation, test = (float(part) for part in text.split("/"))
    except ValueError:
        raise UsageError(
            f"--split {printable(text)!r} is not three percentages.", hint="Example: --split 70/15/15."
        ) from None
    total = training + validation + test
    if not abs(total - 100) <= 1e-9:
        raise UsageError(
            f"--split {printable(text)}: the shares add up to {total:g}, not 100.", hint="Example: --split 70/15/15."
        )
    return {"training": training, "validation": validation, "test": test}


def validated(model: type[Model], values: Mapping[str, Any], source: str) -> Model:
    """Validate `values`; name the key and the reason where they are wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{source}: {_complaint(first, model)}") from None


def _complaint(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Say what pydantic found, with the nearest known key where one is unknown."""
    path: Sequence[object] = error["loc"]
    key = ".".join(map(str, path)) or "the values"
    if error["type"] != "extra_forbidden":
        return f"{printable(key)} is {printable(error.get('input'), 80)!r}: {error['msg']}."
    from difflib import get_close_matches

    known = _keys(model, path[:-1])
    inner = [f"{outer}.{path[-1]}" for outer in known if path[-1] in _keys(model, [*path[:-1], outer])]
    close = inner or get_close_matches(str(path[-1]), known, 1)
    return f"unknown key {printable(key)!r}." + (f" Did you mean {close[0]!r}?" if close else "")


def _keys(model: type[BaseModel], path: Sequence[object]) -> list[str]:
    """Return the known keys at `path` below `model`."""
    for part in path:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _from_file(file: Path) -> Nested:
    """Read the settings of a TOML file, or those that a model.json records: they repeat its run."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise UsageError(f"--config {printable(file)}: {error.strerror}.") from None
    if len(content) > MAX_MANIFEST:
        raise UsageError(f"--config {printable(file)} has more than {MAX_MANIFEST} bytes: it is no file of settings.")
    if file.suffix.lower() == ".json":
        return parse_manifest(content, str(file)).config.model_dump(mode="json")
    return _toml(content, file)


def _toml(content: bytes, file: Path) -> Nested:
    """Parse a TOML file of settings."""
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also integers of thousands of digits, and endless brackets
        raise UsageError(f"--config {printable(file)} is not TOML: {printable(error)}.") from None


def _mapping(settings: Nested, section: str) -> Mapping[str, Any]:
    """Return a section, which a file may have given as something else."""
    found = settings.get(section, {})
    if not isinstance(found, Mapping):
        raise UsageError(f"[{section}] in the settings is {printable(found, 80)!r}; expected a table of keys.")
    return found
