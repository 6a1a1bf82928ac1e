"""Colours that cannot be seen: replaced when a picture is loaded, and kept out of the visible ones when it is resized.

Where alpha is 0 a file may hold any colour: black, white, or what an editor left there. Networks see whole pictures, so
these colours would reach the visible pixels through starts, receptive fields and resampling. A smooth continuation of
the visible colours takes their place; it depends on nothing that is hidden.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

FAINT = 1e-3
"""Alpha below which a colour divided by it is mostly rounding: a quarter of a level out of 255."""


def continued(pixels: Tensor, alpha: Tensor) -> Tensor:
    """`pixels` `(1, 3, H, W)`, where `alpha` `(1, 1, H, W)` is 0 a smooth continuation of the visible colours.

    The same tensor if there is nothing hidden. Black if nothing is visible. By pull and push over a pyramid of means
    weighted with alpha (Gortler et al. 1996, "The Lumigraph", section 3.4).
    """
    hidden = alpha <= 0
    if not hidden.any():
        return pixels
    if hidden.all():
        return torch.zeros_like(pixels)
    shown = torch.where(hidden, 0, pixels)
    weight = F.avg_pool2d(alpha, 2, ceil_mode=True)
    means = F.avg_pool2d(shown * alpha, 2, ceil_mode=True) / weight.clamp(min=torch.finfo(weight.dtype).tiny)
    # The largest weight is 1 at each level, so that a few visible pixels in a large picture do not vanish.
    coarse = continued(means, weight / weight.max())
    return torch.where(hidden, _enlarged(coarse, alpha.shape[-2], alpha.shape[-1]), shown)


def resampled(pixels: Tensor, alpha: Tensor, resample: Callable[[Tensor], Tensor]) -> Tensor:
    """`pixels` `(1, 3, H, W)`, `continued`, through a linear map, each in proportion to its `alpha`, in [0, 1].

    That is to resample colours multiplied by alpha and to divide by the new alpha (Porter and Duff 1984): no colour of
    a transparent pixel gets into a visible one. Where the new alpha is 0 colours are `continued`.
    """
    new = resample(alpha)  # not cut off to [0, 1]: where it overshoots so do the colours
    colors = resample(pixels * alpha) / new.clamp(min=FAINT)
    return continued(torch.where(new < FAINT, resample(pixels), colors).clamp(0, 1), new.clamp(0, 1))


def _enlarged(image: Tensor, height: int, width: int) -> Tensor:
    return F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)[..., :height, :width]
