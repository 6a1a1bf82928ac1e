"""Features to a scalar, in pure functions: a statistic, a distance, and an objective of named terms."""

from impasto.losses.additive import Additive, Part, in_strips
from impasto.losses.blotch import blotches, blotches_of
from impasto.losses.content import CONTENT_LOSSES, ContentLoss
from impasto.losses.feature import difference, distance, energy, relative
from impasto.losses.gathering import PositionSample, sample
from impasto.losses.gradients import normalised_gradient
from impasto.losses.lattice import lattice
from impasto.losses.moments import gram
from impasto.losses.objective import IMAGE, Objective, Term
from impasto.losses.patch import replaced
from impasto.losses.prior import (
    alpha_norm,
    laplacian,
    laplacian_of,
    opponent,
    out_of_range,
    part_of_variation,
    total_variation,
)
from impasto.losses.repetition import repetition, repetition_of
from impasto.losses.sampling import Dice
from impasto.losses.similarity import self_similarity
from impasto.losses.style import LayerFeatures, StyleLoss, from_function
from impasto.losses.tables import STYLE_LOSSES

__all__ = [
    "CONTENT_LOSSES",
    "IMAGE",
    "STYLE_LOSSES",
    "Additive",
    "ContentLoss",
    "Dice",
    "LayerFeatures",
    "Objective",
    "Part",
    "PositionSample",
    "StyleLoss",
    "Term",
    "alpha_norm",
    "blotches",
    "blotches_of",
    "difference",
    "distance",
    "energy",
    "from_function",
    "gram",
    "in_strips",
    "laplacian",
    "laplacian_of",
    "lattice",
    "normalised_gradient",
    "opponent",
    "out_of_range",
    "part_of_variation",
    "relative",
    "repetition",
    "repetition_of",
    "replaced",
    "sample",
    "self_similarity",
    "total_variation",
]
