"""Losses: pure functions from features, or from an image, to a scalar."""

from collections.abc import Callable

from impasto.losses import kernel, moments, patch, transport
from impasto.losses.additive import Additive, Part, in_strips
from impasto.losses.blotch import blotches, blotches_of
from impasto.losses.content import CONTENT_LOSSES, ContentLoss, self_similarity
from impasto.losses.feature import difference, distance, energy, relative
from impasto.losses.gathering import PositionSample, sample
from impasto.losses.moments import gram
from impasto.losses.objective import IMAGE, Objective, Term, normalised_gradient
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
from impasto.losses.repetition import lattice, repetition, repetition_of
from impasto.losses.sampling import RandomDraws
from impasto.losses.style import LayerFeatures, StyleLoss, from_function

STYLE_LOSSES: dict[str, Callable[..., StyleLoss]] = {
    **moments.LOSSES,
    **kernel.LOSSES,
    **transport.LOSSES,
    **patch.LOSSES,
}
"""Style losses by name: each factory returns a loss from its settings, which all have defaults."""

__all__ = [
    "CONTENT_LOSSES",
    "IMAGE",
    "STYLE_LOSSES",
    "Additive",
    "ContentLoss",
    "LayerFeatures",
    "Objective",
    "Part",
    "PositionSample",
    "RandomDraws",
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
