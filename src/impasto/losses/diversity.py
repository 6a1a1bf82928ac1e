"""How unlike each other the pictures of a batch are, as something to learn (Ulyanov et al. 2017).

A network that makes the same texture of all noise has a loss as low as one that makes all there are. Entropy tells them
apart, and its estimate from a sample is the mean logarithm of the distances to the nearest neighbours (Kozachenko and
Leonenko 1987), up to constants. The paper's distance is a sum over pixels and this one a mean: that is a constant too.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

SAME = 1e-6
"""Added to mean squares: pictures that are equal, or nearly, have a finite loss."""


def alike(pictures: Tensor, groups: Sequence[int]) -> Tensor:
    """The sum over `pictures`, `(B, 3, H, W)`, of minus the logarithm of the distance (root mean square) to the nearest
    other one of its group; one that is alone in its group has none."""
    flat = pictures.flatten(1)
    of = torch.tensor(groups, device=flat.device)
    others = (of[:, None] == of) & ~torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    squares = torch.stack([(flat - one).square().mean(1) for one in flat])
    nearest = squares.masked_fill(~others, torch.inf).amin(1)[others.any(1)]
    return -0.5 * (nearest + SAME).log().sum()
