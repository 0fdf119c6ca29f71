"""Random mutations of good model folders: every one is refused, or can be used; nothing is run, or opened outside.

    python -m tests.faults.mutations --count 100000 --seed 1 --workers 2

Each mutation starts from one of the folders of `samples`, is changed by one to four of `edits`, and
mostly has its hashes made true again, so that what lies behind them is reached. It goes through
the gate, and, where it passes, is restored and forecasts once. Then come the folders of `hostile`.
A count that should be zero and is not makes the exit code 1; `--only N` runs mutation N alone, with its traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import encodings
import importlib
import os
import pkgutil
import random
import shutil
import signal
import socket
import stat
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from forecaster import bundle, networks, predictors
from forecaster.bundle.gate import MANIFEST
from forecaster.bundle.manifest import FILES, Manifest, data_name
from forecaster.commands.group import cli
from forecaster.errors import MESSAGE_LIMIT, ForecasterError
from forecaster.model import Forecaster
from forecaster.reading import read_signal
from forecaster.signals import Signal
from tests.faults import edits, hostile, samples
from tests.faults.audit import Watch

MEGABYTE = 2**20
MEMORY = 64
"""Megabytes that the gate may take beside twice the folder's own weights."""
SECONDS = 5.0
"""Processor time that one folder may take."""
HANG = 120
SHOWN = 20
BAD = ("tracebacks", "not refused", "not finite", "executed", "opened outside", "over memory", "over time")
_WATCH: list[Watch] = []


@dataclass
class Report:
    """What was counted, the largest figures, and the first things that should not have been."""

    counts: Counter[str] = field(default_factory=Counter)
    largest: dict[str, float] = field(default_factory=dict)
    found: list[str] = field(default_factory=list)

    def bad(self, what: str, where: str, told: object) -> None:
        """Count one thing that should not have been."""
        self.counts[what] += 1
        self.found.append(f"{where}: {what}: {told}")

    def most(self, what: str, value: float) -> None:
        """Keep the largest."""
        self.largest[what] = max(value, self.largest.get(what, 0.0))

    def add(self, other: Report) -> None:
        """Take in what another worker has counted."""
        self.counts += other.counts
        self.found += other.found
        for name, value in other.largest.items():
            self.most(name, value)

    @property
    def failed(self) -> bool:
        """Whether anything was as it should not be."""
        return any(self.counts[name] for name in BAD)

    def text(self) -> str:
        """Return the table."""
        rows = [(name, f"{count:,}") for name, count in self.counts.items() if name not in BAD]
        rows += [(name, f"{self.counts[name]:,}") for name in BAD]
        rows += [(name, f"{value:.2f}") for name, value in sorted(self.largest.items())]
        table = "\n".join(f"{name:34}{value:>12}" for name, value in rows)
        return "\n".join([table, *self.found[:SHOWN]])


class Bench:
    """The good folders, a place for the bad ones, and the measuring of one at a time."""

    def __init__(self, place: Path) -> None:
        self.place, self.report = place, Report()
        self.contents, self.manifests, self.files = {}, {}, {}
        (place / "elsewhere").mkdir()
        (place / "elsewhere" / "secret").write_text("secret")
        for name in samples.KINDS:
            model = samples.make(place, name)
            self.contents[name] = contents_of(model)
            self.manifests[name] = bundle.load(model).manifest
            self.files[name] = _csv(place / f"{name}.csv", samples.signal_of(samples.KINDS[name]))
        self._warm()
        self.rss = _memory("VmRSS")

    def _warm(self) -> None:
        """Load what the program loads of its own: its modules, the readers, the libraries' lazy parts."""
        for name in predictors.names():
            predictors.kind(name)
        for module in pkgutil.iter_modules(encodings.__path__):
            with contextlib.suppress(ImportError):
                importlib.import_module(f"encodings.{module.name}")
        for name in samples.KINDS:
            model = Forecaster.load(self.place / name)
            model.forecast([samples.fitting(model.manifest) or samples.signal_of(samples.KINDS[name])])
            read_signal(self.files[name], model.config.reading)
            CliRunner().invoke(cli, ["inspect", str(self.place / name)])
        networks.names()

    def mutation(self, seed: int, n: int) -> None:
        """Make the mutation `n`, and try it."""
        rng = random.Random(f"{seed}/{n}")
        kind = rng.choice(list(samples.KINDS))
        contents, model = mutated(self.contents[kind], rng), self.place / "model"
        lay_out(model, contents, self.place / "elsewhere", genuine=data_name(self.contents[kind][MANIFEST]))
        self.report.counts["mutations"] += 1
        self.attempt(model, f"mutation {n} ({kind})", kind, rng)
        shutil.rmtree(model)

    def attempt(self, model: Path, where: str, kind: str, rng: random.Random) -> bool:
        """Load `model` and, if the gate lets it pass, use it; say whether it was refused."""
        loaded, told = self._guarded(lambda: bundle.load(model), (model, where), "to load")
        if loaded is None:
            self.report.counts["refused"] += told is not None
            self._check_message(told, where)
            return told is not None
        self.report.counts["loaded"] += 1
        self._use(model, where, (kind, loaded.manifest, rng))
        return False

    def _use(self, model: Path, where: str, given: tuple[str, Manifest, random.Random]) -> None:
        kind, manifest, rng = given
        signals = [samples.fitting(manifest) or samples.signal_of(samples.KINDS[kind])]
        horizon = rng.choice([None, 1, min(300, 3 * manifest.window.n_input + 1)])
        made, told = self._guarded(lambda: self._forecast(model, signals, horizon), (model, where), "to forecast")
        if manifest.config.reading != self.manifests[kind].config.reading:
            reading, file = manifest.config.reading, self.files[kind]
            self.report.counts["read by its options"] += 1
            self._guarded(lambda: read_signal(file, reading), (file, where), "to read")
        self.report.counts["forecast"] += made is not None
        self.report.counts["refused in use"] += told is not None
        if made is not None and not _is_finite(made[0], made[1]):
            self.report.bad("not finite", where, "a forecast that was returned")
        if rng.random() < 0.2:
            self._inspect(model, where, rng)

    @staticmethod
    def _forecast(model: Path, signals: list[Signal], horizon: int | None) -> tuple[Forecaster, list[Any]]:
        found = Forecaster.load(model)
        return found, found.forecast(signals, horizon=horizon)

    def _inspect(self, model: Path, where: str, rng: random.Random) -> None:
        """Show what the folder holds, as the command does."""
        with warnings.catch_warnings(action="error"):
            told = CliRunner().invoke(cli, ["inspect", str(model), *rng.choice([[], ["--json"]])])
        self.report.counts["inspected"] += 1
        if told.exit_code not in (0, 2) or "this is a bug" in told.stderr:
            self.report.bad("tracebacks", where, f"inspect: {told.exit_code} {told.stderr[:500]}")

    def _guarded(self, work: Any, place: tuple[Path, str], what: str) -> tuple[Any, ForecasterError | None]:
        """Do the work; count what is no error of the tree; measure memory (of the gate) and time."""
        (model, where), found, told = place, None, None
        _reset_peak()
        begin = time.process_time()
        try:
            with warnings.catch_warnings(action="error"), self._watched(model, where):
                found = work()
        except ForecasterError as error:
            told = error
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            self.report.bad("tracebacks", where, f"{type(error).__name__}: {error} in {at.filename}:{at.lineno}")
        spent, peak = time.process_time() - begin, (_memory("VmHWM") - self.rss) / 1024
        self.report.most(f"seconds {what}", spent)
        if spent > SECONDS:
            self.report.bad("over time", where, f"{spent:.1f} s {what}")
        if what == "to load":
            self.report.most("MB to load", peak)
            if peak > MEMORY + 2 * _weight(model) / MEGABYTE:
                self.report.bad("over memory", where, f"{peak:.0f} MB")
        return found, told

    @contextlib.contextmanager
    def _watched(self, model: Path, where: str) -> Iterator[None]:
        """Count what is run, or opened outside of `model`, while the block runs."""
        watch = _watch()
        try:
            with watch.over(model):
                yield
        finally:
            self._count(watch, where)

    def _count(self, watch: Watch, where: str) -> None:
        for what, events in (("executed", watch.executed), ("opened outside", watch.outside)):
            if events:
                self.report.bad(what, where, events[:3])

    def _check_message(self, told: ForecasterError | None, where: str) -> None:
        if told is not None and not (str(told).isprintable() and len(str(told)) <= MESSAGE_LIMIT and told.hint):
            self.report.bad("tracebacks", where, f"a message that is no message: {str(told)[:100]!r}")


def contents_of(model: Path) -> edits.Contents:
    """Read a model folder into memory."""
    data = next(model.glob("data-*"))
    found: edits.Contents = {MANIFEST: (model / MANIFEST).read_bytes(), "data": b""}
    return found | {name: (data / name).read_bytes() for name in FILES}


def mutated(genuine: edits.Contents, rng: random.Random) -> edits.Contents:
    """Return changed contents: one edit to four, mostly with hashes that are true again."""
    contents = dict(genuine)
    for _ in range(rng.choice([1, 1, 1, 1, 2, 2, 3, 4])):
        rng.choice(edits.EDITS)(contents, rng)
    if rng.random() < 0.85:
        edits.sealed(contents)
    return contents


def lay_out(model: Path, contents: edits.Contents, elsewhere: Path, *, genuine: str) -> None:
    """Write a model folder; the data get the name that model.json gives them, or the one that they had."""
    model.mkdir()
    manifest = contents[MANIFEST]
    data = model / (data_name(manifest) if isinstance(manifest, bytes) else genuine)
    if contents["data"]:
        _put(data, str(contents["data"]), elsewhere)
    else:
        data.mkdir()
        for name in FILES:
            _put(data / name, contents[name], elsewhere)
    _put(model / MANIFEST, manifest, elsewhere)


def _put(path: Path, content: bytes | str, elsewhere: Path) -> None:
    """Write a file, or what is to stand there instead."""
    if isinstance(content, bytes):
        path.write_bytes(content)
        return
    out = elsewhere if path.name.startswith("data-") else elsewhere / "secret"
    put: dict[str, Callable[[], object]] = {
        "link-out": lambda: path.symlink_to(out),
        "link-in": lambda: path.symlink_to(FILES[-1]),
        "link-loop": lambda: path.symlink_to(path.name),
        "pipe": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "device": lambda: _device(path),
        "socket": lambda: _socket(path),
        "hard-link": lambda: os.link(elsewhere / "secret", path),
        "huge": lambda: _huge(path),
        "nothing": lambda: None,
    }
    put[content]()


def _huge(path: Path) -> None:
    path.touch()
    os.truncate(path, 2**40)


def _device(path: Path) -> None:
    """Make a device that never ends, where one may be made."""
    try:
        os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5))
    except OSError:
        path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


def _csv(path: Path, signal_: Signal) -> Path:
    values = signal_.recordings[0].values
    rows = [[signal_.symbols[int(row[0])]] if signal_.symbols else map(repr, row.tolist()) for row in values]
    path.write_text("\n".join([",".join(signal_.columns), *(",".join(row) for row in rows)]) + "\n")
    return path


def _is_finite(model: Forecaster, forecasts: list[Any]) -> bool:
    """Say whether means and bands are finite; beyond the steps that were calibrated a band is empty."""
    steps = model.manifest.intervals.horizon
    arrays = []
    for one in (one for several in forecasts for one in several):
        arrays += [one.mean, *([one.probabilities] if one.symbols else [])]
        arrays += [side[:steps] for band in one.bands.values() if band is not None for side in band]
    return all(np.isfinite(array).all() for array in arrays)


def _weight(model: Path) -> int:
    """Return the bytes of the weights in a folder."""
    return sum(one.lstat().st_size for one in model.glob("data-*/tensors.safetensors") if one.lstat().st_size < 2**32)


def _reset_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _memory(what: str) -> int:
    """Return a line of this process's status, in kilobytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))


def _watch() -> Watch:
    """Return the one hook of this process."""
    if not _WATCH:
        _WATCH.append(Watch())
    return _WATCH[0]


def run(numbers: range, seed: int, folders: bool = False) -> Report:
    """Try the mutations `numbers`, and with `folders` the crafted ones as well."""
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place))
        if threaded := hasattr(signal, "alarm"):
            signal.signal(signal.SIGALRM, _hangs)
        for n in numbers:
            signal.alarm(HANG if threaded else 0)
            bench.mutation(seed, n)
        signal.alarm(0)
        if folders:
            _crafted(bench)
        return bench.report


def _hangs(*_: object) -> None:
    raise TimeoutError(f"no answer after {HANG} s")


def _crafted(bench: Bench) -> None:
    """Try every crafted folder: none may pass."""
    for name in hostile.FOLDERS:
        model = hostile.make(bench.place / "crafted" / "m", name, bench.place / "combination")
        bench.report.counts["crafted folders"] += 1
        if not bench.attempt(model, f"crafted {name!r}", "combination", random.Random(name)):
            bench.report.bad("not refused", name, "a crafted folder")
        if (bench.place / "crafted" / hostile.PAYLOAD).exists():
            bench.report.bad("executed", name, "the payload")
        shutil.rmtree(bench.place / "crafted")


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", type=int)
    chosen = parser.parse_args()
    if chosen.only is not None:
        total = run(range(chosen.only, chosen.only + 1), chosen.seed)
    else:
        shares = [range(k, chosen.count, chosen.workers) for k in range(chosen.workers)]
        total = Report()
        with ProcessPoolExecutor(chosen.workers, mp_context=get_context("spawn")) as pool:
            for report in pool.map(run, shares, [chosen.seed] * len(shares), [share.start == 0 for share in shares]):
                total.add(report)
    print(total.text())
    return int(total.failed)


if __name__ == "__main__":
    sys.exit(main())
