"""Pictures in rows and columns, to judge a network by at a glance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

GAP = 8
"""Pixels between pictures."""


def contact(rows: Sequence[Sequence[Tensor]]) -> Tensor:
    """`(1, 3, H, W)` in [0, 1]: pictures `(1, 3, h, w)` on white, each in the middle of its cell, which is as high as
    its row needs and as wide as its column does."""
    heights = [max(picture.shape[-2] for picture in row) for row in rows]
    widths = [max(picture.shape[-1] for picture in column) for column in zip(*rows, strict=True)]
    sheet = torch.ones(1, 3, sum(heights) + GAP * (len(heights) - 1), sum(widths) + GAP * (len(widths) - 1))
    for j, row in enumerate(rows):
        for i, picture in enumerate(row):
            height, width = picture.shape[-2:]
            top = sum(heights[:j]) + GAP * j + (heights[j] - height) // 2
            left = sum(widths[:i]) + GAP * i + (widths[i] - width) // 2
            sheet[..., top : top + height, left : left + width] = picture.clamp(0, 1)
    return sheet
