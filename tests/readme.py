"""The commands that README.md shows, as it shows them: ``python -m tests.readme main`` prints one."""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"
BLOCK = re.compile(r"<!-- (\w+) -->\n```console\n(.*?)```", re.DOTALL)


def blocks(text: str) -> dict[str, list[str]]:
    """Return the lines of every console block that a comment names, without the prompts' output."""
    return {
        name: [line[2:] for line in body.splitlines() if line.startswith("$ ")] for name, body in BLOCK.findall(text)
    }


def command(name: str) -> str:
    """Return the one line of the block `name`."""
    (line,) = blocks(README.read_text(encoding="utf-8"))[name]
    return line


if __name__ == "__main__":
    sys.stdout.write(command(sys.argv[1]) + "\n")
