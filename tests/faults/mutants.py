"""Mutation testing: does a test fail when one operator, constant, condition, return or argument is changed?

    python -m tests.faults.mutants --module windows --count 150 --seed 1
    python -m tests.faults.mutants --module bundle --only 'forecaster/bundle/commit.py:77:412.0'

Of all mutants of a module a random sample is taken, each file by its share. pytest collects the module's test
files once; then each mutant gets a forked process, in which the functions that it changes get their new code,
and which runs the tests that reach the changed line, the quickest first, until one fails. Each result is one
line of `--results`; what is there already is not run again, so a stopped run goes on where it was.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import json
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.faults import mutant_process, operators
from tests.faults.operators import Mutant

ROOT = Path(__file__).resolve().parents[2]
LEAST = 0.8
DOC = "test_docstrings.py"

MODULES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "reading": (
        ("forecaster/reading/**/*.py",),
        (
            "test_reading*.py",
            "test_symbols_reading.py",
            "test_formats.py",
            "test_docs_reading.py",
            "test_faults_bad_files.py",
            DOC,
        ),
    ),
    "windows": (
        ("forecaster/signal/windows.py", "forecaster/signal/context.py"),
        ("test_windows.py", "test_splits.py", "test_evaluation_spectra.py", "test_origins.py", DOC),
    ),
    "evaluation": (
        ("forecaster/evaluation/*.py",),
        ("test_evaluation*.py", "test_metrics.py", "test_backtest.py", "test_symbols_predictors.py", DOC),
    ),
    "bundle": (("forecaster/bundle/*.py",), ("test_bundle*.py", DOC)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a sample of mutants and print the score; 1 if a module has less than four in five killed."""
    options = _parser().parse_args(arguments)
    results = Path(options.results)
    results.mkdir(parents=True, exist_ok=True)
    scores = [_module(name, options, results) for name in options.module or MODULES]
    if options.only:
        return 0
    for stale in _stale():
        print(f"judged equivalent, but the code is gone: {stale}", file=sys.stderr)
    print(table(scores))
    return int(any(score["score"] < LEAST for score in scores))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", choices=sorted(MODULES))
    parser.add_argument("--count", type=int, default=150, help="mutants of each module (150)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", action="append", help="one mutant by its name, as the results list it")
    parser.add_argument("--results", default="mutants", metavar="FOLDER")
    return parser


def _module(name: str, options: argparse.Namespace, results: Path) -> dict:
    """Run the part of a module's sample that has no result yet, and count."""
    every = [mutant for path in files(name) for mutant in operators.of_file(ROOT, path)]
    if options.only:
        chosen = [mutant for mutant in every if mutant.name in options.only]
    else:
        chosen = sample(every, options.count, options.seed)
    log = results / f"{name}-{'only' if options.only else options.seed}.jsonl"
    known = {} if options.only else _known(log)
    left = [mutant for mutant in chosen if mutant.name not in known]
    if left:
        tests = [str(path) for pattern in MODULES[name][1] for path in sorted((ROOT / "tests").glob(pattern))]
        mutant_process.run(left, tests, log, jobs=options.jobs)
    known = _known(log)
    return count(name, len(every), [known[mutant.name] for mutant in chosen if mutant.name in known])


def files(name: str) -> list[str]:
    """List a module's files, from the root."""
    found = [path for pattern in MODULES[name][0] for path in sorted(ROOT.glob(pattern))]
    return [path.relative_to(ROOT).as_posix() for path in found]


def sample(mutants: list[Mutant], count: int, seed: int) -> list[Mutant]:
    """Draw `count` mutants, each file by its share and at least one, in a random order."""
    rng = random.Random(seed)
    by_file = collections.defaultdict(list)
    for mutant in mutants:
        by_file[mutant.path].append(mutant)
    drawn = []
    for path in sorted(by_file):
        share = max(1, round(count * len(by_file[path]) / len(mutants)))
        drawn += rng.sample(by_file[path], min(share, len(by_file[path])))
    rng.shuffle(drawn)
    return drawn


def _known(log: Path) -> dict[str, dict]:
    """Read the results so far; a line counts only while its file is what it was."""
    if not log.exists():
        return {}
    lines = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    return {line["name"]: line for line in lines if line["digest"] == digest(line["name"].partition(":")[0])}


def digest(path: str) -> str:
    """Give a short hash of a file of the package."""
    return hashlib.sha256((ROOT / path).read_bytes()).hexdigest()[:16]


def equivalent() -> dict[str, str]:
    """Read the mutants that a person judged to change nothing observable, by what they change, with the reason."""
    path = Path(__file__).with_name("equivalent_mutants.json")
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _stale() -> list[str]:
    """List the judgements of mutants that there are no more."""
    every = [one for name in MODULES for path in files(name) for one in operators.of_file(ROOT, path)]
    known = {key({"name": one.name, "scope": one.scope, "text": one.text}) for one in every}
    return sorted(set(equivalent()) - known)


def count(module: str, every: int, results: list[dict]) -> dict:
    """Count results: killed, timed out (killed too), survived, and of those the equivalent ones."""
    judged = equivalent()
    outcomes = collections.Counter(result["outcome"] for result in results)
    same = sum(result["outcome"] == "survived" and key(result) in judged for result in results)
    killed = outcomes["killed"] + outcomes["timeout"]
    return {
        "module": module,
        "mutants": every,
        "sampled": len(results),
        "killed": outcomes["killed"],
        "timeouts": outcomes["timeout"],
        "survived": outcomes["survived"],
        "equivalent": same,
        "raw": killed / max(1, len(results)),
        "score": killed / max(1, len(results) - same),
    }


def key(result: dict) -> str:
    """Name what a mutant changes without its line's number, so that a judgement outlives an edit elsewhere."""
    return f"{result['name'].partition(':')[0]} {result['scope']}: {result['text']}"


def table(scores: list[dict]) -> str:
    """Lay the counts out."""
    head = ("module", "mutants", "sampled", "killed", "timeouts", "survived", "equivalent", "raw", "score")
    rows = [[f"{100 * s[h]:.1f} %" if h in {"raw", "score"} else str(s[h]) for h in head] for s in scores]
    return "\n".join("  ".join(cell.rjust(10) for cell in row) for row in [list(head), *rows])


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
