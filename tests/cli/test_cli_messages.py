"""What messages advise exists: every flag, every command and every extra that a text of the source names."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import impasto
from impasto.cli import app
from impasto.errors import UsageError, choose, nearest

SOURCE = Path(impasto.__file__).parent

OF_PIP = {"--no-deps", "--force-reinstall", "--upgrade"}


def commands(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All commands by the words that call them."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {word}".strip())


COMMANDS = dict(commands(typer.main.get_command(app)))


def texts() -> Iterator[tuple[str, str]]:
    """Texts of the source that are no docstrings, with the name of their file."""
    for file in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone:
                yield file.name, node.value


def test_every_flag_that_a_text_names_exists() -> None:
    known = {
        flag for command in COMMANDS.values() for part in command.params for flag in (*part.opts, *part.secondary_opts)
    }
    named = [(file, flag) for file, text in texts() for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z]", text)]
    assert len(named) > 20
    assert [(file, flag) for file, flag in named if flag not in known | OF_PIP | {"--help", "--no"}] == []


def test_every_command_that_a_text_names_exists() -> None:
    named = [(file, words) for file, text in texts() for words in re.findall(r"`impasto ([a-z ]*[a-z])", text)]
    assert len(named) > 5
    assert [
        (f, words) for f, words in named if not any(words == n or words.startswith(f"{n} ") for n in COMMANDS if n)
    ] == []


def test_every_extra_that_a_text_names_exists() -> None:
    project = (SOURCE.parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    extras = set(re.findall(r"^(\w+) = \[", project.partition("[project.optional-dependencies]")[2], re.MULTILINE))
    named = {extra for _, text in texts() for extra in re.findall(r"impasto\[(\w+)\]", text)}
    assert named
    assert named <= extras


def test_a_name_is_no_hint_at_itself() -> None:
    assert nearest("starry", ["starry", "wheat"]) == ""
    assert nearest("starri", ["starry", "wheat"]) == " (did you mean 'starry'?)"
    assert nearest("Starry", ["starry"]) == " (did you mean 'starry'?)"
    with pytest.raises(UsageError, match="unknown layer 'x'; allowed: y"):
        choose({"y": 1}, "x", "layer")
