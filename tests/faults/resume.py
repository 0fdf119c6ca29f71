"""Kills trainings at random moments, resumes them, and compares the weights with those of an undisturbed one.

    python -m tests.faults.resume --rounds 3 [--seed 0] [--only gru,auto]

Every network and every way to feed one is trained through the command line twice: undisturbed, and
killed (kill -9) at `--rounds` random moments and resumed after each. A moment lies a random time after
the first checkpoint that the resumed training has written itself, so that every kill has something to
destroy. Exits with 1 if a byte of the tensors differs, a command fails, or some kills found a training ended.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from forecaster import networks
from forecaster.bundle import load
from forecaster.bundle.checkpoint import PREFIX, STATE
from forecaster.bundle.manifest import FILES
from forecaster.errors import ForecasterError

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "[recipe]\nsteps = 600\nsteps_per_epoch = 20\nbatch = 32\npatience = 1000\n"
ATTEMPTS = 4
SIZES = ("--n-step", "5", "--n-input", "8")


@dataclass
class Case:
    """What is trained: a name, a file, and the command's further arguments."""

    name: str
    signal: str
    arguments: tuple[str, ...]


@dataclass
class Count:
    """What became of a case."""

    name: str
    kills: int = 0
    at: list[str] = field(default_factory=list)
    result: str = ""


def cases() -> list[Case]:
    """Return every network, and every variant of what one is fed or how it is trained."""
    made = []
    for name in networks.names():
        symbols = networks.task(name) == "symbols"
        sizes = ("--n-step", "10") if symbols else SIZES
        made.append(Case(name, "labels.csv" if symbols else "one.csv", ("--predictor", name, *sizes)))
    made += [
        Case("auto", "one.csv", SIZES),
        Case("auto direct", "one.csv", (*SIZES, "--horizon-mode", "direct")),
        Case("auto joint", "three.csv", (*SIZES, "--joint")),
        Case("gru exogenous", "three.csv", ("--predictor", "gru", *SIZES, "--column", "a", "--exogenous", "b")),
        Case("linear-lstm known", "three.csv", ("--predictor", "linear-lstm", *SIZES, "--column", "a", "--known", "c")),
        Case("basic-rnn joint", "three.csv", ("--predictor", "basic-rnn", *SIZES, "--joint")),
        Case("segment-gru direct", "one.csv", ("--predictor", "segment-gru", *SIZES, "--horizon-mode", "direct")),
        Case("state-space carried", "one.csv", ("--predictor", "state-space", *SIZES, "--carry-state")),
        Case("stacked-lstm lecture", "one.csv", ("--predictor", "stacked-lstm", *SIZES, "--recipe", "lecture")),
    ]
    return made


def write_signals(folder: Path) -> None:
    """Write the files that are trained on."""
    rng, t = np.random.default_rng(7), np.arange(1500)
    columns = [np.sin(t / (3 + k)) + 0.3 * rng.normal(size=len(t)) for k in range(3)]
    (folder / "one.csv").write_text("a\n" + "".join(f"{x:.6f}\n" for x in columns[0]))
    rows = zip(*columns, strict=True)
    (folder / "three.csv").write_text("a,b,c\n" + "".join(",".join(f"{x:.6f}" for x in row) + "\n" for row in rows))
    states = rng.choice(["on", "off", "fault"], size=len(t))
    (folder / "labels.csv").write_text("state\n" + "".join(f"{one}\n" for one in states))
    (folder / "settings.toml").write_text(SETTINGS)


def start(case: Case, folder: Path, model: str, *more: str) -> subprocess.Popen:
    """Start the command that trains a case."""
    command = [sys.executable, "-m", "forecaster", "train", str(folder / case.signal), "-o", str(folder / model)]
    command += [*case.arguments, "--config", str(folder / "settings.toml"), "--seed", "3", *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def until_training(process: subprocess.Popen) -> list[str]:
    """Wait until the training begins, or the command ends; return what it said."""
    said = []
    for line in process.stderr:
        said.append(line.strip())
        if line.startswith("training:"):
            break
    return said


def whole(case: Case, folder: Path) -> tuple[str, float]:
    """Train undisturbed; return the hash of the tensors and the seconds from the start of the training."""
    with start(case, folder, "whole") as process:
        until_training(process)
        began = time.monotonic()
        rest = process.stderr.read()
    if process.returncode:
        raise RuntimeError(rest[-500:])
    return tensors_of(folder / "whole"), time.monotonic() - began


def tensors_of(model: Path) -> str:
    """Return the hash of a model's tensors."""
    return hashlib.sha256((model / load(model).manifest.data_name / FILES[0]).read_bytes()).hexdigest()


def killed(process: subprocess.Popen, checkpoint: Path, delay: float) -> bool:
    """Kill a training some seconds after it has written a checkpoint; False if it has ended before."""
    before = stamp(checkpoint)
    while process.poll() is None and stamp(checkpoint) == before:
        time.sleep(0.01)
    try:
        process.wait(delay)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return True
    return False


def stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes whenever a file is replaced."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns


def disturbed(case: Case, folder: Path, delays: list[float], count: Count) -> str:
    """Train with a kill after each delay, resumed each time; return the hash of the tensors."""
    checkpoint, more = folder / f"{PREFIX}killed" / STATE, ()
    for delay in delays:
        with start(case, folder, "killed", *more) as process:
            hit = killed(process, checkpoint, delay)
            note(count, process.stderr.read())
        if not hit:
            break
        count.kills, more = count.kills + 1, ("--resume",)
    with start(case, folder, "killed", "--resume") as process:
        said = process.stderr.read()
    if process.returncode:
        raise RuntimeError(said[-500:])
    note(count, said)
    left = [one.name for one in folder.iterdir() if one.name.startswith(".forecaster")]
    return tensors_of(folder / "killed") if not left else f"left behind: {left}"


def note(count: Count, said: str) -> None:
    """Note where a training said that it goes on."""
    lines = [line.removeprefix("resume: ") for line in said.splitlines() if line.startswith("resume: ")]
    count.at += [line.replace(" goes on after step ", " ").replace(" is trained", " done") for line in lines]


def tried(case: Case, rounds: int, rng: random.Random) -> Count:
    """Run one case and say what became of it; where a training ended before a kill, earlier kills are tried."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_signals(folder)
        try:
            expected, seconds = whole(case, folder)
            for longest in (seconds / (rounds + 1) / 2**k for k in range(ATTEMPTS)):
                count = Count(case.name)
                found = disturbed(case, folder, [rng.uniform(0, longest) for _ in range(rounds)], count)
                count.result = "equal" if found == expected else f"UNEQUAL {found[:60]}"
                if count.kills == rounds or count.result != "equal":
                    break
                shutil.rmtree(folder / "killed")
        except (RuntimeError, ForecasterError) as error:
            return Count(case.name, result=f"FAILED: {str(error)[:200]}")
    return count


def main() -> int:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="kills in each training")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="names of cases, between commas")
    chosen = parser.parse_args()
    rng, wanted = random.Random(chosen.seed), set(filter(None, chosen.only.split(",")))
    print(f"{'case':<24}{'kills':>6}  {'weights':<10}resumed after", flush=True)
    counts = []
    for case in cases():
        if not wanted or case.name in wanted:
            counts.append(tried(case, chosen.rounds, rng))
            one = counts[-1]
            print(f"{one.name:<24}{one.kills:>6}  {one.result:<10}{'; '.join(one.at)}", flush=True)
    bad = [one for one in counts if one.result != "equal" or one.kills < chosen.rounds]
    kills = sum(one.kills for one in counts)
    print(f"{len(counts)} trainings, {kills} kills, {len(counts) - len(bad)} equal byte for byte, {len(bad)} not")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
