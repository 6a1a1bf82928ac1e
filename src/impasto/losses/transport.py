"""Style as a distribution of features, compared by optimal transport or by bounds of it.

In one dimension, optimal transport preserves the order of points (`sliced`, `histogram`). In more dimensions, moving
each point to its nearest neighbour costs less than any transport: a lower bound that is fast to compute (`remd`,
`palette`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.losses.cloud import Cloud, cloud, mix_clouds
from impasto.losses.feature import over
from impasto.losses.moments import mean_and_covariance, moment
from impasto.losses.neighbours import check_count, check_equal, cosine_distance, nearest, unit
from impasto.losses.prior import BT601, EPSILON
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss, weighted_mean

LEVEL = 1 / 255
"""Least divisor of `palette`, one level of 255: a black painting has colours of length 0."""


def sliced(samples: int = 4096, directions: int = 64) -> StyleLoss:
    """Return the loss of the squared sliced Wasserstein distance (Heitz et al. 2021).

    The features of both pictures are projected on random directions and sorted along each direction. The value is the
    mean squared difference of the sorted projections, over the mean square of the painting's projections.

    `samples` positions are sampled from each picture. For K channels at most `4 K` of the directions are used, because
    a few directions cover a space of few dimensions. Raises UsageError for less than 1 of `samples` or `directions`.
    """
    check_count("sliced", samples, "samples")
    check_count("sliced", directions, "directions")

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        channels = a.points.shape[1] if a.space is None else len(a.space)
        along = draws.directions(channels, min(directions, 4 * channels)).to(a.points.dtype).to(a.points.device)
        here, there = a.draw(draws, samples), b.draw(draws, samples)
        return _in_order(here @ along, there @ along)

    return StyleLoss("sliced", cloud, distance, mix_clouds, stochastic=True)


def histogram(samples: int = 8192) -> StyleLoss:
    """Return the loss of histograms: the squared distance of each channel to its match with the painting's histogram.

    Risser et al. 2017; here divided by the mean square of the painting. `samples` positions are sampled from each
    picture, and each value is matched with the value of the same rank. Ranks have no gradient, so the match is constant
    in the backward pass, as in the paper. The loss uses the channels of the network. The axes of an encoder's space
    are rotated against the channels of the wide network. Raises UsageError for less than 1 sample.
    """
    check_count("histogram", samples, "samples")

    def statistic(features: LayerFeatures) -> Cloud:
        return cloud(replace(features, space=None))

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        return _in_order(a.draw(draws, samples), b.draw(draws, samples))

    return StyleLoss("histogram", statistic, distance, mix_clouds, stochastic=True)


def _in_order(a: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared difference of the sorted columns of `(N, D)` and `(M, D)`, over the target's square."""
    a, target = a.T.sort(1).values, target.T.sort(1).values
    if a.shape != target.shape:  # N quantiles of the target
        target = F.interpolate(target[None], a.shape[1], mode="linear")[0]
    return over((a - target).square().mean(), target.square().mean())


def remd(samples: int = 1024) -> StyleLoss:
    """Return the loss of the relaxed earth mover's distance with cosine distances (Kolkin et al. 2019, eqs. 5 to 8).

    The value is the mean distance of the picture's features to their nearest neighbours in the painting, or of the
    painting's features to their nearest neighbours in the picture, whichever is larger. It is from 0 to 2 and not
    normalised: features of 0 have a value of 1.

    `samples` positions are sampled from each picture. Two samples of the same picture have a value slightly above 0.
    Several paintings are united, and must have equal shares. Raises UsageError for unequal shares, and for less than 1
    sample.
    """
    check_count("remd", samples, "samples")

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        return _relaxed(unit(a.draw(draws, samples)), unit(b.draw(draws, samples)), cosine_distance)

    return StyleLoss("remd", cloud, distance, _equal_parts("remd"), stochastic=True)


def palette(samples: int = 1024) -> StyleLoss:
    """Return the loss of the relaxed earth mover's distance of colours (Kolkin et al. 2019).

    It compares the pixels of the pictures, not features. The value is divided by the mean length of the painting's
    colours. Distances are Euclidean in light and colour (Y, Cb and Cr of ITU-R BT.601), which depend on each other less
    than red, green and blue. Sampling, mixing and errors are as for `remd`.
    """
    check_count("palette", samples, "samples")

    def statistic(features: LayerFeatures) -> Cloud:
        space = features.values.new_tensor([[*row, 0.0] for row in BT601])
        return cloud(replace(features, space=space))

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        here, there = a.draw(draws, samples), b.draw(draws, samples)
        return over(_relaxed(here, there, _length), there.norm(dim=1).mean().clamp(min=LEVEL))

    return StyleLoss("palette", statistic, distance, _equal_parts("palette"), stochastic=True, pixels=True)


def _length(a: Tensor, b: Tensor) -> Tensor:
    """Return `|a - b|` of the rows of two `(N, K)`, `(N,)`, with a gradient of 0 at 0."""
    length: Tensor = ((a - b).square().sum(1) + EPSILON).sqrt() - EPSILON**0.5
    return length


def _relaxed(a: Tensor, b: Tensor, cost: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the mean cost of moving each point to its nearest in the other set, the larger of both; a scalar."""
    there, back = cost(a, nearest(a, b)), cost(nearest(b, a), b)
    return torch.maximum(there.mean(), back.mean())


def _equal_parts(name: str) -> Callable[[Sequence[Cloud], Sequence[float]], Cloud]:
    """Return a `mix` of the loss `name` that raises UsageError for unequal shares."""

    def mix(clouds: Sequence[Cloud], shares: Sequence[float]) -> Cloud:
        check_equal(name, shares)
        return mix_clouds(clouds, shares)

    return mix


def moments() -> StyleLoss:
    """Return the loss of absolute differences of means and covariances (Kolkin et al. 2019, eq. 9, but normalised).

    It is `mean |m - m*| + mean |C - C*|` over `mean |m*| + mean |C*|`. Absolute values depend on the axes. In the space
    of an encoder the axes are the rows of R.
    """
    return StyleLoss("moments", moment, _moments, weighted_mean, additive=True)


def _moments(a: Tensor, target: Tensor, draws: RandomDraws) -> Tensor:
    pairs = list(zip(mean_and_covariance(a), mean_and_covariance(target), strict=True))
    distance = torch.stack([(x - y).abs().mean() for x, y in pairs]).sum()
    return over(distance, torch.stack([y.abs().mean() for _, y in pairs]).sum())


LOSSES: dict[str, Callable[..., StyleLoss]] = {
    "sliced": sliced,
    "histogram": histogram,
    "remd": remd,
    "palette": palette,
    "moments": moments,
}
