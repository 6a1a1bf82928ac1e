"""Resampling of images: change of size without aliasing, and rotation."""

from __future__ import annotations

import math
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
"""Largest relative difference of proportions that count as equal."""


def size_of(image: torch.Tensor) -> Size:
    """Return (height, width) of a tensor `(..., H, W)`.

    >>> size_of(torch.zeros(1, 3, 40, 60))
    (40, 60)
    """
    return image.shape[-2], image.shape[-1]


def resize(image: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Return `image` `(B, C, H, W)`, floats, at `size` (height, width); the same tensor if it has this size already.

    The kernel is bicubic (a = -1/2), and wider by the factor of a reduction, so that fine patterns become their mean
    instead of aliasing. The result equals that of Pillow's BICUBIC, except for rounding, and is differentiable. The
    kernel overshoots by a few percent at sharp edges; clamp the result if it must be in [0, 1].

    Raises UsageError for another shape or dtype, and for a size below 1.

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
    """Return a periodic `image` at `size`, as `resize` does; beyond an edge are the pixels of the opposite edge."""
    height, width = size
    repeated = resize(image.repeat(1, 1, 3, 3), (3 * height, 3 * width))
    return repeated[..., height : 2 * height, width : 2 * width].contiguous()


def fit(image: torch.Tensor, longer_side: int) -> torch.Tensor:
    """Return `image` `(B, C, H, W)`, resized to a longer side of `longer_side` pixels; see `resize`.

    >>> fit(torch.rand(1, 3, 20, 30), 15).shape
    torch.Size([1, 3, 10, 15])
    """
    return resize(image, fitted_size((image.shape[-2], image.shape[-1]), longer_side))


def reduced(picture: Picture, longer_side: int | None) -> Picture:
    """Return `picture`, reduced if its longer side has more than `longer_side` pixels, in [0, 1]; None for no limit."""
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
    """Return colours `(1, 3, H, W)`, weighted by `alpha` `(1, 1, H, W)`, at `size`, in [0, 1]; see `resize`."""
    if tuple(pixels.shape[-2:]) == tuple(size):
        return pixels
    return resampled(pixels, alpha, partial(resize, size=size))


def same_shape(own: tuple[int, int], size: tuple[int, int]) -> bool:
    """Return whether two (height, width) have the same proportions, up to `ODD` and a pixel of rounding.

    >>> same_shape((100, 150), (67, 100)), same_shape((100, 150), (100, 100))
    (True, False)
    """
    difference = abs(own[1] * size[0] - own[0] * size[1])
    return difference <= ODD * own[0] * size[1] + max(*own, *size)


def check_shape(own: tuple[int, int], size: tuple[int, int], name: str, what: str) -> None:
    """Raise UsageError if a picture or mask of size `own` has other proportions than `size`.

    Most likely the file then belongs to another picture. Both sizes are (height, width). `name` is the name of the
    picture or mask of size `own`, and `what` that of the one of `size`, for messages.
    """
    if not same_shape(own, size):  # proportions as well, because a large picture may have been reduced by now
        sizes = f"{own[1]}x{own[0]} pixels, the {what} {size[1]}x{size[0]}"
        proportions = f"{own[1] / own[0]:.3g} and {size[1] / size[0]:.3g} times as wide as high"
        raise UsageError(f"{name} has another shape than the {what}: {sizes} ({proportions})")


def fitted_size(size: tuple[int, int], longer_side: int) -> tuple[int, int]:
    """Return (height, width) with the proportions of `size` and a longer side of `longer_side`; both are at least 1.

    Raises UsageError for a `longer_side` below 1.

    >>> fitted_size((300, 451), 64)
    (43, 64)
    """
    if longer_side < 1:
        raise UsageError(f"the longer side is {longer_side}; expected at least 1 pixel")
    longest = max(size)
    height, width = (max(1, (2 * side * longer_side + longest) // (2 * longest)) for side in size)
    return height, width


def rotate(
    image: torch.Tensor, degrees: float, mask: torch.Tensor | None = None, alpha: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return `image` rotated counter-clockwise by `degrees`, `(1, 3, H', W')`, and its mask `(1, 1, H', W')` or None.

    image: `(1, 3, H, W)`. The result is large enough for all pixels.
    mask, alpha: `(1, 1, H, W)`. Colours are weighted by `alpha`.

    Quarter turns only move pixels. Without a mask, their result has none. Other angles are bilinear, and the empty
    corners are outside the mask of the result.

    >>> rotate(torch.rand(1, 3, 20, 30), 90)[0].shape
    torch.Size([1, 3, 30, 20])
    """
    turns, rest = divmod(degrees, 90)
    if rest == 0:
        quarter = int(turns) % 4
        image = torch.rot90(image, quarter, (2, 3))
        return image, None if mask is None else torch.rot90(mask, quarter, (2, 3))
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    height, width = image.shape[-2:]
    tall = math.ceil(abs(width * sin) + abs(height * cos))
    wide = math.ceil(abs(width * cos) + abs(height * sin))
    # The matrix maps positions in the rotated picture to positions in the original, both from -1 to 1.
    matrix = image.new_tensor(
        [[cos * wide / width, -sin * tall / width, 0.0], [sin * wide / height, cos * tall / height, 0.0]]
    )
    grid = F.affine_grid(matrix[None], [1, 1, tall, wide], align_corners=False)
    whole = torch.ones_like(image[:, :1]) if mask is None else mask
    inside = F.grid_sample(whole, grid, align_corners=False)

    def sample(values: torch.Tensor) -> torch.Tensor:
        return F.grid_sample(values, grid, padding_mode="border", align_corners=False)

    return sample(image) if alpha is None else resampled(image, alpha, sample), inside
