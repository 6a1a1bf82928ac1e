"""Pictures as the bytes that a page shows."""

from __future__ import annotations

import io
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from impasto.image import Picture, fitted_size, resize, size_of
from impasto.image.profile import srgb_profile


def to_jpeg(image: Tensor, side: int | None = None, quality: int = 90) -> bytes:
    """Return `image` `(1, 3, H, W)` in [0, 1] as a JPEG, with a longer side of at most `side` pixels.

    >>> to_jpeg(torch.rand(1, 3, 40, 60), 30)[:3]
    b'\\xff\\xd8\\xff'
    """
    return _encoded(_reduced(image, side), "JPEG", quality=quality, subsampling="4:4:4")


def to_shown(picture: Picture, side: int | None = None) -> tuple[bytes, str]:
    """Return a picture as the bytes that a page shows, and their type: a PNG where it is transparent, else a JPEG."""
    if picture.alpha is None:
        return to_jpeg(picture.pixels, side), "image/jpeg"
    image = _reduced(torch.cat([picture.pixels, picture.alpha], 1), side)
    return _encoded(image, "PNG", compress_level=3), "image/png"


def replace_soon(path: Path, data: bytes) -> None:
    """Replace a file in one step, without waiting for the disk: after a power cut the file may be the old one."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.replace(path)


def _reduced(image: Tensor, side: int | None) -> Tensor:
    longest = max(size_of(image))
    return image if side is None or longest <= side else resize(image, fitted_size(size_of(image), side))


def _encoded(image: Tensor, form: str, **options: object) -> bytes:
    array = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().cpu().numpy()
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, form, icc_profile=srgb_profile(), **options)
    return buffer.getvalue()
