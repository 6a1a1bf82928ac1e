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

REACH = 16
"""Radius of a kernel, in pixels."""

WINDOW = 64
"""Side of the windows in which a spectrum is measured, in pixels; they overlap by half."""

FAINT = 1e-8
"""Added to the power of a texture."""

QUIET = 0.1
"""Share of the mean energy below which windows have less weight."""

KERNEL = 2 * REACH + 1
HALF = KERNEL**2 // 2 + 1
COLOURS = 6
NUMBERS = COLOURS + HALF
"""Numbers of a grain: the root of the covariance of its colours, and one half of a point-symmetric kernel."""


def grain_code(detail: Tensor, alpha: Tensor | None = None) -> Tensor:
    """Return the grain `(B, NUMBERS)` of pictures from their detail, `(B, 3, H, W)` of mean 0.

    Its variance, summed over the colours, is 1. Positions are weighted by `alpha`, `(B, 1, H, W)`, not all 0.
    """
    with full_precision(detail):
        detail = detail.float()
        covariance = normal_of(detail, alpha).covariance
        trace = torch.diagonal(covariance, dim1=1, dim2=2).sum(1)[:, None, None]
        colours = symmetric_root(covariance / trace.clamp(min=FAINT))
        kernel = _kernel(_power(detail, alpha)).flatten(1)[:, :HALF]
        return torch.cat([lower_triangle(colours), kernel.to(colours)], dim=1).to(detail)


def no_grain(like: Tensor) -> Tensor:
    """Return the code of no grain, `(1, NUMBERS)`."""
    return like.new_zeros(1, NUMBERS)


def colour_root(grain: Tensor) -> Tensor:
    """Return the symmetric root of the covariance of colours, `(B, 3, 3)`."""
    return from_lower_triangle(grain[:, :COLOURS], 3)


def noise_tile(grain: Tensor, noise: Tensor) -> Tensor:
    """Return periodic grain `(B, 3, SIDE, SIDE)`: white noise, filtered by the kernel and coloured.

    `noise`, `(3, 1, SIDE, SIDE)`: the Hartley transform of the white noise, along both axes; it is white noise, too.
    A convolution is a product of spectra. The Hartley transform is real (Bracewell 1983, "Discrete Hartley transform").
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
    """Return cosines and sines of each frequency at the kernel's places, `(SIDE, KERNEL)`, and the transform."""
    steps = torch.arange(SIDE, dtype=torch.float64)
    places = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
    near, all_angles = (2 * math.pi / SIDE * torch.outer(steps, at) for at in (places, steps))
    return near.cos(), near.sin(), all_angles.cos() + all_angles.sin()


def tile_window(square: Tensor, size: tuple[int, int], origin: tuple[int, int]) -> Tensor:
    """Return `(B, 3, *size)`: a periodic square over the part of a picture whose first pixel is `origin`."""
    rows, columns = (
        (torch.arange(side, device=square.device) + start) % SIDE for side, start in zip(size, origin, strict=True)
    )
    return square[..., columns][:, :, rows]  # rows last: whole rows are copied


def _power(detail: Tensor, alpha: Tensor | None) -> Tensor:
    """Return the mean power spectrum of windows, summed over the colours, `(B, WINDOW, WINDOW)`.

    The transform is a matrix product, because torch exports no Fourier transform to ONNX.
    """
    batch, edge = len(detail), WINDOW // 2
    windows = _windows(detail if alpha is None else detail * alpha, edge)
    cosines, sines, window = (table.to(detail) for table in _tables())
    windows = windows * window
    along, across = windows @ cosines, windows @ sines
    real, imaginary = cosines @ along - sines @ across, cosines @ across + sines @ along
    power = (real.square() + imaginary.square()).view(batch, 3, -1, WINDOW, WINDOW).sum(1)
    energy = power.sum((2, 3), keepdim=True)  # normalises windows: a texture is typical detail, not an edge
    return (power / (energy + QUIET * energy.mean(1, keepdim=True) + FAINT)).mean(1)


def _windows(detail: Tensor, edge: int) -> Tensor:
    """`(B x 3 x N, WINDOW, WINDOW)`."""
    found = F.unfold(F.pad(detail, (edge,) * 4).flatten(0, 1)[:, None], WINDOW, stride=edge)
    return found.transpose(1, 2).reshape(-1, WINDOW, WINDOW)


def _kernel(power: Tensor) -> Tensor:
    """Return a kernel `(B, KERNEL, KERNEL)` of norm 1 and phase 0; white noise convolved with it has this spectrum."""
    cosines, sines, _ = (table.to(power) for table in _tables())
    height = (power + FAINT).sqrt()
    whole = cosines @ height @ cosines - sines @ height @ sines
    order = torch.arange(-REACH, REACH + 1, device=power.device) % WINDOW
    fade = torch.hann_window(KERNEL + 2, periodic=False, device=power.device, dtype=power.dtype)[1:-1]
    kernel: Tensor = whole[:, order][..., order] * fade[:, None] * fade
    return kernel / kernel.square().sum((1, 2), keepdim=True).sqrt()


@cache
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """Return cosines and sines of the discrete Fourier transform, and the window."""
    steps = torch.arange(WINDOW, dtype=torch.float64)
    angles = 2 * math.pi / WINDOW * torch.outer(steps, steps)
    fade = torch.hann_window(WINDOW, periodic=False, dtype=torch.float64)
    return angles.cos(), angles.sin(), fade[:, None] * fade
