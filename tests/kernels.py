"""Programs under each of OpenBLAS' kernels: a process takes one when it starts."""

from __future__ import annotations

import os
import subprocess
import sys

KERNELS = ("Haswell", "SkylakeX", "Zen")


def printed(program: str, kernel: str) -> str:
    """Run `program` under a kernel, and return what it prints."""
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.strip()
