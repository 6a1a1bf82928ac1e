"""Reading of pictures from files, with upright orientation, in sRGB and with the precision of the file."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from impasto.errors import ImpastoError
from impasto.image.allocation import Allocate, in_memory
from impasto.image.color_tags import colors_of, exif_colors
from impasto.image.deep import png_pixels, tiff_pixels
from impasto.image.formats import MAX_BYTES, MAX_PIXELS, PNG, TIFF, Format, check_pixels, opened
from impasto.image.mending import mend
from impasto.image.origin import origin_of
from impasto.image.picture import Picture, from_array, unusable
from impasto.image.png import cicp_of
from impasto.image.profile import ProfileError, lab_to_srgb, to_srgb

ORIENTATION = 0x0112
"""The EXIF tag of the camera's orientation."""


def read(
    path: str | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES, allocate: Allocate = in_memory
) -> Picture:
    """Return the picture in a JPEG, PNG, WebP, TIFF, BMP, GIF, AVIF or HEIC file, whose content determines the format.

    max_pixels, max_bytes: limits of the number of pixels, which is checked before decoding, and of the size of the
        file.
    allocate: makes the memory of the pixels, 12 bytes each. The decoder takes about 4 to 7 bytes more.

    EXIF orientation is applied. Colours are converted to sRGB from the space that an ICC profile, PNG chunks or EXIF
    declare. 16-bit channels and floats in [0, 1] keep their precision. The first of several frames is read. A file that
    ends too early is read as far as possible, with a notice, if at least half of the rows are there.

    Raises UsageError, in one line, for a file that is missing, unreadable, too damaged, no picture, or over a limit.
    """
    path = Path(path)
    with opened(path, max_bytes) as (file, form):
        try:
            return _decode(file, form, path, max_pixels, allocate)
        except (ImpastoError, MemoryError):
            raise
        except Exception:  # decoders raise any exception for damaged bytes
            mended = mend(file, form, max_pixels)
            if mended is None:
                raise
            picture = _decode(mended.file, form, path, max_pixels, allocate)
            notices = (f"{path} {mended.notice}", *picture.notices)
            return replace(picture, notices=notices, whole=not mended.missing)


def from_pillow(
    image: Image.Image,
    source: str,
    notices: tuple[str, ...] = (),
    allocate: Allocate = in_memory,
    cicp: bytes | None = None,
) -> Picture:
    """Return the picture in a Pillow image, upright by its EXIF orientation, and in sRGB by its colour space.

    source: the name of the source, for messages.
    notices: lines for the user; the conversion adds its own.
    allocate: makes the memory of the pixels.
    cicp: the content of the chunk cICP of a PNG.

    Raises UsageError for pixels that `from_array` refuses.
    """
    image.load()
    make, orientation = partial(from_array, allocate=allocate, origin=origin_of(image)), _orientation(image)
    if image.mode in ("CMYK", "LAB"):  # the conversion to RGB applies the profile, which must not be applied again
        converted, notices = _from_print(image, image.info.get("icc_profile"), source, notices)
        return make(np.asarray(converted), source, orientation=orientation, notices=notices)
    profile, more = colors_of(image, source, cicp)
    notices += more
    if image.mode.startswith("I"):  # 16 bits, which some versions of Pillow store in 32
        array = np.asarray(image).clip(0, 65535).astype(np.uint16)
        return make(array, source, profile=profile, orientation=orientation, notices=notices)
    if image.mode != "F":
        plain = _plain_mode(image)
        image = image if image.mode == plain else image.convert(plain)  # `convert` copies
    return make(np.asarray(image), source, profile=profile, orientation=orientation, notices=notices)


def _decode(file: BinaryIO, form: Format, path: Path, max_pixels: int, allocate: Allocate) -> Picture:
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
        orientation = _orientation(image)  # EXIF may be at the end of the file
        profile, more = colors_of(image, source, cicp)
        origin = origin_of(image)
        return make(array, source, profile=profile, orientation=orientation, notices=notices + more, origin=origin)
    file.seek(0)
    return from_pillow(form.open(file), source, notices, allocate, cicp)


def _frames(source: str, count: int) -> tuple[str, ...]:
    """Return the notice about several frames, if there are several."""
    return (f"{source} has {count} frames; the first is used",) if count > 1 else ()


def _count(image: Image.Image) -> int:
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # a later frame is damaged, but it is not used
        return 1


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ORIENTATION, 1))
    except Exception:  # EXIF that cannot be parsed is ignored
        return 1


def _plain_mode(image: Image.Image) -> str:
    """Return the mode for all colours of `image`, without a palette, and with alpha only if it has transparency."""
    grey = image.mode in ("1", "L", "LA")
    return ("LA" if grey else "RGBA") if image.has_transparency_data else ("L" if grey else "RGB")


def _from_print(
    image: Image.Image, profile: bytes | None, source: str, notices: tuple[str, ...]
) -> tuple[Image.Image, tuple[str, ...]]:
    """Return CMYK or Lab as RGB, and notices: by its profile, or by Pillow's formula without a usable profile."""
    if image.mode == "LAB":
        return lab_to_srgb(image), notices
    try:
        if profile:
            return to_srgb(image, profile), notices
    except ProfileError:
        notices += (unusable(source),)
    return image.convert("RGB"), notices
