"""Transport of features from one normal distribution to another, in closed form.

A style is a normal distribution of features, and features of the photo are moved by the optimal transport: of all maps
that reach the painting's mean and covariance, it changes each feature least (Pitie and Kokaram 2007 for colours; Lu et
al. 2019, "A closed-form solution to universal style transfer", for features).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

RIDGE = 1e-2
"""Added to variances, relative to their mean, so that directions of small variance in a photo are not amplified."""

TINY = 1e-6

ROUNDS = 14
LEAST = 1e-8
"""Number of Newton-Schulz iterations, used where eigenvalues are not available, and the least eigenvalue, relative to
the norm, for which they converge. Covariances with `RIDGE` have 1e-4 at least, and products of two of them 1e-8."""


class Normal(NamedTuple):
    """A mean `(B, C)` and a covariance `(B, C, C)`, of B distributions."""

    mean: Tensor
    covariance: Tensor


def normal_of(features: Tensor, weights: Tensor | None = None) -> Normal:
    """Return the distribution of `(B, C, H, W)` over its positions; the covariance is divided by their number.

    `weights` `(B, 1, H, W)`, not all 0, are the weights of positions.

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
    """Return the distribution of several sets of positions together, from the number or total weight and the
    distribution of each (Chan, Golub and LeVeque 1979); sums in float64."""
    total = sum(count for count, _ in parts)
    like = parts[0][1].mean
    mean = sum((count / total * part.mean.double() for count, part in parts), torch.zeros_like(like).double())
    covariance = torch.zeros_like(parts[0][1].covariance).double()
    for count, part in parts:
        apart = part.mean.double() - mean
        covariance += count / total * (part.covariance.double() + apart[:, :, None] * apart[:, None])
    return Normal(mean.to(like), covariance.to(like))


def transport(source: Normal, target: Normal, ridge: float = RIDGE) -> Tensor:
    """Return `[A | b]`, `(B, C, C + 1)`: the affine map `A f + b` from `source` to `target`.

    `A = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2`, with `ridge` added to both covariances.
    """
    spread, wanted = (_raised(each.covariance.double(), ridge) for each in (source, target))
    root, inverse = _roots(spread)
    middle, _ = _roots(root @ wanted @ root)
    turn = (inverse @ middle @ inverse).to(source.mean)
    shift = target.mean - (turn @ source.mean[..., None])[..., 0]
    return torch.cat([turn, shift[..., None]], dim=-1)


def apply_affine(features: Tensor, affine: Tensor) -> Tensor:
    """Apply an affine map of `transport` to `(B, C, H, W)`."""
    batch, _, height, width = features.shape
    turn, shift = affine[..., :-1], affine[..., -1]
    with full_precision(features):
        features = features.to(affine.dtype)
        if _is_tracing():  # an exported graph has a batch of one; its runtime adds a bias within a convolution
            return F.conv2d(features, turn[0, :, :, None, None], shift[0])
        points = features.permute(0, 2, 3, 1).flatten(1, 2)  # no copy in the channels-last layout
        moved = torch.baddbmm(shift[:, None], points, turn.transpose(1, 2))
    return moved.view(batch, height, width, -1).permute(0, 3, 1, 2)


def full_precision(like: Tensor) -> torch.autocast:
    """Return a context without autocast: covariances need full precision even if networks compute in half precision."""
    return torch.autocast(like.device.type, enabled=False)


def _is_tracing() -> bool:
    return torch.jit.is_tracing()  # type: ignore[attr-defined, no-any-return, no-untyped-call]


def _raised(covariance: Tensor, ridge: float) -> Tensor:
    one = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    return covariance + (ridge / len(one) * _trace(covariance) + TINY) * one


def _trace(matrix: Tensor) -> Tensor:
    """Return the trace, `(B, 1, 1)`; ONNX's own diagonal is made for float32."""
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    return (matrix * one).sum((-2, -1), keepdim=True)


def symmetric_root(covariance: Tensor) -> Tensor:
    """Return the symmetric root of a covariance with a small ridge, `(B, C, C)`, in float64."""
    return _roots(_raised(covariance.double(), 0.0))[0]


def lower_triangle(matrix: Tensor) -> Tensor:
    """Return the lower triangle of a symmetric matrix `(B, C, C)`, `(B, C * (C + 1) / 2)`."""
    rows, columns = _triangle(matrix.shape[-1])
    return matrix[:, rows, columns]


def from_lower_triangle(found: Tensor, size: int) -> Tensor:
    """Return the symmetric matrix `(B, C, C)` of a lower triangle."""
    rows, columns = _triangle(size)
    place = torch.zeros(size, size, dtype=torch.long)
    place[rows, columns] = place[columns, rows] = torch.arange(len(rows))
    return found[:, place.to(found.device)]


def _triangle(size: int) -> tuple[Tensor, Tensor]:
    pairs = [(row, column) for row in range(size) for column in range(row + 1)]
    rows, columns = zip(*pairs, strict=True)
    return torch.tensor(rows), torch.tensor(columns)


def _roots(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the root of symmetric, positive definite matrices `(B, C, C)`, and its inverse."""
    if _is_tracing():
        return newton_schulz(matrix)  # ONNX has no eigenvalues
    values, vectors = torch.linalg.eigh(matrix)
    roots = values.clamp(min=TINY**2).sqrt()[..., None, :]
    return vectors * roots @ vectors.transpose(-1, -2), vectors / roots @ vectors.transpose(-1, -2)


def newton_schulz(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return root and inverse root of positive definite matrices by products alone.

    The coupled iteration (Higham 2008, "Functions of Matrices", equation 6.35), scaled so that small eigenvalues grow
    2.6 times a round, not 1.5 times (Chen and Chow 2014, "A stable scaling of Newton-Schulz").
    """
    norm = matrix.square().sum((-2, -1), keepdim=True).sqrt()
    one = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    root, inverse = matrix / norm, one.expand_as(matrix)
    least = LEAST**0.5
    for _ in range(ROUNDS):
        scale = (3 / (1 + least + least**2)) ** 0.5
        step = scale * (1.5 * one - 0.5 * scale**2 * (inverse @ root))
        root, inverse = root @ step, step @ inverse
        least = 0.5 * scale * least * (3 - (scale * least) ** 2)
    return root * norm.sqrt(), inverse * norm.rsqrt()
