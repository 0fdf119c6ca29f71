"""The structure in numbers: `python -m tests.structure [CHECKOUT]` prints them for a checkout of this project.

What is counted: modules, lines of code (without blanks, comments and docstrings), short modules, private functions with
one use, lengths of functions, questions after the task outside tasks/, files that name a predictor, whole-line
comments, and bindings of names that say nothing.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from pathlib import Path

EMPTY_NAMES = {"one", "found", "own", "known", "made", "given", "rest", "others", "wanted", "beside", "what", "whole"}
EMPTY_NAMES |= {"told", "some", "there"}
# "signal.symbols", "model.task == ...": lines that ask which task something has. The reader's own option is not meant.
TASK_QUESTION = re.compile(r"\.task\b.*(==|!=)|\bif .*(signal|window|manifest|forecasts\[0\])\.symbols\b|\.task in ")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def code_lines(text: str, tree: ast.Module) -> int:
    """Return the lines of code: no blanks, no whole-line comments, no docstrings nor texts that explain a constant."""
    documented = {
        line for node in ast.walk(tree) if is_docstring(node) for line in range(node.lineno, (node.end_lineno or 0) + 1)
    }
    lines = enumerate(text.splitlines(), start=1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in documented for number, line in lines
    )


def function_lengths(tree: ast.Module) -> list[int]:
    """Return the lines of each function's body, without its docstring."""
    lengths = []
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lengths.append((node.end_lineno or 0) - (body[0].lineno if body else node.lineno) + 1)
    return sorted(lengths)


def used_once(text: str, tree: ast.Module) -> tuple[int, int]:
    """Return how many private functions a module has, and how many of them stand there but for one use."""
    names = [node.name for node in ast.walk(tree) if isinstance(node, FUNCTIONS) and re.match(r"_[a-z]", node.name)]
    return len(names), sum(len(re.findall(rf"\b{name}\b", text)) == 2 for name in names)


def empty_names(tree: ast.Module) -> int:
    """Return how often a name that says nothing is bound, as a variable or a parameter."""
    nodes = list(ast.walk(tree))
    variables = sum(isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id in EMPTY_NAMES for n in nodes)
    return variables + sum(isinstance(n, ast.arg) and n.arg in EMPTY_NAMES for n in nodes)


def predictor_names(texts: dict[Path, str]) -> set[str]:
    """Return the names that predictors give themselves, and those of the networks' files."""
    in_classes = re.compile(r'^    name(?:: ClassVar\[str\])? = "([a-z-]+)"', re.MULTILINE)
    folders = {path.parent.name: path.parent for path in texts}
    named = {
        name for path, text in texts.items() if path.parent.name == "predictors" for name in in_classes.findall(text)
    }
    networks = {path.stem for path in texts if path.parent == folders["networks"] and not path.stem.startswith("_")}
    return named | {name.replace("_", "-") for name in networks}


def naming_files(texts: dict[Path, str], trees: dict[Path, ast.Module]) -> Counter[str]:
    """Return by predictor in how many files its name stands as a text of its own."""
    names = predictor_names(texts)
    counts: Counter[str] = Counter()
    for tree in trees.values():
        constants = {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
        counts.update(names & constants)
    return counts


def report(root: Path) -> list[tuple[str, str]]:
    """Return the figures of a checkout as (name, figure)."""
    paths = sorted((root / "forecaster").rglob("*.py"))
    texts = {path: path.read_text() for path in paths}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    code = sum(code_lines(text, trees[path]) for path, text in texts.items())
    comments = sum(line.strip().startswith("#") for text in texts.values() for line in text.splitlines())
    lengths = sorted(length for tree in trees.values() for length in function_lengths(tree))

    def quantile(share: float) -> int:
        return lengths[int(len(lengths) * share)]

    private, once = (sum(pair) for pair in zip(*(used_once(texts[path], trees[path]) for path in paths), strict=True))
    outside = [text for path, text in texts.items() if "tasks" not in path.parts]
    questions = sum(bool(TASK_QUESTION.search(line)) for text in outside for line in text.splitlines())
    modules = [path for path in paths if path.name != "__init__.py"]
    # Its own file and the registry name a predictor. "mean" is an everyday word, and no mention of the baseline.
    several = {name: count for name, count in naming_files(texts, trees).items() if count > 2 and name != "mean"}
    return [
        ("modules (with __init__)", f"{len(modules)} ({len(paths)})"),
        ("modules in the root", str(len(list((root / "forecaster").glob("*.py"))))),
        ("modules under 100 lines", str(sum(len(texts[path].splitlines()) < 100 for path in modules))),
        ("modules over 500 lines", str(sum(len(texts[path].splitlines()) > 500 for path in modules))),
        ("lines of code", f"{code:,}"),
        (
            "functions: lines, median and 90th percentile",
            f"{lengths[len(lengths) // 2]}, {lengths[len(lengths) * 9 // 10]}",
        ),
        ("private functions, used once", f"{private}, {once}"),
        ("whole-line comments in 1,000 lines of code", f"{1000 * comments / code:.0f}"),
        ("bindings of names that say nothing", str(sum(map(empty_names, trees.values())))),
        ("questions after the task outside tasks/", str(questions)),
        ("predictors named beyond their file and the registry", f"{len(several)}: {several}" if several else "0"),
    ]


if __name__ == "__main__":
    figures = report(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1])
    width = max(len(name) for name, _ in figures)
    print("\n".join(f"{name.ljust(width)}  {figure}" for name, figure in figures))
