from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from impasto.cli.options import WITHOUT_STEPS, RunOptions, default_output
from impasto.image import GRADIENTS, blend, load, read_metadata, write
from impasto.settings import editing

Cli = Callable[..., Any]


@pytest.fixture
def mask(folder: Path) -> str:
    """`mask.png`, of the size of `photo.png`: a square of red on black."""
    pixels = torch.zeros(1, 3, 72, 96)
    pixels[:, 0, 20:50, 30:60] = 1
    write("mask.png", pixels)
    return "mask.png#ff0000"


def test_it_writes_the_blend_and_says_so(cli: Cli, mask: str) -> None:
    told = cli("blend", "photo.png", "painting.png", "--mask", mask, "--at", "-20,10", "-o", "out.png")
    assert (told.code, told.out) == (0, "")
    assert told.lines[-1].startswith("wrote out.png, 80x80, in ")
    square = torch.zeros(1, 1, 72, 96)
    square[..., 20:50, 30:60] = 1
    expected = blend(load("photo.png").pixels, load("painting.png").pixels, square, (-20, 10))
    assert (load("out.png").pixels - expected).abs().max() <= 0.51 / 255


def test_info_gives_the_command_that_makes_the_same_bytes(cli: Cli, mask: str, folder: Path) -> None:
    cli("blend", "photo.png", "painting.png", "--mask", mask, "--at", "-20,10", "--gradients", "mixed", "-o", "a.png")
    first = (folder / "a.png").read_bytes()
    line = cli("info", "a.png").out.strip().splitlines()[-1]
    words = shlex.split(line)
    assert words[:2] == ["impasto", "blend"]
    (folder / "a.png").unlink()
    assert cli(*words[1:]).code == 0
    assert (folder / "a.png").read_bytes() == first
    recipe = read_metadata("a.png") or {}
    assert recipe["inputs"] == {"source": "photo.png", "target": "painting.png"}
    assert recipe["settings"] == {"mask": mask, "at": "-20,10", "gradients": "mixed"}


def test_json_and_quiet(cli: Cli, mask: str) -> None:
    flags = ("blend", "photo.png", "painting.png", "--mask", mask, "-o", "out.png")
    event = json.loads(cli(*flags, "--json").out)
    assert event.items() >= {"event": "result", "file": "out.png", "width": 80, "height": 80}.items()
    told = cli(*flags, "--quiet")
    assert (told.out, told.err) == ("", "")


@pytest.mark.usefixtures("folder")
def test_a_cut_out_is_its_own_mask(cli: Cli) -> None:
    photo = load("photo.png").pixels
    alpha = torch.zeros(1, 1, 72, 96)
    alpha[..., 20:50, 30:60] = 1
    write("cut.png", photo, alpha=alpha)
    write("white.png", torch.where(alpha > 0, photo, 1), alpha=alpha)
    cli("blend", "cut.png", "painting.png", "-o", "a.png")
    cli("blend", "white.png", "painting.png", "-o", "b.png")
    assert torch.equal(load("a.png").pixels, load("b.png").pixels)
    write("all.png", torch.ones_like(photo))
    cli("blend", "white.png", "painting.png", "--mask", "all.png", "-o", "b.png")
    assert torch.equal(load("a.png").pixels, load("b.png").pixels), "what is transparent is not taken"
    write("crop.png", photo[..., 20:50, 30:60])
    write("all.png", torch.ones(1, 3, 30, 30))
    cli("blend", "crop.png", "painting.png", "--mask", "all.png", "--at", "30,20", "-o", "b.png")
    assert torch.equal(load("a.png").pixels, load("b.png").pixels), "it is what is visible, and no more"
    told = cli("blend", "photo.png", "painting.png", "-o", "c.png")
    assert told.code == 2
    assert "nothing says what to take of 'photo.png'" in told.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--mask", "missing.png"], "no such file 'missing.png'"),
        (["--mask", "mask.png#0000ff"], "no colour #0000ff"),
        (["--mask", "mask.png", "--at", "12"], "a place is X,Y in whole pixels, such as 120,-40, not '12'"),
        (["--mask", "mask.png", "--at", "80,0"], "no part of the mask lies on the target"),
        (["--mask", "mask.png", "--gradients", "mixd"], "did you mean 'mixed'?"),
        (["--mask", "~mask.png", "-o", "mask.png"], "the output 'mask.png' is also an input"),
        (["--mask", "mask.png", "-o", "painting.png"], "the output 'painting.png' is also an input"),
        (["--mask", "mask.png", "-o", "out.xyz"], "unknown suffix"),
    ],
)
def test_what_cannot_be(cli: Cli, mask: str, folder: Path, flags: list[str], message: str) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    told = cli("blend", "photo.png", "painting.png", *flags)
    assert told.code == 2
    assert message in told.err
    assert len(told.lines) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_blend_can_be_painted(quick: Cli, mask: str, folder: Path) -> None:
    source = f"blend:photo.png,painting.png?mask={mask}&at=4,-6"
    told = quick("texture", source, "-o", "out.png")
    assert told.code == 0, told.err
    assert (read_metadata("out.png") or {})["inputs"] == {"style": source}
    for name in ("mask.png", "photo.png"):
        told = quick("texture", source, "-o", name)
        assert told.code == 2
        assert f"the output '{name}' is also an input" in told.err


def test_default_outputs_of_composed_pictures() -> None:
    blended = "blend:x/wolf.jpg,sample:flow?mask=~wolf.png#ff0000&at=1,2"
    assert default_output("blend", ["wolf.jpg", "sample:coffee"]) == "wolf-coffee.png"
    assert default_output("stylize", [blended, "generator:dir/faces.onnx?seed=7"]) == "wolf-flow-faces-7.png"
    assert default_output("texture", [blended]) == "wolf-flow-texture.png"


def test_names_of_tables_are_those_of_the_library() -> None:
    assert tuple(GRADIENTS) == editing.GRADIENTS
    assert set(WITHOUT_STEPS) <= set(RunOptions.__dataclass_fields__)
