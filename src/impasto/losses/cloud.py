"""A picture's features as a cloud of points, each with its share: what losses that draw samples remember of it.

The points stay in the encoder's own narrow coordinates; only those that are drawn move into the space.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, into_space

REFERENCE = 512
"""Points from which what is to be known of a whole cloud, once, is estimated."""


@dataclass(frozen=True, eq=False)
class Cloud:
    """Points `(N, C)`; their `shares` `(N,)` with a sum of 1 (None: all alike); their `space` (None: their own)."""

    points: Tensor
    shares: Tensor | None = None
    space: Tensor | None = None

    def exhausted_by(self, count: int) -> bool:
        """Whether a draw of `count` is every point once, in order, and leaves nothing to chance."""
        return self.shares is None and count >= len(self.points)

    def draw(self, draws: RandomDraws, count: int) -> Tensor:
        """`count` points in the space, `(count, K)`, each with a chance in proportion to its share.

        Where all points are alike and no more than `count`, they are all of them (see `RandomDraws.positions`).
        """
        if self.exhausted_by(count):
            return into_space(self.points, self.space)
        where = draws.positions(len(self.points), count, self.shares)
        return into_space(self.points.index_select(0, where.to(self.points.device)), self.space)

    @cached_property
    def reference(self) -> Tensor:
        """A draw of `REFERENCE` points, the same ones every time, without gradient."""
        return self.draw(RandomDraws(), REFERENCE).detach()

    @cached_property
    def spread(self) -> float:
        """The median squared distance between two points; the mean where most are equal, and where all are, their mean
        squared length, or 1."""
        between = torch.pdist(self.reference.cpu()).square()  # not every device has it
        for guess in (between.median(), between.mean(), self.reference.square().sum(1).mean()):
            if guess > 0:
                return float(guess)
        return 1.0


def cloud(features: LayerFeatures) -> Cloud:
    """The cloud of a picture's features at one layer."""
    return Cloud(features.points, features.shares, features.space)


def mix_clouds(clouds: Sequence[Cloud], shares: Sequence[float]) -> Cloud:
    """All points of clouds in one space thrown together, each cloud with its share of the whole.

    Clouds of the same size without shares of their own, taken in equal parts, stay without.
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
