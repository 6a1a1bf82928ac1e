"""What of a picture's coarse structure has nothing to do with its photo: blotches in skies and on faces."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CELL = 8
"""Side of the squares whose means are looked at, in pixels: strokes that are finer may be anywhere."""

WINDOW = 7
"""Side of the windows in which a picture is compared with its photo, in means, which are half a cell apart."""

GRAIN = 1e-4
"""Variance of a photo below which it is noise, and explains nothing: 2.5 levels."""


def blotches(image: Tensor, photo: Tensor, cell: int = CELL, window: int = WINDOW) -> Tensor:
    """The mean variance of `image` that no affine function of the colours of `photo` explains, window by window.

    Both `(1, 3, H, W)` in [0, 1]; a scalar. The photo may be lighter or darker, and have any other colours, from one
    place to the next, and this is 0: the cost of the matting Laplacian (Levin et al. 2008, eq. 12; in style transfer
    Luan et al. 2017), here of means over `cell` x `cell` pixels, so that the hand of a painter is free and only what
    is as large as an object counts. Where the photo is plain, that is all variance.
    """
    ours, theirs = (_windows(each, cell, window) for each in (image, photo))
    number = ours.shape[-1]
    shared, known = theirs @ ours.mT / number, theirs @ theirs.mT / number
    ridge = GRAIN * torch.eye(known.shape[-1], dtype=known.dtype, device=known.device)
    explained = shared * torch.linalg.solve(known + ridge, shared)
    return ours.square().mean() - explained.sum() / (ours.shape[0] * ours.shape[1])


def _windows(image: Tensor, cell: int, window: int) -> Tensor:
    """The coarse picture in windows half over each other, less each one's mean, `(windows, C, values)`."""
    coarse = F.avg_pool2d(image, cell, cell // 2)
    sides = [min(window, side) for side in coarse.shape[-2:]]
    found = F.unfold(coarse, sides, stride=max(1, min(sides) // 2))
    found = found.view(image.shape[1], -1, found.shape[-1]).permute(2, 0, 1)
    return found - found.mean(-1, keepdim=True)
