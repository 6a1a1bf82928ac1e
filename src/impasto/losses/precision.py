"""Statistics in float32 of features in half precision.

A statistic is a mean over many positions and is compared with a similar one, so both are computed in float32 even if
the network computes in bfloat16. Gradients return to the network in its own type.
"""

from __future__ import annotations

import torch
from torch import Tensor

HALVES = (torch.bfloat16, torch.float16)

CHUNK = 1 << 24
"""Number of values converted at a time: 64 MB."""

WIDE_RESULTS = hasattr(torch.ops.aten.bmm, "dtype")
"""Whether PyTorch (from 2.8 on) can keep the results of half-precision products on GPUs in float32."""


def widened(x: Tensor) -> Tensor:
    """Return `x` in float32 if it is in half precision, else `x`."""
    return x.float() if x.dtype in HALVES else x


def sums(points: Tensor, shares: Tensor | None, means: bool) -> tuple[Tensor, Tensor | None]:
    """Return weighted sums of `f f^T`, `(B, C, C)`, and with `means` of `f`, `(B, 1, C)`, over points `(B, N, C)`.

    `shares`: weights, `(B, N, 1)`. Sums of half-precision points are in float32, with exact products. Tensor cores of
    GPUs accumulate them in float32 anyway; elsewhere the points are converted in chunks.
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
