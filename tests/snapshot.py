"""What the reader makes of every file of the tests, word for word: `tests/reading.json` says it by test.

A test says what matters of a refusal; the snapshot holds all of it: the whole sentence, its line, column, and the
options that help, and of a file that reads its names, notes, axis and numbers. After a change that is meant:

    SNAPSHOT=write python -m pytest tests/test_reading*.py tests/test_symbols_reading.py tests/test_faults_bad_files.py

and the difference of the file shows what became of every message.
"""

from __future__ import annotations

import dataclasses
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecaster.reading import Reading, api

FILE = Path(__file__).with_name("reading.json")
# So many readings of a test are kept, and so much of each: fuzzing makes thousands.
MOST, LONGEST = 40, 600


class Recorder:
    """Listens to the reader while one test runs."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.heard = str(folder), []

    def listen(self, patch: pytest.MonkeyPatch) -> None:
        """Hear every reading, and every refusal as it is told, but not what a refusal tries before."""
        read, completed = api._read, api._with_tried_options
        trying = []

        def reading(*arguments: Any) -> Reading:
            result = read(*arguments)
            if not trying:
                self._add(summary(result))
            return result

        def refusing(*arguments: Any) -> Exception:
            trying.append(True)
            error = completed(*arguments)
            trying.clear()
            self._add(f"{type(error).__name__} {error}")
            return error

        patch.setattr(api, "_read", reading)
        patch.setattr(api, "_with_tried_options", refusing)

    def _add(self, text: str) -> None:
        if len(self.heard) < MOST:
            self.heard.append(text.replace(self.folder, "DIR")[:LONGEST])


def summary(reading: Reading) -> str:
    """Write a reading in one line: what a field holds by default is left out."""
    signal, dialect = reading.signal, reading.dialect
    changed = {
        **_changed(signal, "name", "path", "sha256", "channels", "recordings", "rows", "headers", "rate_error"),
        **_changed(dialect, "columns", "encoding", "delimiter", "decimal", "header", "skip_rows"),
        **_changed(reading.timing),
        **({"left_out": reading.dropped_columns} if reading.dropped_columns else {}),
    }
    written = f"{dialect.encoding} {dialect.delimiter!r} {dialect.decimal} {dialect.header:d} {dialect.skip_rows}"
    recordings = [[_changed(r.time), *map(plain, (r.line, r.values, r.future))] for r in signal.recordings]
    shown = json.dumps([changed, *recordings[:3]], ensure_ascii=False, default=repr)
    return f"{signal.rows} rows ({written}) {list(signal.channels)} {len(recordings)} {shown}"


def _changed(value: Any, *but: str) -> dict[str, Any]:
    fields = [field for field in dataclasses.fields(value) if field.name not in but]
    pairs = [(field, getattr(value, field.name)) for field in fields]
    return {
        field.name: plain(current) for field, current in pairs if current != field.default and current not in ((), 0)
    }


def plain(value: Any) -> Any:
    """Return data that JSON can hold: arrays by shape, first, last and a weighted sum, numbers to 9 digits."""
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | None) else repr(value)


def _array(value: np.ndarray) -> Any:
    flat = value.ravel()
    if value.dtype.kind not in "fiub" or not flat.size:
        return [list(value.shape), *map(str, flat[:3])]
    weighted = float(np.dot(flat.astype(float), np.arange(1, flat.size + 1)))
    return [list(value.shape), plain(float(flat[0])), plain(float(flat[-1])), plain(weighted)]


@cache
def stored() -> dict[str, list[str]]:
    """Read the snapshot."""
    return json.loads(FILE.read_text("utf-8")) if FILE.exists() else {}


def compare(name: str, heard: list[str]) -> None:
    """Compare with what is stored of a test, or store it."""
    if os.environ.get("SNAPSHOT") == "write":
        heard_by_test = {key: value for key, value in {**stored(), name: heard}.items() if value}
        FILE.write_text(json.dumps(dict(sorted(heard_by_test.items())), ensure_ascii=True, indent=0) + "\n", "utf-8")
        stored.cache_clear()
        return
    assert heard == stored().get(name, [])
