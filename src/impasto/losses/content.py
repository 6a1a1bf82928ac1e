"""Content losses: the photo's features themselves, or how they are like one another.

A factory makes a loss; the loss, given the photo's features `(1, C, H, W)`, makes the comparison with a picture's.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from impasto.losses.additive import Additive, Part
from impasto.losses.feature import distance
from impasto.losses.gathering import gather
from impasto.losses.sampling import Dice
from impasto.losses.similarity import pattern_distance, self_similarity

ContentLoss = Callable[[Tensor, "Tensor | None", Dice, float], Additive]
"""`(target, space, dice, unit)` to a function of features in the target's shape; `unit` multiplies a mean squared
distance."""


def features() -> ContentLoss:
    """Mean squared distance of the features (Gatys et al. 2016, eq. 1), times the unit."""

    def make(target: Tensor, space: Tensor | None, dice: Dice, unit: float) -> Additive:
        def add(found: Tensor, part: Part) -> Tensor:
            return distance(found, part.of(target).to(found.device), space) * (unit * part.share)

        return Additive(add)

    return make


def similarity(samples: int = 1024) -> ContentLoss:
    """Self-similarity (Kolkin et al. 2019, eq. 4) at `samples` positions, on its own natural scale."""

    def make(target: Tensor, space: Tensor | None, dice: Dice, unit: float) -> Additive:
        def drawn(device: torch.device) -> Tensor:
            count = math.prod(target.shape[-2:])
            return dice.branch(count).positions(count, samples).to(device)

        def finish(points: Tensor) -> Tensor:
            wanted = gather(target, Part.whole(target), drawn(target.device)).to(points.device)
            return pattern_distance(points, wanted, space)

        def whole(found: Tensor) -> Tensor:
            return self_similarity(found, target, space, dice, samples)

        return Additive(lambda found, part: gather(found, part, drawn(found.device)), finish, whole=whole)

    return make


CONTENT_LOSSES: dict[str, Callable[..., ContentLoss]] = {"features": features, "self-similarity": similarity}
