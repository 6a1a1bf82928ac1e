"""`impasto apply` and `impasto export`."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.painters import many, picture

from impasto.image import Picture, load, read_metadata, write
from impasto.image.writing import srgb_profile
from impasto.networks import save
from impasto.settings.editing import ApplySettings
from impasto.tasks.apply import Painter, apply

Cli = Callable[..., Any]


@pytest.fixture
def net(folder: Path) -> str:
    """`net.safetensors`, and a photo with soft shapes."""
    save(many(), "net.safetensors")
    write("photo.png", picture(72, 96))
    return "net.safetensors"


@pytest.fixture
def paint(cli: Cli, net: str) -> Cli:
    return lambda photo, *args: cli("apply", photo, "--network", net, *args)


def test_it_writes_the_picture_and_says_so(paint: Cli) -> None:
    told = paint("photo.png", "--style", "sea=0.7,sand=0.3", "-o", "out.png")
    assert (told.code, told.out) == (0, ""), told.err
    assert told.lines[-1].startswith("wrote out.png, 96x72, in ")
    expected = apply("photo.png", many(), "sea=0.7,sand=0.3")
    assert (load("out.png").pixels - expected).abs().max() <= 0.51 / 255


def test_info_gives_the_command_that_makes_the_same_bytes(paint: Cli, cli: Cli, folder: Path) -> None:
    flags = ("--style", "sea", "--strength", "0.8", "--region", "photo.png:sand:0.5", "--keep-color", "lab")
    assert paint("photo.png", *flags, "-o", "a.png").code == 0
    first = (folder / "a.png").read_bytes()
    words = shlex.split(cli("info", "a.png").out.strip().splitlines()[-1])
    assert words[:2] == ["impasto", "apply"]
    (folder / "a.png").unlink()
    assert cli(*words[1:]).code == 0
    assert (folder / "a.png").read_bytes() == first
    assert (read_metadata("a.png") or {})["inputs"] == {"content": "photo.png"}


def test_json_quiet_and_the_default_name(paint: Cli, folder: Path) -> None:
    told = paint("photo.png", "--style", "sea=0.7,sand=0.3", "--json")
    assert json.loads(told.out).items() >= {"event": "result", "file": "photo-sea-sand.png", "width": 96}.items()
    told = paint("photo.png", "--style", "sea", "--quiet")
    assert (told.out, told.err) == ("", "")
    assert (folder / "photo-sea.png").is_file()


def test_sixteen_bits_and_transparency_stay(paint: Cli) -> None:
    alpha = torch.linspace(0, 1, 96).expand(1, 1, 72, 96)
    write("cut.png", picture(72, 96), alpha=alpha, bits=16)
    assert paint("cut.png", "--style", "sea", "--bits", 16, "-o", "out.png").code == 0
    made = load("out.png")
    assert made.bits == 16
    assert made.alpha is not None
    assert (made.alpha - alpha).abs().max() < 1e-4
    expected = apply(Picture(picture(72, 96), alpha), many(), "sea")
    assert (made.pixels - expected)[..., 1:].abs().max() < 2e-4, "but for the column that nobody sees"
    assert paint("cut.png", "--style", "sea", "--size", 48, "-o", "small.png").code == 0
    small = load("small.png")
    assert small.size == (36, 48)
    assert small.alpha is not None


def test_profiles_are_read_and_written(paint: Cli) -> None:
    pixels = (picture(72, 96)[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    Image.fromarray(pixels).save("tagged.jpg", icc_profile=srgb_profile(), quality=95)
    assert paint("tagged.jpg", "--style", "sea", "-o", "out.jpg").code == 0
    with Image.open("out.jpg") as made:
        assert made.info["icc_profile"] == srgb_profile()


def test_the_photos_metadata_are_kept_without_its_place(paint: Cli) -> None:
    exif = Image.Exif()
    exif[0x8298], exif[0x0112] = "(c) Meier", 6
    exif.get_ifd(0x8825)[1] = "N"
    Image.new("RGB", (40, 56), "olive").save("photo.jpg", exif=exif, dpi=(300, 300))
    for flags, rights, place in (((), True, False), (("location",), True, True), (("none",), False, False)):
        asked = ("--photo-metadata", *flags) if flags else ()
        assert paint("photo.jpg", "--style", "sea", *asked, "-o", "out.png").code == 0
        with Image.open("out.png") as made:
            found = made.getexif()
            assert (found.get(0x8298) == "(c) Meier") == rights
            assert bool(found.get_ifd(0x8825)) == place
            assert (round(made.info.get("dpi", (0, 0))[0]) == 300) == rights
            assert 0x0112 not in found
    assert (read_metadata("out.png") or {})["writing"] == {"photo_metadata": "none"}
    told = paint("photo.jpg", "--style", "sea", "--photo-metadata", "gps", "-o", "out.png")
    assert told.code == 2
    assert "kept, location, none" in told.err


def test_a_folder_is_painted_and_a_broken_file_reported(paint: Cli, folder: Path) -> None:
    (folder / "photos").mkdir()
    write("photos/a.png", picture(40, 56, seed=1))
    write("photos/b.jpg", picture(56, 40, seed=2))
    Path("photos/c.png").write_bytes(b"no picture")
    Path("photos/notes.txt").write_text("left alone", encoding="utf-8")
    Image.new("RGB", (32, 32), "red").save("photos/d.gif")
    told = paint("photos", "--style", "sea", "-o", "made")
    assert told.code == 1
    assert sorted(path.name for path in (folder / "made").iterdir()) == ["a.png", "b.jpg", "d.gif.png"]
    assert any("photos/c.png" in line and "not a picture" in line for line in told.lines)
    assert told.lines[-1] == "impasto: 1 of 4 pictures were not painted: c.png"
    expected = apply("photos/a.png", many(), "sea")
    assert (load("made/a.png").pixels - expected).abs().max() <= 0.51 / 255
    assert (read_metadata("made/a.png") or {})["inputs"] == {"content": "photos/a.png"}
    Path("photos/c.png").unlink()
    told = paint("photos", "--style", "sea")
    assert told.code == 0, told.err
    assert len(list((folder / "photos-sea").iterdir())) == 3


def test_a_folder_of_sixteen_bits_goes_into_files_that_hold_them(paint: Cli, folder: Path) -> None:
    (folder / "photos").mkdir()
    write("photos/b.jpg", picture(56, 40, seed=2))
    assert paint("photos", "--style", "sea", "--bits", 16, "-o", "made").code == 0
    assert load("made/b.jpg.png").bits == 16


def test_a_folder_is_painted_by_content_and_the_rest_told(paint: Cli, folder: Path) -> None:
    (folder / "photos" / "more" / "deep").mkdir(parents=True)
    image = Image.open("photo.png").convert("RGB")
    for name, form in (("a.jfif", "JPEG"), ("b.avif", "AVIF"), ("c", "PNG"), ("more/deep/d.png", "PNG")):
        image.save(folder / "photos" / name, form)
    (folder / "photos" / "._a.jfif").write_bytes(b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        ")
    (folder / "photos" / "notes.txt").write_text("left alone")
    told = paint("photos", "--style", "sea", "-o", "made")
    assert told.code == 0, told.err
    assert told.lines[:2] == [
        "impasto: left out of 'photos': notes.txt is no picture",
        "impasto: left out of 'photos': the folder more; --recursive paints the pictures in it",
    ]
    assert sorted(path.name for path in (folder / "made").iterdir()) == ["a.jfif", "b.avif.png", "c.png"]
    told = paint("photos", "--style", "sea", "-o", "photos/made", "--recursive", "-q")
    assert (told.code, told.err) == (0, "")
    assert (folder / "photos/made/more/deep/d.png").is_file()
    again = paint("photos", "--style", "sea", "-o", "photos/made", "--recursive")
    assert len([line for line in again.lines if line.startswith("wrote")]) == 4
    told = paint("photos/more", "--style", "sea")
    assert (told.code, len(told.lines)) == (2, 1)
    assert "--recursive takes those of the folders in it" in told.err


def test_two_pictures_never_have_one_place(paint: Cli, folder: Path) -> None:
    (folder / "photos").mkdir()
    for name, colour in (("a.gif", "red"), ("a.gif.png", "blue"), ("a.gif-2.png", "green")):
        Image.new("RGB", (32, 32), colour).save(folder / "photos" / name)
    assert paint("photos", "--style", "sea", "--strength", 0, "-o", "made").code == 0
    made = {path.name: load(path).pixels[0, :, 0, 0].round().tolist() for path in (folder / "made").iterdir()}
    assert made["a.gif.png"] == [0, 0, 1]
    assert made["a.gif-3.png"] == [1, 0, 0]
    assert len(made) == 3


def test_pictures_that_another_command_made_are_not_replaced(paint: Cli, folder: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        (folder / name).mkdir()
        for photo in ("a", "b", "c", "d"):
            write(f"{name}/{photo}.png", picture(40, 40, seed=seed))
    assert paint("one", "--style", "sea", "-o", "made").code == 0
    before = {path.name: path.read_bytes() for path in (folder / "made").iterdir()}
    assert paint("one", "--style", "sea", "-o", "made").code == 0
    told = paint("two", "--style", "sea", "-o", "made")
    assert (told.code, len(told.lines)) == (2, 1)
    assert "'made/a.png', 'made/b.png', 'made/c.png' and 1 more are there already" in told.err
    assert {path.name: path.read_bytes() for path in (folder / "made").iterdir()} == before
    assert paint("two", "--style", "sea", "-o", "made", "--overwrite").code == 0
    assert (read_metadata("made/a.png") or {})["inputs"] == {"content": "two/a.png"}
    for name in ("one", "two"):
        assert paint(f"{name}/a.png", "--style", "sea").code == 0
    assert (read_metadata("a-sea.png") or {})["inputs"] == {"content": "one/a.png"}
    assert (read_metadata("a-sea-2.png") or {})["inputs"] == {"content": "two/a.png"}
    (folder / "dear.png").write_text("dear to somebody")
    told = paint("one/a.png", "--style", "sea", "-o", "dear.png")
    assert (told.code, (folder / "dear.png").read_text()) == (2, "dear to somebody")


def test_a_folder_that_was_stopped_tells_how_far_it_came(
    paint: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "photos").mkdir()
    for k in range(3):
        write(f"photos/{k}.png", picture(40, 40, seed=k))
    whole = Painter.read

    def read(painter: Painter, photo: Any) -> Picture:
        if photo == str(Path("photos/2.png")):
            raise KeyboardInterrupt
        return whole(painter, photo)

    with monkeypatch.context() as patch:
        patch.setattr(Painter, "read", read)
        told = paint("photos", "--style", "sea", "-o", "made")
    assert (told.code, told.lines[-1]) == (130, "impasto: stopped; 2 of 3 pictures are in made")
    assert paint("photos", "--style", "sea", "-o", "made").code == 0
    assert len(list((folder / "made").iterdir())) == 3


def test_the_working_folder_has_a_name(paint: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "photos").mkdir()
    write("photos/a.png", picture(40, 40))
    monkeypatch.chdir(folder / "photos")
    assert paint(".", "--style", "sea", "--network", folder / "net.safetensors").code == 0
    assert Path("photos-sea/a.png").is_file()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["photo.png"], "no style is named; the network has sea, sand, snow"),
        (["photo.png", "--style", "seaa"], "did you mean 'sea'"),
        (["missing.png", "--style", "sea"], "no such file 'missing.png'"),
        (["photo.png", "--style", "sea", "-o", "photo.png"], "the output 'photo.png' is also an input"),
        (["photo.png", "--style", "sea", "--region", "mask.png:sand", "-o", "mask.png"], "is also an input"),
        (["photo.png", "--style", "sea", "-o", "out.xyz"], "unknown suffix"),
        (["photo.png", "--style", "sea", "--strength", "2"], "strength must be at most 1"),
        (["photo.png", "--style", "sea", "--region", "mask.png"], "a region is MASK:PAINTING"),
        (["empty", "--style", "sea"], "the folder 'empty' holds no pictures"),
        (["full", "--style", "sea", "-o", "full"], "is the folder of the photos"),
        (["full", "--style", "sea", "-o", "photo.png"], "'photo.png' is a file"),
    ],
)
def test_what_cannot_be(paint: Cli, folder: Path, args: list[str], message: str) -> None:
    write("mask.png", torch.ones(1, 3, 72, 96))
    for name in ("empty", "full"):
        (folder / name).mkdir()
    write("full/a.png", picture(40, 40))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    told = paint(*args)
    assert told.code == 2
    assert message in told.err
    assert len(told.lines) == 1
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_file_that_is_no_network(cli: Cli, folder: Path) -> None:
    Path("bad.safetensors").write_bytes(b"\x80\x04nothing")
    told = cli("apply", "photo.png", "--network", "bad.safetensors", "--style", "sea")
    assert told.code == 2
    assert "bad.safetensors" in told.err
    assert len(told.lines) == 1


def test_export_writes_a_graph_and_its_styles(cli: Cli, net: str, folder: Path) -> None:
    told = cli("export", net, "-o", "made", "--style", "dawn:sea=0.5,sand=0.5")
    assert told.code == 0, told.err
    assert told.out.split() == ["made/net.onnx", "made/net.json"]
    about = json.loads(Path("made/net.json").read_text(encoding="utf-8"))
    assert [style["name"] for style in about["styles"]] == ["sea", "sand", "snow", "dawn"]
    told = cli("export", net, "-o", "net.onnx", "--quiet")
    assert (told.code, told.out, told.err) == (0, "", "")
    for args in ((net, "-o", "net.png"), (net, "-o", "made", "--style", "dawn"), ("nothing.safetensors", "-o", "made")):
        told = cli("export", *args)
        assert told.code == 2
        assert len(told.lines) == 1


def test_settings_of_the_command_line_are_those_of_the_library(cli: Cli) -> None:
    shown = cli("apply", "--help").out
    for name in ApplySettings.__dataclass_fields__:
        assert f"--{name.replace('_', '-')}" in shown
