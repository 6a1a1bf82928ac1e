"""The colours of one picture brought to those of another."""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 1e-5
"""Added to every variance: a picture of a single colour has none to divide by (1e-5 is half a level out of 255)."""


def match_colors(image: Tensor, reference: Tensor) -> Tensor:
    """`image` with the mean and covariance of `reference`'s colours, by the linear map that moves colours least.

    Both are `(1, 3, H, W)` in [0, 1], of any sizes; so is the result, clamped. The map is the optimal transport between
    two normal distributions, `A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2` (Pitie and Kokaram 2007, the Monge-Kantorovitch
    solution): of all maps that match mean and covariance it is the one that keeps each colour nearest to what it was.
    """
    colors, goal = image[0].flatten(1).double(), reference[0].flatten(1).double()
    mean, target = colors.mean(1, keepdim=True), goal.mean(1, keepdim=True)
    root = _power(_covariance(colors), 0.5)
    inverse = _power(_covariance(colors), -0.5)
    transport = inverse @ _power(root @ _covariance(goal) @ root, 0.5) @ inverse
    matched: Tensor = transport @ (colors - mean) + target
    return matched.view_as(image).to(image.dtype).clamp(0, 1)


def _covariance(colors: Tensor) -> Tensor:
    return torch.cov(colors, correction=0) + FLOOR * torch.eye(3, dtype=colors.dtype)


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric, positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag(values.clamp(min=1e-12) ** exponent) @ vectors.T
    return root
