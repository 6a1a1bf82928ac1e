"""The search for nearest neighbours, and functions shared by the losses that use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from impasto.errors import UsageError

BLOCK = 2**22
"""Largest number of distances in memory: 16 MB in float32; more are slower on a CPU, not faster."""

FAINT = 1e-3
"""Length of feature vectors that counts as small; those of the usual networks have lengths of 1 and more."""


def unit(points: Tensor) -> Tensor:
    """Return points `(N, K)` as unit vectors `(N, K + 1)` whose inner products are cosines: `[f; e] / |[f; e]|`.

    The small coordinate e = `FAINT` gives zero vectors (of flat pictures, centred) their own direction: they are equal
    to each other and unlike all others, with a finite slope.
    """
    longer = torch.cat([points, torch.full_like(points[:, :1], FAINT)], dim=1)
    return longer * longer.square().sum(1, keepdim=True).rsqrt()


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return `1 - cos` of the rows of two `(N, K)` from `unit`, `(N,)`: from 0 to 2; exactly 0 for equal rows."""
    return (a - b).square().sum(1) / 2


@torch.no_grad()
def search(points: Tensor, count: int, candidates: Callable[[slice], Tensor]) -> Tensor:
    """Return the index of the nearest of `count` candidates for each of the points `(N, K)`: `(N,)`, int64.

    `candidates(part)` returns a part of them, `(M, K)`. For unit vectors the nearest has the largest cosine.
    """
    size = max(BLOCK // max(points.shape), 1)
    best = points.new_full((len(points),), -torch.inf)
    found = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    for start in range(0, count, size):
        block = candidates(slice(start, min(start + size, count)))
        # |p - q|^2 is least where p.q - |q|^2 / 2 is greatest.
        score, where = torch.addmm(-block.square().sum(1) / 2, points, block.T).max(1)
        found = torch.where(score > best, where + start, found)
        best = torch.maximum(score, best)
    return found


def nearest(points: Tensor, others: Tensor) -> Tensor:
    """Return the nearest of the others `(M, K)` for each of the points `(N, K)`; with a gradient by the others."""
    return others.index_select(0, search(points, len(others), lambda part: others[part]))


def check_equal(name: str, shares: Sequence[float]) -> None:
    """Raise UsageError for unequal shares: a painting with a small share would be as near a neighbour as any."""
    if max(shares) - min(shares) > 1e-6:
        raise UsageError(
            f"'{name}' compares with nearest neighbours, which know no shares, so several paintings must have equal "
            f"ones; gram, covariance, sliced and histogram mix in any"
        )


def check_count(name: str, value: int, setting: str, least: int = 1) -> None:
    """Raise UsageError for a setting that is not a whole number of at least `least`."""
    if not isinstance(value, int) or value < least:
        raise UsageError(f"{setting} of '{name}' must be a whole number of at least {least}, not {value}")
