"""Features as a weighted point cloud: the statistic of losses that draw samples.

The points stay in the narrow coordinates of the encoder. Only sampled points are mapped into the space of distances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from impasto.losses.feature import into_space
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures

REFERENCE = 512
"""Number of points from which constants of a cloud are estimated."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """A weighted point cloud.

    points: `(N, C)`.
    shares: the weights of the points, `(N,)` with a sum of 1; None for equal weights.
    space: the encoder's metric (see `LayerFeatures`); None for the points themselves.
    """

    points: Tensor
    shares: Tensor | None = None
    space: Tensor | None = None

    def exhausted_by(self, count: int) -> bool:
        """Return whether a draw of `count` points has every point once, in order, without randomness."""
        return self.shares is None and count >= len(self.points)

    def draw(self, draws: RandomDraws, count: int) -> Tensor:
        """Return `count` points in the space, `(count, K)`, sampled in proportion to their shares.

        With equal shares and at most `count` points, the result has all points (see `RandomDraws.positions`).
        """
        if self.exhausted_by(count):
            return into_space(self.points, self.space)
        where = draws.positions(len(self.points), count, self.shares)
        return into_space(self.points.index_select(0, where.to(self.points.device)), self.space)

    @cached_property
    def reference(self) -> Tensor:
        """Return a sample of `REFERENCE` points without gradient, the same at every call."""
        return self.draw(RandomDraws(), REFERENCE).detach()

    @cached_property
    def spread(self) -> float:
        """Return the median squared distance between two points.

        The result is the mean squared distance if most points are equal. If all are equal, it is their mean squared
        length, or 1 for a length of 0.
        """
        distances = torch.pdist(self.reference.cpu()).square()  # pdist is not available on every device
        for guess in (distances.median(), distances.mean(), self.reference.square().sum(1).mean()):
            if guess > 0:
                return float(guess)
        return 1.0


def cloud(features: LayerFeatures) -> Cloud:
    """Return the cloud of the features at one layer."""
    return Cloud(features.points, features.shares, features.space)


def mix_clouds(clouds: Sequence[Cloud], shares: Sequence[float]) -> Cloud:
    """Return the union of clouds in one space, in which each cloud has its share of the total weight.

    The union of equally many points of each cloud, all with equal weights, has no shares.
    """
    points = torch.cat([c.points for c in clouds])
    sizes = {(len(c.points), share) for c, share in zip(clouds, shares, strict=True)}
    if len(sizes) == 1 and all(c.shares is None for c in clouds):
        return Cloud(points, None, clouds[0].space)
    each = [share * _shares(c) for c, share in zip(clouds, shares, strict=True)]
    return Cloud(points, torch.cat(each), clouds[0].space)


def _shares(cloud: Cloud) -> Tensor:
    """Return the weights of the points, `(N,)`, also if they are equal."""
    if cloud.shares is not None:
        return cloud.shares
    return cloud.points.new_full((len(cloud.points),), 1 / len(cloud.points))
