"""Masks that are drawn from vector strokes, at any size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from impasto.errors import UsageError
from impasto.image.brush import draw_brush
from impasto.image.canvas import Canvas
from impasto.image.feather import feather as blur
from impasto.image.flood import flooded
from impasto.image.formats import MAX_PIXELS
from impasto.image.mask import resize_mask
from impasto.image.polygon import draw_polygon
from impasto.image.strokes import FARTHEST, Stroke, check_strokes, number

FLOODED = 4
"""Number of pixels of a flood that are searched in a step of work."""


def draw_mask(
    strokes: Iterable[Stroke],
    size: tuple[int, int],
    *,
    photo: Tensor | None = None,
    photo_size: tuple[int, int] | None = None,
    feather: float = 0.0,
    base: Tensor | None = None,
) -> Tensor:
    """Return the mask `(1, 1, H, W)` in [0, 1] of `strokes`, drawn in their order.

    strokes: see `Stroke`. A pixel at an edge has the share of its area that is inside. The mask has the largest value
        of all strokes at each pixel, so a stroke that is drawn twice is the same as once.
    size: (height, width) of the mask.
    photo: `(1, 3, H, W)` in [0, 1], in which a flood finds its area; needed only for floods.
    photo_size: (height, width) of the photo at full size, whose pixels are the unit of all coordinates and of
        `feather`; None for the size of `photo`, and without a photo for `size`. So a mask drawn on a preview has the
        same shapes at every size.
    feather: the standard deviation of a Gaussian blur of the mask at the end, in pixels of the photo; 0 for none.
        Beyond its border the mask continues as its mirror image.
    base: the mask `(1, 1, H, W)` with which the drawing starts, of any size; None for an empty one.

    Raises UsageError for a flood without a photo or outside of it, for a size over the limit, for too many strokes or
    points, and for strokes that take too long to draw.

    >>> mask = draw_mask([Stroke("brush", [(8, 8)], radius=5)], (16, 16))
    >>> round(float(mask.sum()), 1)
    78.5
    """
    strokes = check_strokes(strokes)
    number(feather, "feather", 0, FARTHEST)
    full = photo_size or (tuple(photo.shape[-2:]) if photo is not None else size)
    for sides, name in ((size, "the mask"), (full, "the photo")):
        if min(sides) < 1 or sides[0] * sides[1] > MAX_PIXELS:
            raise UsageError(f"{name} is {sides[1]}x{sides[0]}; allowed: 1 to {MAX_PIXELS} pixels")
    canvas = Canvas((size[0], size[1]), (full[0], full[1]))
    if base is not None:
        canvas.values[:] = resize_mask(base.float(), size)[0, 0].numpy()
    for stroke in strokes:
        _draw(canvas, stroke, photo)
    blur(canvas.values, (feather / canvas.pixel[0], feather / canvas.pixel[1]))
    return torch.from_numpy(np.ascontiguousarray(canvas.values))[None, None]


def _draw(canvas: Canvas, stroke: Stroke, photo: Tensor | None) -> None:
    points = np.asarray(stroke.points, np.float64).reshape(-1, 2)
    match stroke.tool:
        case "brush":
            draw_brush(canvas, points, stroke.radius or 0, stroke.erase)
        case "polygon":
            draw_polygon(canvas, points, stroke.erase)
        case "flood":
            _flood(canvas, stroke, photo)
        case "all":
            canvas.fill_all(stroke.erase)
        case "invert":
            canvas.invert()


def _flood(canvas: Canvas, stroke: Stroke, photo: Tensor | None) -> None:
    """Add or erase the area of a flood, found in the photo at its own size."""
    if photo is None:
        raise UsageError("a flood needs the photo")
    height, width = photo.shape[-2:]
    x, y = stroke.points[0][0] * width / canvas.photo[1], stroke.points[0][1] * height / canvas.photo[0]
    window, area = flooded(photo, x, y, stroke.tolerance or 0, lambda pixels: canvas.spend(pixels // FLOODED))
    if (height, width) == canvas.size:
        canvas.blend(window, area, stroke.erase)
        return
    whole = torch.zeros(1, 1, height, width)
    whole[0, 0, window[0], window[1]] = torch.from_numpy(area).float()
    canvas.blend((slice(None), slice(None)), resize_mask(whole, canvas.size)[0, 0].numpy(), stroke.erase)
