"""Pictures of visitors: uploads, masks and crops into the store, and out of the store as a page shows them."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from impasto.errors import ImpastoError, UsageError
from impasto.image import Picture, Source, draw_mask, load, load_mask, read_metadata, size_of, write
from impasto.image.strokes import strokes_from
from impasto.settings.recipe import EDITS, TASKS, Recipe
from impasto.studio.jpeg import to_shown
from impasto.studio.schemas import CropRequest, StrokeList
from impasto.studio.store import StoredPicture
from impasto.studio.work import Sources

SIDES = (8192, 64)
"""Largest and smallest longer side at which a picture is shown."""

FOR_PROGRAMMERS = re.compile(r" \([^()]*in Python[^()]*\)")
"""The part of a message about arguments of the library, which a visitor cannot give."""

LONGEST_NAME = 120
"""Most characters of the name of a file."""


def clean_name(name: str) -> str:
    """Return the name of an uploaded file for people: without folders and characters that cannot be printed.

    >>> clean_name("C:\\\\photos\\\\cat.jpg")
    'cat.jpg'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(letter for letter in last if letter.isprintable()).strip(". ")
    return printable[-LONGEST_NAME:] or "picture"


def add_upload(sources: Sources, number: str, path: Path, name: str, max_pixels: int) -> StoredPicture:
    """Return the record of an uploaded file after its decoding. Raises UsageError for a file that is no picture.

    The file is deleted after an error.
    """
    try:
        picture = load(path, max_pixels=max_pixels)
        recipe = _recipe(path)
    except ImpastoError as error:
        path.unlink(missing_ok=True)
        line = str(error).replace(f"'{path}'", f"'{name}'").replace(str(path), name)
        raise UsageError(FOR_PROGRAMMERS.sub("", line)) from error
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    notices = tuple(notice.replace(str(path), name) for notice in picture.notices)
    return sources.store.add(
        sources.visitor, replace(_record(number, name, "upload", picture), notices=notices, recipe=recipe)
    )


def add_mask(sources: Sources, request: StrokeList) -> StoredPicture:
    """Draw a mask from strokes at the full size of the photo, and return its record."""
    photo = load(sources.file(request.photo))
    base = None if request.base is None else load_mask(sources.file(request.base))
    strokes = strokes_from(request.strokes)
    mask = draw_mask(strokes, photo.size, photo=photo.pixels, feather=request.feather, base=base)
    return _write(sources, "mask", "mask.png", Picture(mask.expand(-1, 3, -1, -1)))


def add_crop(sources: Sources, request: CropRequest) -> StoredPicture:
    """Store a part of a picture, and return its record. Raises UsageError for a box outside the picture."""
    picture, (left, top, width, height) = load(sources.file(request.source)), request.box
    if (
        min(width, height) < 1
        or left < 0
        or top < 0
        or left + width > picture.size[1]
        or top + height > picture.size[0]
    ):
        raise UsageError(
            f"the box {left},{top} {width}x{height} is not inside the picture of {picture.size[1]}x{picture.size[0]}"
        )
    rows, columns = slice(top, top + height), slice(left, left + width)
    alpha = None if picture.alpha is None else picture.alpha[..., rows, columns]
    part = replace(picture, pixels=picture.pixels[..., rows, columns], alpha=alpha)
    name = sources.name(request.source).removeprefix("sample:")
    return _write(sources, "upload", name, part)


def shown(source: Source, side: int | None) -> tuple[bytes, str]:
    """Return a picture as the bytes that a page shows, and their type; a longer side of at most `side` pixels."""
    return to_shown(load(source), None if side is None else min(SIDES[0], max(SIDES[1], side)))


def _write(sources: Sources, kind: str, name: str, picture: Picture) -> StoredPicture:
    number, path = sources.store.new_path(sources.visitor, ".png")
    write(path, picture.pixels, alpha=picture.alpha, bits=picture.bits)
    return sources.store.add(sources.visitor, _record(number, name, kind, picture))


def _record(number: str, name: str, kind: str, picture: Picture) -> StoredPicture:
    height, width = size_of(picture.pixels)
    return StoredPicture(number, name, kind, width, height, picture.alpha is not None, 0)


def _recipe(path: Path) -> Recipe | None:
    """Return the settings inside a picture that Impasto made; None for other pictures and for a damaged recipe."""
    with suppress(ImpastoError):
        recipe = read_metadata(path)
        if recipe is not None and recipe.get("task") in {**TASKS, **EDITS}:
            settings, inputs = recipe.get("settings"), recipe.get("inputs")
            if isinstance(settings, dict) and isinstance(inputs, dict):
                return {"task": recipe["task"], "settings": settings, "inputs": inputs}
    return None
