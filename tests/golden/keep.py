"""Keep what the commands of `runs.py` give with version 1: `python tests/golden/keep.py CHECKOUT`.

Of a large output the hash alone is kept. To see where such a one differs, write it with both checkouts: see `make.py`.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

from runs import KEPT, RUNS, compute

LARGEST = 1 << 16
BINARY = ".safetensors"


def main() -> None:
    """Write the outputs, and `sums.json` with the hash of each."""
    shutil.rmtree(KEPT, ignore_errors=True)
    KEPT.mkdir()
    with tempfile.TemporaryDirectory() as place:
        compute(Path(sys.argv[1]), Path(place), RUNS)
        contents = {path.name: path.read_bytes() for path in sorted(Path(place).iterdir())}
    for name, content in contents.items():
        if len(content) <= LARGEST and not name.endswith(BINARY):
            (KEPT / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name != "platform.json"}
    (KEPT / "sums.json").write_text(json.dumps(sums, indent=1) + "\n")


if __name__ == "__main__":
    main()
