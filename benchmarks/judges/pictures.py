"""Pictures as the judges see them: 8 bits, sRGB, upright, resized with Pillow's Lanczos filter.

Pillow does the resizing, and not `impasto.image`, so that a change in Impasto's own resizing cannot move the figures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from impasto.errors import UsageError

SIDE = 512
"""Longest side, in pixels, at which a picture is judged. Smaller pictures are judged at their own size."""

SHORTEST = 32
"""Shortest side, in pixels, of a resized picture."""

Size = tuple[int, int]
"""Width and height in pixels, as in Pillow."""


def open_rgb(path: Path) -> Image.Image:
    """Return the picture as 8-bit RGB, turned upright. Raises UsageError for a file that is no picture."""
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image).convert("RGB")
    except OSError as error:
        raise UsageError(f"cannot read the picture {path}: {error.strerror or 'not a picture'}") from error


def fitted(size: Size, side: int) -> Size:
    """Return `size` scaled so that the longer side is `side` pixels; no side is below `SHORTEST`."""
    width, height = (max(SHORTEST, round(side / max(size) * length)) for length in size)
    return width, height


def judged_size(size: Size) -> Size:
    """Return the size at which a picture of `size` is judged."""
    return size if max(size) <= SIDE else fitted(size, SIDE)


def resized(image: Image.Image, size: Size) -> Image.Image:
    """Return `image` at `size`, unchanged if it has this size."""
    return image if image.size == size else image.resize(size, Image.Resampling.LANCZOS)


def to_tensor(image: Image.Image) -> Tensor:
    """Return `image` as float32 `(1, 3, H, W)` in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255
