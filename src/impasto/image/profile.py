"""Colour profiles: sRGB for what is written, and every other profile turned into it for what is read."""

from __future__ import annotations

import io
from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms


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


def correct(pixels: NDArray[np.float32], profile: bytes) -> NDArray[np.float32]:
    """`pixels` (H, W, 1 or 3) in [0, 1], taken from `profile` into sRGB. Raises ProfileError.

    The colour engine reaches Pillow at 8 bits only. It moves the 8-bit colours, and what lies between two of them rides
    along unchanged: so 8-bit pictures come out exact, deeper ones keep their fine steps, and pixels that are sRGB
    already keep every value.
    """
    mode = "L" if pixels.shape[2] == 1 else "RGB"
    transform = _transform(profile, mode)
    if _keeps_colours(transform, mode):
        return pixels
    coarse = np.rint(pixels * 255).astype(np.uint8)
    moved = np.asarray(transform.apply(Image.fromarray(coarse[..., 0] if mode == "L" else coarse)), np.float32)
    corrected: NDArray[np.float32] = moved / np.float32(255) + (pixels - coarse / np.float32(255))
    return corrected.clip(0, 1)


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
