"""Writing one output file: the whole of it or nothing.

A file is written under a temporary name beside its place and renamed into it. A program that
is killed leaves at most a file whose name begins with `TEMPORARY`; it was locked while its
writer lived, so that `remove_leftovers` can tell the dead from the living.
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


def write_file(path: Path | str, data: bytes | str, *, durable: bool = True) -> None:
    """Write `data` (text as UTF-8) to `path`, replacing a regular file, making its folders.

    With `durable` the file and its folder are on disk on return; a batch of many files may go
    without and still never leave half a file behind a program that was killed.

    Raises: OutputError with the reason, if it cannot be written or if something other than a
    regular file (a folder, a device, a symbolic link, which is never followed) has the name.
    """
    target = Path(path)
    content = data.encode() if isinstance(data, str) else data
    with reasons(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _refuse_special(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            replace_in(folder, target.name, content, durable=durable)
        finally:
            os.close(folder)


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
    with reasons(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        _refuse_special(target)
        folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    with contextlib.ExitStack() as stack:
        stack.callback(os.close, folder)
        name = temporary_name()
        with reasons(target):
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
        stack.callback(os.close, handle)
        lock(handle)

        def append(content: bytes) -> None:
            with reasons(target):
                write_all(handle, content, durable=False)

        try:
            yield append
            with reasons(target):
                os.fsync(handle)
                os.rename(name, target.name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise
        with reasons(target):
            sync_folder(folder)


def replace_in(folder: int, name: str, content: bytes, *, durable: bool = True) -> None:
    """Write `content` to `name` in the open `folder` by one rename."""
    temporary = temporary_name()
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=folder)
    try:
        lock(handle)
        write_all(handle, content, durable=durable)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise
    finally:
        os.close(handle)
    if durable:
        sync_folder(folder)


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
    """Remove from the open `folder` what programs that were killed have left, and nothing else."""
    for name in os.listdir(folder):
        if name.startswith(TEMPORARY):
            with contextlib.suppress(OSError):
                _remove_if_dead(folder, name)


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


@contextlib.contextmanager
def reasons(path: Path | str) -> Iterator[None]:
    """Turn what the system says (disk full, no permission ...) into an OutputError on `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise OutputError(f"{printable(path, 400)} could not be written: {reason}.", hint=_advice(error)) from None


def _advice(error: Exception) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "Make room on the disk, or write to another one, and run it again."
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "Choose a folder that you may write to."
    return "Choose another place for it."
