"""A palette: the chroma of a painting and its amount of detail at each lightness.

A normal distribution of colours is one ellipsoid. But an orange sun on white paper has no light blue, and a drawing has
lines where it is dark and bare paper where it is light; both depend on the lightness. So mean and covariance of chroma,
and the energy of fine detail, are stored at `KNOTS` levels of luma, with linear interpolation.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.networks.ground import BLOCK, detail
from impasto.networks.transport import full_precision, normal_of

KNOTS = 8
NUMBERS = 6 * KNOTS
"""Numbers of each knot: the mean of chroma, 2; the lower triangle that whitens it, 3; the energy of detail, 1."""

LIMIT = 1.6
"""Largest deviations of chroma from the mean at its luma."""

PRIOR = 0.01
"""Weight of the model over all luma at each knot, as a share of all pixels, for knots with next to no pixels."""

LEVEL, FAINT = (2 / 255) ** 2, (1.5 / 255) ** 2
"""Added to variances of chroma and energies of detail: invisible amounts."""

TINY = 1e-4

YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""JPEG's transform, without its offset."""

RGB = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))
"""Its inverse."""


def palette_code(picture: Tensor, alpha: Tensor | None = None) -> Tensor:
    """Return the palettes `(B, NUMBERS)` of pictures `(B, 3, H, W)` in [0, 1], whose sides are multiples of 8.

    Pixels are weighted by `alpha`, `(B, 1, H, W)`, not all 0.
    """
    with full_precision(picture):
        picture, alpha = picture.float(), alpha if alpha is None else alpha.float()
        mean, whitening = _chroma(_ycbcr(picture), alpha)
        return torch.cat([part.flatten(1) for part in (mean, whitening, _energy(picture, alpha))], dim=1).to(picture)


def no_palette(like: Tensor) -> Tensor:
    """Return a palette without limits and without detail, `(1, NUMBERS)`."""
    return like.new_zeros(1, NUMBERS)


def restricted(picture: Tensor, palette: Tensor, strength: float = 1.0) -> Tensor:
    """Return `picture` `(B, 3, H, W)` with chroma at most `LIMIT` deviations from the palette's at the same luma.

    A lower `strength` applies a part of the change. The limit is soft: a hyperbolic tangent.
    """
    luma, chroma = torch.split(_ycbcr(picture), [1, 2], dim=1)
    model = _at(palette[:, : 5 * KNOTS].view(-1, 5, KNOTS), luma)
    mean, (a, b, c) = model[:, :2], torch.split(model[:, 2:], 1, dim=1)
    apart = chroma - mean
    blue, red = torch.split(apart, 1, dim=1)
    far = ((a * blue).square() + (b * blue + c * red).square() + TINY**2).sqrt()
    share = LIMIT * (far / LIMIT).tanh() / far
    moved = torch.cat([luma, mean + apart * share], dim=1)
    return picture + strength * (_rgb(moved) - picture)


def energy_at(luma: Tensor, palette: Tensor) -> Tensor:
    """Return the variance of a palette's detail at these luma, summed over the colours, `(B, 1, H, W)`."""
    return _at(palette[:, None, 5 * KNOTS :], luma)


def _chroma(ycbcr: Tensor, alpha: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return means `(B, 2, KNOTS)` and whitening triangles `(B, 3, KNOTS)` of chroma at each knot."""
    weights, prior = _weights(ycbcr[:, :1], alpha)
    (mean, covariance), chroma = normal_of(ycbcr, alpha), ycbcr[:, 1:].flatten(2)
    slope = covariance[:, 1:, 0] / (covariance[:, :1, 0] + LEVEL)
    rest = covariance[:, 1:, 1:] - slope[:, :, None] * covariance[:, :1, 1:]
    usual = mean[:, 1:, None] + slope[:, :, None] * (_knots(mean) - mean[:, :1, None])
    total = weights.sum(2)[:, None] + prior
    middle = (chroma @ weights.transpose(1, 2) + prior * usual) / total
    apart = chroma - middle @ weights / weights.sum(1, keepdim=True).clamp(min=TINY)
    products = torch.stack([apart[:, 0] ** 2, apart[:, 0] * apart[:, 1], apart[:, 1] ** 2], dim=1)
    usual = torch.stack([rest[:, 0, 0], rest[:, 0, 1], rest[:, 1, 1]], dim=1)[:, :, None]
    blue, both, red = ((products @ weights.transpose(1, 2) + prior * usual) / total).unbind(1)
    first = (blue + LEVEL).sqrt()  # Cholesky's factor, and its inverse
    second = (red + LEVEL - (both / first).square()).clamp(min=LEVEL).sqrt()
    return middle, torch.stack([1 / first, -both / (first.square() * second), 1 / second], dim=1)


def _energy(picture: Tensor, alpha: Tensor | None) -> Tensor:
    """Return the geometric mean of the energy of detail in blocks of each luma, `(B, 1, KNOTS)`: typical places
    dominate, not the few with strong edges."""
    alpha = None if alpha is None else F.avg_pool2d(alpha, BLOCK)
    blocks = F.avg_pool2d(picture, BLOCK)
    energy = (F.avg_pool2d(detail(picture).square().sum(1, keepdim=True), BLOCK) + FAINT).log().flatten(2)
    weights, prior = _weights(_ycbcr(blocks)[:, :1], alpha)
    usual = normal_of(energy[..., None], None if alpha is None else alpha.flatten(2)[..., None]).mean[:, None]
    total = weights.sum(2)[:, None] + prior
    mean: Tensor = (energy @ weights.transpose(1, 2) + prior * usual) / total
    return (mean.exp() - FAINT).clamp(min=0)


def _weights(luma: Tensor, alpha: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the weights of N pixels at each knot, `(B, KNOTS, N)`, and the weight of the prior, `(B, 1, 1)`."""
    weights = _hats(luma)
    weights = (weights if alpha is None else weights * alpha).flatten(2)
    return weights, PRIOR * weights.sum((1, 2))[:, None, None]


def _knots(like: Tensor) -> Tensor:
    return torch.linspace(0, 1, KNOTS, dtype=like.dtype, device=like.device)


def _hats(luma: Tensor) -> Tensor:
    """Return the weights of linear interpolation, `(B, KNOTS, H, W)`."""
    return (1 - (luma.clamp(0, 1) - _knots(luma).view(1, KNOTS, 1, 1)).abs() * (KNOTS - 1)).clamp(min=0)


def _at(table: Tensor, luma: Tensor) -> Tensor:
    """Return a table `(B, C, KNOTS)` at luma `(B, 1, H, W)`: `(B, C, H, W)`."""
    with full_precision(luma):
        return torch.einsum("bkhw,bck->bchw", _hats(luma.float()), table.float()).to(luma)


def _ycbcr(picture: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", picture.new_tensor(YCBCR), picture)


def _rgb(ycbcr: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", ycbcr.new_tensor(RGB), ycbcr)
