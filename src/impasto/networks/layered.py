"""A transformer applied layer by layer to a picture of any size, with the result of one pass over the whole picture.

Each layer processes the picture in strips of rows; its norm uses the moments of the whole picture. So only the features
of a layer or two are in memory. The moments of a thumbnail (`networks/tiled.py`) take less memory but change the
result, because a small copy has other frequencies: by 3 to 6 of 255 levels on average for three photos of 1600 pixels
(`docs/apply.md`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.image import in_memory
from impasto.image.tiles import Span, tiles
from impasto.networks.inputs import MARGIN
from impasto.networks.layers import Block, Convolution, Deep, Layer, ToPixels
from impasto.networks.norm import ConditionalNorm, Moments
from impasto.networks.transformer import Transformer

STRIP = 1 << 22
"""Number of values of a strip, at input or output of a layer: 16 MB."""

LEAST = 16
"""Least number of rows of a strip; more than the reflection at the lower border has."""

Rows = Callable[[int, int], Tensor]
"""A function from the first row and the end of a range to these rows of a map."""


def layered(
    network: Transformer, image: Tensor, code: Tensor, masks: Tensor | None = None, alpha: Tensor | None = None
) -> Tensor:
    """Return `image` `(1, 3, H, W)` in the style of `code`, in [0, 1] and on the device of `image`.

    code, masks, alpha: see `Transformer.forward`.

    >>> from impasto.networks import TransformerSettings
    >>> network, image = Transformer(TransformerSettings(width=8, blocks=1)).eval(), torch.rand(1, 3, 40, 64)
    >>> code = network.plain_code()
    >>> torch.allclose(layered(network, image, code), network(image, code), atol=1e-4)
    True
    """
    height, width = image.shape[-2:]
    with torch.inference_mode():
        layers = _Pass(network, code, masks, alpha, (height, width))
        x = layers.features(image)
    result, last_layer = in_memory(tuple(image.shape), image.dtype, image.device), cast(ToPixels, network.last)
    with torch.inference_mode():
        for span in _strips(x, 1, last_layer.padding):
            first, last = max(span.start, MARGIN), min(span.stop, MARGIN + height)
            if first < last:
                pixels = last_layer(x[..., span.first : span.last, :]).clamp_(0, 1)
                pixels = pixels[..., first - span.first : last - span.first, MARGIN : MARGIN + width]
                result[..., first - MARGIN : last - MARGIN, :] = pixels
    return result


def held(network: Transformer) -> float:
    """Return the peak memory of the maps of `layered`, in bytes per pixel.

    The peak is at three maps before the last layer, or at one of them and the larger maps of head or tail.
    """
    settings, bytes_per_value = network.settings, next(network.parameters()).element_size()
    half = settings.width // 2 if settings.ends == "convolution" else settings.detail
    return bytes_per_value * max(3 * settings.width / 16, half / 4 + half / 2)


class _Pass:
    """The layers of one pass up to the last, and the position in the numbers of the code."""

    def __init__(
        self,
        network: Transformer,
        code: Tensor,
        masks: Tensor | None,
        alpha: Tensor | None,
        size: tuple[int, int],
    ) -> None:
        self.network, self.size = network, size
        self.device = next(network.parameters()).device
        self.code, self.position = code.to(self.device), 0
        self.grid = tuple(2 * MARGIN + side + -side % network.multiple for side in size)
        self.masks, self.alpha = (
            None if x is None else self._rows_with_margin(x, 0, self.grid[0]) for x in (masks, alpha)
        )
        self.averages: dict[tuple[str, int], Tensor] = {}

    def features(self, image: Tensor) -> Tensor:
        """Return the input of the last layer."""
        ratio = 2 if self.network.settings.ends == "shuffle" else 1
        grid = tuple(side // ratio for side in self.grid)

        def rows(first: int, last: int) -> Tensor:
            pixels = self._rows_with_margin(image, first * ratio, last * ratio)
            return F.pixel_unshuffle(pixels, ratio).contiguous(memory_format=torch.channels_last)

        x: Tensor | None = None
        for part in (*self.network.head, *self.network.blocks, *self.network.tail):
            if isinstance(part, Layer):
                x = self._layer(part, rows, grid) if x is None else self._layer(part, _rows_of(x), x.shape[-2:])
            else:
                assert x is not None
                self._deep(part, x) if isinstance(part, Deep) else self._block(part, x)
        assert x is not None
        return x

    def _block(self, block: nn.Module, x: Tensor) -> None:
        """Add a block's output to `x`, in place."""
        assert isinstance(block, Block)
        x += self._next(block.second, self._next(block.first, x))

    def _deep(self, deep: Deep, x: Tensor) -> None:
        """Add the output of deep blocks to `x`, in place."""
        y = self._next(deep.down, x)
        for block in deep.blocks:
            self._block(block, y)
        y = self._next(deep.up, y)
        for span in _strips(y, 1, 1):
            large = F.interpolate(
                y[..., span.first : span.last, :], scale_factor=2, mode="bilinear", align_corners=False
            )
            top = 2 * (span.start - span.first)
            x[..., 2 * span.start : 2 * span.stop, :] += large[..., top : top + 2 * (span.stop - span.start), :]

    def _next(self, layer: Layer, x: Tensor) -> Tensor:
        return self._layer(layer, _rows_of(x), x.shape[-2:])

    def _layer(self, layer: Layer, rows: Rows, grid: tuple[int, ...]) -> Tensor:
        """Return the output of a layer for a map of this `grid`, `(height, width)`."""
        output = self._convolve(layer.convolution, rows, grid)
        weights = None if self.alpha is None else self._average("alpha", self.alpha, output.shape[-2])
        moments, channels = _moments(layer.norm, output, weights), layer.norm.channels
        scale, shift = (
            self.code[..., self.position + k * channels : self.position + (k + 1) * channels] for k in (0, 1)
        )
        self.position += 2 * channels
        for span in _strips(output, 1, 0):
            strip = output[..., span.start : span.stop, :]
            condition = (self._condition(numbers, output.shape[-2], span) for numbers in (scale, shift))
            normalised = layer.norm(strip, *condition, moments)
            strip.copy_(normalised if layer.linear else F.relu_(normalised))
        return output

    def _convolve(self, layer: Convolution, rows: Rows, grid: tuple[int, ...]) -> Tensor:
        """Return the convolution of a map of this `grid`, strip by strip."""
        stride, up, channels = layer.convolution.stride[0], layer.scale_factor, layer.convolution.out_channels
        height, width = (side * up // stride for side in grid)
        dtype = layer.convolution.weight.dtype
        output = in_memory((1, height, width, channels), dtype, self.device).permute(0, 3, 1, 2)
        row_values = max(layer.convolution.in_channels * grid[1], channels * width)
        reach = -(-layer.padding // up)
        halo = -(-reach // stride) * stride
        for span in _spans(grid[0], row_values, stride, halo):
            strip = layer(rows(span.first, span.last).to(self.device))
            top, first, last = ((row * up) // stride for row in (span.start - span.first, span.start, span.stop))
            output[..., first:last, :] = strip[..., top : top + last - first, :]
        return output

    def _condition(self, numbers: Tensor, height: int, span: Span) -> Tensor:
        """Return numbers of the code over the rows of a strip; see `layers.Conditions`."""
        if self.masks is None:
            return numbers[..., None, None]
        masks = self._average("masks", self.masks, height)[..., span.start : span.stop, :]
        return torch.einsum("bkc,bkhw->bchw", numbers, masks)

    def _average(self, name: str, masks: Tensor, height: int) -> Tensor:
        """Return `masks`, averaged to features of this height, on the network's device; cached by name and ratio."""
        ratio = masks.shape[-2] // height
        if (name, ratio) not in self.averages:
            self.averages[name, ratio] = F.avg_pool2d(masks, ratio).to(self.device)
        return self.averages[name, ratio]

    def _rows_with_margin(self, x: Tensor, first: int, last: int) -> Tensor:
        """Return rows of a picture with its reflected margin; see `inputs.add_margin`."""
        rows = torch.arange(first - MARGIN, last - MARGIN, device=x.device).abs()
        end = self.size[0] - 1
        picture_rows = x[..., end - (end - rows).abs(), :]
        return F.pad(picture_rows, (MARGIN, self.grid[1] - MARGIN - self.size[1], 0, 0), mode="reflect")


def _moments(norm: ConditionalNorm, x: Tensor, weights: Tensor | None) -> Moments:
    """Return the moments of `norm` over all of `x`, in strips; `weights` `(1, 1, H, W)` are those of positions."""
    if norm.kind != "instance":
        return norm.moments(x[..., :1, :1])
    if weights is not None:
        return _weighted_moments(x, weights)
    count = x.shape[-2] * x.shape[-1]
    parts = [x[..., span.start : span.stop, :].permute(0, 2, 3, 1).flatten(0, 2) for span in _strips(x, 1, 0)]
    mean = sum((part.sum(0).double() for part in parts), torch.zeros(1, device=x.device).double()) / count
    centre = mean.to(x)
    squares = sum(((part - centre).square_().sum(0).double() for part in parts), torch.zeros_like(mean)) / count
    return Moments(centre.view(1, -1, 1, 1), squares.to(x).view(1, -1, 1, 1))


def _weighted_moments(x: Tensor, weights: Tensor) -> Moments:
    total, spans = weights.sum().double(), list(_strips(x, 1, 0))
    parts = [(x[..., s.start : s.stop, :], weights[..., s.start : s.stop, :]) for s in spans]
    zero = torch.zeros(1, device=x.device, dtype=torch.double)
    mean = sum(((part * w).sum((0, 2, 3)).double() for part, w in parts), zero) / total
    centre = mean.to(x).view(1, -1, 1, 1)
    squares = sum((((part - centre).square_() * w).sum((0, 2, 3)).double() for part, w in parts), zero) / total
    return Moments(centre, squares.to(x).view(1, -1, 1, 1))


def _strips(x: Tensor, step: int, halo: int) -> Iterator[Span]:
    return _spans(x.shape[-2], x.shape[1] * x.shape[-1], step, halo)


def _spans(height: int, row_values: int, step: int, halo: int) -> Iterator[Span]:
    """Yield strips of rows of about `STRIP` values, for rows of `row_values` values."""
    side = max(LEAST, STRIP // row_values // step * step)
    return (tile.rows for tile in tiles((height, 1), side, step, halo))


def _rows_of(x: Tensor) -> Rows:
    return lambda first, last: x[..., first:last, :]
