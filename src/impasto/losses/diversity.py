"""Diversity of the pictures of a batch, as a training loss (Ulyanov et al. 2017).

A network that makes the same texture from all noise has as low a style loss as one that makes all textures. Their
entropies differ. Up to constants, entropy is estimated by the mean logarithm of distances to nearest neighbours
(Kozachenko and Leonenko 1987). The paper sums over pixels; the mean here differs by a constant.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SAME = 1e-6
"""Added to mean squares, so that equal pictures have a finite loss."""


def alike(pictures: Tensor, groups: Sequence[int]) -> Tensor:
    """Return the sum over `pictures` `(B, 3, H, W)` of minus the logarithm of the distance (root mean square) to the
    nearest other one of its group; a picture that is alone in its group adds 0."""
    flat = pictures.flatten(1)
    of = torch.tensor(groups, device=flat.device)
    others = (of[:, None] == of) & ~torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    squares = torch.stack([(flat - one).square().mean(1) for one in flat])
    nearest = squares.masked_fill(~others, torch.inf).amin(1)[others.any(1)]
    return -0.5 * (nearest + SAME).log().sum()
