"""Colour profiles: sRGB for what is written, and every other profile turned into it for what is read."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from impasto.image import icc
from impasto.image.encoding import Encoding

Convert = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Turns pixels `(H, W, 1 or 3)` in [0, 1] into sRGB `(H, W, 1 or 3)` in [0, 1]."""

NODES = 52
"""Nodes of a table along each channel, five levels of 255 apart: each is a colour of 8 bits."""


class ProfileError(Exception):
    """A colour profile is damaged, or belongs to pixels of another kind."""


@cache
def srgb_profile() -> bytes:
    """The sRGB ICC profile that pictures carry, the same bytes at every call and on every day."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Bytes 24 to 36 of the header are the moment of creation; a fixed one lets equal pictures be equal files.
    profile[24:36] = b"".join(number.to_bytes(2, "big") for number in (2000, 1, 1, 0, 0, 0))
    return bytes(profile)


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """`image` (mode L, RGB, CMYK or LAB) as RGB in sRGB. Raises ProfileError."""
    return _transform(profile, image.mode).apply(image)


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """`image` of mode LAB, which needs no profile of its own, as RGB in sRGB."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return to_srgb(image, lab.tobytes())


def converter(profile: bytes | Encoding, channels: int, bits: int) -> Convert | None:
    """What takes pixels of 1 or 3 `channels` from `profile` into sRGB; None where they are sRGB already.

    A profile of curves and a matrix is computed in floating point. Others are tables, which the colour engine applies;
    it reaches Pillow at 8 bits only, so deeper pictures are interpolated between colours of 8 bits. Raises
    ProfileError.
    """
    if isinstance(profile, Encoding):
        return None if profile.is_srgb() else profile.to_srgb
    mode = "L" if channels == 1 else "RGB"
    transform = _transform(profile, mode)  # first, as the engine checks the profile
    try:
        formula = icc.parse(profile, channels)
    except ValueError as error:
        raise ProfileError(str(error)) from error
    if formula:
        return None if formula.is_srgb() else formula.to_srgb
    if _keeps_colours(transform, mode):
        return None
    return _interpolated(transform, mode) if bits > 8 else lambda pixels: _engine(transform, pixels, mode)


def _engine(transform: ImageCms.ImageCmsTransform, pixels: NDArray[np.float32], mode: str) -> NDArray[np.float32]:
    levels = np.rint(pixels * 255).astype(np.uint8)
    moved = transform.apply(Image.fromarray(levels[..., 0] if mode == "L" else levels))
    found: NDArray[np.float32] = np.asarray(moved, np.float32) / np.float32(255)
    return found


def _interpolated(transform: ImageCms.ImageCmsTransform, mode: str) -> Convert:
    """A table of the engine's colours, linear between its nodes."""
    from scipy.ndimage import map_coordinates  # noqa: PLC0415 (slow to import, and few pictures need it)

    nodes = np.linspace(0, 1, 256 if mode == "L" else NODES, dtype=np.float32)
    axes = [nodes] * (1 if mode == "L" else 3)
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    table = _engine(transform, grid.reshape(len(nodes), -1, len(axes)), mode).reshape(*grid.shape[:-1], 3)

    def convert(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
        places = np.moveaxis(pixels, -1, 0) * np.float32(len(nodes) - 1)
        channels = [map_coordinates(table[..., channel], places, order=1, mode="nearest") for channel in range(3)]
        return np.stack(channels, -1)

    return convert


def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform:
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
        # The engine's shortcut for grey is ten levels off in the shadows of a linear profile.
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        return ImageCms.ImageCmsTransform(own, srgb, mode, "RGB", flags=flags)
    except Exception as error:  # OSError, PyCMSError, ValueError...: all of them mean that it cannot be used
        raise ProfileError(str(error)) from error


def _keeps_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Whether a profile is sRGB under whatever name: nothing in a sample of all colours moves by two steps or more."""
    levels = np.linspace(0, 255, 256 if mode == "L" else 16).astype(np.uint8)
    probe = levels[None] if mode == "L" else np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    moved = np.asarray(transform.apply(Image.fromarray(probe)), np.int16)
    return int(np.abs(moved - probe.reshape(*probe.shape[:2], -1)).max()) < 2
