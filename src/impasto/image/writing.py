"""Writing of pictures to files, in the format of the suffix, atomically, and with the settings of a run."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin

from impasto.errors import ImpastoError, UsageError
from impasto.image import metadata as settings
from impasto.image.atomic import check_place, replace_file
from impasto.image.formats import BMP, JPEG, PNG, SUFFIXES, TIFF, WEBP, Format, format_for
from impasto.image.origin import NOTHING, Origin
from impasto.image.picture import strips
from impasto.image.png import encode_png16
from impasto.image.profile import srgb_profile
from impasto.image.tiff import encode_tiff

XMP_HEAD = 31
"""Number of bytes before the XMP in the XMP block of a JPEG."""


def write(
    path: str | Path,
    pixels: torch.Tensor,
    *,
    alpha: torch.Tensor | None = None,
    bits: int = 8,
    quality: int = 95,
    metadata: Mapping[str, object] | None = None,
    origin: Origin = NOTHING,
    location: bool = False,
) -> tuple[str, ...]:
    """Write `pixels` `(1, 3, H, W)`, sRGB in [0, 1], to `path`, in the format of its suffix; return notices.

    pixels: they are clamped to [0, 1] and rounded.
    alpha: `(1, 1, H, W)` in [0, 1], or None.
    bits: the number of bits a channel, 8, or 16 in PNG and TIFF.
    quality: from 1 to 100, for JPEG and WebP.
    metadata: the settings of a run, which are stored as JSON. `read_metadata` reads them.
    origin: `Picture.origin` of a photo. The file gets author, rights, dates, camera, resolution and XMP, but no
        orientation, thumbnails and data about the photo's own file.
    location: whether the file gets the place where the photo was taken.

    Alpha, settings and EXIF are left out, with a notice for each, if the format cannot store them. The file is written
    completely or not at all: an older file is replaced in one step, at the end.

    Raises UsageError for a path, a size or a number of bits that is not possible (see `check_writable`), for another
    quality, and for metadata that JSON cannot store. Raises ImpastoError for NaN or infinite pixels, and for errors of
    the disk.

    >>> import torch
    >>> import impasto
    >>> impasto.write("grey.png", torch.full((1, 3, 40, 60), 0.5), metadata={"seed": 7})
    ()
    >>> impasto.load("grey.png").size
    (40, 60)
    """
    path = Path(path)
    _check_shapes(pixels, alpha)
    check_writable(path, bits=bits, size=(pixels.shape[2], pixels.shape[3]))
    if not 1 <= quality <= 100:
        raise UsageError(f"quality is {quality}; allowed: 1 to 100")
    form = format_for(path)
    alpha = None if alpha is None or bool((alpha >= 1).all()) else alpha
    text = None if metadata is None else settings.to_text(metadata)
    notices = _left_out(path, form, alpha, text)
    array = _whole_numbers(
        pixels if alpha is None or not form.alpha else torch.cat([pixels, alpha.to(pixels)], 1), bits
    )
    stored = text if text is not None and _settings_fit(form, text) else None
    origin, more = fitting(path, form, stored, origin.for_result(location=location))
    replace_file(path, _ENCODERS[form.name](_Content(array, stored, quality, origin)))
    return (*notices, *more)


def check_writable(path: str | Path, *, bits: int = 8, size: tuple[int, int] | None = None) -> None:
    """Raise UsageError if a picture of `size` (height, width) cannot be written to `path`.

    A long run calls this function at its start.
    """
    path = Path(path)
    form = format_for(path)
    if bits not in (8, 16):
        raise UsageError(f"bits is {bits}; allowed: 8, 16")
    if bits > form.bits:
        deep = ", ".join(suffix for suffix, other in SUFFIXES.items() if other.bits >= bits)
        raise UsageError(f"'{path}' cannot hold {bits} bits; allowed: {deep}")
    if size and max(size) > form.longest_side:
        height, width = size
        raise UsageError(
            f"{width}x{height} is too large for {form.name}; each side can have {form.longest_side} pixels"
        )
    check_place(path)


def _check_shapes(pixels: torch.Tensor, alpha: torch.Tensor | None) -> None:
    """Raise UsageError for wrong shapes."""
    if pixels.ndim != 4 or pixels.shape[:2] != (1, 3) or not pixels.numel():
        raise UsageError(f"pixels have shape {tuple(pixels.shape)}; expected (1, 3, H, W)")
    expected = (1, 1, *pixels.shape[2:])
    if alpha is not None and alpha.shape != expected:
        raise UsageError(f"alpha has shape {tuple(alpha.shape)}; expected {expected}")


def _left_out(path: Path, form: Format, alpha: torch.Tensor | None, text: str | None) -> list[str]:
    """Return notices about alpha and settings that the format cannot store."""
    notices = []
    if alpha is not None and not form.alpha:
        notices.append(f"{path} has no alpha: {form.name} cannot hold it (PNG, WebP and TIFF can)")
    if text is not None and not _settings_fit(form, text):
        notices.append(f"{path} does not carry the settings: {form.name} cannot hold them (PNG and TIFF can)")
    return notices


def fitting(path: Path, form: Format, text: str | None, origin: Origin) -> tuple[Origin, list[str]]:
    """Return the part of `origin` that the format can store beside the settings `text`, and notices about the rest."""
    if form is BMP:
        is_lost = bool(origin.exif or origin.xmp or origin.texts)
        notice = f"{path} does not carry the photo's EXIF data: BMP cannot hold it (the other formats can)"
        return Origin(dpi=origin.dpi), [notice] if is_lost else []
    notices = []
    try:
        long = len(settings.exif(text, origin)) > form.longest_block
    except Exception:  # Pillow cannot write all values that it reads from a damaged block
        long = True
    if long and origin.exif:
        origin = replace(origin, exif={})
        notices.append(f"{path} does not carry the photo's EXIF data, which is too long or damaged")
    if len(origin.xmp) > form.longest_block - XMP_HEAD:
        origin = replace(origin, xmp=b"")
        notices.append(
            f"{path} does not carry the photo's XMP data: {form.name} cannot hold so much (PNG and TIFF can)"
        )
    return origin, notices


def _settings_fit(form: Format, text: str) -> bool:
    return len(text) <= form.longest_settings


def _whole_numbers(pixels: torch.Tensor, bits: int) -> NDArray[Any]:
    """Return `(1, C, H, W)` in [0, 1] as uint8 or uint16 `(H, W, C)`. Raises ImpastoError for NaN and infinities.

    The conversion is strip by strip, because floats take four times the memory.
    """
    top, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    channels, height, width = pixels.shape[1:]
    array = np.empty((height, width, channels), dtype)
    for rows in strips(height, width):
        values = pixels[0, :, rows].detach().to("cpu", torch.float32).permute(1, 2, 0).numpy()
        if not np.isfinite(values).all():
            raise ImpastoError(
                "the picture holds NaN or infinite values and is not written; a smaller step size may help"
            )
        array[rows] = np.rint(values.clip(0, 1) * np.float32(top))
    return array


@dataclass(frozen=True)
class _Content:
    """The content of a file, for an encoder.

    array: uint8 or uint16 `(H, W, C)`.
    text: the settings, or None.
    quality: from 1 to 100.
    origin: the metadata of the photo.
    """

    array: NDArray[Any]
    text: str | None
    quality: int
    origin: Origin

    def save(self, form: Format, **options: object) -> bytes:
        """Return the bytes of a file that Pillow encodes, with the sRGB profile, which only BMP cannot store."""
        buffer = io.BytesIO()
        if self.origin.dpi:
            options["dpi"] = self.origin.dpi
        Image.fromarray(self.array).save(buffer, form.name, icc_profile=srgb_profile(), **options)
        return buffer.getvalue()


def _png(content: _Content) -> bytes:
    chunks, exif = _texts(content), settings.exif(None, content.origin) if content.origin.exif else b""
    if content.array.dtype == np.uint16:
        more = [(chunk[0], chunk[1]) for chunk in chunks.chunks]
        if exif:
            more.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
        if content.origin.dpi:
            more.append((b"pHYs", struct.pack(">2IB", *(round(dots / 0.0254) for dots in content.origin.dpi), 1)))
        return encode_png16(content.array, more)
    return content.save(PNG, pnginfo=chunks, **({"exif": exif} if exif else {}))


def _texts(content: _Content) -> PngImagePlugin.PngInfo:
    """Return the text chunks of a PNG."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Software", settings.SOFTWARE)
    if content.text is not None:
        chunks.add_itxt(settings.KEY, content.text)
    for name, text in content.origin.texts.items():
        chunks.add_text(name, text)
    if content.origin.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", content.origin.xmp.decode())
    return chunks


def _jpeg(content: _Content) -> bytes:
    return content.save(JPEG, quality=content.quality, subsampling="4:4:4", **_blocks(content))


def _webp(content: _Content) -> bytes:
    # exact: fully transparent pixels have the right colours, too
    return content.save(WEBP, quality=content.quality, exact=True, **_blocks(content))


def _blocks(content: _Content) -> dict[str, bytes]:
    """Return the blocks of EXIF and XMP of a JPEG or WebP."""
    blocks = {"exif": settings.exif(content.text, content.origin)}
    return blocks | {"xmp": content.origin.xmp} if content.origin.xmp else blocks


def _tiff(content: _Content) -> bytes:
    return encode_tiff(content.array, content.text, content.origin)


def _bmp(content: _Content) -> bytes:
    return content.save(BMP)


_ENCODERS: dict[str, Callable[[_Content], bytes]] = {
    PNG.name: _png,
    JPEG.name: _jpeg,
    WEBP.name: _webp,
    TIFF.name: _tiff,
    BMP.name: _bmp,
}
