"""Losses that are sums over the parts of an image; exact tiles depend on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Part:
    """A rectangle of the `grid` (height, width) of a layer, with its first row `top` and its first column `left`.

    >>> Part(0, 0, 2, 4, grid=(4, 4)).share
    0.5
    """

    top: int
    left: int
    height: int
    width: int
    grid: tuple[int, int]

    @classmethod
    def whole(cls, features: Tensor) -> Part:
        """Return the part that covers the whole grid of `features` `(..., H, W)`."""
        height, width = features.shape[-2:]
        return cls(0, 0, height, width, (height, width))

    @property
    def share(self) -> float:
        """Return the number of positions divided by that of the grid."""
        return self.height * self.width / (self.grid[0] * self.grid[1])

    def of(self, everything: Tensor) -> Tensor:
        """Return this part of a tensor `(..., H, W)` over the whole grid, as a view."""
        return everything[..., self.top : self.top + self.height, self.left : self.left + self.width]


@dataclass(frozen=True)
class Additive:
    """A loss that is a function of a sum over parts: `finish(add(features, part) + add(features', part') + ...)`.

    add: returns the contribution of a part, from its features.
    finish: returns the loss of the sum. Without it the sum, a scalar, is the loss, and the gradient of a part is
        independent of other parts.
    margin: the number of rows below and of columns to the right that `add` needs beside the part.
    whole: a faster function for all features at once.

    >>> total = Additive(lambda features, part: features.sum())
    >>> total(torch.ones(1, 3, 4, 4))
    tensor(48.)
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
"""Number of values in a strip; a strip has at least one row."""


@torch.no_grad()
def in_strips(loss: Additive, image: Tensor) -> Tensor:
    """Return the loss of an image `(1, C, H, W)`, a scalar.

    The computation is strip by strip, so that intermediate tensors are small.
    """
    height, width = image.shape[-2:]
    rows, total = max(1, STRIP // (width * image.shape[1])), torch.zeros((), dtype=image.dtype, device=image.device)
    for top in range(0, height, rows):
        count = min(rows, height - top)
        part = Part(top, 0, count, width, (height, width))
        total = total + loss.add(image[..., top : top + count + loss.margin, :], part)
    return loss.value(total)
