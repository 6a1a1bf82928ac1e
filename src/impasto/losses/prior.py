"""What a picture should be like whatever it shows. Images are `(B, 3, H, W)` in [0, 1]."""

from __future__ import annotations

import math
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.losses.additive import Part
from impasto.losses.feature import relative

EPSILON = 1e-8
"""Keeps the root of a flat region's zero gradient finite: (1/255)^2 is 1.5e-5."""

BT601 = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""RGB to YCbCr without its offsets (ITU-R BT.601)."""


def total_variation(image: Tensor, beta: float = 2.0, circular: bool = False) -> Tensor:
    """`mean (dx^2 + dy^2)^(beta / 2)` over pixels and channels: Mahendran and Vedaldi 2015, eq. 4, over the count.

    `beta = 2` is the mean squared difference to the right and lower neighbour; `beta = 1` the usual total variation,
    which keeps edges. The last row and column have one neighbour only, unless the picture is `circular`, a tile: then
    the first are their neighbours. Seed papers that write the exponent as beta mean ours / 2.
    """
    if circular:
        across = (image - image.roll(-1, -2)).square() + (image - image.roll(-1, -1)).square()
        return _power(across, beta).mean()
    return part_of_variation(image, Part.whole(image), beta)


def part_of_variation(image: Tensor, part: Part, beta: float = 2.0) -> Tensor:
    """What the pixels of `part` add to the total variation of the whole picture; a scalar.

    `image` shows the part and, unless it ends where the picture does, one more row below and column to the right.
    """
    height, width, pixels = part.height, part.width, image.shape[0] * image.shape[1] * math.prod(part.grid)
    here, below, beside = (
        image[..., :height, :width],
        image[..., 1 : height + 1, :width],
        image[..., :height, 1 : width + 1],
    )
    down = (below - here[..., : below.shape[-2], :]).square()
    right = (beside - here[..., : beside.shape[-1]]).square()
    if beta == 2.0:  # separable: no need to bring both onto one grid
        return (down.sum() + right.sum()) / pixels
    squares = F.pad(down, (0, 0, 0, height - down.shape[-2])) + F.pad(right, (0, width - right.shape[-1]))
    total = _power(squares, beta).sum()
    if down.shape[-2] < height and right.shape[-1] < width:  # the last pixel has no neighbour
        total = total - _power(squares[..., -1, -1], beta).sum()
    return total / pixels


def _power(squares: Tensor, beta: float) -> Tensor:
    return squares if beta == 2.0 else (squares + EPSILON).pow(beta / 2)


def alpha_norm(image: Tensor, alpha: float = 6.0) -> Tensor:
    """`(alpha + 1) mean |2 (x - m)|^alpha`, `m` the mean of each channel of each picture; `alpha` at least 1; a scalar.

    Mahendran and Vedaldi 2015, section 2: the alpha-norm of the mean-subtracted image, which holds values near their
    mean, and with a large alpha the extreme ones most. In our unit, values spread evenly over [0, 1] give 1 whatever
    alpha is; half black and half white, the most that the range allows, give `alpha + 1`.
    """
    away = image - image.mean(dim=(-2, -1), keepdim=True)
    return (alpha + 1) * (2 * away).abs().pow(alpha).mean()


def laplacian_of(image: Tensor, pool: int = 4) -> Tensor:
    """The Laplacian of the picture averaged over `pool` x `pool` pixels, summed over the channels: `(B, 1, h, w)`.

    Li et al. 2017, "Laplacian-Steered Neural Style Transfer": where a picture has lines, at the coarseness that `pool`
    leaves. Unlike there, the picture goes on beyond its edges as it ends, so that borders count too and no
    picture is too small; blocks at the edge that are not whole are averages of what there is.
    """
    coarse = F.avg_pool2d(image.sum(1, keepdim=True), pool, ceil_mode=True)
    x = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    return 4 * coarse - around


def laplacian(image: Tensor, photo_laplacian: Tensor, pool: int = 4) -> Tensor:
    """Squared distance of the picture's Laplacian from the photo's, `laplacian_of(photo, pool)`, over the latter's own
    square: 0 for the same lines, 1 for none; a scalar."""
    return relative(laplacian_of(image, pool), photo_laplacian)


def opponent(image: Tensor) -> tuple[Tensor, Tensor]:
    """Light `(B, 1, H, W)` and colour `(B, 2, H, W)` of an RGB image, the Y and the Cb, Cr of ITU-R BT.601.

    The eye sees fine detail in light; what an optimiser puts there in colour is speckle.
    """
    parts = torch.einsum("kc,bchw->bkhw", _bt601(image.dtype, image.device), image)
    return parts[:, :1], parts[:, 1:]


@cache
def _bt601(kind: torch.dtype, device: torch.device) -> Tensor:
    """Kept, since a GPU that is sent something has to have finished all else first."""
    with torch.inference_mode(False):
        return torch.tensor(BT601, dtype=kind, device=device)


def out_of_range(image: Tensor) -> Tensor:
    """Mean squared amount by which values leave [0, 1].

    A wall that, unlike clamping, leaves L-BFGS its curvature pairs.
    """
    return (image - image.clamp(0, 1)).square().mean()
