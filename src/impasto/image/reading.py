"""Read a picture from a file: whatever was in it comes out upright, in sRGB, at its own precision."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from impasto.errors import ImpastoError
from impasto.image.allocation import Allocate, in_memory
from impasto.image.color_tags import cicp_of, colors_of, exif_colors
from impasto.image.deep import png_pixels, tiff_pixels
from impasto.image.formats import MAX_BYTES, MAX_PIXELS, PNG, TIFF, Format, check_pixels, opened
from impasto.image.mending import mend
from impasto.image.origin import origin_of
from impasto.image.picture import Picture, from_array, unusable
from impasto.image.profile import ProfileError, lab_to_srgb, to_srgb

ORIENTATION = 0x0112


def read(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, allocate: Allocate = in_memory
) -> Picture:
    """The picture in a JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC file, told by its content, not by its suffix.

    EXIF orientation is applied, the colours that an ICC profile, chunks of PNG or EXIF tell are converted to sRGB, 16
    bits a channel and floats in [0, 1] keep their precision, and of several frames the first is taken. What a person
    should know is in `notices`. `allocate` makes the memory of the pixels, 12 bytes each, besides what the decoder
    takes, usually 4 to 7. A file that ends too early is read as far as it goes, with a notice, if at least half of the
    rows are there. Raises UsageError, in one line, for a file that is missing, unreadable, more damaged, no picture,
    longer than `max_bytes`, or (by its header, before any decoding) of more than `max_pixels` pixels.
    """
    path = Path(path)
    with opened(path, max_bytes) as (file, form):
        try:
            return _decoded(file, form, path, max_pixels, allocate)
        except (ImpastoError, MemoryError):
            raise
        except Exception:  # whatever a decoder raises over damaged bytes
            mended = mend(file, form, max_pixels)
            if mended is None:
                raise
            picture = _decoded(mended.file, form, path, max_pixels, allocate)
            notices = (f"{path} {mended.notice}", *picture.notices)
            return replace(picture, notices=notices, whole=not mended.missing)


def from_pillow(
    image: Image.Image,
    source: str,
    notices: tuple[str, ...] = (),
    allocate: Allocate = in_memory,
    cicp: bytes | None = None,
) -> Picture:
    """The picture in a Pillow image, its own EXIF orientation and colour space applied.

    `cicp` is the content of a PNG's chunk of that name.
    """
    image.load()
    make, orientation = partial(from_array, allocate=allocate, origin=origin_of(image)), _orientation(image)
    if image.mode in ("CMYK", "LAB"):  # these leave their own colours here, so the profile has done its work
        converted, notices = _from_print(image, image.info.get("icc_profile"), source, notices)
        return make(np.asarray(converted), source, orientation=orientation, notices=notices)
    profile, more = colors_of(image, source, cicp)
    notices += more
    if image.mode.startswith("I"):  # 16 bits, in some versions of Pillow within 32
        array = np.asarray(image).clip(0, 65535).astype(np.uint16)
        return make(array, source, profile=profile, orientation=orientation, notices=notices)
    if image.mode != "F":
        plain = _plain_mode(image)
        image = image if image.mode == plain else image.convert(plain)  # to convert is to copy
    return make(np.asarray(image), source, profile=profile, orientation=orientation, notices=notices)


def _decoded(file: BinaryIO, form: Format, path: Path, max_pixels: int, allocate: Allocate) -> Picture:
    source, make = str(path), partial(from_array, allocate=allocate)
    if form is TIFF and (tiff := tiff_pixels(file, path, max_pixels)):
        tagged, notices = exif_colors(tiff.origin.exif, source)
        return make(
            tiff.pixels,
            source,
            profile=tiff.profile or tagged,
            orientation=tiff.orientation,
            notices=_frames(source, tiff.pages) + (() if tiff.profile else notices),
            origin=tiff.origin,
        )
    file.seek(0)
    image = form.open(file)
    check_pixels(path, *image.size, max_pixels)
    notices = _frames(source, _count(image))
    cicp = cicp_of(file) if form is PNG else None
    if form is PNG and (array := png_pixels(file)) is not None:
        orientation = _orientation(image)  # first, as it may read on to what stands after the pixels
        profile, more = colors_of(image, source, cicp)
        origin = origin_of(image)
        return make(array, source, profile=profile, orientation=orientation, notices=notices + more, origin=origin)
    file.seek(0)
    return from_pillow(form.open(file), source, notices, allocate, cicp)


def _frames(source: str, count: int) -> tuple[str, ...]:
    return (f"{source} has {count} frames; the first is used",) if count > 1 else ()


def _count(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is damaged, and it is not used
        return 1


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # EXIF that cannot be parsed says nothing about the pixels
        return 1


def _plain_mode(image: Image.Image) -> str:
    """The mode without a palette, and without alpha unless there is some, that holds all of `image`."""
    grey = image.mode in ("1", "L", "LA")
    return ("LA" if grey else "RGBA") if image.has_transparency_data else ("L" if grey else "RGB")


def _from_print(
    image: Image.Image, profile: bytes | None, source: str, notices: tuple[str, ...]
) -> tuple[Image.Image, tuple[str, ...]]:
    """CMYK or Lab as RGB: by its profile, and without a usable one by the plain formula."""
    if image.mode == "LAB":
        return lab_to_srgb(image), notices
    try:
        if profile:
            return to_srgb(image, profile), notices
    except ProfileError:
        notices += (unusable(source),)
    return image.convert("RGB"), notices
