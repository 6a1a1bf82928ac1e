from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.image import load, read_metadata, write
from impasto.settings.editing import CompareSettings
from impasto.tasks.compare import compare, difference

Cli = Callable[..., Any]


@pytest.fixture
def comparing(cli: Cli, folder: Path, tiny_lite: Path) -> Cli:
    """`impasto compare photo.png other.png` with a network of a few kilobytes, and more flags."""
    noise = torch.rand(1, 3, 72, 96, generator=torch.Generator().manual_seed(2))
    write("other.png", (load("photo.png").pixels + 0.2 * noise).clamp(0, 1))
    return partial(cli, "compare", "photo.png", "other.png", "--weights", tiny_lite)


def test_a_table_of_what_the_library_says(comparing: Cli, tiny_lite: Path) -> None:
    told = comparing("--layers", "relu2_1,relu1_1")
    assert (told.code, told.err) == (0, "")
    found = compare("photo.png", "other.png", CompareSettings(weights=str(tiny_lite), layers="relu2_1,relu1_1"))
    rows = [line.split() for line in told.out.splitlines()]
    assert rows == [
        ["PSNR", f"{found.psnr:.2f}", "dB"],
        ["SSIM", f"{found.ssim:.4f}"],
        [],
        ["layer", "style", "content"],
        *([name, f"{found.style[name]:.4f}", f"{found.content[name]:.4f}"] for name in ("relu2_1", "relu1_1")),
    ]


def test_json_is_one_line_even_of_equal_pictures(comparing: Cli, folder: Path) -> None:
    event = json.loads(comparing("--json", "--layers", "relu1_1").out)
    assert set(event) == {"event", "psnr", "ssim", "style", "content"}
    assert 10 < event["psnr"] < 30
    (folder / "other.png").write_bytes((folder / "photo.png").read_bytes())
    event = json.loads(comparing("--json", "--layers", "relu1_1").out, parse_constant=pytest.fail)
    zero = {"relu1_1": 0.0}
    assert event == {"event": "comparison", "psnr": None, "ssim": 1.0, "style": zero, "content": zero}
    assert comparing().out.splitlines()[0] == "PSNR  inf dB"


def test_the_difference_is_written_where_a_file_is_named(comparing: Cli, folder: Path) -> None:
    before = set(folder.iterdir())
    comparing()
    assert set(folder.iterdir()) == before
    told = comparing("-o", "difference.png", "--gain", 3)
    assert told.lines[-1].startswith("wrote difference.png, 96x72, in ")
    assert told.out.startswith("PSNR")
    expected = difference(load("photo.png").pixels, load("other.png").pixels, 3)
    assert (load("difference.png").pixels - expected).abs().max() <= 0.51 / 255
    told = comparing("-o", "difference.png", "--quiet")
    assert (told.code, told.out, told.err) == (0, "", "")


def test_info_gives_the_command_that_makes_the_same_bytes(comparing: Cli, cli: Cli, folder: Path) -> None:
    comparing("-o", "difference.png", "--gain", 2)
    first = (folder / "difference.png").read_bytes()
    words = shlex.split(cli("info", "difference.png").out.strip().splitlines()[-1])
    assert words[:2] == ["impasto", "compare"]
    (folder / "difference.png").unlink()
    assert cli(*words[1:]).code == 0
    assert (folder / "difference.png").read_bytes() == first
    assert (read_metadata("difference.png") or {})["inputs"] == {"a": "photo.png", "b": "other.png"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["photo.png", "missing.png"], "no such file 'missing.png'"),
        (["photo.png", "painting.png"], "pictures of different shapes cannot be compared: 96x72 and 80x80"),
        (["photo.png", "photo.png", "-o", "photo.png"], "the output 'photo.png' is also an input"),
        (["photo.png", "photo.png", "-o", "out.xyz"], "unknown suffix"),
        (["photo.png", "photo.png", "--layers", "relu4-2"], "did you mean 'relu4_2'?"),
        (["photo.png", "photo.png", "--network", "vgg18"], "did you mean 'vgg1"),
        (["photo.png", "photo.png", "--gain", "0"], "gain must be at least"),
    ],
)
def test_what_cannot_be(cli: Cli, folder: Path, words: list[str], message: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = cli("compare", *words)
    assert told.code == 2
    assert message in told.err
    assert len(told.lines) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
