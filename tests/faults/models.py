"""What stands where a model or a batch was written: old, new, both in whole pieces, or something that must not be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from forecaster.bundle import load
from forecaster.bundle.manifest import FILES, data_name
from forecaster.errors import ForecasterError
from forecaster.files import TEMPORARY
from tests.faults.warm import Tree, leftovers, tree

Model = dict[str, bytes]


def committed(path: Path) -> Model | None:
    """Return the bytes of the model that stands at `path`, having passed the gate; None if there is none.

    Raises: ForecasterError if the gate refuses what is there.
    """
    if not path.exists():
        return None
    load(path)
    manifest = (path / "model.json").read_bytes()
    data = path / data_name(manifest)
    return {"model.json": manifest, **{name: (data / name).read_bytes() for name in FILES}}


def judge_model(path: Path, old: Model | None, new: Model) -> str:
    """Name what stands at `path`."""
    try:
        found = committed(path)
    except ForecasterError:
        return "torn"
    if found is None:
        return "old" if old is None else "lost"
    return "new" if found == new else "old" if found == old else "torn"


def model_tidy(path: Path) -> bool:
    """Tell whether nothing but a model and at most its predecessor's data are left."""
    beside = [one.name for one in path.parent.iterdir() if one.name.startswith(TEMPORARY)]
    return not beside and not leftovers(tree(path)) and len(list(path.iterdir())) <= 3


def judge_files(found: Tree, old: Tree, new: Tree) -> str:
    """Name what stands in a folder of single files: each must be there as before or as after."""
    seen = {path: content for path, content in found.items() if TEMPORARY not in path}
    if seen == new:
        return "new"
    if seen == old:
        return "old"
    for path in old.keys() - seen.keys():
        if path in new or not _complete(seen, new):
            return "lost"  # a file may go in the end only, and only where the undisturbed run removes it
    for path, content in seen.items():
        wanted = [one[path] for one in (old, new) if path in one]
        if content not in wanted and not (path.endswith("manifest.json") and _consistent(content, seen, path)):
            return "torn"
    return "mixed"


def _complete(seen: Mapping[str, bytes | None], new: Tree) -> bool:
    return all(seen.get(path) == content for path, content in new.items() if not path.endswith("manifest.json"))


def _consistent(content: bytes | None, seen: Mapping[str, bytes | None], path: str) -> bool:
    """Tell whether a manifest is whole, and every output that it calls done is there with its hash."""
    folder = path.removesuffix("manifest.json")
    try:
        entries = json.loads(content or b"")["files"]
    except ValueError:
        return False
    done = [one for one in entries if one["status"] == "ok"]
    files = [(seen.get(folder + one["output"]), one["sha256"]) for one in done]
    return all(data is not None and hashlib.sha256(data).hexdigest() == sha256 for data, sha256 in files)
