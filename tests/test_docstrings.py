"""The examples in the docstrings give what they say."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
WITH_EXAMPLES = [
    path.relative_to(ROOT).as_posix()
    for path in sorted((ROOT / "forecaster").rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


@pytest.mark.parametrize("path", WITH_EXAMPLES)
def test_examples(path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    module = importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.attempted > 0
    assert result.failed == 0, capsys.readouterr().out
