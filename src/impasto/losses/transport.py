"""Style as a distribution that is moved to the painting's: optimal transport, and bounds of it.

In one dimension optimal transport keeps the order of points (`sliced`, `histogram`). In more dimensions, moving each
point to its nearest is cheaper than any transport: a lower bound, and fast (`remd`, `palette`).
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
"""One level of brightness: the least mean brightness of a painting's colours."""


def sliced(samples: int = 4096, directions: int = 64) -> StyleLoss:
    """The sliced Wasserstein distance, squared (Heitz et al. 2021): features projected on directions drawn from the
    sphere, both pictures' sorted, their mean squared difference over the painting's mean square.

    `samples` positions are drawn from each picture, and no more than `4 K` of the directions where there are K
    channels, since few dimensions are soon seen from all sides. Raises UsageError for less than 1 of either.
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
    """Each channel's histogram matched to the painting's: squared distance to the matched values over the painting's
    mean square (Risser et al. 2017).

    `samples` positions are drawn from each picture; values go to those of the same rank, and a rank has no gradient, so
    that what is matched stays fixed as there. The channels are the network's own, not those of an encoder's space,
    which is turned against what it stands for. Raises UsageError for less than 1 sample.
    """
    check_count("histogram", samples, "samples")

    def statistic(features: LayerFeatures) -> Cloud:
        return cloud(replace(features, space=None))

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        return _in_order(a.draw(draws, samples), b.draw(draws, samples))

    return StyleLoss("histogram", statistic, distance, mix_clouds, stochastic=True)


def _in_order(a: Tensor, target: Tensor) -> Tensor:
    """Return squared differences of the sorted columns of `(N, D)` and `(M, D)`, over the target's squares."""
    a, target = a.T.sort(1).values, target.T.sort(1).values
    if a.shape != target.shape:  # the target's quantiles, at as many ranks as there are points
        target = F.interpolate(target[None], a.shape[1], mode="linear")[0]
    return over((a - target).square().mean(), target.square().mean())


def remd(samples: int = 1024) -> StyleLoss:
    """The relaxed earth mover's distance with cosine distances (Kolkin et al. 2019, eqs. 5 to 8): how far each of the
    picture's features is from the painting's nearest, or the other way round if that is more.

    From 0 to 2 and not normalised: nothing at all is 1 away. `samples` positions are drawn from each picture; from
    different positions even of one picture it is not quite 0. Several paintings are thrown together and must have equal
    shares. Raises UsageError for unequal ones, and for less than 1 sample.
    """
    check_count("remd", samples, "samples")

    def distance(a: Cloud, b: Cloud, draws: RandomDraws) -> Tensor:
        return _relaxed(unit(a.draw(draws, samples)), unit(b.draw(draws, samples)), cosine_distance)

    return StyleLoss("remd", cloud, distance, _equal_parts("remd"), stochastic=True)


def palette(samples: int = 1024) -> StyleLoss:
    """The relaxed earth mover's distance of the pixels' colours, over the mean length of the painting's (Kolkin et al.
    2019).

    It looks at the picture, not at features; distances are Euclidean in light and colour (Y, Cb, Cr of ITU-R BT.601),
    which depend on each other less than red, green and blue do. Sampling, mixing and errors as in `remd`.
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
    """Return `|a - b|` of the rows, with a slope of 0 at 0."""
    length: Tensor = ((a - b).square().sum(1) + EPSILON).sqrt() - EPSILON**0.5
    return length


def _relaxed(a: Tensor, b: Tensor, cost: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return the larger of both mean costs of moving each point to the nearest of the others; a scalar."""
    there, back = cost(a, nearest(a, b)), cost(nearest(b, a), b)
    return torch.maximum(there.mean(), back.mean())


def _equal_parts(name: str) -> Callable[[Sequence[Cloud], Sequence[float]], Cloud]:
    def mix(clouds: Sequence[Cloud], shares: Sequence[float]) -> Cloud:
        check_equal(name, shares)
        return mix_clouds(clouds, shares)

    return mix


def moments() -> StyleLoss:
    """Means and covariances by their absolute differences, `mean |m - m*| + mean |C - C*|` over the same of m* and C*
    (Kolkin et al. 2019, eq. 9, normalised).

    Absolute values depend on the axes: in an encoder's space they are those of the rows of R.
    """
    return StyleLoss("moments", moment, _moments, weighted_mean, additive=True)


def _moments(a: Tensor, target: Tensor, draws: RandomDraws) -> Tensor:
    pairs = list(zip(mean_and_covariance(a), mean_and_covariance(target), strict=True))
    away = torch.stack([(x - y).abs().mean() for x, y in pairs]).sum()
    return over(away, torch.stack([y.abs().mean() for _, y in pairs]).sum())


LOSSES: dict[str, Callable[..., StyleLoss]] = {
    "sliced": sliced,
    "histogram": histogram,
    "remd": remd,
    "palette": palette,
    "moments": moments,
}
