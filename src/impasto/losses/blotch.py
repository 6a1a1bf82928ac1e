"""A penalty of blotches: large structures, on skies and faces for example, that the photo does not have."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.losses.additive import Additive, Part

CELL = 8
"""Side of the squares whose means are compared, in pixels. Finer strokes have no penalty."""

WINDOW = 7
"""Side of the windows in which a picture is compared with its photo, in means, which are half a cell apart."""

GRAIN = 1e-4
"""Variance in the photo that counts as noise (2.5 levels of 255) and explains little."""


SIDE = 512
"""Longer side of pictures for which `CELL` holds, in pixels. In larger pictures `CELL` grows in whole steps."""


def blotches(image: Tensor, photo: Tensor) -> Tensor:
    """Return the mean variance of `image` within windows that no affine function of the photo's colours explains.

    Both are `(1, 3, H, W)` in [0, 1], of 8 pixels or more; the result is a scalar. The penalty is small for a picture
    that is lighter or darker than its photo, or has other colours, even if these vary from place to place. Where the
    photo is plain, all variance counts.

    It is the cost of the matting Laplacian (Levin, Lischinski and Weiss 2008; in style transfer Luan et al. 2017),
    applied to means over `CELL` x `CELL` pixels, so that strokes have no penalty.

    >>> photo = torch.rand(1, 3, 64, 64)
    >>> bool(blotches(0.5 * photo, photo) < blotches(torch.rand(1, 3, 64, 64), photo))
    True
    """
    return blotches_of(photo)(image)


def blotches_of(photo: Tensor, scale: float = 1.0) -> Additive:
    """Return `blotches` times `scale` as a function of the picture that is additive over its parts."""
    height, width = photo.shape[-2:]
    side = CELL // 2 * max(1, round(max(height, width) / SIDE))
    photo_windows = _windows(_blocks(photo, Part.whole(photo), side))
    number = photo_windows.shape[-1]
    covariance = photo_windows @ photo_windows.mT / number
    covariance = covariance + GRAIN * torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), photo_windows, upper=False) / number

    def finish(blocks: Tensor) -> Tensor:
        windows = _windows(blocks)
        # Thousands of products of 3 x 49 and 49 x 3 matrices, which torch.bmm takes ten times as long for.
        shared = (white.to(windows)[:, :, None] * windows[:, None]).sum(-1)
        explained = shared.square().sum() / (windows.shape[0] * windows.shape[1])
        loss: Tensor = scale * (windows.square().mean() - explained)
        return loss

    return Additive(lambda image, part: _blocks(image, part, side), finish)


def _blocks(image: Tensor, part: Part, side: int) -> Tensor:
    """Return the contribution of a part to the means of the whole picture over `side` x `side` pixels.

    The result is `(1, C, h, w)` for the whole picture.
    """
    image = image[..., : part.height, : part.width]
    down, across = (n // side for n in part.grid)
    top, left = part.top % side, part.left % side
    below, right = -(top + part.height) % side, -(left + part.width) % side
    means = F.avg_pool2d(F.pad(image, (left, right, top, below)), side)
    first, start = part.top // side, part.left // side
    means = means[..., : down - first, : across - start]  # without incomplete blocks at the far edges
    return F.pad(means, (start, across - start - means.shape[-1], first, down - first - means.shape[-2]))


def _windows(blocks: Tensor) -> Tensor:
    """Return half-overlapping windows of the coarse picture, each minus its mean, `(windows, C, values)`.

    The values are means over 2 x 2 blocks. The coarse picture is reflected at its border, because the border would
    otherwise be in fewer windows.
    """
    coarse = F.avg_pool2d(blocks, 2, 1)
    down, across = (min(WINDOW // 2, side - 1) for side in coarse.shape[-2:])
    coarse = F.pad(coarse, (across, across, down, down), mode="reflect")
    height, width = (min(WINDOW, side) for side in coarse.shape[-2:])
    step = max(1, min(height, width) // 2)
    columns: Tensor = F.unfold(coarse, (height, width), stride=step)[0]
    windows = columns.view(blocks.shape[1], -1, columns.shape[-1]).permute(2, 0, 1)
    return windows - windows.mean(-1, keepdim=True)
