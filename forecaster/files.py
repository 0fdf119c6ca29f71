"""Writing one output file: the whole of it or nothing.

A file is written under a temporary name beside its place and renamed into it. A program that
is killed leaves at most a file whose name begins with `TEMPORARY`; it was locked while its
writer lived, so that `remove_leftovers`, which every writer calls, can tell the dead from the living.
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


class UnconfirmedError(OSError):
    """What was written stands under its name, but the disk did not confirm that it will stay."""


def write_file(path: Path | str, data: bytes | str, *, durable: bool = True) -> None:
    """Write `data` (text as UTF-8) to `path`, replacing a regular file, making its folders.

    With `durable` the file and its folder are on disk on return; a batch of many files may go
    without and still never leave half a file behind a program that was killed.

    Raises: OutputError with the reason, if it cannot be written or if something other than a
    regular file (a folder, a device, a symbolic link, which is never followed) has the name.
    """
    target = Path(path)
    content = data.encode() if isinstance(data, str) else data
    with as_output_errors(target), _parent(target) as folder:
        replace_in(folder, target.name, content, durable=durable)


def write_within(folder: int, target: Path, content: bytes) -> None:
    """Write `content` to `target` as `write_file` does; its folder is open as `folder`, and was tidied by its holder.

    Raises: OutputError as `write_file` does.
    """
    with as_output_errors(target):
        _refuse_special(target)
        replace_in(folder, target.name, content)


@contextlib.contextmanager
def locked_folder(folder: Path) -> Iterator[int]:
    """Make `folder` if need be, and yield it open, tidied, and locked: one program at a time writes many files there.

    Raises: OutputError if it cannot be made or opened, or if another program holds it.
    """
    with contextlib.ExitStack() as stack:
        with as_output_errors(folder):
            make_folders(folder)
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, handle)
            free = lock(handle)
        if not free:
            raise busy_error(folder)
        remove_leftovers(handle)
        yield handle


def busy_error(place: Path) -> OutputError:
    """Return what the second of two writers is told."""
    hint = "Wait for it to end, or choose another name."
    return OutputError(f"{printable(place, 400)} is being written by another program.", hint=hint)


def open_regular(path: Path | str, *, follow: bool = True) -> io.BufferedReader:
    """Open a regular file to read. Raises OSError for anything else, at once: a named pipe would wait for a writer."""
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    handle = os.open(path, flags)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return os.fdopen(handle, "rb")
    os.close(handle)
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))


@contextlib.contextmanager
def writing(path: Path | str) -> Iterator[Callable[[bytes], None]]:
    """Yield a function that appends to a file as it grows; it gets its name only if nothing is raised meanwhile.

    Raises: OutputError as `write_file` does.
    """
    target = Path(path)
    with contextlib.ExitStack() as stack:
        with as_output_errors(target):
            folder = stack.enter_context(_parent(target))
            name, handle = _locked_file(folder)
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


@contextlib.contextmanager
def _parent(target: Path) -> Iterator[int]:
    """Yield the folder of `target`, made if need be, open and tidied."""
    make_folders(target.parent)
    _refuse_special(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        remove_leftovers(folder)
        yield folder
    finally:
        os.close(folder)


def make_folders(folder: Path) -> None:
    """Make `folder` and those above it that are missing; their names are on disk on return."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        with contextlib.suppress(PermissionError):  # a folder that may be written to, and not read
            handle = os.open(one.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                sync_folder(handle)
            finally:
                os.close(handle)


def replace_in(folder: int, name: str, content: bytes, *, durable: bool = True) -> None:
    """Write `content` to `name` in the open `folder` by one rename."""
    temporary, handle = _locked_file(folder)
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


def confirm(folder: int) -> None:
    """Wait until a name that stands in the open `folder` by now is on disk.

    Raises: UnconfirmedError, which says that it stands all the same.
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


def write_all(handle: int, content: bytes, *, durable: bool = True) -> None:
    """Write every byte of `content` to `handle`, and wait for the disk if `durable`."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(handle, rest) :]
    if durable:
        os.fsync(handle)


def temporary_name() -> str:
    """Return a name that nobody else has, and that `remove_leftovers` knows."""
    return TEMPORARY + secrets.token_hex(8)


def _locked_file(folder: int) -> tuple[str, int]:
    """Make a temporary file in the open `folder` and lock it, before anybody takes it for a leftover."""
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


def is_same_file(parent: int | None, name: str, handle: int) -> bool:
    """Tell whether `name`, in the open folder `parent` if there is one, is still what is open as `handle`."""
    try:
        return os.path.samestat(os.stat(name, dir_fd=parent, follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False


def lock(handle: int) -> bool:
    """Take the lock of an open file or folder; False if another program holds it."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL):
            raise  # a file system without locks is no reason to lose a result
    return True


def remove_leftovers(folder: int) -> None:
    """Remove from the open `folder` what programs that were killed have left, and nothing else, as far as that goes."""
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if name.startswith(TEMPORARY):
                with contextlib.suppress(OSError):
                    _remove_if_dead(folder, name)


def is_vacant(folder: Path) -> bool:
    """Tell whether a folder is absent or holds nothing; what a killed writer left does not count."""
    return not folder.exists() or all(one.name.startswith(TEMPORARY) for one in folder.iterdir())


def remove_tree(folder: int, name: str) -> None:
    """Remove the folder `name` in the open `folder`; a symbolic link is removed, not followed."""
    if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        shutil.rmtree(name, dir_fd=folder)
    else:
        os.unlink(name, dir_fd=folder)


def _remove_if_dead(folder: int, name: str) -> None:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_tree(folder, name)
    finally:
        os.close(handle)


def _refuse_special(target: Path) -> None:
    """Refuse a name that is taken by anything but a regular file."""
    with contextlib.suppress(FileNotFoundError):
        found = kind_of(os.lstat(target))
        if found != "file":
            raise OutputError(f"{printable(target)}: there is a {found} of that name; expected a file, or nothing.")


def kind_of(status: os.stat_result) -> str:
    """Name what a path is, in plain words: "file", "folder", "symbolic link" ..."""
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


@contextlib.contextmanager
def as_output_errors(path: Path | str) -> Iterator[None]:
    """Turn what the system says (disk full, no permission ...) into an OutputError on `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        if isinstance(error, UnconfirmedError):
            found = f"{printable(path, 400)} was written whole, but the disk did not confirm it: {reason}."
            raise OutputError(found, hint="Check the disk: after a power cut it may be as it was before.") from None
        raise OutputError(f"{printable(path, 400)} could not be written: {reason}.", hint=_advice(error)) from None


def _advice(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "Make room on the disk, or write to another one, and run it again."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Choose a folder that you may write to."
    return "Choose another place for it."
