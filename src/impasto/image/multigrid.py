"""Poisson's equation on any set of pixels, by conjugate gradients with a multigrid preconditioner.

Each cycle takes a few passes over the pixels and divides the error by several times, for regions of any size and any
outline (compare McAdams, Sifakis and Teran 2010, "A parallel multigrid Poisson solver").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 1e-5
"""Estimated error at which the iteration stops: a four-hundredth of a level of 255."""

MOST = 100
"""Largest number of cycles; about five are usual."""

DAMPING = 0.8
"""Damping of Jacobi sweeps. In two dimensions 4/5 reduces the upper half of the frequencies best."""

TIE = 1.6
"""Factor of the weights between coarse pixels and the outline, because blocks extend beyond the outline.

Measured on discs, stars and sieves: 1.6 takes 8 cycles, 1 takes 13 to 18, 2 takes 8 or 9.
"""

SMALLEST = 16
"""Largest side of a grid that is solved directly."""


def solve(inside: Tensor, right_side: Tensor) -> Tensor:
    """Return `u` with `sum over q of (u_p - u_q) = right_side_p` for every pixel `p` in `inside`, and 0 outside.

    inside: bool `(H, W)`; at least one pixel must be outside.
    right_side: `(C, 1, H, W)`; the equation is solved for each channel.

    `q` are the up to four neighbours of `p` in the array.

    >>> inside = torch.tensor([[False, True, False]])
    >>> solve(inside, torch.full((1, 1, 1, 3), 4.0)).round(decimals=3)
    tensor([[[[0., 2., 0.]]]])
    """
    levels = _levels(inside, right_side)
    solution, residual = torch.zeros_like(right_side), right_side * levels[0].inside
    tiny = torch.finfo(residual.dtype).tiny
    step, before, last = torch.zeros_like(residual), residual, torch.ones_like(residual[:, :, :1, :1])
    for _ in range(MOST):
        direction = _cycle(levels, residual)
        if direction.abs().max() < TOLERANCE:
            break
        # The flexible form (Polak-Ribiere), because the cycle is not quite symmetric at the border.
        agreement = _dot(direction, residual)
        step = direction.addcmul_(step, (agreement - _dot(direction, before)) / last.clamp(min=tiny))
        last, before = agreement, residual
        change = levels[0].apply(step)
        length = _dot(step, residual) / _dot(step, change).clamp(min=tiny)
        solution.addcmul_(length, step)
        residual = torch.addcmul(residual, length, change, value=-1)
    return solution


@dataclass(frozen=True)
class _Level:
    """The equation on one grid: each unknown times `diagonal`, minus its neighbours times the weights between them.

    diagonal: `(1, 1, H, W)`. Its excess over the weights is the weight between a pixel and the 0 beyond the outline.
    right, down: the weights between a pixel and its right or lower neighbour, `(1, 1, H, W - 1)` and
        `(1, 1, H - 1, W)`.
    """

    diagonal: Tensor
    right: Tensor
    down: Tensor

    @cached_property
    def inside(self) -> Tensor:
        """Return 1 for the unknowns, 0 for other pixels."""
        return (self.diagonal > 0).to(self.diagonal)

    @cached_property
    def rate(self) -> Tensor:
        """Return the factor of the residual in a Jacobi sweep."""
        return torch.where(self.diagonal > 0, DAMPING / self.diagonal, 0)

    @cached_property
    def inverse(self) -> Tensor:
        """Return the dense inverse `(H W, H W)`, for a small grid."""
        count = self.diagonal.numel()
        unit = torch.eye(count, dtype=self.diagonal.dtype).view(count, 1, *self.diagonal.shape[-2:])
        matrix = self.apply(unit).view(count, count).double()
        inverse: Tensor = torch.linalg.pinv(matrix, hermitian=True)
        return inverse.to(self.diagonal)

    def apply(self, u: Tensor) -> Tensor:
        """Return the left side of the equation."""
        return self.residual(u, torch.zeros_like(u[..., :1, :1])).neg_()

    def residual(self, u: Tensor, goal: Tensor) -> Tensor:
        """Return `goal` minus the left side, in few passes over memory, because these take the time of a cycle."""
        result = torch.addcmul(goal, self.diagonal, u, value=-1)
        result[..., 1:].addcmul_(self.right, u[..., :-1])
        result[..., :-1].addcmul_(self.right, u[..., 1:])
        result[..., 1:, :].addcmul_(self.down, u[..., :-1, :])
        result[..., :-1, :].addcmul_(self.down, u[..., 1:, :])
        return result

    def smooth(self, u: Tensor, goal: Tensor) -> Tensor:
        """Return `u` after one sweep of damped Jacobi, in place."""
        return u.addcmul_(self.rate, self.residual(u, goal))

    def coarse(self) -> _Level:
        """Return the equation for blocks of 2x2 pixels: half of the equation for equal pixels within each block.

        The factor is 1/2 because neighbouring blocks are two pixels apart. A slope then has the same energy on both
        grids.
        """
        height, width = self.diagonal.shape[-2:]
        odd = height % 2, width % 2
        diagonal = _blocks(F.pad(self.diagonal, (0, odd[1], 0, odd[0])))
        right = F.pad(self.right, (0, 1 + odd[1], 0, odd[0]))  # with a weight of 0 for the last pixels
        down = F.pad(self.down, (0, odd[1], 0, 1 + odd[0]))
        within = _pairs(right[..., 0::2], 2) + _pairs(down[..., 0::2, :], 3)
        right, down = _pairs(right[..., 1::2], 2)[..., :-1] / 2, _pairs(down[..., 1::2, :], 3)[..., :-1, :] / 2
        weights = _sums(right, down, diagonal)
        ties = (diagonal / 2 - within - weights).clamp(min=0)
        return _Level(weights + TIE * ties, right, down)


def _levels(inside: Tensor, like: Tensor) -> list[_Level]:
    """Return the equation on all grids, finest first."""
    mask = inside[None, None].to(like)
    right, down = mask[..., 1:] * mask[..., :-1], mask[..., 1:, :] * mask[..., :-1, :]
    neighbours = _sums(torch.ones_like(right), torch.ones_like(down), mask)
    levels = [_Level(neighbours * mask, right, down)]
    while max(levels[-1].diagonal.shape[-2:]) > SMALLEST:
        levels.append(levels[-1].coarse())
    return levels


def _cycle(levels: list[_Level], goal: Tensor) -> Tensor:
    """Return the approximate solution after one V-cycle from 0."""
    level = levels[0]
    if len(levels) == 1:
        return (goal.flatten(1) @ level.inverse).view_as(goal)
    u = level.smooth(level.rate * goal, goal)
    below = levels[1].inside * _coarser(level.residual(u, goal))
    u.addcmul_(level.inside, _finer(_cycle(levels[1:], below), u))
    return level.smooth(level.smooth(u, goal), goal)


def _finer(u: Tensor, like: Tensor) -> Tensor:
    """Return `u` on the next finer grid, which has the size of `like`."""
    height, width = like.shape[-2:]
    return F.interpolate(u, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]


def _coarser(u: Tensor) -> Tensor:
    """Return `u` on the next coarser grid, by the transpose of `_finer`."""
    even = F.pad(u, (0, u.shape[-1] % 2, 0, u.shape[-2] % 2))
    half = (even.shape[-2] // 2, even.shape[-1] // 2)
    return 4 * F.interpolate(even, size=half, mode="bilinear", align_corners=False, antialias=True)


def _sums(right: Tensor, down: Tensor, like: Tensor) -> Tensor:
    """Return the sum of the weights between each pixel and its neighbours."""
    total = torch.zeros_like(like)
    total[..., 1:] += right
    total[..., :-1] += right
    total[..., 1:, :] += down
    total[..., :-1, :] += down
    return total


def _pairs(x: Tensor, axis: int) -> Tensor:
    """Return the sums of pairs of neighbours along an axis."""
    return x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :]).sum(axis + 1)


def _blocks(x: Tensor) -> Tensor:
    """Return the sums over blocks of 2x2 pixels."""
    return _pairs(_pairs(x, 2), 3)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner product of each channel, `(C, 1, 1, 1)`."""
    return torch.bmm(a.flatten(1)[:, None], b.flatten(1)[:, :, None])[..., None]
