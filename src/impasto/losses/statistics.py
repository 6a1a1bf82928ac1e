"""What is remembered of a texture: statistics of features over positions.

A statistic is apart from the distance between two of them: the painting's is computed once. One that is a mean over
positions is `additive`: statistics of parts of a picture, weighted by their share of positions, add up to that of the
whole, which is what exact tiles, masks and mixtures of paintings rest on.

Features are `(B, C, H, W)`. `space` is an encoder's metric, the matrix `R (K, C + 1)`: a feature vector `f` stands for
`R [f; 1]` (see `Encoder.metric`); None stands for the features themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Statistic:
    """A named function `(features, space) -> (B, ...)`; `additive` if it is a mean over positions."""

    name: str
    compute: Callable[[Tensor, Tensor | None], Tensor]
    additive: bool

    def __call__(self, features: Tensor, space: Tensor | None = None) -> Tensor:
        """The statistic of `(B, C, H, W)` features."""
        return self.compute(features, space)


def positions(features: Tensor) -> Tensor:
    """`(B, C, H, W)` as `(B, N, C)`: no copy in the channels-last layout."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def into_space(points: Tensor, space: Tensor | None) -> Tensor:
    """Points `(B, N, C)` as the `(B, N, K)` they stand for."""
    if space is None:
        return points
    return points @ space[:, :-1].T + space[:, -1]


class _SecondMoment(torch.autograd.Function):
    """`X^T X / N` of points `(B, N, C)`, whose gradient is one product, `X (W + W^T) / N`, where autograd takes two."""

    @staticmethod
    def forward(ctx: Any, points: Tensor) -> Tensor:
        ctx.save_for_backward(points)
        return points.mT @ points / points.shape[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (points,) = ctx.saved_tensors
        product: Tensor = points @ ((gradient + gradient.mT) / points.shape[1])
        return product


def gram(features: Tensor, space: Tensor | None = None) -> Tensor:
    """The Gram matrix `F F^T / N`, `(B, K, K)` (Gatys et al. 2015, eq. 3, divided by the number of positions).

    With a `space` the narrow second moment of `[f; 1]` is taken first and moved into the space as a small matrix:
    `R E[[f; 1] [f; 1]^T] R^T`, which no wide tensor is needed for.
    """
    points = positions(features)
    second: Tensor = _SecondMoment.apply(points)  # type: ignore[no-untyped-call]
    if space is None:
        return second
    mean = points.mean(1)[..., None]
    top = torch.cat([second, mean], dim=2)
    bottom = torch.cat([mean.mT, torch.ones_like(mean[:, :1])], dim=2)
    return space @ torch.cat([top, bottom], dim=1) @ space.T


STATISTICS: dict[str, Statistic] = {"gram": Statistic("gram", gram, additive=True)}
