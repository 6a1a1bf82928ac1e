"""The ground that strokes are painted on: the photo in the painting's colours, and grain where it is plain."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BT601 = (0.299, 0.587, 0.114)

CELL = 4
"""Pixels over which colour is seen."""

BLOCK = 8
"""Pixels of the blocks whose means local means are made of."""

FINE, WIDE = 3, 7
"""Blocks: over so many detail is told from form, and strokes from surfaces."""

AMOUNT = 0.15
"""Deviation of grain, in that of the painting's detail at the same luma. The decoder makes strokes of little; with 1 it
draws over faces."""

SHY = 2.0
"""How much the picture's own variance counts against that of grain."""

TINY = 1e-6


def luma(picture: Tensor) -> Tensor:
    """`(B, 1, H, W)`."""
    return (picture * picture.new_tensor(BT601).view(1, 3, 1, 1)).sum(1, keepdim=True)


def local_mean(picture: Tensor, blocks: int) -> Tensor:
    """Over about so many blocks of 8 pixels a side, an odd number; sides are multiples of 8."""
    means = F.pad(F.avg_pool2d(picture, BLOCK), (blocks // 2,) * 4, mode="reflect")
    return F.interpolate(F.avg_pool2d(means, blocks, 1), scale_factor=BLOCK, mode="bilinear")


def smooth_chroma(picture: Tensor, cells: Tensor) -> Tensor:
    """`(B, 3, H, W)`: the luma of `picture`, the chroma of `cells`, its means over `CELL` x `CELL` pixels.

    Transport to a rich palette makes the colour noise of photos louder, and it is no paint.
    """
    smooth = F.interpolate(cells, scale_factor=CELL, mode="bilinear")
    return smooth + luma(picture - smooth)


def detail(picture: Tensor) -> Tensor:
    """`(B, 3, H, W)` less its mean over about 24 x 24 pixels."""
    return picture - local_mean(picture, FINE)


def variance(light: Tensor) -> Tensor:
    """`(B, 1, H, W)`: of `light`, `(B, 1, H, W)`, over about 24 x 24 pixels."""
    return (local_mean(light.square(), FINE) - local_mean(light, FINE).square()).clamp(min=0)


def zero_local_mean(painted: Tensor) -> Tensor:
    """`(B, 3, H, W)` less its mean over about 56 x 56 pixels: what the decoder adds changes no surface's colour.

    Decoders that may do so leave the palette half way: light and colour vary a sixth to a third less than the base's.
    """
    return painted - local_mean(painted, WIDE)


def limited(strokes: Tensor, base: Tensor, detail: Tensor) -> Tensor:
    """`strokes`, `(B, 3, H, W)`, scaled down where they would make more detail than photo and painting have.

    `detail`, `(B, 1, H, W)`, is the variance of the painting's detail at the same luma. The variance of luma of the
    picture, `base` and strokes, over about 24 x 24 pixels may be as large as that, or as that of `base`. Without a
    limit a decoder draws the marks of the whole painting where the painting itself is plain: worms on walls, foil in
    skies.
    """
    own, painted = variance(luma(base)), variance(luma(base + strokes))
    return ((torch.maximum(detail, own) + TINY) / (painted + TINY)).sqrt().clamp(max=1) * strokes


def flatness(base: Tensor, grain: Tensor) -> Tensor:
    """`(B, 1, H, W)`: how much grain a place takes, all of it where the picture varies far less than the grain.

    `grain`: the variance of its light, `(B, 1, 1, 1)` or a map.
    """
    return grain / (grain + SHY * variance(luma(base)) + TINY)


def luma_variance(colours: Tensor) -> Tensor:
    """`(B, 1, 1, 1)`: the variance of light, from the root of a covariance of colours, `(B, 3, 3)`."""
    light = colours @ torch.tensor(BT601).to(colours)
    return light.square().sum(1)[:, None, None, None]
