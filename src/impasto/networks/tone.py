"""A tone curve: the luma of a photo moved toward the distribution of a painting's.

A normal distribution has no long tail. A portrait on a black ground has lights that are few and bright; by mean and
deviation alone they come out grey. Matching of histograms has them right, and tears smooth skies into bands where it
is steep; so the curve goes a part of the way, and its slope is limited (Pizer et al. 1987, "Adaptive histogram
equalization and its variations").
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.networks.ground import luma

KNOTS = 17
"""At which distributions and curves are known, from 0 to 1."""

SHARE = 0.85
"""Of the way to the painting's distribution."""

LEAST, MOST = 0.5, 3.0
"""Slopes of a curve."""

PRIOR = 1e-4
"""Share of pixels that are at each knot in any case."""


def histogram_of(light: Tensor, weights: Tensor | None = None) -> Tensor:
    """`(B, KNOTS)`: the number of pixels of `light`, `(B, 1, H, W)` with even sides, near each knot.

    A pixel is shared by the two knots next to it and weighted by `weights`, `(B, 1, H, W)`. Histograms of the parts of
    a picture add up.

    One pixel of four is counted: a histogram needs no more, and this takes a twentieth of the time.
    """
    knots = torch.linspace(0, 1, KNOTS, dtype=light.dtype, device=light.device).view(1, KNOTS, 1, 1)
    near = (1 - (light[..., ::2, ::2].clamp(0, 1) - knots).abs() * (KNOTS - 1)).clamp(min=0)
    return (near if weights is None else near * F.avg_pool2d(weights, 2)).sum((2, 3))


def distribution_of(histogram: Tensor) -> Tensor:
    """`(B, KNOTS)`: the cumulative distribution at each knot, which rises everywhere."""
    shares = histogram / histogram.sum(1, keepdim=True) + PRIOR
    shares = shares / shares.sum(1, keepdim=True)
    return shares.cumsum(1) - shares / 2


def no_tone(like: Tensor) -> Tensor:
    """`(1, KNOTS)`: a uniform distribution."""
    return distribution_of(like.new_ones(1, KNOTS))


def curve_to(distribution: Tensor, histogram: Tensor, strength: float = 1.0) -> Tensor:
    """`(B, KNOTS)`: luma at each knot after the curve from a photo's `histogram` to a painting's `distribution`. The
    mean over the photo is that of the curve without limits."""
    own = distribution_of(histogram)
    below, above = distribution[:, None, :-1], distribution[:, None, 1:]
    matched = ((own[:, :, None] - below) / (above - below)).clamp(0, 1).sum(2) / (KNOTS - 1)
    knots = torch.linspace(0, 1, KNOTS, dtype=own.dtype, device=own.device)[None]
    wanted = knots + SHARE * (matched - knots)
    slopes = ((wanted[:, 1:] - wanted[:, :-1]) * (KNOTS - 1)).clamp(LEAST, MOST)
    limited = torch.cat([slopes.new_zeros(len(slopes), 1), slopes.cumsum(1) / (KNOTS - 1)], dim=1)
    shares = histogram / histogram.sum(1, keepdim=True)
    limited = limited + (shares * (wanted - limited)).sum(1, keepdim=True)
    return knots + strength * (limited - knots)


def toned(picture: Tensor, curve: Tensor) -> Tensor:
    """`picture` `(B, 3, H, W)` with the luma of `curve`, `(B, KNOTS)`; what lies beyond 0 and 1 keeps its distance."""
    light = luma(picture)
    inside = light.clamp(0, 1)
    at = inside * (KNOTS - 1)
    knot = at.detach().floor().clamp(max=KNOTS - 2)
    below, rise = (
        each.gather(1, knot.to(torch.int64).flatten(1)).view_as(light) for each in (curve, curve[:, 1:] - curve[:, :-1])
    )
    return picture + (below + rise * (at - knot) - inside)
