"""Change the size of an image without aliasing, differentiably."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import torch
import torch.nn.functional as F

from impasto.errors import UsageError
from impasto.image.allocation import in_memory
from impasto.image.hidden import resampled
from impasto.image.picture import Picture

Size = tuple[int, int]
"""Height and width, in pixels or in positions of a grid."""

ODD = 0.02
"""Largest relative difference of proportions that count as the same."""


def size_of(image: torch.Tensor) -> Size:
    """Return (height, width) of a tensor `(..., H, W)`."""
    return image.shape[-2], image.shape[-1]


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return `image` `(B, C, H, W)`, floats, at `size` (height, width); the same tensor if it has this size already.

    Bicubic (a = -1/2) with a kernel widened by the factor of a reduction, so that fine patterns become their mean
    instead of aliasing; equal to Pillow's BICUBIC except for its rounding. The cubic overshoots by a few percent at
    sharp edges: clamp the result if it must stay in [0, 1].

    >>> resize(torch.rand(1, 3, 20, 30), (10, 15)).shape
    torch.Size([1, 3, 10, 15])
    """
    if image.ndim != 4 or not image.is_floating_point():
        raise UsageError(f"the image is {image.dtype} of shape {tuple(image.shape)}; expected floats (B, C, H, W)")
    if min(size) < 1:
        raise UsageError(f"size is {tuple(size)}; expected a height and a width of at least 1")
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    if image.requires_grad or image.device.type != "cpu":
        return F.interpolate(image, size=tuple(size), mode="bicubic", align_corners=False, antialias=True)
    result = in_memory((*image.shape[:2], *size), image.dtype, image.device)
    torch.ops.aten._upsample_bicubic2d_aa.out(image, tuple(size), False, out=result)  # as F.interpolate does
    return result


def resize_wrapped(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Like `resize` for a periodic picture: the pixels beyond an edge are those of the opposite edge."""
    height, width = size
    repeated = resize(image.repeat(1, 1, 3, 3), (3 * height, 3 * width))
    return repeated[..., height : 2 * height, width : 2 * width].contiguous()


def fit(image: torch.Tensor, longer_side: int) -> torch.Tensor:
    """Return `image` `(B, C, H, W)` resized so that its longer side has `longer_side` pixels; see `resize`."""
    return resize(image, fitted_size((image.shape[-2], image.shape[-1]), longer_side))


def reduced(picture: Picture, longer_side: int | None) -> Picture:
    """Return `picture`, reduced if its longer side exceeds `longer_side` pixels (None: never), in [0, 1]."""
    if longer_side is None or max(picture.size) <= longer_side:
        return picture
    return resized(picture, fitted_size(picture.size, longer_side))


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Return `picture` at `size` (height, width), in [0, 1]; transparent pixels do not colour visible ones."""
    if picture.size == tuple(size):
        return picture
    if picture.alpha is None:
        return replace(picture, pixels=resize(picture.pixels, size).clamp_(0, 1))
    pixels = resize_visible(picture.pixels, picture.alpha, size)
    return replace(picture, pixels=pixels, alpha=resize(picture.alpha, size).clamp_(0, 1))


def resize_visible(pixels: torch.Tensor, alpha: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Like `resize` for colours `(1, 3, H, W)` weighted by `alpha` `(1, 1, H, W)`; the result is in [0, 1]."""
    if tuple(pixels.shape[-2:]) == tuple(size):
        return pixels
    return resampled(pixels, alpha, partial(resize, size=size))


def same_shape(own: tuple[int, int], size: tuple[int, int]) -> bool:
    """Return whether two (height, width) have the same proportions, up to `ODD` and a pixel of rounding."""
    difference = abs(own[1] * size[0] - own[0] * size[1])
    return difference <= ODD * own[0] * size[1] + max(*own, *size)


def check_shape(own: tuple[int, int], size: tuple[int, int], name: str, what: str) -> None:
    """Raise UsageError if `name`, a picture or mask of size `own`, has other proportions than the `what` of `size`.

    Both sizes are (height, width). The file most likely belongs to another picture.
    """
    if not same_shape(own, size):  # proportions as well, because a large picture may have been reduced by now
        sizes = f"{own[1]}x{own[0]} pixels, the {what} {size[1]}x{size[0]}"
        proportions = f"{own[1] / own[0]:.3g} and {size[1] / size[0]:.3g} times as wide as high"
        raise UsageError(f"{name} has another shape than the {what}: {sizes} ({proportions})")


def fitted_size(size: tuple[int, int], longer_side: int) -> tuple[int, int]:
    """Return (height, width) in the proportions of `size` with a longer side of `longer_side`; both are at least 1.

    >>> fitted_size((300, 451), 64)
    (43, 64)
    """
    if longer_side < 1:
        raise UsageError(f"the longer side is {longer_side}; expected at least 1 pixel")
    longest = max(size)
    height, width = (max(1, (2 * side * longer_side + longest) // (2 * longest)) for side in size)
    return height, width
