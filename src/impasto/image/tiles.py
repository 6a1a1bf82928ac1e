"""A grid cut into tiles: each has positions of its own, and a window around them that shows what they depend on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from impasto.image.resize import Size


@dataclass(frozen=True)
class Span:
    """Positions `start` to `stop` along one side, inside a window from `first` to `last`."""

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
        """All that the tile sees of `(..., H, W)`, as a view."""
        return x[..., self.rows.first : self.rows.last, self.columns.first : self.columns.last]


def tiles(grid: Size, side: int, step: int, halo: int) -> Iterator[Tile]:
    """Tiles of about `side` positions a side that cover a grid (height, width) once, row by row.

    They begin at multiples of `step`, and their windows too, which reach `halo` (a multiple of it) beyond on all sides
    that do not end the grid. `side` 0 is one tile for everything.
    """
    across = list(_spans(grid[1], side, step, halo))
    for rows in _spans(grid[0], side, step, halo):
        for columns in across:
            yield Tile(rows, columns)


def _spans(length: int, side: int, step: int, halo: int) -> Iterator[Span]:
    """Spans of nearly equal length, none longer than `side` but for rounding to whole steps, the last one no shorter
    than one, so that every layer has positions there."""
    count = min(-(-length // side), max(1, length // step)) if side else 1
    ends = [k * length // (count * step) * step for k in range(count)] + [length]
    for start, stop in pairwise(ends):
        yield Span(start, stop, max(0, start - halo), min(length, stop + halo))
