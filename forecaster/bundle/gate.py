"""The gate: a model folder is read, or refused, before anything is built from it.

The folder may come from a stranger. It is walked by directory handles, no symbolic link is
followed, nothing but regular files of bounded size is read, and each file is read once into
the one buffer that is hashed and parsed. Only these files are opened::

    MODEL/model.json
    MODEL/data-<hash of model.json>/  tensors.safetensors  history.csv  metrics.json  README.md
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from forecaster.bundle import tensors as tensor_file
from forecaster.bundle.card import parse_card
from forecaster.bundle.manifest import FILES, FORMAT, Manifest, data_name
from forecaster.bundle.scores import History, parse_history, parse_metrics
from forecaster.bundle.strict_json import parse, refused, validated
from forecaster.bundle.tensors import Tensors
from forecaster.errors import ModelError, printable
from forecaster.files import FOLDER_FLAGS, kind_of, reason_of

MANIFEST = "model.json"
MAX_MANIFEST = 2**20
# Objects and lists in model.json: its files and predictors, and their parameters.
MAX_RECORDS = 10_000
MAX_TEXTS = {"history.csv": 3 * 2**19, "metrics.json": 12 * 2**18, "README.md": 2**18}
# O_NONBLOCK: opening a pipe that took the place of a file must not wait for its writer.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
# So many writers may commit, one after the other, while one reader reads.
MAX_RETRIES = 20
# Files of other libraries, which run code or take all memory when those libraries load them.
UNSAFE = (".keras", ".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".onnx")
NAME_THE_FOLDER = "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."


@dataclass(frozen=True)
class Loaded:
    """A model folder that passed the gate.

    `tensors` are read-only, by their names in the file ("ridge/kernel", "intervals/quantiles").
    `texts` are the other files by name; `metrics` and `history` are two of them, parsed.
    `sha256` of model.json identifies the whole model, since it holds the hash of every file.
    """

    manifest: Manifest
    tensors: Tensors
    texts: dict[str, str]
    metrics: list[dict[str, Any]] = field(default_factory=list)
    history: History = field(default_factory=list)
    sha256: str = ""

    def tensors_of(self, predictor: str) -> Tensors:
        """Return the tensors of one predictor, under the names that it gave them."""
        prefix = f"{predictor}/"
        return {name.removeprefix(prefix): tensor for name, tensor in self.tensors.items() if name.startswith(prefix)}


class VanishedError(Exception):
    """A file that model.json names is gone: a writer may have committed in between."""


def load(path: Path | str) -> Loaded:
    """Read the model folder `path`, checking everything.

    Raises: ModelError, saying what was found in which file, what was expected and what to do.
    """
    with _opened_model(path) as folder:
        content = _read_manifest(folder, path)
        for _ in range(1 + MAX_RETRIES):
            try:
                return _load(folder, content, str(path))
            except VanishedError as error:
                vanished = error
            # The writer that removed the data has put a new model.json in place: that one is read now.
            latest = _read_manifest(folder, path)
            if latest == content:
                break
            content = latest
    message = f"no {vanished}, the data that belongs to this {MANIFEST}"
    raise refused(str(path), message, f"a {MANIFEST} that was not edited, with its data beside it")


def parse_manifest(buffer: bytes, where: str) -> Manifest:
    """Return the manifest in `buffer`, the content of the file `where`.

    Raises: ModelError.
    """
    document = parse(buffer, where, objects=MAX_RECORDS)
    if not isinstance(document, dict):
        raise refused(where, "JSON that is no object", "a manifest of format 1")
    if document.get("format") != FORMAT:
        hint = "A newer version of forecaster may read it; or train the model again."
        raise refused(where, f"format {printable(repr(document.get('format')), 40)}", f"format {FORMAT}", hint=hint)
    return validated(Manifest, document, where)


def check_files(manifest: Manifest, files: dict[str, bytes], specs: tensor_file.Specs, where: str) -> Loaded:
    """Check the content of the four files against their manifest, the tensors against `specs`, and parse them.

    Raises: ModelError.
    """
    for name in FILES:
        sha256 = hashlib.sha256(files[name]).hexdigest()
        if sha256 != manifest.files[name]:
            raise refused(f"{where}/{name}", f"the sha256 {sha256[:16]}...", f"{manifest.files[name][:16]}...")
    tensors = tensor_file.parse_tensors(files["tensors.safetensors"], specs, f"{where}/tensors.safetensors")
    tensor_file.check_values(manifest, tensors, f"{where}/tensors.safetensors")
    history = parse_history(files["history.csv"], f"{where}/history.csv")
    metrics = parse_metrics(files["metrics.json"], f"{where}/metrics.json")
    parse_card(files["README.md"], f"{where}/README.md")
    texts = {name: files[name].decode() for name in FILES[1:]}
    return Loaded(manifest, tensors, texts, metrics, history)


def read_file(folder: int, name: str, limit: int, where: str) -> bytes:
    """Return the content of a regular file of at most `limit` bytes in the open `folder`, read once.

    Raises: ModelError, in which `where` is the folder's name; VanishedError if there is no such file.
    """
    place = f"{where}/{name}"
    try:
        # Anything but a file is not even opened: to open it can set off a device, or the writer of a pipe.
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        handle = os.open(name, FILE_FLAGS, dir_fd=folder) if stat.S_ISREG(status.st_mode) else None
    except FileNotFoundError:
        raise VanishedError(name) from None
    except OSError as error:
        raise refused(place, reason_of(error), "a regular file") from None
    if handle is None:
        raise refused(place, f"a {kind_of(status)}", "a regular file")
    try:
        return _read_regular(handle, limit, place)
    finally:
        os.close(handle)


def _read_regular(handle: int, limit: int, place: str) -> bytes:
    # Asked again of the handle: the name may have been given to something else before it was opened.
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        raise refused(place, f"a {kind_of(status)}", "a regular file")
    if status.st_size > limit:
        raise refused(place, f"{status.st_size} bytes", f"at most {limit}")
    content = _read(handle, status.st_size + 1)
    if len(content) != status.st_size:
        raise refused(place, "a size that changes while it is read", "a file that nobody writes to")
    return content


def _read(handle: int, limit: int) -> bytes:
    """Return up to `limit` bytes."""
    parts = []
    # The system reads at most 2 GB at once.
    while limit > 0 and (part := os.read(handle, min(limit, 2**30))):
        parts.append(part)
        limit -= len(part)
    # The one part as it is: joined, a file of 1 GB would stand twice in memory.
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _read_manifest(folder: int, path: Path | str) -> bytes:
    try:
        return read_file(folder, MANIFEST, MAX_MANIFEST, str(path))
    except VanishedError:
        raise refused(str(path), f"no {MANIFEST} any more") from None


def _load(folder: int, content: bytes, where: str) -> Loaded:
    """Read the data that belong to the `content` of model.json."""
    place = f"{where}/{MANIFEST}"
    manifest = parse_manifest(content, place)
    if manifest.files.keys() != set(FILES):
        raise refused(place, f"files {', '.join(sorted(manifest.files)) or 'none'}", ", ".join(FILES))
    specs = tensor_file.implied(manifest, place)
    limits = {FILES[0]: tensor_file.size_of(specs) + 64 * 1024, **MAX_TEXTS}
    name = data_name(content)
    files = _read_data(folder, name, limits, where)
    loaded = check_files(manifest, files, specs, f"{where}/{name}")
    return replace(loaded, sha256=hashlib.sha256(content).hexdigest())


def _read_data(folder: int, name: str, limits: dict[str, int], where: str) -> dict[str, bytes]:
    """Read the four files of the data directory `name`, each up to its limit; refuse any other file there."""
    place = f"{where}/{name}"
    try:
        handle = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        raise VanishedError(name) from None
    except OSError as error:
        raise refused(place, _obstacle(folder, name, error), "a folder") from None
    try:
        with os.scandir(handle) as entries:
            # Hidden files, which file browsers leave behind, are let through, and never opened.
            extra = next((e.name for e in entries if e.name not in FILES and not e.name.startswith(".")), None)
        if extra is not None:
            raise refused(place, f"the extra file {printable(extra, 80)!r}", f"only {', '.join(FILES)}")
        return {file: read_file(handle, file, limit, place) for file, limit in limits.items()}
    finally:
        os.close(handle)


def _obstacle(folder: int, name: str, error: OSError) -> str:
    """Return what stands in a folder's place: the kind of thing that has the name, or the system's reason."""
    with contextlib.suppress(OSError):
        kind = kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
        if kind not in ("file", "folder"):
            return f"a {kind}"
    return reason_of(error)


@contextlib.contextmanager
def _opened_model(path: Path | str) -> Iterator[int]:
    """Yield a handle of the folder that the user named; ModelError if it is none, or no model."""
    with contextlib.ExitStack() as stack:
        try:
            # A link in the name that the user gave is the user's own, and followed.
            status = Path(path).stat()
            if not stat.S_ISDIR(status.st_mode):
                raise _not_a_folder(path, kind_of(status))
            handle = os.open(path, FOLDER_FLAGS)
        except FileNotFoundError:
            hint = "Train one with 'forecaster train SIGNAL -o MODEL', or check the name."
            raise ModelError(f"There is no model at {printable(path, 400)}.", hint=hint) from None
        except (OSError, ValueError) as error:
            message = f"{printable(path, 400)} cannot be opened: {reason_of(error)}."
            raise ModelError(message, hint="Check the name.") from None
        stack.callback(os.close, handle)
        try:
            os.stat(MANIFEST, dir_fd=handle, follow_symlinks=False)
        except OSError:
            message = f"{printable(path, 400)} is a folder without {MANIFEST}: it is no model."
            raise ModelError(message, hint=NAME_THE_FOLDER) from None
        yield handle


def _not_a_folder(path: Path | str, kind: str) -> ModelError:
    suffix = Path(path).suffix.lower()
    risk = f" It was not opened: a {suffix} file can run code, or fill the memory, when it is loaded."
    message = f"{printable(path, 400)} is a {kind}; a model is a folder with a model.json."
    return ModelError(message + (risk if suffix in UNSAFE else ""), hint=NAME_THE_FOLDER)
