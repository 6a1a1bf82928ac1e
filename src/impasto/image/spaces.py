"""Colour spaces that separate luminance and colour, with conversions from and to sRGB."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Space:
    """A colour space whose first axis is luminance and whose other two are colour.

    forward, backward: functions from sRGB `(B, 3, H, W)` to the space and back, float32 or float64. Nothing is clamped,
        so colours outside the gamut have RGB values outside [0, 1].
    white: the value of white on the first axis; black is 0.
    additive: whether a change of the first axis adds the same to R, G and B.

    >>> round(float(SPACES["oklab"].forward(torch.ones(1, 3, 1, 1))[0, 0]), 3)
    1.0
    """

    forward: Callable[[Tensor], Tensor]
    backward: Callable[[Tensor], Tensor]
    white: float = 1.0
    additive: bool = False


_YCBCR = ((0.299, 0.587, 0.114), (-0.299 / 1.772, -0.587 / 1.772, 0.5), (0.5, -0.587 / 1.402, -0.114 / 1.402))
"""RGB to YCbCr (ITU-R BT.601-7, 2.5) over the full range, as in JFIF; Cb and Cr are in [-1/2, 1/2]."""

_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
"""Linear sRGB to CIE XYZ under D65 (IEC 61966-2-1)."""

_LMS = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
"""Linear sRGB to cone responses, and their cube roots to OKLab (Ottosson 2020, "A perceptual color space for image
processing")."""

_LAB = ((0.0, 116.0, 0.0), (500.0, -500.0, 0.0), (0.0, 200.0, -200.0))
"""CIE's roots of X, Y and Z to L* + 16, a* and b* (CIE 15)."""

_KNEE = 6 / 29
"""The value of CIE's root below which it is a line."""

Matrix = tuple[tuple[float, ...], ...]


def to_ycbcr(image: Tensor) -> Tensor:
    """Return Y in [0, 1], and Cb and Cr in [-1/2, 1/2]."""
    return _times(_YCBCR, image)


def from_ycbcr(image: Tensor) -> Tensor:
    """Return sRGB, by the inverse of `to_ycbcr`."""
    return _solve(_YCBCR, image)


def to_lab(image: Tensor) -> Tensor:
    """Return CIE L* in [0, 100], and a* and b* from about -110 to 110, under D65; greys have a* = b* = 0."""
    root = _cie_root(_times(_XYZ, _linear(image)) / _white(image))
    return _times(_LAB, root) - root.new_tensor((16.0, 0.0, 0.0)).view(3, 1, 1)


def from_lab(image: Tensor) -> Tensor:
    """Return sRGB, by the inverse of `to_lab`."""
    root = _solve(_LAB, image + image.new_tensor((16.0, 0.0, 0.0)).view(3, 1, 1))
    share = torch.where(root > _KNEE, root**3, 3 * _KNEE**2 * (root - 4 / 29))
    return _encoded(_solve(_XYZ, share * _white(image)))


def to_oklab(image: Tensor) -> Tensor:
    """Return OKLab's L in [0, 1], and a and b from about -0.3 to 0.3."""
    cones = _times(_LMS, _linear(image))
    return _times(_OKLAB, cones.sign() * cones.abs() ** (1 / 3))


def from_oklab(image: Tensor) -> Tensor:
    """Return sRGB, by the inverse of `to_oklab`."""
    return _encoded(_solve(_LMS, _solve(_OKLAB, image) ** 3))


SPACES: dict[str, Space] = {
    "ycbcr": Space(to_ycbcr, from_ycbcr, additive=True),
    "lab": Space(to_lab, from_lab, white=100.0),
    "oklab": Space(to_oklab, from_oklab),
}
"""Spaces by name: video luma, CIE 1976 under D65, and OKLab, which changes hues least."""


def _times(matrix: Matrix, image: Tensor) -> Tensor:
    """Return the matrix times each pixel."""
    return torch.einsum("ij,bjhw->bihw", image.new_tensor(matrix), image)


def _solve(matrix: Matrix, image: Tensor) -> Tensor:
    """Return the inverse of the matrix times each pixel."""
    inverse = torch.linalg.inv(torch.tensor(matrix, dtype=torch.float64)).to(image)
    return torch.einsum("ij,bjhw->bihw", inverse, image)


def _white(image: Tensor) -> Tensor:
    """Return XYZ of white as the row sums of the matrix, so that greys have exactly no colour."""
    return image.new_tensor([sum(row) for row in _XYZ]).view(3, 1, 1)


def _cie_root(share: Tensor) -> Tensor:
    """Return the cube root, with a line near black (CIE 15, equations 8.6 and 8.7)."""
    line = share / (3 * _KNEE**2) + 4 / 29
    return torch.where(share > _KNEE**3, share.clamp(min=_KNEE**3) ** (1 / 3), line)


def _linear(image: Tensor) -> Tensor:
    """Return linear light from sRGB values; the line near black continues below 0."""
    return torch.where(image > 0.04045, ((image.clamp(min=0.04045) + 0.055) / 1.055) ** 2.4, image / 12.92)


def _encoded(light: Tensor) -> Tensor:
    """Return sRGB values from linear light, the inverse of `_linear`."""
    knee = 0.04045 / 12.92
    return torch.where(light > knee, 1.055 * light.clamp(min=knee) ** (1 / 2.4) - 0.055, light * 12.92)
