"""Colours that cannot be seen: replaced when a picture is loaded, and kept out of the visible ones when it is resized.

Where alpha is 0 a file may hold any colour: black, white, or what an editor left there. Networks see whole pictures, so
these colours would reach the visible pixels through starts, receptive fields and resampling. A smooth continuation of
the visible colours takes their place; it depends on nothing that is hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.image.picture import STRIP

FAINT = 1e-3
"""Alpha below which a colour divided by it is mostly rounding: a quarter of a level out of 255."""


def continued(pixels: Tensor, alpha: Tensor, out: Tensor | None = None) -> Tensor:
    """`pixels` `(1, 3, H, W)`, where `alpha` `(1, 1, H, W)` is 0 a smooth continuation of the visible colours.

    The same tensor if there is nothing hidden, black if nothing is visible. The result is written to `out`, which may
    be `pixels`. By pull and push over a pyramid of means weighted with alpha (Gortler et al. 1996, "The Lumigraph",
    section 3.4), strip by strip: large pictures may live in files.
    """
    if float(alpha.min()) > 0:
        return pixels
    result = torch.empty_like(pixels) if out is None else out
    if float(alpha.max()) <= 0:
        return result.zero_()
    coarse = continued(*_halved(pixels, alpha))
    for rows in _strips(alpha):
        visible = alpha[..., rows, :] > 0
        result[..., rows, :] = torch.where(visible, pixels[..., rows, :], _doubled(coarse, rows, alpha.shape[-1]))
    return result


def resampled(pixels: Tensor, alpha: Tensor, resample: Callable[[Tensor], Tensor]) -> Tensor:
    """`pixels` `(1, 3, H, W)`, `continued`, through a linear map, each in proportion to its `alpha`, in [0, 1].

    That is to resample colours multiplied by alpha and to divide by the new alpha (Porter and Duff 1984): no colour of
    a transparent pixel gets into a visible one. Where the new alpha is 0 colours are `continued`.
    """
    new = resample(alpha)  # not cut off to [0, 1]: where it overshoots so do the colours
    planes = []
    for plane in torch.split(pixels, 1, dim=1):  # one at a time: each product takes memory
        colors = resample(plane * alpha) / new.clamp(min=FAINT)
        planes.append(torch.where(new < FAINT, resample(plane), colors))
    return continued(torch.cat(planes, 1).clamp_(0, 1), new.clamp(0, 1))


def _strips(alpha: Tensor) -> Iterator[slice]:
    """All rows of a picture, an even number at a time."""
    height, width = alpha.shape[-2:]
    count = 2 * max(1, STRIP // (2 * width))
    return (slice(top, min(top + count, height)) for top in range(0, height, count))


def _halved(pixels: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Means of the visible colours over 2x2 pixels, and their alpha, the largest of which is 1: so that a few visible
    pixels in a large picture do not vanish."""
    means, weights = [], []
    for rows in _strips(alpha):
        own = alpha[..., rows, :]
        weight = F.avg_pool2d(own, 2, ceil_mode=True)
        total = F.avg_pool2d(torch.where(own > 0, pixels[..., rows, :] * own, 0), 2, ceil_mode=True)
        means.append(total / weight.clamp(min=torch.finfo(weight.dtype).tiny))
        weights.append(weight)
    weight = torch.cat(weights, 2)
    return torch.cat(means, 2), weight / weight.max()


def _doubled(image: Tensor, rows: slice, width: int) -> Tensor:
    """These rows of `image` at twice its size, bilinear."""
    first = max(rows.start // 2 - 1, 0)
    part = image[..., first : -(-rows.stop // 2) + 1, :]
    large = F.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
    return large[..., rows.start - 2 * first : rows.stop - 2 * first, :width]
