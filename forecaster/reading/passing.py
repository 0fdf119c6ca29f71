"""One pass over all bytes of an input, beside the parser: the hash, and what is not plain text."""

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
QUEUED = 8
BATCH = 16


@dataclass
class Facts:
    """What one pass over all bytes found out."""

    sha256: str = ""
    nul: bool = False
    quotes: bool = False
    bad_byte: int | None = None


class Tap:
    """A file that pandas reads: every chunk is looked at as it passes, and hashed, `beside` it in a thread.

    So the bytes that are hashed are the bytes that are parsed, and they are read once. What is
    found goes into `facts`, bytes that are not UTF-8 only where the file is to be `utf8`.
    """

    def __init__(self, file: IO[bytes], facts: Facts, *, utf8: bool, beside: bool) -> None:
        self._file, self._facts, self._offset = file, facts, 0
        self._pending = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")() if utf8 else None
        self._hash, self._batch = hashlib.sha256(), list[bytes]()
        self._chunks: queue.Queue[list[bytes]] | None = queue.Queue(QUEUED) if beside else None
        self._thread: threading.Thread | None = None
        if self._chunks is not None:
            self._thread = threading.Thread(target=self._digest, args=(self._chunks,), daemon=True)
            self._thread.start()

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines: pandas asks that a file can, and never does it."""
        return iter(self._file)

    def skip(self, lines: int) -> None:
        """Pass over the first lines, whatever ends them."""
        while lines > 0 and (chunk := self.read(HEAD_BYTES)):
            if chunk.endswith(b"\r"):
                chunk += self.read(1)
            at = 0
            for end in LINE_END.finditer(chunk):
                lines, at = lines - 1, end.end()
                if lines == 0:
                    self._pending = chunk[at:]
                    break

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if self._pending:
            some = self._pending if size < 0 else self._pending[:size]
            self._pending = self._pending[len(some) :]
            return some
        chunk, facts = self._file.read(size), self._facts
        facts.nul = facts.nul or b"\0" in chunk
        facts.quotes = facts.quotes or b'"' in chunk
        if self._decoder is not None and facts.bad_byte is None:
            facts.bad_byte = _bad_in(self._decoder, chunk, self._offset)
        self._offset += len(chunk)
        if self._chunks is None:
            self._hash.update(chunk)
        else:
            self._batch.append(chunk)
            if len(self._batch) >= BATCH:  # few hand-overs: each costs the parser the interpreter's lock
                self._chunks.put(self._batch)
                self._batch = []
        return chunk

    def close(self) -> None:
        """Leave the file open: what pandas did not read is still to be hashed."""

    def digest(self) -> str:
        """Return the SHA-256 of what was read, once all is."""
        if self._chunks is not None and self._thread is not None:
            self._chunks.put(self._batch)
            self._chunks.put([])
            self._thread.join()
        self._file.close()
        return self._hash.hexdigest()

    def _digest(self, chunks: queue.Queue[list[bytes]]) -> None:
        while batch := chunks.get():
            for chunk in batch:
                self._hash.update(chunk)


class Watch:
    """Passes over all bytes of a file in a thread, beside the C reader: the hash, and what is not plain text."""

    def __init__(self, opened: Callable[[], IO[bytes]], facts: Facts) -> None:
        self._opened, self._facts, self._hash = opened, facts, hashlib.sha256()
        self._thread = threading.Thread(target=self._pass, daemon=True)
        self._thread.start()

    def digest(self) -> str:
        """Return the SHA-256, once every byte is seen."""
        self._thread.join()
        return self._hash.hexdigest()

    def _pass(self) -> None:
        facts, offset = self._facts, 0
        decoder = codecs.getincrementaldecoder("utf-8")()
        with self._opened() as file:
            while chunk := file.read(CHUNK_BYTES):
                self._hash.update(chunk)
                facts.nul = facts.nul or b"\0" in chunk
                facts.quotes = facts.quotes or b'"' in chunk
                if facts.bad_byte is None:
                    facts.bad_byte = _bad_in(decoder, chunk, offset)
                offset += len(chunk)


def _bad_in(decoder: codecs.IncrementalDecoder, chunk: bytes, offset: int) -> int | None:
    """Return the place of the first byte that is not UTF-8; ASCII chunks need no decoding."""
    pending = len(decoder.getstate()[0])
    if chunk.isascii() and not pending:
        return None
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError as error:
        return offset - pending + error.start
    return None
