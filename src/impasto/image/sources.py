"""The one way in: a file, a bundled sample, or a picture that some other library holds already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import UsageError
from impasto.image.formats import MAX_BYTES, MAX_PIXELS
from impasto.image.picture import Picture, from_array
from impasto.image.reading import from_pillow, read
from impasto.image.samples import PREFIX, load_sample

Source = str | Path | torch.Tensor | NDArray[Any] | Image.Image | Picture


def load(source: Source, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> Picture:
    """The picture that `source` stands for.

    A path (see `read`, whose limits these are), "sample:NAME" (see `sample_names`), a float tensor `(3, H, W)` or
    `(1, 3, H, W)` in [0, 1], a numpy array `(H, W)` or `(H, W, C)` of uint8, uint16 or floats in [0, 1], a Pillow
    image, or a Picture, which is returned as it is. Raises UsageError, in one line, for anything else.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | Path):
        name = str(source)
        if name.startswith(PREFIX):
            return load_sample(name.removeprefix(PREFIX))
        return read(source, max_pixels=max_pixels, max_bytes=max_bytes)
    if isinstance(source, torch.Tensor):
        return _from_tensor(source)
    if isinstance(source, np.ndarray):
        if source.dtype.kind == "f":
            _check_range("array", float(source.min(initial=0)), float(source.max(initial=0)))
        return from_array(source, "array")
    if isinstance(source, Image.Image):
        return from_pillow(source, "image")
    kind = type(source).__name__
    raise UsageError(
        f"a picture cannot be a {kind}; allowed: a path, 'sample:NAME', a tensor, an array, a Pillow image"
    )


def _from_tensor(tensor: torch.Tensor) -> Picture:
    batched = tensor[None] if tensor.ndim == 3 else tensor
    if batched.ndim != 4 or batched.shape[:2] != (1, 3) or not batched.numel() or not batched.is_floating_point():
        shape = tuple(tensor.shape)
        raise UsageError(f"the tensor is {tensor.dtype} of shape {shape}; expected floats (3, H, W) or (1, 3, H, W)")
    pixels = batched.detach().to(torch.float32)
    _check_range("tensor", float(pixels.min()), float(pixels.max()))
    return Picture(pixels, bits=16, source="tensor")


def _check_range(what: str, low: float, high: float) -> None:
    """Floats that are not in [0, 1] are most likely of another scale: better to ask than to clip."""
    if not (low >= 0 and high <= 1):  # said so that NaN is refused too
        raise UsageError(f"the {what} has values from {low:.4g} to {high:.4g}; expected [0, 1]")
