"""The hash of an input while the parser streams it, and whether its bytes are plain UTF-8 text.

The bytes that are hashed are the bytes that are parsed, and they are read once.
"""

from __future__ import annotations

import codecs
import hashlib
import queue
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO

HEAD_BYTES = 1 << 18
CHUNK_BYTES = 1 << 22
LINE_END = re.compile(rb"\r\n|\r|\n")
# How many batches of how many chunks may wait for the hashing thread.
QUEUED = 8
BATCH = 16


@dataclass
class StreamFacts:
    """What one pass over all bytes showed; `bad_byte` is the offset of the first byte that is not UTF-8."""

    sha256: str = ""
    nul: bool = False
    quotes: bool = False
    bad_byte: int | None = None

    def look_at(self, chunk: bytes, offset: int, decoder: codecs.IncrementalDecoder | None) -> None:
        """Note what stands in a chunk that begins at `offset`; a `decoder` looks for bytes that are not UTF-8."""
        self.nul = self.nul or b"\0" in chunk
        self.quotes = self.quotes or b'"' in chunk
        if decoder is None or self.bad_byte is not None:
            return
        pending = len(decoder.getstate()[0])
        # ASCII needs no decoding, unless the chunk before ended within a character.
        if chunk.isascii() and not pending:
            return
        try:
            decoder.decode(chunk)
        except UnicodeDecodeError as error:
            self.bad_byte = offset - pending + error.start


class HashedStream:
    """A file for pandas to read: every chunk is looked at and hashed on its way, in a thread if `threaded`.

    What is found goes into `facts`, bytes that are not UTF-8 only if the file is to be `utf8`.
    """

    def __init__(self, file: IO[bytes], facts: StreamFacts, *, utf8: bool, threaded: bool) -> None:
        self._file, self._facts, self._offset = file, facts, 0
        self._pending = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")() if utf8 else None
        self._hash, self._batch = hashlib.sha256(), list[bytes]()
        self._chunks: queue.Queue[list[bytes]] | None = queue.Queue(QUEUED) if threaded else None
        self._thread: threading.Thread | None = None
        if self._chunks is not None:
            self._thread = threading.Thread(target=self._hash_queued, args=(self._chunks,), daemon=True)
            self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines: pandas asks that a file can, and never does it."""
        return iter(self._file)

    def skip(self, lines: int) -> None:
        """Read past the first lines, whatever ends them."""
        while lines > 0 and (chunk := self.read(HEAD_BYTES)):
            # A carriage return at the end of a chunk may be half a line end.
            if chunk.endswith(b"\r"):
                chunk += self.read(1)
            for end in LINE_END.finditer(chunk):
                lines -= 1
                if lines == 0:
                    self._pending = chunk[end.end() :]
                    break

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if self._pending:
            piece = self._pending if size < 0 else self._pending[:size]
            self._pending = self._pending[len(piece) :]
            return piece
        chunk = self._file.read(size)
        self._facts.look_at(chunk, self._offset, self._decoder)
        self._offset += len(chunk)
        if self._chunks is None:
            self._hash.update(chunk)
        else:
            self._batch.append(chunk)
            # Hand over few, large batches: each costs the parser the interpreter's lock.
            if len(self._batch) >= BATCH:
                self._chunks.put(self._batch)
                self._batch = []
        return chunk

    def close(self) -> None:
        """Leave the file open: what pandas did not read is still to be hashed."""

    def digest(self) -> str:
        """Return the SHA-256 of what was read, and close the file."""
        if self._chunks is not None and self._thread is not None:
            self._chunks.put(self._batch)
            self._chunks.put([])
            self._thread.join()
        self._file.close()
        return self._hash.hexdigest()

    def _hash_queued(self, chunks: queue.Queue[list[bytes]]) -> None:
        while batch := chunks.get():
            for chunk in batch:
                self._hash.update(chunk)


class BackgroundHash:
    """A thread that hashes a file and looks at its bytes, while the C reader parses it from its path."""

    def __init__(self, opened: Callable[[], IO[bytes]], facts: StreamFacts) -> None:
        self._opened, self._facts, self._hash = opened, facts, hashlib.sha256()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def digest(self) -> str:
        """Return the SHA-256, once every byte is seen."""
        self._thread.join()
        return self._hash.hexdigest()

    def _run(self) -> None:
        offset, decoder = 0, codecs.getincrementaldecoder("utf-8")()
        with self._opened() as file:
            while chunk := file.read(CHUNK_BYTES):
                self._hash.update(chunk)
                self._facts.look_at(chunk, offset, decoder)
                offset += len(chunk)
