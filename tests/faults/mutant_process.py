"""Runs mutants in forked processes of one pytest session that has collected its tests and imported the package."""

from __future__ import annotations

import ast
import contextlib
import gc
import hashlib
import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.faults import operators
from tests.faults.operators import Mutant

ROOT = Path(__file__).resolve().parents[2]
SLOWEST = 2.0  # CPU seconds: a test that takes longer is left out, and what it alone would notice counts as survived
MEMORY = 6 << 30  # bytes of address space a mutant may take
PASSED, FAILED = 0, 1
HEAVY = ("tensorflow", "keras", "tests", "forecaster", "conftest", "test_", "_pytest", "pytest")


def run(mutants: list[Mutant], tests: Sequence[str], log: Path, jobs: int) -> None:
    """Run mutants against the test files; one JSON line each is added to `log`."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = "1"
    for path in {mutant.path for mutant in mutants}:
        importlib.import_module(_module(path))
    plugins = [f"-pno:{name}" for name in ("cacheprovider", "xdist", "terminal")]
    status = pytest.main([*plugins, "-s", *tests], plugins=[_Session(mutants, log, jobs)])
    if status != pytest.ExitCode.OK:
        raise SystemExit(f"pytest could not collect the tests: {status!r}")


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


class _Session:
    """Takes the place of pytest's own loop over the collected tests."""

    def __init__(self, mutants: list[Mutant], log: Path, jobs: int) -> None:
        self.mutants, self.log, self.jobs = mutants, log, jobs
        self.running: dict[int, tuple[Mutant, Path, float, float]] = {}
        self.done = 0

    def pytest_sessionstart(self) -> None:
        import hypothesis  # a failing example is enough: it need not be the shortest, and none is kept

        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", database=None, phases=phases, deadline=None, derandomize=True)
        hypothesis.settings.load_profile("mutants")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Interrupted("a test file cannot be collected")
        self.items = session.items
        self.reach = _reach(session.items, sorted({m.path for m in self.mutants}), self.log.parent)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
        try:
            for mutant in self.mutants:
                while len(self.running) >= self.jobs:
                    self._reap()
                self._start(mutant)
            while self.running:
                self._reap()
        finally:
            for pid in self.running:
                os.killpg(pid, signal.SIGKILL)
        return True

    def _start(self, mutant: Mutant) -> None:
        chosen = self._tests(mutant)
        if not chosen:
            self._write(mutant, "survived", "no test reaches it", 0.0)
            return
        scratch = Path(tempfile.mkdtemp(prefix="mutant-"))
        cpu = min(60, 10 + 5 * sum(self.reach[item.nodeid]["seconds"] for item in chosen))
        pid = os.fork()
        if pid == 0:
            _child(scratch, int(cpu), lambda: _kill(mutant, chosen, scratch))
        self.running[pid] = (mutant, scratch, time.monotonic(), 120 + 10 * cpu)

    def _tests(self, mutant: Mutant) -> list[pytest.Item]:
        """Choose the tests that run a line of the mutant's statement, the quickest first."""
        first, last = mutant.lines
        import_time = "." not in mutant.scope and mutant.scope not in _functions(mutant.path)

        nowhere = not any(mutant.path in found["lines"] for found in self.reach.values())

        def reaches(lines: list[int]) -> bool:
            if import_time:  # a file that holds nothing but values is seen by whoever may import it
                return nowhere or bool(lines)
            return any(first <= line <= last for line in lines)

        known = [item for item in self.items if self.reach.get(item.nodeid, {"seconds": 99})["seconds"] < SLOWEST]
        chosen = [item for item in known if reaches(self.reach[item.nodeid]["lines"].get(mutant.path, []))]
        return sorted(chosen, key=lambda item: self.reach[item.nodeid]["seconds"])

    def _reap(self) -> None:
        """Wait for one process to end, or end those that wait for ever."""
        while True:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid in self.running:
                break
            for one, (_, _, start, limit) in self.running.items():
                if time.monotonic() - start > limit:
                    os.killpg(one, signal.SIGKILL)
            time.sleep(0.02)
        mutant, scratch, _, _ = self.running.pop(pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what the mutant's tests left running
        by = (scratch / "killer").read_text("utf-8") if (scratch / "killer").exists() else ""
        shutil.rmtree(scratch, ignore_errors=True)
        stopped = os.WIFSIGNALED(status) and os.WTERMSIG(status) in {signal.SIGXCPU, signal.SIGKILL}
        outcome = "timeout" if stopped else "survived" if status == PASSED else "killed"
        self._write(mutant, outcome, by, usage.ru_utime + usage.ru_stime)

    def _write(self, mutant: Mutant, outcome: str, by: str, seconds: float) -> None:
        line = {"name": mutant.name, "outcome": outcome, "operator": mutant.operator, "scope": mutant.scope}
        line |= {"text": mutant.text, "by": by, "seconds": round(seconds, 2), "digest": _digest(mutant.path)}
        with self.log.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.done += 1
        print(
            f"{self.done}/{len(self.mutants)} {outcome:9} {mutant.name} {mutant.scope}: {mutant.text}", file=sys.stderr
        )


def _digest(path: str) -> str:
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:16]


def _functions(path: str) -> set[str]:
    """Name the functions of a module itself."""
    module = importlib.import_module(_module(path))
    return {name for name, value in vars(module).items() if callable(value) and hasattr(value, "__code__")} | {
        name for name, value in vars(module).items() if hasattr(value, "__wrapped__")
    }


def _child(scratch: Path, cpu: int, work: Any) -> None:
    """Do work in this forked process, quietly, within bounds, and end it."""
    status = FAILED
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.environ["PYTEST_DEBUG_TEMPROOT"] = os.environ["TMPDIR"] = tempfile.tempdir = str(scratch)
        silence = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1, 2):
            os.dup2(silence, number)
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        status = work()
    finally:
        os._exit(status)


def _kill(mutant: Mutant, chosen: list[pytest.Item], scratch: Path) -> int:
    """Change the code and run tests until one fails."""
    from _pytest.runner import runtestprotocol

    (scratch / "killer").write_text("the change itself", "utf-8")
    apply(mutant)
    for item, following in zip(chosen, [*chosen[1:], None], strict=True):
        (scratch / "killer").write_text(item.nodeid, "utf-8")
        if any(report.failed for report in runtestprotocol(item, log=False, nextitem=following)):
            return FAILED
    (scratch / "killer").write_text("", "utf-8")
    return PASSED


def apply(mutant: Mutant) -> None:
    """Give the live functions of the mutant's file their changed code, or a module's name its changed value."""
    module = importlib.import_module(_module(mutant.path))
    tree = operators.mutated(ROOT, mutant)
    codes = {_place(code): code for code in _codes(compile(tree, module.__file__, "exec"))}
    old = vars(module).get(mutant.scope)
    for function in [one for one in gc.get_objects() if isinstance(one, FunctionType)]:
        if function.__code__.co_filename == module.__file__ and _place(function.__code__) in codes:
            function.__code__ = codes[_place(function.__code__)]
    if "." in mutant.scope or isinstance(old, FunctionType) or hasattr(old, "__wrapped__"):
        return
    _evaluate(tree, module, {mutant.scope})


def _evaluate(tree: ast.Module, module: ModuleType, names: set[str]) -> None:
    """Give the module's names their changed values, and those too whose values are made of them."""
    space = dict(vars(module))
    for statement in tree.body:
        targets = getattr(statement, "targets", None) or [getattr(statement, "target", None)]
        name, value = getattr(targets[0], "id", ""), getattr(statement, "value", None)
        used = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)} if value is not None else set()
        if name and (name in names or used & names):
            names = names | {name}
            exec(compile(ast.Module([statement], []), module.__file__ or "", "exec"), space)
            _rebind(name, vars(module)[name], space[name])


def _rebind(name: str, old: Any, new: Any) -> None:
    for module in [one for key, one in sys.modules.items() if key.startswith(("forecaster", "test"))]:
        if vars(module).get(name) is old:
            setattr(module, name, new)


def _place(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes(constant)


def _reach(items: list[pytest.Item], paths: list[str], folder: Path) -> dict[str, dict]:
    """Tell for each passing test its CPU seconds and the lines it runs; kept as long as sources and tests stand."""
    sources = hashlib.sha256(b"".join((ROOT / path).read_bytes() for path in paths)).hexdigest()
    found: dict[str, dict] = {}
    for test in sorted({item.path for item in items}):
        state = hashlib.sha256(sources.encode() + test.read_bytes()).hexdigest()[:16]
        cache = folder / f"reach-{test.stem}-{state}.json"
        if not cache.exists():
            _in_child(lambda test=test, cache=cache: _trace([i for i in items if i.path == test], paths, cache))
        record = json.loads(cache.read_text("utf-8"))
        found |= record["tests"]
        for name in record["modules"]:
            with contextlib.suppress(Exception):
                importlib.import_module(name)
    return found


def _in_child(work: Any) -> None:
    scratch = Path(tempfile.mkdtemp(prefix="mutant-"))
    pid = os.fork()
    if pid == 0:
        _child(scratch, 3600, work)
    os.waitpid(pid, 0)
    shutil.rmtree(scratch, ignore_errors=True)


def _trace(items: list[pytest.Item], paths: list[str], cache: Path) -> int:
    """Run tests unchanged, and write which lines of which of the files each one runs."""
    from _pytest.runner import runtestprotocol

    wanted = {str(ROOT / path): path for path in paths}
    lines: dict[str, set[int]] = {}

    def within(frame: FrameType, event: str, _: object) -> Any:
        lines.setdefault(wanted[frame.f_code.co_filename], set()).add(frame.f_lineno)
        return within

    def entered(frame: FrameType, event: str, _: object) -> Any:
        return within(frame, event, _) if frame.f_code.co_filename in wanted else None

    tests, modules = {}, set(sys.modules)
    threading.settrace(entered)
    for item, following in zip(items, [*items[1:], None], strict=True):
        lines.clear()
        start = time.process_time()
        sys.settrace(entered)
        reports = runtestprotocol(item, log=False, nextitem=following)
        sys.settrace(None)
        passed = all(report.passed for report in reports)
        if passed:
            reached = {path: sorted(numbers) for path, numbers in lines.items()}
            tests[item.nodeid] = {"seconds": round(time.process_time() - start, 3), "lines": reached}
        else:
            print(item.nodeid, [report.longreprtext for report in reports], file=sys.stderr)
    new = sorted(name for name in set(sys.modules) - modules if not name.startswith(HEAVY))
    left = sorted(item.nodeid for item in items if item.nodeid not in tests)
    cache.write_text(json.dumps({"modules": new, "left out": left, "tests": tests}), "utf-8")
    return PASSED
