"""Filled polygons, with exact shares of the pixels at the edge.

Each edge is cut into pieces at the borders of pixels. A piece adds its height to all pixels on its right, and to its
own pixel the part of this height that corresponds to the area on its right. So the sums along rows are the winding
numbers, averaged over each pixel.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from impasto.image.canvas import Canvas

Floats = NDArray[np.float64]

BAND = 1 << 20
"""Number of pixels that are drawn at a time; at least one row."""

CHUNK = 1 << 17
"""Largest number of pieces at a time, unless a single edge has more."""

ROUNDING = 1e-6
"""Upper limit of the rounding errors of sums."""

DRAWN = 8
"""Number of pixels of the surroundings that are drawn in a step of work."""


def draw_polygon(canvas: Canvas, points: Floats, erase: bool) -> None:
    """Draw the inside of the closed outline through `points` `(N, 2)`, in pixels of the photo, by the even-odd rule.

    Where the outline crosses itself within a pixel, the share of this pixel is approximate. Raises UsageError if the
    work of the canvas is spent.
    """
    start = points / np.asarray(canvas.pixel)
    corners = np.stack([np.floor(start.min(0)), np.ceil(start.max(0))])
    (left, top), (right, bottom) = corners.clip(0, canvas.size[::-1]).astype(int).tolist()
    if right == left:
        return
    edges = np.concatenate([start, np.roll(start, -1, 0)], 1).T
    rows = max(1, BAND // (right - left))
    for upper in range(top, bottom, rows):
        band = slice(upper, min(upper + rows, bottom))
        canvas.blend((band, slice(left, right)), _shares(canvas, edges, band, left, right), erase)


def _shares(canvas: Canvas, edges: Floats, band: slice, left: int, right: int) -> NDArray[np.float32]:
    """Return the shares of the pixels of a band of rows, from the column `left` to `right`."""
    height, width = band.stop - band.start, right - left + 1  # the last column takes all that is right of the others
    canvas.spend(height * width // DRAWN)
    total = np.zeros(height * width)
    corner = np.array([[left], [band.start]] * 2, float)
    for part in _chunks(_clipped(edges, band) - corner, width):
        x0, y0, x1, y1 = pieces = _cut(_cut(part, 1, height), 0, width - 1)
        canvas.spend(pieces.shape[1])
        x, y = ((x0 + x1) / 2).clip(0, width - 1), (y0 + y1) / 2
        column = np.floor(x).clip(0, width - 2).astype(np.int64)
        place = np.floor(y).clip(0, height - 1).astype(np.int64) * width + column
        later = (y1 - y0) * (x - column)
        total += np.bincount(np.append(place, place + 1), np.append(y1 - y0 - later, later), total.size)
    winding = total.reshape(height, width).cumsum(1)[:, :-1].astype(np.float32)
    np.abs(winding, out=winding)
    if winding.max(initial=0) > 1 + ROUNDING:
        winding = np.abs(winding - 2 * np.round(winding / 2))
    winding += 1  # rounds values that are nearly 0 or 1
    winding -= 1
    return winding


def _clipped(edges: Floats, band: slice) -> Floats:
    """Return the parts of the edges `(4, N)` of x0, y0, x1 and y1 within a band of rows, without level edges."""
    low, high = np.minimum(edges[1], edges[3]), np.maximum(edges[1], edges[3])
    x0, y0, x1, y1 = edges[:, (low < band.stop) & (high > band.start) & (low < high)]
    ends = np.stack([y0, y1]).clip(band.start, band.stop)
    x = x0 + (ends - y0) / (y1 - y0) * (x1 - x0)
    return np.stack([x[0], ends[0], x[1], ends[1]])


def _chunks(edges: Floats, width: int) -> Iterator[Floats]:
    """Yield parts of the edges `(4, N)` that are cut into at most `CHUNK` pieces, or single edges."""
    x = edges[[0, 2]].clip(0, width)
    ends = np.cumsum(np.abs(x[1] - x[0]) + np.abs(edges[3] - edges[1]) + 3)
    start, done = 0, 0.0
    while start < edges.shape[1]:
        stop = max(start + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
        yield edges[:, start:stop]
        start, done = stop, float(ends[stop - 1])


def _cut(edges: Floats, axis: int, most: int) -> Floats:
    """Return the pieces of edges `(4, N)`, cut at each whole x (axis 0) or y (axis 1) from 0 to `most`."""
    start, end, other = edges[axis], edges[axis + 2], 1 - axis
    low, high = np.minimum(start, end), np.maximum(start, end)
    # Cell -1 is all that is below 0, and the cell `most` is all that is above.
    first = np.floor(low).clip(-1, most)
    count = np.maximum(np.ceil(high).clip(0, most + 1) - first, 1).astype(np.int64)
    edge = np.repeat(np.arange(len(count)), count)
    cell = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
    lower = np.maximum(low[edge], np.where(cell < 0, -np.inf, cell))
    upper = np.minimum(high[edge], np.where(cell >= most, np.inf, cell + 1))
    length = (end - start)[edge]
    cuts = np.where(length < 0, [upper, lower], [lower, upper])  # in the direction of the edge
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(length == 0, [[0.0], [1.0]], (cuts - start[edge]) / length)
    across = edges[other][edge] + share * (edges[other + 2] - edges[other])[edge]
    pieces = np.empty((4, len(edge)))
    pieces[axis], pieces[axis + 2] = cuts
    pieces[other], pieces[other + 2] = across
    return pieces
