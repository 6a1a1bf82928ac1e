"""A transformer applied to a picture in tiles, for pictures that do not fit into memory.

The moments of a norm are those of the whole picture. Tiles take the moments of a thumbnail instead (Chen et al. 2022,
"Towards Ultra-Resolution Neural Style Transfer via Thumbnail Instance Normalization"), and have a halo as wide as the
receptive field. So there are no seams: up to rounding, the result is that of one pass with these moments. See
`networks/layered.py` for the difference to the picture's own moments.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from impasto.image import fitted_size, in_memory, resize, resize_visible, size_of
from impasto.image.tiles import tiles
from impasto.networks.inputs import SMALLEST
from impasto.networks.layers import Convolution
from impasto.networks.norm import Moments
from impasto.networks.transformer import Transformer
from impasto.networks.transport_net import TransportNet

SLACK = 1.5
"""Memory of a pass relative to the largest layer's input, its padded copy, and its output before and after the norm."""

TRANSPORT = 1.35
"""Memory of a pass of a transport network relative to its maps and its largest layer. With pictures of 512 to 1536
pixels, 1.15 to 1.31 were measured."""

LEAST = 128
"""Least side of a tile, in pixels; smaller windows are mostly halo."""


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
    """Return `image` `(1, 3, H, W)` in the style of `code`, in [0, 1] and on the device of `image`.

    code, masks: see `Transformer.forward`.
    side: of the tiles, in pixels; 0 is one tile for the whole image. Each tile is moved to the network's device.
    thumbnail: longer side of the copy of the image that the moments are computed from, in pixels.
    alpha: weights of pixels in the moments, `(1, 1, H, W)`.

    Raises UsageError as `Transformer.forward` does.

    >>> from impasto.networks import TransformerSettings
    >>> network, image = Transformer(TransformerSettings(width=8, blocks=1)).eval(), torch.rand(1, 3, 40, 64)
    >>> code = network.plain_code()
    >>> torch.allclose(through(network, image, code, side=32, thumbnail=64), network(image, code), atol=1e-4)
    True
    """
    result, size, device = in_memory(tuple(image.shape), image.dtype, image.device), size_of(image), _device(network)
    with torch.inference_mode():
        whole = not side or side >= max(size)
        fixed_moments = None if whole else moments(network, image, code, masks, thumbnail, alpha=alpha)
        for tile in tiles(size, 0 if whole else side, network.multiple, network.reach):
            regions = None if masks is None else tile.window(masks).to(device)
            weights = alpha.to(device) if whole and alpha is not None else None
            window = network(tile.window(image).to(device), code, regions, fixed_moments, alpha=weights)
            rows, columns = tile.rows, tile.columns
            pixels = window[..., rows.start - rows.first :, columns.start - columns.first :]
            height, width = rows.stop - rows.start, columns.stop - columns.start
            result[..., rows.start : rows.stop, columns.start : columns.stop] = pixels[..., :height, :width]
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
    """Return the moments of all norms over a copy of `image` of at most `thumbnail` pixels at its longer side.

    The copy of a narrow image is larger if its shorter side would be less than `SMALLEST`.
    """
    size, used_moments = size_of(image), list[Moments]()
    least = math.ceil(SMALLEST * max(size) / min(size))
    small_size = fitted_size(size, min(max(thumbnail, least), max(size)))
    small = resize(image, small_size) if alpha is None else resize_visible(image, alpha, small_size)
    small = small.clamp(0, 1).to(_device(network))
    weights = None if alpha is None else resize(alpha, small_size).clamp(0, 1).to(small)
    regions = None if masks is None else _normalise_masks(resize(masks, small_size)).to(small)
    network(small, code, regions, used_moments=used_moments, alpha=weights)
    return used_moments


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


def _normalise_masks(masks: Tensor) -> Tensor:
    """Return masks in [0, 1] with a sum of 1: a bicubic kernel overshoots."""
    masks = masks.clamp(0, 1)
    return masks / masks.sum(1, keepdim=True).clamp(min=1e-6)


def _device(network: Transformer) -> torch.device:
    return next(network.parameters()).device
