"""The pictures in a folder, and the notices about other files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from impasto.image.folder import survey

APPLE_DOUBLE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        "


def names(paths: tuple[Path, ...], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures under all kinds of names, what file managers leave, and others."""
    image = Image.new("RGB", (8, 8), "red")
    for name in ("sub/deep", ".hidden", "__MACOSX", "out"):
        (tmp_path / name).mkdir(parents=True)
    for name, form in (
        *(("a.jpg", "JPEG"), ("b.jfif", "JPEG"), ("c.jpe", "JPEG"), ("d.avif", "AVIF"), ("e.GIF", "GIF")),
        *(("f", "PNG"), ("g.picture", "WEBP"), ("._h", "TIFF"), (".i", "BMP"), ("sub/deep/j.png", "PNG")),
        *((".hidden/k.png", "PNG"), ("__MACOSX/l.png", "PNG"), ("out/m.png", "PNG")),
    ):
        with (tmp_path / name).open("wb") as file:
            image.save(file, form)
    for name in ("._a.jpg", "._", "sub/._j.png"):
        (tmp_path / name).write_bytes(APPLE_DOUBLE)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "notes.txt", "broken.png", "empty"):
        (tmp_path / name).write_bytes(b"")
    return tmp_path


FLAT = ["._h", ".i", "a.jpg", "b.jfif", "broken.png", "c.jpe", "d.avif", "e.GIF", "f", "g.picture"]


def test_pictures_are_told_by_their_content(folder: Path) -> None:
    result = survey(folder, without=folder / "out")
    assert names(result.pictures, folder) == FLAT
    assert names(result.others, folder) == ["empty", "notes.txt"]
    assert names(result.folders, folder) == ["sub"]
    assert result.notices("; look there") == [
        f"left out of '{folder}': empty and notes.txt are no pictures",
        f"left out of '{folder}': the folder sub; look there",
    ]


def test_folders_in_it_are_looked_into_when_asked(folder: Path) -> None:
    result = survey(folder, recursive=True, without=folder / "out")
    assert names(result.pictures, folder) == [*FLAT, "sub/deep/j.png"]
    assert result.folders == ()
    assert names(survey(folder, recursive=True).pictures, folder) == [*FLAT, "out/m.png", "sub/deep/j.png"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on POSIX only")
def test_links_are_not_followed_round_and_round(folder: Path) -> None:
    (folder / "sub" / "loop").symlink_to(folder)
    (folder / "nowhere.png").symlink_to(folder / "missing.png")
    os.mkfifo(folder / "pipe.png")
    result = survey(folder, recursive=True, without=folder / "out")
    assert names(result.pictures, folder) == [*FLAT, "sub/deep/j.png"]
    assert names(result.folders, folder) == ["sub/loop"]
    assert names(result.others, folder) == ["empty", "notes.txt", "nowhere.png", "pipe.png"]
    (first, second) = result.notices()
    assert first.endswith("empty, notes.txt, nowhere.png and 1 more are no pictures")
    assert second.endswith("the folder sub/loop")
