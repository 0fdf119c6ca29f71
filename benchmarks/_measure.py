"""What the benchmarks share: contenders in processes of their own, alternating runs, medians, tables.

A contender is a function that prepares its work and returns what is to be timed. Each lives in
a process of its own, so that no library's threads or memory burden another's; the runs take
turns, so that a busy machine burdens all alike. Nothing here is imported that a bare
interpreter with NumPy does not have: torch may live in an environment of its own.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("numpy", "pandas", "tensorflow", "keras", "torch")
ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")

Run = Callable[[], "dict[str, float] | None"]
Make = Callable[[Path, bool], Run]


@dataclass
class Result:
    """What a contender measured: `runs` in order, or the reason that there are none."""

    runs: list[dict[str, float]] = field(default_factory=list)
    missing: str = ""

    def of(self, key: str = "seconds") -> list[float]:
        """Return one measure of every run."""
        return [run[key] for run in self.runs]

    def median(self, key: str = "seconds") -> float:
        """Return the median of one measure; NaN if there were no runs."""
        return statistics.median(self.of(key)) if self.runs else float("nan")

    def spread(self, key: str = "seconds", scale: float = 1.0) -> str:
        """Return the least and the greatest of one measure as text."""
        return f"{number(min(self.of(key)) * scale)} to {number(max(self.of(key)) * scale)}" if self.runs else ""


# --- the script ---------------------------------------------------------------------------


def arguments(doc: str, rounds: int) -> argparse.Namespace:
    """Read the command line that all benchmarks share."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes and one round: shows that it works")
    parser.add_argument("--rounds", type=int, default=rounds, help="runs of each contender (default: %(default)s)")
    parser.add_argument("--torch-python", default=sys.executable, metavar="PYTHON", help="interpreter that has torch")
    parser.add_argument("--threads", type=int, metavar="N", help="threads of every library (default: as each chooses)")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rounds = 1 if options.quick else max(1, options.rounds)
    return options


def main(
    doc: str,
    contenders: Mapping[str, Make],
    report: Callable[[dict[str, Result], Path, bool], None],
    *,
    prepare: Callable[[Path, bool], None] | None = None,
    rounds: int = 5,
) -> None:
    """Measure all `contenders` in turns and print what `report` makes of it; or be one of them."""
    options = arguments(doc, rounds)
    if options.contender:
        serve(contenders[options.contender], options.work, options.quick)
        return
    heading(doc)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        if prepare is not None:
            prepare(work, options.quick)
        results, versions = take_turns(list(contenders), work, options)
        threads = f"{options.threads} thread(s)" if options.threads else "threads as each library chooses"
        print(f"{options.rounds} alternating run(s) each, medians; {threads}; {versions}\n")
        report(results, work, options.quick)


def heading(doc: str) -> None:
    """Say what is measured, and on what."""
    print(f"{doc.strip()}\n\n{machine()}; Python {platform.python_version()}", flush=True)


def machine() -> str:
    """Describe the machine: cores, the processor's vendor, the system.

    >>> "core" in machine()
    True
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    vendor = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        found = next(line.split(":")[1].strip() for line in lines if line.startswith("vendor_id"))
        vendor = {"AuthenticAMD": "AMD", "GenuineIntel": "Intel"}.get(found, found)
    except (OSError, StopIteration):
        pass
    return f"{cores} core(s) ({vendor}), {platform.system()} {platform.machine()}"


def versions() -> dict[str, str]:
    """Return the versions of those libraries that this process has loaded."""
    return {name: metadata.version(name) for name in PACKAGES if name in sys.modules}


# --- the contenders' processes --------------------------------------------------------------


def take_turns(names: Sequence[str], work: Path, options: argparse.Namespace) -> tuple[dict[str, Result], str]:
    """Start a process for each contender, let each run once a round, and end them."""
    workers = {name: Worker(name, work, options) for name in names}
    results = {name: Result(missing=worker.missing) for name, worker in workers.items()}
    for _ in range(options.rounds):
        for name, worker in workers.items():
            if not worker.missing:
                results[name].runs.append(worker.run())
    seen: dict[str, str] = {}
    for worker in workers.values():
        seen |= worker.end()
    return results, ", ".join(f"{name} {seen[name]}" for name in PACKAGES if name in seen)


class Worker:
    """A contender in a process of its own: it says when it is ready, then runs once for each line it is sent."""

    def __init__(self, name: str, work: Path, options: argparse.Namespace) -> None:
        python = options.torch_python if name.startswith("torch") else sys.executable
        command = [python, os.path.abspath(sys.argv[0]), "--contender", name, "--work", str(work)]
        command += ["--quick"] if options.quick else []
        self.log = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the process)
        environment = (
            os.environ | ENVIRONMENT | (dict.fromkeys(THREADS, str(options.threads)) if options.threads else {})
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.log}
        self.process = subprocess.Popen(command, text=True, env=environment, **pipes)
        self.missing = str(self.hear().get("missing", ""))

    def hear(self) -> dict[str, Any]:
        """Return the next message of the process; its errors, if it has died."""
        line = self.process.stdout.readline()
        if line:
            return json.loads(line)
        self.process.wait()
        self.log.seek(0)
        raise SystemExit(f"A contender failed:\n{self.log.read().decode(errors='replace')[-3000:]}")

    def run(self) -> dict[str, float]:
        """Run once."""
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self.hear()

    def end(self) -> dict[str, str]:
        """End the process; return the versions that it had loaded."""
        if self.missing:
            self.process.communicate()
            return {}
        answer, _ = self.process.communicate("end\n")
        return json.loads(answer)


def serve(make: Make, work: Path, quick: bool) -> None:
    """Be a contender: prepare, then run at each line on stdin. What libraries print goes to stderr."""
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        run = make(work, quick)
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": f"{error.name}: not installed"}), file=channel)
        return
    print(json.dumps({}), file=channel)
    for line in sys.stdin:
        if line.strip() != "run":
            break
        began = time.perf_counter()
        measured = run() or {}
        print(json.dumps({"seconds": time.perf_counter() - began, **measured}), file=channel)
    print(json.dumps(versions()), file=channel)


def afresh(run: Run) -> Run:
    """Let every run happen in a copy of the process that ends with it: none profits from memory left by another."""

    def copied() -> dict[str, float]:
        out, into = os.pipe()
        process = os.fork()
        if process == 0:
            memory, began = Memory(), time.perf_counter()
            more = run() or {}
            measured = {"seconds": time.perf_counter() - began, "extra_mb": memory.extra_mb(), **more}
            os.write(into, json.dumps(measured).encode())
            os._exit(0)
        os.close(into)
        with os.fdopen(out) as pipe:
            text = pipe.read()
        os.waitpid(process, 0)
        return json.loads(text)

    return copied


# --- memory ---------------------------------------------------------------------------------


class Memory:
    """The peak of this process's resident memory from here on, beyond what it holds now."""

    def __init__(self) -> None:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak so far
        self.before = _status("VmRSS")

    def extra_mb(self) -> float:
        """Return the peak since, in MB beyond what was held."""
        return max(0.0, _status("VmHWM") - self.before)


def _status(key: str) -> float:
    """Return an entry of /proc/self/status in MB; the peak of the whole process where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return float(next(line.split()[1] for line in lines if line.startswith(key))) * 1024 / 1e6
    except (OSError, StopIteration):
        return _mb(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def child(command: Sequence[str]) -> dict[str, float]:
    """Run `command` to its end in the source folder: wall time and processor time in s, peak resident memory in MB."""
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | ENVIRONMENT, cwd=ROOT)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        said = log.read().decode(errors="replace")[-3000:]
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{said}")
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "peak_mb": _mb(usage.ru_maxrss)}


def _mb(maxrss: int) -> float:
    """Turn ru_maxrss, kB on Linux and bytes on macOS, into MB."""
    return maxrss / 1e6 if sys.platform == "darwin" else maxrss * 1024 / 1e6


# --- signals, files and tables ----------------------------------------------------------------


def rotor(rows: int, seed: int = 0) -> Any:
    """Return a signal of two sines and noise, (rows,) float32."""
    import numpy as np

    phase = np.arange(rows) * (2 * np.pi / 416.5)
    noise = np.random.default_rng(seed).normal(0, 0.3, rows)
    return (np.sin(phase) + 0.5 * np.sin(2.03 * phase) + noise).astype(np.float32)


def write_column(path: Path, rows: int) -> None:
    """Write a CSV of one column and `rows` rows; beyond a million the same million comes again."""
    block = min(rows, 10**6)
    text = "".join(f"{value:.4f}\n" for value in rotor(block).tolist())
    with path.open("w") as file:
        file.write("acceleration (m/s^2)\n")
        for _ in range(rows // block):
            file.write(text)


def number(value: float) -> str:
    """Write a measure with three digits.

    >>> number(0.012345), number(12345.6)
    ('0.0123', '12,346')
    """
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str | float]]) -> None:
    """Print an aligned table that Markdown understands too; numbers to the right."""
    cells = [[cell if isinstance(cell, str) else number(cell) for cell in row] for row in rows]
    widths = [max(len(row[k]) for row in [list(header), *cells]) for k in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    for row in (list(header), rule, *cells):
        first, *rest = (cell.ljust(widths[k]) if k == 0 else cell.rjust(widths[k]) for k, cell in enumerate(row))
        print("| " + " | ".join([first, *rest]) + " |")
