"""What all tests share: one TensorFlow thread a worker, and small signals."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from forecaster import synthesis

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def shared() -> Path:
    """The folder of real recordings; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the recordings are not here")
    return SHARED


@pytest.fixture
def sine() -> np.ndarray:
    """A sine of period 20 with a little noise, (600, 1)."""
    t = np.arange(600)
    noise = np.random.default_rng(0).normal(0, 0.05, len(t))
    return (np.sin(2 * np.pi * t / 20) + noise)[:, None]


@pytest.fixture(scope="session")
def sine_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file `sine.csv`: 1500 rows of a sine at 100 Hz, for the tests to read and not to change."""
    path = tmp_path_factory.mktemp("signals") / "sine.csv"
    path.write_bytes(synthesis.to_csv("sine", 1500, 100.0, 1))
    return path
