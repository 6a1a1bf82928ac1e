"""Content losses: distance of features, their correlation, self-similarity, and distance to nearest style features.

A factory returns a `ContentLoss`. A `ContentLoss` takes the features `(1, C, H, W)` of the photo and returns a function
of the features of a picture.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from impasto.losses.additive import Additive, Part
from impasto.losses.feature import distance, into_space, positions, widened
from impasto.losses.gathering import gather
from impasto.losses.neighbours import cosine_distance, unit
from impasto.losses.sampling import RandomDraws

FLAT = 1e-5
"""Added to mean distances, which are rounding errors in a flat image."""

FAINT = 1e-6
"""Added to variances, relative to the photo's variances, because a flat picture has variances of 0."""


@dataclass(frozen=True)
class ContentLoss:
    """A content loss: `loss(target, space, draws, unit)` returns a function of features with the shape of the target.

    target: the features of the photo.
    space: the encoder's metric (see `Encoder.metric`).
    unit: a factor of mean squared distances; other losses ignore it.

    stochastic: whether positions are sampled at random.
    structure: whether the loss uses several depths together (`default_structure` of the encoder).
    level: a factor of the loss, with which a strength has about the same effect as with the squared distance.
    needs_style: whether the target is, for each feature of the photo, the nearest feature of the style image (see
        `nearest_features` in `tasks/objective/terms.py`).
    """

    make: Callable[[Tensor, Tensor | None, RandomDraws, float], Additive]
    stochastic: bool = False
    structure: bool = False
    level: float = 1.0
    needs_style: bool = False

    def __call__(self, target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        """Return the distance from `target` as a function of the features of a picture."""
        return self.make(target, space, draws, unit)


def features() -> ContentLoss:
    """Return the loss of squared distances: their mean over positions, times the unit (Gatys et al. 2016, eq. 1)."""

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        def add(features: Tensor, part: Part) -> Tensor:
            return distance(features, part.of(target).to(features.device), space) * (unit * part.share)

        return Additive(add)

    return ContentLoss(make)


def correlation() -> ContentLoss:
    """Return the loss of correlation: one minus the correlation of the feature maps of picture and photo.

    The value is 0 if the maps rise and fall together, 1 if they have nothing in common, 2 if they are opposite. It is
    `1 - sum_k cov(f_k, p_k) / sqrt(sum_k var(f_k) sum_k var(p_k))` over the channels k of the space, with covariances
    over positions. The value ignores the unit.

    A constant added to a channel, or a common factor of all channels, does not change the value. So most changes of
    palette and contrast have no cost. A rotated basis gives the same value, so `R` of an encoder's metric can be used.
    """

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        middle = widened(positions(target)).mean(
            1
        )  # subtracted first, because differences of large squares lose digits

        def centred(features: Tensor) -> Tensor:
            points = widened(positions(features))[0] - middle.to(features.device)
            return points if space is None else points @ space[:, :-1].T

        photo = centred(target)
        size = photo.square().sum(1).mean()
        maps = photo.T.reshape(1, -1, *target.shape[-2:]).contiguous(memory_format=torch.channels_last)

        def add(features: Tensor, part: Part) -> Tensor:
            here, there = centred(features), positions(part.of(maps).to(features.device))[0]
            sums = torch.stack([here.square().sum(), (here * there).sum()])
            return torch.cat([sums / len(here), here.mean(0)]) * part.share

        def finish(total: Tensor) -> Tensor:
            variance = total[0] - total[2:].square().sum() + FAINT * size
            return 1 - total[1] / (variance * size * (1 + FAINT)).clamp(min=torch.finfo(size.dtype).tiny).sqrt()

        return Additive(add, finish)

    return ContentLoss(make, structure=True, level=3.6)


def similarity(samples: int = 1024) -> ContentLoss:
    """Return the loss of self-similarity at `samples` positions (Kolkin et al. 2019, eq. 4).

    The value is that of `self_similarity`: 0 for equal pictures, and less than 2. It ignores the unit.
    """

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        def draw(device: torch.device) -> Tensor:
            count = math.prod(target.shape[-2:])
            return draws.branch(count).positions(count, samples).to(device)

        def finish(points: Tensor) -> Tensor:
            goal = gather(target, Part.whole(target), draw(target.device)).to(points.device)
            return pattern_distance(points, goal, space)

        def whole(features: Tensor) -> Tensor:
            return self_similarity(features, target, space, draws, samples)

        return Additive(lambda features, part: gather(features, part, draw(features.device)), finish, whole=whole)

    return ContentLoss(make, stochastic=True)


def nearest() -> ContentLoss:
    """Return the loss of nearest features (Kolkin et al. 2022, "Neural Neighbor Style Transfer").

    Each feature of the photo is replaced by the nearest feature of the painting. The value is the mean cosine distance
    to these features at the same positions, from 0 to 2. It ignores the unit.
    """

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, factor: float) -> Additive:
        def add(features: Tensor, part: Part) -> Tensor:
            pair = (features, part.of(target).to(features.device))
            here, there = (unit(into_space(positions(maps)[0], space)) for maps in pair)
            return cosine_distance(here, there).mean() * part.share

        return Additive(add)

    return ContentLoss(make, structure=True, needs_style=True)


def self_similarity(
    features: Tensor, target: Tensor, space: Tensor | None, draws: RandomDraws, samples: int = 1024
) -> Tensor:
    """Return the distance of the self-similarities of two images (Kolkin et al. 2019, eq. 4); a scalar.

    Both are features `(1, C, H, W)`, with a sample of the same `samples` positions. The cosine distances from one
    position to all others are divided by their mean. The result is the mean absolute difference of these ratios: 0 for
    equal images and less than 2, for any number of samples. Kolkin et al. divide by the sum instead of the mean, so
    their value is smaller by the number of samples.
    """
    height, width = features.shape[-2:]
    sample = draws.positions(height * width, samples).to(features.device)
    here, there = (positions(f)[0].index_select(0, sample) for f in (features, target))
    return pattern_distance(here, there, space)


def pattern_distance(here: Tensor, there: Tensor, space: Tensor | None) -> Tensor:
    """Return the distance of the self-similarities of two sets of points `(N, C)`; a scalar."""
    return (_pattern(into_space(here, space)) - _pattern(into_space(there, space))).abs().mean()


def _pattern(points: Tensor) -> Tensor:
    """Return the cosine distances `(N, N)` between points `(N, K)`, each column divided by its mean."""
    directions = unit(points)
    distances = 1 - directions @ directions.T
    return distances / (distances.mean(0) + FLAT)


CONTENT_LOSSES: dict[str, Callable[..., ContentLoss]] = {
    "features": features,
    "correlation": correlation,
    "self-similarity": similarity,
    "nearest": nearest,
}
