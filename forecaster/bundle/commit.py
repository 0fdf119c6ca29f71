"""Writing a model folder: the old model or the new one, never half of either.

A new folder is made whole under a temporary name and renamed into place. Into an existing model
go first the data directory, which is named after its content and so never stands in the way of
the old one, and then ``model.json`` by one rename: the commit point. The previous data directory
stays until the next commit, for readers that are in the middle of it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
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
    FOLDER_FLAGS,
    TEMPORARY,
    as_output_errors,
    busy_error,
    confirm,
    is_same_file,
    kind_of,
    lock,
    make_folders,
    opened_folder,
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

    `tensors` have the names ``predictor/tensor`` and ``intervals/quantiles``. `texts` holds
    "history.csv", "metrics.json" (a list of evaluations) and "README.md", which is made here if it
    is missing. What the gate would refuse is not written.

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
        # Nothing is above the root.
        above = next((folder for folder in place.parents if folder.exists()), place)
        if not above.is_dir():
            message = f"{printable(path, 400)}: {printable(above, 200)} is a file, not a folder."
            raise UsageError(message, hint="Choose another name.")
        if place.exists():
            _check_existing(place, path, overwrite=overwrite)
        writable = place if place.exists() else above
        if not os.access(writable, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def seal(manifest: Manifest, tensors: Tensors, texts: dict[str, str]) -> tuple[Manifest, Files]:
    """Return the manifest with the hashes of all files, and the bytes of each; all of it has passed the gate.

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


def _check_existing(place: Path, path: Path | str, *, overwrite: bool) -> None:
    """Raise UsageError if what stands at `place` may not become a model."""
    if not place.is_dir():
        hint = "A model is a folder: choose another name for it."
        raise UsageError(f"{printable(path, 400)} is a {kind_of(place.stat())}.", hint=hint)
    _refuse_model(place, overwrite=overwrite)
    names = [entry.name for entry in place.iterdir()]
    # What a killed writer left does not count.
    foreign = [name for name in names if not (DATA.fullmatch(name) or name.startswith(TEMPORARY))]
    if foreign and gate.MANIFEST not in names:
        hint = "Choose a new name: a model gets a folder of its own."
        raise UsageError(f"{printable(path, 400)} is a folder that holds other things than a model.", hint=hint)


def _refuse_model(place: Path, *, overwrite: bool) -> None:
    # lexists: a link that leads nowhere counts too, for the commit would replace it.
    if os.path.lexists(place / gate.MANIFEST) and not overwrite:
        hint = "Add --overwrite to replace it, or choose another name."
        raise UsageError(f"{printable(place, 400)} already holds a model.", hint=hint)


def _contents(manifest: Manifest, tensors: Tensors, texts: dict[str, str]) -> Files:
    specs = tensor_file.implied(manifest, gate.MANIFEST)
    files = {name: text.encode() for name, text in texts.items()}
    if "README.md" not in files:
        metrics = parse_metrics(files["metrics.json"], "metrics.json")
        # The card shows its last row: a history that cannot be read is refused as such, and not by the card.
        parse_history(files["history.csv"], "history.csv")
        files["README.md"] = card(manifest, metrics, texts["history.csv"]).encode()
    if files.keys() != set(FILES[1:]):
        raise ValueError(f"texts {sorted(files)} where {sorted(FILES[1:])} are stored")
    return {FILES[0]: tensor_file.format_tensors(tensors, specs), **{name: files[name] for name in FILES[1:]}}


def _rehearse(manifest: Manifest, files: Files) -> None:
    """Let the gate read in memory what is about to be written."""
    content = manifest.to_json()
    limits = {gate.MANIFEST: gate.MAX_MANIFEST, **gate.MAX_TEXTS}
    for name, limit in limits.items():
        size = len(content if name == gate.MANIFEST else files[name])
        if size > limit:
            raise ValueError(f"{name} would have {size} bytes; at most {limit} are allowed")
    parsed = gate.parse_manifest(content, gate.MANIFEST)
    gate.check_files(parsed, files, tensor_file.implied(parsed, gate.MANIFEST), "data")


def _create(place: Path, manifest: Manifest, files: Files) -> None:
    """Make a new model folder under a temporary name, and rename it into place."""
    make_folders(place.parent)
    with opened_folder(place.parent) as parent:
        remove_leftovers(parent)
        name, handle = _new_locked_folder(parent)
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
    try:
        os.rename(name, place.name, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        # Another writer of the same new model was quicker.
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
            raise busy_error(place) from None
        raise


def _replace(place: Path, manifest: Manifest, files: Files, *, overwrite: bool) -> None:
    """Put a new model into a folder that is there: empty, or with an old model."""
    name = manifest.data_name
    with opened_folder(place) as folder:
        if not lock(folder):
            raise busy_error(place)
        # Asked again under the lock: another program may have been quicker.
        _refuse_model(place, overwrite=overwrite)
        remove_leftovers(folder)
        previous = _data_name(folder)
        names_before = os.listdir(folder)
        try:
            _write_data(folder, name, files)
            replace_in(folder, gate.MANIFEST, manifest.to_json())
        except BaseException:
            # A full disk needs the room. If only the last confirmation failed, the new model stands: its data stay.
            with contextlib.suppress(OSError):
                if name not in names_before and name != _data_name(folder):
                    remove_tree(folder, name)
            raise
        # Readers may be in the middle of the previous data, and nobody is in those before them.
        for entry in os.listdir(folder):
            if DATA.fullmatch(entry) and entry not in (name, previous):
                with contextlib.suppress(OSError):
                    remove_tree(folder, entry)


def _data_name(folder: int) -> str | None:
    """Return the name of the data directory that belongs to model.json now; None if that cannot be read."""
    try:
        content = gate.read_file(folder, gate.MANIFEST, gate.MAX_MANIFEST, "")
        return data_name(content)
    except (ModelError, gate.VanishedError):
        return None


def _write_data(folder: int, name: str, files: Files) -> None:
    """Write the data directory `name`, unless it is there already, whole."""
    if _is_whole(folder, name, files):
        return
    temporary, handle = _new_locked_folder(folder)
    try:
        for file, content in files.items():
            _write_new(handle, file, content)
        sync_folder(handle)
        _move_away(folder, name)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        sync_folder(folder)
    except BaseException:
        with contextlib.suppress(OSError):
            remove_tree(folder, temporary)
        raise
    finally:
        os.close(handle)


def _is_whole(folder: int, name: str, files: Files) -> bool:
    """Return whether the data directory is there with just this content: it is then kept, untouched."""
    try:
        handle = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=folder)
    except OSError:
        return False
    try:
        with os.scandir(handle) as entries:
            if {entry.name for entry in entries} != set(files):
                return False
        return all(gate.read_file(handle, file, len(content), name) == content for file, content in files.items())
    except (ModelError, gate.VanishedError, OSError):
        return False
    finally:
        os.close(handle)


def _write_new(folder: int, name: str, content: bytes) -> None:
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        write_all(handle, content)
    finally:
        os.close(handle)


def _move_away(folder: int, name: str) -> None:
    """Remove a damaged data directory, so that the whole one can be renamed into its place."""
    # Under a leftover's name first: a program that is killed while it removes the files leaves no half of them.
    leftover = temporary_name()
    try:
        os.rename(name, leftover, src_dir_fd=folder, dst_dir_fd=folder)
    except FileNotFoundError:
        return
    remove_tree(folder, leftover)


def _new_locked_folder(parent: int) -> tuple[str, int]:
    """Make a temporary folder in the open `parent` and lock it; return its name and handle."""
    # Before it is locked, another program may take it for a leftover and remove it: then again.
    while True:
        name = temporary_name()
        os.mkdir(name, dir_fd=parent)
        try:
            handle = os.open(name, FOLDER_FLAGS | os.O_NOFOLLOW, dir_fd=parent)
        except FileNotFoundError:
            continue
        if lock(handle) and is_same_file(parent, name, handle):
            return name, handle
        os.close(handle)
