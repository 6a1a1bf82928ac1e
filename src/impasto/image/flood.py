"""The connected area of a photo whose colours are similar to the colour at a point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from skimage import segmentation
from torch import Tensor

from impasto.errors import UsageError
from impasto.image.spaces import SPACES

SPACE = "oklab"
"""The space of colour distances. Black and white are 1 apart, and no two colours of sRGB are farther apart."""

ROUNDING = 1e-5
"""Upper limit of the rounding errors of a distance, so that equal colours are similar at every tolerance."""

REACH = 250
"""Largest distance from the point, in rows and columns, within which the area is looked for at first."""

STRIP = 1 << 17
"""Number of pixels whose colours are compared at a time; at least one row."""


def flooded(
    photo: Tensor, x: float, y: float, tolerance: float, spend: Callable[[int], None] = lambda _: None
) -> tuple[tuple[slice, slice], NDArray[np.bool_]]:
    """Return the area around a point: a window (rows, columns) of the photo, and a mask of this window, True inside.

    photo: `(1, 3, H, W)` in [0, 1].
    x, y: the point, in pixels of `photo`.
    tolerance: the largest distance in OKLab from the colour of the pixel at the point.
    spend: is called with the number of pixels of each window before it is searched.

    Pixels are connected over their four sides. The window grows until the area does not touch its border. Raises
    UsageError for a point outside the photo.

    >>> import torch
    >>> int(flooded(torch.eye(3).expand(1, 3, 3, 3), 0, 0, 0.1)[1].sum())
    1
    """
    height, width = photo.shape[-2:]
    if not (0 <= x <= width and 0 <= y <= height):
        raise UsageError(f"the point {x:g},{y:g} of a flood is outside of the photo of {width}x{height}")
    row, column, reach = min(int(y), height - 1), min(int(x), width - 1), REACH
    while True:
        rows, columns = (
            slice(max(0, place - reach), min(side, place + reach + 1))
            for place, side in ((row, height), (column, width))
        )
        part = photo[..., rows, columns]
        spend(part[0, 0].numel())
        area = _area(part, row - rows.start, column - columns.start, tolerance)
        borders = ((rows.start > 0, area[0]), (rows.stop < height, area[-1]))
        sides = ((columns.start > 0, area[:, 0]), (columns.stop < width, area[:, -1]))
        if not any(beyond and line.any() for beyond, line in borders + sides):
            return (rows, columns), area
        reach *= 3


def _area(photo: Tensor, row: int, column: int, tolerance: float) -> NDArray[np.bool_]:
    """Return the mask `(H, W)` of the area around a pixel of `photo`."""
    forward = SPACES[SPACE].forward
    seed = forward(photo[..., row : row + 1, column : column + 1])
    similar = np.empty(photo.shape[-2:], np.uint8)
    count = max(1, STRIP // photo.shape[-1])
    for start in range(0, photo.shape[-2], count):
        distance = (forward(photo[..., start : start + count, :]) - seed).square_().sum((0, 1)).sqrt_()
        similar[start : start + count] = (distance <= tolerance + ROUNDING).numpy()
    similar[row, column] = 1
    search: Callable[..., NDArray[np.bool_]] = segmentation.flood
    return search(similar, (row, column), connectivity=1)
