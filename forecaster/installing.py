"""How to install a library that only some of the work needs.

This program is on no public package index: whatever is fetched from there by its name, or by its
command's, is a stranger's. A hint therefore names the library that is missing, and nothing else.
"""

from __future__ import annotations

import sys
from pathlib import Path

TENSORFLOW = "tensorflow>=2.20"
PYARROW = "pyarrow>=20"


def command(requirement: str) -> str:
    """Return the shell command that installs `requirement` for the Python that runs this program."""
    import shlex

    return f"{interpreter()} -m pip install {shlex.quote(requirement)}"


def interpreter() -> str:
    """Return `python` where the shell's is this one, else the path of this one, quoted for a shell."""
    import shlex
    import shutil

    on_path = shutil.which("python")
    same = on_path is not None and Path(on_path).absolute() == Path(sys.executable).absolute()
    return "python" if same else shlex.quote(sys.executable)
