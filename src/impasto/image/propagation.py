"""A mask of pixels brought to the grid of a network's layer (Gatys et al. 2017, "Controlling perceptual factors")."""

from __future__ import annotations

from collections.abc import Callable

import torch.nn.functional as F
from torch import Tensor

from impasto.errors import UsageError, choose


def propagate(mask: Tensor, size: tuple[int, int], stride: int, receptive_field: int, mode: str = "all") -> Tensor:
    """`mask` `(1, 1, H, W)`, at the picture's own size, on the grid `size` (height, width) of a layer: `(1, 1, *size)`.

    `stride` and `receptive_field` are the layer's, in pixels. "all" (section 4.1): the mean of the mask over each
    position's own square of stride x stride pixels. "inside": the mask's least value over all that a position sees,
    so that only those whose receptive field lies wholly in the region belong to it; what a receptive field sees beyond
    the picture's border does not count. A region narrower than that vanishes.

    Raises UsageError for an unknown mode, and for a grid that a picture of the mask's size cannot have.
    """
    take = choose(PROPAGATION, mode, "propagation")
    for side, length in zip(size, mask.shape[-2:], strict=True):
        if not length // stride <= side <= -(-length // stride):
            grid, sides = f"{size[1]}x{size[0]}", f"{mask.shape[-1]}x{mask.shape[-2]}"
            raise UsageError(f"a mask of {sides} does not fit a grid of {grid} with a stride of {stride}")
    return take(mask, size, stride, receptive_field)


def _mean(mask: Tensor, size: tuple[int, int], stride: int, _: int) -> Tensor:
    # The grid may be rounded down (VGG: the last row of pixels is seen by nobody's centre) or up (ResNet).
    height, width = size[0] * stride, size[1] * stride
    return F.avg_pool2d(mask[..., :height, :width], stride, ceil_mode=True)


def _least(mask: Tensor, size: tuple[int, int], stride: int, side: int) -> Tensor:
    """Least values over squares of `side`, every `stride`, centred on each position; rows first, then columns.

    A position is centred in its own square of stride x stride pixels where poolings of 2x2 make the stride, as in VGG,
    and on that square's first pixel where convolutions of odd sides do, as in ResNet: `side` is even or odd.
    """
    before = (side - 1) // 2 if side % 2 else (side - stride) // 2
    after = [(n - 1) * stride + side - before - length for n, length in zip(size, mask.shape[-2:], strict=True)]
    padded = F.pad(1 - mask, (before, after[1], before, after[0]))  # 0, inside, beyond the border
    return 1 - F.max_pool2d(F.max_pool2d(padded, (side, 1), (stride, 1)), (1, side), (1, stride))


PROPAGATION: dict[str, Callable[[Tensor, tuple[int, int], int, int], Tensor]] = {"all": _mean, "inside": _least}
"""How masks reach a layer's grid, by name."""
