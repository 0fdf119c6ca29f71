"""One model folder at a time: loaded, used, watched and measured."""

from __future__ import annotations

import contextlib
import ctypes
import encodings
import gc
import importlib
import pkgutil
import random
import shutil
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner

from forecaster import bundle, predictors
from forecaster.bundle.gate import MANIFEST
from forecaster.bundle.manifest import Manifest, data_name
from forecaster.commands.group import cli
from forecaster.errors import MESSAGE_LIMIT, ForecasterError
from forecaster.model import Forecaster
from forecaster.reading import read_signal
from forecaster.signal.signal import Signal
from forecaster.tasks.symbols import SymbolForecast
from tests.faults import edits, samples
from tests.faults.audit import Watch
from tests.faults.folders import contents_of, lay_out
from tests.faults.report import Report

MEGABYTE = 2**20
MEMORY = 64
"""Megabytes that the gate may take beside twice the folder's own weights."""
SECONDS = 5.0
"""Processor time that one folder may take."""
_WATCH: list[Watch] = []


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
            predictors.predictor_class(name)
        for module in pkgutil.iter_modules(encodings.__path__):
            with contextlib.suppress(ImportError):
                importlib.import_module(f"encodings.{module.name}")
        odd = self.place / "odd.csv"
        odd.write_text("a:b~c\nx:y~z\nu:v~w\n" * 4)  # no plain delimiter: the reader's last resort is asked
        with contextlib.suppress(ForecasterError):
            read_signal(odd)
        assert "clevercsv" in sys.modules
        for name in samples.KINDS:
            model = Forecaster.load(self.place / name)
            model.forecast([samples.fitting(model.manifest) or samples.signal_of(samples.KINDS[name])])
            read_signal(self.files[name], model.config.reading)
            CliRunner().invoke(cli, ["inspect", str(self.place / name)])

    def rebase(self) -> None:
        """Count memory from here on: what many folders have left behind is told by itself."""
        settle()
        held = _memory("VmRSS")
        self.report.most("MB held after the mutations", (held - self.rss) / 1024)
        self.rss = held

    def mutation(self, seed: int, n: int) -> None:
        """Make the mutation `n`, and try it."""
        rng = random.Random(f"{seed}/{n}")
        kind = rng.choice(list(samples.KINDS))
        contents, model = edits.mutated(self.contents[kind], rng), self.place / "model"
        lay_out(model, contents, self.place / "elsewhere", genuine=data_name(self.contents[kind][MANIFEST]))
        self.report.counts["mutations"] += 1
        self.attempt(model, f"mutation {n} ({kind})", kind, rng)
        shutil.rmtree(model)

    def attempt(self, model: Path, where: str, kind: str, rng: random.Random) -> bool:
        """Load `model` and, if the gate lets it pass, use it; say whether it was refused."""
        loaded, told = self.guarded(lambda: bundle.load(model), (model, where), "to load")
        if loaded is None:
            self.report.counts["refused"] += told is not None
            self.check_message(told, where)
            return told is not None
        self.report.counts["loaded"] += 1
        self._use(model, where, (kind, loaded.manifest, rng))
        return False

    def _use(self, model: Path, where: str, given: tuple[str, Manifest, random.Random]) -> None:
        kind, manifest, rng = given
        signals = [samples.fitting(manifest) or samples.signal_of(samples.KINDS[kind])]
        horizon = rng.choice([None, 1, min(300, 3 * manifest.window.n_input + 1)])
        made, told = self.guarded(lambda: self._forecast(model, signals, horizon), (model, where), "to forecast")
        if manifest.config.reading != self.manifests[kind].config.reading:
            reading, file = manifest.config.reading, self.files[kind]
            self.report.counts["read by its options"] += 1
            self.guarded(lambda: read_signal(file, reading), (file, where), "to read")
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

    def guarded(self, work: Any, place: tuple[Path, str], what: str) -> tuple[Any, ForecasterError | None]:
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

    def check_message(self, told: ForecasterError | None, where: str) -> None:
        """Count a refusal whose words are no message."""
        if told is not None and not (str(told).isprintable() and len(str(told)) <= MESSAGE_LIMIT and told.hint):
            self.report.bad("tracebacks", where, f"a message that is no message: {str(told)[:100]!r}")


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
        arrays += [one.mean, *([one.probabilities] if isinstance(one, SymbolForecast) else [])]
        arrays += [side[:steps] for band in one.bands.values() if band is not None for side in band]
    return all(np.isfinite(array).all() for array in arrays)


def _weight(model: Path) -> int:
    """Return the bytes of the weights in a folder."""
    return sum(one.lstat().st_size for one in model.rglob("*.safetensors") if one.lstat().st_size < 2**32)


def settle() -> None:
    """Give back to the system what is free already: what the next folder takes is to be seen."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        ctypes.CDLL("libc.so.6").malloc_trim(0)


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
