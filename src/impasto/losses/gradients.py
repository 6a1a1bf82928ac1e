"""Gradients that autograd does not compute itself: rescaled ones, and ones that are known before the backward pass."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from impasto.losses.precision import widened


class _NormalisedGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        # The largest first: squares of gradients below 1e-19 are 0 in float32.
        least = torch.finfo(gradient.dtype).tiny
        scaled = widened(gradient / gradient.abs().amax().clamp(min=least))
        level = ctx.weight * scaled / scaled.square().mean().sqrt().clamp(min=least)
        return level.to(gradient.dtype), None


def normalised_gradient(x: Tensor, weight: float = 1.0) -> Tensor:
    """Return `x`; its gradient is rescaled to a root mean square of `weight`.

    Between features `(B, C, H, W)` and their loss it gives every layer a gradient of the same size
    (`-normalize_gradients` of Johnson's neural-style, which divides by the sum of absolute values). The scale of the
    loss is lost, so a weight of the loss belongs into `weight`. A gradient of zeros stays zero. The result is not the
    gradient of the loss any more: use it with optimisers that read gradients alone (Adam), not with L-BFGS.
    """
    found: Tensor = _NormalisedGradient.apply(x, weight)  # type: ignore[no-untyped-call]
    return found


class _KnownGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
        ctx.gradient = gradient
        return value.clone()

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor, None, None]:
        gradient, ctx.gradient = ctx.gradient, None
        return gradient.mul_(slope), None, None


def with_gradient(x: Tensor, value: Tensor, gradient: Tensor) -> Tensor:
    """Return `value` with a precomputed `gradient` by `x`; backward runs once and overwrites `gradient`."""
    found: Tensor = _KnownGradient.apply(x, value, gradient)  # type: ignore[no-untyped-call]
    return found
