"""Commands in forked children of a warm process: a run takes its own time, not the start of Python.

``python -m tests.faults.warm ARGUMENTS`` is the program as a process of its own, its clock frozen
as in the children, so that two runs of the same training give the same bytes.
"""

# ruff: noqa: E402
from __future__ import annotations

import os

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")  # before NumPy: a thread does not live through a fork

import contextlib
import select
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from click.testing import CliRunner

from forecaster import model
from forecaster.__main__ import main
from forecaster.batch import runner
from forecaster.bundle import record
from forecaster.commands.group import cli
from forecaster.files import TEMPORARY

ROOT = Path(__file__).resolve().parents[2]
MOMENT = "2025-01-31T12:00:00Z"
WINDOW = ("--predictor", "ridge", "--n-step", "3", "--n-input", "10", "--seed", "1")
EXITS = {-signal.SIGTERM: 143, -signal.SIGINT: 130, -signal.SIGKILL: 137}
Tree = dict[str, bytes | None]
Hook = Callable[[Callable[[], None]], None]


def freeze() -> None:
    """Let every model be made at the same moment."""
    record.now = lambda: MOMENT


@dataclass
class Child:
    """A command that runs, or ran, in a process of its own."""

    pid: int
    words: Path
    pipe: int
    gate: int

    def moment(self, timeout_s: float = 60) -> bool:
        """Wait until the child tells that it has come to the interesting part; False if it never did."""
        ready, _, _ = select.select([self.pipe], [], [], timeout_s)
        return bool(ready) and os.read(self.pipe, 1) == b"x"

    def release(self) -> None:
        """Let a child that was held begin."""
        os.close(self.gate)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal: it is our child and not waited for yet, so that its number cannot be another's."""
        os.kill(self.pid, number)

    def end(self) -> tuple[int, str]:
        """Wait for its end; return its exit code as a shell has it, and its words on stderr."""
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.pipe)
        said = self.words.read_text(errors="backslashreplace")
        self.words.unlink()
        return EXITS.get(code, code), said


def spawn(work: Callable[[Callable[[], None]], int], folder: Path, *, held: bool = False) -> Child:
    """Fork; run `work` in `folder`; it gets a function that tells the parent of its moment.

    With `held` the child waits to be released before it begins.
    """
    ours, theirs = os.pipe()
    gate, opener = os.pipe()
    handle, words = tempfile.mkstemp(prefix="words-")
    pid = os.fork()
    if pid:
        os.close(theirs)
        os.close(handle)
        os.close(gate)
        child = Child(pid, Path(words), ours, opener)
        if not held:
            child.release()
        return child
    code = 97
    try:
        os.close(ours)
        os.close(opener)
        os.dup2(handle, 2)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.chdir(folder)
        os.read(gate, 1)
        code = work(lambda: _tell(theirs))
    except KeyboardInterrupt:
        code = 130
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def _tell(pipe: int) -> None:
    with contextlib.suppress(OSError):  # it may be what a fault falls upon
        os.write(pipe, b"x")


def command(arguments: Sequence[object], hook: Hook | None = None) -> Callable[[Callable[[], None]], int]:
    """Return the work of running the command line, after `hook` was given the function that tells the moment."""

    def work(tell: Callable[[], None]) -> int:
        if hook is not None:
            hook(tell)
        else:
            tell()
        sys.argv = [str(ROOT / "cli.py"), *map(str, arguments)]
        try:
            main()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0
        return 0

    return work


def start(arguments: Sequence[object], folder: Path, *, hook: Hook | None = None, held: bool = False) -> Child:
    """Start a command in `folder`."""
    return spawn(command(arguments, hook), folder, held=held)


def run(arguments: Sequence[object], folder: Path, *, hook: Hook | None = None) -> tuple[int, str]:
    """Run a command to its end, undisturbed; return its exit code and its words."""
    return start(arguments, folder, hook=hook).end()


def must(arguments: Sequence[object], folder: Path, *, hook: Hook | None = None) -> float:
    """Run a command that has to end well; return how many seconds it took from its moment on."""
    child = start(arguments, folder, hook=hook)
    child.moment()
    began = time.monotonic()
    code, said = child.end()
    if code:
        raise RuntimeError(f"{arguments} ended with {code}: {said}")
    return time.monotonic() - began


def at_save(tell: Callable[[], None]) -> None:
    """Tell the moment when the model is handed to be written."""
    real = model.save

    def told(*arguments: object, **options: object) -> object:
        tell()
        return real(*arguments, **options)

    model.save = told


def at_save_together(tell: Callable[[], None]) -> None:
    """Save at the next full tenth of a second: two trainings then write at the same moment."""
    real = model.save

    def waited(*arguments: object, **options: object) -> object:
        time.sleep(0.1 - time.time() % 0.1)
        return real(*arguments, **options)

    model.save = waited
    tell()


def at_batch(tell: Callable[[], None]) -> None:
    """Tell the moment when the batch begins; let its chunks be small and its writer one."""
    runner.CHUNK_FILES, runner.WRITERS = 4, 1
    tell()


def warm(folder: Path, wanted: Container[str] = ("forecast",)) -> None:
    """Run the `wanted` commands once in this process, so that its children have all their modules.

    A model is trained in any case.
    """
    freeze()
    home = Path.cwd()
    os.chdir(folder)
    try:
        for line in (
            ["synthesize", "-o", "w.csv", "--kind", "sine", "--rows", "400"],
            ["train", "w.csv", "-o", "w", *WINDOW, "-q"],
            ["forecast", "w", "w.csv", "-o", "wf", "-q"],
            ["plot", "w", "w.csv", "-o", "wp", "--plot", "-q"],
            ["evaluate", "w", "w.csv", "--plot", "w.png", "--forecasts", "b.csv"],
            ["explain", "w", "w.csv", "-o", "we"],
            ["compare", "w.csv", "--predictors", "ridge", *WINDOW[2:], "--plot", "c.png"],
            ["lecture", "activations", "--plot", "l.png"],
        ):
            if line[0] not in ("synthesize", "train") and line[0] not in wanted:
                continue
            line[0] = line[0].replace("plot", "forecast")
            found = CliRunner().invoke(cli, line, prog_name="forecaster")
            if found.exit_code:
                raise RuntimeError(f"{line} ended with {found.exit_code}: {found.output}")
    finally:
        os.chdir(home)


def signals(folder: Path, count: int, rows: int = 60) -> None:
    """Write `count` small signals into `folder`, each another one."""
    from forecaster.signal import synthesis

    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"s{number:02}.csv").write_bytes(synthesis.to_csv("sine", rows, 1000.0, number))


def tree(folder: Path) -> Tree:
    """Return every file below `folder` by its path, folders as None."""
    found: Tree = {}
    for one in sorted(folder.rglob("*")):
        found[str(one.relative_to(folder))] = None if one.is_dir() else one.read_bytes()
    return found


def leftovers(found: Mapping[str, bytes | None]) -> list[str]:
    """Return the paths in a tree that a writer has left."""
    return [path for path in found if TEMPORARY in path]


def table(rows: Mapping[str, Mapping[str, int]]) -> str:
    """Lay out counts by name."""
    heads = list(dict.fromkeys(head for row in rows.values() for head in row))
    width = max([len(name) for name in rows] + [5])
    sizes = [max(len(head), 6) for head in heads]
    lines = [" ".join([" " * width, *(head.rjust(size) for head, size in zip(heads, sizes, strict=True))])]
    total = {head: sum(row.get(head, 0) for row in rows.values()) for head in heads}
    for name, row in [*rows.items(), ("total", total)]:
        cells = [str(row.get(head, 0)).rjust(size) for head, size in zip(heads, sizes, strict=True)]
        lines.append(" ".join([name.ljust(width), *cells]))
    return "\n".join(lines)


if __name__ == "__main__":
    freeze()
    main()
