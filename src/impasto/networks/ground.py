"""Local means and variances of a picture, for its ground: the photo in the painting's colours, with grain.

The ground lies under the strokes. It has grain where the photo is plain.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

BT601 = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma."""

CELL = 4
"""Side of the squares over which colour is averaged, in pixels."""

BLOCK = 8
"""Side of the blocks whose means make local means, in pixels."""

FINE, WIDE = 3, 7
"""Numbers of blocks over which detail is separated from form, and strokes from surfaces."""

AMOUNT = 0.15
"""Deviation of grain, relative to the deviation of the painting's detail at the same luma. The decoder paints strokes
from little grain; with an amount of 1 strokes cover faces."""

PICTURE_WEIGHT = 2.0
"""Weight of the variance of the picture against the variance of grain."""

EPSILON = 1e-6
"""Added to variances."""


def luma(picture: Tensor) -> Tensor:
    """Return the luma `(B, 1, H, W)` of `(B, 3, H, W)`.

    >>> luma(torch.full((1, 3, 1, 1), 0.5))
    tensor([[[[0.5000]]]])
    """
    return (picture * picture.new_tensor(BT601).view(1, 3, 1, 1)).sum(1, keepdim=True)


def block_means(picture: Tensor, blocks: int) -> Tensor:
    """Return means over `blocks` x `blocks` blocks of 8 x 8 pixels, one for each block; sides are multiples of 8.

    >>> block_means(torch.ones(1, 3, 32, 40), 3).shape
    torch.Size([1, 3, 4, 5])
    """
    means = F.pad(F.avg_pool2d(picture, BLOCK), (blocks // 2,) * 4, mode="reflect")
    return F.avg_pool2d(means, blocks, 1)


def upsample_blocks(blocks: Tensor) -> Tensor:
    """Return a map of blocks at the size of the picture, with bilinear interpolation."""
    return F.interpolate(blocks, scale_factor=BLOCK, mode="bilinear")


def local_mean(picture: Tensor, blocks: int) -> Tensor:
    """Return means over about `blocks` x `blocks` blocks, an odd number, at each pixel; sides are multiples of 8."""
    return upsample_blocks(block_means(picture, blocks))


def smooth_chroma(picture: Tensor, cells: Tensor) -> Tensor:
    """Return the luma of `picture` with the chroma of `cells`, means over `CELL` x `CELL` pixels, `(B, 3, H, W)`.

    Transport to a rich palette amplifies the colour noise of photos, which does not look like paint.
    """
    smooth = F.interpolate(cells, scale_factor=CELL, mode="bilinear")
    return smooth + luma(picture - smooth)


def detail(picture: Tensor) -> Tensor:
    """Return `(B, 3, H, W)` minus its mean over about 24 x 24 pixels.

    >>> detail(torch.ones(1, 3, 32, 32)).abs().max()
    tensor(0.)
    """
    return picture - local_mean(picture, FINE)


def block_variance(light: Tensor) -> Tensor:
    """Return the variance of `light`, `(B, 1, H, W)`, over 24 x 24 pixels around each block, `(B, 1, H / 8, W / 8)`."""
    return (block_means(light.square(), FINE) - block_means(light, FINE).square()).clamp(min=0)


def zero_local_mean(strokes: Tensor) -> Tensor:
    """Return `(B, 3, H, W)` minus its mean over about 56 x 56 pixels: strokes change no surface's colour.

    Decoders without this limit weaken the palette: light and colour vary a sixth to a third less than in the base.
    """
    return strokes - local_mean(strokes, WIDE)


def limit_strokes(strokes: Tensor, base: Tensor, variance: Tensor) -> Tensor:
    """Return `strokes`, `(B, 3, H, W)`, scaled down where they have more detail than photo and painting.

    variance: of the painting's detail at the same luma, `(B, 1, H / 8, W / 8)`.

    Over 24 x 24 pixels the luma of the picture, `base + strokes`, varies at most about as much as the luma of `base` or
    as the painting's detail. Without this limit the decoder paints the marks of the whole painting where the painting
    itself is plain: lines on walls, folds in skies.
    """
    before, after = block_variance(luma(base)), block_variance(luma(base + strokes))
    scale = ((torch.maximum(variance, before) + EPSILON) / (after + EPSILON)).sqrt().clamp(max=1)
    return upsample_blocks(scale) * strokes


def flatness(base: Tensor, variance: Tensor) -> Tensor:
    """Return the share of grain at each pixel, `(B, 1, H, W)`: 1 where the picture varies far less than the grain.

    variance: of the luma of grain, `(B, 1, H / 8, W / 8)`.

    >>> flatness(torch.ones(1, 3, 16, 16), torch.ones(1, 1, 2, 2)).min()
    tensor(1.0000)
    """
    return upsample_blocks(variance / (variance + PICTURE_WEIGHT * block_variance(luma(base)) + EPSILON))


def luma_variance(colours: Tensor) -> Tensor:
    """Return the variance of luma, `(B, 1, 1, 1)`, from the root of a covariance of colours, `(B, 3, 3)`."""
    light = colours @ torch.tensor(BT601).to(colours)
    return light.square().sum(1)[:, None, None, None]
