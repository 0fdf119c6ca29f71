"""The bytes of one input: opened safely, hashed on the side, named if they are not text."""

from __future__ import annotations

import codecs
import hashlib
import io
import os
import queue
import re
import stat
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from forecaster.reading.refusal import RefusalError

HEAD_BYTES = 1 << 18
SHORT_HEAD_BYTES = 1 << 13
SMALL_BYTES = 1 << 22
CHUNK_BYTES = 1 << 20
LINE_END = re.compile(rb"\r\n|\r|\n")
QUEUED = 8
BATCH = 16
LINE_CHARACTERS = 1 << 22

MAGIC = (
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", "Save the sheet as CSV."),
    (b"PK\x03\x04", "a zip archive", "Unpack it first."),
    (b"\x1f\x8b", "a gzip archive", "Unpack it first."),
    (b"BZh", "a bzip2 archive", "Unpack it first."),
    (b"\xfd7zXZ", "an xz archive", "Unpack it first."),
    (b"\x28\xb5\x2f\xfd", "a zstandard archive", "Unpack it first."),
    (b"PAR1", "a Parquet file", "Write it as CSV first."),
    (b"ARROW1", "an Arrow file", "Write it as CSV first."),
    (b"%PDF", "a PDF document", "Export the table as CSV."),
    (b"\x89HDF", "an HDF5 (or MATLAB 7.3) file", "Write its arrays as CSV first."),
    (b"MATLAB 5.0", "a MATLAB file", "Write its arrays as CSV first (writematrix)."),
    (b"RIFF", "a WAV sound file", "Write its samples as CSV first."),
    (b"TDSm", "a LabVIEW TDMS file", "Export it as CSV or .lvm."),
    (b"\x93NUMPY", "a NumPy file", "Write it as CSV first (numpy.savetxt)."),
    (b"\x89PNG", "a picture", ""),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
)
ENCODINGS = "such as utf-8, utf-16, latin-1"
UTF_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
UTF16_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass
class Facts:
    """What one pass over all bytes found out."""

    sha256: str = ""
    nul: bool = False
    quotes: bool = False
    bad_byte: int | None = None


@dataclass
class Source:
    """One input: `data` is held where it is small or came by a pipe, else read from `path`."""

    path: str
    encoding: str
    head: bytes
    size: int
    data: bytes | None
    facts: Facts = field(default_factory=Facts)
    tap: Tap | None = None

    def parsed(self, skip_lines: int) -> Any:
        """Return what pandas shall read, behind the first lines: bytes, watched as they pass, or decoded text.

        pandas would look for quotes in lines that it skips, and skip more for an open one.
        """
        if self.encoding != "utf-8":
            text = io.TextIOWrapper(self.binary(), encoding=self.encoding, newline=None)
            for _ in range(skip_lines):
                text.readline()
            return text
        self.tap = Tap(self)
        self.tap.skip(skip_lines)
        return self.tap

    def finish(self) -> Facts:
        """Pass over the bytes that are still unread, then refuse what is not text in the encoding."""
        if not self.facts.sha256:
            tap = self.tap or Tap(self)
            while tap.read(CHUNK_BYTES):
                pass
            self.facts.sha256 = tap.digest()
        if self.encoding == "utf-8" and (self.facts.nul or self.facts.bad_byte is not None):
            raise _not_utf8(self)
        return self.facts

    def close(self) -> None:
        """End the hashing thread and close the file, however far the reading came."""
        if self.tap is not None and not self.facts.sha256:
            self.tap.digest()

    def binary(self) -> IO[bytes]:
        """Open the bytes from their start."""
        return open(self.path, "rb") if self.data is None else io.BytesIO(self.data)

    def lines(self) -> Iterator[str]:
        """Yield the lines without their ends, as an editor counts them; a line has a bounded length."""
        decoded = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
        with io.TextIOWrapper(self.binary(), encoding=decoded, newline=None) as text:
            number = 0
            while line := text.readline(LINE_CHARACTERS):
                number += 1
                if len(line) == LINE_CHARACTERS and not line.endswith("\n"):
                    raise RefusalError(f"a line of more than {LINE_CHARACTERS} characters", path=self.path, line=number)
                yield line.removesuffix("\n").removeprefix("\ufeff") if number == 1 else line.removesuffix("\n")

    def head_lines(self, wanted: int) -> list[str]:
        """Return at least `wanted` lines of the head if it has them, the last one only if it is whole."""
        short = self.head[:SHORT_HEAD_BYTES]
        head = short if self.encoding == "utf-8" and short.count(b"\n") > wanted else self.head
        whole = len(head) >= self.size
        try:
            text = codecs.getincrementaldecoder(self.encoding)().decode(head, whole)
        except UnicodeError as error:
            raise self.undecodable(error) from None
        text = text.removeprefix("\ufeff")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        if not whole or lines[-1] == "":
            lines.pop()
        return lines

    def undecodable(self, error: UnicodeError) -> RefusalError:
        """Return the refusal of bytes that the encoding does not have."""
        if self.encoding == "utf-8":
            self.facts.bad_byte = getattr(error, "start", 0)
            return _not_utf8(self)
        fix = {"encoding": "utf-8"} if _decodes(self.head, "utf-8") else {}
        return RefusalError(f"the bytes are not {self.encoding}: {error}", path=self.path, fix=fix)


def open_source(path: str, encoding: str | None) -> Source:
    """Open `path` ("-" is standard input); refuse what is no regular text file."""
    chosen = _known_encoding(encoding, path)
    if path == "-":
        data = sys.stdin.buffer.read()
        source = Source(path, chosen, data[:HEAD_BYTES], len(data), data)
    else:
        source = _open_file(path, chosen)
    if source.size == 0:
        raise RefusalError("the file is empty", path=path, expected="rows of numbers")
    _refuse_binary(source)
    return source


def _open_file(path: str, encoding: str) -> Source:
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                advice = "Give a file; for a pipe write - and send the data to standard input."
                raise RefusalError("is not a regular file", path=path, advice=advice)
            data = file.read() if status.st_size <= SMALL_BYTES else None
            head = file.read(HEAD_BYTES) if data is None else data[:HEAD_BYTES]
    except (OSError, ValueError) as error:
        if isinstance(error, IsADirectoryError):
            raise RefusalError("is a folder, not a file", path=path) from None
        raise RefusalError(f"cannot be opened: {getattr(error, 'strerror', None) or error}", path=path) from None
    return Source(path, encoding, head, status.st_size if data is None else len(data), data)


def _known_encoding(encoding: str | None, path: str) -> str:
    try:
        info = codecs.lookup(encoding or "utf-8")
    except (LookupError, ValueError):
        raise RefusalError(f"{encoding!r} is not an encoding", path=path, expected=ENCODINGS) from None
    if not getattr(info, "_is_text_encoding", True):
        raise RefusalError(f"{encoding!r} is not a text encoding", path=path, expected=ENCODINGS)
    return "utf-8" if info.name in ("utf-8", "utf-8-sig", "ascii") else info.name


class Tap:
    """A file that pandas reads: every chunk is looked at, and hashed in a thread, as it passes.

    So the bytes that are hashed are the bytes that are parsed, and they are read once.
    """

    def __init__(self, source: Source) -> None:
        self._file, self._facts, self._offset = source.binary(), source.facts, 0
        self._pending = b""
        self._decoder = codecs.getincrementaldecoder("utf-8")() if source.encoding == "utf-8" else None
        self._hash, self._batch = hashlib.sha256(), list[bytes]()
        self._chunks: queue.Queue[list[bytes]] | None = None if source.data is not None else queue.Queue(QUEUED)
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


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeError:
        return False
    return True


def _refuse_binary(source: Source) -> None:
    """Name files that are not text at all."""
    head = source.head
    for magic, what, todo in MAGIC:
        if head.startswith(magic) and magic.startswith(b"PK") and (b"xl/" in head or b"[Content_Types]" in head[:200]):
            found = "is an Excel workbook (.xlsx), not text"
            raise RefusalError(found, path=source.path, expected="a CSV file", advice="Save the sheet as CSV.")
        if head.startswith(magic):
            raise RefusalError(f"is {what}, not text", path=source.path, expected="a CSV file", advice=todo)
    if source.encoding != "utf-8":
        return
    for bom, name in (*UTF_BOMS, *UTF16_BOMS):
        if head.startswith(bom):
            raise RefusalError(
                f"starts with the mark of {name.upper()}",
                path=source.path,
                line=1,
                expected="UTF-8",
                fix={"encoding": name},
            )
    if b"\0" in head[:4096]:
        raise _nul(source)


def _nul(source: Source) -> RefusalError:
    """Tell UTF-16 without a mark from a binary file."""
    head = source.head[: 4096 if len(source.head) >= 4096 else len(source.head) // 2 * 2]
    even, odd = head[::2].count(0), head[1::2].count(0)
    for zeros, others, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > 0.7 * len(head) / 2 and others < 0.1 * len(head) / 2 and _decodes(source.head, name):
            found = f"every other byte is NUL: the text looks like {name.upper()}"
            return RefusalError(found, path=source.path, line=1, expected="UTF-8", fix={"encoding": name})
    found = "holds NUL bytes: it is a binary file, or it was damaged"
    return RefusalError(found, path=source.path, expected="a text file", advice="Export the signal as CSV.")


def _not_utf8(source: Source) -> RefusalError:
    """Name the first byte that is not UTF-8, its line, and the likely encoding."""
    if source.facts.bad_byte is None:
        return _nul(source)
    line, value = 1, 0
    with source.binary() as file:
        left = source.facts.bad_byte
        while left > 0 and (chunk := file.read(min(left, CHUNK_BYTES))):
            line, left = line + chunk.count(b"\n"), left - len(chunk)
        value = (file.read(1) or b"\0")[0]
    found = f"the byte 0x{value:02x} is not UTF-8; in Latin-1 it is {bytes([value]).decode('latin-1')!r}"
    return RefusalError(found, path=source.path, line=line, expected="UTF-8", fix={"encoding": "latin-1"})
