"""Features to a scalar, in pure functions: a statistic, a distance, and an objective of named terms."""

from impasto.losses.feature import difference, distance, energy, relative
from impasto.losses.moments import gram
from impasto.losses.objective import IMAGE, Objective, Term
from impasto.losses.prior import opponent, out_of_range, total_variation

__all__ = [
    "IMAGE",
    "Objective",
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
