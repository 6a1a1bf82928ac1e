"""What a picture should be like whatever it shows. Images are `(B, 3, H, W)` in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-8
"""Keeps the root of a flat region's zero gradient finite: (1/255)^2 is 1.5e-5."""

BT601 = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
"""RGB to YCbCr without its offsets (ITU-R BT.601)."""


def total_variation(image: Tensor, beta: float = 2.0) -> Tensor:
    """`mean (dx^2 + dy^2)^(beta / 2)` over pixels and channels: Mahendran and Vedaldi 2015, eq. 4, over the count.

    `beta = 2` is the mean squared difference to the right and lower neighbour; `beta = 1` the usual total variation,
    which keeps edges. The last row and column have one neighbour only. Seed papers that write the exponent as beta mean
    ours / 2.
    """
    down = (image[..., 1:, :] - image[..., :-1, :]).square()
    right = (image[..., :, 1:] - image[..., :, :-1]).square()
    if beta == 2.0:  # separable: no need to bring both onto one grid
        return (down.sum() + right.sum()) / image.numel()
    both = down[..., :, :-1] + right[..., :-1, :]
    edges = (down[..., :, -1], right[..., -1, :])
    total = torch.stack([(e + EPSILON).pow(beta / 2).sum() for e in (both, *edges)]).sum()
    return total / image.numel()


def opponent(image: Tensor) -> tuple[Tensor, Tensor]:
    """Light `(B, 1, H, W)` and colour `(B, 2, H, W)` of an RGB image, the Y and the Cb, Cr of ITU-R BT.601.

    The eye sees fine detail in light; what an optimiser puts there in colour is speckle.
    """
    parts = torch.einsum("kc,bchw->bkhw", image.new_tensor(BT601), image)
    return parts[:, :1], parts[:, 1:]


def out_of_range(image: Tensor) -> Tensor:
    """Mean squared amount by which values leave [0, 1].

    A wall that, unlike clamping, leaves L-BFGS its curvature pairs.
    """
    return (image - image.clamp(0, 1)).square().mean()
