"""A penalty of blotches: structures as large as an object that the photo does not have, in skies and on faces."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from impasto.losses.additive import Additive, Part

CELL = 8
"""Side of the squares whose means are compared, in pixels: finer strokes are free."""

WINDOW = 7
"""Side of the windows in which a picture is compared with its photo, in means, half a cell apart."""

GRAIN = 1e-4
"""Variance in the photo that counts as noise, 2.5 levels of 255, and explains little."""


SIDE = 512
"""Longer side of pictures for which these lengths are meant, in pixels; in larger ones they grow in whole steps."""


def blotches(image: Tensor, photo: Tensor) -> Tensor:
    """Return the mean variance of `image` within windows that no affine function of the photo's colours explains.

    Both are `(1, 3, H, W)` in [0, 1], of 8 pixels or more; the result is a scalar. It is small for a picture that is
    lighter or darker than its photo or has other colours, even different ones from place to place. It is the cost of
    the matting Laplacian (Levin, Lischinski and Weiss 2008; in style transfer Luan et al. 2017) of means over `CELL` x
    `CELL` pixels, so that strokes are free. Where the photo is plain, all variance counts.

    >>> photo = torch.rand(1, 3, 64, 64)
    >>> bool(blotches(0.5 * photo, photo) < blotches(torch.rand(1, 3, 64, 64), photo))
    True
    """
    return blotches_of(photo)(image)


def blotches_of(photo: Tensor, scale: float = 1.0) -> Additive:
    """Return `blotches` times `scale` as a function of the picture that is additive over its parts."""
    height, width = photo.shape[-2:]
    side = CELL // 2 * max(1, round(max(height, width) / SIDE))
    theirs = _windows(_blocks(photo, Part.whole(photo), side))
    number = theirs.shape[-1]
    known = theirs @ theirs.mT / number
    known = known + GRAIN * torch.eye(known.shape[-1], dtype=known.dtype, device=known.device)
    white = torch.linalg.solve_triangular(torch.linalg.cholesky(known), theirs, upper=False) / number

    def finish(blocks: Tensor) -> Tensor:
        ours = _windows(blocks)
        # Thousands of products of 3 x 49 and 49 x 3: as matrix products they take ten times as long.
        shared = (white.to(ours)[:, :, None] * ours[:, None]).sum(-1)
        explained = shared.square().sum() / (ours.shape[0] * ours.shape[1])
        found: Tensor = scale * (ours.square().mean() - explained)
        return found

    return Additive(lambda image, part: _blocks(image, part, side), finish)


def _blocks(image: Tensor, part: Part, side: int) -> Tensor:
    """Return the part's contribution to the means over `side` x `side` pixels of all of the picture, `(1, C, h, w)`."""
    image = image[..., : part.height, : part.width]
    down, across = (n // side for n in part.grid)
    top, left = part.top % side, part.left % side
    below, right = -(top + part.height) % side, -(left + part.width) % side
    means = F.avg_pool2d(F.pad(image, (left, right, top, below)), side)
    first, start = part.top // side, part.left // side
    means = means[..., : down - first, : across - start]  # the rest at the far edges fills no block
    return F.pad(means, (start, across - start - means.shape[-1], first, down - first - means.shape[-2]))


def _windows(blocks: Tensor) -> Tensor:
    """Return the coarse picture in half overlapping windows, each minus its mean, `(windows, C, values)`.

    Its values are means over 2 x 2 blocks. It is reflected at its border, which would otherwise be in fewer windows.
    """
    coarse = F.avg_pool2d(blocks, 2, 1)
    down, across = (min(WINDOW // 2, side - 1) for side in coarse.shape[-2:])
    coarse = F.pad(coarse, (across, across, down, down), mode="reflect")
    height, width = (min(WINDOW, side) for side in coarse.shape[-2:])
    step = max(1, min(height, width) // 2)
    columns: Tensor = F.unfold(coarse, (height, width), stride=step)[0]
    found = columns.view(blocks.shape[1], -1, columns.shape[-1]).permute(2, 0, 1)
    return found - found.mean(-1, keepdim=True)
