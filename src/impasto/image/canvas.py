"""A canvas on which strokes are drawn: the values of a mask, its scale, and the work that it allows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.errors import UsageError

BLOCK = 64
"""Largest side of a square that is filled at once; the memory of the canvas is a multiple of it."""

MAX_WORK = 200_000_000
"""Work that a mask may take, in steps of about 40 nanoseconds."""

FILLED = 128
"""Number of pixels that are filled in a step of work."""


class Canvas:
    """The values of a mask while it is drawn.

    size: height and width, in pixels of the canvas.
    photo: height and width of the photo, whose pixels are the unit of coordinates.
    pixel: width and height of a pixel of the canvas, in pixels of the photo.
    values: float32 `(H, W)` in [0, 1], at first 0.
    """

    def __init__(self, size: tuple[int, int], photo: tuple[int, int]) -> None:
        self.size, self.photo = size, photo
        self.pixel = photo[1] / size[1], photo[0] / size[0]
        rows, columns = (-(-side // BLOCK) for side in size)
        self._padded = np.zeros((rows * BLOCK, columns * BLOCK), np.float32)
        self.values = self._padded[: size[0], : size[1]]
        self._work = MAX_WORK

    def spend(self, work: int) -> None:
        """Count work. Raises UsageError if all strokes together take more than `MAX_WORK`."""
        self._work -= work
        if self._work < 0:
            sides = f"{self.size[1]}x{self.size[0]}"
            raise UsageError(f"the strokes take too long to draw at {sides}; use fewer strokes, points or floods")

    def fill(self, rows: NDArray[Any], columns: NDArray[Any], side: int, erase: bool) -> None:
        """Add or erase squares of `side` pixels, a divisor of `BLOCK`, at these places, counted in squares."""
        self.spend(len(rows) * side**2 // FILLED)
        height, width = self._padded.shape
        squares = self._padded.reshape(height // side, side, width // side, side)
        squares[rows, :, columns, :] = 0 if erase else 1

    def fill_all(self, erase: bool) -> None:
        """Add or erase all pixels."""
        self.spend(self.values.size // FILLED)
        self.values[:] = 0 if erase else 1

    def invert(self) -> None:
        """Swap inside and outside."""
        self.spend(self.values.size // FILLED)
        np.subtract(1, self.values, out=self.values)

    def blend(self, place: Any, shares: NDArray[Any], erase: bool) -> None:
        """Add or erase the `shares` of pixels that a stroke covers.

        place: an index of a window, as slices, or of pixels, as arrays of rows and columns without duplicates.

        The result is the larger value, or to erase the smaller one of the old value and the rest of the shares. So a
        stroke that is drawn twice is the same as once, also at its edge.
        """
        old, shares = self.values[place], shares.astype(np.float32, copy=False)
        self.values[place] = np.minimum(old, 1 - shares) if erase else np.maximum(old, shares)
