"""Noise as a starting point."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.synthesis.parameterization import frequencies


def generator(seed: int) -> torch.Generator:
    """Return a generator on the CPU: a seed gives the same image on every device."""
    return torch.Generator("cpu").manual_seed(seed)


def noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """White noise about middle grey, `(1, 3, H, W)`: mean 0.5, deviation 0.1, clipped to [0, 1]."""
    height, width = size
    return (0.5 + 0.1 * torch.randn(1, 3, height, width, generator=generator)).clamp(0, 1)


def pink_noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Noise whose amplitude falls as 1/f, as it does in natural pictures (Field 1987): `(1, 3, H, W)`, each channel of
    mean 0.5 and deviation 0.1, clipped to [0, 1].

    White noise is as rough as nothing one would photograph; this has forms of every size.
    """
    height, width = size
    white = torch.randn(1, 3, height, width, generator=generator)
    spectrum = torch.fft.fft2(white) / frequencies(size).to(white)
    spectrum[..., 0, 0] = 0
    pink: Tensor = torch.fft.ifft2(spectrum).real
    deviation = pink.std((-2, -1), correction=0, keepdim=True)
    return (0.5 + 0.1 * pink / deviation.clamp(min=1e-12)).clamp(0, 1)
