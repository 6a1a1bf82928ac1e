"""Write a picture to a file: in the format of its suffix, atomically, with the settings of its run."""

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
"""Bytes that a block of XMP in a JPEG takes beside the XMP."""


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

    pixels: clamped to [0, 1] and rounded.
    alpha: `(1, 1, H, W)` in [0, 1], or None.
    bits: 8 or 16 per channel; 16 in PNG and TIFF.
    quality: 1 to 100, for JPEG and WebP.
    metadata: stored as JSON; `read_metadata` reads it.
    origin: `Picture.origin` of a photo. Author, rights, dates, camera, resolution and XMP are written, and with
        `location` also the place; orientation, thumbnails and facts about the photo's own file are not.

    A format that cannot hold alpha, settings or EXIF leaves them out, with a notice for each. The file appears whole or
    not at all: an older file is replaced in one step, at the end.

    Raises UsageError for a path, a size or a depth that is not possible (see `check_writable`) and for metadata that
    JSON cannot hold; ImpastoError for NaN or infinite pixels, and for errors of the disk.

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
    kept, more = fitting(path, form, stored, origin.kept(location=location))
    replace_file(path, _ENCODERS[form.name](_Job(array, stored, quality, kept)))
    return (*notices, *more)


def check_writable(path: str | Path, *, bits: int = 8, size: tuple[int, int] | None = None) -> None:
    """Raise UsageError, before hours of work, if a picture of `size` (height, width) could not be written to `path`."""
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
    if pixels.ndim != 4 or pixels.shape[:2] != (1, 3) or not pixels.numel():
        raise UsageError(f"pixels have shape {tuple(pixels.shape)}; expected (1, 3, H, W)")
    expected = (1, 1, *pixels.shape[2:])
    if alpha is not None and alpha.shape != expected:
        raise UsageError(f"alpha has shape {tuple(alpha.shape)}; expected {expected}")


def _left_out(path: Path, form: Format, alpha: torch.Tensor | None, text: str | None) -> list[str]:
    notices = []
    if alpha is not None and not form.alpha:
        notices.append(f"{path} has no alpha: {form.name} cannot hold it (PNG, WebP and TIFF can)")
    if text is not None and not _settings_fit(form, text):
        notices.append(f"{path} does not carry the settings: {form.name} cannot hold them (PNG and TIFF can)")
    return notices


def fitting(path: Path, form: Format, text: str | None, origin: Origin) -> tuple[Origin, list[str]]:
    """As much of `origin` as the format holds beside the settings `text`, and notices about the rest."""
    if form is BMP:
        carried = bool(origin.exif or origin.xmp or origin.texts)
        said = f"{path} does not carry the photo's EXIF data: BMP cannot hold it (the other formats can)"
        return Origin(dpi=origin.dpi), [said] if carried else []
    notices = []
    try:
        long = len(settings.exif(text, origin)) > form.longest_block
    except Exception:  # values of a damaged block, of whatever kind, that Pillow read and cannot write
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
    """`(1, C, H, W)` in [0, 1] as `(H, W, C)` of uint8 or uint16; strip by strip, as floats take four times as much."""
    top, dtype = (255, np.uint8) if bits == 8 else (65535, np.uint16)
    channels, height, width = pixels.shape[1:]
    found = np.empty((height, width, channels), dtype)
    for rows in strips(height, width):
        values = pixels[0, :, rows].detach().to("cpu", torch.float32).permute(1, 2, 0).numpy()
        if not np.isfinite(values).all():
            raise ImpastoError(
                "the picture holds NaN or infinite values and is not written; a smaller step size may help"
            )
        found[rows] = np.rint(values.clip(0, 1) * np.float32(top))
    return found


@dataclass(frozen=True)
class _Job:
    """What an encoder turns into the bytes of a file."""

    array: NDArray[Any]
    text: str | None
    quality: int
    origin: Origin

    def save(self, form: Format, **options: object) -> bytes:
        """By Pillow, with the colour profile that all but BMP can hold."""
        buffer = io.BytesIO()
        if self.origin.dpi:
            options["dpi"] = self.origin.dpi
        Image.fromarray(self.array).save(buffer, form.name, icc_profile=srgb_profile(), **options)
        return buffer.getvalue()


def _png(job: _Job) -> bytes:
    chunks, exif = _texts(job), settings.exif(None, job.origin) if job.origin.exif else b""
    if job.array.dtype == np.uint16:
        more = [(chunk[0], chunk[1]) for chunk in chunks.chunks]
        if exif:
            more.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
        if job.origin.dpi:
            more.append((b"pHYs", struct.pack(">2IB", *(round(dots / 0.0254) for dots in job.origin.dpi), 1)))
        return encode_png16(job.array, more)
    return job.save(PNG, pnginfo=chunks, **({"exif": exif} if exif else {}))


def _texts(job: _Job) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    chunks.add_text("Software", settings.SOFTWARE)
    if job.text is not None:
        chunks.add_itxt(settings.KEY, job.text)
    for name, text in job.origin.texts.items():
        chunks.add_text(name, text)
    if job.origin.xmp:
        chunks.add_itxt("XML:com.adobe.xmp", job.origin.xmp.decode())
    return chunks


def _jpeg(job: _Job) -> bytes:
    return job.save(JPEG, quality=job.quality, subsampling="4:4:4", **_blocks(job))


def _webp(job: _Job) -> bytes:
    # exact: the colours under full transparency are somebody's too
    return job.save(WEBP, quality=job.quality, exact=True, **_blocks(job))


def _blocks(job: _Job) -> dict[str, bytes]:
    blocks = {"exif": settings.exif(job.text, job.origin)}
    return blocks | {"xmp": job.origin.xmp} if job.origin.xmp else blocks


def _tiff(job: _Job) -> bytes:
    return encode_tiff(job.array, job.text, job.origin)


def _bmp(job: _Job) -> bytes:
    return job.save(BMP)


_ENCODERS: dict[str, Callable[[_Job], bytes]] = {
    PNG.name: _png,
    JPEG.name: _jpeg,
    WEBP.name: _webp,
    TIFF.name: _tiff,
    BMP.name: _bmp,
}
