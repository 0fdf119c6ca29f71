"""What all tests share: one TensorFlow thread a worker, and small signals."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from forecaster.signal import synthesis

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)

LISTENED = (
    "test_reading",
    "test_reading_calendar",
    "test_reading_checks",
    "test_reading_exact",
    "test_reading_future",
    "test_symbols_reading",
    "test_faults_bad_files",
)
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


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Write a text to a file as it is, line ends too; return its path."""

    def call(text: str) -> Path:
        path = tmp_path / "file.csv"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return call


@pytest.fixture(autouse=True)
def reading_as_stored(request: pytest.FixtureRequest) -> Iterator[None]:
    """Compare all that the tests of the reader read with the snapshot, beyond what each of them asserts."""
    module = request.module.__name__.rpartition(".")[2]
    skipped = {"shared", "monkeypatch"} & set(request.fixturenames) or request.node.get_closest_marker("slow")
    if module not in LISTENED or skipped or getattr(request.function, "is_hypothesis_test", False):
        yield
        return
    from tests.snapshot import Recorder, compare

    recorder = Recorder(request.getfixturevalue("tmp_path"))
    with pytest.MonkeyPatch.context() as patch:
        recorder.listen(patch)
        yield
    compare(f"{module}::{request.node.name}", recorder.heard)
