"""Search for nearest neighbours, and functions that the losses with such a search share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from impasto.errors import UsageError

BLOCK = 2**22
"""Largest number of distances in memory: 16 MB in float32. Larger blocks are slower on a CPU."""

FAINT = 1e-3
"""Length at which a feature vector counts as short. Usual networks have features of length 1 and more."""


def unit(points: Tensor) -> Tensor:
    """Return points `(N, K)` as unit vectors `(N, K + 1)` whose inner products are cosines: `[f; e] / |[f; e]|`.

    The small coordinate e = `FAINT` gives zero vectors, as of flat pictures after centring, their own direction: they
    are equal to each other and unlike all other vectors, with a finite gradient.

    >>> unit(torch.zeros(1, 2))
    tensor([[0., 0., 1.]])
    """
    longer = torch.cat([points, torch.full_like(points[:, :1], FAINT)], dim=1)
    return longer * longer.square().sum(1, keepdim=True).rsqrt()


def cosine_distance(a: Tensor, b: Tensor) -> Tensor:
    """Return `1 - cos` of the rows of two `(N, K)` from `unit`, `(N,)`, from 0 to 2.

    It is computed as `|a - b|^2 / 2`, which is exactly 0 for equal rows.
    """
    return (a - b).square().sum(1) / 2


@torch.no_grad()
def search(points: Tensor, count: int, candidates: Callable[[slice], Tensor]) -> Tensor:
    """Return the index of the nearest of `count` candidates for each point of `(N, K)`: `(N,)`, int64.

    `candidates(part)` returns a slice of the candidates, `(M, K)`. The nearest unit vector has the largest cosine.

    >>> others = torch.tensor([[0.0], [5.0]])
    >>> search(torch.tensor([[1.0], [4.0]]), 2, lambda part: others[part])
    tensor([0, 1])
    """
    size = max(BLOCK // max(points.shape), 1)
    best = points.new_full((len(points),), -torch.inf)
    indices = torch.zeros(len(points), dtype=torch.int64, device=points.device)
    for start in range(0, count, size):
        block = candidates(slice(start, min(start + size, count)))
        # |p - q|^2 is least where p.q - |q|^2 / 2 is greatest.
        score, where = torch.addmm(-block.square().sum(1) / 2, points, block.T).max(1)
        indices = torch.where(score > best, where + start, indices)
        best = torch.maximum(score, best)
    return indices


def nearest(points: Tensor, others: Tensor) -> Tensor:
    """Return, for each point of `(N, K)`, the nearest of the `others` `(M, K)`: `(N, K)`.

    The result is differentiable by `others`.
    """
    return others.index_select(0, search(points, len(others), lambda part: others[part]))


def check_equal(name: str, shares: Sequence[float]) -> None:
    """Raise UsageError for unequal shares, which a nearest neighbour ignores."""
    if max(shares) - min(shares) > 1e-6:
        raise UsageError(
            f"'{name}' compares with nearest neighbours, which know no shares, so several paintings must have equal "
            f"ones; gram, covariance, sliced and histogram mix in any"
        )


def check_count(name: str, value: int, setting: str, least: int = 1) -> None:
    """Raise UsageError if `value`, a `setting` of the loss `name`, is not a whole number of at least `least`."""
    if not isinstance(value, int) or value < least:
        raise UsageError(f"{setting} of '{name}' must be a whole number of at least {least}, not {value}")
