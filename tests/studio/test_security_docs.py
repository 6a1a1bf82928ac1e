"""`docs/security.md` against the code: tests, options and numbers that it names."""

from __future__ import annotations

import dataclasses
import importlib
import re
from pathlib import Path

import pytest

from impasto.settings.studio import StudioSettings
from impasto.studio.security import Policy, limits, password, visitor

PAGE = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
TESTS = re.findall(r"`(test_\w+)\.py::(test_\w+)`", PAGE)
OPTIONS = re.findall(r"--([a-z][a-z-]+)", PAGE)
DEFAULTS = {field.name: field.default for field in dataclasses.fields(StudioSettings)}


@pytest.mark.parametrize(("module", "name"), TESTS)
def test_the_tests_of_the_table_exist(module: str, name: str) -> None:
    assert callable(getattr(importlib.import_module(f"tests.studio.{module}"), name))


def test_every_attack_has_a_test() -> None:
    rows = [
        line for line in PAGE.partition("## Attacks")[2].partition("\n## ")[0].splitlines() if line.startswith("| ")
    ]
    assert len(rows) - 1 == len(TESTS) > 15


@pytest.mark.parametrize("option", sorted(set(OPTIONS) - {"cookie", "cookie-jar", "data-binary"}))
def test_the_options_exist(option: str) -> None:
    assert option.replace("-", "_") in DEFAULTS


@pytest.mark.parametrize("option", ["body-mb", "megapixels", "side", "queue-each", "queue"])
def test_the_defaults_of_the_limits_are_those_of_the_settings(option: str) -> None:
    row = re.search(rf"\| (\d+)[^|]*\| `--{option}` \|", PAGE)
    assert row is not None
    assert int(row[1]) == DEFAULTS[option.replace("-", "_")]


def test_the_other_numbers() -> None:
    policy = Policy()
    assert policy.json_bytes == 1_000_000
    assert "| bytes of another body | 1 MB |" in PAGE
    assert f"| requests of a visitor at the same time | {policy.requests_each} |" in PAGE
    assert f"at least {policy.bytes_per_second} bytes a second over {limits.WINDOW:g} s" in PAGE
    assert f"{DEFAULTS['hours']:g} hours after the last use (`--hours`)" in PAGE
    assert f"at most {DEFAULTS['store_gb']:g} GB (`--store-gb`)" in PAGE
    assert f"http://127.0.0.1:{DEFAULTS['port']}/" in PAGE
    assert f"A session lasts for {password.MAX_AGE // 3600} hours" in PAGE
    assert f"lasts for {visitor.MAX_AGE // 86_400} days" in PAGE
