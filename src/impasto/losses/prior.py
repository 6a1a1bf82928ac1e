"""Losses of images `(B, 3, H, W)` in [0, 1] that compare with no features: priors, and the diversity of a batch."""

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
"""Added to squared differences, so that the derivative of their root is finite at 0. (1/255)^2 is 1.5e-5."""

BT601 = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""RGB to YCbCr without its offsets (ITU-R BT.601)."""


def total_variation(image: Tensor, beta: float = 2.0, circular: bool = False) -> Tensor:
    """Return `mean (dx^2 + dy^2)^(beta / 2)` over pixels and channels (Mahendran and Vedaldi 2015, eq. 4); a scalar.

    beta: 2 gives the mean squared difference to the right and lower neighbours, 1 the usual total variation, which
        preserves edges. Some papers write beta for `beta / 2`.
    circular: whether the first row and column are neighbours of the last ones. Otherwise these have one neighbour.

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
    tensor(0.5000)
    """
    if circular:
        across = (image - image.roll(-1, -2)).square() + (image - image.roll(-1, -1)).square()
        return _power(across, beta).mean()
    return part_of_variation(image, Part.whole(image), beta)


def part_of_variation(image: Tensor, part: Part, beta: float = 2.0) -> Tensor:
    """Return the contribution of the pixels of `part` to the total variation of the whole picture; a scalar.

    `image` has the part and, unless the part is at the border, one more row below and one more column to the right.
    """
    height, width, pixels = part.height, part.width, image.shape[0] * image.shape[1] * math.prod(part.grid)
    here, below, beside = (
        image[..., :height, :width],
        image[..., 1 : height + 1, :width],
        image[..., :height, 1 : width + 1],
    )
    down = (below - here[..., : below.shape[-2], :]).square()
    right = (beside - here[..., : beside.shape[-1]]).square()
    if beta == 2.0:  # both directions are summed separately, without a common grid
        return (down.sum() + right.sum()) / pixels
    squares = F.pad(down, (0, 0, 0, height - down.shape[-2])) + F.pad(right, (0, width - right.shape[-1]))
    total = _power(squares, beta).sum()
    if down.shape[-2] < height and right.shape[-1] < width:  # the last pixel has no neighbour
        total = total - _power(squares[..., -1, -1], beta).sum()
    return total / pixels


def _power(squares: Tensor, beta: float) -> Tensor:
    return squares if beta == 2.0 else (squares + EPSILON).pow(beta / 2)


def alpha_norm(image: Tensor, alpha: float = 6.0) -> Tensor:
    """Return `(alpha + 1) mean |2 (x - m)|^alpha`, where `m` is the mean of each channel of each picture; a scalar.

    This is the alpha-norm of the mean-subtracted image (Mahendran and Vedaldi 2015, section 2). It draws values toward
    their mean; with a large alpha, mostly the extreme values. `alpha` is at least 1. A uniform distribution over [0, 1]
    gives 1 for every alpha. The maximum, half black and half white, is `alpha + 1`.
    """
    difference = image - image.mean(dim=(-2, -1), keepdim=True)
    return (alpha + 1) * (2 * difference).abs().pow(alpha).mean()


def laplacian_of(image: Tensor, pool: int = 4) -> Tensor:
    """Return the Laplacian of the picture averaged over `pool` x `pool` pixels, summed over channels: `(B, 1, h, w)`.

    These are the lines of a picture at a coarseness of `pool` (Li et al. 2017, "Laplacian-Steered Neural Style
    Transfer"). Unlike in the paper, the picture is extended by its border values, so that borders count and no picture
    is too small. Incomplete blocks at the border are averages of their pixels.

    >>> laplacian_of(torch.rand(1, 3, 10, 8)).shape
    torch.Size([1, 1, 3, 2])
    """
    coarse = F.avg_pool2d(image.sum(1, keepdim=True), pool, ceil_mode=True)
    x = F.pad(coarse, (1, 1, 1, 1), mode="replicate")
    around = x[..., :-2, 1:-1] + x[..., 2:, 1:-1] + x[..., 1:-1, :-2] + x[..., 1:-1, 2:]
    return 4 * coarse - around


def laplacian(image: Tensor, photo_laplacian: Tensor, pool: int = 4) -> Tensor:
    """Return the squared distance of the Laplacians of picture and photo, over the square of the photo's; a scalar.

    The result is 0 for equal lines and 1 for no lines. `photo_laplacian` is `laplacian_of(photo, pool)`.
    """
    return relative(laplacian_of(image, pool), photo_laplacian)


def opponent(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return light `(B, 1, H, W)` and colour `(B, 2, H, W)` of an RGB image: Y, and Cb and Cr of ITU-R BT.601.

    The eye resolves fine detail in light; fine detail in colour looks like speckle.
    """
    parts = torch.einsum("kc,bchw->bkhw", _bt601(image.dtype, image.device), image)
    return parts[:, :1], parts[:, 1:]


@cache
def _bt601(kind: torch.dtype, device: torch.device) -> Tensor:
    """Return `BT601` as a tensor, cached because a transfer to a GPU waits for all its work."""
    with torch.inference_mode(False):
        return torch.tensor(BT601, dtype=kind, device=device)


def out_of_range(image: Tensor) -> Tensor:
    """Return the mean squared distance of values from [0, 1]; a scalar.

    Unlike clamping, this penalty does not spoil the curvature pairs of L-BFGS.

    >>> out_of_range(torch.tensor([0.5, 2.0]))
    tensor(0.5000)
    """
    return (image - image.clamp(0, 1)).square().mean()


SAME = 1e-6
"""Added to mean squared distances, so that equal pictures have a finite loss."""


def alike(pictures: Tensor, groups: Sequence[int]) -> Tensor:
    """Return minus the sum of the log distances of pictures `(B, 3, H, W)` to their nearest neighbours; a scalar.

    The distance is the root mean square difference. The nearest neighbour of a picture is in the same group of
    `groups`, which has a number for each picture. A picture that is alone in its group adds 0.

    This training loss measures the diversity of the pictures of a batch (Ulyanov et al. 2017). A network that makes the
    same texture from all noise has as low a style loss as a network that makes all textures, but a lower entropy. Up to
    constants, entropy is estimated by the mean logarithm of distances to nearest neighbours (Kozachenko and Leonenko
    1987). The paper sums over pixels; the mean here differs by a constant.

    >>> alike(torch.stack([torch.zeros(3, 4, 4), torch.ones(3, 4, 4)]), [0, 0]).abs() < 1e-5
    tensor(True)
    """
    flat = pictures.flatten(1)
    group = torch.tensor(groups, device=flat.device)
    others = (group[:, None] == group) & ~torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    squares = torch.stack([(flat - one).square().mean(1) for one in flat])
    nearest = squares.masked_fill(~others, torch.inf).amin(1)[others.any(1)]
    return -0.5 * (nearest + SAME).log().sum()
