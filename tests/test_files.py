import errno
import fcntl
import os
from pathlib import Path

import pytest

from forecaster import files
from forecaster.errors import OutputError
from forecaster.files import (
    TEMPORARY,
    is_vacant,
    lock,
    locked_folder,
    remove_leftovers,
    write_file,
    write_within,
    writing,
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_writes_text_and_bytes_and_makes_folders(tmp_path, durable):
    write_file(tmp_path / "a" / "b" / "text.csv", "µ,1\n", durable=durable)
    write_file(tmp_path / "a" / "b" / "raw", b"\x00\xff", durable=durable)
    assert (tmp_path / "a/b/text.csv").read_bytes() == "µ,1\n".encode()
    assert (tmp_path / "a/b/raw").read_bytes() == b"\x00\xff"
    assert names(tmp_path / "a" / "b") == ["raw", "text.csv"]


def test_replaces_a_file_and_keeps_the_old_one_if_the_disk_is_full(tmp_path, monkeypatch):
    target = tmp_path / "x.csv"
    write_file(target, "old")
    write_file(target, "new")
    assert target.read_text() == "new"

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match=r"x\.csv could not be written: No space left.*Make room"):
        write_file(target, "newer")
    assert target.read_text() == "new"
    assert names(tmp_path) == ["x.csv"]


def test_a_link_is_neither_followed_nor_replaced(tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / "out.csv").symlink_to(precious)
    with pytest.raises(OutputError, match="symbolic link"):
        write_file(tmp_path / "out.csv", "x")
    assert precious.read_text() == "keep"
    assert (tmp_path / "out.csv").is_symlink()


def test_what_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path, "folder"), (tmp_path / "pipe", "named pipe"), (Path("/dev/null"), "device")):
        with pytest.raises(OutputError, match=kind):
            write_file(path, "x")


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"could not be written: (Not a directory|File exists)"):
        write_file(tmp_path / "file" / "x.csv", "x")
    with pytest.raises(OutputError, match=r"null (byte|character)"):
        write_file(tmp_path / "a\0b", "x")


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    (tmp_path / f"{TEMPORARY}dead").write_text("x")
    (tmp_path / f"{TEMPORARY}folder").mkdir()
    (tmp_path / f"{TEMPORARY}folder" / "x").write_text("x")
    (tmp_path / f"{TEMPORARY}link").symlink_to("/etc")
    (tmp_path / "mine").write_text("x")
    living = os.open(tmp_path / f"{TEMPORARY}living", os.O_CREAT | os.O_WRONLY)
    fcntl.flock(living, fcntl.LOCK_EX)
    folder = os.open(tmp_path, os.O_RDONLY)
    remove_leftovers(folder)
    assert names(tmp_path) == [f"{TEMPORARY}link", f"{TEMPORARY}living", "mine"]
    os.close(living)
    remove_leftovers(folder)
    assert names(tmp_path) == [f"{TEMPORARY}link", "mine"]
    os.close(folder)


def test_a_lock_is_held_once(tmp_path):
    first, second = (os.open(tmp_path, os.O_RDONLY) for _ in range(2))
    assert lock(first)
    assert not lock(second)
    os.close(first)
    assert lock(second)
    os.close(second)


def test_a_file_that_grows_gets_its_name_at_the_end(tmp_path):
    target = tmp_path / "a" / "x.csv"
    with writing(target) as append:
        append(b"one\n")
        assert not target.exists()
        append(b"two\n")
    assert target.read_bytes() == b"one\ntwo\n"
    assert names(tmp_path / "a") == ["x.csv"]


def test_a_file_that_is_given_up_leaves_the_old_one(tmp_path):
    target = tmp_path / "x.csv"
    target.write_text("old")

    def fail():
        with writing(target) as append:
            append(b"new")
            raise KeyError("x")

    with pytest.raises(KeyError):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["x.csv"]


def test_a_disk_that_fills_up_meanwhile_is_told(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def fill():
        with writing(tmp_path / "x.csv") as append:
            monkeypatch.setattr(os, "write", full)
            append(b"new")

    with pytest.raises(OutputError, match=r"x\.csv could not be written: No space left"):
        fill()
    monkeypatch.undo()
    assert names(tmp_path) == []


def test_a_growing_file_replaces_no_folder(tmp_path):
    def write():
        with writing(tmp_path):
            raise AssertionError("it was let in")

    with pytest.raises(OutputError, match="folder"):
        write()


def fails_after(monkeypatch, name, count, number=errno.EIO):
    """Let a call of `os` fail from its `count`-th on."""
    real, calls = getattr(os, name), []

    def failing(*arguments, **options):
        calls.append(arguments)
        if len(calls) >= count:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    monkeypatch.setattr(os, name, failing)


def test_a_file_that_the_disk_does_not_confirm_stands_and_is_told(tmp_path, monkeypatch):
    write_file(tmp_path / "x.csv", "old")
    fails_after(monkeypatch, "fsync", 2)
    with pytest.raises(OutputError, match=r"x\.csv was written whole, but the disk did not confirm it: Input/output"):
        write_file(tmp_path / "x.csv", "new")
    assert (tmp_path / "x.csv").read_text() == "new"
    assert names(tmp_path) == ["x.csv"]


def test_a_file_that_the_disk_does_not_take_is_not_there(tmp_path, monkeypatch):
    fails_after(monkeypatch, "fsync", 1)
    with pytest.raises(OutputError, match=r"x\.csv could not be written: Input/output error"):
        write_file(tmp_path / "x.csv", "new")
    assert names(tmp_path) == []


def test_the_next_writer_takes_away_what_a_dead_one_left(tmp_path):
    for name in ("one", "two"):
        (tmp_path / f"{TEMPORARY}{name}").write_text("half")
        assert is_vacant(tmp_path)
        if name == "one":
            write_file(tmp_path / "x.csv", "x")
        else:
            with writing(tmp_path / "x.csv") as append:
                append(b"x")
        assert names(tmp_path) == ["x.csv"]
        assert not is_vacant(tmp_path)
        (tmp_path / "x.csv").unlink()
    assert is_vacant(tmp_path / "absent")


def test_a_file_taken_for_a_leftover_before_it_was_locked_is_made_anew(tmp_path, monkeypatch):
    real, taken = files.lock, []

    def late(handle):
        if not taken:
            taken.append(True)
            files.lock = real
            folder = os.open(tmp_path, os.O_RDONLY)
            remove_leftovers(folder)
            os.close(folder)
        return real(handle)

    monkeypatch.setattr(files, "lock", late)
    write_file(tmp_path / "x.csv", "whole")
    assert taken
    assert (tmp_path / "x.csv").read_text() == "whole"


def test_a_folder_is_held_by_one_program(tmp_path):
    place = tmp_path / "a" / "out"
    with locked_folder(place) as folder:
        write_within(folder, place / "x.csv", b"x")
        with pytest.raises(OutputError, match=r"out is being written by another program\. Wait"), locked_folder(place):
            raise AssertionError("it was let in")
        (place / "link").symlink_to(tmp_path / "precious")
        with pytest.raises(OutputError, match="symbolic link"):
            write_within(folder, place / "link", b"x")
    (place / f"{TEMPORARY}dead").write_text("half")
    with locked_folder(place):
        assert names(place) == ["link", "x.csv"]
