"""Repair of files that end too early or have small errors, so that they can be read as picture viewers read them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from impasto.image.formats import BMP, JPEG, PNG, TIFF, Format
from impasto.image.png import chunk

MOST_MISSING = 0.5
"""A picture with more than this share missing is refused."""

GREY = 128
PIECE = 1 << 16


@dataclass(frozen=True)
class Mended:
    """A repaired file, the number of missing rows, and the damage as a verb phrase."""

    file: BinaryIO
    missing: float
    height: int
    said: str

    @property
    def notice(self) -> str:
        """Return the notice about the picture, without its name."""
        rows = f"{round(self.missing)} of its {self.height} rows" if self.missing else "no row"
        return f"{self.said}; {rows} {'are' if self.missing > 1 else 'is'} missing"


def mend(file: BinaryIO, form: Format, max_pixels: int) -> Mended | None:
    """Return `file` without its damage, or None if it cannot be repaired, misses too much, or is too large.

    May raise any exception of a decoder.
    """
    file.seek(0)
    data = file.read()
    if form is JPEG:
        return _jpeg(data, max_pixels)
    if form is PNG:
        return _png(data, max_pixels)
    if form is BMP:
        return _bmp(data)
    return _tiff(data) if form is TIFF else None


def _jpeg(data: bytes, max_pixels: int) -> Mended | None:
    """Add an end; the decoder fills missing blocks with mid-grey."""
    file = io.BytesIO(data + b"\xff\xd9")
    image = JpegImageFile(file)
    if image.width * image.height > max_pixels:
        return None
    image.load()
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    lacking = np.all(abs(pixels[:, -8:].astype(np.int16) - GREY) <= 1, axis=(1, 2))
    rows = image.height if lacking.all() else int(np.argmin(lacking[::-1]))
    said = "lacks its end, and perhaps fine detail" if "progressive" in image.info else "lacks its end"
    return _enough(Mended(io.BytesIO(file.getvalue()), rows, image.height, said))


def _png(data: bytes, max_pixels: int) -> Mended | None:
    """Remove damaged ancillary chunks, and fill missing rows with grey (or transparency)."""
    chunks = [chunk for chunk in _chunks(data) if chunk[2] or not chunk[0][0] & 0x20]  # lower case: ancillary
    if not chunks or chunks[0][0] != b"IHDR" or not chunks[0][2]:
        return None
    width, height, depth, kind, _, _, interlaced = struct.unpack(">2I5B", chunks[0][1][:13])
    if width * height > max_pixels:
        return None
    stride = 1 + (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind] + 7) // 8
    packed = b"".join(body for name, body, _ in chunks if name == b"IDAT")
    if interlaced:
        whole, missing = packed, 0
    else:
        rows = _unpacked(packed, height * stride)
        there = len(rows) // stride
        missing = height - there
        if missing > MOST_MISSING * height:
            return None
        grey = bytes([GREY if kind in (0, 2) and depth >= 8 else 0]) * (stride - 1)
        whole = zlib.compress(rows[: there * stride] + missing * (b"\0" + grey), 1)
    before = [(name, body) for name, body, _ in chunks if name not in (b"IDAT", b"IEND")]
    parts = [*before, (b"IDAT", whole), (b"IEND", b"")]
    said = "is cut short" if missing else "has damaged parts"
    return Mended(io.BytesIO(data[:8] + b"".join(chunk(*part) for part in parts)), missing, height, said)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield name, available content and soundness of each chunk of a PNG."""
    place = 8
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + 8 + length]
        check = data[place + 8 + length : place + 12 + length]
        yield name, body, check == struct.pack(">I", zlib.crc32(name + body))
        place += 12 + length


def _unpacked(packed: bytes, length: int) -> bytes:
    """Return as many of the `length` bytes as can be unpacked."""
    unpack, found = zlib.decompressobj(), bytearray()
    for start in range(0, len(packed), PIECE):
        try:
            found += unpack.decompress(packed[start : start + PIECE], length + 1 - len(found))
        except zlib.error:
            break
        if len(found) >= length:
            break
    return bytes(found[:length])


def _bmp(data: bytes) -> Mended | None:
    """Pad with black; most BMPs begin with their last row."""
    start, width, height, bits = (
        struct.unpack_from(kind, data, place)[0] for kind, place in (("<I", 10), ("<i", 18), ("<i", 22), ("<H", 28))
    )
    (packing,) = struct.unpack_from("<I", data, 30)
    if packing not in (0, 3):
        return None
    stride = (width * bits + 31) // 32 * 4
    lacking = start + abs(height) * stride - len(data)
    return _filled(data, lacking, lacking / stride, abs(height))


def _tiff(data: bytes) -> Mended | None:
    """Pad missing strips or tiles of uncompressed numbers with zeros."""
    image = TiffImageFile(io.BytesIO(data))
    tags = image.tag_v2
    offsets, lengths = (tags.get(first, tags.get(other, ())) for first, other in ((273, 324), (279, 325)))
    if tags.get(259, 1) != 1 or not offsets or len(offsets) != len(lengths):
        return None
    end = max(offset + length for offset, length in zip(offsets, lengths, strict=True))
    missing = sum(
        length - min(max(len(data) - offset, 0), length) for offset, length in zip(offsets, lengths, strict=True)
    )
    return _filled(data, end - len(data), image.height * missing / max(1, sum(lengths)), image.height)


def _filled(data: bytes, lacking: int, rows: float, height: int) -> Mended | None:
    if not 0 < lacking <= len(data) or rows > height:
        return None
    return _enough(Mended(io.BytesIO(data + bytes(lacking)), max(1, rows), height, "is cut short"))


def _enough(mended: Mended) -> Mended | None:
    return mended if mended.missing <= MOST_MISSING * mended.height else None
