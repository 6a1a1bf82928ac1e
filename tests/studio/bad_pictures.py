"""Bad and odd uploads: the bytes of each, made when they are needed, and the outcome of reading them."""

from __future__ import annotations

import io
import struct
import sys
import time
import warnings
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tifffile
from PIL import Image

from impasto.errors import UsageError
from impasto.image import load

LARGE = 101 << 20
"""A size above the studio's default limit of an upload, in bytes."""


@dataclass(frozen=True)
class Case:
    """An upload.

    name: the name of the file, whose suffix need not be true.
    make: makes the bytes of the file.
    expected: whether `impasto.image.load` reads a picture from the file or refuses it.
    """

    name: str
    make: Callable[[], bytes]
    expected: Literal["picture", "refused"]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Outcome:
    """The outcome of reading a file.

    kind: "picture", "refused", or the name of an unexpected exception.
    text: the size (height, width), or the message.
    seconds: the time of reading.
    memory: the largest memory of the process, in bytes; 0 where it is not known.
    """

    kind: str
    text: str
    seconds: float
    memory: int


def outcome(path: str) -> Outcome:
    """Read a file by `impasto.image.load`. It is called in a process of its own, where warnings are errors."""
    warnings.simplefilter("error")
    began = time.perf_counter()
    try:
        kind, text = "picture", str(load(path).size)
    except UsageError as error:
        kind, text = "refused", str(error)
    except BaseException as error:
        kind, text = type(error).__name__, str(error)
    return Outcome(kind, text, time.perf_counter() - began, _memory())


def _memory() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # noqa: PLC0415 (not on Windows)

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10


def photo(height: int = 48, width: int = 64, mode: str = "RGB") -> Image.Image:
    """Return a picture of smooth colours with noise."""
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(1).integers(0, 40, (height, width, 3))
    channels = np.stack([x * 200 // width, y * 200 // height, (x + y) * 200 // (height + width)], -1) + noise
    return Image.fromarray(channels.astype(np.uint8)).convert(mode)


def encoded(image: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, form, **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    """Return a chunk of a PNG; `crc` replaces the true check sum."""
    return (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data) if crc is None else crc)
    )


def with_chunk(png: bytes, more: bytes) -> bytes:
    """Return a PNG with `more` after its header, which ends at byte 33."""
    return png[:33] + more + png[33:]


def text() -> bytes:
    return b"This is my holiday photo. Believe me.\r\n" * 20


def truncated(form: str, kept: float) -> Callable[[], bytes]:
    def make() -> bytes:
        data = encoded(photo(200, 300), form)
        return data[: int(len(data) * kept)]

    return make


def bomb() -> bytes:
    """60,000 x 60,000 pixels of one bit in half a megabyte."""
    row, pack = bytes(1 + 60_000 // 8), zlib.compressobj(9)
    data = b"".join(pack.compress(row * 1000) for _ in range(60)) + pack.flush()
    header = chunk(b"IHDR", struct.pack(">2I5B", 60_000, 60_000, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def svg() -> bytes:
    return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(document.cookie)</script></svg>'


def html() -> bytes:
    return b"<!DOCTYPE html><html><body><script>alert(document.cookie)</script></body></html>"


def gif_and_script() -> bytes:
    """A GIF that is a program in JavaScript, too: its width, 10799, is the beginning of a comment."""
    gif = encoded(photo(40, 60).quantize(16), "GIF")
    return b"GIF89a/*" + gif[8:] + b"*/=1;alert(document.cookie);//"


def too_large() -> bytes:
    """A small picture with a chunk of `LARGE` bytes, which programs may ignore."""
    return with_chunk(encoded(photo(), "PNG"), chunk(b"fiLl", bytes(LARGE)))


def animated(form: str) -> Callable[[], bytes]:
    def make() -> bytes:
        first, *others = (Image.new("RGB", (40, 30), color) for color in ("red", "lime", "blue"))
        return encoded(first, form, save_all=True, append_images=others, duration=100, loop=0)

    return make


def broken_crc() -> bytes:
    """A PNG whose pixels have a wrong check sum."""
    png = encoded(photo(), "PNG")
    start = png.index(b"IDAT") - 4
    length = int.from_bytes(png[start : start + 4], "big")
    return png[:start] + chunk(b"IDAT", png[start + 8 : start + 8 + length], crc=7) + png[start + 12 + length :]


def text_bomb() -> bytes:
    """A PNG with a text of 300 megabytes, compressed to 300 kilobytes."""
    return with_chunk(encoded(photo(), "PNG"), chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(300 << 20))))


def long_text() -> bytes:
    """A PNG with a plain text of 20 megabytes."""
    return with_chunk(encoded(photo(), "PNG"), chunk(b"tEXt", b"Comment\0" + b"a" * (20 << 20)))


def nan_tiff() -> bytes:
    array = np.full((30, 40, 3), 0.5, np.float32)
    array[3, 4, 1] = np.nan
    file = io.BytesIO()
    tifffile.imwrite(file, array, photometric="rgb", metadata=None)
    return file.getvalue()


def endless_tiff() -> bytes:
    """A TIFF whose only directory names itself as the next one."""
    tiff = bytearray(encoded(photo(), "TIFF"))
    order = "<" if tiff[:2] == b"II" else ">"
    (first,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, first)
    struct.pack_into(f"{order}I", tiff, first + 2 + 12 * entries, first)
    return bytes(tiff)


def grey_png() -> bytes:
    return encoded(Image.fromarray((np.arange(48 * 64).reshape(48, 64) * 21).astype(np.uint16)), "PNG")


def palette_png() -> bytes:
    """A PNG of 8 colours, the first of which is transparent."""
    return encoded(photo().quantize(8), "PNG", transparency=0)


def signed_bmp(across: int, down: int) -> Callable[[], bytes]:
    """Make a BMP with these signs of its width and height; a negative height means rows from top to bottom."""

    def make() -> bytes:
        bmp = bytearray(encoded(photo(), "BMP"))
        struct.pack_into("<2i", bmp, 18, across * 64, down * 48)
        return bytes(bmp)

    return make


def turned_jpeg() -> bytes:
    """A JPEG of 64 x 48 that a viewer turns by a quarter, to 48 x 64."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(photo(), "JPEG", exif=exif)


def archive() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as zipped:
        zipped.writestr("photo.png", encoded(photo(), "PNG"))
    return file.getvalue()


CASES = (
    Case("text.jpg", text, "refused"),
    Case("cut short.jpg", truncated("JPEG", 0.3), "refused"),
    Case("cut short.png", truncated("PNG", 0.3), "refused"),
    Case("cut short.tif", truncated("TIFF", 0.3), "refused"),
    Case("cut near its end.jpg", truncated("JPEG", 0.9), "picture"),
    Case("decompression bomb.png", bomb, "refused"),
    Case("empty.png", bytes, "refused"),
    Case("script.svg", svg, "refused"),
    Case("page.png", html, "refused"),
    Case("script.gif", gif_and_script, "picture"),
    Case("too large.png", too_large, "picture"),
    Case("animated.gif", animated("GIF"), "picture"),
    Case("animated.webp", animated("WEBP"), "picture"),
    Case("animated.png", animated("PNG"), "picture"),
    Case("print.jpg", lambda: encoded(photo(mode="CMYK"), "JPEG"), "picture"),
    Case("one pixel.png", lambda: encoded(photo(1, 1), "PNG"), "picture"),
    Case("not a number.tif", nan_tiff, "refused"),
    Case("grey of 16 bits.png", grey_png, "picture"),
    Case("palette.png", palette_png, "picture"),
    Case("broken checksum.png", broken_crc, "picture"),
    Case("text bomb.png", text_bomb, "refused"),
    Case("long text.png", long_text, "picture"),
    Case("endless.tif", endless_tiff, "picture"),
    Case("negative width.bmp", signed_bmp(-1, 1), "refused"),
    Case("top to bottom.bmp", signed_bmp(1, -1), "picture"),
    Case("icon.ico", lambda: encoded(photo(32, 32, "RGBA"), "ICO"), "refused"),
    Case("turned.jpg", turned_jpeg, "picture"),
    Case("strip.png", lambda: encoded(photo(1, 50_000), "PNG"), "picture"),
    Case("archive.jpg", archive, "refused"),
    Case("noise.png", lambda: np.random.default_rng(4).bytes(50_000), "refused"),
)
"""All uploads, with names that differ."""


def case(name: str) -> Case:
    """Return the case of this name."""
    return next(each for each in CASES if each.name == name)
