"""The optimal transport from one normal distribution of features to another, in closed form.

A style is a normal distribution of features. Of all maps from the photo's features to the painting's mean and
covariance, the optimal transport changes each feature least (Pitie and Kokaram 2007 for colours; Lu et al. 2019, "A
closed-form solution to universal style transfer", for features).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

RIDGE = 1e-2
"""Added to variances, relative to their mean, so that directions of small variance in a photo are not amplified."""

EPSILON = 1e-6
"""Added to variances, for features that are all equal."""

ITERATIONS = 14
"""Number of Newton-Schulz iterations, where eigenvalues are not available."""

MIN_EIGENVALUE = 1e-8
"""Least eigenvalue, relative to the norm, for which `ITERATIONS` converge. Covariances with `RIDGE` have at least 1e-4,
and products of two covariances 1e-8."""


class Normal(NamedTuple):
    """The mean `(B, C)` and the covariance `(B, C, C)` of B distributions."""

    mean: Tensor
    covariance: Tensor


def normal_of(features: Tensor, weights: Tensor | None = None) -> Normal:
    """Return the distribution of `(B, C, H, W)` over its positions; the covariance is divided by their number.

    weights: of positions, `(B, 1, H, W)`, not all 0.

    >>> normal_of(torch.tensor([[[[0.0, 2.0]]]])).covariance
    tensor([[[1.]]])
    """
    with full_precision(features):
        points = features.float().flatten(2)
        if weights is None:
            mean = points.mean(2)
            deviations = points - mean[..., None]
            return Normal(mean, deviations @ deviations.transpose(1, 2) / points.shape[2])
        shares = weights.to(points).flatten(2)
        shares = shares / shares.sum(2, keepdim=True)
        mean = (shares * points).sum(2)
        deviations = points - mean[..., None]
        return Normal(mean, (shares * deviations) @ deviations.transpose(1, 2))


def merge_normals(parts: Sequence[tuple[float, Normal]]) -> Normal:
    """Return the distribution of several sets of positions together; sums are in float64.

    parts: for each set, the number or the total weight of its positions, and its distribution.

    The formula is from Chan, Golub and LeVeque (1979).

    >>> left, right = torch.tensor([[[[0.0, 2.0]]]]), torch.tensor([[[[4.0]]]])
    >>> merge_normals([(2, normal_of(left)), (1, normal_of(right))]).mean
    tensor([[2.]])
    """
    total = sum(count for count, _ in parts)
    like = parts[0][1].mean
    mean = sum((count / total * part.mean.double() for count, part in parts), torch.zeros_like(like).double())
    covariance = torch.zeros_like(parts[0][1].covariance).double()
    for count, part in parts:
        shift = part.mean.double() - mean
        covariance += count / total * (part.covariance.double() + shift[:, :, None] * shift[:, None])
    return Normal(mean.to(like), covariance.to(like))


def transport(source: Normal, target: Normal, ridge: float = RIDGE) -> Tensor:
    """Return the affine map `A f + b` from `source` to `target`, as `[A | b]`, `(B, C, C + 1)`.

    `A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2` with the covariances S and T.

    ridge: added to both covariances, relative to their mean variance.

    >>> one = torch.eye(1)[None]
    >>> transport(Normal(torch.zeros(1, 1), one), Normal(torch.full((1, 1), 5.0), 4 * one)).round(decimals=3)
    tensor([[[2., 5.]]])
    """
    source_covariance, target_covariance = (
        _add_ridge(normal.covariance.double(), ridge) for normal in (source, target)
    )
    root, inverse = _roots(source_covariance)
    middle, _ = _roots(root @ target_covariance @ root)
    matrix = (inverse @ middle @ inverse).to(source.mean)
    shift = target.mean - (matrix @ source.mean[..., None])[..., 0]
    return torch.cat([matrix, shift[..., None]], dim=-1)


def apply_affine(features: Tensor, affine: Tensor) -> Tensor:
    """Return features `(B, C, H, W)` after the affine map of `transport`, in the precision of the map.

    >>> apply_affine(torch.tensor([[[[0.0, 1.0]]]]), torch.tensor([[[2.0, 5.0]]]))
    tensor([[[[5., 7.]]]])
    """
    batch, _, height, width = features.shape
    matrix, shift = affine[..., :-1], affine[..., -1]
    with full_precision(features):
        features = features.to(affine.dtype)
        if _is_tracing():  # an exported graph has a batch of one; its runtime adds a bias within a convolution
            return F.conv2d(features, matrix[0, :, :, None, None], shift[0])
        points = features.permute(0, 2, 3, 1).flatten(1, 2)  # no copy in the channels-last layout
        result = torch.baddbmm(shift[:, None], points, matrix.transpose(1, 2))
    return result.view(batch, height, width, -1).permute(0, 3, 1, 2)


def full_precision(like: Tensor) -> torch.autocast:
    """Return a context without autocast: covariances need full precision even if networks compute in half precision."""
    return torch.autocast(like.device.type, enabled=False)


def _is_tracing() -> bool:
    return torch.jit.is_tracing()  # type: ignore[attr-defined, no-any-return, no-untyped-call]


def _add_ridge(covariance: Tensor, ridge: float) -> Tensor:
    one = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    return covariance + (ridge / len(one) * _trace(covariance) + EPSILON) * one


def _trace(matrix: Tensor) -> Tensor:
    """Return the trace, `(B, 1, 1)`; ONNX has its own diagonal for float32 only."""
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return (matrix * one).sum((-2, -1), keepdim=True)


def symmetric_root(covariance: Tensor) -> Tensor:
    """Return the symmetric root of covariances, `(B, C, C)`, in float64; `EPSILON` is added to the variances.

    >>> symmetric_root(9 * torch.eye(1)[None]).round(decimals=3)
    tensor([[[3.]]], dtype=torch.float64)
    """
    return _roots(_add_ridge(covariance.double(), 0.0))[0]


def lower_triangle(matrix: Tensor) -> Tensor:
    """Return the lower triangles of symmetric matrices `(B, C, C)`, `(B, C * (C + 1) / 2)`.

    >>> lower_triangle(torch.tensor([[[1, 2], [2, 3]]]))
    tensor([[1, 2, 3]])
    """
    rows, columns = _triangle_indices(matrix.shape[-1])
    return matrix[:, rows, columns]


def from_lower_triangle(triangle: Tensor, size: int) -> Tensor:
    """Return the symmetric matrices `(B, C, C)` of lower triangles; C is `size`.

    >>> from_lower_triangle(torch.tensor([[1, 2, 3]]), 2)
    tensor([[[1, 2],
             [2, 3]]])
    """
    rows, columns = _triangle_indices(size)
    index = torch.zeros(size, size, dtype=torch.long)
    index[rows, columns] = index[columns, rows] = torch.arange(len(rows))
    return triangle[:, index.to(triangle.device)]


def _triangle_indices(size: int) -> tuple[Tensor, Tensor]:
    pairs = [(row, column) for row in range(size) for column in range(row + 1)]
    rows, columns = zip(*pairs, strict=True)
    return torch.tensor(rows), torch.tensor(columns)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the roots of symmetric, positive definite matrices `(B, C, C)`, and the inverses of the roots."""
    if _is_tracing():
        return newton_schulz(matrix)  # ONNX has no eigenvalues
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp(min=EPSILON**2).sqrt()[..., None, :]
    return vectors * roots @ vectors.transpose(-1, -2), vectors / roots @ vectors.transpose(-1, -2)


def newton_schulz(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the roots of positive definite matrices `(B, C, C)`, and the inverses of the roots, by products alone.

    The coupled iteration (Higham 2008, "Functions of Matrices", equation 6.35) is scaled so that small eigenvalues grow
    by a factor of 2.6 in each iteration instead of 1.5 (Chen and Chow 2014, "A stable scaling of Newton-Schulz").

    >>> root, inverse = newton_schulz(4 * torch.eye(2)[None])
    >>> root.round(decimals=3)
    tensor([[[2., 0.],
             [0., 2.]]])
    """
    norm = matrix.square().sum((-2, -1), keepdim=True).sqrt()
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    root, inverse = matrix / norm, one.expand_as(matrix)
    least = MIN_EIGENVALUE**0.5
    for _ in range(ITERATIONS):
        scale = (3 / (1 + least + least**2)) ** 0.5
        step = scale * (1.5 * one - 0.5 * scale**2 * (inverse @ root))
        root, inverse = root @ step, step @ inverse
        least = 0.5 * scale * least * (3 - (scale * least) ** 2)
    return root * norm.sqrt(), inverse * norm.rsqrt()
