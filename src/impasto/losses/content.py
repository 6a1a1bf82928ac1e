"""Content losses: the photo's features themselves, or how they are like one another.

A factory makes a loss; the loss, given the photo's features `(1, C, H, W)`, makes the comparison with a picture's.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from impasto.losses.feature import distance
from impasto.losses.sampling import Dice
from impasto.losses.similarity import self_similarity

ContentLoss = Callable[[Tensor, "Tensor | None", Dice, float], Callable[[Tensor], Tensor]]
"""`(target, space, dice, unit)` to a function of features in the target's shape; `unit` multiplies a mean squared
distance."""


def features() -> ContentLoss:
    """Mean squared distance of the features (Gatys et al. 2016, eq. 1), times the unit."""

    def make(target: Tensor, space: Tensor | None, dice: Dice, unit: float) -> Callable[[Tensor], Tensor]:
        return lambda found: distance(found, target, space) * unit

    return make


def similarity(samples: int = 1024) -> ContentLoss:
    """Self-similarity (Kolkin et al. 2019, eq. 4) at `samples` positions, on its own natural scale."""

    def make(target: Tensor, space: Tensor | None, dice: Dice, unit: float) -> Callable[[Tensor], Tensor]:
        return lambda found: self_similarity(found, target, space, dice, samples)

    return make


CONTENT_LOSSES: dict[str, Callable[..., ContentLoss]] = {"features": features, "self-similarity": similarity}
