"""Strips and tiles of a TIFF, decompressed by libtiff: LZW and other schemes, for which tifffile needs a package."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2, TiffImageFile

from impasto.errors import UsageError

Array = NDArray[Any]
LZW = 5
HORIZONTAL = 2
SEPARATE = 2


def decompress(file: BinaryIO, path: object, page: tifffile.TiffPage) -> Array:
    """Return the pixels of a page, `(H, W, C)`, or `(C, H, W)` if each channel is a separate plane.

    `path` is the name of the file for messages. Raises UsageError for compression schemes that libtiff does not know.
    """
    if page.dtype is None or page.fillorder != 1 or page.predictor not in (1, HORIZONTAL):
        raise UsageError(_refusal(path, page))
    separate = page.planarconfig == SEPARATE and page.samplesperpixel > 1
    planes, channels = (page.samplesperpixel, 1) if separate else (1, page.samplesperpixel)
    high, wide = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
    high = min(high, page.imagelength) if not page.is_tiled else high
    across = -(-page.imagewidth // wide)
    each = across * -(-page.imagelength // high)
    whole = np.zeros((planes, page.imagelength, page.imagewidth, channels), page.dtype)
    for index, (start, length) in enumerate(zip(page.dataoffsets, page.databytecounts, strict=True)):
        plane, place = divmod(index, each)
        top, left = place // across * high, place % across * wide
        rows = high if page.is_tiled else min(high, page.imagelength - top)
        file.seek(start)
        part = _segment(file.read(length), (rows, wide, channels), page, path)
        part = part[: page.imagelength - top, : page.imagewidth - left]
        whole[plane, top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole[..., 0] if separate else whole[0]


def _segment(data: bytes, shape: tuple[int, int, int], page: tifffile.TiffPage, path: object) -> Array:
    """Return one strip or tile. It is decompressed as a grey picture of bytes, which are then read as numbers."""
    kind = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
    rows, width = shape[0], shape[1] * shape[2] * kind.itemsize
    try:
        image = TiffImageFile(io.BytesIO(_grey_tiff(data, width, rows, int(page.compression))))
        image.load()
    except Exception as error:  # Pillow and its libtiff raise various exceptions for unknown schemes
        if page.compression == LZW:  # every libtiff knows this scheme, so the data are damaged
            raise
        raise UsageError(_refusal(path, page)) from error
    values = np.frombuffer(image.tobytes(), kind).reshape(shape).astype(page.dtype)
    if page.predictor == HORIZONTAL:
        return np.cumsum(values, axis=1, dtype=page.dtype)  # integers wrap around, as intended
    return values


def _grey_tiff(data: bytes, width: int, rows: int, compression: int) -> bytes:
    """Return an 8-bit grey TIFF with a single strip, whose compressed bytes are `data`."""
    tags = {256: width, 257: rows, 258: 8, 259: compression, 262: 1, 273: 0, 277: 1, 278: rows, 279: len(data)}
    directory = ImageFileDirectory_v2(b"II*\0\x08\0\0\0")
    for tag, value in tags.items():
        directory[tag] = value
    return b"II*\0\x08\0\0\0" + directory.tobytes(8) + data  # `tobytes` counts the offset of the strip from its own end


def _refusal(path: object, page: tifffile.TiffPage) -> str:
    packing = getattr(page.compression, "name", page.compression)
    return f"'{path}' is packed by {packing}; to read it, save it unpacked or install the package imagecodecs"
