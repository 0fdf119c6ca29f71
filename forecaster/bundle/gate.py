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

from pydantic import ValidationError

from forecaster.bundle import tensors as tensor_file
from forecaster.bundle.card import parse_card
from forecaster.bundle.manifest import FILES, FORMAT, Manifest, data_name
from forecaster.bundle.scores import History, parse_history, parse_metrics
from forecaster.bundle.strict_json import first_error, parse, refused
from forecaster.bundle.tensors import Tensors
from forecaster.errors import ModelError, printable
from forecaster.files import kind_of

MANIFEST = "model.json"
MAX_MANIFEST = 2**20
MAX_RECORDS = 10_000
"""Objects and lists in model.json: its files and predictors, and their parameters."""
MAX_TEXTS = {"history.csv": 3 * 2**19, "metrics.json": 12 * 2**18, "README.md": 2**18}
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# O_NONBLOCK: opening a pipe that took the place of a file must not wait for its writer.
FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True)
class Loaded:
    """A model folder that passed the gate.

    `tensors` by their names in the file ("ridge/kernel", "intervals/quantiles"), read-only;
    `texts` the other files as text by name; `metrics` and `history` the same, parsed;
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
        return {name.removeprefix(prefix): one for name, one in self.tensors.items() if name.startswith(prefix)}


class VanishedError(Exception):
    """A file that model.json names is gone: perhaps a writer committed in between."""


def load(path: Path | str) -> Loaded:
    """Read the model folder `path`, checking everything.

    Raises: ModelError, saying what was found in which file, what was expected and what to do.
    """
    with _opened_model(path) as folder:
        first = _read_manifest(folder, path)
        try:
            return _load(folder, first, str(path))
        except VanishedError as gone:
            return _again(folder, first, path, gone)


def parse_manifest(buffer: bytes, where: str) -> Manifest:
    """Parse model.json strictly.

    Raises: ModelError.
    """
    found = parse(buffer, where, objects=MAX_RECORDS)
    if not isinstance(found, dict):
        raise refused(where, "JSON that is no object", "a manifest of format 1")
    if found.get("format") != FORMAT:
        hint = "A newer version of forecaster may read it; or train the model again."
        raise refused(where, f"format {printable(repr(found.get('format')), 40)}", f"format {FORMAT}", hint=hint)
    try:
        return Manifest.model_validate_json(buffer, strict=True)
    except ValidationError as error:
        raise refused(where, first_error(error, found)) from None


def check_files(manifest: Manifest, files: dict[str, bytes], specs: tensor_file.Specs, where: str) -> Loaded:
    """Check the content of the four files against their manifest, the tensors against `specs`, and parse them.

    Raises: ModelError.
    """
    for name in FILES:
        found = hashlib.sha256(files[name]).hexdigest()
        if found != manifest.files[name]:
            raise refused(f"{where}/{name}", f"the sha256 {found[:16]}...", f"{manifest.files[name][:16]}...")
    tensors = tensor_file.parse_tensors(files["tensors.safetensors"], specs, f"{where}/tensors.safetensors")
    history = parse_history(files["history.csv"], f"{where}/history.csv")
    metrics = parse_metrics(files["metrics.json"], f"{where}/metrics.json")
    parse_card(files["README.md"], f"{where}/README.md")
    texts = {name: files[name].decode() for name in FILES[1:]}
    return Loaded(manifest, tensors, texts, metrics, history)


def read_file(folder: int, name: str, limit: int, where: str) -> bytes:
    """Read a regular file of at most `limit` bytes in the open `folder`, whole and once.

    Raises: ModelError; `where` is the folder's name in it.
    """
    place = f"{where}/{name}"
    with _opened(folder, name, place) as handle:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise refused(place, f"a {kind_of(status)}", "a regular file")
        if status.st_size > limit:
            raise refused(place, f"{status.st_size} bytes", f"at most {limit}")
        content = _read(handle, status.st_size)
    if len(content) != status.st_size:
        raise refused(place, "a size that changes while it is read", "a file that nobody writes to")
    return content


def _load(folder: int, manifest_bytes: bytes, where: str) -> Loaded:
    place = f"{where}/{MANIFEST}"
    manifest = parse_manifest(manifest_bytes, place)
    if manifest.files.keys() != set(FILES):
        raise refused(place, f"files {', '.join(sorted(manifest.files)) or 'none'}", ", ".join(FILES))
    specs = tensor_file.implied(manifest, place)
    limits = {FILES[0]: tensor_file.size_of(specs) + 64 * 1024, **MAX_TEXTS}
    name = data_name(manifest_bytes)
    files = _read_data(folder, name, limits, where)
    checked = check_files(manifest, files, specs, f"{where}/{name}")
    return replace(checked, sha256=hashlib.sha256(manifest_bytes).hexdigest())


def _read_manifest(folder: int, path: Path | str) -> bytes:
    try:
        return read_file(folder, MANIFEST, MAX_MANIFEST, str(path))
    except VanishedError:
        raise refused(str(path), f"no {MANIFEST} any more") from None


def _again(folder: int, first: bytes, path: Path | str, gone: VanishedError) -> Loaded:
    """Try again with the model.json of the writer that won the race, if there was one, and so on with the next."""
    for _ in range(20):  # so many writers may commit, one after the other, while one reader reads
        latest = _read_manifest(folder, path)
        if latest == first:
            break
        first = latest
        try:
            return _load(folder, latest, str(path))
        except VanishedError as again:
            gone = again
    found = f"no {gone}, the data that belongs to this {MANIFEST}"
    raise refused(str(path), found, f"a {MANIFEST} that was not edited, with its data beside it") from None


def _read_data(folder: int, name: str, limits: dict[str, int], where: str) -> dict[str, bytes]:
    """Read the data directory `name`, and nothing else in it."""
    place = f"{where}/{name}"
    try:
        handle = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    except FileNotFoundError:
        raise VanishedError(name) from None
    except OSError as error:
        raise refused(place, _what(folder, name, error), "a folder") from None
    try:
        _check_names(handle, place)
        return {one: read_file(handle, one, limit, place) for one, limit in limits.items()}
    finally:
        os.close(handle)


def _check_names(handle: int, place: str) -> None:
    """Refuse any file beside the four; hidden ones, which file browsers leave, are never opened."""
    with os.scandir(handle) as entries:
        extra = next((one.name for one in entries if one.name not in FILES and not one.name.startswith(".")), None)
    if extra is not None:
        raise refused(place, f"the extra file {printable(extra, 80)!r}", f"only {', '.join(FILES)}")


@contextlib.contextmanager
def _opened_model(path: Path | str) -> Iterator[int]:
    """Open the folder that the user named; a link in that name is the user's own, and followed."""
    try:
        status = Path(path).stat()
        if not stat.S_ISDIR(status.st_mode):
            raise _no_folder(path, kind_of(status))
        handle = os.open(path, FOLDER_FLAGS)
    except FileNotFoundError:
        hint = "Train one with 'forecaster train SIGNAL -o MODEL', or check the name."
        raise ModelError(f"There is no model at {printable(path, 400)}.", hint=hint) from None
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{printable(path, 400)} cannot be opened: {_reason(error)}.", hint="Check the name."
        ) from None
    try:
        _check_is_model(handle, path)
        yield handle
    finally:
        os.close(handle)


def _check_is_model(handle: int, path: Path | str) -> None:
    try:
        os.stat(MANIFEST, dir_fd=handle, follow_symlinks=False)
    except OSError:
        hint = "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
        raise ModelError(f"{printable(path, 400)} is a folder without {MANIFEST}: it is no model.", hint=hint) from None


def _no_folder(path: Path | str, kind: str) -> ModelError:
    """Say why a file is not opened at all."""
    suffix = Path(path).suffix.lower()
    unsafe = suffix in (".keras", ".h5", ".hdf5", ".pkl", ".pickle", ".joblib", ".pt", ".pth", ".onnx")
    why = f" It was not opened: a {suffix} file can run code, or fill the memory, when it is loaded." if unsafe else ""
    hint = "Name the folder that 'forecaster train SIGNAL -o MODEL' wrote."
    return ModelError(f"{printable(path, 400)} is a {kind}; a model is a folder with a model.json.{why}", hint=hint)


@contextlib.contextmanager
def _opened(folder: int, name: str, place: str) -> Iterator[int]:
    """Open a regular file; anything else is not even opened, which alone can set off a device or a pipe's writer."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise refused(place, f"a {kind_of(status)}", "a regular file")
        handle = os.open(name, FILE_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        raise VanishedError(name) from None
    except OSError as error:
        raise refused(place, _reason(error), "a regular file") from None
    try:
        yield handle
    finally:
        os.close(handle)


def _what(folder: int, name: str, error: OSError) -> str:
    """Say what stands in the way: the kind of thing that has the name, or the system's reason."""
    with contextlib.suppress(OSError):
        kind = kind_of(os.stat(name, dir_fd=folder, follow_symlinks=False))
        if kind not in ("file", "folder"):
            return f"a {kind}"
    return _reason(error)


def _reason(error: Exception) -> str:
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)


def _read(handle: int, size: int) -> bytes:
    """Read up to one byte more than `size`."""
    parts, rest = [], size + 1
    while rest > 0 and (part := os.read(handle, min(rest, 2**30))):
        parts.append(part)
        rest -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
