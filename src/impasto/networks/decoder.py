"""From maps at strides 1, 2, 4 and 8 to a picture: what paints once the features have been moved.

There is no norm: all statistics are in the maps already.
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
"""Of the leaky ReLUs."""

START = 0.2
"""How much of a residual block there is at the beginning, relative to a usual one."""

Modulation = tuple[Tensor, Tensor]
"""Scales and shifts of a level, `(B, C, 1, 1)`, or maps as large as the level's."""


class Decoder(nn.Module):
    """Levels from coarse to fine: the maps of each are added to what came from below, through residual blocks.

    `inputs`: channels of the maps at each stride, finest first; `channels` of the levels; `blocks` at each. All that
    comes out at first is 0.
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
        self.enlarge = nn.ModuleList(Upsampling(below, here) for here, below in pairwise(channels))
        self.last = ToPixels(channels[0])
        nn.init.zeros_(self.last.convolution.weight)
        nn.init.zeros_(self.last.convolution.bias)  # type: ignore[arg-type]

    def forward(self, maps: Sequence[Tensor], modulation: Sequence[Modulation]) -> Tensor:
        """`(B, 3, H, W)` from maps at strides 1, 2, 4, 8."""
        x: Tensor | None = None
        for k in reversed(range(len(maps))):
            entered = self.enter[k](maps[k].contiguous(memory_format=torch.channels_last))
            if x is not None:
                entered = entered + self.enlarge[k](F.leaky_relu(x, SLOPE))
            scale, shift = modulation[k]
            x = self.blocks[k](torch.addcmul(shift, entered, scale))
        return self.last(F.leaky_relu(cast(Tensor, x), SLOPE))  # type: ignore[no-any-return]


class Upsampling(Convolution):
    """A 3x3 convolution and bilinear upsampling by 2. After nearest upsampling one position of a coarse map is a
    square, and networks paint squares."""

    def forward(self, x: Tensor) -> Tensor:
        """`(B, out, 2H, 2W)`."""
        return F.interpolate(super().forward(x), scale_factor=2, mode="bilinear")


class Residual(nn.Module):
    """Two convolutions, a leaky ReLU before each, added to what comes in (He et al. 2016, "Identity mappings")."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = Convolution(channels, channels), Convolution(channels, channels)
        with torch.no_grad():
            self.second.convolution.weight *= START

    def forward(self, x: Tensor) -> Tensor:
        """`x` and what the block adds to it."""
        y = self.first(F.leaky_relu(x, SLOPE))
        return x + self.second(F.leaky_relu(y, SLOPE))  # type: ignore[no-any-return]
