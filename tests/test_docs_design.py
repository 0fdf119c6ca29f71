"""docs/DESIGN.md tells the truth about the code: its packages, its files, and who imports TensorFlow."""

import ast
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "forecaster"
TEXT = (ROOT / "docs" / "DESIGN.md").read_text(encoding="utf-8")


def section(title):
    """Return the text below a heading, up to the next."""
    return TEXT.split(f"## {title}\n")[1].split("\n## ")[0]


def imports_of(tree):
    """Return the first part of every module that is imported."""
    return {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""])
    }


def test_the_packages_are_those_of_the_import_contract_in_its_order():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in section("Packages").splitlines() if "| `" in line]
    assert shown == [layer.split(" | ") for layer in layers if layer != "__main__"]


def test_the_files_that_it_names_exist():
    named = set(re.findall(r"`([\w./]+(?:\.py|/))`", TEXT))
    assert len(named) > 20
    places = (ROOT, PACKAGE, PACKAGE / "reading", PACKAGE / "training")
    assert [name for name in sorted(named) if not any((place / name).exists() for place in places)] == []


def test_tensorflow_is_imported_where_it_says():
    importers = set()
    for path in PACKAGE.rglob("*.py"):
        if imports_of(ast.parse(path.read_text(encoding="utf-8"))) & {"tensorflow", "keras"}:
            importers.add(path.relative_to(PACKAGE))
    text = section("Where TensorFlow is")
    for path in importers:
        folder = path.parts[0]
        assert folder in {"training", "layers", "networks"}, path
        assert folder != "training" or f"`{path.name}`" in text, path
    # A network itself imports Keras within `build` alone; what networks share is written with it.
    for path in (PACKAGE / "networks").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        at_the_top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        assert path.name == "_keras.py" or not imports_of(at_the_top) & {"tensorflow", "keras"}, path


def test_it_names_every_page_that_says_how_to_add_something():
    pages = {page.name for page in (ROOT / "docs").glob("ADD_A*.md")}
    assert pages <= set(re.findall(r"\]\((ADD_A\w+\.md)\)", section("What can be added")))
