"""Run the commands of `runs.py` with a checkout: `python tests/golden/make.py CHECKOUT FOLDER [NAME...]`.

Each output is a file in FOLDER.

What no two runs have in common is the same in all of them: the signal and the model are copied into a folder for this
run, where they are called by relative names, with a fixed time of change, which `forecast`'s manifest tells. In what a
command prints the seconds that a training took are put to 0. Nothing else is changed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

SECONDS = re.compile(rb'"seconds": [0-9.]+')
CHANGED = 1_700_000_000


def main() -> None:
    """Run all commands, or those that are named."""
    checkout, folder, *names = sys.argv[1:]
    target = Path(folder).resolve()
    sys.path.insert(0, str(Path(checkout).resolve()))
    sys.argv = ["forecaster"]  # what the commands call themselves where they suggest another
    from runs import RUNS

    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        copy(Path(checkout), Path(place))
        os.chdir(place)
        for name in names or RUNS:
            for output, content in outputs(RUNS[name].words, RUNS[name].files).items():
                (target / f"{name}.{output}").write_bytes(content)
        os.chdir(target)
    (target / "platform.json").write_text(json.dumps(platform(), indent=1) + "\n")


def copy(checkout: Path, place: Path) -> None:
    """Copy the shipped signal and the shipped model."""
    for name in ("data", "models"):
        shutil.copytree(checkout / name, place / name)
    for path in place.rglob("*"):
        os.utime(path, (CHANGED, CHANGED))


def outputs(words: list[str], files: tuple[str, ...]) -> dict[str, bytes]:
    """Run a command; return what it printed, as "stdout", and the files that it wrote."""
    from click.testing import CliRunner

    from forecaster.commands.group import cli

    shutil.rmtree("out", ignore_errors=True)
    Path("out").mkdir()
    result = CliRunner().invoke(cli, words, prog_name="forecaster")
    assert result.exit_code == 0, result.output
    printed = {"stdout": SECONDS.sub(b'"seconds": 0', result.stdout_bytes)} if result.stdout_bytes else {}
    return printed | {Path(name).name: written(name) for name in files}


def written(name: str) -> bytes:
    """Return a file under `out`; one of a model lies in its data directory, whose name tells the time of day."""
    path = Path("out", name)
    if path.parent.name == "model":
        (path,) = path.parent.glob(f"data-*/{path.name}")
    return path.read_bytes()


def platform() -> dict[str, object]:
    """Return what the bits depend on: the versions, and the kernels of BLAS that were in use."""
    import numpy as np
    import scipy
    import scipy.linalg  # loads its BLAS
    from threadpoolctl import threadpool_info

    kernels = sorted({library.get("architecture") or "" for library in threadpool_info() if is_blas(library)})
    return {"numpy": np.__version__, "scipy": scipy.__version__, "kernels": kernels}


def is_blas(library: dict[str, object]) -> bool:
    """Tell a BLAS from other libraries with threads."""
    return library["user_api"] == "blas"


if __name__ == "__main__":
    main()
