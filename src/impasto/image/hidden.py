"""Colours of transparent pixels: replacement when a picture is loaded, and exclusion when a picture is resampled.

Where alpha is 0, a file may have any colour: black, white, or leftovers of an editor. Networks read whole pictures, so
these colours would change visible pixels through starting points, receptive fields and resampling. They are replaced by
a smooth continuation of the visible colours, which does not depend on the hidden ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.image.picture import STRIP

FAINT = 1e-3
"""Least alpha by which colours are divided, a quarter of a level of 255. Below, rounding errors dominate."""


def continued(pixels: Tensor, alpha: Tensor, out: Tensor | None = None) -> Tensor:
    """Return `pixels` `(1, 3, H, W)` with a smooth continuation of the visible colours where `alpha` is 0.

    The result is the same tensor if no pixel is hidden, and black if no pixel is visible.

    alpha: `(1, 1, H, W)` in [0, 1].
    out: a tensor for the result; it may be `pixels`.

    The method is pull and push over a pyramid of means weighted by alpha (Gortler et al. 1996, "The Lumigraph", section
    3.4). It runs strip by strip, because large pictures may be memory-mapped.

    >>> alpha = torch.tensor([[[[1.0, 0.0]]]])
    >>> continued(torch.tensor([0.5, 0.9]).expand(1, 3, 1, 2), alpha)[0, 0]
    tensor([[0.5000, 0.5000]])
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
    """Return the linear map `resample` of `pixels` `(1, 3, H, W)`, weighted by `alpha` `(1, 1, H, W)`, in [0, 1].

    Colours times alpha are resampled and divided by the new alpha (Porter and Duff 1984), so that transparent pixels do
    not colour visible ones. Where the new alpha is 0, colours are `continued`.
    """
    new = resample(alpha)  # not clamped to [0, 1], because colours overshoot at the same pixels
    planes = []
    for plane in torch.split(pixels, 1, dim=1):  # one channel at a time, for memory
        colors = resample(plane * alpha) / new.clamp(min=FAINT)
        planes.append(torch.where(new < FAINT, resample(plane), colors))
    return continued(torch.cat(planes, 1).clamp_(0, 1), new.clamp(0, 1))


def _strips(alpha: Tensor) -> Iterator[slice]:
    """Yield slices of an even number of rows that cover the picture."""
    height, width = alpha.shape[-2:]
    count = 2 * max(1, STRIP // (2 * width))
    return (slice(top, min(top + count, height)) for top in range(0, height, count))


def _halved(pixels: Tensor, alpha: Tensor) -> tuple[Tensor, Tensor]:
    """Return means over 2x2 pixels: of the visible colours, and of alpha, scaled to a maximum of 1.

    Without the scale, a few visible pixels in a large picture would vanish.
    """
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
    """Return `rows` of `image` at twice its size, bilinear, `width` pixels wide."""
    first = max(rows.start // 2 - 1, 0)
    part = image[..., first : -(-rows.stop // 2) + 1, :]
    large = F.interpolate(part, scale_factor=2, mode="bilinear", align_corners=False)
    return large[..., rows.start - 2 * first : rows.stop - 2 * first, :width]
