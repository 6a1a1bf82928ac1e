"""The decoder of a network of transport: from maps at strides 1, 2, 4 and 8 to a picture.

The decoder has no norm, because the maps already have the statistics of the style.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.networks.layers import Convolution, ToPixels

SLOPE = 0.2
"""Slope of the leaky ReLUs."""

RESIDUAL_SCALE = 0.2
"""Initial factor of the last weights of a residual block, relative to the usual ones."""

Modulation = tuple[Tensor, Tensor]
"""Scales and shifts of a level, `(B, C, 1, 1)`, or maps of the level's size."""


class Decoder(nn.Module):
    """Levels from coarse to fine: the maps of each are added to the output of the coarser level, with residual blocks.

    inputs: channels of the maps at each stride, finest first.
    channels, blocks: of each level.

    The initial output is 0.

    >>> decoder = Decoder([3, 5], [4, 8], [0, 1])
    >>> maps = [torch.rand(1, 3, 8, 8), torch.rand(1, 5, 4, 4)]
    >>> modulation = [(torch.ones(1, width, 1, 1), torch.zeros(1, width, 1, 1)) for width in (4, 8)]
    >>> decoder(maps, modulation).shape
    torch.Size([1, 3, 8, 8])
    """

    def __init__(self, inputs: Sequence[int], channels: Sequence[int], blocks: Sequence[int]) -> None:
        super().__init__()
        self.enter = nn.ModuleList(
            Convolution(i, o, 1 if k else 3) for k, (i, o) in enumerate(zip(inputs, channels, strict=True))
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(*(Residual(width) for _ in range(count)))
            for width, count in zip(channels, blocks, strict=True)
        )
        self.enlarge = nn.ModuleList(BilinearUpsampling(coarse, fine) for fine, coarse in pairwise(channels))
        self.last = ToPixels(channels[0])
        nn.init.zeros_(self.last.convolution.weight)
        nn.init.zeros_(self.last.convolution.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor], modulation: Sequence[Modulation]) -> Tensor:
        """Return a picture, `(B, 3, H, W)`, of any range.

        maps: `(B, C, H / 2^k, W / 2^k)` for each level k, finest first.
        modulation: of the entering maps of each level.
        """
        x: Tensor | None = None
        for k in reversed(range(len(maps))):
            level = self.enter[k](maps[k].contiguous(memory_format=torch.channels_last))
            if x is not None:
                level = level + self.enlarge[k](F.leaky_relu(x, SLOPE))
            scale, shift = modulation[k]
            x = self.blocks[k](torch.addcmul(shift, level, scale))
        return self.last(F.leaky_relu(cast(Tensor, x), SLOPE))  # type: ignore[no-any-return]


class BilinearUpsampling(Convolution):
    """A 3x3 convolution, then bilinear upsampling by 2.

    After nearest upsampling one position of a coarse map is a square, and networks paint squares.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return `(B, out, 2H, 2W)`."""
        return F.interpolate(super().forward(x), scale_factor=2, mode="bilinear")


class Residual(nn.Module):
    """Two convolutions, a leaky ReLU before each, added to the input (He et al. 2016, "Identity mappings")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(channels, channels), Convolution(channels, channels)
        with torch.no_grad():
            self.second.convolution.weight *= RESIDUAL_SCALE

    def forward(self, x: Tensor) -> Tensor:
        """Return the sum of `x` and the block's output."""
        y = self.first(F.leaky_relu(x, SLOPE))
        return x + self.second(F.leaky_relu(y, SLOPE))  # type: ignore[no-any-return]
