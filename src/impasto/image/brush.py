"""Brush strokes: the area that a disc covers along a line, with exact shares of the pixels at its edge.

The area is the set of points whose distance from the line is at most the radius. A tree of squares finds the pixels at
its edge: a square that is inside or outside as a whole needs no further look, and any other is divided into four. A
square keeps only the segments that may be the nearest to some of its points. So the time grows with the length of the
edge, and not with the area, the radius or the number of points.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from impasto.image.canvas import BLOCK, Canvas

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]

FIRST = 1 << 14
"""Largest number of pairs of squares and segments with which the tree begins."""

CHUNK = 1 << 16
"""Largest number of pairs that are divided at a time, unless a single square has more."""

ROUND = 2.0
"""Least radius, in pixels, for which 2 x 2 parts of a pixel are enough. A smaller one has 4 x 4."""


@dataclass(frozen=True)
class _Squares:
    """Squares of the tree, all of one size, with their candidates.

    rows, columns: place of each square, in squares from the upper left corner of the canvas, `(S,)`.
    square, segment: pairs of a square and a segment that may be its nearest, `(P,)`, sorted by square.
    first: the first pair of each square, `(S,)`.
    side: the side of a square, in pixels.
    """

    rows: Ints
    columns: Ints
    square: Ints
    segment: Ints
    first: Ints
    side: int

    def kept(self, squares: NDArray[np.bool_], pairs: NDArray[np.bool_]) -> _Squares:
        """Return only the squares and pairs for which the masks are True."""
        pairs = pairs & squares[self.square]
        number = np.cumsum(squares) - 1
        square = number[self.square[pairs]]
        first = np.searchsorted(square, np.arange(int(squares.sum())))
        return _Squares(self.rows[squares], self.columns[squares], square, self.segment[pairs], first, self.side)

    def divided(self) -> _Squares:
        """Return the four quarters of each square, with the same candidates."""
        count, pairs = len(self.rows), len(self.square)
        rows = np.concatenate([self.rows * 2 + down for down in (0, 0, 1, 1)])
        columns = np.concatenate([self.columns * 2 + right for right in (0, 1, 0, 1)])
        square = np.concatenate([self.square + count * quarter for quarter in range(4)])
        first = np.concatenate([self.first + pairs * quarter for quarter in range(4)])
        return _Squares(rows, columns, square, np.tile(self.segment, 4), first, self.side // 2)

    def chunks(self) -> Iterator[_Squares]:
        """Yield parts with at most `CHUNK` pairs, or with a single square."""
        start, ends = 0, np.append(self.first[1:], len(self.square))
        while start < len(self.rows):
            origin = int(self.first[start])
            stop = max(start + 1, int(np.searchsorted(ends, origin + CHUNK, side="right")))
            squares, pairs = slice(start, stop), slice(origin, int(ends[stop - 1]))
            square, first = self.square[pairs] - start, self.first[squares] - origin
            yield _Squares(self.rows[squares], self.columns[squares], square, self.segment[pairs], first, self.side)
            start = stop


class _Line:
    """The segments of a line, and the distances of points from them."""

    def __init__(self, points: Floats) -> None:
        ends = points[1:] if len(points) > 1 else points
        self.start = points[: len(ends)]
        self.step = ends - self.start
        squared = (self.step**2).sum(1)
        self.scale = np.divide(1, squared, out=np.zeros_like(squared), where=squared > 0)

    def __len__(self) -> int:
        return len(self.start)

    def offsets(self, x: Floats, y: Floats, segment: Ints) -> tuple[Floats, Floats, Floats]:
        """Return (x, y) minus the nearest point of a segment each, and the place of this point on it, 0 to 1."""
        start, step = self.start[segment], self.step[segment]
        x, y = x - start[:, 0], y - start[:, 1]
        place = ((x * step[:, 0] + y * step[:, 1]) * self.scale[segment]).clip(0, 1)
        return x - place * step[:, 0], y - place * step[:, 1], place


def draw_brush(canvas: Canvas, points: Floats, radius: float, erase: bool) -> None:
    """Draw the line through `points` `(N, 2)` with round caps and joins, in pixels of the photo, on the canvas.

    Raises UsageError if the work of the canvas is spent.
    """
    line = _Line(points)
    todo = list(_beginning(canvas, points, radius, len(line)).chunks())
    while todo:
        squares = todo.pop()
        canvas.spend(len(squares.square))
        edge = _edge(canvas, line, squares, radius, erase)
        if not len(edge.rows):
            continue
        if edge.side > 1:
            todo += edge.divided().chunks()
        else:
            canvas.blend((edge.rows, edge.columns), _shares(canvas, line, edge, radius), erase)


def _beginning(canvas: Canvas, points: Floats, radius: float, segments: int) -> _Squares:
    """Return squares over the surroundings of all points, each with all segments."""
    pixel, sides = np.asarray(canvas.pixel), np.asarray(canvas.size[::-1])
    low = ((points.min(0) - radius) / pixel - 1).clip(0, sides).astype(np.int64)
    high = ((points.max(0) + radius) / pixel + 2).clip(0, sides).astype(np.int64)
    side = 1
    while side < max(canvas.size) and np.prod(-(-high // side) - low // side) * segments > FIRST:
        side *= 2
    (left, top), (right, bottom) = low // side, -(-high // side)
    rows, columns = (part.ravel() for part in np.mgrid[top:bottom, left:right])
    if (high <= low).any():
        rows = columns = rows[:0]
    square = np.repeat(np.arange(len(rows)), segments)
    return _Squares(
        rows, columns, square, np.tile(np.arange(segments), len(rows)), np.arange(len(rows)) * segments, side
    )


def _edge(canvas: Canvas, line: _Line, squares: _Squares, radius: float, erase: bool) -> _Squares:
    """Fill the squares inside the area, and return the others that it touches, with the segments that count."""
    width, height = (side * squares.side for side in canvas.pixel)
    x, y = (squares.columns + 0.5) * width, (squares.rows + 0.5) * height
    right, down, _ = line.offsets(x[squares.square], y[squares.square], squares.segment)
    distance = np.hypot(right, down)
    least = np.minimum.reduceat(distance, squares.first)
    half = 0.5 * float(np.hypot(width, height))
    touched = (least < radius + half) & (squares.rows * squares.side < canvas.size[0])
    touched &= squares.columns * squares.side < canvas.size[1]
    if squares.side <= BLOCK:
        inside = touched & (least <= radius - half)
        canvas.fill(squares.rows[inside], squares.columns[inside], squares.side, erase)
        touched &= ~inside
    # The nearest segment of any point of a square is at most a diagonal farther from its centre than the nearest one.
    return squares.kept(touched, distance <= least[squares.square] + 2 * half)


def _shares(canvas: Canvas, line: _Line, squares: _Squares, radius: float) -> Floats:
    """Return the shares of pixels that the area covers, by means over parts of each pixel."""
    count = 2 if radius >= ROUND * max(canvas.pixel) else 4
    canvas.spend(len(squares.square) * count**2)
    width, height = (side / count for side in canvas.pixel)
    total = np.zeros(len(squares.rows))
    for part in range(count**2):
        x = (squares.columns * count + part % count + 0.5) * width
        y = (squares.rows * count + part // count + 0.5) * height
        right, down, place = line.offsets(x[squares.square], y[squares.square], squares.segment)
        distance = np.hypot(right, down)
        least = np.minimum.reduceat(distance, squares.first)
        nearest = np.flatnonzero(distance == least[squares.square])
        pair = np.empty(len(squares.rows), np.int64)
        pair[squares.square[nearest]] = nearest
        # An arc lies within its tangent; the mean gap over a square of side w is w^2 / 24 r.
        corner = (place[pair] == 0) | (place[pair] == 1)
        gap = np.where(corner, width * height / (24 * radius), 0)
        across, along = np.abs(right[pair]) * width, np.abs(down[pair]) * height
        norm = np.where(least > 0, least, 1)
        across, along = np.where(least > 0, across / norm, width), along / norm
        inside = _share(radius - least - gap, across, along) + _share(radius + least - gap, across, along) - 1
        total += inside.clip(0, 1)
    return total / count**2


def _share(depth: Floats, across: Floats, along: Floats) -> Floats:
    """Return the share of a rectangle within a half-plane whose edge has the distance `depth` beyond its centre.

    across, along: the extent of the rectangle across the edge due to its width and due to its height. The extent is
        distributed as the sum of two uniform variables, whose density is a trapezoid.
    """
    wide, narrow = np.maximum(across, along), np.minimum(across, along)
    outer, depth = (wide + narrow) / 2, depth.clip(-(wide + narrow) / 2, (wide + narrow) / 2)
    beyond = outer - np.abs(depth)
    tail = beyond**2 / np.maximum(2 * wide * narrow, 1e-300)
    lower = np.where(beyond < narrow, tail, (beyond - narrow / 2) / wide)
    return np.where(depth > 0, 1 - lower, lower)
