"""Tiles of a grid: each has its own positions, and a window that also has the halo around them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from impasto.image.resize import Size


@dataclass(frozen=True)
class Span:
    """Positions `start` to `stop` along one side, within a window from `first` to `last`."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True)
class Tile:
    """Rows and columns of a grid."""

    rows: Span
    columns: Span

    def window(self, x: Tensor) -> Tensor:
        """Return the window of the tile in `x` `(..., H, W)`, as a view."""
        return x[..., self.rows.first : self.rows.last, self.columns.first : self.columns.last]


def tiles(grid: Size, side: int, step: int, halo: int) -> Iterator[Tile]:
    """Yield tiles of about `side` positions a side that cover a grid (height, width) once, row by row.

    Tiles and windows begin at multiples of `step`. Windows extend `halo` (a multiple of `step`) beyond the tile on all
    sides, within the grid. `side` 0 is one tile for the whole grid.
    """
    across = list(_spans(grid[1], side, step, halo))
    for rows in _spans(grid[0], side, step, halo):
        for columns in across:
            yield Tile(rows, columns)


def _spans(length: int, side: int, step: int, halo: int) -> Iterator[Span]:
    """Yield spans of nearly equal length. None is longer than `side`, rounded to whole steps, and the last is at least
    one step long, so that every layer has positions in it."""
    count = min(-(-length // side), max(1, length // step)) if side else 1
    ends = [k * length // (count * step) * step for k in range(count)] + [length]
    for start, stop in pairwise(ends):
        yield Span(start, stop, max(0, start - halo), min(length, stop + halo))
