"""File formats: how to recognise each, what each can store, and how to open a file."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import BinaryIO

from PIL import features
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from impasto.errors import ImpastoError, UsageError, choose, nearest

MAX_PIXELS = 200_000_000
"""Default limit of the number of pixels, which take 2.4 GB as float32."""

MAX_BYTES = 2 << 30
"""Default limit of the size of a file, in bytes."""

UNKNOWN_MODE = "unknown pixel mode"
"""Pillow's message for a valid file with an unsupported kind of pixels, such as 16-bit Lab."""

UNLIMITED = 1 << 31
"""A number above all limits."""


@dataclass(frozen=True)
class Format:
    """A file format.

    signature: a pattern of the first bytes of a file.
    open: Pillow's plugin of this format. `PIL.Image.open` is not used, because it tries some forty formats, and its
        limit against decompression bombs is global.
    suffixes: the suffixes of files that are written in this format; none for a format that is only read.
    bits: the largest number of bits a channel that can be written.
    alpha: whether alpha can be written.
    longest_side: the largest side, in pixels.
    longest_settings: the largest number of characters of settings.
    read_as: the suffixes of a format that is only read.
    longest_block: the largest number of bytes of a block of EXIF or XMP.
    """

    name: str
    signature: bytes
    open: Callable[[BinaryIO], ImageFile]
    suffixes: tuple[str, ...] = ()
    bits: int = 8
    alpha: bool = False
    longest_side: int = UNLIMITED
    longest_settings: int = UNLIMITED
    read_as: tuple[str, ...] = ()
    longest_block: int = UNLIMITED


AVIF_SIGNATURE = rb"....ftyp(?:avi[fs]|m[is]f1....(?:....)*?avi[fs])"
"""ISO/IEC 14496-12: the box `ftyp` has a major brand, a version, and compatible brands. Both formats use `mif1`."""

HEIC_SIGNATURE = rb"....ftyp(?:he[iv][cmsx]|m[is]f1)"


def open_avif(file: BinaryIO) -> ImageFile:
    """Return the AVIF picture in `file`, opened by Pillow. Raises UsageError if Pillow has no decoder."""
    if "avif" not in features.modules or not features.check("avif"):
        raise UsageError(f'{_name_of(file)} is an AVIF picture; to read it: pip install --upgrade "pillow>=11.3"')
    return _plugin("PIL.AvifImagePlugin", "AvifImageFile", file)


def open_heic(file: BinaryIO) -> ImageFile:
    """Return the HEIC picture in `file`, opened by pillow-heif. Raises UsageError if the extra is not installed."""
    try:
        return _plugin("pillow_heif", "HeifImageFile", file)
    except ImportError as error:
        raise UsageError(f'{_name_of(file)} is a HEIC picture; to read it: pip install "impasto[heic]"') from error


def _plugin(module: str, name: str, file: BinaryIO) -> ImageFile:
    image: ImageFile = getattr(import_module(module), name)(file)
    return image


def _name_of(file: BinaryIO) -> str:
    return f"'{getattr(file, 'name', 'this')}'"


PNG = Format("PNG", rb"\x89PNG\r\n\x1a\n", PngImageFile, (".png",), bits=16, alpha=True)
JPEG = Format(
    "JPEG",
    rb"\xff\xd8\xff",
    JpegImageFile,
    (".jpg", ".jpeg", ".jpe", ".jfif"),
    longest_side=65_500,
    longest_settings=65_000,
    longest_block=65_533,
)
WEBP = Format("WebP", rb"RIFF....WEBP", WebPImageFile, (".webp",), alpha=True, longest_side=16_383)
TIFF = Format("TIFF", rb"II[*+]\0|MM\0[*+]", TiffImageFile, (".tif", ".tiff"), bits=16, alpha=True)
BMP = Format("BMP", rb"BM", BmpImageFile, (".bmp",), longest_settings=0)
GIF = Format("GIF", rb"GIF8[79]a", GifImageFile, read_as=(".gif",))
AVIF = Format("AVIF", AVIF_SIGNATURE, open_avif, read_as=(".avif", ".avifs"))
HEIC = Format("HEIC", HEIC_SIGNATURE, open_heic, read_as=(".heic", ".heif", ".hif"))

FORMATS = (PNG, JPEG, WEBP, TIFF, BMP, GIF, AVIF, HEIC)
SUFFIXES = {suffix: form for form in FORMATS for suffix in form.suffixes}

READABLE = frozenset(suffix for form in FORMATS for suffix in (*form.suffixes, *form.read_as))
"""Suffixes of files that count as pictures."""

HEAD = 64
"""Number of first bytes that `recognise` needs."""


def format_for(path: Path) -> Format:
    """Return the format in which a file with the suffix of `path` is written.

    Raises UsageError for another suffix, with the nearest and all allowed ones.

    >>> format_for(Path("painting.jpg")).name
    'JPEG'
    """
    if not path.suffix:
        raise UsageError(f"'{path}' has no suffix to tell its format by; allowed: {', '.join(SUFFIXES)}")
    return choose(SUFFIXES, path.suffix.lower(), f"suffix in '{path}':")


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[tuple[BinaryIO, Format]]:
    """Open the file at `path`, and yield it with its format, which its first bytes determine.

    Raises UsageError, in one line, for a file that is missing, unreadable, empty, too large, or of an unknown format.
    Any error of a decoder inside the `with` block becomes a UsageError for a damaged file.
    """
    with open_file(path, "a picture") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise UsageError(f"'{path}' is empty")
        if size > max_bytes:
            raise UsageError(f"'{path}' has {size} bytes; at most {max_bytes} are read (in Python, raise max_bytes)")
        form = _format_of(file.read(HEAD), path)
        file.seek(0)
        try:
            yield file, form
        except (ImpastoError, MemoryError):
            raise
        except Exception as error:  # decoders raise any exception for damaged bytes
            reason = str(error).partition("\n")[0] or type(error).__name__
            if reason == UNKNOWN_MODE:
                raise UsageError(
                    f"'{path}' holds pixels of a kind that is not read from {form.name} files; save it as grey or RGB"
                ) from error
            raise UsageError(f"'{path}' is damaged or cut short as a {form.name} file: {reason}") from error


def check_pixels(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Raise UsageError for more than `max_pixels` pixels. The check comes before the decoding."""
    if width * height > max_pixels:
        megapixels, allowed = width * height / 1e6, max_pixels / 1e6
        raise UsageError(
            f"'{path}' is {width}x{height}, {megapixels:.4g} megapixels; at most {allowed:.4g} are read "
            "(make it smaller first, or in Python raise max_pixels)"
        )


def open_file(path: Path, expected: str) -> BinaryIO:
    """Return the regular file at `path`, opened for reading.

    `expected` says what the file should be, for messages. Raises UsageError, in one line, for a file that is missing,
    with the nearest name in the folder, or cannot be opened.
    """
    try:
        if path.is_dir():
            raise UsageError(f"'{path}' is a folder; expected {expected}")
        if path.exists() and not path.is_file():  # a pipe or a device might never end
            raise UsageError(f"'{path}' is not a regular file but a pipe or a device; expected a file with {expected}")
        return path.open("rb")
    except UsageError:
        raise
    except FileNotFoundError:
        raise UsageError(f"no such file '{path}'{_neighbour(path)}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise UsageError(f"'{path}' cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _neighbour(path: Path) -> str:
    try:
        return nearest(path.name, [entry.name for entry in path.parent.iterdir()])
    except OSError:
        return ""


def recognise(head: bytes) -> Format | None:
    """Return the format of a file with the first bytes `head`, `HEAD` of them, or None.

    >>> recognise(b"BM").name
    'BMP'
    """
    return next((form for form in FORMATS if re.match(form.signature, head, re.DOTALL)), None)


def _format_of(head: bytes, path: Path) -> Format:
    if form := recognise(head):
        return form
    names = ", ".join(form.name for form in FORMATS)
    raise UsageError(f"'{path}' is not a picture of a known format; allowed: {names}")
