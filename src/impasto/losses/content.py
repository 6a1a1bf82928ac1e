"""Content losses: distance of features, their correlation, self-similarity, and distance to nearest style features.

A factory returns a ContentLoss. Called with the photo's features `(1, C, H, W)`, it returns a function of a picture's
features.
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
"""Added to mean distances: in a flat image they are rounding errors."""

FAINT = 1e-6
"""Added to variances, relative to the photo's: in a flat picture they are 0."""


@dataclass(frozen=True)
class ContentLoss:
    """A content loss: `loss(target, space, draws, unit)` is a function of features of the target's shape.

    target: the photo's features. space: the encoder's metric (see `Encoder.metric`).
    unit: a factor of mean squared distances, and of nothing else.
    stochastic: positions are drawn at random.
    structure: it uses several depths together (an encoder's `default_structure`).
    level: its factor beside the squared distance, so that a strength means about the same for both.
    needs_style: the target is the style image's features nearest to the photo's instead (see `nearest_features` in
        `tasks/objective/terms.py`).
    """

    make: Callable[[Tensor, Tensor | None, RandomDraws, float], Additive]
    stochastic: bool = False
    structure: bool = False
    level: float = 1.0
    needs_style: bool = False

    def __call__(self, target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        """Return the comparison of a picture's features with `target`."""
        return self.make(target, space, draws, unit)


def features() -> ContentLoss:
    """Mean squared distance of the features (Gatys et al. 2016, eq. 1), times the unit."""

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        def add(found: Tensor, part: Part) -> Tensor:
            return distance(found, part.of(target).to(found.device), space) * (unit * part.share)

        return Additive(add)

    return ContentLoss(make)


def correlation() -> ContentLoss:
    """One minus the correlation of the picture's feature maps with the photo's: 0 where they rise and fall together,
    1 where they have nothing in common, 2 for the opposite. It has no unit.

    `1 - sum_k cov(f_k, p_k) / sqrt(sum_k var(f_k) sum_k var(p_k))` over the channels k of the space, with covariances
    over positions. It is invariant to constants added to a channel and to a factor of all, that is, to most changes of
    palette and contrast. A rotated basis gives the same value, so `R` of an encoder's metric can be used.
    """

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        middle = widened(positions(target)).mean(1)  # subtracted first: otherwise variances cancel large numbers

        def centred(features: Tensor) -> Tensor:
            points = widened(positions(features))[0] - middle.to(features.device)
            return points if space is None else points @ space[:, :-1].T

        photo = centred(target)
        size = photo.square().sum(1).mean()
        maps = photo.T.reshape(1, -1, *target.shape[-2:]).contiguous(memory_format=torch.channels_last)

        def add(found: Tensor, part: Part) -> Tensor:
            here, there = centred(found), positions(part.of(maps).to(found.device))[0]
            sums = torch.stack([here.square().sum(), (here * there).sum()])
            return torch.cat([sums / len(here), here.mean(0)]) * part.share

        def finish(total: Tensor) -> Tensor:
            variance = total[0] - total[2:].square().sum() + FAINT * size
            return 1 - total[1] / (variance * size * (1 + FAINT)).clamp(min=torch.finfo(size.dtype).tiny).sqrt()

        return Additive(add, finish)

    return ContentLoss(make, structure=True, level=3.6)


def similarity(samples: int = 1024) -> ContentLoss:
    """Self-similarity (Kolkin et al. 2019, eq. 4) at `samples` positions, on its own natural scale."""

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, unit: float) -> Additive:
        def drawn(device: torch.device) -> Tensor:
            count = math.prod(target.shape[-2:])
            return draws.branch(count).positions(count, samples).to(device)

        def finish(points: Tensor) -> Tensor:
            wanted = gather(target, Part.whole(target), drawn(target.device)).to(points.device)
            return pattern_distance(points, wanted, space)

        def whole(found: Tensor) -> Tensor:
            return self_similarity(found, target, space, draws, samples)

        return Additive(lambda found, part: gather(found, part, drawn(found.device)), finish, whole=whole)

    return ContentLoss(make, stochastic=True)


def nearest() -> ContentLoss:
    """Mean cosine distance to the painting's features that are nearest to the photo's, each where the photo has it
    (Kolkin et al. 2022, "Neural Neighbor Style Transfer")."""

    def make(target: Tensor, space: Tensor | None, draws: RandomDraws, factor: float) -> Additive:
        def add(found: Tensor, part: Part) -> Tensor:
            pair = (found, part.of(target).to(found.device))
            here, there = (unit(into_space(positions(features)[0], space)) for features in pair)
            return cosine_distance(here, there).mean() * part.share

        return Additive(add)

    return ContentLoss(make, structure=True, needs_style=True)


def self_similarity(
    features: Tensor, target: Tensor, space: Tensor | None, draws: RandomDraws, samples: int = 1024
) -> Tensor:
    """Return the distance of the self-similarities of two images (Kolkin et al. 2019, eq. 4); a scalar.

    Both are features `(1, C, H, W)`, and the same `samples` positions are drawn from both. The cosine distances from
    each position to all are divided by their mean, and compared by their mean absolute difference: from 0 for equal to
    less than 2, for any number of samples. Kolkin et al. divide by the sum, a value smaller by that number.
    """
    height, width = features.shape[-2:]
    drawn = draws.positions(height * width, samples).to(features.device)
    here, there = (positions(f)[0].index_select(0, drawn) for f in (features, target))
    return pattern_distance(here, there, space)


def pattern_distance(here: Tensor, there: Tensor, space: Tensor | None) -> Tensor:
    """Return the same distance for two sets of points `(N, C)`; a scalar."""
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
