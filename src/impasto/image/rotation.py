"""Rotation of a picture by any angle, with a mask of the area that it covers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.image.hidden import resampled


def rotate(
    image: Tensor, degrees: float, mask: Tensor | None = None, alpha: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """Return `image` `(1, 3, H, W)` rotated counter-clockwise, large enough for all pixels, and its mask.

    The mask is `(1, 1, H, W)`. Quarter turns move pixels and need no new mask; other angles are bilinear, and the empty
    corners are outside the mask. Colours are weighted by `alpha` `(1, 1, H, W)`, if given.
    """
    turns, rest = divmod(degrees, 90)
    if rest == 0:
        quarter = int(turns) % 4
        image = torch.rot90(image, quarter, (2, 3))
        return image, None if mask is None else torch.rot90(mask, quarter, (2, 3))
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    height, width = image.shape[-2:]
    tall = math.ceil(abs(width * sin) + abs(height * cos))
    wide = math.ceil(abs(width * cos) + abs(height * sin))
    # From a position in the rotated picture to one in the original, both from -1 to 1 over their own sides.
    matrix = image.new_tensor(
        [[cos * wide / width, -sin * tall / width, 0.0], [sin * wide / height, cos * tall / height, 0.0]]
    )
    grid = F.affine_grid(matrix[None], [1, 1, tall, wide], align_corners=False)
    whole = torch.ones_like(image[:, :1]) if mask is None else mask
    inside = F.grid_sample(whole, grid, align_corners=False)

    def sample(values: Tensor) -> Tensor:
        return F.grid_sample(values, grid, padding_mode="border", align_corners=False)

    return sample(image) if alpha is None else resampled(image, alpha, sample), inside
