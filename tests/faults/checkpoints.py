"""Random mutations of a good checkpoint: each is refused, or can be gone on with; nothing is run, or opened outside.

    python -m tests.faults.checkpoints --count 20000 --seed 1

The checkpoint is of a training of two networks, one of which is done. It is changed by one to three of the
edits below, and mostly has its hashes made true again. It is read as `train --resume` reads it: the state,
and the tensors of both networks against the shapes that the training has. Counts as in `mutations`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from forecaster.bundle import Checkpoint, Run
from forecaster.bundle.checkpoint import PREFIX, STATE, TrainingState
from forecaster.bundle.tensors import Specs, Tensors
from forecaster.predictors import TensorSpec
from tests.faults import edits
from tests.faults.bench import Bench
from tests.faults.edits import Contents
from tests.faults.folders import put
from tests.faults.report import Report

SIZE = 5000
KINDS: Specs = {name: TensorSpec("F32", (SIZE,)) for name in ("weights", "momentum", "velocity", "best")}
SPECS: tuple[Specs, ...] = (
    {"kernel": TensorSpec("F32", (4, 3)), "bias": TensorSpec("F32", (3,))},
    {**KINDS, "counters": TensorSpec("I64", (3,))},
)
FILES = (STATE, "network 1", "network 2")
"""What is edited; the tensors of a network by its number, for their names hold the hashes that are made anew."""


class Mutations:
    """A good checkpoint, and its mutations one at a time."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench, self.run = bench, Run.of(bench.manifests["joint"])
        self.model, self.place = folder / "m", folder / f"{PREFIX}m"
        self.report = bench.report = Report()
        with Checkpoint.opened(self.model, self.run, resume=False) as checkpoint:
            for number, specs in enumerate(SPECS):
                checkpoint.put(number, lambda number=number, specs=specs: (_course(number), _tensors(specs)))
            names = [f"network-{k}-{one.sha256[:16]}.safetensors" for k, one in enumerate(checkpoint.states, 1)]
        self.contents: Contents = {
            name: (self.place / file).read_bytes() for name, file in zip(FILES, (STATE, *names), strict=True)
        }
        self.try_(dict(self.contents), "the good one")
        assert self.report.counts["gone on with"] == 1, self.report.text()
        self.report.counts.clear()

    def mutation(self, seed: int, n: int) -> None:
        """Make the mutation `n`, and try it."""
        rng, contents = random.Random(f"{seed}/{n}"), dict(self.contents)
        for _ in range(rng.choice([1, 1, 2, 3])):
            rng.choice(EDITS)(contents, rng)
        if rng.random() < 0.85:
            _sealed(contents)
        self.report.counts["mutations"] += 1
        self.try_(contents, f"mutation {n}")

    def try_(self, contents: Contents, where: str) -> None:
        """Lay the checkpoint out and read it."""
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        elsewhere = self.bench.place / "elsewhere"
        put(self.place / STATE, contents[STATE], elsewhere)
        for name, sha256 in zip(FILES[1:], _hashes(contents), strict=True):
            put(self.place / f"{name.replace(' ', '-')}-{sha256[:16]}.safetensors", contents[name], elsewhere)
        found, told = self.bench.guarded(self._read, (self.place, where), "to load")
        self.report.counts["refused"] += told is not None
        self.report.counts["gone on with"] += bool(found)
        self.report.counts["nothing in it"] += found == 0
        self.bench.check_message(told, where)

    def _read(self) -> int:
        """Read the state and the tensors of each network that has some; return how many."""
        with Checkpoint.opened(self.model, self.run, resume=True) as checkpoint:
            slots = [checkpoint.network(number) for number in range(len(checkpoint.states[: len(SPECS)]))]
            for slot in slots:
                if slot.state is not None and not slot.state.failed:
                    slot.tensors(SPECS[slot.number])
            return len(slots)


def _course(number: int) -> TrainingState:
    rows = tuple({"step": 10.0 * k, "loss": 1 / k, "validation_loss": 2 / k, "seconds": 0.1 * k} for k in (1, 2, 3))
    return TrainingState(name=f"gru-{number}", done=number == 0, step=30, best_loss=0.7, best_epoch=2, history=rows)


def _tensors(specs: Specs) -> Tensors:
    rng = np.random.default_rng(1)
    dtypes = {"F32": np.float32, "I64": np.int64}
    return {name: rng.normal(0, 9, shape).astype(dtypes[dtype]) for name, (dtype, shape) in specs.items()}


# --- the edits ------------------------------------------------------------------------


def flip(contents: Contents, rng: random.Random) -> None:
    """Flip one bit, or a few."""
    name = rng.choice(FILES)
    changed = bytearray(_bytes(contents, name))
    for _ in range(rng.choice([1, 1, 8]) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    contents[name] = bytes(changed)


def splice(contents: Contents, rng: random.Random) -> None:
    """Put a token, random bytes or nothing in place of a few bytes."""
    name = rng.choice((STATE, *FILES))
    content = _bytes(contents, name)
    begin = rng.randrange(min(len(content), 2000) + 1)
    end = min(len(content), begin + rng.choice([0, 1, 2, 8, 64]))
    contents[name] = content[:begin] + rng.choice([*edits.TOKENS, rng.randbytes(8)]) + content[end:]


def cut(contents: Contents, rng: random.Random) -> None:
    """Cut a file, or lengthen it."""
    name = rng.choice(FILES)
    content = _bytes(contents, name)
    place = rng.choice([0, 1, 8, rng.randrange(len(content) + 1), max(0, len(content) - 1)])
    contents[name] = rng.choice([content[:place], content[place:], content + content[:place], content + bytes(place)])


def swap(contents: Contents, rng: random.Random) -> None:
    """Put two files into each other's place."""
    one, other = rng.sample(FILES, 2)
    contents[one], contents[other] = contents[other], contents[one]


def instead(contents: Contents, rng: random.Random) -> None:
    """Put a link, a pipe, a device ... in place of a file, or leave it out."""
    contents[rng.choice(FILES)] = rng.choice(edits.INSTEAD)


def value(contents: Contents, rng: random.Random) -> None:
    """Replace, delete or double a value of checkpoint.json."""
    try:
        document = json.loads(_bytes(contents, STATE))
    except (ValueError, RecursionError):
        return
    part = rng.choice(["run", "courses", "courses", "courses"])
    if isinstance(document, dict) and part in document and rng.random() < 0.9:
        document[part] = edits.altered(document[part], rng)
    else:
        document = edits.altered(document, rng)
    contents[STATE] = json.dumps(document).encode()


EDITS = (flip, splice, cut, swap, instead, value, value, value, value)


def _sealed(contents: Contents) -> None:
    """Make the hashes true again, as a careful forger does."""
    try:
        document = json.loads(_bytes(contents, STATE))
        for name, course in zip(FILES[1:], document["courses"], strict=False):
            course["sha256"] = hashlib.sha256(_bytes(contents, name)).hexdigest()
    except (ValueError, RecursionError, TypeError, KeyError):
        return
    contents[STATE] = json.dumps(document).encode()


def _hashes(contents: Contents) -> list[str]:
    """Return the hashes that the tensors' names have, as far as they can stand in a name."""
    true = [hashlib.sha256(_bytes(contents, name)).hexdigest() for name in FILES[1:]]
    try:
        told = [course["sha256"] for course in json.loads(_bytes(contents, STATE))["courses"]]
    except (ValueError, RecursionError, TypeError, KeyError):
        return true
    told = [one if isinstance(one, str) and one.isalnum() and one.isascii() else "x" for one in told]
    return [*told[: len(true)], *true[len(told) :]]


def _bytes(contents: Contents, name: str) -> bytes:
    found: Any = contents[name]
    return found if isinstance(found, bytes) else b""


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        (folder := Path(place) / "checkpoint").mkdir()
        mutations = Mutations(Bench(Path(place)), folder)
        for n in range(chosen.count):
            mutations.mutation(chosen.seed, n)
    print(mutations.report.text())
    return int(mutations.report.failed)


if __name__ == "__main__":
    sys.exit(main())
