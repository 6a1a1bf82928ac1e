"""Grain: noise with the spectrum and the colours of a painting's fine detail.

Statistics of features require strokes in a sky, too. A network without any input there repeats one mark. Noise with the
spectrum of the painting has its directions, its finest and its widest strokes, and no repetition (Galerne, Gousseau and
Morel 2011, "Random phase textures"; Galerne, Leclaire and Moisan 2014, "Texton noise", for one compact kernel).
"""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.networks.transport import from_lower_triangle, full_precision, lower_triangle, normal_of, symmetric_root

SIDE = 256
"""Period of the noise, in pixels."""

RADIUS = 16
"""Radius of a kernel, in pixels."""

WINDOW = 64
"""Side of the windows in which a spectrum is measured, in pixels; they overlap by half."""

EPSILON = 1e-8
"""Added to the power and to the variance of detail."""

LOW_ENERGY = 0.1
"""Share of the mean energy below which windows have less weight."""

KERNEL = 2 * RADIUS + 1
HALF_KERNEL = KERNEL**2 // 2 + 1
COLOURS = 6
CODE_SIZE = COLOURS + HALF_KERNEL
"""Length of a code of grain: the root of the covariance of its colours, and one half of a point-symmetric kernel."""


def grain_code(detail: Tensor, alpha: Tensor | None = None) -> Tensor:
    """Return the codes of grain `(B, CODE_SIZE)` of pictures from their detail, `(B, 3, H, W)` of mean 0.

    alpha: weights of pixels, `(B, 1, H, W)`, not all 0.

    The variance of the grain, summed over the colours, is 1.

    >>> grain_code(torch.randn(1, 3, 96, 96)).shape
    torch.Size([1, 551])
    """
    with full_precision(detail):
        detail = detail.float()
        covariance = normal_of(detail, alpha).covariance
        trace = torch.diagonal(covariance, dim1=1, dim2=2).sum(1)[:, None, None]
        colours = symmetric_root(covariance / trace.clamp(min=EPSILON))
        kernel = _kernel(_power(detail, alpha)).flatten(1)[:, :HALF_KERNEL]
        return torch.cat([lower_triangle(colours), kernel.to(colours)], dim=1).to(detail)


def no_grain(like: Tensor) -> Tensor:
    """Return the code of no grain, `(1, CODE_SIZE)`, with dtype and device of `like`."""
    return like.new_zeros(1, CODE_SIZE)


def colour_root(grain: Tensor) -> Tensor:
    """Return the symmetric root of the covariance of the colours, `(B, 3, 3)`, of codes of grain."""
    return from_lower_triangle(grain[:, :COLOURS], 3)


def noise_tile(grain: Tensor, noise: Tensor) -> Tensor:
    """Return periodic grain `(B, 3, SIDE, SIDE)`: white noise, convolved with the kernel and coloured.

    grain: codes of grain, `(B, CODE_SIZE)`.
    noise: the Hartley transform of the white noise, along both axes, `(3, 1, SIDE, SIDE)`; it is white noise, too.

    A convolution is a product of spectra. The Hartley transform is real (Bracewell 1983, "Discrete Hartley transform").

    >>> noise_tile(no_grain(torch.zeros(())), torch.randn(3, 1, SIDE, SIDE)).shape
    torch.Size([1, 3, 256, 256])
    """
    half = grain[:, COLOURS:]
    kernel = torch.cat([half, half[:, :-1].flip(1)], dim=1).view(-1, 1, KERNEL, KERNEL)
    cosines, sines, hartley = (table.to(grain) for table in _hartley_tables())
    with full_precision(grain):
        noise = noise.to(grain)[:, 0]
        even, odd = cosines @ kernel @ cosines.T, sines @ kernel @ sines.T
        spectrum = even * noise + odd * noise.flip(1, 2).roll((1, 1), (1, 2))
        return torch.einsum("bij,bjhw->bihw", colour_root(grain), hartley @ spectrum @ hartley / SIDE)


@cache
def _hartley_tables() -> tuple[Tensor, Tensor, Tensor]:
    """Return cosines and sines of each frequency at the kernel's positions, `(SIDE, KERNEL)`, and the transform."""
    steps = torch.arange(SIDE, dtype=torch.float64)
    positions = torch.arange(-RADIUS, RADIUS + 1, dtype=torch.float64)
    kernel_angles, angles = (2 * math.pi / SIDE * torch.outer(steps, points) for points in (positions, steps))
    return kernel_angles.cos(), kernel_angles.sin(), angles.cos() + angles.sin()


def tile_window(tile: Tensor, size: tuple[int, int], origin: tuple[int, int]) -> Tensor:
    """Return a part of the size `(height, width)` of a periodic image, from the pixel `origin`, `(B, 3, *size)`.

    >>> tile_window(torch.arange(SIDE).expand(1, 3, SIDE, SIDE), (1, 3), (0, SIDE - 1))[0, 0]
    tensor([[255,   0,   1]])
    """
    rows, columns = (
        (torch.arange(side, device=tile.device) + start) % SIDE for side, start in zip(size, origin, strict=True)
    )
    return tile[..., columns][:, :, rows]  # rows last: whole rows are copied


def _power(detail: Tensor, alpha: Tensor | None) -> Tensor:
    """Return the mean power spectrum of windows, summed over the colours, `(B, WINDOW, WINDOW)`.

    The transform is a matrix product, because torch exports no Fourier transform to ONNX.
    """
    batch, edge = len(detail), WINDOW // 2
    windows = _windows(detail if alpha is None else detail * alpha, edge)
    cosines, sines, window = (table.to(detail) for table in _fourier_tables())
    windows = windows * window
    along, across = windows @ cosines, windows @ sines
    real, imaginary = cosines @ along - sines @ across, cosines @ across + sines @ along
    power = (real.square() + imaginary.square()).view(batch, 3, -1, WINDOW, WINDOW).sum(1)
    energy = power.sum((2, 3), keepdim=True)  # windows are normalised: a texture is typical detail, not an edge
    return (power / (energy + LOW_ENERGY * energy.mean(1, keepdim=True) + EPSILON)).mean(1)


def _windows(detail: Tensor, edge: int) -> Tensor:
    """Return N windows of each channel, `(B x 3 x N, WINDOW, WINDOW)`."""
    windows = F.unfold(F.pad(detail, (edge,) * 4).flatten(0, 1)[:, None], WINDOW, stride=edge)
    return windows.transpose(1, 2).reshape(-1, WINDOW, WINDOW)


def _kernel(power: Tensor) -> Tensor:
    """Return a kernel `(B, KERNEL, KERNEL)` of norm 1 and phase 0; white noise convolved with it has this spectrum."""
    cosines, sines, _ = (table.to(power) for table in _fourier_tables())
    amplitude = (power + EPSILON).sqrt()
    periodic = cosines @ amplitude @ cosines - sines @ amplitude @ sines
    order = torch.arange(-RADIUS, RADIUS + 1, device=power.device) % WINDOW
    fade = torch.hann_window(KERNEL + 2, periodic=False, device=power.device, dtype=power.dtype)[1:-1]
    kernel: Tensor = periodic[:, order][..., order] * fade[:, None] * fade
    return kernel / kernel.square().sum((1, 2), keepdim=True).sqrt()


@cache
def _fourier_tables() -> tuple[Tensor, Tensor, Tensor]:
    """Return cosines and sines of the discrete Fourier transform, and the window function."""
    steps = torch.arange(WINDOW, dtype=torch.float64)
    angles = 2 * math.pi / WINDOW * torch.outer(steps, steps)
    fade = torch.hann_window(WINDOW, periodic=False, dtype=torch.float64)
    return angles.cos(), angles.sin(), fade[:, None] * fade
