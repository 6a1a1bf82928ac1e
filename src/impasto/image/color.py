"""The colours of one picture brought to those of another, of the whole or of parts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UsageError, choose

FLOOR = 1e-5
"""Added to every variance: a picture of a single colour has none to divide by (1e-5 is half a level out of 255)."""


@dataclass(frozen=True)
class Colors:
    """Colours `values` `(3, N)`, float64, and how much each counts, `weights` `(N,)`, which add up to 1."""

    values: Tensor
    weights: Tensor

    @property
    def mean(self) -> Tensor:
        """`(3, 1)`."""
        return (self.values * self.weights).sum(1, keepdim=True)

    @property
    def covariance(self) -> Tensor:
        """`(3, 3)`, with the floor on its diagonal."""
        centred = self.values - self.mean
        return (centred * self.weights) @ centred.T + FLOOR * torch.eye(3, dtype=centred.dtype)


Method = Callable[[Colors, Colors], Tensor]
"""From colours and those to be matched to the new colours, `(3, N)`."""


def match_colors(
    image: Tensor,
    reference: Tensor,
    method: str = "transport",
    weights: Tensor | None = None,
    reference_weights: Tensor | None = None,
) -> Tensor:
    """`image` in the colours of `reference`, as `method` has it, a name in `MATCHING`.

    Both are `(1, 3, H, W)` in [0, 1], of any sizes; so is the result, clamped. `weights` and `reference_weights` are
    masks `(1, 1, H, W)` in [0, 1] of the two: only what they show counts, and `image` changes in proportion to its own.

    Raises UsageError for an unknown method, for a mask of another size than its picture, and for an empty one.
    """
    matched = choose(MATCHING, method, "method of matching colours")(
        _colors(image, weights, "weights"), _colors(reference, reference_weights, "reference_weights")
    )
    result = matched.view_as(image).to(image.dtype).clamp(0, 1)
    return result if weights is None else torch.lerp(image, result, weights.to(image))


def _colors(image: Tensor, weights: Tensor | None, name: str) -> Colors:
    values = image[0].flatten(1).double()
    if weights is None:
        return Colors(values, torch.full_like(values[0], 1 / values.shape[1]))
    if weights.shape != (1, 1, *image.shape[-2:]):
        raise UsageError(
            f"{name} has shape {tuple(weights.shape)}; expected (1, 1, {image.shape[2]}, {image.shape[3]})"
        )
    total = weights.double().sum()
    if not total > 0:
        raise UsageError(f"{name} is zero everywhere: there are no colours to match")
    return Colors(values, weights.double().flatten() / total)


def _linear(matrix: Callable[[Tensor, Tensor], Tensor]) -> Method:
    """The affine map from mean to mean whose `matrix` is made of the two covariances."""

    def method(colors: Colors, goal: Colors) -> Tensor:
        return matrix(colors.covariance, goal.covariance) @ (colors.values - colors.mean) + goal.mean

    return method


def _transport(source: Tensor, target: Tensor) -> Tensor:
    """`S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`, the optimal transport between two normal distributions.

    Of all maps that match mean and covariance it is the one that keeps each colour nearest to what it was (Pitie and
    Kokaram 2007, the Monge-Kantorovitch solution).
    """
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def _mean(source: Tensor, target: Tensor) -> Tensor:
    """Deviations of the channels, each for itself (Reinhard et al. 2001, equations 10 and 11, but in RGB)."""
    return torch.diag((target.diagonal() / source.diagonal()).sqrt())


def _pca(source: Tensor, target: Tensor) -> Tensor:
    """`T^1/2 S^-1/2` (Gatys et al. 2016, "Preserving color in neural artistic style transfer", section 4)."""
    return _power(target, 0.5) @ _power(source, -0.5)


def _cholesky(source: Tensor, target: Tensor) -> Tensor:
    """`L_T L_S^-1` of the Cholesky factors (ibid.); unlike the others it depends on the order of the channels."""
    lower, goal = torch.linalg.cholesky(source), torch.linalg.cholesky(target)
    matrix: Tensor = torch.linalg.solve_triangular(lower, goal, upper=False, left=False)
    return matrix


def _histogram(colors: Colors, goal: Colors) -> Tensor:
    """Each channel's histogram made the other's: equal ranks, equal values."""
    channels = zip(colors.values.numpy(), goal.values.numpy(), strict=True)
    shares = colors.weights.numpy(), goal.weights.numpy()
    return torch.from_numpy(np.stack([_ranked(a, shares[0], b, shares[1]) for a, b in channels]))


def _ranked(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    goal: NDArray[np.float64],
    goal_weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    levels, place = np.unique(values, return_inverse=True)
    goals, goal_place = np.unique(goal[goal_weights > 0], return_inverse=True)
    ranks = np.cumsum(np.bincount(place, weights, len(levels)))
    goal_ranks = np.cumsum(np.bincount(goal_place, goal_weights[goal_weights > 0], len(goals)))
    return np.asarray(np.interp(ranks, goal_ranks, goals)[place])


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric, positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    root: Tensor = vectors @ torch.diag(values.clamp(min=1e-12) ** exponent) @ vectors.T
    return root


MATCHING: dict[str, Method] = {
    "transport": _linear(_transport),
    "mean": _linear(_mean),
    "pca": _linear(_pca),
    "cholesky": _linear(_cholesky),
    "histogram": _histogram,
}
"""How colours are matched, by name; all but the last are linear maps, which keep smooth gradients smooth."""
