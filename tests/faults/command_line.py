"""A hostile model given to the command itself: what the system was asked for, told by strace."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from forecaster.bundle.manifest import FILES

CLI = Path(__file__).resolve().parents[2] / "cli.py"
LONGEST = 2048
CALLS = (
    "open,openat,openat2,creat,truncate,execve,execveat,socket,connect,rename,renameat,renameat2,link,linkat,"
    "symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,chmod,fchmodat,mknod,mknodat"
)
CALL = re.compile(r'^(?:\d+ +)?(\w+)\((?:([\w-]+), )?"((?:[^"\\]|\\.)*)"(?:\.\.\.)?(.*)$')
WRITING = re.compile(r"O_(WRONLY|RDWR|CREAT|TRUNC|APPEND)")


class Told(NamedTuple):
    """How the command ended, and what it did that it should not have."""

    code: int
    stderr: str
    touched: list[str]

    @property
    def complaint(self) -> str:
        """What is wrong with it, or nothing."""
        if self.code != 2 or not self.stderr.startswith("Error: "):
            return f"exit code {self.code}: {self.stderr[-300:]!r}"
        if len(self.stderr.encode()) > LONGEST or not self.stderr.rstrip("\n").isprintable() or "bug" in self.stderr:
            return f"{len(self.stderr)} characters on stderr: {self.stderr[:300]!r}"
        return f"it touched {self.touched[:3]}" if self.touched else ""


def told_by_the_command(model: Path, signal: Path, place: Path) -> Told:
    """Run ``forecast MODEL SIGNAL``; everything of the test lies in `place`, which only `model` may be read of."""
    trace, out = place.with_name(f"{place.name}.trace"), place / "out"
    command = [sys.executable, str(CLI), "forecast", str(model), str(signal), "-o", str(out)]
    if strace := shutil.which("strace"):
        command = [strace, "-f", "-qq", "-s", "4096", "-e", f"trace={CALLS}", "-o", str(trace), *command]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "100"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, check=False)
    lines = trace.read_text(errors="replace").splitlines() if strace else []
    trace.unlink(missing_ok=True)
    touched = [line for line in lines[1:] if _is_wrong(line, model, place)]
    return Told(done.returncode, done.stderr, touched + ([f"made {out}"] if out.exists() else []))


def _is_wrong(line: str, model: Path, place: Path) -> bool:
    """Say whether a system call does more than read the program's own files, and the folder's."""
    found = CALL.match(line)
    if found is None:  # the end of a process or of a call that was interrupted, or a call without a path
        return line.partition("(")[0].split()[-1] in ("socket", "connect", "socketpair")
    call, _, path, rest = found.groups()
    if not call.startswith("open"):
        return " = -1 " not in rest or call.startswith("execve")
    if WRITING.search(rest) and path not in ("/dev/null", "/dev/tty"):
        return True
    if not path.startswith("/"):
        return "O_NOFOLLOW" not in rest or not (path in ("model.json", *FILES) or path.startswith("data-"))
    mine = path == str(place) or path.startswith(f"{place}/")
    return path == "/dev/zero" or (mine and (path != str(model) or "O_DIRECTORY" not in rest))
