"""Programs under each of OpenBLAS' kernels: a process takes one when it starts.

`python -m tests.kernels` runs the tests that compare bytes (`-m bits`) under each of them. A kernel that this
processor does not have, or that computes wrongly here, is skipped and named.
"""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import pytest

KERNELS = ("Haswell", "SkylakeX", "Zen", "Sandybridge")

PROBE = """
import numpy as np
import threadpoolctl

in_use = [pool["architecture"] for pool in threadpoolctl.threadpool_info() if pool["internal_api"] == "openblas"]
rng = np.random.default_rng(0)
a, b = rng.integers(-9, 10, (33, 70)), rng.integers(-9, 10, (70, 41))
exact = [[sum(int(x) * int(y) for x, y in zip(row, column)) for column in b.T] for row in a]
right = all((a.astype(kind) @ b.astype(kind)).tolist() == exact for kind in (np.float32, np.float64))
print(in_use[0] if in_use else "none", "right" if right else "wrong")
"""
"""Prints the kernel in use, and whether one product in each precision equals that of Python's whole numbers."""


def environment_of(kernel: str) -> dict[str, str]:
    """Return the environment in which a new process takes `kernel`."""
    return os.environ | {"OPENBLAS_CORETYPE": kernel}


def printed(program: str, kernel: str) -> str:
    """Run `program` under a kernel, and return what it prints; skip the test where nothing can be said of it."""
    if reason := why_not(kernel):
        pytest.skip(f"{kernel}: {reason}")
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment_of(kernel), capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout.strip()


@cache
def why_not(kernel: str) -> str:
    """Return why nothing can be said of `kernel` on this machine, or ""."""
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=environment_of(kernel), capture_output=True, text=True, check=False)
    if done.returncode:
        return f"a process under it ends with exit code {done.returncode}"
    in_use, product = done.stdout.split()
    if in_use.casefold() != kernel.casefold():
        return f"this processor runs {in_use} in its place"
    return "" if product == "right" else "it computes a product wrongly here"


def main() -> int:
    """Run the tests that compare bytes under every kernel; return 1 if one of them fails anywhere."""
    failed, tried = [], []
    for kernel in KERNELS:
        if reason := why_not(kernel):
            print(f"\n-- {kernel}: skipped, {reason}", flush=True)
            continue
        print(f"\n-- {kernel}", flush=True)
        tried.append(kernel)
        command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-m", "bits and not slow"]
        if subprocess.run(command, env=environment_of(kernel), check=False).returncode:
            failed.append(kernel)
    print(f"\nbytes compared under {', '.join(tried) or 'no kernel'}; failed under {', '.join(failed) or 'none'}")
    return bool(failed) or not tried


if __name__ == "__main__":
    sys.exit(main())
