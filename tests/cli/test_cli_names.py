"""Names of files with signs that mean something elsewhere, with bytes that are no UTF-8, and names that are empty."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.painters import many, picture

from impasto.cli.failures import refuse_empty
from impasto.errors import UsageError
from impasto.image import files_named, load, pieces, read_metadata, write
from impasto.networks import save
from impasto.settings.synthesis import StylizeSettings
from impasto.tasks.scene.regions import parse_region
from impasto.tasks.training.photos import pictures_in

Cli = Callable[..., Any]

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")

ODD = os.fsdecode(b"caf\xe9")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["apply", "", "--style", "sea"], "the argument after 'apply' is empty"),
        (["apply", "photo.png", "--style", ""], "the argument after '--style' is empty"),
        (["apply", "photo.png", "--style="], "--style is empty"),
        (["stylize", "photo.png", "", "-o", "out.png"], "the argument after 'photo.png' is empty"),
        (["stylize", "photo.png", "painting.png", "-o", ""], "the argument after '-o' is empty"),
        (["stylize", "photo.png", "painting.png", "--init="], "--init is empty"),
        (["train", "style", "", "painting.png"], "the argument after 'style' is empty"),
        (["samples", ""], "the argument after 'samples' is empty"),
        (["sweep", "mixing", "-o", ""], "the argument after '-o' is empty"),
        (["export", "net.safetensors", "-o", ""], "the argument after '-o' is empty"),
        (["info", "--", ""], "the argument after '--' is empty"),
    ],
)
def test_an_empty_argument_is_refused(cli: Cli, folder: Path, words: list[str], line: str) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    told = cli(*words)
    assert (told.code, told.out, len(told.lines)) == (2, "", 1)
    assert line in told.err
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_what_only_looks_empty_is_not() -> None:
    refuse_empty(["info", "--", "--odd="])
    refuse_empty(["sweep", "mixing", "--set", "init="])


@pytest.mark.parametrize("values", [{"init": ""}, {"mix": ["", "a.png=0.5"]}])
def test_an_empty_setting_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(values))} .*empty"):
        StylizeSettings.from_mapping(values)


def test_the_library_takes_no_empty_name_for_the_current_folder(folder: Path) -> None:
    with pytest.raises(UsageError, match="name of a picture is empty"):
        load("")
    with pytest.raises(UsageError, match="'' is no folder"):
        pictures_in("")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("m.png:p.png:0.5", ["m.png", "p.png", "0.5"]),
        (r"C:\m.png:D:\p.png:0.5", [r"C:\m.png", r"D:\p.png", "0.5"]),
        (r"~C:/m.png#ff0000:sample:ink", ["~C:/m.png#ff0000", "sample:ink"]),
        ("2:1.png:sea: still.png", ["2:1.png", "sea: still.png"]),
        (
            "~2:1.png#ff0000:generator:faces?seed=7:2:1.png:0.5",
            ["~2:1.png#ff0000", "generator:faces?seed=7", "2:1.png", "0.5"],
        ),
        ("m:/p.png", ["m", "/p.png"]),
    ],
)
@LINUX
def test_colons_of_names_part_nothing(folder: Path, text: str, parts: list[str]) -> None:
    for name in ("2:1.png", "sea: still.png", "m"):
        (folder / name).touch()
    assert pieces(text) == parts
    region = parse_region(text)
    assert [region.mask, region.style] == parts[:2]


@LINUX
def test_files_are_found_in_settings_whatever_their_names(folder: Path) -> None:
    for name in ("2:1.png", "a=b.png", "#1,2.png"):
        (folder / name).touch()
    texts = ["~2:1.png#ff0000:sample:ink:0.5", "a=b.png=0.3", "#1,2.png", "w2"]
    assert files_named(texts) == ["#1,2.png", "2:1.png", "a=b.png"]


@LINUX
def test_a_region_may_be_of_a_file_with_a_colon(stylize: Cli, folder: Path) -> None:
    write("2:1.png", torch.ones(1, 3, 72, 96))
    shutil.copy("painting.png", "sea: still.png")
    assert stylize("-o", "out.png", "--region", "2:1.png:sea: still.png:0.5").code == 0


def test_a_file_with_a_dash_is_named_in_the_hint(quick: Cli, folder: Path) -> None:
    shutil.copy("photo.png", "-a.png")
    told = quick("stylize", "-a.png", "painting.png")
    assert (told.code, len(told.lines)) == (2, 1)
    assert f"'-a.png' is also a file: write .{os.sep}-a.png" in told.err
    assert quick("stylize", f".{os.sep}-a.png", "painting.png").code == 0
    assert (folder / "-a-painting.png").is_file()
    assert quick("stylize", "-o", "-out.png", "--", "-a.png", "painting.png").code == 0
    assert (folder / "-out.png").is_file()
    assert "is also a file" not in quick("stylize", "photo.png", "painting.png", "-b.png").err


@LINUX
@pytest.mark.skipif(not shutil.which("bash"), reason="the line is for bash")
def test_bytes_that_are_no_utf_8_go_through(quick: Cli, cli: Cli, folder: Path) -> None:
    shutil.copy("photo.png", f"{ODD}.png")
    told = quick("stylize", f"{ODD}.png", "painting.png")
    assert told.code == 0, told.err
    assert "-painting.png, 64x48, in " in told.lines[-1]
    made = folder / f"{ODD}-painting.png"
    first = made.read_bytes()
    assert (read_metadata(made) or {})["inputs"]["content"] == f"{ODD}.png"  # type: ignore[index, call-overload]
    line = cli("info", made.name).out.splitlines()[-1]
    assert line.isascii()
    words = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout.split(
        b"\0"
    )
    assert [os.fsdecode(word) for word in words[-5:-1]] == ["--output", made.name, f"{ODD}.png", "painting.png"]
    made.unlink()
    assert cli(*[os.fsdecode(word) for word in words[1:-1]]).code == 0
    assert made.read_bytes() == first
    assert cli("compare", f"{ODD}.png", "photo.png", "-o", f"{ODD}2.png", "-q").code == 0


@LINUX
def test_states_and_networks_may_have_such_names(stylize: Cli, cli: Cli, folder: Path, tiny_lite: Path) -> None:
    from impasto.tasks.run.run import Job  # noqa: PLC0415

    whole, save_as = Job.steps, folder / f"{ODD}.safetensors"

    def cut(job: Job, resume: Any = None) -> Any:
        for step in whole(job, resume):
            yield step
            if step.index == 3:
                raise KeyboardInterrupt

    words = ("--steps", 6, "--checkpoint-every", 0, "-o", f"{ODD}.png")
    Job.steps = cut  # type: ignore[method-assign]
    try:
        assert stylize(*words).code == 130
    finally:
        Job.steps = whole  # type: ignore[method-assign]
    assert "going on after step 3" in stylize(*words).err
    save(many(), save_as)
    write("photo.png", picture(72, 96))
    assert cli("apply", "photo.png", "--network", save_as.name, "--style", "sea", "-o", "a.png").code == 0
    assert cli("export", save_as.name, "-o", ODD).code == 0
    assert len(list((folder / ODD).iterdir())) == 2
    shutil.copy(tiny_lite, f"{ODD}-lite.safetensors")
    told = cli("compare", "photo.png", "photo.png", "--weights", f"{ODD}-lite.safetensors", "-q")
    assert told.code == 0, told.err


def test_the_line_of_usual_names_is_that_of_shlex(stylize: Cli, cli: Cli, folder: Path) -> None:
    shutil.copy("photo.png", "it's mine.png")
    assert stylize("-o", "my out.png").code == 0
    assert shlex.split(cli("info", "my out.png").out.splitlines()[-1])[-4:] == [
        *("--output", "my out.png", "photo.png", "painting.png")
    ]
