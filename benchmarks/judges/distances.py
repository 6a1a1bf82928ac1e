"""Distances between the features of two pictures, in a few lines each, independent of `impasto.losses`.

Features are `(1, C, H, W)`. Every distance is divided by a size of the reference, so it has no unit.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

DIRECTIONS = 128
QUANTILES = 2048
GRID = 64
"""Positions a side at which self-similarities are compared."""

TEMPERATURE = 0.1
"""Divides cosine similarities before the softmax over positions."""


def projected_quantiles(features: Tensor, directions: int = DIRECTIONS, count: int = QUANTILES) -> Tensor:
    """Return quantiles of the features along random unit directions, `(directions, count)`, ascending.

    The directions come from a fixed seed, so they are the same for all features with equally many channels. Quantile k
    is the sample at rank (k + 1/2) / count, rounded down.
    """
    points = features[0].flatten(1)
    axes = torch.randn(directions, points.shape[0], generator=torch.Generator().manual_seed(0))
    projected = (F.normalize(axes, dim=1) @ points).sort(dim=1).values
    ranks = (torch.arange(count) + 0.5) / count * projected.shape[1]
    return projected[:, ranks.long()]


def sliced_wasserstein(a: Tensor, b: Tensor) -> float:
    """Return the squared sliced 2-Wasserstein distance of two `projected_quantiles`, over the variance of `b`.

    Rabin et al. 2011; for style Heitz et al. 2021. In one dimension the optimal transport pairs equal quantiles.
    """
    variance = (b - b.mean(dim=1, keepdim=True)).square().mean()
    return float((a - b).square().mean() / variance)


def gram(features: Tensor) -> Tensor:
    """Return the Gram matrix `(C, C)`: products of channels, a mean over positions (Gatys et al. 2016, equation 3)."""
    points = features[0].flatten(1)
    return points @ points.T / points.shape[1]


def relative_square(a: Tensor, b: Tensor) -> float:
    """Return the squared difference of `a` and `b` over the square of `b`."""
    return float((a - b).square().sum() / b.square().sum())


def positions(features: Tensor, side: int = GRID) -> Tensor:
    """Return the unit feature vectors of `side` x `side` positions, `(side^2, C)`, after adaptive average pooling."""
    pooled = F.adaptive_avg_pool2d(features, side)[0].flatten(1)
    return F.normalize(pooled.T, dim=1)


def self_similarity_divergence(picture: Tensor, photo: Tensor) -> float:
    """Return how far the self-similarities of `picture` are from those of `photo`, in nats; 0 for equal ones.

    Both from `positions`. Each row of cosine similarities becomes a distribution by a softmax; the figure is the
    Kullback-Leibler divergence KL(photo, picture), a mean over rows. After the content feature structural distance
    (CFSD) of Chung et al. 2024 and the self-similarity of Kolkin et al. 2019.
    """
    p, q = (F.log_softmax(x @ x.T / TEMPERATURE, dim=-1) for x in (picture, photo))
    return float(F.kl_div(p, q, reduction="batchmean", log_target=True))
