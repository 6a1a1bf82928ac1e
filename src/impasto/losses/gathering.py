"""Position samples: features at some positions of an image, for losses that are not additive.

The features are gathered from the parts of the image. A part has 0 at positions of other parts, so the sum over all
parts has all features.
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
"""A sample has `SIDE`^2 positions. A smaller layer is used whole."""

BLOCK = 16
"""Side of the blocks of a sample for losses that compare neighbouring positions."""


def gather(features: Tensor, part: Part, indices: Tensor) -> Tensor:
    """Return the features `(P, C)` of a part `(1, C, h, w)` at the positions `indices` `(P,)` of the whole grid.

    Features at positions outside the part are 0.

    >>> grid = torch.arange(4.0).view(1, 1, 2, 2)
    >>> gather(grid, Part.whole(grid), torch.tensor([3, 0]))
    tensor([[3.],
            [0.]])
    """
    row, column = indices // part.grid[1] - part.top, indices % part.grid[1] - part.left
    inside = (row >= 0) & (row < part.height) & (column >= 0) & (column < part.width)
    where = inside.nonzero().flatten()
    points = positions(features)[0]
    vectors = points.index_select(0, row[where] * part.width + column[where])
    return points.new_zeros(len(indices), points.shape[1]).index_copy(0, where, vectors)


@dataclass(frozen=True)
class Layout:
    """Positions of a large grid, arranged as a small grid.

    positions: indices of positions, `(h, w)`.
    block: the side of the squares of neighbouring positions.
    whole: whether the small grid is the large one.
    """

    positions: Tensor
    block: int
    whole: bool = False


def sample(grid: tuple[int, int], draws: RandomDraws, side: int = 1, mask: Tensor | None = None) -> Layout:
    """Return a random sample of `SIDE` x `SIDE` positions of a grid (height, width), or all of a smaller grid.

    Single positions are sampled in proportion to the `mask` `(1, 1, H, W)`. A loss that compares `side` x `side`
    positions needs blocks; these are sampled around positions with a mask above 0.

    Raises UsageError if a square of `side` x `side` positions does not fit the grid.
    """
    height, width = grid
    if height * width <= SIDE * SIDE:
        return Layout(torch.arange(height * width).view(height, width), 1, whole=True)
    if side > min(grid):
        raise UsageError(f"squares of {side}x{side} positions do not fit a layer of {width}x{height}")
    block = 1 if side == 1 else min(max(BLOCK, 2 * side), height, width)
    count = max(1, SIDE // block)
    shares = None if mask is None else mask.flatten() if side == 1 else (mask.flatten() > 0).to(mask.dtype)
    centres = draws.positions(height * width, count * count, shares).cpu()
    top = (centres // width - block // 2).clamp(0, height - block).view(count, 1, count, 1)
    left = (centres % width - block // 2).clamp(0, width - block).view(count, 1, count, 1)
    along = torch.arange(block)
    indices = ((top + along[:, None, None]) * width + left + along).reshape(count * block, count * block)
    return Layout(indices, block)


def sampled(
    features: Tensor, layout: Layout, mask: Tensor | None, space: Tensor | None, side: int = 1
) -> LayerFeatures:
    """Return the features of a sample, `(P, C)`, as a small image with the mask of the large one.

    Single positions are sampled in proportion to the mask, so they need no weights. The borders of blocks have weight
    0, because positions of two blocks are not neighbours.
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
    """A sample of the positions of an image at one layer, gathered part by part.

    draws: the random draws. With fresh draws every step has a new sample.
    side: the side of the loss (see `StyleLoss`).
    mask: returns the weights of a grid of some size, `(1, 1, H, W)`, or None.
    """

    def __init__(self, draws: RandomDraws, side: int, mask: Callable[[tuple[int, int]], Tensor | None]) -> None:
        self.draws, self.side, self.mask = draws, side, mask
        self._sample: tuple[int, tuple[int, int], Layout] | None = None

    def add(self, features: Tensor, part: Part) -> Tensor:
        """Return the features of the sample, `(P, C)`, which are 0 at positions outside the part."""
        if self._sample is None or self._sample[:2] != (self.draws.step, part.grid):
            branch = self.draws.branch(math.prod(part.grid))
            self._sample = self.draws.step, part.grid, sample(part.grid, branch, self.side, self.mask(part.grid))
        return gather(features, part, self._sample[2].positions.flatten().to(features.device))

    def features(self, points: Tensor, space: Tensor | None) -> LayerFeatures:
        """Return `points`, the sum over all parts, as the features of a small image."""
        assert self._sample is not None
        _, grid, layout = self._sample
        return sampled(points, layout, self.mask(grid), space, self.side)
