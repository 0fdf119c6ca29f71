"""The commands whose output is kept, on the shipped signal and the shipped model."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEPT = HERE / "kept"
PINNED = {
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
"""What the bits depend on: the kernel of BLAS, and NumPy's own loops for AVX-512, which round otherwise."""


@dataclass(frozen=True)
class Run:
    """A command; what it prints is kept, and so are the `files` that it writes under `out`."""

    line: str
    files: tuple[str, ...] = ()
    slow: bool = False

    @property
    def words(self) -> list[str]:
        """The command's arguments."""
        return shlex.split(self.line)


MODEL, SIGNAL = "models/rotor", "data/rotor.csv"
SHORT = "--n-step 20 --n-input 50"
EXAMPLES = (
    "basic-rnn", "traditional-lstm", "lstm-build-up", "lstm-sigmoid-state",
    "gru", "weather", "activations", "vanishing-gradient",
)  # fmt: skip
RUNS: dict[str, Run] = {
    "predictors": Run("predictors --json"),
    "lecture": Run("lecture --json"),
    **{f"lecture-{name}": Run(f"lecture {name} --json") for name in EXAMPLES},
    "check": Run(f"check {SIGNAL} --json"),
    "inspect": Run(f"inspect {MODEL} --json"),
    "inspect-text": Run(f"inspect {MODEL}"),
    "evaluate-stored": Run(f"evaluate {MODEL} --json"),
    "evaluate": Run(f"evaluate {MODEL} {SIGNAL} -n 50 --json"),
    "evaluate-far": Run(
        f"evaluate {MODEL} {SIGNAL} -n 120 --stride 60 --level 80 --level 95 --json --forecasts out/scored.csv",
        ("scored.csv",),
    ),
    "forecast": Run(
        f"forecast {MODEL} {SIGNAL} -o out -n 300 --level 80 --level 95 --json",
        ("rotor.forecast.csv", "manifest.json"),
    ),
    "forecast-as-json": Run(f"forecast {MODEL} {SIGNAL} -o out --format json --json", ("rotor.forecast.json",)),
    **{
        f"synthesize-{kind}": Run(f"synthesize -o out/{kind}.csv --kind {kind} --rows 300", (f"{kind}.csv",))
        for kind in ("rotor", "sine", "walk")
    },
    "explain": Run(f"explain {MODEL} {SIGNAL} -o out --json", ("explanation.json",), slow=True),
    **{
        f"train-{name}": Run(
            f"train {SIGNAL} -o out/model --predictor {name} {SHORT} --json",
            ("model/tensors.safetensors", "model/metrics.json"),
            slow=True,
        )
        for name in ("ridge", "template-ridge")
    },
    "compare": Run(f"compare {SIGNAL} --predictors ridge,mean {SHORT} --json", slow=True),
}


def compute(checkout: Path, folder: Path, names: Iterable[str]) -> None:
    """Run commands of a checkout in a child process that has the kernel; their outputs are written into `folder`."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("FORECASTER_")}
    command = [sys.executable, str(HERE / "make.py"), str(checkout), str(folder), *names]
    done = subprocess.run(command, env=settings | PINNED, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
