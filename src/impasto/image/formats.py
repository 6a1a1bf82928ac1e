"""The file formats: how each is recognised, what it can hold, and how a file of one is opened."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from impasto.errors import ImpastoError, UsageError, choose, nearest
from impasto.image.containers import AVIF_SIGNATURE, HEIC_SIGNATURE, open_avif, open_heic

MAX_PIXELS = 200_000_000
"""The largest picture that is read unless more is asked for; as float32 it takes 2.4 GB."""

MAX_BYTES = 2 << 30
"""The largest file that is read unless more is asked for."""

UNKNOWN_MODE = "unknown pixel mode"
"""What Pillow says of a file whose pixels it has no name for, such as Lab of 16 bits; the file is sound."""

UNLIMITED = 1 << 31


@dataclass(frozen=True)
class Format:
    """One file format. A format without suffixes is read only; `read_as` are those of formats that are only read.

    Files are opened with `open`, the plugin of this very format, and never with `PIL.Image.open`: that tries some forty
    formats, and guards against decompression bombs with a number that is global to the process.
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
"""The suffixes of files that are taken for pictures."""

HEAD = 64
"""How many first bytes tell the format."""


def format_for(path: Path) -> Format:
    """The format that the suffix of `path` asks for; a UsageError names the nearest and all that are allowed."""
    if not path.suffix:
        raise UsageError(f"'{path}' has no suffix to tell its format by; allowed: {', '.join(SUFFIXES)}")
    return choose(SUFFIXES, path.suffix.lower(), f"suffix in '{path}':")


@contextmanager
def opened(path: Path, max_bytes: int) -> Iterator[tuple[BinaryIO, Format]]:
    """The file at `path`, open for reading, and its format as its first bytes tell it.

    Raises UsageError, in one line, for whatever is missing, unreadable, empty, too large, of no known format or
    damaged; the last also when a decoder stumbles inside the `with` block.
    """
    with open_file(path, "a picture") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            raise UsageError(f"'{path}' is empty")
        if size > max_bytes:
            raise UsageError(f"'{path}' has {size} bytes; at most {max_bytes} are read (in Python, raise max_bytes)")
        form = _recognised(file.read(HEAD), path)
        file.seek(0)
        try:
            yield file, form
        except (ImpastoError, MemoryError):
            raise
        except Exception as error:  # what a decoder raises over damaged bytes is any exception there is
            reason = str(error).partition("\n")[0] or type(error).__name__
            if reason == UNKNOWN_MODE:
                raise UsageError(
                    f"'{path}' holds pixels of a kind that is not read from {form.name} files; save it as grey or RGB"
                ) from error
            raise UsageError(f"'{path}' is damaged or cut short as a {form.name} file: {reason}") from error


def check_pixels(path: Path, width: int, height: int, max_pixels: int) -> None:
    """Refuse, by its header alone, a picture too large to decode."""
    if width * height > max_pixels:
        megapixels, allowed = width * height / 1e6, max_pixels / 1e6
        raise UsageError(
            f"'{path}' is {width}x{height}, {megapixels:.4g} megapixels; at most {allowed:.4g} are read "
            "(make it smaller first, or in Python raise max_pixels)"
        )


def open_file(path: Path, expected: str) -> BinaryIO:
    """The regular file at `path`; a UsageError, in one line, says why not and names the nearest beside it."""
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
    """The format of a file with these first bytes, HEAD of them; None for one that is not known."""
    return next((form for form in FORMATS if re.match(form.signature, head, re.DOTALL)), None)


def _recognised(head: bytes, path: Path) -> Format:
    if form := recognise(head):
        return form
    known = ", ".join(form.name for form in FORMATS)
    raise UsageError(f"'{path}' is not a picture of a known format; allowed: {known}")
