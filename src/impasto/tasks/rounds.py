"""A picture of any size through a network of transport, in tiles: exactly one pass over the whole of it, to rounding.

All that a pixel depends on beyond what is near it are the distributions of the picture's features, and these add up. A
first round over the tiles finds them, a second one paints.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from impasto.image import in_memory
from impasto.networks import TransportNet
from impasto.networks.transport import Normal, merged, normal_of
from impasto.networks.transport_net import MARGIN, reduced_to
from impasto.synthesis.tiles import Tile, tiles


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
    """`image` `(1, 3, H, W)` in the style of `code`, with masks as large as the image or without: see
    `TransportNet.forward`.

    `alpha` `(1, 1, H, W)`: how much pixels count in the photo's statistics. `side`: of the tiles; 0 is one for all.
    Each is moved to where the network is, the result is where the image is.
    """
    network.check(image, code, masks)
    (height, width), home = image.shape[-2:], next(network.parameters()).device
    result = in_memory(tuple(image.shape), image.dtype, image.device)
    with torch.inference_mode():
        photo, shown = network.padded(image), None if masks is None else network.padded(masks)
        size = (photo.shape[-2], photo.shape[-1])
        every = list(tiles(size, side, network.multiple, network.reach))
        seen = None if alpha is None else network.padded(alpha)
        own = _distributions(network, photo, seen, every, home)
        codes = [each.to(home) for each in ([code] if masks is None else code.unbind(1))]
        ways, spreads = [network.ways(own, each, strength) for each in codes], [network.spread(each) for each in codes]
        for tile in every:
            part = None if shown is None else tile.window(shown).to(home)
            origin = (tile.rows.first, tile.columns.first)
            made = network.paint(network.maps(tile.window(photo).to(home)), ways, spreads, part, origin).clamp_(0, 1)
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


def _distributions(
    network: TransportNet, photo: Tensor, alpha: Tensor | None, every: list[Tile], home: torch.device
) -> list[Normal]:
    """Those of what is moved, over the whole picture, or over what is visible of it."""
    found: list[list[tuple[float, Normal]]] = [[] for _ in network.moving]
    for tile in every:
        maps = network.maps(tile.window(photo).to(home)).moving
        seen = None if alpha is None else tile.window(alpha).to(home)
        for x, parts in zip(maps, found, strict=True):
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
            inside = x[..., top:bottom, left:right]
            weights = None if seen is None else cast(Tensor, reduced_to(seen, x))[..., top:bottom, left:right]
            count = inside.shape[-2] * inside.shape[-1] if weights is None else float(weights.sum())
            if count:
                parts.append((count, normal_of(inside, weights)))
    return [merged(parts) for parts in found]
