"""A file too large to hold goes to the parser by its path, while a thread hashes it: the same checks apply."""

import hashlib
import os

import numpy as np
import pytest

from forecaster.config import ReadingOptions
from forecaster.errors import SignalError
from forecaster.reading import read_signal
from forecaster.reading.source import SMALL_BYTES, BackgroundHash

ROWS = 600_000


@pytest.fixture(scope="module")
def values():
    return np.round(np.random.default_rng(0).normal(size=ROWS), 6)


@pytest.fixture
def large(tmp_path, values):
    path = tmp_path / "large.csv.gz"  # the name promises an archive; the content decides
    path.write_text("acceleration\n" + "\n".join(map(repr, values.tolist())) + "\n")
    assert path.stat().st_size > SMALL_BYTES
    return path


def test_values_and_hash_are_those_of_the_file(large, values):
    signal = read_signal(large, ReadingOptions())
    np.testing.assert_array_equal(signal.recordings[0].values[:, 0], values)
    assert signal.sha256 == hashlib.sha256(large.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("cell", "words"),
    [(b"1e400", "400002"), (b"0x1F", "400002"), (b"1,2", "400002"), (b"\xb0", "400002"), (b"", "400002")],
)
def test_a_bad_cell_far_down_is_named(large, cell, words):
    lines = large.read_bytes().split(b"\n")
    lines[400_001] = cell
    large.write_bytes(b"\n".join(lines))
    with pytest.raises(SignalError, match=words):
        read_signal(large, ReadingOptions())


def test_a_nul_far_down_is_refused(large):
    content = bytearray(large.read_bytes())
    content[3_000_000] = 0
    large.write_bytes(content)
    with pytest.raises(SignalError, match="NUL"):
        read_signal(large, ReadingOptions())


def test_a_file_that_changes_while_it_is_read_is_refused(large, monkeypatch):
    digest = BackgroundHash.digest

    def late(self):
        os.utime(large, (0, 0))
        return digest(self)

    monkeypatch.setattr(BackgroundHash, "digest", late)
    with pytest.raises(SignalError, match="changed while it was read"):
        read_signal(large, ReadingOptions())


def test_a_header_with_a_quote_in_it_eats_no_row(large, values):
    large.write_text('"acc ""x"""\n' + large.read_text().split("\n", 1)[1])
    np.testing.assert_array_equal(read_signal(large, ReadingOptions()).recordings[0].values[:, 0], values)
