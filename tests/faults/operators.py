"""The mutation operators: one small change to one node of a module's syntax tree, as a programmer might slip.

Not mutated: annotations, type aliases, decorators, default values, docstrings, `__all__`, imports, class bodies'
own assignments, the `strict` of a zip (an assertion), and prose (a string with a space in it, or a part of an
f-string): wording is not behaviour.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.Div,
    ast.Pow: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}
Change = Callable[[ast.AST], ast.AST]


@dataclass(frozen=True)
class Mutant:
    """One changed node of one file: where it is, what it was and what it becomes."""

    path: str
    index: int  # of the node, in the order of ast.walk
    variant: int  # of the changes to that node
    operator: str
    lines: tuple[int, int]  # of the statement's head: a test that runs none of them cannot see the change
    scope: str  # the outermost function's name, or the name that a module's own assignment binds
    text: str

    @property
    def name(self) -> str:
        """Name the mutant for `--only`: it holds as long as the file is unchanged."""
        return f"{self.path}:{self.lines[1]}:{self.index}.{self.variant}"


def of_file(root: Path, path: str) -> list[Mutant]:
    """List every mutant of a file in a fixed order."""
    tree = ast.parse((root / path).read_bytes())
    order = {id(node): index for index, node in enumerate(ast.walk(tree))}
    found = []
    for node, statement, scope in _places(tree):
        for variant, (operator, change) in enumerate(_changes(node)):
            lines = (statement.lineno, getattr(node, "lineno", statement.lineno))
            text = f"{_short(node)}  =>  {_short(change(copy.deepcopy(node)))}"
            found.append(Mutant(path, order[id(node)], variant, operator, lines, scope, text))
    return sorted(found, key=lambda mutant: (mutant.index, mutant.variant))


def mutated(root: Path, mutant: Mutant) -> ast.Module:
    """Give the file's syntax tree with the one change made."""
    tree = ast.parse((root / mutant.path).read_bytes())
    target = next(node for index, node in enumerate(ast.walk(tree)) if index == mutant.index)
    changed = _changes(target)[mutant.variant][1](copy.deepcopy(target))
    return ast.fix_missing_locations(_Swap(target, changed).visit(tree))


class _Swap(ast.NodeTransformer):
    """Puts one node in another's place."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        if node is not self.old:
            return self.generic_visit(node)
        return ast.copy_location(self.new, self.old) if hasattr(self.old, "lineno") else self.new


def _short(node: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(node)) or type(node).__name__
    return " ".join(text.split())[:100]


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.stmt, str]]:
    """Yield each node that may be changed, with its statement and the name that its code is found by."""
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef):
            yield from _function(statement, statement.name)
        elif isinstance(statement, ast.ClassDef):
            for member in statement.body:
                if isinstance(member, ast.FunctionDef):
                    yield from _function(member, f"{statement.name}.{member.name}")
        elif isinstance(statement, ast.Assign | ast.AnnAssign) and statement.value is not None:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            if (
                isinstance(target, ast.Name)
                and target.id != "__all__"
                and not isinstance(statement.value, ast.Subscript)
            ):
                yield from _within(statement.value, statement, target.id)


def _function(function: ast.FunctionDef, scope: str) -> Iterator[tuple[ast.AST, ast.stmt, str]]:
    for statement in function.body:
        yield from _within(statement, statement, scope)


def _within(node: ast.AST, statement: ast.stmt, scope: str) -> Iterator[tuple[ast.AST, ast.stmt, str]]:
    if isinstance(node, ast.JoinedStr) or _is_docstring(node):
        return
    yield node, statement, scope
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return
    skipped = {"returns", "decorator_list", "args"} if isinstance(node, ast.FunctionDef) else {"annotation"}
    for field, value in ast.iter_fields(node):
        if field not in skipped:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _within(child, child if isinstance(child, ast.stmt) else statement, scope)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changes(node: ast.AST) -> list[tuple[str, Change]]:
    """List what can be done to a node: the operator's name, and what changes a copy of the node."""
    found: list[tuple[str, Change]] = []
    for kinds, make in TABLE:
        if isinstance(node, kinds):
            found += make(node)
    return found


def _compare(node: ast.Compare) -> list[tuple[str, Change]]:
    def change(place: int) -> Change:
        def swap(copied: ast.Compare) -> ast.AST:
            copied.ops[place] = COMPARISONS[type(copied.ops[place])]()
            return copied

        return swap

    return [("comparison", change(place)) for place in range(len(node.ops))]


def _arithmetic(node: ast.BinOp | ast.AugAssign) -> list[tuple[str, Change]]:
    def swap(copied: ast.BinOp | ast.AugAssign) -> ast.AST:
        copied.op = ARITHMETIC[type(copied.op)]()
        return copied

    return [("arithmetic", swap)] if type(node.op) in ARITHMETIC else []


def _boolean(node: ast.BoolOp) -> list[tuple[str, Change]]:
    def swap(copied: ast.BoolOp) -> ast.AST:
        copied.op = ast.Or() if isinstance(copied.op, ast.And) else ast.And()
        return copied

    return [("boolean", swap)]


def _unary(node: ast.UnaryOp) -> list[tuple[str, Change]]:
    return [("unary", lambda copied: copied.operand)]


def _condition(node: ast.If | ast.While | ast.IfExp | ast.Assert) -> list[tuple[str, Change]]:
    def negate(copied: ast.If) -> ast.AST:
        copied.test = ast.UnaryOp(ast.Not(), copied.test)
        return copied

    return [("condition", negate)]


def _comprehension(node: ast.comprehension) -> list[tuple[str, Change]]:
    def drop(copied: ast.comprehension) -> ast.AST:
        copied.ifs = copied.ifs[:-1]
        return copied

    return [("condition", drop)] if node.ifs else []


def _constant(node: ast.Constant) -> list[tuple[str, Change]]:
    value = node.value
    if isinstance(value, bool):
        return [("constant", lambda _: ast.Constant(not value))]
    if isinstance(value, int | float):
        return [("constant", lambda _: ast.Constant(value + 1 if value + 1 != value else value / 2))]
    if isinstance(value, str | bytes) and " " not in (value if isinstance(value, str) else value.decode("latin-1")):
        return [("constant", lambda _: ast.Constant(value + (b"XX" if isinstance(value, bytes) else "XX")))]
    return []


def _return(node: ast.Return) -> list[tuple[str, Change]]:
    empty = node.value is None or (isinstance(node.value, ast.Constant) and node.value.value is None)
    return [] if empty else [("return", lambda _: ast.Return(ast.Constant(None)))]


def _call(node: ast.Call) -> list[tuple[str, Change]]:
    def without(place: int) -> Change:
        def drop(copied: ast.Call) -> ast.AST:
            del copied.keywords[place]
            return copied

        return drop

    def rename(copied: ast.Call) -> ast.AST:
        copied.func = ast.Name(CALLS[copied.func.id], ast.Load())
        return copied

    def shorter(copied: ast.Call) -> ast.AST:
        del copied.args[-1]
        return copied

    kept = [place for place, keyword in enumerate(node.keywords) if keyword.arg != "strict"]
    found: list[tuple[str, Change]] = [("argument", without(place)) for place in kept]
    if len(node.args) > 1:
        found.append(("argument", shorter))
    if isinstance(node.func, ast.Name) and node.func.id in CALLS:
        found.append(("call", rename))
    return found


def _statement(node: ast.stmt) -> list[tuple[str, Change]]:
    if isinstance(node, ast.Break | ast.Continue):
        return [("jump", lambda copied: ast.Continue() if isinstance(copied, ast.Break) else ast.Break())]
    return [("statement", lambda _: ast.Pass())]


TABLE: list[tuple[type | tuple[type, ...], Callable[..., list[tuple[str, Change]]]]] = [
    (ast.Compare, _compare),
    ((ast.BinOp, ast.AugAssign), _arithmetic),
    (ast.BoolOp, _boolean),
    (ast.UnaryOp, _unary),
    ((ast.If, ast.While, ast.IfExp, ast.Assert), _condition),
    (ast.comprehension, _comprehension),
    (ast.Constant, _constant),
    (ast.Return, _return),
    (ast.Call, _call),
    ((ast.Expr, ast.Raise, ast.Break, ast.Continue), _statement),
]
