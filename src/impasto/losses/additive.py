"""Losses that add up over the parts of an image; exact tiles depend on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """A rectangle of a layer's `grid` (height, width): the positions from row `top` and column `left` on."""

    top: int
    left: int
    height: int
    width: int
    grid: tuple[int, int]

    @classmethod
    def whole(cls, features: Tensor) -> Part:
        """Return the part that covers all of `(..., H, W)`."""
        height, width = features.shape[-2:]
        return cls(0, 0, height, width, (height, width))

    @property
    def share(self) -> float:
        """The share of all positions."""
        return self.height * self.width / (self.grid[0] * self.grid[1])

    def of(self, everything: Tensor) -> Tensor:
        """Return the part of a tensor `(..., H, W)` over the whole grid, as a view."""
        return everything[..., self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Additive:
    """A loss that is `finish` of a sum over parts: `finish(add(features, part) + add(features', part') + ...)`.

    add: takes the features of the part, and up to `margin` more rows below and columns to the right.
    finish: makes the loss of the sum; without it the sum, a scalar, is the loss, and the gradient of a part is
        independent of other parts.
    whole: a faster loss of all features.
    """

    add: Callable[[Tensor, Part], Tensor]
    finish: Callable[[Tensor], Tensor] | None = None
    margin: int = 0
    whole: Callable[[Tensor], Tensor] | None = None

    def __call__(self, features: Tensor) -> Tensor:
        """Return the loss of all features `(1, C, H, W)`, a scalar."""
        if self.whole:
            return self.whole(features)
        return self.value(self.add(features, Part.whole(features)))

    def value(self, total: Tensor) -> Tensor:
        """Return the loss of the sum over all parts."""
        return self.finish(total) if self.finish else total


STRIP = 3 << 21
"""Number of values in a strip; at least a row."""


@torch.no_grad()
def in_strips(loss: Additive, image: Tensor) -> Tensor:
    """Return the loss of an image `(1, C, H, W)`, strip by strip, so that intermediate tensors are small."""
    height, width = image.shape[-2:]
    rows, total = max(1, STRIP // (width * image.shape[1])), torch.zeros((), dtype=image.dtype, device=image.device)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        part = Part(top, 0, count, width, (height, width))
        total = total + loss.add(image[..., top : top + count + loss.margin, :], part)
    return loss.value(total)
