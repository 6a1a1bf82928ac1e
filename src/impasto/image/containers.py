"""Decoders of AVIF and HEIC, which may be missing; errors say how to install them."""

from __future__ import annotations

from importlib import import_module
from typing import BinaryIO

from PIL import features
from PIL.ImageFile import ImageFile

from impasto.errors import UsageError

AVIF_SIGNATURE = rb"....ftyp(?:avi[fs]|m[is]f1....(?:....)*?avi[fs])"
"""ISO/IEC 14496-12: the box `ftyp` has the major brand, a version, and compatible brands. Both formats use `mif1`."""

HEIC_SIGNATURE = rb"....ftyp(?:he[iv][cmsx]|m[is]f1)"


def open_avif(file: BinaryIO) -> ImageFile:
    """Open the AVIF picture in `file` by Pillow. Raises UsageError if Pillow cannot decode it."""
    if "avif" not in features.modules or not features.check("avif"):
        raise UsageError(f'{_named(file)} is an AVIF picture; to read it: pip install --upgrade "pillow>=11.3"')
    return _plugin("PIL.AvifImagePlugin", "AvifImageFile", file)


def open_heic(file: BinaryIO) -> ImageFile:
    """Open the HEIC picture in `file` by pillow-heif. Raises UsageError if the extra is not installed."""
    try:
        return _plugin("pillow_heif", "HeifImageFile", file)
    except ImportError as error:
        raise UsageError(f'{_named(file)} is a HEIC picture; to read it: pip install "impasto[heic]"') from error


def _plugin(module: str, name: str, file: BinaryIO) -> ImageFile:
    image: ImageFile = getattr(import_module(module), name)(file)
    return image


def _named(file: BinaryIO) -> str:
    return f"'{getattr(file, 'name', 'this')}'"
