"""A network of transport applied in tiles to a picture of any size, equal to one pass up to rounding.

Beyond its receptive field a pixel depends only on distributions over the whole picture, and these are additive. A first
round over the tiles computes the distribution of colours, a second round that of luma in the new colours, and a third
round those of features. The fourth round paints.
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
from impasto.networks.inputs import MARGIN, add_margin, check_inputs
from impasto.networks.tone import KNOTS, histogram_of
from impasto.networks.transport import Normal, apply_affine, merge_normals, normal_of
from impasto.networks.transport_net import TransportNet
from impasto.networks.transport_parts import (
    FeatureMaps,
    Ground,
    colour_maps,
    ground_of,
    pool_to,
    recolourings,
    transport_maps,
)
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
    """Return `image` `(1, 3, H, W)` in the style of `code`, in [0, 1] and on the device of `image`.

    code, masks, strength: see `TransportNet.forward`.
    side: of the tiles, in pixels; 0 is one tile for the whole image. Each tile is moved to the network's device.
    alpha: weights of pixels in the photo's statistics, `(1, 1, H, W)`.

    Raises UsageError for inputs that do not fit together; see `inputs.check_inputs`.

    >>> from impasto.networks import TransportSettings
    >>> network = TransportNet(TransportSettings(((4,), (8,), (8,), (12,)), (3, 6, 6, 8), (4, 6, 8, 8), (0, 0, 0, 0)))
    >>> image = torch.rand(1, 3, 40, 64)
    >>> tiles = in_rounds(network.eval(), image, network.code(image.flip(3)), side=32)
    >>> torch.allclose(tiles, network(image, network.code(image.flip(3))), atol=1e-4)
    True
    """
    check_inputs(image, code, masks, network.code_size)
    (height, width), device = image.shape[-2:], next(network.parameters()).device
    result = in_memory(tuple(image.shape), image.dtype, image.device)
    with torch.inference_mode():
        photo = add_margin(image, network.multiple)
        regions, weights = (None if x is None else add_margin(x, network.multiple) for x in (masks, alpha))
        size = (photo.shape[-2], photo.shape[-1])
        grid = list(tiles(size, side, network.multiple, network.reach))
        styles = [network.decode_style(x.to(device)) for x in ([code] if masks is None else code.unbind(1))]
        colours = _normals(grid, weights, lambda tile: [tile.window(photo).to(device)])[0]
        affine = colour_maps(colours, styles, strength)
        histograms = [_histogram(grid, weights, photo, colour_map) for colour_map in affine]
        recolour = recolourings(affine, histograms, styles, strength)

        @lru_cache(maxsize=len(grid) == 1)  # a single tile is computed once, each of several tiles twice
        def ground_and_maps(tile: Tile) -> tuple[Ground, FeatureMaps]:
            origin = (tile.rows.first, tile.columns.first)
            tile_regions = None if regions is None else tile.window(regions).to(device)
            pixels = tile.window(photo).to(device)
            if len(grid) > 1:
                give_back()  # freed blocks of tiles of other sizes fragment the heap
            ground = ground_of(pixels, recolour, styles, tile_regions, origin=origin, strength=strength)
            return ground, network.feature_maps(ground.picture)

        normals = _normals(grid, weights, lambda tile: ground_and_maps(tile)[1].axes)
        maps = transport_maps(normals, styles, strength)
        for tile in grid:
            tile_regions = None if regions is None else tile.window(regions).to(device)
            window = network.paint(*ground_and_maps(tile), maps, styles, tile_regions).clamp_(0, 1)
            rows, columns = (
                (max(span.start, MARGIN), min(span.stop, MARGIN + length))
                for span, length in ((tile.rows, height), (tile.columns, width))
            )
            if rows[0] < rows[1] and columns[0] < columns[1]:
                top, left = rows[0] - tile.rows.first, columns[0] - tile.columns.first
                pixels = window[..., top : top + rows[1] - rows[0], left : left + columns[1] - columns[0]]
                place = result[..., rows[0] - MARGIN : rows[1] - MARGIN, columns[0] - MARGIN : columns[1] - MARGIN]
                place.copy_(pixels)
    return result


def _normals(grid: list[Tile], alpha: Tensor | None, maps: Callable[[Tile], Sequence[Tensor]]) -> list[Normal]:
    """Return the distributions of the tiles' maps over the whole picture, with weights `alpha`.

    They are merged tile by tile, because many small tensors among the large ones of a pass would fragment the heap.
    """
    totals = dict[int, tuple[float, Normal]]()
    for tile in grid:
        for k, x in enumerate(maps(tile)):
            weights = None if alpha is None else _inside(tile, cast(Tensor, pool_to(tile.window(alpha).to(x), x)))
            inside = _inside(tile, x)
            count = inside.shape[-2] * inside.shape[-1] if weights is None else float(weights.sum())
            if count:
                parts = [*([totals[k]] if k in totals else []), (count, normal_of(inside, weights))]
                totals[k] = sum(part for part, _ in parts), merge_normals(parts)
    return [normal for _, normal in totals.values()]


def _histogram(grid: list[Tile], alpha: Tensor | None, photo: Tensor, affine: Tensor) -> Tensor:
    """Return the histogram of a photo's luma after an affine map, over the whole picture, with weights `alpha`."""
    histogram = affine.new_zeros(len(affine), KNOTS)
    for tile in grid:
        light = luma(apply_affine(_inside(tile, tile.window(photo)).to(affine), affine))
        weights = None if alpha is None else _inside(tile, tile.window(alpha)).to(light)
        histogram = histogram + histogram_of(light, weights)
    return histogram


def _inside(tile: Tile, x: Tensor) -> Tensor:
    """Return the part of a window's map that belongs to the tile, without its halo."""
    step = (tile.rows.last - tile.rows.first) // x.shape[-2]
    top, bottom, left, right = (
        (position - first) // step
        for position, first in (
            (tile.rows.start, tile.rows.first),
            (tile.rows.stop, tile.rows.first),
            (tile.columns.start, tile.columns.first),
            (tile.columns.stop, tile.columns.first),
        )
    )
    return x[..., top:bottom, left:right]
