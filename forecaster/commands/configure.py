"""From options, the environment and a file to the frozen configuration of a run.

The options win over the file. Lengths in time (`--n-input 0.5s`) are resolved last, when a signal has been read and
its rate is known; all that can be refused before is refused before.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from forecaster.bundle.gate import MAX_MANIFEST, parse_manifest
from forecaster.commands.options import Span
from forecaster.config import LECTURE, ReadingOptions, RunConfig, TaskName
from forecaster.errors import UsageError, printable

Model = TypeVar("Model", bound=BaseModel)
READING = frozenset(ReadingOptions.model_fields)
Nested = dict[str, Any]
# The options of each section of a run's settings, with the key of each in the section.
_SECTIONS = {
    "reading": {name: name for name in sorted(READING)},
    "recipe": {"recipe": "name", "steps": "steps", "learning_rate": "learning_rate"},
    "window": {"n_step": "n_step", "n_input": "n_input", "stride": "stride"},
}
# Options that are keys of the settings themselves.
_TOP = ("predictor", "seed", "joint", "carry_state", "horizon_mode")


def reading(explicit: Mapping[str, Any], stored: ReadingOptions | None = None) -> ReadingOptions:
    """Return the reading options `stored` with a model, with those that are `explicit` in their place.

    A stored time column goes when `--no-time` is given, and the other way round. Units that were told of the training
    files are not told of others, whose headers may say another.
    """
    replacing = {name: value for name, value in explicit.items() if name in READING}
    base = {} if stored is None else stored.model_dump(exclude_defaults=True, exclude={"units"})
    if replacing.get("no_time"):
        base = {name: value for name, value in base.items() if name not in ("time_columns", "time_format")}
    if replacing.get("time_columns"):
        base.pop("no_time", None)
    return validated(ReadingOptions, {**base, **replacing}, "the reading options")


def nested(explicit: Mapping[str, Any], file: Path | None) -> Nested:
    """Return the settings of a run as they stand in `file`, overridden by the options that are `explicit`."""
    settings = {} if file is None else _from_file(file)
    for section, keys in _SECTIONS.items():
        values = {key: explicit[name] for name, key in keys.items() if name in explicit}
        if values:
            settings[section] = {**_mapping(settings, section), **values}
    if explicit.get("settings"):
        settings["parameters"] = {**_mapping(settings, "parameters"), **parameters(explicit["settings"])}
    if "split" in explicit:
        settings["split"] = split(explicit["split"])
    if _mapping(settings, "recipe").get("name") == "lecture":
        # The lectures' recipe is complete; what was chosen by option or in the file replaces parts of it.
        settings["recipe"] = {**LECTURE.model_dump(), **settings["recipe"]}
    return {**settings, **{name: explicit[name] for name in _TOP if name in explicit}}


@dataclass(frozen=True)
class RunSettings:
    """The settings of a run before a signal is read; `source` is what messages name.

    Lengths in time mean nothing until the sample rate is known: `preliminary` is the configuration without them, and
    `resolved` settles them.
    """

    values: Nested
    source: str
    preliminary: RunConfig

    @classmethod
    def of(cls, explicit: Mapping[str, Any], file: Path | None, task: TaskName | None = None) -> RunSettings:
        """Return the settings of options and `file`, for `task`, or for the task of the predictor that they name.

        Raises:
            UsageError: a key is unknown or a value outside its range; the message names it.
        """
        from forecaster.tasks import TASKS, task_of

        values, source = nested(explicit, file), "the options" if file is None else printable(file)
        if task is None:
            defaults = task_of(validated(RunConfig, _without_times(values), source).predictor).settings
        else:
            defaults = TASKS[task].settings
        sections = {
            # How files are read is decided by the task; its window holds where none was chosen.
            "reading": {**_mapping(values, "reading"), **defaults["reading"]},
            "window": {**defaults.get("window", {}), **_mapping(values, "window")},
        }
        values = {**values, **{section: keys for section, keys in sections.items() if keys}}
        return cls(values, source, validated(RunConfig, _without_times(values), source))

    def resolved(self, sample_rate_hz: float | None) -> RunConfig:
        """Return the configuration with the lengths of the window in samples."""
        window = dict(_mapping(self.values, "window"))
        if isinstance(window.get("n_input"), Span):
            window["n_input"] = window["n_input"].resolve(sample_rate_hz, "--n-input")
        if isinstance(window.get("stride"), Span):
            window["stride"] = window["stride"].resolve(sample_rate_hz, "--stride")
        span = window.get("n_step")
        if isinstance(span, Span):
            samples = span.resolve(sample_rate_hz, "--n-step")
            # `--n-step` counts segments. A time says how long the context is, so it is divided by the segment.
            in_time = span.samples is None
            window["n_step"] = max(1, round(samples / window.get("n_input", 100))) if in_time else samples
        return validated(RunConfig, {**self.values, "window": window} if window else self.values, self.source)


def _without_times(settings: Nested) -> Nested:
    """Return `settings` without the lengths of the window that are times."""
    window: Nested = {}
    for key, value in _mapping(settings, "window").items():
        if not isinstance(value, Span):
            window[key] = value
        elif value.samples is not None:
            window[key] = value.samples
    return {**settings, "window": window}


def parameters(texts: Sequence[str]) -> dict[str, int | float | str]:
    """Return the parameters that `--set NAME=VALUE` gives, numbers as numbers.

    >>> parameters(["units-1=50", "rate=.5", "mix=update-takes"])
    {'units_1': 50, 'rate': 0.5, 'mix': 'update-takes'}
    """
    parameters: dict[str, int | float | str] = {}
    for text in texts:
        name, mark, value = text.partition("=")
        if not (mark and name.strip() and value.strip()):
            raise UsageError(f"--set {printable(text, 80)!r} is not NAME=VALUE.", hint="Example: --set units_1=50.")
        parameters[name.strip().replace("-", "_")] = _scalar(value.strip())
    return parameters


def _scalar(text: str) -> int | float | str:
    """Return the number that `text` is, or `text`."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def split(text: str) -> dict[str, float]:
    """Return the shares in percent that `70/15/15` gives.

    >>> split("85/15/0")
    {'training': 85.0, 'validation': 15.0, 'test': 0.0}
    """
    hint = "Example: --split 70/15/15."
    try:
        training, validation, test = (float(share) for share in text.split("/"))
    except ValueError:
        raise UsageError(f"--split {printable(text)!r} is not three percentages.", hint=hint) from None
    total = training + validation + test
    if not abs(total - 100) <= 1e-9:
        raise UsageError(f"--split {printable(text)}: the shares add up to {total:g}, not 100.", hint=hint)
    return {"training": training, "validation": validation, "test": test}


def validated(model: type[Model], values: Mapping[str, Any], source: str) -> Model:
    """Return `values` as a `model`.

    Raises:
        UsageError: a value is wrong; the message names `source`, the key and the reason.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"{source}: {_complaint(first, model)}") from None


def _complaint(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Return in words what pydantic refused, with the nearest key that exists in place of one that does not."""
    path: Sequence[object] = error["loc"]
    key = ".".join(map(str, path)) or "the values"
    if error["type"] != "extra_forbidden":
        return f"{printable(key)} is {printable(error.get('input'), 80)!r}: {error['msg']}."
    from difflib import get_close_matches

    siblings = _keys(model, path[:-1])
    # A key that stands one section too high, such as n_step beside [window], is meant to stand within it.
    within = [f"{section}.{path[-1]}" for section in siblings if path[-1] in _keys(model, [*path[:-1], section])]
    close = within or get_close_matches(str(path[-1]), siblings, 1)
    return f"unknown key {printable(key)!r}." + (f" Did you mean {close[0]!r}?" if close else "")


def _keys(model: type[BaseModel], path: Sequence[object]) -> list[str]:
    """Return the keys that exist at `path` below `model`."""
    for part in path:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _from_file(file: Path) -> Nested:
    """Return the settings of a TOML file, or those that a model.json records: they repeat its run."""
    try:
        with file.open("rb") as stream:
            content = stream.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise UsageError(f"--config {printable(file)}: {error.strerror}.") from None
    if len(content) > MAX_MANIFEST:
        raise UsageError(f"--config {printable(file)} has more than {MAX_MANIFEST} bytes: it is no file of settings.")
    if file.suffix.lower() == ".json":
        return parse_manifest(content, str(file)).config.model_dump(mode="json")
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        # Python refuses integers of thousands of digits by ValueError, and endless brackets by RecursionError.
        raise UsageError(f"--config {printable(file)} is not TOML: {printable(error)}.") from None


def _mapping(settings: Nested, section: str) -> Mapping[str, Any]:
    """Return a section of the settings; UsageError where a file has something else than a table there."""
    values = settings.get(section, {})
    if not isinstance(values, Mapping):
        raise UsageError(f"[{section}] in the settings is {printable(values, 80)!r}; expected a table of keys.")
    return values
