"""Content as what is like what within a picture, whatever it looks like."""

from __future__ import annotations

from torch import Tensor

from impasto.losses.neighbours import unit
from impasto.losses.sampling import Dice
from impasto.losses.style import into_space, positions

FLAT = 1e-5
"""Added to mean distances, so that a flat picture's are not rounding blown up."""


def self_similarity(features: Tensor, target: Tensor, space: Tensor | None, dice: Dice, samples: int = 1024) -> Tensor:
    """How far the pattern of likeness within a picture is from that in another (Kolkin et al. 2019, eq. 4); a scalar.

    Both are `(1, C, H, W)`, and `samples` positions are drawn, the same in both. The cosine distances from each of them
    to all are divided by their mean, and compared by their mean absolute difference: from 0 for the same pattern to
    less than 2, whatever the count of samples. Kolkin et al. divide by the sum, which makes it smaller by that count.
    """
    height, width = features.shape[-2:]
    drawn = dice.positions(height * width, samples).to(features.device)
    here, there = (positions(f)[0].index_select(0, drawn) for f in (features, target))
    return pattern_distance(here, there, space)


def pattern_distance(here: Tensor, there: Tensor, space: Tensor | None) -> Tensor:
    """The same of two sets of points `(N, C)`; a scalar."""
    return (_pattern(into_space(here, space)) - _pattern(into_space(there, space))).abs().mean()


def _pattern(points: Tensor) -> Tensor:
    """Cosine distances `(N, N)` between points `(N, K)`, each column over its mean."""
    directions = unit(points)
    distances = 1 - directions @ directions.T
    return distances / (distances.mean(0) + FLAT)
