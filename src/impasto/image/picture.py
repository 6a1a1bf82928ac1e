"""A picture in memory, and its conversion from an array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from impasto.errors import UsageError
from impasto.image.allocation import Allocate, in_memory
from impasto.image.encoding import Encoding
from impasto.image.origin import NOTHING, Origin
from impasto.image.profile import Convert, ProfileError, converter

CPU = torch.device("cpu")

STRIP = 1 << 20
"""Number of pixels that are converted at a time; a strip has at least one row."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture in memory.

    pixels: float32 `(1, 3, H, W)`, sRGB in [0, 1]. Where alpha is 0, the file determines the colour, and `load`
        replaces it by a continuation of the visible colours (see `image/hidden.py`).
    alpha: float32 `(1, 1, H, W)` in [0, 1], or None if all pixels are opaque.
    bits: 8, or 16 if the source has more than 8 bits a channel.
    notices: lines for the user about the reading.
    source: the name of the source, for messages.
    origin: the metadata of the file, such as author, date, camera and resolution.
    whole: whether all rows are there; False if the file ended too early.

    >>> Picture(torch.zeros(1, 3, 40, 60)).size
    (40, 60)
    """

    pixels: torch.Tensor
    alpha: torch.Tensor | None = None
    bits: int = 8
    notices: tuple[str, ...] = ()
    source: str = "picture"
    origin: Origin = NOTHING
    whole: bool = True

    @property
    def size(self) -> tuple[int, int]:
        """Return (height, width) in pixels."""
        return self.pixels.shape[-2], self.pixels.shape[-1]

    def check_visible(self) -> None:
        """Raise UsageError if all pixels are transparent, so that the picture has no colours."""
        if self.alpha is not None and not float(self.alpha.max()) > 0:
            raise UsageError(f"{self.source} is transparent everywhere: there is nothing to see")


def from_array(
    array: NDArray[Any],
    source: str,
    *,
    profile: bytes | Encoding | None = None,
    orientation: int = 1,
    notices: tuple[str, ...] = (),
    origin: Origin = NOTHING,
    allocate: Allocate = in_memory,
) -> Picture:
    """Return the Picture of an array `(H, W)` or `(H, W, C)`: grey, grey and alpha, RGB or RGBA for C from 1 to 4.

    array: 8-bit or 16-bit integers over their whole range, or floats in [0, 1]. Floats outside [0, 1] are clipped,
        with a notice.
    source: the name of the source, for messages.
    profile: the ICC profile, or the formula of the colours; None for sRGB.
    orientation: the EXIF number of the camera's orientation, 1 to 8.
    notices: lines for the user; the conversion adds its own.
    origin: the metadata of the file.
    allocate: makes the memory of the pixels, which are converted strip by strip.

    Raises UsageError for other shapes and dtypes, for NaN and for infinities.

    >>> from_array(np.zeros((40, 60, 3), np.uint8), "array").size
    (40, 60)
    """
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4) or not array.size:
        raise UsageError(f"{source} has shape {array.shape}; expected (H, W) or (H, W, C) with 1 to 4 channels")
    _check(array, source)
    array = _UPRIGHT.get(orientation, _as_it_is)(array)
    height, width, channels = array.shape
    colours, has_alpha = (1, channels == 2) if channels < 3 else (3, channels == 4)
    pixels = allocate((1, 3, height, width), torch.float32, CPU)
    alpha = allocate((1, 1, height, width), torch.float32, CPU) if has_alpha else None
    clipped, bits = False, 8 if array.dtype == np.uint8 else 16
    convert, unused = _converter(profile, colours, bits, source)
    for rows in strips(height, width):
        unit, beyond = _unit(array[rows])
        clipped, colour = clipped or beyond, unit[..., :colours]
        if convert:
            colour = convert(colour)
        pixels[0, :, rows] = torch.from_numpy(colour.transpose(2, 0, 1))
        if alpha is not None:
            alpha[0, :, rows] = torch.from_numpy(unit[..., colours:].transpose(2, 0, 1))
    if clipped:
        notices += (f"{source} has values outside [0, 1]; they are clipped",)
    notices += unused
    opaque = alpha is None or bool(alpha.min() >= 1)
    return Picture(pixels, None if opaque else alpha, bits, notices, source, origin)


def _converter(
    profile: bytes | Encoding | None, channels: int, bits: int, source: str
) -> tuple[Convert | None, tuple[str, ...]]:
    """Return the conversion to sRGB, or None, and a notice about a profile that cannot be applied."""
    try:
        return (converter(profile, channels, bits) if profile else None), ()
    except ProfileError:
        return None, (unusable(source),)


def strips(height: int, width: int) -> Iterator[slice]:
    """Yield slices of rows that cover the picture."""
    count = max(1, STRIP // width)
    return (slice(top, min(top + count, height)) for top in range(0, height, count))


def unusable(source: str) -> str:
    """Return the notice about a colour profile that could not be applied."""
    return f"{source} has a colour profile that is damaged or of another kind; it is ignored"


def _check(array: NDArray[Any], source: str) -> None:
    """Raise UsageError for another dtype, for NaN and for infinities."""
    if array.dtype.kind == "u" and array.dtype.itemsize in (1, 2):
        return
    if array.dtype.kind != "f":
        raise UsageError(f"{source} holds {array.dtype}; allowed: uint8, uint16, floats in [0, 1]")
    if not all(np.isfinite(array[rows]).all() for rows in strips(*array.shape[:2])):
        raise UsageError(f"{source} holds NaN or infinite values")


def _unit(array: NDArray[Any]) -> tuple[NDArray[np.float32], bool]:
    """Return `array` as float32 in [0, 1], and whether values were clipped."""
    if array.dtype.kind == "u":
        return array.astype(np.float32) / np.float32(np.iinfo(array.dtype).max), False
    return array.clip(0, 1).astype(np.float32), bool((array < 0).any() or (array > 1).any())


def _as_it_is(array: NDArray[Any]) -> NDArray[Any]:
    return array


_UPRIGHT: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: np.rot90,
}
