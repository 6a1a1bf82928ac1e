from __future__ import annotations

import subprocess
import sys

import pytest

from impasto.cli import main

HEAVY = {"torch", "numpy", "PIL", "rich", "pydantic"}
"""Packages whose import takes a tenth of a second or more."""


@pytest.mark.parametrize(
    "words", [["--help"], ["stylize", "--help"], ["train", "style", "--nosuch"], ["stylize", "--nosuch"]], ids=" ".join
)
def test_help_and_errors_of_use_import_nothing_that_takes_long(words: list[str]) -> None:
    code = f"import sys; from impasto.cli import main; main({words!r}); sys.exit(bool({HEAVY!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr


def test_the_help_of_a_command_has_sections_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stylize", "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert headings == ["Arguments:", "Files and reports:", "Painting:", "Computing:", "Options:"]


def test_the_help_of_a_group_has_whole_descriptions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Compare A and B: PSNR, SSIM, and the distances of style and content by layer." in text
    assert "..." not in text.partition("Commands:")[2]


def test_a_group_without_a_command_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train"]) == 2
    assert capsys.readouterr().err == "impasto: missing command (see impasto train --help)\n"


@pytest.mark.parametrize("width", ["80", "200"])
def test_square_brackets_stand_in_the_help(
    width: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would be markup for rich."""
    monkeypatch.setenv("COLUMNS", width)
    for command, text in (
        ("stylize", "MASK:PAINTING[:MASK][:WEIGHT]: a region"),
        ("apply", "MASK:STYLE[:STRENGTH]: a region"),
    ):
        assert main([command, "--help"]) == 0
        assert text in " ".join(capsys.readouterr().out.split())
