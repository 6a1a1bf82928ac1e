"""Where a picture starts: pixels to be optimised."""

from __future__ import annotations

import torch
from torch import Tensor


def generator(seed: int) -> torch.Generator:
    """A generator on the CPU, so that a seed means the same picture on every device."""
    return torch.Generator("cpu").manual_seed(seed)


def noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """White noise about middle grey, `(1, 3, H, W)`: mean 0.5, deviation 0.1, clipped to [0, 1]."""
    height, width = size
    return (0.5 + 0.1 * torch.randn(1, 3, height, width, generator=generator)).clamp(0, 1)
