"""Conditional instance normalisation (Dumoulin, Shlens and Kudlur 2017): a style is scales and shifts after norms."""

from __future__ import annotations

from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import choose

NORMS = ("instance", "batch")

EPSILON = 1e-5
"""Added to variances, as in torch's norms."""

MOMENTUM = 0.1
"""Weight of a batch in the running averages, as in torch's batch norm."""


class Moments(NamedTuple):
    """The statistics of a norm: mean and variance of each channel, `(B, C, 1, 1)` each."""

    mean: Tensor
    variance: Tensor


class ConditionalNorm(nn.Module):
    """Features minus their mean, divided by their deviation, with scale and shift from the caller.

    Kind "instance" (Ulyanov et al. 2017) has the moments of each picture, so the contrast of a photo does not matter.
    Kind "batch" has the moments of the batch in training, and their running averages in `eval()`. Raises UsageError for
    another kind.

    >>> norm = ConditionalNorm(1)
    >>> norm(torch.tensor([[[[0.0, 2.0]]]]), torch.ones(1, 1, 1, 1), torch.full((1, 1, 1, 1), 5.0)).round(decimals=3)
    tensor([[[[4., 6.]]]])
    """

    def __init__(self, channels: int, kind: str = "instance") -> None:
        super().__init__()
        self.channels = channels
        self.kind = choose({name: name for name in NORMS}, kind, "norm")
        if kind == "batch":
            self.register_buffer("running_mean", torch.zeros(1, channels, 1, 1))
            self.register_buffer("running_variance", torch.ones(1, channels, 1, 1))

    def forward(
        self,
        x: Tensor,
        scale: Tensor,
        shift: Tensor,
        fixed_moments: Moments | None = None,
        used_moments: list[Moments] | None = None,
        *,
        weights: Tensor | None = None,
    ) -> Tensor:
        """Return `x`, `(B, C, H, W)`, normalised, times `scale`, plus `shift`.

        scale, shift: `(B, C, 1, 1)`, or maps of the size of `x`.
        fixed_moments: moments instead of those of `x`; see `moments`.
        used_moments: a list that the moments are appended to.
        weights: of positions in the moments of `x`, `(B, 1, H, W)`, not all 0.
        """
        if fixed_moments is None and weights is None and self.kind == "instance" and torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            one = x.new_ones(self.channels)  # an operator of ONNX; a trace has no constant number of channels
            return F.instance_norm(x, weight=one, bias=torch.zeros_like(one)) * scale + shift
        moments = fixed_moments or self.moments(x, weights)
        if used_moments is not None:
            used_moments.append(moments)
        gain = scale * (moments.variance + EPSILON).rsqrt()
        return _affine(x, gain, shift - moments.mean * gain)

    def moments(self, x: Tensor, weights: Tensor | None = None) -> Moments:
        """Return the moments for `forward`. The variance is divided by the number of positions, as in torch's norms.

        weights: of positions, for the kind "instance" only, `(B, 1, H, W)`, not all 0.
        """
        if self.kind == "instance" and weights is not None:
            shares = weights / weights.sum((2, 3), keepdim=True)
            mean = (shares * x).sum((2, 3), keepdim=True)
            return Moments(mean, (shares * (x - mean).square()).sum((2, 3), keepdim=True))
        if self.kind == "instance":
            rows, positions = _rows(x)
            mean = rows.mean(positions, keepdim=True)
            variance = (rows - mean).square().mean(positions, keepdim=True)
            return Moments(mean.view(*x.shape[:2], 1, 1), variance.view(*x.shape[:2], 1, 1))
        running_mean, running_variance = cast(Tensor, self.running_mean), cast(Tensor, self.running_variance)
        if self.training:
            variance, mean = torch.var_mean(x, dim=(0, 2, 3), correction=0, keepdim=True)
            running_mean.lerp_(mean.detach().to(running_mean), MOMENTUM)
            running_variance.lerp_(variance.detach().to(running_variance), MOMENTUM)
        else:
            mean, variance = running_mean.to(x), running_variance.to(x)
        return Moments(mean.expand(len(x), -1, -1, -1), variance.expand(len(x), -1, -1, -1))


def _rows(x: Tensor) -> tuple[Tensor, int]:
    """Return `x` with its positions in one dimension, in the order of memory, and the index of this dimension.

    Sums over two dimensions that are not the last in memory take torch several times as long, and `var_mean` longer
    than a convolution (`docs/networks.md`).
    """
    if x.is_contiguous(memory_format=torch.channels_last):
        return x.permute(0, 2, 3, 1).flatten(1, 2), 1
    return x.flatten(2), 2


def _affine(x: Tensor, gain: Tensor, offset: Tensor) -> Tensor:
    """Return `gain * x + offset`; the gradient of a gain of one number for each channel is a sum over rows, too."""
    if gain.shape[-2:] != (1, 1):
        return torch.addcmul(offset, x, gain)
    rows, positions = _rows(x)
    gain, offset = (numbers.flatten(1).unsqueeze(positions) for numbers in (gain, offset))
    result = torch.addcmul(offset, rows, gain)
    if positions == 1:
        return result.view(len(x), *x.shape[2:], -1).permute(0, 3, 1, 2)
    return result.view_as(x)
