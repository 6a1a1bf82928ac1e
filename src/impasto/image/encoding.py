"""Colour spaces with a formula, transfer curves and primaries, and their conversion to sRGB in floating point."""

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
"""A function from encoded values in [0, 1] to linear light in [0, 1]."""

Point = tuple[float, float]
"""A chromaticity (x, y)."""

D50 = np.array([0.9642, 1.0, 0.8249])
"""The white of the ICC profile connection space, XYZ."""

D65: Point = (0.3127, 0.3290)
REC709 = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
ADOBE = ((0.640, 0.330), (0.210, 0.710), (0.150, 0.060))

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""The matrix from XYZ to cone responses, which are scaled to adapt a white (ICC.1:2022, annex E)."""

FINE = 1 << 16
"""Number of samples of tabulated curves."""

SAME = 1.5 / 255
"""Largest difference from sRGB of a space that counts as sRGB with other rounding."""


@dataclass(frozen=True, eq=False)
class Encoding:
    """A colour space with a formula.

    curves: three curves, for red, green and blue, or one for grey.
    matrix: the map from linear RGB of this space to linear sRGB, `(3, 3)`; None for the identity.

    >>> adobe_rgb().is_srgb()
    False
    """

    curves: tuple[Curve, ...]
    matrix: Matrix | None = None

    def to_srgb(self, pixels: Pixels) -> Pixels:
        """Return `pixels` `(H, W, 1 or 3)` in [0, 1], converted to sRGB; colours outside its gamut are clipped."""
        channels = pixels.shape[2]
        curves = self.curves if len(self.curves) == channels else self.curves[:1] * channels
        linear = np.stack([curve(pixels[..., channel]) for channel, curve in enumerate(curves)], -1)
        if self.matrix is not None and channels == 3:
            linear = linear @ self.matrix.T.astype(np.float32)
        return encoded(linear)

    def is_srgb(self) -> bool:
        """Return whether the space is sRGB: all colours of a sample change by less than `SAME`."""
        levels = np.linspace(0, 1, 256 if len(self.curves) == 1 else 18, dtype=np.float32)
        axes = [levels] * len(self.curves)
        probe = np.stack(np.meshgrid(*axes), -1).reshape(1, -1, len(axes))
        return bool(np.abs(self.to_srgb(probe) - probe).max() < SAME)


def encoded(linear: NDArray[Any]) -> Pixels:
    """Return sRGB values in [0, 1] of linear light, which is clipped to [0, 1] (IEC 61966-2-1)."""
    return _srgb_table()(np.clip(linear, 0, 1, dtype=np.float32))


@cache
def _srgb_table() -> Curve:
    """Return the transfer curve of sRGB as a table, several times as fast as powers, with an error below 1e-7."""
    linear = np.linspace(0, 1, FINE)
    return sampled(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055))


def power(gamma: float) -> Curve:
    """Return the curve of a pure power, `v ** gamma`."""
    return lambda values: values if gamma == 1 else values ** np.float32(gamma)


def toe(gamma: float, offset: float, slope: float, knee: float) -> Curve:
    """Return a power with a linear toe: `((v + offset) / (1 + offset)) ** gamma` from `knee`, `v / slope` below."""
    return lambda values: np.where(
        values < knee, values / np.float32(slope), ((values + offset) / (1 + offset)) ** np.float32(gamma)
    ).astype(np.float32)


SRGB_CURVE = toe(2.4, 0.055, 12.92, 0.04045)


def sampled(samples: NDArray[Any]) -> Curve:
    """Return the piecewise linear curve through equally spaced `samples` in [0, 1]."""
    table = samples.astype(np.float32)
    rises = np.diff(table)

    def curve(values: Pixels) -> Pixels:
        places = values * np.float32(len(rises))
        below = np.minimum(places.astype(np.int32), len(rises) - 1)
        light: Pixels = table[below] + rises[below] * (places - below.astype(np.float32))
        return light

    return curve


def to_d50(primaries: tuple[Point, ...], white: Point) -> Matrix:
    """Return the matrix from linear RGB with these chromaticities to XYZ, adapted to D50 (Lindbloom; Bradford).

    Raises ValueError for primaries on one line.
    """
    columns, light = np.array([_xyz(point) for point in primaries]).T, _xyz(white)
    try:
        matrix = columns * np.linalg.solve(columns, light)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"the primaries {primaries} lie on one line") from error
    scale = np.diag((BRADFORD @ D50) / (BRADFORD @ light))
    adapted: Matrix = np.linalg.inv(BRADFORD) @ scale @ BRADFORD @ matrix
    return adapted


def from_d50(matrix: Matrix) -> Matrix:
    """Return the matrix from linear RGB to linear sRGB, for the `matrix` from linear RGB to XYZ under D50."""
    result: Matrix = np.linalg.inv(to_d50(REC709, D65)) @ matrix
    return result


def by_chromaticities(curve: Curve, primaries: tuple[Point, ...], white: Point) -> Encoding:
    """Return the colour space with one curve and the chromaticities (x, y) of three primaries and a white.

    Raises ValueError for points that are no chromaticities, and for primaries on one line.
    """
    return Encoding((curve,) * 3, from_d50(to_d50(primaries, white)))


def adobe_rgb() -> Encoding:
    """Return Adobe RGB (1998)."""
    return by_chromaticities(power(563 / 256), ADOBE, D65)


def _xyz(point: Point) -> Matrix:
    """Return XYZ with Y = 1. Raises ValueError for a point that is no chromaticity."""
    x, y = point
    if not (y > 0 and np.isfinite([x, y]).all()):
        raise ValueError(f"({x}, {y}) is no chromaticity")
    return np.array([x / y, 1, (1 - x - y) / y])
