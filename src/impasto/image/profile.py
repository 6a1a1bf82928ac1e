"""ICC colour profiles: the sRGB profile of results, and the conversion of other profiles to sRGB."""

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
"""A function from pixels `(H, W, 1 or 3)` in [0, 1] to sRGB `(H, W, 1 or 3)` in [0, 1]."""

NODES = 52
"""Number of nodes of a table along each channel. They are five levels of 255 apart, so each is an 8-bit colour."""


class ProfileError(Exception):
    """A colour profile is damaged, or is for another kind of pixels."""


@cache
def srgb_profile() -> bytes:
    """Return the sRGB ICC profile of results, which has the same bytes at every call and on every day."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    # Bytes 24 to 36 of the header are the time of creation. With a fixed time, equal pictures are equal files.
    profile[24:36] = b"".join(number.to_bytes(2, "big") for number in (2000, 1, 1, 0, 0, 0))
    return bytes(profile)


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return `image`, of mode L, RGB, CMYK or LAB, as RGB in sRGB. Raises ProfileError for an unusable profile."""
    return _transform(profile, image.mode).apply(image)


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Return `image`, of mode LAB, which needs no profile of its own, as RGB in sRGB."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return to_srgb(image, lab.tobytes())


def converter(profile: bytes | Encoding, channels: int, bits: int) -> Convert | None:
    """Return the conversion of pixels with 1 or 3 `channels` from `profile` to sRGB, or None if they are sRGB.

    A profile with curves and a matrix is computed in floating point. A profile with tables is applied by the colour
    engine. Pillow gives the engine only 8 bits, so deeper pictures are interpolated between 8-bit colours.

    Raises ProfileError for an unusable profile.
    """
    if isinstance(profile, Encoding):
        return None if profile.is_srgb() else profile.to_srgb
    mode = "L" if channels == 1 else "RGB"
    transform = _transform(profile, mode)  # first, because the engine checks the profile
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
    """Return pixels `(H, W, 1 or 3)` in [0, 1], converted by the colour engine at 8 bits."""
    levels = np.rint(pixels * 255).astype(np.uint8)
    image = transform.apply(Image.fromarray(levels[..., 0] if mode == "L" else levels))
    result: NDArray[np.float32] = np.asarray(image, np.float32) / np.float32(255)
    return result


def _interpolated(transform: ImageCms.ImageCmsTransform, mode: str) -> Convert:
    """Return the conversion by a table of the engine's colours, with linear interpolation between its nodes."""
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
    """Return the engine's transform from `profile` to sRGB. Raises ProfileError."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        srgb = ImageCms.ImageCmsProfile(io.BytesIO(srgb_profile()))
        # The optimised transform of grey is wrong by ten levels in the shadows of a linear profile.
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE
        return ImageCms.ImageCmsTransform(own, srgb, mode, "RGB", flags=flags)
    except Exception as error:  # OSError, PyCMSError, ValueError and others for an unusable profile
        raise ProfileError(str(error)) from error


def _keeps_colours(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a profile is sRGB: no colour of a sample changes by two levels of 255 or more."""
    levels = np.linspace(0, 255, 256 if mode == "L" else 16).astype(np.uint8)
    probe = levels[None] if mode == "L" else np.stack(np.meshgrid(levels, levels, levels), -1).reshape(64, 64, 3)
    result = np.asarray(transform.apply(Image.fromarray(probe)), np.int16)
    return int(np.abs(result - probe.reshape(*probe.shape[:2], -1)).max()) < 2
