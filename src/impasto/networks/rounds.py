"""A network of transport applied in tiles to a picture of any size, equal to one pass up to rounding.

Beyond its receptive field a pixel depends on distributions over the whole picture only, and these are additive. A first
round over the tiles computes the distribution of colours, a second that of luma in the new colours, a third those of
features, and a fourth paints.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor

from impasto.image import in_memory
from impasto.image.tiles import Tile, tiles
from impasto.networks.ground import luma
from impasto.networks.tone import KNOTS, histogram_of
from impasto.networks.transport import Normal, apply_affine, merge_normals, normal_of
from impasto.networks.transport_net import MARGIN, TransportNet
from impasto.networks.transport_parts import FeatureMaps, Ground, pool_to
from impasto.process import give_back


def in_rounds(
    network: TransportNet,
    image: Tensor,
    code: Tensor,
    masks: Tensor | None = None,
    *,
    side: int = 0,
    strength: float = 1.0,
    alpha: Tensor | None = None,
) -> Tensor:
    """Return `image` `(1, 3, H, W)` in the style of `code`, with optional masks of its size, as TransportNet does.

    alpha: weights of pixels in the photo's statistics, `(1, 1, H, W)`.
    side: of the tiles; 0 is one tile for the whole image. Each tile is moved to the network's device; the result is on
        the image's device.
    """
    network.check(image, code, masks)
    (height, width), home = image.shape[-2:], next(network.parameters()).device
    result = in_memory(tuple(image.shape), image.dtype, image.device)
    with torch.inference_mode():
        photo, shown = network.padded(image), None if masks is None else network.padded(masks)
        size = (photo.shape[-2], photo.shape[-1])
        every = list(tiles(size, side, network.multiple, network.reach))
        seen = None if alpha is None else network.padded(alpha)
        targets = [network.target(each.to(home)) for each in ([code] if masks is None else code.unbind(1))]
        colours = _merged(every, seen, lambda tile: [tile.window(photo).to(home)])[0]
        affine = network.colour_maps(colours, targets, strength)
        histograms = [_histogram(every, seen, photo, each) for each in affine]
        recolourings = network.recolourings(affine, histograms, targets, strength)

        @lru_cache(maxsize=len(every) == 1)  # a single tile is computed once, each of several twice
        def ground_and_maps(tile: Tile) -> tuple[Ground, FeatureMaps]:
            part, origin = None if shown is None else tile.window(shown).to(home), (tile.rows.first, tile.columns.first)
            pixels = tile.window(photo).to(home)
            if len(every) > 1:
                give_back()  # tiles of other sizes leave holes
            ground = network.ground(pixels, recolourings, targets, part, origin=origin, strength=strength)
            return ground, network.feature_maps(ground.picture)

        own = _merged(every, seen, lambda tile: ground_and_maps(tile)[1].axes)
        transport_maps = network.transport_maps(own, targets, strength)
        for tile in every:
            part = None if shown is None else tile.window(shown).to(home)
            made = network.paint(*ground_and_maps(tile), transport_maps, targets, part).clamp_(0, 1)
            rows, columns = (
                (max(span.start, MARGIN), min(span.stop, MARGIN + length))
                for span, length in ((tile.rows, height), (tile.columns, width))
            )
            if rows[0] < rows[1] and columns[0] < columns[1]:
                down, across = rows[0] - tile.rows.first, columns[0] - tile.columns.first
                found = made[..., down : down + rows[1] - rows[0], across : across + columns[1] - columns[0]]
                place = result[..., rows[0] - MARGIN : rows[1] - MARGIN, columns[0] - MARGIN : columns[1] - MARGIN]
                place.copy_(found)
    return result


def _merged(every: list[Tile], alpha: Tensor | None, maps: Callable[[Tile], Sequence[Tensor]]) -> list[Normal]:
    """Return the distributions of the tiles' maps over the whole picture, or its visible part.

    They are merged tile by tile: many small tensors, kept among the large ones of a pass, would split the heap.
    """
    merged = dict[int, tuple[float, Normal]]()
    for tile in every:
        for k, x in enumerate(maps(tile)):
            seen = None if alpha is None else tile.window(alpha).to(x)
            inside, weights = _inside(tile, x), None if seen is None else _inside(tile, cast(Tensor, pool_to(seen, x)))
            count = inside.shape[-2] * inside.shape[-1] if weights is None else float(weights.sum())
            if count:
                parts = [*([merged[k]] if k in merged else []), (count, normal_of(inside, weights))]
                merged[k] = sum(part for part, _ in parts), merge_normals(parts)
    return [normal for _, normal in merged.values()]


def _histogram(every: list[Tile], alpha: Tensor | None, photo: Tensor, affine: Tensor) -> Tensor:
    """Return the histogram of a photo's luma after an affine map, over the whole picture, or its visible part."""
    found = affine.new_zeros(len(affine), KNOTS)
    for tile in every:
        light = luma(apply_affine(_inside(tile, tile.window(photo)).to(affine), affine))
        found = found + histogram_of(light, None if alpha is None else _inside(tile, tile.window(alpha)).to(light))
    return found


def _inside(tile: Tile, x: Tensor) -> Tensor:
    """Return the part of a window's map that belongs to the tile."""
    step = (tile.rows.last - tile.rows.first) // x.shape[-2]
    top, bottom, left, right = (
        (at - first) // step
        for at, first in (
            (tile.rows.start, tile.rows.first),
            (tile.rows.stop, tile.rows.first),
            (tile.columns.start, tile.columns.first),
            (tile.columns.stop, tile.columns.first),
        )
    )
    return x[..., top:bottom, left:right]
