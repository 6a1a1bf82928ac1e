"""Distances between two tensors of features, or of statistics, of the same shape."""

from __future__ import annotations

import torch
from torch import Tensor

from impasto.losses.precision import widened
from impasto.losses.style import into_space, positions


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of squared differences, a scalar."""
    return (a - b).square().sum()


def over(value: Tensor, size: Tensor) -> Tensor:
    """Return `value / size`, or `value` where the size is 0 (for a black image)."""
    return value / torch.where(size > torch.finfo(size.dtype).tiny, size, torch.ones_like(size))


def relative(a: Tensor, target: Tensor) -> Tensor:
    """Return `|a - target|^2 / |target|^2`, a scalar: 0 for equal, 1 for `a = 0`.

    For a target of 0 (a black image) return `|a|^2`.
    """
    return over(difference(a, target), target.square().sum())


def energy(features: Tensor, space: Tensor | None = None) -> Tensor:
    """Return the mean squared length of the feature vectors of `(B, C, H, W)`, in `space`; a scalar."""
    return into_space(positions(features), space).square().sum(2).mean()


def distance(features: Tensor, target: Tensor, space: Tensor | None = None) -> Tensor:
    """Return the mean squared distance of the feature vectors of two `(B, C, H, W)` by position, in `space`; a
    scalar."""
    points = positions(widened(features) - target)
    if space is not None:
        points = points @ space[:, :-1].T
    return points.square().sum(2).mean()
