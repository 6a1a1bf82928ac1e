"""Features as a weighted point cloud: the statistic of losses that draw samples.

The points stay in the encoder's narrow coordinates; only drawn points are mapped into the space of distances.
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
"""Number of points from which constants of a whole cloud are estimated."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points `(N, C)`; their `shares` `(N,)` with a sum of 1 (None: equal); their `space` (None: their own)."""

    points: Tensor
    shares: Tensor | None = None
    space: Tensor | None = None

    def exhausted_by(self, count: int) -> bool:
        """Return whether a draw of `count` is every point once, in order, without randomness."""
        return self.shares is None and count >= len(self.points)

    def draw(self, draws: RandomDraws, count: int) -> Tensor:
        """Return `count` points in the space, `(count, K)`, drawn in proportion to their shares.

        With equal shares and no more than `count` points, these are all points (see `RandomDraws.positions`).
        """
        if self.exhausted_by(count):
            return into_space(self.points, self.space)
        where = draws.positions(len(self.points), count, self.shares)
        return into_space(self.points.index_select(0, where.to(self.points.device)), self.space)

    @cached_property
    def reference(self) -> Tensor:
        """A draw of `REFERENCE` points, the same every time, without gradient."""
        return self.draw(RandomDraws(), REFERENCE).detach()

    @cached_property
    def spread(self) -> float:
        """The median squared distance of two points. If most are equal the mean; if all are, their mean squared length,
        or 1."""
        between = torch.pdist(self.reference.cpu()).square()  # not available on every device
        for guess in (between.median(), between.mean(), self.reference.square().sum(1).mean()):
            if guess > 0:
                return float(guess)
        return 1.0


def cloud(features: LayerFeatures) -> Cloud:
    """Return the cloud of the features at one layer."""
    return Cloud(features.points, features.shares, features.space)


def mix_clouds(clouds: Sequence[Cloud], shares: Sequence[float]) -> Cloud:
    """Return the union of clouds in one space; each cloud has its share of the total weight.

    Clouds of the same size without shares, in equal parts, stay without shares.
    """
    points = torch.cat([c.points for c in clouds])
    sizes = {(len(c.points), share) for c, share in zip(clouds, shares, strict=True)}
    if len(sizes) == 1 and all(c.shares is None for c in clouds):
        return Cloud(points, None, clouds[0].space)
    each = [share * _shares(c) for c, share in zip(clouds, shares, strict=True)]
    return Cloud(points, torch.cat(each), clouds[0].space)


def _shares(cloud: Cloud) -> Tensor:
    if cloud.shares is not None:
        return cloud.shares
    return cloud.points.new_full((len(cloud.points),), 1 / len(cloud.points))
