"""Masks from grey pictures, from alpha and from colour-coded maps, and their propagation to the grid of a layer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from impasto.errors import UsageError, choose
from impasto.image.luminance import luminance
from impasto.image.picture import Picture

TOLERANCE = 8
"""Tolerance of a channel, in levels of 255, because JPEG changes colours a little."""

LEAST_SHARE = 0.005
"""Least share of a map that counts as a colour. Smaller ones are blurred edges."""

MOST = 64
"""Largest number of colours in a map. A picture with more colours is a photo."""


def mask_of(picture: Picture) -> Tensor:
    """Return the mask `(1, 1, H, W)` of a picture: its alpha if it has alpha, else its luminance, with 1 for white."""
    return luminance(picture.pixels) if picture.alpha is None else picture.alpha


def mask_of_color(map: Picture, color: str, file: str) -> Tensor:
    """Return the mask `(1, 1, H, W)` that is 1 where `map` has the `color` "#rrggbb", and 0 elsewhere.

    Colours are equal within `TOLERANCE`. `file` is the name of the map for messages. Raises UsageError for a colour
    that the map lacks, with its nearest colours.
    """
    levels = _channels(color)
    mask = _near(_levels(map.pixels), levels)
    mask = mask if map.alpha is None else mask & (map.alpha[0, 0] > 0)
    if not mask.any():
        raise UsageError(f"'{file}' has no colour {color}{_nearest(map, levels)}")
    return mask[None, None].float()


def check_color(color: str, file: str) -> None:
    """Raise UsageError if `color`, a colour of the map `file`, is not "#rrggbb"."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", color):
        raise UsageError(f"'{color}' is no colour of '{file}'; expected #rrggbb, such as #ff0000")


def colors_in(map: Picture) -> dict[str, float]:
    """Return the colours "#rrggbb" of a colour-coded map with their shares, largest first.

    A colour within `TOLERANCE` of a more frequent one counts as the frequent one. Colours below half a percent are left
    out.
    """
    red, green, blue = _visible_levels(map)
    codes, counts = torch.unique(red << 16 | green << 8 | blue, return_counts=True)
    colors = torch.stack([codes >> 16, codes >> 8 & 255, codes & 255])
    least, shares = LEAST_SHARE * red.numel(), dict[str, float]()
    for _ in range(MOST):
        if counts.sum() < least:
            break
        color = colors[:, counts.argmax()]
        near = _near(colors, color)
        if counts[near].sum() >= least:
            shares[_name(color)] = float(counts[near].sum()) / red.numel()
        colors, counts = colors[:, ~near], counts[~near]
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def same_color(color: str, colors: Iterable[str]) -> str | None:
    """Return the nearest of `colors` to `color`, all "#rrggbb", or None if none is within `TOLERANCE`.

    >>> same_color("#ff0000", ["#00ff00", "#fe0102"])
    '#fe0102'
    """
    levels = _channels(color)

    def distance(name: str) -> int:
        return int((_channels(name) - levels).abs().max())

    nearest = min(colors, key=distance, default=None)
    return nearest if nearest is not None and distance(nearest) <= TOLERANCE else None


def resize_mask(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """Return `mask` `(B, 1, H, W)` at `size` (height, width): means of exact areas if smaller, linear if larger."""
    rows, columns = _axis(mask, 2, size[0]), _axis(mask, 3, size[1])
    return (rows @ mask @ columns.T).clamp(0, 1)


def propagate(mask: Tensor, size: tuple[int, int], stride: int, receptive_field: int, mode: str = "all") -> Tensor:
    """Return a `mask` of pixels `(1, 1, H, W)` on the grid of a layer, `(1, 1, *size)`.

    size: (height, width) of the grid.
    stride, receptive_field: stride and receptive field of the layer, in pixels.
    mode: "all" takes the mean of the mask over the square of stride x stride pixels of each position (Gatys et al.
        2017, "Controlling perceptual factors", section 4.1). "inside" takes the smallest value within the receptive
        field, without its part beyond the image. So only positions whose receptive field lies within the region count,
        and a region narrower than the receptive field vanishes.

    Raises UsageError for an unknown mode, and for a grid that does not fit the size of the mask.

    >>> propagate(torch.ones(1, 1, 32, 48), (8, 12), stride=4, receptive_field=10).shape
    torch.Size([1, 1, 8, 12])
    """
    take = choose(PROPAGATION, mode, "propagation")
    for side, length in zip(size, mask.shape[-2:], strict=True):
        if not length // stride <= side <= -(-length // stride):
            grid, sides = f"{size[1]}x{size[0]}", f"{mask.shape[-1]}x{mask.shape[-2]}"
            raise UsageError(f"a mask of {sides} does not fit a grid of {grid} with a stride of {stride}")
    return take(mask, size, stride, receptive_field)


def _mean(mask: Tensor, size: tuple[int, int], stride: int, _: int) -> Tensor:
    # The size of the grid is rounded down by VGG, where the last row of pixels has no position, and up by ResNet.
    height, width = size[0] * stride, size[1] * stride
    return F.avg_pool2d(mask[..., :height, :width], stride, ceil_mode=True)


def _least(mask: Tensor, size: tuple[int, int], stride: int, side: int) -> Tensor:
    """Return the smallest values over squares of `side` pixels, one for each position; rows first, then columns.

    If the stride comes from 2x2 poolings, as in VGG, `side` is even, and the centre of a position is the centre of its
    square of stride x stride pixels. If it comes from convolutions of odd sides, as in ResNet, `side` is odd, and the
    centre is the first pixel of this square.
    """
    before = (side - 1) // 2 if side % 2 else (side - stride) // 2
    after = [(n - 1) * stride + side - before - length for n, length in zip(size, mask.shape[-2:], strict=True)]
    padded = F.pad(1 - mask, (before, after[1], before, after[0]))  # 0, inside, beyond the border
    return 1 - F.max_pool2d(F.max_pool2d(padded, (side, 1), (stride, 1)), (1, side), (1, stride))


PROPAGATION: dict[str, Callable[[Tensor, tuple[int, int], int, int], Tensor]] = {"all": _mean, "inside": _least}
"""Methods of propagation by name."""


def _axis(mask: Tensor, axis: int, length: int) -> Tensor:
    """Return the matrix that resizes an axis to `length`."""
    old = mask.shape[axis]
    if length >= old:
        return F.interpolate(torch.eye(old).to(mask)[None], size=length, mode="linear", align_corners=False)[0].T
    edges = torch.arange(length + 1).to(mask) * (old / length)
    place = torch.arange(old).to(mask)
    overlap = torch.minimum(edges[1:, None], place + 1) - torch.maximum(edges[:-1, None], place)
    return overlap.clamp(min=0) * (length / old)


def _nearest(map: Picture, levels: Tensor) -> str:
    """Return the part of a message that names the colours of `map` nearest to `levels`."""

    def distance(name: str) -> int:
        return int((_channels(name) - levels).abs().sum())

    colors = sorted(colors_in(map), key=distance)[:3]
    return f"; the nearest that it has: {', '.join(colors)}" if colors else "; it is no map, every pixel has its own"


def _near(levels: Tensor, color: Tensor) -> Tensor:
    """Return a mask, True where `levels` `(3, ...)` equal `color` `(3,)` within the tolerance."""
    return (levels - color.view(3, *[1] * (levels.ndim - 1))).abs().amax(0) <= TOLERANCE


def _levels(pixels: Tensor) -> Tensor:
    """Return pixels as integers from 0 to 255, `(3, H, W)`."""
    return (pixels[0] * 255).round().to(torch.int32)


def _visible_levels(map: Picture) -> Tensor:
    """Return `_levels` of the pixels that are not transparent, `(3, N)`."""
    levels = _levels(map.pixels)
    return levels.flatten(1) if map.alpha is None else levels[:, map.alpha[0, 0] > 0]


def _channels(name: str) -> Tensor:
    """Return the levels of "#rrggbb", integers from 0 to 255, `(3,)`."""
    return torch.tensor([int(name[i : i + 2], 16) for i in (1, 3, 5)])


def _name(color: Tensor) -> str:
    return "#" + "".join(f"{level:02x}" for level in color.tolist())
