"""Palettes: the chroma of a painting and the energy of its detail as functions of luma.

A normal distribution of colours is one ellipsoid. But a painting of an orange sun on white paper has no light blue, and
a drawing has lines where it is dark and bare paper where it is light: both depend on the luma. So the mean and the
covariance of chroma, and the energy of fine detail, are stored at `KNOTS` levels of luma, with linear interpolation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.networks.ground import BLOCK, detail
from impasto.networks.transport import full_precision, normal_of

KNOTS = 8
"""Number of levels of luma, from 0 to 1."""

CODE_SIZE = 6 * KNOTS
"""Length of a palette. Each knot has 2 numbers for the mean of chroma, 3 for the lower triangle that whitens chroma,
and 1 for the energy of detail."""

LIMIT = 1.6
"""Largest distance of chroma from the mean at its luma, in deviations."""

PRIOR = 0.01
"""Weight at each knot of the model over all luma, as a share of all pixels: a knot may have next to no pixels."""

MIN_CHROMA, MIN_DETAIL = (2 / 255) ** 2, (1.5 / 255) ** 2
"""Added to variances of chroma and to energies of detail: invisible amounts."""

EPSILON = 1e-4
"""Added to distances, and the least sum of weights."""

YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""The transform of JPEG, without its offset."""

RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
"""The inverse of `YCBCR`."""


def palette_code(picture: Tensor, alpha: Tensor | None = None) -> Tensor:
    """Return the palettes `(B, CODE_SIZE)` of pictures `(B, 3, H, W)` in [0, 1], whose sides are multiples of 8.

    alpha: weights of pixels, `(B, 1, H, W)`, not all 0.

    >>> palette_code(torch.rand(1, 3, 32, 40)).shape
    torch.Size([1, 48])
    """
    with full_precision(picture):
        picture, alpha = picture.float(), alpha if alpha is None else alpha.float()
        mean, whitening = _chroma_model(_ycbcr(picture), alpha)
        return torch.cat([part.flatten(1) for part in (mean, whitening, _energy(picture, alpha))], dim=1).to(picture)


def no_palette(like: Tensor) -> Tensor:
    """Return a palette without limits and without detail, `(1, CODE_SIZE)`, with dtype and device of `like`."""
    return like.new_zeros(1, CODE_SIZE)


def limit_chroma(picture: Tensor, palette: Tensor, strength: float = 1.0) -> Tensor:
    """Return `picture` `(B, 3, H, W)` with chroma at most `LIMIT` deviations from the palette's mean at the same luma.

    strength: share of the change that is applied.

    The limit is soft: a hyperbolic tangent.

    >>> picture = torch.rand(1, 3, 8, 8)
    >>> torch.allclose(limit_chroma(picture, no_palette(picture)), picture, atol=1e-4)
    True
    """
    luma, chroma = torch.split(_ycbcr(picture), [1, 2], dim=1)
    model = _interpolate(palette[:, : 5 * KNOTS].view(-1, 5, KNOTS), luma)
    mean, (a, b, c) = model[:, :2], torch.split(model[:, 2:], 1, dim=1)
    deviation = chroma - mean
    blue, red = torch.split(deviation, 1, dim=1)
    distance = ((a * blue).square() + (b * blue + c * red).square() + EPSILON**2).sqrt()
    share = LIMIT * (distance / LIMIT).tanh() / distance
    ycbcr = torch.cat([luma, mean + deviation * share], dim=1)
    return picture + strength * (_rgb(ycbcr) - picture)


def energy_at(luma: Tensor, palette: Tensor) -> Tensor:
    """Return the variance of a palette's detail at each luma, summed over the colours, `(B, 1, H, W)`."""
    return _interpolate(palette[:, None, 5 * KNOTS :], luma)


def _chroma_model(ycbcr: Tensor, alpha: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return means `(B, 2, KNOTS)` and whitening triangles `(B, 3, KNOTS)` of chroma at each knot."""
    weights, prior = _pixel_weights(ycbcr[:, :1], alpha)
    (mean, covariance), chroma = normal_of(ycbcr, alpha), ycbcr[:, 1:].flatten(2)
    slope = covariance[:, 1:, 0] / (covariance[:, :1, 0] + MIN_CHROMA)
    rest = covariance[:, 1:, 1:] - slope[:, :, None] * covariance[:, :1, 1:]
    prior_mean = mean[:, 1:, None] + slope[:, :, None] * (_knots(mean) - mean[:, :1, None])
    total = weights.sum(2)[:, None] + prior
    means = (chroma @ weights.transpose(1, 2) + prior * prior_mean) / total
    deviation = chroma - means @ weights / weights.sum(1, keepdim=True).clamp(min=EPSILON)
    products = torch.stack([deviation[:, 0] ** 2, deviation[:, 0] * deviation[:, 1], deviation[:, 1] ** 2], dim=1)
    prior_products = torch.stack([rest[:, 0, 0], rest[:, 0, 1], rest[:, 1, 1]], dim=1)[:, :, None]
    blue, both, red = ((products @ weights.transpose(1, 2) + prior * prior_products) / total).unbind(1)
    first = (blue + MIN_CHROMA).sqrt()  # the diagonal of Cholesky's factor, whose inverse is returned
    second = (red + MIN_CHROMA - (both / first).square()).clamp(min=MIN_CHROMA).sqrt()
    return means, torch.stack([1 / first, -both / (first.square() * second), 1 / second], dim=1)


def _energy(picture: Tensor, alpha: Tensor | None) -> Tensor:
    """Return the geometric mean of the energy of detail in blocks of each luma, `(B, 1, KNOTS)`.

    In a geometric mean typical blocks dominate, not the few with strong edges.
    """
    alpha = None if alpha is None else F.avg_pool2d(alpha, BLOCK)
    blocks = F.avg_pool2d(picture, BLOCK)
    energy = (F.avg_pool2d(detail(picture).square().sum(1, keepdim=True), BLOCK) + MIN_DETAIL).log().flatten(2)
    weights, prior = _pixel_weights(_ycbcr(blocks)[:, :1], alpha)
    prior_mean = normal_of(energy[..., None], None if alpha is None else alpha.flatten(2)[..., None]).mean[:, None]
    total = weights.sum(2)[:, None] + prior
    mean: Tensor = (energy @ weights.transpose(1, 2) + prior * prior_mean) / total
    return (mean.exp() - MIN_DETAIL).clamp(min=0)


def _pixel_weights(luma: Tensor, alpha: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the weights of N pixels at each knot, `(B, KNOTS, N)`, and the weight of the prior, `(B, 1, 1)`."""
    weights = _knot_weights(luma)
    weights = (weights if alpha is None else weights * alpha).flatten(2)
    return weights, PRIOR * weights.sum((1, 2))[:, None, None]


def _knots(like: Tensor) -> Tensor:
    return torch.linspace(0, 1, KNOTS, dtype=like.dtype, device=like.device)


def _knot_weights(luma: Tensor) -> Tensor:
    """Return the weights of the knots in linear interpolation, `(B, KNOTS, H, W)`."""
    return (1 - (luma.clamp(0, 1) - _knots(luma).view(1, KNOTS, 1, 1)).abs() * (KNOTS - 1)).clamp(min=0)


def _interpolate(table: Tensor, luma: Tensor) -> Tensor:
    """Return a table `(B, C, KNOTS)`, interpolated at luma `(B, 1, H, W)`: `(B, C, H, W)`."""
    with full_precision(luma):
        return torch.einsum("bkhw,bck->bchw", _knot_weights(luma.float()), table.float()).to(luma)


def _ycbcr(picture: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", picture.new_tensor(YCBCR), picture)


def _rgb(ycbcr: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", ycbcr.new_tensor(RGB), ycbcr)
