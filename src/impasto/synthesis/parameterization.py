"""Parameterizations: linear maps between the parameters that are optimised and images.

A gradient step moves every parameter a little. When parameters are pixels, that changes fine detail first; when some of
them are whole forms, it moves those as well (Olah, Mordvintsev and Schubert, *Feature Visualization*, Distill 2017,
"preconditioning"). No parameterization limits values to [0, 1]: a prior on the image does that.

Parameters are scaled so that white noise of deviation d makes a picture of about deviation d. So the rate of Adam means
the same length of a step for every parameterization.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

COLORS = ((0.0735, 0.0645, 0.0590), (0.0645, 0.0706, 0.0671), (0.0590, 0.0671, 0.0777))
"""Covariance of red, green and blue over the pixels of 934 photographs of all kinds, values in [0, 1]."""

SMALLEST = 4
"""A pyramid ends where a side would get shorter than this."""


class Parameterization(Protocol):
    """A linear map between images `(1, C, H, W)`, C 1 or 3, of one size, and parameters `(1, C, ...)`."""

    bounded: bool
    """Whether the parameters are the pixels, which may be clamped to [0, 1]."""

    def encode(self, picture: Tensor) -> Tensor:
        """Return the parameters of an image, up to rounding."""
        ...

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the image of these parameters; it is linear in them."""
        ...


class Pixels:
    """The picture itself."""

    bounded = True

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size

    def encode(self, picture: Tensor) -> Tensor:
        """Return the image."""
        return picture

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the parameters."""
        return parameters


class Pyramid:
    """A Laplacian pyramid (Burt and Adelson 1983): each level holds what the next, of half the size, leaves out.

    STROTSS (Kolkin et al. 2019) optimises one. Parameters are all levels in a row, `(1, C, P)`, times the root of their
    number, so that equal moves of all add up to a move of the picture of that length.

    `periodic`: the picture repeats without end, and opposite edges are neighbours at every level. Then it ends where a
    side is odd, too: only halves of even sides meet at the edges.
    """

    bounded = False

    def __init__(self, size: tuple[int, int], *, periodic: bool = False) -> None:
        self.sizes, self._periodic = [size], periodic
        while self._goes_on(self.sizes[-1]):
            self.sizes.append(_half(self.sizes[-1]))
        self._gain = 1 / math.sqrt(len(self.sizes))

    def encode(self, picture: Tensor) -> Tensor:
        """Return the levels, finest first."""
        levels: list[Tensor] = []
        for size, half in pairwise(self.sizes):
            smaller = self._down(picture, half)
            levels.append(picture - self._up(smaller, size))
            picture = smaller
        row: Tensor = torch.cat([level.flatten(2) for level in [*levels, picture]], 2)
        return row / self._gain

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the sum of the levels, each resized to the next finer one, coarsest first."""
        rows = torch.split(self._gain * parameters, [height * width for height, width in self.sizes], 2)
        levels = [row.reshape(*row.shape[:2], *size) for row, size in zip(rows, self.sizes, strict=True)]
        picture = levels.pop()
        for level in reversed(levels):
            picture = level + self._up(picture, (level.shape[-2], level.shape[-1]))
        return picture

    def _goes_on(self, size: tuple[int, int]) -> bool:
        even = not (size[0] % 2 or size[1] % 2)
        return min(_half(size)) >= SMALLEST and (even or not self._periodic)

    def _down(self, picture: Tensor, half: tuple[int, int]) -> Tensor:
        if not self._periodic:
            return F.interpolate(picture, size=half, mode="bilinear", antialias=True)
        beyond = F.pad(picture, 4 * (2,), mode="circular")  # the kernel reaches 2 pixels far
        size = (half[0] + 2, half[1] + 2)
        return F.interpolate(beyond, size=size, mode="bilinear", antialias=True)[..., 1:-1, 1:-1]

    def _up(self, picture: Tensor, size: tuple[int, int]) -> Tensor:
        if not self._periodic:
            return F.interpolate(picture, size=size, mode="bilinear", align_corners=False)
        beyond = F.pad(picture, 4 * (1,), mode="circular")
        size = (size[0] + 4, size[1] + 4)
        return F.interpolate(beyond, size=size, mode="bilinear", align_corners=False)[..., 2:-2, 2:-2]


class Fourier:
    """Waves instead of pixels, and the axes of natural colours instead of red, green and blue.

    A natural picture's amplitudes fall as 1/f (Field 1987), and its colours vary mostly in light: pixels are strongly
    correlated, in space and in colour. Here a parameter is a wave's amplitude over the one expected, 1/f, along one
    of the principal axes of photographs' colours (light, blue to yellow, green to magenta), over the deviation along
    it. Natural pictures have uncorrelated parameters of one size, and steps of one length in all look natural. So does
    lucid (Olah, Mordvintsev and Schubert 2017), whose scaling this is. Pictures of one channel have no axes.

    The waves are those of the Hartley transform (real minus imaginary part of the Fourier coefficients): as many real
    numbers as pixels, none of them redundant, orthonormal, and its own inverse.
    """

    bounded = False

    def __init__(self, size: tuple[int, int]) -> None:
        expected = 1 / frequencies(size)
        self._expected = self._there = expected / expected.square().mean().sqrt()
        variances, axes = torch.linalg.eigh(torch.tensor(COLORS, dtype=torch.float64))
        self._colors = axes * (variances / variances.mean()).sqrt()

    def encode(self, picture: Tensor) -> Tensor:
        """Amplitudes over expected ones, `(1, C, H, W)`."""
        return _turned(_hartley(picture) / self._like(picture), self._colors.inverse())

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the sum of the waves."""
        return _hartley(_turned(parameters, self._colors) * self._like(parameters))

    def _like(self, x: Tensor) -> Tensor:
        """Return the expected amplitudes on the device and in the type of `x`; they are copied once."""
        if (self._there.dtype, self._there.device) != (x.dtype, x.device):
            self._there = self._expected.to(x.dtype).to(x.device)
        return self._there


PARAMETERIZATIONS: dict[str, Callable[[tuple[int, int]], Parameterization]] = {
    "pixels": Pixels,
    "pyramid": Pyramid,
    "fourier": Fourier,
}

PERIODIC_PARAMETERIZATIONS: dict[str, Callable[[tuple[int, int]], Parameterization]] = {
    **PARAMETERIZATIONS,
    "pyramid": partial(Pyramid, periodic=True),
}
"""The same for images with periodic borders; waves are periodic, and pixels have no neighbours."""


def frequencies(size: tuple[int, int]) -> Tensor:
    """The frequency of each Fourier coefficient in cycles a pixel, `(H, W)`, float64; that of the mean is taken for
    the lowest, one cycle over the longer side."""
    height, width = size
    down = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    right = torch.fft.fftfreq(width, dtype=torch.float64)
    return torch.hypot(down, right).clamp(min=1 / max(size))


def _hartley(picture: Tensor) -> Tensor:
    spectrum = torch.fft.fft2(picture, norm="ortho")
    waves: Tensor = spectrum.real - spectrum.imag
    return waves


def _turned(picture: Tensor, colors: Tensor) -> Tensor:
    """Three channels through the matrix; a single one as it is."""
    if picture.shape[1] != 3:
        return picture
    return torch.einsum("kc,bchw->bkhw", colors.to(picture.dtype).to(picture.device), picture)


def _half(size: tuple[int, int]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2
