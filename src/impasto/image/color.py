"""Colour matching: maps from the colours of one picture, or of its masked part, to the colours of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UsageError, choose

FLOOR = 1e-5
"""Added to each variance, because the variance of a single colour is 0. 1e-5 is the square of 0.8 levels of 255."""


PIECE = 1 << 20
"""Number of colours that are converted to float64 at a time."""


@dataclass(frozen=True)
class Colors:
    """Colours `values` `(3, N)` with `weights` `(N,)`, which are not all 0; None for equal weights."""

    values: Tensor
    weights: Tensor | None = None

    def pieces(self) -> Iterator[slice]:
        """Yield slices that cover all colours."""
        count = self.values.shape[1]
        return (slice(start, min(start + PIECE, count)) for start in range(0, count, PIECE))

    def moments(self) -> tuple[Tensor, Tensor]:
        """Return the mean `(3, 1)` and the covariance `(3, 3)`, float64, with `FLOOR` added to the diagonal.

        The covariance is computed from sums of products. For values in [0, 1] the rounding errors of float64 are far
        below `FLOOR`.
        """
        total = torch.zeros(4, 4, dtype=torch.float64)
        for part in self.pieces():
            values = self.values[:, part].double()
            points = torch.cat([values, torch.ones_like(values[:1])])
            total += (points if self.weights is None else points * self.weights[part].double()) @ points.T
        total /= total[-1, -1].clone()
        mean = total[:3, 3:]
        return mean, total[:3, :3] - mean @ mean.T + FLOOR * torch.eye(3, dtype=total.dtype)

    def shares(self) -> NDArray[np.float64]:
        """Return the weights divided by their sum, float64."""
        weights = torch.ones_like(self.values[0]) if self.weights is None else self.weights
        shares: NDArray[np.float64] = (weights.double() / weights.double().sum()).numpy()
        return shares


Method = Callable[[Colors, Colors], Tensor]
"""A function from two sets of colours to the first, `(3, N)`, with the distribution of the second."""


def match_colors(
    image: Tensor,
    reference: Tensor,
    method: str = "transport",
    weights: Tensor | None = None,
    reference_weights: Tensor | None = None,
) -> Tensor:
    """Return `image` with the colours of `reference`, `(1, 3, H, W)` in [0, 1].

    image, reference: `(1, 3, H, W)` in [0, 1], of any sizes.
    method: a name in `MATCHING`.
    weights, reference_weights: the masks of both pictures, `(1, 1, H, W)` in [0, 1]. Pixels count in proportion to the
        mask, and `image` changes in proportion to its mask.

    Raises UsageError for an unknown method, for a mask of another size than its picture, and for an empty mask.

    >>> match_colors(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 5, 7)).shape
    torch.Size([1, 3, 8, 8])
    """
    matched = choose(MATCHING, method, "method of matching colours")(
        _colors(image, weights, "weights"), _colors(reference, reference_weights, "reference_weights")
    )
    result = matched.view_as(image).clamp_(0, 1)
    return result if weights is None else torch.lerp(image, result, weights.to(image))


def _colors(image: Tensor, weights: Tensor | None, name: str) -> Colors:
    values = image[0].flatten(1)
    if weights is None:
        return Colors(values)
    if weights.shape != (1, 1, *image.shape[-2:]):
        raise UsageError(
            f"{name} has shape {tuple(weights.shape)}; expected (1, 1, {image.shape[2]}, {image.shape[3]})"
        )
    if not weights.max() > 0:
        raise UsageError(f"{name} is zero everywhere: there are no colours to match")
    return Colors(values, weights.flatten())


def _linear(matrix: Callable[[Tensor, Tensor], Tensor]) -> Method:
    """Return the method of an affine map from mean to mean, with a `matrix` that depends on both covariances."""

    def method(colors: Colors, goal: Colors) -> Tensor:
        (mean, covariance), (goal_mean, goal_covariance) = colors.moments(), goal.moments()
        linear, result = matrix(covariance, goal_covariance), torch.empty_like(colors.values)
        for part in colors.pieces():
            result[:, part] = linear @ (colors.values[:, part].double() - mean) + goal_mean
        return result

    return method


def _transport(source: Tensor, target: Tensor) -> Tensor:
    """Return `S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`, the optimal transport between two normal distributions.

    Of all maps that match mean and covariance, this one changes the colours least (Pitie and Kokaram 2007, the
    Monge-Kantorovitch solution).
    """
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return inverse @ _power(root @ target @ root, 0.5) @ inverse


def _mean(source: Tensor, target: Tensor) -> Tensor:
    """Return the ratio of the deviations of each channel (Reinhard et al. 2001, equations 10 and 11, but in RGB)."""
    return torch.diag((target.diagonal() / source.diagonal()).sqrt())


def _pca(source: Tensor, target: Tensor) -> Tensor:
    """Return `T^1/2 S^-1/2` (Gatys et al. 2016, "Preserving color in neural artistic style transfer", section 4)."""
    return _power(target, 0.5) @ _power(source, -0.5)


def _cholesky(source: Tensor, target: Tensor) -> Tensor:
    """Return `L_T L_S^-1` of the Cholesky factors (ibid.), the only method that depends on the order of channels."""
    lower, goal = torch.linalg.cholesky(source), torch.linalg.cholesky(target)
    matrix: Tensor = torch.linalg.solve_triangular(lower, goal, upper=False, left=False)
    return matrix


def _histogram(colors: Colors, goal: Colors) -> Tensor:
    """Return the colours with the histogram of `goal` in each channel: equal ranks have equal values."""
    shares, goal_shares, result = colors.shares(), goal.shares(), torch.empty_like(colors.values)
    for channel, (values, goal_values) in enumerate(zip(colors.values, goal.values, strict=True)):
        matches = _match_ranks(values.double().numpy(), shares, goal_values.double().numpy(), goal_shares)
        result[channel] = torch.from_numpy(matches)
    return result


def _match_ranks(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    goal: NDArray[np.float64],
    goal_weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return, for each of the `values`, the value of `goal` with the same rank."""
    levels, index = np.unique(values, return_inverse=True)
    goal_levels, goal_index = np.unique(goal[goal_weights > 0], return_inverse=True)
    ranks = np.cumsum(np.bincount(index, weights, len(levels)))
    goal_ranks = np.cumsum(np.bincount(goal_index, goal_weights[goal_weights > 0], len(goal_levels)))
    return np.asarray(np.interp(ranks, goal_ranks, goal_levels)[index])


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """Return a power of a symmetric, positive definite matrix."""
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
"""Methods by name. All except `histogram` are linear maps, with which smooth gradients stay smooth."""
