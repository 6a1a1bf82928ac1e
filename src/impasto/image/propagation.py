"""A mask of pixels on the grid of a layer (Gatys et al. 2017, "Controlling perceptual factors")."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from impasto.errors import UsageError, choose


def propagate(mask: Tensor, size: tuple[int, int], stride: int, receptive_field: int, mode: str = "all") -> Tensor:
    """Return `mask` `(1, 1, H, W)`, at the size of the image, on the grid `size` of a layer: `(1, 1, *size)`.

    `stride` and `receptive_field` are those of the layer, in pixels. Mode "all" (section 4.1) is the mean of the mask
    over the square of stride x stride pixels of each position. Mode "inside" is the smallest value within the receptive
    field, so that only positions whose receptive field lies within the region count; the part of a receptive field
    beyond the image is ignored. A region narrower than the receptive field vanishes.

    Raises UsageError for an unknown mode, and for a grid that does not fit the size of the mask.

    >>> import torch
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
    # The grid may be rounded down (VGG: the last row of pixels is at no position's centre) or up (ResNet).
    height, width = size[0] * stride, size[1] * stride
    return F.avg_pool2d(mask[..., :height, :width], stride, ceil_mode=True)


def _least(mask: Tensor, size: tuple[int, int], stride: int, side: int) -> Tensor:
    """Return smallest values over squares of `side`, every `stride`, centred on each position; rows, then columns.

    A position is centred in its square of stride x stride pixels if poolings of 2x2 make the stride, as in VGG, and on
    the first pixel of this square if convolutions of odd sides do, as in ResNet: `side` is even or odd.
    """
    before = (side - 1) // 2 if side % 2 else (side - stride) // 2
    after = [(n - 1) * stride + side - before - length for n, length in zip(size, mask.shape[-2:], strict=True)]
    padded = F.pad(1 - mask, (before, after[1], before, after[0]))  # 0, inside, beyond the border
    return 1 - F.max_pool2d(F.max_pool2d(padded, (side, 1), (stride, 1)), (1, side), (1, stride))


PROPAGATION: dict[str, Callable[[Tensor, tuple[int, int], int, int], Tensor]] = {"all": _mean, "inside": _least}
"""Methods of propagation by name."""
