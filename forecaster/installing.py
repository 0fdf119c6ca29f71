"""How to install a library that only some commands need.

This program is on no public package index: a package of its name there is a stranger's. A hint
therefore names the library that is missing, and never this program.
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
    """Return `python` if that is the Python which runs this program, else its path, quoted for a shell."""
    import shlex
    import shutil

    on_path = shutil.which("python")
    # Not resolved: the Python of a virtual environment is a link to one that does not see its libraries.
    is_this = on_path is not None and Path(on_path).absolute() == Path(sys.executable).absolute()
    return "python" if is_this else shlex.quote(sys.executable)
