"""More than 8 bits a channel: the pixels of deep PNG and TIFF files, which Pillow alone would cut to 8."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from impasto.errors import UsageError
from impasto.image.formats import PNG, TIFF, check_pixels

Array = NDArray[Any]


def png_pixels(file: BinaryIO) -> Array | None:
    """The pixels of a 16-bit PNG, uint16 `(H, W, C)`; None if the PNG has 8 bits or fewer."""
    image = _reopened(PNG.open, file)
    rawmode = _rawmode(image)
    if not rawmode.endswith(";16B"):
        return None
    if rawmode == "LA;16B":  # its four bytes a pixel, taken as they are, are two numbers of two bytes
        return _decoded(image, "RGBA").view(">u2")
    key = image.info.get("transparency")
    array = _two_bytes(PNG.open, file, image.mode, "big") if image.mode in ("RGB", "RGBA") else _decoded(image, rawmode)
    array = np.atleast_3d(array).astype(np.uint16)
    if key is None:
        return array
    opaque = (array != np.asarray(key, np.uint16)).any(axis=2, keepdims=True)
    return np.concatenate([array, opaque * np.uint16(65535)], axis=2)


@dataclass(frozen=True)
class DeepTiff:
    """A TIFF of more than 8 bits: pixels uint16 or float `(H, W, C)`, and what is said about them."""

    pixels: Array
    profile: bytes | None
    orientation: int
    pages: int


def tiff_pixels(file: BinaryIO, path: Path, max_pixels: int) -> DeepTiff | None:
    """A deep TIFF, decoded; None if it has 8 bits or fewer, or colours (CMYK, Lab) that Pillow has to sort out."""
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        check_pixels(path, page.imagewidth, page.imagelength, max_pixels)
        if page.bitspersample <= 8 or page.photometric not in (
            tifffile.PHOTOMETRIC.MINISWHITE,
            tifffile.PHOTOMETRIC.MINISBLACK,
            tifffile.PHOTOMETRIC.RGB,
        ):
            return None
        if page.imagedepth > 1 or page.samplesperpixel > 4:
            raise UsageError(
                f"'{path}' has {page.samplesperpixel} channels and depth {page.imagedepth}; allowed: 1 to 4, 1"
            )
        orientation = int(page.tags.valueof("Orientation", default=1))
        try:
            array = np.asarray(page.asarray())
        except (KeyError, ValueError) as error:
            if "imagecodecs" not in str(error):
                raise
            # LZW and a few others are beyond tifffile alone; libtiff knows them (and Pillow turns its TIFFs upright).
            array, orientation = _by_libtiff(file, path, page), 1
        return DeepTiff(_arranged(array, page), page.tags.valueof("InterColorProfile"), orientation, len(tiff.pages))


def _by_libtiff(file: BinaryIO, path: Path, page: tifffile.TiffPage) -> Array:
    # Of colours one plane after the other, Pillow has nothing but the first byte of each number.
    if page.dtype == np.uint16 and not page.axes.startswith("S"):
        rawmode = ""
        with suppress(SyntaxError):  # pixels that Pillow has no name for, such as grey with alpha of 16 bits
            image = _reopened(TIFF.open, file)
            rawmode = _rawmode(image)
        if rawmode.startswith(("RGB;16", "RGBA;16")):
            return _two_bytes(TIFF.open, file, image.mode, sys.byteorder)
        if rawmode.startswith("I;16"):
            return _decoded(image, rawmode)
    packing = getattr(page.compression, "name", page.compression)
    raise UsageError(
        f"'{path}' is packed by {packing}; to read it, save it unpacked or install the package imagecodecs"
    )


def _arranged(array: Array, page: tifffile.TiffPage) -> Array:
    """Pixels as `(H, W, C)`: white high, whole numbers on all of 16 bits, colours apart from their alpha."""
    if page.axes.startswith("S"):  # one plane after the other
        array = np.moveaxis(array, 0, -1)
    array = np.atleast_3d(array)
    if array.dtype.kind == "u":
        array = np.rint(array * (65535 / (2**page.bitspersample - 1))).astype(np.uint16)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        array = _top(array) - array
    return _unmultiplied(array) if tifffile.EXTRASAMPLE.ASSOCALPHA in page.extrasamples else array


def _top(array: Array) -> int:
    return 65535 if array.dtype.kind == "u" else 1


def _unmultiplied(array: Array) -> Array:
    """`array` with its colours divided by the alpha that they had been multiplied with."""
    top = _top(array)
    alpha = array[..., -1:] / top
    colour = np.divide(array[..., :-1], alpha, out=np.zeros(array[..., :-1].shape), where=alpha > 0)
    return np.concatenate([colour.clip(0, top), array[..., -1:]], axis=2).astype(array.dtype)


def _two_bytes(opener: Callable[[BinaryIO], ImageFile], file: BinaryIO, mode: str, order: str) -> Array:
    """16-bit pixels, decoded by Pillow twice: it keeps the first byte of each number under one name, the second under
    the other. `order` is the byte order of the decoder's output."""
    first = _decoded(_reopened(opener, file), f"{mode};16B").astype(np.uint16)
    second = _decoded(_reopened(opener, file), f"{mode};16L").astype(np.uint16)
    high, low = (first, second) if order == "big" else (second, first)
    return high << 8 | low


def _reopened(opener: Callable[[BinaryIO], ImageFile], file: BinaryIO) -> ImageFile:
    file.seek(0)
    return opener(file)


def _rawmode(image: ImageFile) -> str:
    """Pillow's name for the layout of the pixels inside the file."""
    if not image.tile:
        return ""
    arguments = image.tile[0].args
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _decoded(image: ImageFile, rawmode: str) -> Array:
    """The pixels of `image`, its file read as if it held `rawmode`."""
    image.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in image.tile
    ]
    image.load()
    return np.asarray(image)
