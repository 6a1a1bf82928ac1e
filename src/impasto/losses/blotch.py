"""What is as large as an object in a picture, and has nothing to do with its photo: blotches in skies and on faces."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

CELL = 8
"""Side of the squares whose means are looked at, in pixels: finer strokes are free."""

WINDOW = 7
"""Side of the windows in which a picture is compared with its photo, in means, which are half a cell apart."""

GRAIN = 1e-4
"""Variance in the photo, 2.5 levels of 255, that is taken for noise, and explains little."""


def blotches(image: Tensor, photo: Tensor) -> Tensor:
    """The mean variance of `image` that no affine function of the colours of `photo` explains, window by window.

    Both `(1, 3, H, W)` in [0, 1], of 8 pixels or more; a scalar. A picture may be lighter or darker than its photo, and
    have any other colours, from one place to the next, and this is little: the cost of the matting Laplacian (Levin,
    Lischinski and Weiss 2008; in style transfer Luan et al. 2017), of means over `CELL` x `CELL` pixels, so that the
    hand of the painter is free. Where the photo is plain, all variance counts.
    """
    ours, theirs = _windows(image), _windows(photo)
    windows, channels, number = ours.shape
    shared, known = theirs @ ours.mT / number, theirs @ theirs.mT / number
    grain = GRAIN * torch.eye(known.shape[-1], dtype=known.dtype, device=known.device)
    explained = (shared * torch.linalg.solve(known + grain, shared)).sum() / (windows * channels)
    found: Tensor = ours.square().mean() - explained
    return found


def _windows(image: Tensor) -> Tensor:
    """The coarse picture in windows half over each other, each less its mean, `(windows, C, values)`.

    It goes on beyond its border as its own reflection, or what lies there would be in fewer windows than the rest.
    """
    coarse = F.avg_pool2d(image, CELL, CELL // 2)
    down, across = (min(WINDOW // 2, side - 1) for side in coarse.shape[-2:])
    coarse = F.pad(coarse, (across, across, down, down), mode="reflect")
    height, width = (min(WINDOW, side) for side in coarse.shape[-2:])
    step = max(1, min(height, width) // 2)
    columns: Tensor = F.unfold(coarse, (height, width), stride=step)[0]
    found = columns.view(image.shape[1], -1, columns.shape[-1]).permute(2, 0, 1)
    return found - found.mean(-1, keepdim=True)
