"""Writing a model folder: the old model or the new one, never half of either.

A new folder is made whole under a temporary name beside its place and renamed into it. Into
an existing model go first the data directory, which is named after its content and so never
stands in the way of the old one, and then ``model.json`` by one rename: the commit point. The
previous data directory stays until the next commit, for readers that are in the middle of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from forecaster.bundle import gate
from forecaster.bundle import tensors as tensor_file
from forecaster.bundle.card import card
from forecaster.bundle.manifest import FILES, Manifest, data_name
from forecaster.bundle.scores import parse_history, parse_metrics
from forecaster.bundle.strict_json import first_error
from forecaster.bundle.tensors import Tensors
from forecaster.errors import ModelError, OutputError, UsageError, printable
from forecaster.files import (
    TEMPORARY,
    as_output_errors,
    busy_error,
    confirm,
    is_same_file,
    kind_of,
    lock,
    make_folders,
    remove_leftovers,
    remove_tree,
    replace_in,
    sync_folder,
    temporary_name,
    write_all,
)

DATA = re.compile(r"data-[0-9a-f]{16}")
Files = dict[str, bytes]


def save(
    path: Path | str, manifest: Manifest, tensors: Tensors, texts: dict[str, str], *, overwrite: bool = False
) -> Manifest:
    """Write the model folder `path`, and return the manifest with the hashes of its files.

    `tensors` have the names ``predictor/tensor`` and ``intervals/quantiles``; `texts` holds
    "history.csv", "metrics.json" (a list of evaluations) and, if not to be made here, "README.md".
    What the gate would refuse is not written.

    Raises: UsageError if a model is there and `overwrite` is not set, or if something else is
    there; OutputError if it cannot be written, or if another program is writing it.
    """
    check_target(path, overwrite=overwrite)
    sealed, files = seal(manifest, tensors, texts)
    place = Path(os.path.realpath(path))
    with as_output_errors(path):
        if place.is_dir():
            _replace(place, sealed, files, overwrite=overwrite)
        else:
            _create(place, sealed, files)
    return sealed


def check_target(path: Path | str, *, overwrite: bool = False) -> None:
    """Refuse a `path` that `save` would refuse: to be asked before training, not after it.

    Raises: UsageError, OutputError.
    """
    place = Path(os.path.realpath(path))
    with as_output_errors(path):
        _check_parents(place, path)
        if not place.exists():
            return
        if not place.is_dir():
            hint = "A model is a folder: choose another name for it."
            raise UsageError(f"{printable(path, 400)} is a {kind_of(place.stat())}.", hint=hint)
        _refuse_existing(place, overwrite=overwrite)
        if _holds_other_things(place):
            hint = "Choose a new name: a model gets a folder of its own."
            raise UsageError(f"{printable(path, 400)} is a folder that holds other things than a model.", hint=hint)
        _check_writable(place)


def seal(manifest: Manifest, tensors: Tensors, texts: dict[str, str]) -> tuple[Manifest, Files]:
    """Make the bytes of every file and the manifest with their hashes; all of it has passed the gate.

    Raises: OutputError if the gate would refuse it.
    """
    try:
        files = _contents(manifest, tensors, texts)
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        sealed = manifest.model_copy(update={"files": hashes})
        _rehearse(sealed, files)
    except (ModelError, ValueError) as error:
        reason = first_error(error) if isinstance(error, ValidationError) else str(error)
        raise OutputError(f"The model cannot be stored: {printable(reason, 1500)}") from None
    return sealed, files


def _contents(manifest: Manifest, tensors: Tensors, texts: dict[str, str]) -> Files:
    specs = tensor_file.implied(manifest, gate.MANIFEST)
    made = {name: text.encode() for name, text in texts.items()}
    if "README.md" not in made:
        metrics = parse_metrics(made["metrics.json"], "metrics.json")
        parse_history(made["history.csv"], "history.csv")
        made["README.md"] = card(manifest, metrics, texts["history.csv"]).encode()
    if made.keys() != set(FILES[1:]):
        raise ValueError(f"texts {sorted(made)} where {sorted(FILES[1:])} are stored")
    return {FILES[0]: tensor_file.format_tensors(tensors, specs), **{name: made[name] for name in FILES[1:]}}


def _rehearse(manifest: Manifest, files: Files) -> None:
    """Let the gate read in memory what is about to be written."""
    content = manifest.to_json()
    limits = {gate.MANIFEST: gate.MAX_MANIFEST, **gate.MAX_TEXTS}
    for name, limit in limits.items():
        size = len(content if name == gate.MANIFEST else files[name])
        if size > limit:
            raise ValueError(f"{name} would have {size} bytes; at most {limit} are allowed")
    again = gate.parse_manifest(content, gate.MANIFEST)
    gate.check_files(again, files, tensor_file.implied(again, gate.MANIFEST), "data")


def _create(place: Path, manifest: Manifest, files: Files) -> None:
    """Make a new model folder under a temporary name, and rename it into place."""
    make_folders(place.parent)
    with _opened(place.parent) as parent:
        remove_leftovers(parent)
        name, handle = _locked_folder(parent)
        try:
            _write_data(handle, manifest.data_name, files)
            _write_new(handle, gate.MANIFEST, manifest.to_json())
            sync_folder(handle)
            _rename_new(parent, name, place)
        except BaseException:
            with contextlib.suppress(OSError):
                remove_tree(parent, name)
            raise
        finally:
            os.close(handle)
        confirm(parent)


def _rename_new(parent: int, name: str, place: Path) -> None:
    """Rename a finished folder; of two writers of one new model the second is told."""
    try:
        os.rename(name, place.name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise busy_error(place) from None
        raise


def _replace(place: Path, manifest: Manifest, files: Files, *, overwrite: bool) -> None:
    """Put a new model into a folder that is there: empty, or with an old model."""
    with _opened(place) as folder:
        if not lock(folder):
            raise busy_error(place)
        _refuse_existing(place, overwrite=overwrite)  # again: another program may have been quicker
        remove_leftovers(folder)
        previous = _data_name(folder)
        kept = set(os.listdir(folder))
        try:
            _write_data(folder, manifest.data_name, files)
            replace_in(folder, gate.MANIFEST, manifest.to_json())
        except BaseException:
            _take_back(folder, manifest.data_name, kept)
            raise
        _remove_old(folder, {manifest.data_name, previous})


def _take_back(folder: int, name: str, kept: set[str]) -> None:
    """Remove the data directory of a commit that failed: a full disk needs the room."""
    with contextlib.suppress(OSError):
        if name not in kept and name != _data_name(folder):
            remove_tree(folder, name)


def _write_data(folder: int, name: str, files: Files) -> None:
    """Write the data directory `name`, unless it is there already, whole."""
    if _is_whole(folder, name, files):
        return
    temporary, handle = _locked_folder(folder)
    try:
        for one, content in files.items():
            _write_new(handle, one, content)
        sync_folder(handle)
        _make_way(folder, name)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        sync_folder(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            remove_tree(folder, temporary)
        raise
    finally:
        os.close(handle)


def _write_new(folder: int, name: str, content: bytes) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        write_all(handle, content)
    finally:
        os.close(handle)


def _is_whole(folder: int, name: str, files: Files) -> bool:
    """Tell whether the data directory is there with just this content: it is then kept, untouched."""
    try:
        handle = os.open(name, gate.FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        with os.scandir(handle) as entries:
            if {one.name for one in entries} != set(files):
                return False
        return all(gate.read_file(handle, one, len(files[one]), name) == files[one] for one in files)
    except (ModelError, gate.VanishedError, OSError):
        return False
    finally:
        os.close(handle)


def _make_way(folder: int, name: str) -> None:
    """Move a damaged data directory aside; its name begins as a leftover's, so that it goes in the end."""
    aside = temporary_name()
    try:
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return
    remove_tree(folder, aside)


def _locked_folder(parent: int) -> tuple[str, int]:
    """Make a temporary folder in `parent` and lock it, before anybody takes it for a leftover."""
    while True:
        name = temporary_name()
        os.mkdir(name, dir_fd=parent)
        try:
            handle = os.open(name, gate.FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=parent)
        except FileNotFoundError:
            continue
        if lock(handle) and is_same_file(parent, name, handle):
            return name, handle
        os.close(handle)


def _remove_old(folder: int, kept: set[str | None]) -> None:
    """Remove the data directories of commits before the previous one."""
    for name in os.listdir(folder):
        if DATA.fullmatch(name) and name not in kept:
            with contextlib.suppress(OSError):
                remove_tree(folder, name)


def _data_name(folder: int) -> str | None:
    """Return the name of the data directory that model.json names now; None if it cannot be told."""
    try:
        content = gate.read_file(folder, gate.MANIFEST, gate.MAX_MANIFEST, "")
        return data_name(content)
    except (ModelError, gate.VanishedError):
        return None


def _refuse_existing(place: Path, *, overwrite: bool) -> None:
    if os.path.lexists(place / gate.MANIFEST) and not overwrite:
        hint = "Add --overwrite to replace it, or choose another name."
        raise UsageError(f"{printable(place, 400)} already holds a model.", hint=hint)


def _holds_other_things(place: Path) -> bool:
    """Tell whether a folder holds something, and no model; what a killed writer left does not count."""
    names = [one.name for one in place.iterdir()]
    return gate.MANIFEST not in names and any(not (DATA.fullmatch(one) or one.startswith(TEMPORARY)) for one in names)


def _check_parents(place: Path, path: Path | str) -> None:
    """Refuse a place below a file, or below a folder that nobody may write to."""
    above = next((folder for folder in place.parents if folder.exists()), place)  # nothing is above the root
    if not above.is_dir():
        raise UsageError(
            f"{printable(path, 400)}: {printable(above, 200)} is a file, not a folder.", hint="Choose another name."
        )
    if not place.exists():
        _check_writable(above)


def _check_writable(folder: Path) -> None:
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@contextlib.contextmanager
def _opened(place: Path) -> Iterator[int]:
    handle = os.open(place, gate.FOLDER_FLAGS)
    try:
        yield handle
    finally:
        os.close(handle)
