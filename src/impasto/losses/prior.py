"""Priors: losses of an image alone. Images are `(B, 3, H, W)` in [0, 1]."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.losses.additive import Part
from impasto.losses.feature import relative

EPSILON = 1e-8
"""Keeps the slope of the root at a zero gradient finite: (1/255)^2 is 1.5e-5."""

BT601 = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""RGB to YCbCr without its offsets (ITU-R BT.601)."""


def total_variation(image: Tensor, beta: float = 2.0, circular: bool = False) -> Tensor:
    """Return `mean (dx^2 + dy^2)^(beta / 2)` over pixels and channels (Mahendran and Vedaldi 2015, eq. 4); a scalar.

    `beta = 2` is the mean squared difference to the right and lower neighbour; `beta = 1` is the usual total variation,
    which keeps edges. The last row and column have one neighbour only, unless the picture is `circular`: then the first
    ones are their neighbours. Some papers write beta for `beta / 2`.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
    tensor(0.5000)
    """
    if circular:
        across = (image - image.roll(-1, -2)).square() + (image - image.roll(-1, -1)).square()
        return _power(across, beta).mean()
    return part_of_variation(image, Part.whole(image), beta)


def part_of_variation(image: Tensor, part: Part, beta: float = 2.0) -> Tensor:
    """Return the contribution of the pixels of `part` to the total variation of the whole picture; a scalar.

    `image` has the part and, unless it is at the border, one more row below and column to the right.
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
    """Return `(alpha + 1) mean |2 (x - m)|^alpha`, `m` the mean of each channel of each picture; a scalar.

    `alpha` is at least 1. Mahendran and Vedaldi 2015, section 2: the alpha-norm of the mean-subtracted image, which
    keeps values near their mean, with a large alpha mostly the extreme ones. In this unit, a uniform distribution over
    [0, 1] gives 1 for every alpha; half black and half white, the maximum, gives `alpha + 1`.
    """
    away = image - image.mean(dim=(-2, -1), keepdim=True)
    return (alpha + 1) * (2 * away).abs().pow(alpha).mean()


def laplacian_of(image: Tensor, pool: int = 4) -> Tensor:
    """Return the Laplacian of the picture averaged over `pool` x `pool` pixels, summed over channels: `(B, 1, h, w)`.

    Li et al. 2017, "Laplacian-Steered Neural Style Transfer": the lines of a picture at a coarseness of `pool`. Unlike
    there, the picture is extended by its border values, so that borders count and no picture is too small; incomplete
    blocks at the border are averages of their pixels.
    """
    coarse = F.avg_pool2d(image.sum(1, keepdim=True), pool, ceil_mode=True)
    x = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    return 4 * coarse - around


def laplacian(image: Tensor, photo_laplacian: Tensor, pool: int = 4) -> Tensor:
    """Return the squared distance of the picture's Laplacian from `photo_laplacian`, over the square of the latter.

    A scalar: 0 for equal lines, 1 for no lines. `photo_laplacian` is `laplacian_of(photo, pool)`.
    """
    return relative(laplacian_of(image, pool), photo_laplacian)


def opponent(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return light `(B, 1, H, W)` and colour `(B, 2, H, W)` of an RGB image: Y, and Cb, Cr of ITU-R BT.601.

    The eye sees fine detail in light; fine detail in colour is speckle.
    """
    parts = torch.einsum("kc,bchw->bkhw", _bt601(image.dtype, image.device), image)
    return parts[:, :1], parts[:, 1:]


@cache
def _bt601(kind: torch.dtype, device: torch.device) -> Tensor:
    """Return the cached matrix: a transfer to a GPU would wait for all its work."""
    with torch.inference_mode(False):
        return torch.tensor(BT601, dtype=kind, device=device)


def out_of_range(image: Tensor) -> Tensor:
    """Return the mean squared distance of values from [0, 1]; a scalar.

    Unlike clamping, this penalty keeps the curvature pairs of L-BFGS.
    """
    return (image - image.clamp(0, 1)).square().mean()


SAME = 1e-6
"""Added to mean squares, so that equal pictures have a finite loss."""


def alike(pictures: Tensor, groups: Sequence[int]) -> Tensor:
    """Return the sum over `pictures` `(B, 3, H, W)` of minus the logarithm of the distance (root mean square) to the
    nearest other one of its group; a picture that is alone in its group adds 0."""
    flat = pictures.flatten(1)
    of = torch.tensor(groups, device=flat.device)
    others = (of[:, None] == of) & ~torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    squares = torch.stack([(flat - one).square().mean(1) for one in flat])
    nearest = squares.masked_fill(~others, torch.inf).amin(1)[others.any(1)]
    return -0.5 * (nearest + SAME).log().sum()
