"""The examples in the docstrings of the package run, and every public function has one."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from pathlib import Path

import pytest

import impasto

MODULES = sorted(module.name for module in pkgutil.walk_packages(impasto.__path__, "impasto."))
FUNCTIONS = sorted(name for name in impasto.__all__ if inspect.isfunction(getattr(impasto, name)))


@pytest.mark.parametrize("name", ["impasto", *(name for name in MODULES if not name.endswith("__main__"))])
def test_the_examples_of_a_module_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    output = list[str]()
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for test in tests:
        runner.run(test, out=output.append)
    assert not runner.failures, "".join(output)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_has_an_example(name: str) -> None:
    function = getattr(impasto, name)
    assert doctest.DocTestParser().get_examples(inspect.getdoc(function) or ""), f"impasto.{name} has no example"


def test_there_are_public_functions() -> None:
    assert len(FUNCTIONS) > 15
