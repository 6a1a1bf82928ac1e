"""Previews of the pictures of a sweep, small enough for one HTML page."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from impasto.errors import ImpastoError
from impasto.image import fit, read, resize

BYTES = 18_000_000
"""Limit of the total size of the previews of a page, in bytes of text."""

PIXELS = 64_000_000
"""Limit of the number of pixels in memory during the computation of previews."""

QUALITIES = ((90, 1.0), (80, 1.0), (65, 1.0), (65, 0.7), (65, 0.5), (65, 0.35), (50, 0.25), (40, 0.12))
"""JPEG qualities and factors of the size; the first pair with which all pictures fit into `BYTES` is used."""

Pixels = NDArray[np.uint8]
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Preview:
    """A picture as a data URI, and its size in pixels."""

    uri: str
    width: int
    height: int


def load_small(folder: Path, names: Collection[str], max_side: int) -> dict[str, Pixels]:
    """Return the pictures by name as `(H, W, 3)` bytes, at most `max_side` pixels a side.

    Many pictures are smaller, so that together they have at most `PIXELS`. A picture that cannot be read is left out.
    """
    side = min(max_side, math.isqrt(PIXELS // max(1, len(names))))
    pictures = ((name, _small(folder, name, side)) for name in names)
    return {name: pixels for name, pixels in pictures if pixels is not None}


def difference(a: Pixels, b: Pixels) -> Pixels:
    """Return the difference `1/2 + (a - b)/2`, mid-grey for equal pictures; `b` is resized to the size of `a`."""
    if a.shape != b.shape:
        b = _array(resize(_tensor(b), (a.shape[0], a.shape[1])))
    return np.rint(127.5 + (a.astype(np.float32) - b) / 2).astype(np.uint8)


def embed(pictures: Mapping[Name, Pixels]) -> dict[Name, Preview]:
    """Return all pictures as data URIs of the same quality, of at most `BYTES` together if possible."""
    for quality, factor in QUALITIES:
        previews, total = {}, 0
        for name, pixels in pictures.items():
            previews[name] = _encoded(pixels, quality, factor)
            total += len(previews[name].uri)
            if total > BYTES and (quality, factor) != QUALITIES[-1]:
                break
        else:
            return previews
    raise AssertionError("the last quality has no limit")


def _small(folder: Path, name: str, side: int) -> Pixels | None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:  # results are not trusted: they may name files outside the folder
        return None
    try:
        pixels = read(folder / path).pixels
    except ImpastoError:
        return None
    return _array(fit(pixels, min(side, max(pixels.shape[-2:]))))


def _encoded(pixels: Pixels, quality: int, factor: float) -> Preview:
    if factor < 1:
        pixels = _array(fit(_tensor(pixels), max(1, round(factor * max(pixels.shape[:2])))))
    buffer = io.BytesIO()
    # 4:4:4, because edges of colour are as sharp as edges of luminance in these pictures
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, subsampling="4:4:4")
    text = base64.b64encode(buffer.getvalue()).decode("ascii")
    return Preview(f"data:image/jpeg;base64,{text}", pixels.shape[1], pixels.shape[0])


def _tensor(pixels: Pixels) -> torch.Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255


def _array(image: torch.Tensor) -> Pixels:
    array: Pixels = (image[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return array
