"""Poisson's equation on any set of pixels, by conjugate gradients with a multigrid preconditioner.

Each cycle costs a few passes over the pixels and reduces the error several times, for regions of any size and with any
outline (compare McAdams, Sifakis and Teran 2010, "A parallel multigrid Poisson solver").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 1e-5
"""Estimated error at which to stop: a four-hundredth of a level of 255."""

MOST = 100
"""Largest number of cycles; a handful is usual."""

DAMPING = 0.8
"""Damping of Jacobi sweeps: 4/5 reduces the upper half of the frequencies best in two dimensions."""

TIE = 1.6
"""Factor of the ties of a coarse pixel to the outline, because blocks extend beyond the outline. Measured on discs,
stars and sieves: 1.6 takes 8 cycles, 1 takes 13 to 18, 2 takes 8 or 9."""

SMALLEST = 16
"""Side of a grid that is solved directly."""


def solve(inside: Tensor, right_side: Tensor) -> Tensor:
    """Return `u` with `sum over q of (u_p - u_q) = right_side_p` for every pixel `p` in `inside`, and 0 outside.

    `inside` is bool `(H, W)`; `right_side`, `(C, 1, H, W)`, is solved for each channel. `q` are the up to four
    neighbours of `p` in the array. At least one pixel must be outside.
    """
    levels = _levels(inside, right_side)
    found, residual = torch.zeros_like(right_side), right_side * levels[0].inside
    tiny = torch.finfo(residual.dtype).tiny
    step, before, last = torch.zeros_like(residual), residual, torch.ones_like(residual[:, :, :1, :1])
    for _ in range(MOST):
        towards = _cycle(levels, residual)
        if towards.abs().max() < TOLERANCE:
            break
        # Flexible (Polak-Ribiere), since the cycle is not quite symmetric at the border.
        agreement = _dot(towards, residual)
        step = towards.addcmul_(step, (agreement - _dot(towards, before)) / last.clamp(min=tiny))
        last, before = agreement, residual
        moved = levels[0].apply(step)
        length = _dot(step, residual) / _dot(step, moved).clamp(min=tiny)
        found.addcmul_(length, step)
        residual = torch.addcmul(residual, length, moved, value=-1)
    return found


@dataclass(frozen=True)
class _Level:
    """The equation on one grid: each unknown times `diagonal`, minus its neighbours times the weight between the two.

    The excess of `diagonal` over the weights ties a pixel to the 0 beyond the outline. All are `(1, 1, H, W)`, `right`
    and `down` one shorter.
    """

    diagonal: Tensor
    right: Tensor
    down: Tensor

    @cached_property
    def inside(self) -> Tensor:
        return (self.diagonal > 0).to(self.diagonal)

    @cached_property
    def rate(self) -> Tensor:
        return torch.where(self.diagonal > 0, DAMPING / self.diagonal, 0)

    @cached_property
    def inverse(self) -> Tensor:
        """The dense inverse, for a small grid."""
        count = self.diagonal.numel()
        unit = torch.eye(count, dtype=self.diagonal.dtype).view(count, 1, *self.diagonal.shape[-2:])
        matrix = self.apply(unit).view(count, count).double()
        inverse: Tensor = torch.linalg.pinv(matrix, hermitian=True)
        return inverse.to(self.diagonal)

    def apply(self, u: Tensor) -> Tensor:
        return self.residual(u, torch.zeros_like(u[..., :1, :1])).neg_()

    def residual(self, u: Tensor, goal: Tensor) -> Tensor:
        """Return the residual, in few passes over memory: they are the cost of a cycle."""
        result = torch.addcmul(goal, self.diagonal, u, value=-1)
        result[..., 1:].addcmul_(self.right, u[..., :-1])
        result[..., :-1].addcmul_(self.right, u[..., 1:])
        result[..., 1:, :].addcmul_(self.down, u[..., :-1, :])
        result[..., :-1, :].addcmul_(self.down, u[..., 1:, :])
        return result

    def smooth(self, u: Tensor, goal: Tensor) -> Tensor:
        """One sweep of damped Jacobi, in place."""
        return u.addcmul_(self.rate, self.residual(u, goal))

    def coarse(self) -> _Level:
        """Return the equation for blocks of 2x2: half of the equation for equal pixels within each block.

        Half, because neighbouring blocks are two pixels apart: a slope then has the same energy as in pixels.
        """
        height, width = self.diagonal.shape[-2:]
        odd = height % 2, width % 2
        diagonal = _blocks(F.pad(self.diagonal, (0, odd[1], 0, odd[0])))
        right = F.pad(self.right, (0, 1 + odd[1], 0, odd[0]))  # one weight a pixel, the last ones 0
        down = F.pad(self.down, (0, odd[1], 0, 1 + odd[0]))
        within = _pairs(right[..., 0::2], 2) + _pairs(down[..., 0::2, :], 3)
        right, down = _pairs(right[..., 1::2], 2)[..., :-1] / 2, _pairs(down[..., 1::2, :], 3)[..., :-1, :] / 2
        weights = _sums(right, down, diagonal)
        ties = (diagonal / 2 - within - weights).clamp(min=0)
        return _Level(weights + TIE * ties, right, down)


def _levels(inside: Tensor, like: Tensor) -> list[_Level]:
    known = inside[None, None].to(like)
    right, down = known[..., 1:] * known[..., :-1], known[..., 1:, :] * known[..., :-1, :]
    neighbours = _sums(torch.ones_like(right), torch.ones_like(down), known)
    levels = [_Level(neighbours * known, right, down)]
    while max(levels[-1].diagonal.shape[-2:]) > SMALLEST:
        levels.append(levels[-1].coarse())
    return levels


def _cycle(levels: list[_Level], goal: Tensor) -> Tensor:
    """One V-cycle from 0."""
    level = levels[0]
    if len(levels) == 1:
        return (goal.flatten(1) @ level.inverse).view_as(goal)
    u = level.smooth(level.rate * goal, goal)
    below = levels[1].inside * _coarser(level.residual(u, goal))
    u.addcmul_(level.inside, _finer(_cycle(levels[1:], below), u))
    return level.smooth(level.smooth(u, goal), goal)


def _finer(u: Tensor, like: Tensor) -> Tensor:
    height, width = like.shape[-2:]
    return F.interpolate(u, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]


def _coarser(u: Tensor) -> Tensor:
    """The transpose of `_finer`."""
    even = F.pad(u, (0, u.shape[-1] % 2, 0, u.shape[-2] % 2))
    half = (even.shape[-2] // 2, even.shape[-1] // 2)
    return 4 * F.interpolate(even, size=half, mode="bilinear", align_corners=False, antialias=True)


def _sums(right: Tensor, down: Tensor, like: Tensor) -> Tensor:
    """Return for each pixel the sum of the weights to its neighbours."""
    total = torch.zeros_like(like)
    total[..., 1:] += right
    total[..., :-1] += right
    total[..., 1:, :] += down
    total[..., :-1, :] += down
    return total


def _pairs(x: Tensor, axis: int) -> Tensor:
    """Sums of two along an axis."""
    return x.reshape(*x.shape[:axis], -1, 2, *x.shape[axis + 1 :]).sum(axis + 1)


def _blocks(x: Tensor) -> Tensor:
    return _pairs(_pairs(x, 2), 3)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """`(C, 1, 1, 1)`."""
    return torch.bmm(a.flatten(1)[:, None], b.flatten(1)[:, :, None])[..., None]
