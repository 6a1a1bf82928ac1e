"""Tiles of a grid. Each tile has a window, which is the tile with its halo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from impasto.image.resize import Size


@dataclass(frozen=True)
class Span:
    """The positions from `start` up to `stop` along one side, in a window from `first` up to `last`."""

    start: int
    stop: int
    first: int
    last: int


@dataclass(frozen=True)
class Tile:
    """A rectangle of a grid: its rows and columns."""

    rows: Span
    columns: Span

    def window(self, x: Tensor) -> Tensor:
        """Return the window of the tile in `x` `(..., H, W)`, as a view."""
        return x[..., self.rows.first : self.rows.last, self.columns.first : self.columns.last]


def tiles(grid: Size, side: int, step: int, halo: int) -> Iterator[Tile]:
    """Yield tiles that cover a `grid` (height, width) once, row by row.

    side: the largest side of a tile, in positions, rounded to whole steps; 0 for one tile.
    step: tiles and windows start at multiples of `step`.
    halo: the width of the halo on all sides, within the grid; a multiple of `step`.

    >>> [(tile.rows.start, tile.rows.stop) for tile in tiles((10, 4), side=4, step=1, halo=1)]
    [(0, 3), (3, 6), (6, 10)]
    """
    across = list(_spans(grid[1], side, step, halo))
    for rows in _spans(grid[0], side, step, halo):
        for columns in across:
            yield Tile(rows, columns)


def _spans(length: int, side: int, step: int, halo: int) -> Iterator[Span]:
    """Yield spans of nearly equal length.

    No span is longer than `side`, rounded to whole steps. The last span has at least one step, so that every layer has
    positions in it.
    """
    count = min(-(-length // side), max(1, length // step)) if side else 1
    ends = [k * length // (count * step) * step for k in range(count)] + [length]
    for start, stop in pairwise(ends):
        yield Span(start, stop, max(0, start - halo), min(length, stop + halo))
