"""Random mutations of good model folders: every one is refused, or can be used; nothing is run, or opened outside.

    python -m tests.faults.mutations --count 100000 --seed 1 --workers 2

Each mutation starts from one of the folders of `samples`, is changed by one to four of `edits`, and
mostly has its hashes made true again, so that what lies behind them is reached. It goes through
the gate, and, where it passes, is restored and forecasts once. Then come the folders of `hostile`.
A count that should be zero and is not makes the exit code 1; `--only N` runs mutation N alone, with its traceback.
"""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.faults import hostile
from tests.faults.bench import Bench, settle
from tests.faults.command_line import told_by_the_command
from tests.faults.report import Report

HANG = 120
PARTS = 5
"""What a worker does in parts, so that it is seen how far it is."""


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
            crafted(bench, hostile.FOLDERS, command=True)
        return bench.report


def _hangs(*_: object) -> None:
    raise TimeoutError(f"no answer after {HANG} s")


def crafted(bench: Bench, names: Iterable[str], *, command: bool) -> None:
    """Try crafted folders, with `command` by the command line as well: none may pass.

    Another process makes them: what it takes to make one would blur what it takes to refuse it.
    """
    bench.rebase()
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as maker:
        for name in names:
            made = maker.submit(hostile.make, bench.place / "crafted" / "m", name, bench.place / "combination")
            _try(bench, name, made.result(), command=command)


def _try(bench: Bench, name: str, model: Path, *, command: bool) -> None:
    settle()
    bench.report.counts["crafted folders"] += 1
    if not bench.attempt(model, f"crafted {name!r}", "combination", random.Random(name)):
        bench.report.bad("not refused", name, "a crafted folder")
    if command:
        told = told_by_the_command(model, bench.files["combination"], bench.place / "crafted")
        bench.report.counts["given to the command"] += 1
        if told.complaint:
            bench.report.bad("tracebacks", f"the command and {name!r}", told.complaint)
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
        parts = chosen.workers * PARTS
        shares = [range(k, chosen.count, parts) for k in range(parts)]
        total = Report()
        with ProcessPoolExecutor(chosen.workers, mp_context=get_context("spawn")) as pool:
            for report in pool.map(run, shares, [chosen.seed] * len(shares), [share.start == 0 for share in shares]):
                total.add(report)
                print(f"{total.counts['mutations']:,} of {chosen.count:,}", file=sys.stderr, flush=True)
    print(total.text())
    return int(total.failed)


if __name__ == "__main__":
    sys.exit(main())
