"""Writing of TIFF files, with EXIF and GPS tags in directories of their own."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from impasto.image.metadata import SOFTWARE, tags, text_bytes
from impasto.image.origin import DESCRIPTION, EXIF_IFD, GPS_IFD, Origin
from impasto.image.profile import srgb_profile

BYTE, ASCII, SHORT, LONG = 1, 2, 3, 4
"""Types of tags."""

XMP, CLASSIC = 700, 42
"""The tag of XMP, and the version of files below 4 GB."""

OFFSET = 1
"""tifffile does not write tags of directories. The tags with numbers smaller by `OFFSET`, which are unused, reserve
their entries."""


def encode_tiff(pixels: NDArray[Any], text: str | None, origin: Origin) -> bytes:
    """Return the bytes of a TIFF with `pixels`, uint8 or uint16 `(H, W, 3 or 4)`, and settings, EXIF and XMP."""
    exif = tags(text, origin)
    inner = {tag: exif.pop(tag) for tag in (EXIF_IFD, GPS_IFD) if exif.get(tag)}
    about: Any = text_bytes(exif.pop(DESCRIPTION, None))
    extra = [_entry(tag, value) for tag, value in exif.items() if tag not in (EXIF_IFD, GPS_IFD)]
    extra += [(tag - OFFSET, LONG, 1, 0, True) for tag in inner]
    if origin.xmp:
        extra.append((XMP, BYTE, len(origin.xmp), origin.xmp, True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        pixels,
        photometric="rgb",
        compression="zlib",
        predictor=True,
        extrasamples=["unassalpha"] if pixels.shape[2] == 4 else None,
        iccprofile=srgb_profile(),
        software=SOFTWARE,
        description=about,
        resolution=origin.dpi,
        resolutionunit="INCH" if origin.dpi else None,
        extratags=extra,
        metadata=None,
    )
    return _with_directories(bytearray(buffer.getvalue()), inner) if inner else buffer.getvalue()


def _entry(tag: int, value: Any) -> tuple[int, int, int, Any, bool]:
    """Return a tag in the form of tifffile's `extratags`."""
    if isinstance(value, str):
        data = text_bytes(value)
        data = data.encode() if isinstance(data, str) else data
        return tag, ASCII, 0, data, True
    if isinstance(value, bytes):
        return tag, BYTE, len(value), value, True
    numbers = np.atleast_1d(np.asarray(value, np.int64))
    return tag, SHORT if numbers.max() < 1 << 16 else LONG, len(numbers), tuple(numbers.tolist()), True


def _with_directories(data: bytearray, inner: Mapping[int, Mapping[int, Any]]) -> bytes:
    """Return the file with EXIF and GPS directories at its end, and their offsets in its first directory."""
    order = "<" if data[:2] == b"II" else ">"
    places = _places(data, order)
    for tag, values in inner.items():
        if tag - OFFSET not in places:  # a BigTIFF file, beyond 4 GB
            continue
        data += bytes(len(data) % 2)
        start = len(data)
        directory = ImageFileDirectory_v2(bytes(data[:4]) + bytes(4), group=tag)
        for name, value in values.items():
            directory[name] = value
        entry = places[tag - OFFSET]
        struct.pack_into(f"{order}H", data, entry, tag)
        struct.pack_into(f"{order}I", data, entry + 8, start)
        data += directory.tobytes(start)
    return bytes(data)


def _places(data: bytearray, order: str) -> dict[int, int]:
    """Return the offsets of the entries of the first directory, by tag (TIFF 6.0, section 2)."""
    version, first = struct.unpack_from(f"{order}HI", data, 2)
    if version != CLASSIC:
        return {}
    (count,) = struct.unpack_from(f"{order}H", data, first)
    entries = range(first + 2, first + 2 + 12 * count, 12)
    return {struct.unpack_from(f"{order}H", data, entry)[0]: entry for entry in entries}
