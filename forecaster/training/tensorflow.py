"""Importing TensorFlow without its dozen lines on standard error."""

from __future__ import annotations

import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from forecaster import installing
from forecaster.errors import TrainingError, UsageError


def check_tensorflow() -> None:
    """Raise UsageError if TensorFlow is not installed; it is not imported, which would take seconds."""
    if importlib.util.find_spec("tensorflow") is None:
        raise UsageError("Training a network needs TensorFlow, which is not installed.", hint=_hint())


def _hint() -> str:
    install = installing.command(installing.TENSORFLOW)
    return f"Install it with: {install}. Forecasting, evaluating and predictors in closed form work without it."


def tensorflow() -> Any:
    """Import and return TensorFlow; UsageError if it is not installed, TrainingError if it cannot be imported.

    What it prints while it is imported goes to a temporary file, and is shown only if the
    import fails.
    """
    check_tensorflow()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    try:
        with stderr_aside():
            import tensorflow

            tensorflow.constant(0.0)
            # Several networks in one process are several functions: no reason to warn of tracing.
            tensorflow.get_logger().setLevel("ERROR")
    except ImportError as error:
        raise TrainingError(
            f"Training a network needs TensorFlow, which cannot be imported ({error}).", hint=_hint()
        ) from None
    return tensorflow


@contextmanager
def stderr_aside() -> Iterator[None]:
    """Send file descriptor 2 to a temporary file, and back; show the file if an exception passes."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        kept = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            yield
        except Exception:  # an interruption is none of its doing
            os.dup2(kept, 2)
            log.seek(0)
            os.write(2, log.read()[-4000:])
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
