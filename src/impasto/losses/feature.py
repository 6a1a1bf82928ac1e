"""Distances between two tensors of features, or of statistics, of the same shape."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.losses.precision import widened
from impasto.losses.style import into_space, positions


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Sum of squared differences over everything: a scalar."""
    return (a - b).square().sum()


def over(value: Tensor, size: Tensor) -> Tensor:
    """`value / size`, or `value` itself where the size is nothing at all (that of a black picture)."""
    return value / torch.where(size > torch.finfo(size.dtype).tiny, size, torch.ones_like(size))


def relative(a: Tensor, target: Tensor) -> Tensor:
    """`|a - target|^2 / |target|^2`: 0 for equal, 1 for as far as nothing (`a = 0`); a scalar.

    A target of nothing at all (a black picture) is compared by `|a|^2` itself.
    """
    return over(difference(a, target), target.square().sum())


def energy(features: Tensor, space: Tensor | None = None) -> Tensor:
    """Mean squared length of the feature vectors of `(B, C, H, W)`, in `space`; a scalar."""
    return into_space(positions(features), space).square().sum(2).mean()


def distance(features: Tensor, target: Tensor, space: Tensor | None = None) -> Tensor:
    """Mean squared distance between the feature vectors of two `(B, C, H, W)` at the same positions, in `space`; a
    scalar."""
    points = positions(widened(features) - target)
    if space is not None:
        points = points @ space[:, :-1].T
    return points.square().sum(2).mean()
