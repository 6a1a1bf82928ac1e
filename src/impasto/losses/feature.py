"""Tensors of features: their layout, their precision, and distances between them.

A statistic is a mean over many positions and is compared with a similar one. So both are computed in float32, even if
the network computes in bfloat16. Gradients return to the network in its own dtype.
"""

from __future__ import annotations

import torch
from torch import Tensor

HALVES = (torch.bfloat16, torch.float16)
"""Dtypes of 16 bits."""

CHUNK = 1 << 24
"""Number of values converted at a time: 64 MB."""

WIDE_RESULTS = hasattr(torch.ops.aten.bmm, "dtype")
"""Whether PyTorch (from 2.8 on) can return half-precision products on GPUs in float32."""


def widened(x: Tensor) -> Tensor:
    """Return `x` in float32 if it is in half precision, else `x`."""
    return x.float() if x.dtype in HALVES else x


def positions(features: Tensor) -> Tensor:
    """Return `(B, C, H, W)` as vectors `(B, N, C)`, without a copy in the channels-last layout."""
    return features.permute(0, 2, 3, 1).flatten(1, 2)


def into_space(points: Tensor, space: Tensor | None) -> Tensor:
    """Return points `(..., N, C)` in the space, `(..., N, K)`, in float32 or wider.

    space: `R (K, C + 1)`, an encoder's metric, which maps `f` to `R [f; 1]`; None returns the points themselves.

    >>> into_space(torch.ones(1, 2), torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[6.]])
    """
    points = widened(points)
    if space is None:
        return points
    return points @ space[:, :-1].T + space[:, -1]


def difference(a: Tensor, b: Tensor) -> Tensor:
    """Return the sum of squared differences, a scalar."""
    return (a - b).square().sum()


def over(value: Tensor, size: Tensor) -> Tensor:
    """Return `value / size`, or `value` where the size is 0, as for a black image."""
    return value / torch.where(size > torch.finfo(size.dtype).tiny, size, torch.ones_like(size))


def relative(a: Tensor, target: Tensor) -> Tensor:
    """Return `|a - target|^2 / |target|^2`, a scalar: 0 for equal, 1 for `a = 0`.

    For a target of 0, as of a black image, the result is `|a|^2`.

    >>> relative(torch.zeros(3), torch.ones(3))
    tensor(1.)
    """
    return over(difference(a, target), target.square().sum())


def energy(features: Tensor, space: Tensor | None = None) -> Tensor:
    """Return the mean squared length, in `space`, of the feature vectors of `(B, C, H, W)`; a scalar."""
    return into_space(positions(features), space).square().sum(2).mean()


def distance(features: Tensor, target: Tensor, space: Tensor | None = None) -> Tensor:
    """Return the mean squared distance of feature vectors at equal positions of two `(B, C, H, W)`; a scalar.

    space: an encoder's metric, as for `into_space`.

    >>> distance(torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4))
    tensor(2.)
    """
    points = positions(widened(features) - target)
    if space is not None:
        points = points @ space[:, :-1].T
    return points.square().sum(2).mean()


def sums(points: Tensor, shares: Tensor | None, means: bool) -> tuple[Tensor, Tensor | None]:
    """Return weighted sums over points f `(B, N, C)`: of `f f^T`, `(B, C, C)`, and with `means` of `f`, `(B, 1, C)`.

    shares: the weights of the points, `(B, N, 1)`; None for 1.

    Sums of half-precision points are in float32, with exact products. Tensor cores of GPUs accumulate in float32
    anyway. Elsewhere the points are converted in chunks.
    """
    if points.dtype not in HALVES:
        weighted = points if shares is None else points * shares
        return weighted.mT @ points, weighted.sum(1, keepdim=True) if means else None
    if points.is_cuda and shares is None and WIDE_RESULTS:
        second = torch.bmm(points.mT, points, out_dtype=torch.float32)
        return second, points.sum(1, keepdim=True, dtype=torch.float32) if means else None
    batch, count, channels = points.shape
    second = torch.zeros(batch, channels, channels, device=points.device)
    mean = second.new_zeros(batch, 1, channels) if means else None
    step = max(1, CHUNK // (batch * channels))
    for start in range(0, count, step):
        part = slice(start, min(start + step, count))
        here = None if shares is None else shares[:, part].float()
        products, added = sums(points[:, part].float(), here, means)
        second += products
        if mean is not None and added is not None:
            mean += added
    return second, mean
