"""Colour spaces by formula: transfer curves and primaries, from numbers to sRGB in floating point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Matrix = NDArray[np.float64]
Curve = Callable[[Pixels], Pixels]
"""Encoded values in [0, 1] to linear light in [0, 1]."""

Point = tuple[float, float]
"""A chromaticity (x, y)."""

D50 = np.array([0.9642, 1.0, 0.8249])
"""The white of ICC's profile connection space, XYZ."""

D65: Point = (0.3127, 0.3290)
REC709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
ADOBE = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""XYZ to the responses of cones that are scaled from one white to another (ICC.1:2022, annex E)."""

FINE = 1 << 16
"""Samples of curves that are tables for speed."""

SAME = 1.5 / 255
"""Spaces whose colours differ less than this from sRGB are sRGB under another name, rounded in another way."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """How numbers stand for colours.

    curves: three, for red, green and blue, or one for grey.
    matrix: `(3, 3)`, linear red, green and blue of this space to those of sRGB; None leaves them as they are.
    """

    curves: tuple[Curve, ...]
    matrix: Matrix | None = None

    def to_srgb(self, pixels: Pixels) -> Pixels:
        """`pixels` `(H, W, 1 or 3)` in [0, 1] in sRGB; colours outside its gamut are clipped."""
        channels = pixels.shape[2]
        curves = self.curves if len(self.curves) == channels else self.curves[:1] * channels
        linear = np.stack([curve(pixels[..., channel]) for channel, curve in enumerate(curves)], -1)
        if self.matrix is not None and channels == 3:
            linear = linear @ self.matrix.T.astype(np.float32)
        return encoded(linear)

    def is_srgb(self) -> bool:
        """Whether nothing in a sample of all colours moves by 1.5 levels of 255 or more."""
        levels = np.linspace(0, 1, 256 if len(self.curves) == 1 else 18, dtype=np.float32)
        axes = [levels] * len(self.curves)
        probe = np.stack(np.meshgrid(*axes), -1).reshape(1, -1, len(axes))
        return bool(np.abs(self.to_srgb(probe) - probe).max() < SAME)


def encoded(linear: NDArray[Any]) -> Pixels:
    """Linear light, clipped to [0, 1], by the transfer curve of sRGB (IEC 61966-2-1)."""
    return _srgb_table()(np.clip(linear, 0, 1, dtype=np.float32))


@cache
def _srgb_table() -> Curve:
    """The curve as a table, several times as fast as powers, and less than 1e-7 off."""
    linear = np.linspace(0, 1, FINE)
    return sampled(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def power(gamma: float) -> Curve:
    """The curve of a pure gamma."""
    return lambda values: values if gamma == 1 else values ** np.float32(gamma)


def toe(gamma: float, offset: float, slope: float, knee: float) -> Curve:
    """A power with a straight toe: `((v + offset) / (1 + offset)) ** gamma` from `knee` up, `v / slope` below."""
    return lambda values: np.where(
        values < knee, values / np.float32(slope), ((values + offset) / (1 + offset)) ** np.float32(gamma)
    ).astype(np.float32)


SRGB_CURVE = toe(2.4, 0.055, 12.92, 0.04045)


def sampled(samples: NDArray[Any]) -> Curve:
    """The curve through `samples` in [0, 1] at even steps, straight between them."""
    table = samples.astype(np.float32)
    rises = np.diff(table)

    def curve(values: Pixels) -> Pixels:
        places = values * np.float32(len(rises))
        below = np.minimum(places.astype(np.int32), len(rises) - 1)
        found: Pixels = table[below] + rises[below] * (places - below.astype(np.float32))
        return found

    return curve


def to_d50(primaries: tuple[Point, ...], white: Point) -> Matrix:
    """Linear RGB with these chromaticities to XYZ, the white adapted to D50 (Lindbloom; Bradford).

    Raises ValueError where they span no space of colours.
    """
    columns, light = np.array([_xyz(point) for point in primaries]).T, _xyz(white)
    try:
        matrix = columns * np.linalg.solve(columns, light)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"the primaries {primaries} lie on one line") from error
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ light))
    found: Matrix = np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ matrix
    return found


def from_d50(matrix: Matrix) -> Matrix:
    """The matrix to linear sRGB that belongs to one to XYZ under D50."""
    found: Matrix = np.linalg.inv(to_d50(REC709, D65)) @ matrix
    return found


def by_chromaticities(curve: Curve, primaries: tuple[Point, ...], white: Point) -> Encoding:
    """The space of one curve, three primaries and a white, given as chromaticities (x, y). Raises ValueError."""
    return Encoding((curve,) * 3, from_d50(to_d50(primaries, white)))


def adobe_rgb() -> Encoding:
    """Adobe RGB (1998)."""
    return by_chromaticities(power(563 / 256), ADOBE, D65)


def _xyz(point: Point) -> Matrix:
    x, y = point
    if not (y > 0 and np.isfinite([x, y]).all()):
        raise ValueError(f"({x}, {y}) is no chromaticity")
    return np.array([x / y, 1, (1 - x - y) / y])
