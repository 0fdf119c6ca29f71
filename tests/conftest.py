"""What all tests share: one TensorFlow thread a worker, and small signals."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

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
