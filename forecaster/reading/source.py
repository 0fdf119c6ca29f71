"""The bytes of one input: opened safely, hashed while they are parsed, refused if they are not text."""

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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

from forecaster.reading.refusal import RefusalError

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


# Enough of the head for the first lines of most files: the rest of it is decoded only if they are long.
SHORT_HEAD_BYTES = 1 << 13
# Files up to this size are held in memory.
SMALL_BYTES = 1 << 22
# A longer line is no row of numbers, and would fill the memory.
LINE_CHARACTERS = 1 << 22

# How files of other kinds begin, what they are, and what to do with them.
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
    (b"\xff\xd8\xff", "a picture", ""),
    (b"GIF8", "a picture", ""),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "Unpack it first."),
    (b"Rar!\x1a\x07", "a RAR archive", "Unpack it first."),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV."),
)
MARKUP = (
    (b"<!doctype html", "a web page", "Was the download an error page?"),
    (b"<html", "a web page", "Was the download an error page?"),
    (b"<?xml", "an XML document", "Export its table as CSV."),
    (b"version https://git-lfs", "a Git LFS pointer", "Fetch the file that it stands for: git lfs pull."),
)
ENCODINGS = "such as utf-8, utf-16, latin-1"
# The marks of UTF-32 come first: that of UTF-16 is how they begin.
UTF32_BOMS = ((codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"))
UTF16_BOMS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass
class Source:
    """The bytes of one input: `data` if they are few or came by a pipe, else they are read from `path`.

    `head` holds the first bytes, `facts` what the pass over all of them showed.
    """

    path: str
    encoding: str
    head: bytes
    size: int
    data: bytes | None
    facts: StreamFacts = field(default_factory=StreamFacts)
    identity: tuple[int, ...] = ()
    stream: HashedStream | None = None
    background: BackgroundHash | None = None
    text: IO[str] | None = None

    def for_parser(self, skip_lines: int) -> tuple[Any, int]:
        """Return what pandas shall read, and how many first lines it shall skip."""
        # The C reader takes a path much faster than an open file, while a thread hashes the same bytes.
        if self._goes_by_path(skip_lines):
            self.background = BackgroundHash(self.binary, self.facts)
            return os.path.abspath(self.path), skip_lines
        # Otherwise the first lines are skipped here: pandas would look for quotes in lines that
        # it skips, and skip more for an open one.
        if self.encoding != "utf-8":
            text = io.TextIOWrapper(self.binary(), encoding=self.encoding, newline=None)
            for _ in range(skip_lines):
                text.readline()
            self.text = text
            return text, 0
        self.stream = self._hashed_stream()
        self.stream.skip(skip_lines)
        return self.stream, 0

    def _goes_by_path(self, skip_lines: int) -> bool:
        """Return whether pandas may open the file itself: it is large, and nothing is special about its start."""
        if self.data is not None or self.encoding != "utf-8" or self.head.startswith(codecs.BOM_UTF8):
            return False
        pieces = self.head.split(b"\n", skip_lines)
        return len(pieces) > skip_lines and b'"' not in self.head[: len(self.head) - len(pieces[-1])]

    def _hashed_stream(self) -> HashedStream:
        return HashedStream(self.binary(), self.facts, utf8=self.encoding == "utf-8", threaded=self.data is None)

    def sha256(self) -> str:
        """Return the hash of all bytes, after reading those that no parser has read yet."""
        if self.background is not None:
            background, self.background = self.background, None
            self.facts.sha256 = background.digest()
            if _identity(os.stat(self.path)) != self.identity:
                raise RefusalError("changed while it was read", path=self.path, advice="Read it again when it rests.")
        if not self.facts.sha256:
            stream = self.stream or self._hashed_stream()
            while stream.read(CHUNK_BYTES):
                pass
            self.facts.sha256 = stream.digest()
        return self.facts.sha256

    def finish(self) -> StreamFacts:
        """Return what all bytes showed. Raises RefusalError if they are no text in the encoding."""
        self.sha256()
        if self.encoding == "utf-8" and (self.facts.nul or self.facts.bad_byte is not None):
            raise _not_utf8(self)
        return self.facts

    def close(self) -> None:
        """End the hashing thread and close the file, however far the reading came."""
        if self.text is not None:
            self.text.close()
        if self.background is not None:
            self.background.digest()
        if self.stream is not None and not self.facts.sha256:
            self.stream.digest()

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

    def head_lines(self, fewest: int) -> list[str]:
        """Return at least `fewest` lines of the head if it has them, the last one only if it is whole."""
        short = self.head[:SHORT_HEAD_BYTES]
        head = short if self.encoding == "utf-8" and short.count(b"\n") > fewest else self.head
        is_whole_file = len(head) >= self.size
        try:
            text = codecs.getincrementaldecoder(self.encoding)().decode(head, is_whole_file)
        except UnicodeError as error:
            raise self.undecodable(error) from None
        text = text.removeprefix("\ufeff")
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        lines = text.split("\n")
        if not is_whole_file or lines[-1] == "":
            lines.pop()
        return lines

    def last_lines(self, most_bytes: int) -> list[str]:
        """Return the lines of the last `most_bytes` bytes; the first of them may lack its start."""
        with self.binary() as file:
            file.seek(max(0, self.size - most_bytes))
            text = file.read().decode(self.encoding, errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")

    def starts_with(self, text: str) -> bool:
        """Return whether the text begins with `text`, behind a byte order mark or not."""
        return self.head[:1024].decode(self.encoding, errors="ignore").removeprefix("\ufeff").startswith(text)

    def undecodable(self, error: UnicodeError) -> RefusalError:
        """Return the refusal of bytes that the encoding does not have."""
        if self.encoding == "utf-8":
            self.facts.bad_byte = getattr(error, "start", 0)
            return _not_utf8(self)
        fix = {"encoding": "utf-8"} if _decodes(self.head, "utf-8") else {}
        return RefusalError(f"the bytes are not {self.encoding}: {error}", path=self.path, fix=fix)


def open_source(path: str, encoding: str | None) -> Source:
    """Open `path` ("-" is standard input). Raises RefusalError for what is no regular file, or empty."""
    chosen = _known_encoding(encoding, path)
    if path == "-":
        # A program may be started without a standard input.
        data = b"" if sys.stdin is None else sys.stdin.buffer.read()
        source = Source(path, chosen, data[:HEAD_BYTES], len(data), data)
    else:
        source = _open_file(path, chosen)
    if source.size == 0:
        raise RefusalError("the file is empty", path=path, expected="rows of numbers")
    return source


def _open_file(path: str, encoding: str) -> Source:
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to must not hang.
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
    size = status.st_size if data is None else len(data)
    return Source(path, encoding, head, size, data, identity=_identity(status))


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """Return what changes when a file is written to or replaced."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _known_encoding(encoding: str | None, path: str) -> str:
    try:
        info = codecs.lookup(encoding or "utf-8")
    except (LookupError, ValueError):
        raise RefusalError(f"{encoding!r} is not an encoding", path=path, expected=ENCODINGS) from None
    if not getattr(info, "_is_text_encoding", True):
        raise RefusalError(f"{encoding!r} is not a text encoding", path=path, expected=ENCODINGS)
    return "utf-8" if info.name in ("utf-8", "utf-8-sig", "ascii") else info.name


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeError:
        return False
    return True


def refuse_binary(source: Source) -> None:
    """Raise RefusalError for what is no text, or text in another encoding."""
    _refuse_other_kinds(source)
    head = source.head
    if source.encoding != "utf-8":
        return
    for bom, name in (*UTF32_BOMS, *UTF16_BOMS):
        if head.startswith(bom):
            raise RefusalError(
                f"starts with the mark of {name.upper()}",
                path=source.path,
                line=1,
                expected="UTF-8",
                fix={"encoding": name},
            )
    if head.startswith(codecs.BOM_UTF8 * 2):
        raise RefusalError(
            "starts with two marks of UTF-8",
            path=source.path,
            line=1,
            expected="one mark, or none",
            advice="Take one out: it would be part of the first name or number.",
        )
    if b"\0" in head[:4096]:
        raise _nul(source)


def _refuse_other_kinds(source: Source) -> None:
    """Raise RefusalError for a file that begins like one of another kind."""
    head = source.head
    for magic, kind, advice in MAGIC:
        # A workbook is a zip archive of XML files.
        if head.startswith(magic) and magic.startswith(b"PK") and (b"xl/" in head or b"[Content_Types]" in head[:200]):
            problem = "is an Excel workbook (.xlsx), not text"
            raise RefusalError(problem, path=source.path, expected="a CSV file", advice="Save the sheet as CSV.")
        if head.startswith(magic):
            raise RefusalError(f"is {kind}, not text", path=source.path, expected="a CSV file", advice=advice)
    for begin, kind, advice in MARKUP:
        if head[:256].removeprefix(codecs.BOM_UTF8).lstrip().lower().startswith(begin):
            raise RefusalError(
                f"is {kind}, not a table", path=source.path, line=1, expected="a CSV file", advice=advice
            )


def _nul(source: Source) -> RefusalError:
    """Return the refusal of NUL bytes, which tells UTF-16 without a mark from a binary file."""
    head = source.head[: 4096 if len(source.head) >= 4096 else len(source.head) // 2 * 2]
    even, odd = head[::2].count(0), head[1::2].count(0)
    for zeros, other_zeros, name in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if zeros > 0.7 * len(head) / 2 and other_zeros < 0.1 * len(head) / 2 and _decodes(source.head, name):
            problem = f"every other byte is NUL: the text looks like {name.upper()}"
            return RefusalError(problem, path=source.path, line=1, expected="UTF-8", fix={"encoding": name})
    return RefusalError(
        "holds NUL bytes: it is a binary file, or it was damaged",
        path=source.path,
        line=_line_of_nul(source),
        expected="a text file",
        advice="Export the signal as CSV.",
    )


def _line_of_nul(source: Source) -> int:
    line = 1
    with source.binary() as file:
        while chunk := file.read(CHUNK_BYTES):
            before, nul, _ = chunk.partition(b"\0")
            line += before.count(b"\n")
            if nul:
                break
    return line


def _not_utf8(source: Source) -> RefusalError:
    """Return the refusal of the first byte that is not UTF-8, with its line and the likely encoding."""
    if source.facts.bad_byte is None:
        return _nul(source)
    line, value = 1, 0
    with source.binary() as file:
        remaining = source.facts.bad_byte
        while remaining > 0 and (chunk := file.read(min(remaining, CHUNK_BYTES))):
            line, remaining = line + chunk.count(b"\n"), remaining - len(chunk)
        value = (file.read(1) or b"\0")[0]
    problem = f"the byte 0x{value:02x} is not UTF-8; in Latin-1 it is {bytes([value]).decode('latin-1')!r}"
    return RefusalError(problem, path=source.path, line=line, expected="UTF-8", fix={"encoding": "latin-1"})
