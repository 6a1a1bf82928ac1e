"""The ground under the strokes: the photo in the painting's colours, with grain where it is plain."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BT601 = (0.299, 0.587, 0.114)

CELL = 4
"""Side of the squares over which colour is averaged, in pixels."""

BLOCK = 8
"""Side of the blocks whose means make local means, in pixels."""

FINE, WIDE = 3, 7
"""Numbers of blocks over which detail is separated from form, and strokes from surfaces."""

AMOUNT = 0.15
"""Deviation of grain, relative to that of the painting's detail at the same luma. The decoder makes strokes of little
grain; with 1 it draws over faces."""

SHY = 2.0
"""Weight of the picture's own variance against that of grain."""

TINY = 1e-6


def luma(picture: Tensor) -> Tensor:
    """Return the luma `(B, 1, H, W)`."""
    return (picture * picture.new_tensor(BT601).view(1, 3, 1, 1)).sum(1, keepdim=True)


def block_means(picture: Tensor, blocks: int) -> Tensor:
    """Return means over `blocks` x `blocks` blocks of 8 x 8 pixels, one for each block; sides are multiples of 8."""
    means = F.pad(F.avg_pool2d(picture, BLOCK), (blocks // 2,) * 4, mode="reflect")
    return F.avg_pool2d(means, blocks, 1)


def enlarged(blocks: Tensor) -> Tensor:
    """Return a map of blocks at the size of the picture, interpolated."""
    return F.interpolate(blocks, scale_factor=BLOCK, mode="bilinear")


def local_mean(picture: Tensor, blocks: int) -> Tensor:
    """Return means over about `blocks` x `blocks` blocks, an odd number, at each pixel; sides are multiples of 8."""
    return enlarged(block_means(picture, blocks))


def smooth_chroma(picture: Tensor, cells: Tensor) -> Tensor:
    """Return the luma of `picture` with the chroma of `cells`, means over `CELL` x `CELL` pixels, `(B, 3, H, W)`.

    Transport to a rich palette amplifies the colour noise of photos, which looks unlike paint.
    """
    smooth = F.interpolate(cells, scale_factor=CELL, mode="bilinear")
    return smooth + luma(picture - smooth)


def detail(picture: Tensor) -> Tensor:
    """Return `(B, 3, H, W)` minus its mean over about 24 x 24 pixels."""
    return picture - local_mean(picture, FINE)


def block_variance(light: Tensor) -> Tensor:
    """Return the variance of `light`, `(B, 1, H, W)`, over 24 x 24 pixels around each block."""
    return (block_means(light.square(), FINE) - block_means(light, FINE).square()).clamp(min=0)


def zero_local_mean(painted: Tensor) -> Tensor:
    """Return `(B, 3, H, W)` minus its mean over about 56 x 56 pixels: the decoder changes no surface's colour.

    Decoders without this limit weaken the palette: light and colour vary a sixth to a third less than in the base.
    """
    return painted - local_mean(painted, WIDE)


def limited(strokes: Tensor, base: Tensor, detail: Tensor) -> Tensor:
    """Return `strokes`, `(B, 3, H, W)`, scaled down where they have more detail than photo and painting.

    Over 24 x 24 pixels the luma of the picture, `base + strokes`, varies at most about as much as that of `base` or as
    the painting's detail at the same luma. `detail`, `(B, 1, H / 8, W / 8)`, is its variance. Without this limit the
    decoder draws the marks of the whole painting where the painting itself is plain: lines on walls, folds in skies.
    """
    own, painted = block_variance(luma(base)), block_variance(luma(base + strokes))
    return enlarged(((torch.maximum(detail, own) + TINY) / (painted + TINY)).sqrt().clamp(max=1)) * strokes


def flatness(base: Tensor, grain: Tensor) -> Tensor:
    """Return the share of grain at each place, `(B, 1, H, W)`: 1 where the picture varies far less than the grain.

    `grain`: the variance of its luma, `(B, 1, H / 8, W / 8)`.
    """
    return enlarged(grain / (grain + SHY * block_variance(luma(base)) + TINY))


def luma_variance(colours: Tensor) -> Tensor:
    """Return the variance of luma, `(B, 1, 1, 1)`, from the root of a covariance of colours, `(B, 3, 3)`."""
    light = colours @ torch.tensor(BT601).to(colours)
    return light.square().sum(1)[:, None, None, None]
