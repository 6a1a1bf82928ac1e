"""Noise images as starting points of an optimisation."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.synthesis.parameterization import frequencies


def generator(seed: int) -> torch.Generator:
    """Return a random generator on the CPU, so that a seed gives the same image on every device."""
    return torch.Generator("cpu").manual_seed(seed)


def noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return white noise of `size` (height, width) as an image `(1, 3, H, W)` in [0, 1].

    The values have mean 0.5 and standard deviation 0.1 before they are clipped to [0, 1].

    >>> noise((8, 12), generator(seed=0)).shape
    torch.Size([1, 3, 8, 12])
    """
    height, width = size
    return (0.5 + 0.1 * torch.randn(1, 3, height, width, generator=generator)).clamp(0, 1)


def pink_noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return noise whose amplitude falls as 1/f, of `size` (height, width), as an image `(1, 3, H, W)` in [0, 1].

    Each channel has mean 0.5 and standard deviation 0.1 before the values are clipped to [0, 1]. The amplitudes of
    natural images also fall as 1/f (Field 1987): such noise has forms of every size. White noise has only the finest.

    >>> pink_noise((8, 12), generator(seed=0)).shape
    torch.Size([1, 3, 8, 12])
    """
    height, width = size
    white = torch.randn(1, 3, height, width, generator=generator)
    spectrum = torch.fft.fft2(white) / frequencies(size).to(white)
    spectrum[..., 0, 0] = 0
    pink: Tensor = torch.fft.ifft2(spectrum).real
    deviation = pink.std((-2, -1), correction=0, keepdim=True)
    return (0.5 + 0.1 * pink / deviation.clamp(min=1e-12)).clamp(0, 1)
