"""Features to a scalar, in pure functions: a statistic, a distance, and an objective of named terms."""

from impasto.losses.feature import difference, distance, energy, relative
from impasto.losses.objective import IMAGE, Objective, Term
from impasto.losses.prior import opponent, out_of_range, total_variation
from impasto.losses.statistics import STATISTICS, Statistic, gram

__all__ = [
    "IMAGE",
    "STATISTICS",
    "Objective",
    "Statistic",
    "Term",
    "difference",
    "distance",
    "energy",
    "gram",
    "opponent",
    "out_of_range",
    "relative",
    "total_variation",
]
