"""What a checkpoint records: the run that decides a model's weights, and how far each network came."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from forecaster.bundle.manifest import Count, Manifest, Name, Number, Sha256, TrainingData
from forecaster.config import Frozen, RunConfig
from forecaster.errors import printable

MAX_NOTE = 2000
Note = Annotated[str, Field(max_length=MAX_NOTE)]


class Run(Frozen):
    """What decides a model's weights: the signals in their order, the resolved configuration, the versions."""

    signals: Annotated[tuple[TrainingData, ...], Field(max_length=100_000)]
    config: RunConfig
    versions: Annotated[dict[Name, Name], Field(max_length=64)]

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Return the run that made a model."""
        return cls(signals=manifest.training_data, config=manifest.config, versions=manifest.versions)

    def differences(self, other: Run, *, versions: bool = True) -> list[str]:
        """Say what is otherwise in `other`, a line each; a file may have been renamed."""
        own, found = (_flat("", _content(one, versions=versions)) for one in (self, other))
        keys = [key for key in {**own, **found} if own.get(key) != found.get(key)]
        return [f"{key} is {_shown(own.get(key))} here, {_shown(found.get(key))} there" for key in keys]


class TrainingState(Frozen):
    """How far the training of one network came; epochs are counted from 0, and -1 is what it started from.

    One that is `done` has its best weights alone, one that `failed` none; `note` is what it has to say.
    """

    name: Name
    done: bool = False
    failed: bool = False
    note: Note = ""
    step: Count = 0
    best_loss: Number | None = None
    best_epoch: Annotated[int, Field(ge=-1, le=10**7)] = -1
    history: Annotated[tuple[dict[Name, Number], ...], Field(max_length=10**6)] = ()
    sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.best_epoch >= len(self.history):
            raise ValueError(f"best_epoch {self.best_epoch} of {len(self.history)} epochs")
        if not all(row.keys() >= {"step", "seconds"} for row in self.history):
            raise ValueError("a row of history without step or seconds")
        return self


class State(Frozen):
    """checkpoint.json."""

    format: Literal[1] = 1
    run: Run
    courses: Annotated[tuple[TrainingState, ...], Field(max_length=64)] = ()


def listed(differences: Sequence[str]) -> str:
    """Return the first of some differences in one line."""
    more = f"; and {len(differences) - 3} more" if len(differences) > 3 else ""
    return "; ".join(differences[:3]) + more


def _content(run: Run, *, versions: bool) -> dict[str, Any]:
    """Return what is compared of a run."""
    data = [{"sha256": one.sha256, "rows": one.rows, "recordings": one.cut} for one in run.signals]
    made = {"signals": len(data)} | {f"signal {k}": one for k, one in enumerate(data, 1)}
    return made | run.config.model_dump(mode="json") | ({"version": run.versions} if versions else {})


def _flat(prefix: str, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tree of mappings as its leaves by their dotted names."""
    found: dict[str, Any] = {}
    for key, one in value.items():
        found |= _flat(f"{prefix}{key}.", one) if isinstance(one, Mapping) and one else {f"{prefix}{key}": one}
    return found


def _shown(value: Any) -> str:
    return printable("not set" if value is None else json.dumps(value, ensure_ascii=False), 60)
