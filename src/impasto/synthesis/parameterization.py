"""Parameterizations: linear maps between images and the parameters that are optimised.

A gradient step moves every parameter a little. If parameters are pixels, fine detail changes first. If some parameters
are whole forms, these move as well (Olah, Mordvintsev and Schubert, *Feature Visualization*, Distill 2017,
"preconditioning"). No parameterization limits values to [0, 1]; a prior of the image does.

Parameters are scaled: white noise of deviation d gives an image of about deviation d. So the rate of Adam means the
same length of a step for every parameterization.
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
"""Covariance of red, green and blue in [0, 1], over the pixels of 934 photographs of all kinds."""

SMALLEST = 4
"""Least side of the coarsest level of a pyramid, in pixels."""


class Parameterization(Protocol):
    """A linear map between images `(1, C, H, W)` of one size, C 1 or 3, and parameters `(1, C, ...)`."""

    bounded: bool
    """Whether the parameters are the pixels, which may be clamped to [0, 1]."""

    def encode(self, picture: Tensor) -> Tensor:
        """Return the parameters of an image, up to rounding."""
        ...

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the image of these parameters, which is linear in the parameters."""
        ...


class Pixels:
    """The identity: the parameters are the pixels.

    >>> Pixels((2, 2)).decode(torch.zeros(1, 1, 2, 2)).shape
    torch.Size([1, 1, 2, 2])
    """

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
    """A Laplacian pyramid (Burt and Adelson 1983): each level has the detail that the next level lacks.

    Each level has half the size of the one before. STROTSS (Kolkin et al. 2019) optimises such a pyramid. The
    parameters are all levels in one row, `(1, C, P)`, times the root of the number of levels. So equal moves of all
    levels add up to a move of the image of the same length.

    periodic: whether opposite edges of the image are neighbours, at every level. Then a level with an odd side is the
        last one, because only halves of even sides meet at the edges.

    >>> pyramid = Pyramid((16, 16))
    >>> pyramid.sizes
    [(16, 16), (8, 8), (4, 4)]
    >>> image = torch.rand(1, 3, 16, 16)
    >>> torch.allclose(pyramid.decode(pyramid.encode(image)), image, atol=1e-6)
    True
    """

    bounded = False

    def __init__(self, size: tuple[int, int], *, periodic: bool = False) -> None:
        self.sizes, self._periodic = [size], periodic
        while self._goes_on(self.sizes[-1]):
            self.sizes.append(_half(self.sizes[-1]))
        self._gain = 1 / math.sqrt(len(self.sizes))

    def encode(self, picture: Tensor) -> Tensor:
        """Return the levels of an image, finest first, `(1, C, P)`."""
        levels: list[Tensor] = []
        for size, half in pairwise(self.sizes):
            smaller = self._down(picture, half)
            levels.append(picture - self._up(smaller, size))
            picture = smaller
        row: Tensor = torch.cat([level.flatten(2) for level in [*levels, picture]], 2)
        return row / self._gain

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the image: the sum of all levels, from coarse to fine, each resized to the next finer one."""
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
        beyond = F.pad(picture, 4 * (2,), mode="circular")  # the kernel has a radius of 2 pixels
        size = (half[0] + 2, half[1] + 2)
        return F.interpolate(beyond, size=size, mode="bilinear", antialias=True)[..., 1:-1, 1:-1]

    def _up(self, picture: Tensor, size: tuple[int, int]) -> Tensor:
        if not self._periodic:
            return F.interpolate(picture, size=size, mode="bilinear", align_corners=False)
        beyond = F.pad(picture, 4 * (1,), mode="circular")
        size = (size[0] + 4, size[1] + 4)
        return F.interpolate(beyond, size=size, mode="bilinear", align_corners=False)[..., 2:-2, 2:-2]


class Fourier:
    """Waves instead of pixels, and principal colours of photographs instead of red, green and blue.

    The amplitudes of natural images fall as 1/f (Field 1987), and colours vary mostly in light. So pixels are strongly
    correlated, in space and in colour. Here a parameter is the amplitude of a wave divided by the expected amplitude,
    1/f. Its colour is one of the principal axes of photographs (light, blue to yellow, green to magenta), divided by
    the deviation along this axis. Natural images then have uncorrelated parameters of equal size, and steps of equal
    length in all parameters look natural. The scaling is that of lucid (Olah, Mordvintsev and Schubert 2017). Images
    with one channel have no colour axes.

    The waves belong to the Hartley transform, real minus imaginary part of the Fourier coefficients. It has one real
    number for each pixel without redundancy, is orthonormal, and is its own inverse.

    >>> waves, image = Fourier((8, 8)), torch.rand(1, 3, 8, 8)
    >>> torch.allclose(waves.decode(waves.encode(image)), image, atol=1e-5)
    True
    """

    bounded = False

    def __init__(self, size: tuple[int, int]) -> None:
        expected = 1 / frequencies(size)
        self._expected = self._cache = expected / expected.square().mean().sqrt()
        variances, axes = torch.linalg.eigh(torch.tensor(COLORS, dtype=torch.float64))
        self._colors = axes * (variances / variances.mean()).sqrt()

    def encode(self, picture: Tensor) -> Tensor:
        """Return the amplitudes divided by the expected ones, `(1, C, H, W)`."""
        return _rotated(_hartley(picture) / self._like(picture), self._colors.inverse())

    def decode(self, parameters: Tensor) -> Tensor:
        """Return the image: the sum of the waves."""
        return _hartley(_rotated(parameters, self._colors) * self._like(parameters))

    def _like(self, x: Tensor) -> Tensor:
        """Return the expected amplitudes with the device and the dtype of `x`; they are copied once."""
        if (self._cache.dtype, self._cache.device) != (x.dtype, x.device):
            self._cache = self._expected.to(x.dtype).to(x.device)
        return self._cache


PARAMETERIZATIONS: dict[str, Callable[[tuple[int, int]], Parameterization]] = {
    "pixels": Pixels,
    "pyramid": Pyramid,
    "fourier": Fourier,
}

PERIODIC_PARAMETERIZATIONS: dict[str, Callable[[tuple[int, int]], Parameterization]] = {
    **PARAMETERIZATIONS,
    "pyramid": partial(Pyramid, periodic=True),
}
"""Parameterizations of periodic images. Waves are periodic anyway, and pixels do not depend on their neighbours."""


def frequencies(size: tuple[int, int]) -> Tensor:
    """Return the frequency of each Fourier coefficient in cycles per pixel, `(H, W)`, float64.

    The mean, of frequency 0, has the lowest frequency instead: one cycle over the longer side.

    >>> frequencies((2, 4))
    tensor([[0.2500, 0.2500, 0.5000, 0.2500],
            [0.5000, 0.5590, 0.7071, 0.5590]], dtype=torch.float64)
    """
    height, width = size
    down = torch.fft.fftfreq(height, dtype=torch.float64)[:, None]
    right = torch.fft.fftfreq(width, dtype=torch.float64)
    return torch.hypot(down, right).clamp(min=1 / max(size))


def _hartley(picture: Tensor) -> Tensor:
    """Return the Hartley transform, which is its own inverse."""
    spectrum = torch.fft.fft2(picture, norm="ortho")
    waves: Tensor = spectrum.real - spectrum.imag
    return waves


def _rotated(picture: Tensor, colors: Tensor) -> Tensor:
    """Return the `(3, 3)` matrix `colors` times three channels; a single channel does not change."""
    if picture.shape[1] != 3:
        return picture
    return torch.einsum("kc,bchw->bkhw", colors.to(picture.dtype).to(picture.device), picture)


def _half(size: tuple[int, int]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2
