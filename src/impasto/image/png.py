"""Chunks of PNG files that Pillow does not read or write (PNG specification, third edition, W3C 2025).

Pillow does not read the chunk cICP, and does not write 16 bits a channel.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from impasto.image.profile import srgb_profile

COLOUR_TYPES = {3: 2, 4: 6}
"""The colour types of RGB and RGBA, by the number of channels."""

UP = 2
"""The filter type with which a row is stored as the difference from the row above."""


def cicp_of(file: BinaryIO) -> bytes | None:
    """Return the content of the chunk cICP of a PNG, which is before the pixels, or None."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"cICP":
            return file.read(length)[:4]
        if kind in (b"IDAT", b"IEND"):
            break
        file.seek(length + 4, 1)
    return None


def encode_png16(pixels: NDArray[Any], more: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the bytes of a PNG with `pixels`, uint16 `(H, W, 3 or 4)`, and `more` chunks, names with contents.

    >>> encode_png16(np.zeros((8, 8, 3), np.uint16), [])[1:4]
    b'PNG'
    """
    height, width, channels = pixels.shape
    chunks = [
        chunk(b"IHDR", struct.pack(">2I5B", width, height, 16, COLOUR_TYPES[channels], 0, 0, 0)),
        chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(srgb_profile())),
        *(chunk(name, data) for name, data in more),
        chunk(b"IDAT", zlib.compress(_filtered(pixels))),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _filtered(pixels: NDArray[Any]) -> bytes:
    """Return the rows, high byte first, each minus the row above, because differences compress far better."""
    rows = pixels.astype(">u2").view(np.uint8).reshape(pixels.shape[0], -1)
    filtered = np.full((rows.shape[0], rows.shape[1] + 1), UP, np.uint8)
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return filtered.tobytes()


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG: its length, name, content and CRC."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
