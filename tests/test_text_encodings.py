"""Text is read and written with an encoding: without one, Windows takes an old code page."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("src", "docs", "benchmarks", "training")

ENCODING = {"read_text": 0, "write_text": 1}
"""The place of the encoding among the arguments."""

MODES = {kind + more for kind in "rwax" for more in ("", "+", "t", "t+", "+t")}


def without_encoding(tree: ast.AST) -> Iterator[int]:
    """Return the lines of calls that read or write text without an encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or any(keyword.arg in ("encoding", None) for keyword in node.keywords):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if ast.unparse(node.func) == "av.open":  # films
            continue
        modes = {argument.value for argument in node.args if isinstance(argument, ast.Constant)} & MODES
        if (name in ENCODING and len(node.args) <= ENCODING[name]) or (name in ("open", "fdopen") and modes):
            yield node.lineno


def test_text_has_an_encoding() -> None:
    files = [file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py") if "node_modules" not in file.parts]
    assert len(files) > 200
    lines = {
        str(file.relative_to(ROOT)): lines
        for file in files
        if (lines := list(without_encoding(ast.parse(file.read_text(encoding="utf-8")))))
    }
    assert lines == {}


def test_calls_without_an_encoding_are_recognised() -> None:
    code = 'p.read_text()\np.write_text(a)\nopen(p, "w")\np.open("a")\np.open("rb")\np.read_text("utf-8")\n'
    assert list(without_encoding(ast.parse(code))) == [1, 2, 3, 4]
