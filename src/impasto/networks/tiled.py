"""A network applied to a picture: whole, or in tiles if memory is short.

The moments of a norm are those of the whole picture. Tiles take the moments of a thumbnail instead (Chen et al. 2022,
"Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance Normalization"), and have a halo as wide as the
receptive field. So they have no seams: up to rounding, they equal the whole picture with these moments. See
`networks/layered.py` for the difference to the picture's own moments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.image import fitted_size, in_memory, resize, resize_visible, size_of
from impasto.image.tiles import tiles
from impasto.networks.layers import Convolution
from impasto.networks.norm import Moments
from impasto.networks.transformer import SMALLEST, Transformer
from impasto.networks.transport_net import TransportNet

SLACK = 1.5
"""Memory of a pass relative to the largest layer's input, its padded copy, and its output before and after the norm."""

TRANSPORT = 1.35
"""Memory of a pass of a network of transport relative to its maps and its largest layer: 1.15 to 1.31 were measured with
pictures of 512 to 1536 pixels."""

LEAST = 128
"""Least side of a tile, in pixels; smaller tiles are mostly halo."""


def through(
    network: Transformer,
    image: Tensor,
    code: Tensor,
    masks: Tensor | None = None,
    *,
    side: int = 0,
    thumbnail: int = 1024,
    alpha: Tensor | None = None,
) -> Tensor:
    """Return `image` `(1, 3, H, W)` in the style of `code`, see `Transformer.forward`; `masks` have the image's size.

    side: of the tiles; 0 is one tile for the whole image. Each tile is moved to the network's device; the result is on
        the image's device.
    alpha: weights of pixels in the moments, `(1, 1, H, W)`.
    """
    result, size, home = in_memory(tuple(image.shape), image.dtype, image.device), size_of(image), _home(network)
    with torch.inference_mode():
        given = None if not side or side >= max(size) else moments(network, image, code, masks, thumbnail, alpha=alpha)
        for tile in tiles(size, side if given else 0, network.multiple, network.reach):
            window, part = tile.window(image).to(home), None if masks is None else tile.window(masks).to(home)
            visible = alpha.to(home) if given is None and alpha is not None else None  # for the whole image only
            painted = network(window, code, part, given, alpha=visible)
            rows, columns = tile.rows, tile.columns
            own = painted[..., rows.start - rows.first :, columns.start - columns.first :]
            height, width = rows.stop - rows.start, columns.stop - columns.start
            result[..., rows.start : rows.stop, columns.start : columns.stop] = own[..., :height, :width]
    return result


def moments(
    network: Transformer,
    image: Tensor,
    code: Tensor,
    masks: Tensor | None = None,
    thumbnail: int = 1024,
    *,
    alpha: Tensor | None = None,
) -> Sequence[Moments]:
    """Return the moments of all norms over `image`, reduced to at most `thumbnail` pixels at its longer side."""
    size, seen = size_of(image), list[Moments]()
    least = math.ceil(SMALLEST * max(size) / min(size))  # a smaller copy of a narrow picture is too small
    small = fitted_size(size, min(max(thumbnail, least), max(size)))
    colors = resize(image, small) if alpha is None else resize_visible(image, alpha, small)
    shown = colors.clamp(0, 1).to(_home(network))
    visible = None if alpha is None else resize(alpha, small).clamp(0, 1).to(shown)
    parts = None if masks is None else _sharing(resize(masks, small)).to(shown)
    network(shown, code, parts, seen=seen, alpha=visible)
    return seen


def cost(network: Transformer | TransportNet) -> float:
    """Return the approximate memory of a pass, in bytes per pixel: the largest layer, measured on a small picture, and
    the maps of a network of transport."""
    found: list[float] = []

    def see(layer: nn.Module, given: tuple[Tensor, ...], made: Tensor) -> None:
        found.append(2 * given[0].numel() + 2 * made.numel())

    like, side = next(network.parameters()), 64
    hooks = [layer.register_forward_hook(see) for layer in network.modules() if isinstance(layer, Convolution)]
    try:
        with torch.inference_mode():
            network(like.new_zeros(1, 3, side, side), network.plain_code().to(like))
    finally:
        for hook in hooks:
            hook.remove()
    numbers = SLACK * max(found) / (side + 2 * network.margin) ** 2
    if isinstance(network, TransportNet):
        numbers = TRANSPORT * (numbers + network.floats_per_pixel)
    return like.element_size() * numbers


def side_for(network: Transformer | TransportNet, budget: float) -> int:
    """Return the side of the largest tiles whose windows take at most `budget` bytes, and at least `LEAST`."""
    side = int((budget / cost(network)) ** 0.5) - 2 * network.reach
    return max(LEAST, side // network.multiple * network.multiple)


def _sharing(masks: Tensor) -> Tensor:
    """Return masks with a sum of 1, after the bicubic kernel has overshot."""
    masks = masks.clamp(0, 1)
    return masks / masks.sum(1, keepdim=True).clamp(min=1e-6)


def _home(network: Transformer) -> torch.device:
    return next(network.parameters()).device
