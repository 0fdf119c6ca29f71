"""Writing one output file: the whole of it or nothing.

A file is written under a temporary name in its own folder and renamed into place. A program that
is killed leaves at most a file whose name begins with `TEMPORARY`. Its writer holds a lock on it
while it lives, so that `remove_leftovers`, which every writer calls, can tell the dead from the living.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import io
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from forecaster.errors import OutputError, printable

TEMPORARY = ".forecaster-tmp-"
FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


class UnconfirmedError(OSError):
    """A file was written and has its name, but the disk did not confirm that it will stay."""


# --- writing ----------------------------------------------------------------------------


def write_file(path: Path | str, data: bytes | str, *, durable: bool = True) -> None:
    """Write `data` (text as UTF-8) to `path`, replacing a regular file, making its folders.

    With `durable` the file and its folder are on disk on return. A batch of many files may do
    without, and still never leaves half a file behind a program that was killed.

    Raises: OutputError with the reason, if it cannot be written or if something other than a
    regular file (a folder, a device, a symbolic link, which is never followed) has the name.
    """
    target = Path(path)
    content = data.encode() if isinstance(data, str) else data
    with as_output_errors(target), _folder_of(target) as folder:
        replace_in(folder, target.name, content, durable=durable)


def write_within(folder: int, target: Path, content: bytes) -> None:
    """Write `content` to `target`, whose folder is open as `folder` and was tidied by `locked_folder`.

    Raises: OutputError as `write_file` does.
    """
    with as_output_errors(target):
        _refuse_special(target)
        replace_in(folder, target.name, content)


@contextlib.contextmanager
def writing(path: Path | str) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that appends to a new file, which gets the name `path` if nothing is raised meanwhile.

    Raises: OutputError as `write_file` does.
    """
    target = Path(path)
    with contextlib.ExitStack() as stack:
        with as_output_errors(target):
            folder = stack.enter_context(_folder_of(target))
            name, handle = _new_locked_file(folder)
        stack.callback(os.close, handle)

        def append(content: bytes) -> None:
            with as_output_errors(target):
                write_all(handle, content, durable=False)

        try:
            yield append
            with as_output_errors(target):
                os.fsync(handle)
                os.rename(name, target.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        with as_output_errors(target):
            confirm(folder)


def replace_in(folder: int, name: str, content: bytes, *, durable: bool = True) -> None:
    """Write `content` to `name` in the open `folder` by one rename."""
    temporary, handle = _new_locked_file(folder)
    try:
        write_all(handle, content, durable=durable)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    finally:
        os.close(handle)
    if durable:
        confirm(folder)


def write_all(handle: int, content: bytes, *, durable: bool = True) -> None:
    """Write every byte of `content` to `handle`, and wait for the disk if `durable`."""
    remaining = memoryview(content)
    while remaining:
        # The system may take fewer bytes than it is offered.
        remaining = remaining[os.write(handle, remaining) :]
    if durable:
        os.fsync(handle)


def confirm(folder: int) -> None:
    """Wait until the last rename in the open `folder` is on disk.

    Raises: UnconfirmedError, which says that the file has its name all the same.
    """
    try:
        sync_folder(folder)
    except OSError as error:
        raise UnconfirmedError(error.errno, error.strerror) from None


def sync_folder(folder: int) -> None:
    """Wait until the names in the open `folder` are on disk, where the file system offers that."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise


@contextlib.contextmanager
def as_output_errors(path: Path | str) -> Iterator[None]:
    """Turn an error of the system (disk full, no permission ...) into an OutputError that names `path`."""
    try:
        yield
    except UnconfirmedError as error:
        message = f"{printable(path, 400)} was written whole, but the disk did not confirm it: {reason_of(error)}."
        raise OutputError(message, hint="Check the disk: after a power cut it may be as it was before.") from None
    # Python itself refuses a null character in a name, with a ValueError.
    except (OSError, ValueError) as error:
        number = error.errno if isinstance(error, OSError) else None
        hint = "Choose another place for it."
        if number in (errno.ENOSPC, errno.EDQUOT):
            hint = "Make room on the disk, or write to another one, and run it again."
        elif number in (errno.EACCES, errno.EPERM, errno.EROFS):
            hint = "Choose a folder that you may write to."
        raise OutputError(f"{printable(path, 400)} could not be written: {reason_of(error)}.", hint=hint) from None


def reason_of(error: Exception) -> str:
    """Return what the system says of `error`, without the path, which it would not escape."""
    return os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)


# --- folders ----------------------------------------------------------------------------


@contextlib.contextmanager
def opened_folder(folder: Path) -> Iterator[int]:
    """Yield a handle of `folder`."""
    handle = os.open(folder, FOLDER_FLAGS)
    try:
        yield handle
    finally:
        os.close(handle)


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[int]:
    """Make `folder` if need be, and yield it open, tidied and locked, for a program that writes many files there.

    Raises: OutputError if it cannot be made or opened, or if another program holds it.
    """
    with contextlib.ExitStack() as stack:
        with as_output_errors(folder):
            make_folders(folder)
            handle = stack.enter_context(opened_folder(folder))
            is_ours = lock(handle)
        if not is_ours:
            raise busy_error(folder)
        remove_leftovers(handle)
        yield handle


def busy_error(place: Path) -> OutputError:
    """Return the OutputError for the second of two programs that write to one `place`."""
    hint = "Wait for it to end, or choose another name."
    return OutputError(f"{printable(place, 400)} is being written by another program.", hint=hint)


def make_folders(folder: Path) -> None:
    """Make `folder` and those above it that are missing; their names are on disk on return."""
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in missing:
        # A folder may allow to write into it, and not to read it: then its names cannot be waited for.
        with contextlib.suppress(PermissionError), opened_folder(place.parent) as handle:
            sync_folder(handle)


def is_vacant(folder: Path) -> bool:
    """Return whether a folder is absent or empty; what a killed writer left does not count."""
    return not folder.exists() or all(entry.name.startswith(TEMPORARY) for entry in folder.iterdir())


def remove_leftovers(folder: int) -> None:
    """Remove from the open `folder` what killed programs have left, and nothing else; what cannot go stays."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(TEMPORARY):
                with contextlib.suppress(OSError):
                    _remove_unless_locked(folder, name)


def _remove_unless_locked(folder: int, name: str) -> None:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        # Not `lock`, which takes a file system without locks for a free one: there a living file would go.
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder, name)
    finally:
        os.close(handle)


def remove_tree(folder: int, name: str) -> None:
    """Remove the file or folder `name` in the open `folder`; a symbolic link is removed, not followed."""
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


@contextlib.contextmanager
def _folder_of(target: Path) -> Iterator[int]:
    """Yield the folder of `target`, made if need be, open and tidied."""
    make_folders(target.parent)
    _refuse_special(target)
    with opened_folder(target.parent) as folder:
        remove_leftovers(folder)
        yield folder


# --- names and locks --------------------------------------------------------------------


def temporary_name() -> str:
    """Return a name that no other program has, and that `remove_leftovers` recognises."""
    return TEMPORARY + secrets.token_hex(8)


def _new_locked_file(folder: int) -> tuple[str, int]:
    """Make a temporary file in the open `folder` and lock it; return its name and handle."""
    # Before it is locked, another program may take it for a leftover and remove it: then again.
    while True:
        name = temporary_name()
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        try:
            if lock(handle) and is_same_file(folder, name, handle):
                return name, handle
        except BaseException:
            os.close(handle)
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        os.close(handle)


def lock(handle: int) -> bool:
    """Take the lock of an open file or folder; return False if another program holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        # A file system without locks is no reason to lose a result.
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise
    return True


def is_same_file(parent: int | None, name: str, handle: int) -> bool:
    """Return whether `name`, in the open folder `parent` if there is one, is still what is open as `handle`."""
    try:
        return os.path.samestat(os.stat(name, dir_fd=parent, follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def open_regular(path: Path | str, *, follow: bool = True) -> io.BufferedReader:
    """Open a regular file to read. Raises OSError for anything else."""
    # Without O_NONBLOCK a named pipe would wait for a writer, for ever.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    handle = os.open(path, flags)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))


def _refuse_special(target: Path) -> None:
    """Raise OutputError if `target` is anything but a regular file, or nothing."""
    with contextlib.suppress(FileNotFoundError):
        kind = kind_of(os.lstat(target))
        if kind != "file":
            raise OutputError(f"{printable(target)}: there is a {kind} of that name; expected a file, or nothing.")


def kind_of(status: os.stat_result) -> str:
    """Return what a path is, in plain words: "file", "folder", "symbolic link" ..."""
    kinds = {
        stat.S_IFREG: "file",
        stat.S_IFDIR: "folder",
        stat.S_IFLNK: "symbolic link",
        stat.S_IFIFO: "named pipe",
        stat.S_IFSOCK: "socket",
        stat.S_IFCHR: "device",
        stat.S_IFBLK: "device",
    }
    return kinds.get(stat.S_IFMT(status.st_mode), "special file")


def as_argument(path: Path | str) -> str:
    """Return `path` as an argument that no program takes for an option; "-" alone is the standard input.

    >>> as_argument("-m"), as_argument("m"), as_argument("-")
    ('./-m', 'm', '-')
    """
    text = str(path)
    return f"./{text}" if text.startswith("-") and text != "-" else text
