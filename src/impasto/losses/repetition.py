"""Penalties of regular texture: strokes that repeat at equal distances, and patterns with the period of a grid."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW = 64
"""Side of the windows whose autocorrelation is computed, in pixels."""

SMOOTH = 9
"""Side of the box whose mean is subtracted twice, in pixels. Larger forms are no texture."""

NEAREST, FARTHEST = 6, 30
"""Range of distances at which a texture may repeat, in pixels. A stroke is wider than the shortest."""

FAINT = (3 / 255) ** 2
"""Variance of a hardly visible texture, in squares of [0, 1]."""


LEAST = 32
"""Least side of a picture, in pixels. Smaller ones have no distances of `NEAREST` and more."""

PERIOD = 4
"""Stride of the coarsest grid of a transformer, in pixels."""

CELLS = 6
"""Number of periods, down and across, that are averaged. Hatching is seldom regular over more periods."""


def repetition(image: Tensor) -> Tensor:
    """Return the squared peak of the autocorrelation of fine light at 6 to 30 pixels, for each window, `(windows,)`.

    image: `(1, 3, H, W)` in [0, 1], of 32 pixels or more.

    The peak is about 0.01 for white noise, 0.04 for the strokes of most paintings, and 0.2 or more for a pattern that
    repeats at any distance. Sendik and Cohen-Or 2017, "Deep correlations for texture synthesis", use the
    autocorrelation of deep features to distinguish regular textures.

    >>> stripes = torch.arange(96).sin().expand(1, 3, 96, 96) / 2 + 0.5
    >>> bool(repetition(stripes).mean() > 0.5)
    True
    """
    windows = _windows(_fine(image))
    window, overlap, in_range = _tables(windows.shape[-1], image.device)
    spectrum = torch.fft.rfft2(windows * window, s=overlap.shape)
    power = spectrum.real.square() + spectrum.imag.square()
    covariance = torch.fft.irfft2(power + 0j, s=overlap.shape) / overlap
    correlation = covariance / (covariance[:, :1, :1] + FAINT)
    peaks: Tensor = correlation[:, in_range].clamp(min=0).amax(1).square()
    return peaks


def repetition_of(photo: Tensor, usual: float, scale: float = 1.0) -> Callable[[Tensor], Tensor]:
    """Return a function of the picture: the mean excess of `repetition` over that of the photo, times `scale`.

    Picture and photo are compared window by window. A repetition up to `usual`, the value of a painting, has no
    penalty.
    """
    allowed = repetition(photo).clamp(min=usual)

    def loss(image: Tensor) -> Tensor:
        return scale * F.relu(repetition(image) - allowed.to(image)).mean()

    return loss


def _fine(image: Tensor) -> Tensor:
    """Return light minus its local mean, `(1, 1, H - 16, W - 16)`."""
    light = (image * image.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True).contiguous()
    smooth, edge = light, SMOOTH - 1
    for _ in range(2):
        smooth = F.avg_pool2d(F.avg_pool2d(smooth, (SMOOTH, 1), 1), (1, SMOOTH), 1)
    return light[..., edge:-edge, edge:-edge] - smooth


def _windows(fine: Tensor) -> Tensor:
    """Return half-overlapping windows, `(windows, side, side)`."""
    side = min(WINDOW, *fine.shape[-2:]) // 2 * 2
    return F.unfold(fine, side, stride=side // 2)[0].T.reshape(-1, side, side)


@cache
def _tables(side: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights of a window, their autocorrelation at each distance, and the mask of distances in range."""
    with torch.inference_mode(False):
        row = torch.hann_window(side, periodic=False, device=device)
        window = row[:, None] * row
        spectrum = torch.fft.rfft2(window, s=(2 * side, 2 * side)).abs().square()
        overlap = torch.fft.irfft2(spectrum, s=(2 * side, 2 * side)).clamp(min=1e-3)
        step = torch.arange(2 * side, device=device)
        offset = torch.minimum(step, 2 * side - step).float()
        distance = torch.hypot(offset[:, None], offset)
        return window, overlap, (distance >= NEAREST) & (distance <= min(FARTHEST, side // 2 - 1))


def lattice(image: Tensor, period: int = PERIOD, cells: int = CELLS) -> Tensor:
    """Return the mean square of patterns with a `period` in pixels, in windows of `cells` x `cells` periods; a scalar.

    image: `(B, C, H, W)`.

    A network that computes on a coarse grid makes texture most easily as the same pattern at all positions of this grid
    (Odena et al. 2016 show such patterns of the finest grid). In other images, the pixels at all phases of the period
    have equal means. Fine detail is the image minus two box means of `period` x `period` pixels, which remove the
    pattern. The result compares the mean of each phase over a window with the mean of all phases; windows overlap by
    half. White noise of variance v gives about `v / cells^2`, a pattern of variance v gives v.

    >>> pattern = torch.eye(4).repeat(8, 8).expand(1, 3, 32, 32)
    >>> lattice(pattern)
    tensor(0.1875)
    """
    smooth, edge = image, period - 1
    for _ in range(2):  # down, then across, because a square box takes `period` times as long
        smooth = F.avg_pool2d(F.avg_pool2d(smooth, (period, 1), 1), (1, period), 1)
    fine = image[..., edge:-edge, edge:-edge] - smooth
    height, width = (side // period * period for side in fine.shape[-2:])
    places = F.pixel_unshuffle(fine[..., :height, :width], period)
    window = min(cells, height // period, width // period)
    means = F.avg_pool2d(places, window, max(1, window // 2))
    means = means.reshape(*image.shape[:2], period * period, -1)
    return (means - means.mean(2, keepdim=True)).square().mean()
