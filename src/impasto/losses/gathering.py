"""Position samples: features at some positions of an image, gathered from its parts, for losses that are not additive.

The features that a part gathers are 0 at positions of other parts, so the sum over all parts has all features.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.losses.additive import Part
from impasto.losses.feature import positions
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures

SIDE = 128
"""A sample has `SIDE`^2 positions; a smaller layer is taken whole."""

BLOCK = 16
"""Losses of neighbouring positions take blocks of `BLOCK` x `BLOCK` positions."""


def gather(features: Tensor, part: Part, wanted: Tensor) -> Tensor:
    """Return the features `(P, C)` of a part `(1, C, h, w)` at the `wanted` positions `(P,)` of the whole grid.

    Features at positions outside the part are 0.
    """
    row, column = wanted // part.grid[1] - part.top, wanted % part.grid[1] - part.left
    inside = (row >= 0) & (row < part.height) & (column >= 0) & (column < part.width)
    where = inside.nonzero().flatten()
    points = positions(features)[0]
    found = points.index_select(0, row[where] * part.width + column[where])
    return points.new_zeros(len(wanted), points.shape[1]).index_copy(0, where, found)


@dataclass(frozen=True)
class Layout:
    """Positions of a grid in the arrangement of a small grid `(h, w)`, in blocks; `whole`: all positions are in it."""

    positions: Tensor
    block: int
    whole: bool = False


def sample(grid: tuple[int, int], draws: RandomDraws, side: int = 1, mask: Tensor | None = None) -> Layout:
    """Return `SIDE` x `SIDE` positions of a grid, or all positions of a smaller grid.

    Positions are drawn one by one, in proportion to the `mask` `(1, 1, H, W)`, if given. For losses of `side` x `side`
    neighbouring positions, blocks are drawn about positions with a mask above 0.
    """
    height, width = grid
    if height * width <= SIDE * SIDE:
        return Layout(torch.arange(height * width).view(height, width), 1, whole=True)
    if side > min(grid):
        raise UsageError(f"squares of {side}x{side} positions do not fit a layer of {width}x{height}")
    block = 1 if side == 1 else min(max(BLOCK, 2 * side), height, width)
    count = max(1, SIDE // block)
    shares = None if mask is None else mask.flatten() if side == 1 else (mask.flatten() > 0).to(mask.dtype)
    drawn = draws.positions(height * width, count * count, shares).cpu()
    top = (drawn // width - block // 2).clamp(0, height - block).view(count, 1, count, 1)
    left = (drawn % width - block // 2).clamp(0, width - block).view(count, 1, count, 1)
    along = torch.arange(block)
    found = ((top + along[:, None, None]) * width + left + along).reshape(count * block, count * block)
    return Layout(found, block)


def sampled(
    features: Tensor, layout: Layout, mask: Tensor | None, space: Tensor | None, side: int = 1
) -> LayerFeatures:
    """Return gathered features `(P, C)` as those of a small image, with the mask of the large one.

    Single positions are drawn in proportion to the mask, and need none. The borders of blocks have weight 0, because
    positions of two blocks are no neighbours.
    """
    height, width = layout.positions.shape
    values = features.view(1, height, width, -1).permute(0, 3, 1, 2)
    if not layout.whole and layout.block == 1:
        return LayerFeatures(values, None, space)
    weights = None if mask is None else mask.flatten()[layout.positions.to(mask.device)][None, None].to(values.device)
    if not layout.whole:
        inner = torch.arange(layout.block)
        inner = (inner >= side // 2) & (inner < layout.block - (side - 1) // 2)
        counts = inner.repeat(height // layout.block)[:, None] & inner.repeat(width // layout.block)
        counted = counts[None, None].to(values)
        weights = counted if weights is None else weights * counted
    return LayerFeatures(values, weights, space)


class PositionSample:
    """A sample of the positions of an image at one layer, gathered part by part; new at every step of fresh draws.

    `mask` returns the weights of a grid, `(1, 1, H, W)`, or None; `side` is that of the loss (see `StyleLoss`).
    """

    def __init__(self, draws: RandomDraws, side: int, mask: Callable[[tuple[int, int]], Tensor | None]) -> None:
        self.draws, self.side, self.mask = draws, side, mask
        self._drawn: tuple[int, tuple[int, int], Layout] | None = None

    def add(self, features: Tensor, part: Part) -> Tensor:
        """Return the features of the sample within the part, `(P, C)`, 0 elsewhere."""
        if self._drawn is None or self._drawn[:2] != (self.draws.step, part.grid):
            branch = self.draws.branch(math.prod(part.grid))
            self._drawn = self.draws.step, part.grid, sample(part.grid, branch, self.side, self.mask(part.grid))
        return gather(features, part, self._drawn[2].positions.flatten().to(features.device))

    def features(self, points: Tensor, space: Tensor | None) -> LayerFeatures:
        """Return the sum over all parts as the features of a small image."""
        assert self._drawn is not None
        _, grid, layout = self._drawn
        return sampled(points, layout, self.mask(grid), space, self.side)
