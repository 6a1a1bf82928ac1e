"""Repair of files that end too early or have small errors, so that they can be read, as in picture viewers."""

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
"""Largest missing share of a picture that is repaired."""

GREY = 128
"""The level of missing pixels."""

PIECE = 1 << 16
"""Number of bytes that are decompressed at a time."""


@dataclass(frozen=True)
class Mended:
    """A repaired file.

    missing: the number of missing rows.
    height: the number of all rows.
    damage: the damage as a verb phrase.
    """

    file: BinaryIO
    missing: float
    height: int
    damage: str

    @property
    def notice(self) -> str:
        """Return the notice about the picture, without its name."""
        rows = f"{round(self.missing)} of its {self.height} rows" if self.missing else "no row"
        return f"{self.damage}; {rows} {'are' if self.missing > 1 else 'is'} missing"


def mend(file: BinaryIO, form: Format, max_pixels: int) -> Mended | None:
    """Return the repaired `file`, or None if it cannot be repaired, lacks too much, or is too large.

    The function may raise any exception of a decoder.
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
    """Return a JPEG with its end marker; the decoder fills missing blocks with middle grey."""
    file = io.BytesIO(data + b"\xff\xd9")
    image = JpegImageFile(file)
    if image.width * image.height > max_pixels:
        return None
    image.load()
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    lacking = np.all(abs(pixels[:, -8:].astype(np.int16) - GREY) <= 1, axis=(1, 2))
    rows = image.height if lacking.all() else int(np.argmin(lacking[::-1]))
    damage = "lacks its end, and perhaps fine detail" if "progressive" in image.info else "lacks its end"
    return _enough(Mended(io.BytesIO(file.getvalue()), rows, image.height, damage))


def _png(data: bytes, max_pixels: int) -> Mended | None:
    """Return a PNG without damaged ancillary chunks, with missing rows filled by grey (or transparency)."""
    chunks = [chunk for chunk in _chunks(data) if chunk[2] or not chunk[0][0] & 0x20]  # lower case: ancillary
    if not chunks or chunks[0][0] != b"IHDR" or not chunks[0][2]:
        return None
    width, height, depth, kind, _, _, interlaced = struct.unpack(">2I5B", chunks[0][1][:13])
    if width * height > max_pixels:
        return None
    stride = 1 + (width * depth * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind] + 7) // 8
    compressed = b"".join(body for name, body, _ in chunks if name == b"IDAT")
    if interlaced:
        whole, missing = compressed, 0
    else:
        rows = _decompress(compressed, height * stride)
        count = len(rows) // stride
        missing = height - count
        if missing > MOST_MISSING * height:
            return None
        grey = bytes([GREY if kind in (0, 2) and depth >= 8 else 0]) * (stride - 1)
        whole = zlib.compress(rows[: count * stride] + missing * (b"\0" + grey), 1)
    before = [(name, body) for name, body, _ in chunks if name not in (b"IDAT", b"IEND")]
    parts = [*before, (b"IDAT", whole), (b"IEND", b"")]
    damage = "is cut short" if missing else "has damaged parts"
    return Mended(io.BytesIO(data[:8] + b"".join(chunk(*part) for part in parts)), missing, height, damage)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Yield the name and the available content of each chunk of a PNG, and whether its checksum is right."""
    start = 8
    while start + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, start)
        body = data[start + 8 : start + 8 + length]
        check = data[start + 8 + length : start + 12 + length]
        yield name, body, check == struct.pack(">I", zlib.crc32(name + body))
        start += 12 + length


def _decompress(compressed: bytes, length: int) -> bytes:
    """Return the first `length` bytes, or as many as can be decompressed."""
    decoder, data = zlib.decompressobj(), bytearray()
    for start in range(0, len(compressed), PIECE):
        try:
            data += decoder.decompress(compressed[start : start + PIECE], length + 1 - len(data))
        except zlib.error:
            break
        if len(data) >= length:
            break
    return bytes(data[:length])


def _bmp(data: bytes) -> Mended | None:
    """Return an uncompressed BMP with missing bytes filled by black; most BMPs begin with their last row."""
    start, width, height, bits = (
        struct.unpack_from(kind, data, place)[0] for kind, place in (("<I", 10), ("<i", 18), ("<i", 22), ("<H", 28))
    )
    (compression,) = struct.unpack_from("<I", data, 30)
    if compression not in (0, 3):
        return None
    stride = (width * bits + 31) // 32 * 4
    lacking = start + abs(height) * stride - len(data)
    return _filled(data, lacking, lacking / stride, abs(height))


def _tiff(data: bytes) -> Mended | None:
    """Return an uncompressed TIFF with missing strips or tiles filled by zeros."""
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
    """Return `data` with `lacking` zeros at the end, which are about `rows` rows, or None if too much is missing."""
    if not 0 < lacking <= len(data) or rows > height:
        return None
    return _enough(Mended(io.BytesIO(data + bytes(lacking)), max(1, rows), height, "is cut short"))


def _enough(mended: Mended) -> Mended | None:
    """Return the repaired file, or None if too much is missing."""
    return mended if mended.missing <= MOST_MISSING * mended.height else None
