"""Decoding of PNG and TIFF files with more than 8 bits a channel, which Pillow alone reduces to 8."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile

from impasto.errors import UsageError
from impasto.image.encoding import D50, encoded, from_d50
from impasto.image.formats import PNG, check_pixels
from impasto.image.origin import Origin, origin_of_tiff
from impasto.image.tiff_segments import decompress

Array = NDArray[Any]

RGB, LAB = tifffile.PHOTOMETRIC.RGB, tifffile.PHOTOMETRIC.CIELAB
PLAIN = (tifffile.PHOTOMETRIC.MINISWHITE, tifffile.PHOTOMETRIC.MINISBLACK, RGB)
ALPHAS = (tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA)
MOST_CHANNELS = 32
"""Largest number of channels of an RGB picture: colours, alpha and saved selections."""


def png_pixels(file: BinaryIO) -> Array | None:
    """Return the pixels of a 16-bit PNG, uint16 `(H, W, C)`, or None if the PNG has 8 bits or fewer."""
    image = _reopened(PNG.open, file)
    rawmode = _rawmode(image)
    if not rawmode.endswith(";16B"):
        return None
    if rawmode == "LA;16B":  # the four bytes of a pixel, decoded as RGBA, are two numbers of two bytes
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
    """A decoded TIFF with more than 8 bits a channel.

    pixels: uint16 or float, `(H, W, C)`.
    profile: the ICC profile, or None.
    orientation: the EXIF number of the camera's orientation, 1 to 8.
    pages: the number of pages in the file.
    origin: the metadata of the file.
    """

    pixels: Array
    profile: bytes | None
    orientation: int
    pages: int
    origin: Origin


def tiff_pixels(file: BinaryIO, path: Path, max_pixels: int) -> DeepTiff | None:
    """Return a decoded TIFF, or None for a TIFF that Pillow reads: with 8 bits or fewer, or with CMYK colours.

    Raises UsageError for too many pixels, channels or planes, and for an unknown compression.
    """
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages.first
        check_pixels(path, page.imagewidth, page.imagelength, max_pixels)
        lab = page.photometric == LAB and page.bitspersample == 16 and page.samplesperpixel == 3
        if page.bitspersample <= 8 or not (lab or page.photometric in PLAIN):
            return None
        if page.imagedepth > 1 or page.samplesperpixel > (MOST_CHANNELS if page.photometric == RGB else 4):
            raise UsageError(
                f"'{path}' has {page.samplesperpixel} channels and depth {page.imagedepth}; allowed: 1 to 4, 1"
            )
        try:
            array = np.asarray(page.asarray())
        except (KeyError, ValueError) as error:
            if "imagecodecs" not in str(error):
                raise
            array = decompress(file, path, page)
        profile, origin = page.tags.valueof("InterColorProfile"), origin_of_tiff(file, page)
        orientation = int(page.tags.valueof("Orientation", default=1))
        if lab:
            return DeepTiff(_from_lab(_interleaved(array, page)), None, orientation, len(tiff.pages), origin)
        return DeepTiff(_arranged(array, page), profile, orientation, len(tiff.pages), origin)


def _arranged(array: Array, page: tifffile.TiffPage) -> Array:
    """Return pixels as `(H, W, C)`, with white at the top, integers over all 16 bits, and alpha not multiplied in."""
    array = _interleaved(array, page)
    if array.dtype.kind == "u":
        array = np.rint(array * (65535 / (2**page.bitspersample - 1))).astype(np.uint16)
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        array = _top(array) - array
    return _with_alpha(array, page)


def _interleaved(array: Array, page: tifffile.TiffPage) -> Array:
    """Return pixels as `(H, W, C)`, also for a file with one plane after the other."""
    if page.planarconfig == tifffile.PLANARCONFIG.SEPARATE and page.samplesperpixel > 1:
        array = np.moveaxis(array, 0, -1)
    return np.atleast_3d(array)


def _with_alpha(array: Array, page: tifffile.TiffPage) -> Array:
    """Return the colours and their alpha, without other channels, such as saved selections."""
    colours = 3 if page.photometric == RGB else 1
    kinds = tuple(page.extrasamples) or (tifffile.EXTRASAMPLE.UNASSALPHA,) * (array.shape[2] - colours)
    alphas = [place for place, kind in enumerate(kinds) if kind in ALPHAS]
    if not alphas:
        return array[..., :colours]
    first = colours + alphas[0]
    array = np.concatenate([array[..., :colours], array[..., first : first + 1]], axis=2)
    return _unmultiplied(array) if kinds[alphas[0]] == tifffile.EXTRASAMPLE.ASSOCALPHA else array


def _from_lab(array: Array) -> Array:
    """Return sRGB as floats from 16-bit CIE L*a*b* under D50, with L* over the whole range and 256 a* and b* signed."""
    light = array[..., :1] / np.float32(655.35)
    across, down = (array[..., 1:].view(np.int16) / np.float32(256)).transpose(2, 0, 1)[..., None]
    y = (light + 16) / 116
    f = np.concatenate([y + across / 500, y, y - down / 200], axis=2)
    xyz = np.where(f > 6 / 29, f**3, (f - 4 / 29) * (108 / 841)) * D50
    return encoded(xyz @ from_d50(np.eye(3)).T)


def _top(array: Array) -> int:
    """Return the value of white."""
    return 65535 if array.dtype.kind == "u" else 1


def _unmultiplied(array: Array) -> Array:
    """Return `array` with its colours divided by their alpha, for files whose colours are multiplied by alpha."""
    top = _top(array)
    alpha = array[..., -1:] / top
    colour = np.divide(array[..., :-1], alpha, out=np.zeros(array[..., :-1].shape), where=alpha > 0)
    return np.concatenate([colour.clip(0, top), array[..., -1:]], axis=2).astype(array.dtype)


def _two_bytes(opener: Callable[[BinaryIO], ImageFile], file: BinaryIO, mode: str, order: str) -> Array:
    """Return 16-bit pixels, which Pillow decodes twice: once the first byte of each number, once the second byte.

    `order` is the byte order of the decoder's output.
    """
    first = _decoded(_reopened(opener, file), f"{mode};16B").astype(np.uint16)
    second = _decoded(_reopened(opener, file), f"{mode};16L").astype(np.uint16)
    high, low = (first, second) if order == "big" else (second, first)
    return high << 8 | low


def _reopened(opener: Callable[[BinaryIO], ImageFile], file: BinaryIO) -> ImageFile:
    file.seek(0)
    return opener(file)


def _rawmode(image: ImageFile) -> str:
    """Return Pillow's name for the layout of the pixels in the file."""
    if not image.tile:
        return ""
    arguments = image.tile[0].args
    return str(arguments[0] if isinstance(arguments, tuple) else arguments)


def _decoded(image: ImageFile, rawmode: str) -> Array:
    """Return the pixels of `image`, decoded as if the layout of the file were `rawmode`."""
    image.tile = [
        tile._replace(args=(rawmode, *tile.args[1:]) if isinstance(tile.args, tuple) else rawmode)
        for tile in image.tile
    ]
    image.load()
    return np.asarray(image)
