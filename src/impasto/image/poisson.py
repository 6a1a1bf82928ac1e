"""Seamless cloning of one picture into another by its gradients (Perez et al. 2003, "Poisson image editing")."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from impasto.errors import UsageError, choose
from impasto.image.multigrid import solve


def blend(
    source: Tensor,
    target: Tensor,
    mask: Tensor,
    at: tuple[int, int] = (0, 0),
    gradients: str = "importing",
    *,
    visible: Tensor | None = None,
) -> Tensor:
    """Return `target` with the masked part of `source` cloned into it, `(1, 3, H, W)` in [0, 1].

    source: `(1, 3, h, w)` in [0, 1].
    target: `(1, 3, H, W)` in [0, 1].
    mask: `(1, 1, h, w)` in [0, 1]. Pixels of the source with a mask above 1/2 are cloned.
    at: the position (x, y) in the target of the top left corner of the source. A part beyond the target is cut off.
    gradients: "importing" uses the gradients of the source (equation 11). "mixed" uses, at each pixel, the stronger
        gradient of both pictures (equation 12).
    visible: bool `(1, 1, h, w)`, False for transparent pixels of the source.

    The result equals the target at the outline (equation 7, solved for each channel). It is free at the border of the
    target, and a source that covers the whole target gets the mean colour of the target. Where the source has no
    gradients, beyond its edge and in transparent pixels, the gradients of the target are used.

    Raises UsageError for unknown gradients, for shapes that do not fit, and if mask and target have no common pixel.

    >>> target, mask = torch.full((1, 3, 8, 8), 0.5), torch.ones(1, 1, 4, 4)
    >>> torch.allclose(blend(torch.zeros(1, 3, 4, 4), target, mask, at=(2, 2)), target)
    True
    """
    guide = choose(GRADIENTS, gradients, "gradients")
    _check(source, target, mask)
    inside, has_source, colors = _place(source, target, mask, at, visible)
    rows, columns = _box(inside)
    inside, own = inside[rows, columns], target[0, :, rows, columns]
    excess = _excess(colors[:, rows, columns] - own, own, has_source[rows, columns], guide)
    change = _rectangle(inside, excess) if _is_rectangle(inside) else solve(inside, excess[:, None])[:, 0]
    result = target.clone()
    result[0, :, rows, columns] += change
    return result.clamp(0, 1)


def _importing(source: Tensor, _: Tensor) -> Tensor:
    return source


def _mixed(source: Tensor, target: Tensor) -> Tensor:
    return torch.where(target.abs() > source.abs(), target, source)


GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"importing": _importing, "mixed": _mixed}
"""Functions from the gradients of source and target to the guiding gradients, by name (equations 11 and 13)."""


def _check(source: Tensor, target: Tensor, mask: Tensor) -> None:
    """Raise UsageError for wrong shapes."""
    for name, image in (("source", source), ("target", target)):
        if image.ndim != 4 or image.shape[:2] != (1, 3):
            raise UsageError(f"the {name} has shape {tuple(image.shape)}; expected (1, 3, H, W)")
    expected = (1, 1, *source.shape[-2:])
    if mask.shape != expected:
        raise UsageError(f"the mask has shape {tuple(mask.shape)}; expected {expected}, as the source")


def _place(
    source: Tensor, target: Tensor, mask: Tensor, at: tuple[int, int], visible: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return, on the grid of the target: where to clone, where the source is visible, and the colours of the source.

    Raises UsageError if no pixel of the target is cloned over.
    """
    visible = torch.ones_like(mask, dtype=torch.bool) if visible is None else visible
    (height, width), (rows, columns), (x, y) = target.shape[-2:], source.shape[-2:], at
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + rows, height), min(x + columns, width)
    inside = torch.zeros(height, width, dtype=torch.bool)
    has_source, colors = torch.zeros_like(inside), target[0].clone()
    if top < bottom and left < right:
        overlap = (0, 0, slice(top - y, bottom - y), slice(left - x, right - x))
        inside[top:bottom, left:right] = (mask > 0.5)[overlap] & visible[overlap]
        has_source[top:bottom, left:right] = visible[overlap]
        colors[:, top:bottom, left:right] = source[0, :, top - y : bottom - y, left - x : right - x]
    if not inside.any():
        raise UsageError(
            f"no part of the mask lies on the target: it is {width}x{height}, the mask {columns}x{rows} at {x},{y}"
        )
    return inside, has_source, colors


def _box(inside: Tensor) -> tuple[slice, slice]:
    """Return the rows and columns of the region, with a margin of one pixel within the target."""
    rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
    return slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2), slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2)


def _excess(
    difference: Tensor, target: Tensor, has_source: Tensor, guide: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Return, for each pixel, the sum over its neighbours of the guiding gradient minus that of the target.

    With this right side, the solution is the difference from the target, which is 0 at the outline. Missing gradients
    of the source do not count.
    """
    total = torch.zeros_like(target)
    for axis in (1, 2):
        own, change = target.diff(dim=axis), difference.diff(dim=axis)
        both = has_source.narrow(axis - 1, 1, own.shape[axis]) & has_source.narrow(axis - 1, 0, own.shape[axis])
        extra = (guide(own + change, own) - own) * both
        total.narrow(axis, 1, own.shape[axis]).add_(extra)
        total.narrow(axis, 0, own.shape[axis]).sub_(extra)
    return total


def _is_rectangle(inside: Tensor) -> bool:
    """Return whether the region is all of its rows times all of its columns."""
    return int(inside.sum()) == int(inside.any(0).sum()) * int(inside.any(1).sum())


def _rectangle(inside: Tensor, right_side: Tensor) -> Tensor:
    """Return the solution on a rectangle, by sine and cosine transforms, which make the equation diagonal."""
    rows, columns = inside.any(1), inside.any(0)
    values = right_side[:, rows][:, :, columns].double().numpy()
    ends = [(bool(line[0]), bool(line[-1])) for line in (rows, columns)]
    waves, (down, across) = values, (_eigenvalues(n, end) for n, end in zip(values.shape[1:], ends, strict=True))
    for axis, end in enumerate(ends, 1):
        waves = _transform(waves, axis, end)
    total = down[:, None] + across
    total[total == 0] = np.inf  # the mean, which no equation determines
    waves = waves / total
    for axis, (n, end) in enumerate(zip(values.shape[1:], ends, strict=True), 1):
        waves = _inverse(waves, axis, end, n)
    result = torch.zeros_like(right_side)
    result[:, inside] = torch.from_numpy(waves).to(result).flatten(1)
    return result


# Each end of an axis is fixed (0 beyond the end) or free. With two fixed ends the transform has sines, with two free
# ends cosines. With one free end it has sines on the axis with its mirror image beyond the free end.

Ends = tuple[bool, bool]
Array = NDArray[np.float64]


def _eigenvalues(length: int, free: Ends) -> Array:
    """Return the eigenvalues of the equation along one axis."""
    if all(free):
        return np.asarray(2 - 2 * np.cos(np.pi * np.arange(length) / length))
    doubled = length * (1 + any(free))
    return np.asarray(2 - 2 * np.cos(np.pi * np.arange(1, doubled + 1) / (doubled + 1)))


def _transform(values: Array, axis: int, free: Ends) -> Array:
    """Return the sine or cosine transform along one axis."""
    from scipy import fft  # noqa: PLC0415 (it takes a quarter of a second, and few commands blend)

    if all(free):
        return np.asarray(fft.dct(values, 2, axis=axis, workers=-1))
    if any(free):
        mirror = np.flip(values, axis)
        values = np.concatenate([mirror, values] if free[0] else [values, mirror], axis)
    return np.asarray(fft.dst(values, 1, axis=axis, workers=-1))


def _inverse(waves: Array, axis: int, free: Ends, length: int) -> Array:
    """Return the `length` values of which `waves` is the `_transform`."""
    from scipy import fft  # noqa: PLC0415 (it takes a quarter of a second, and few commands blend)

    if all(free):
        return np.asarray(fft.idct(waves, 2, axis=axis, workers=-1))
    values = np.asarray(fft.idst(waves, 1, axis=axis, workers=-1))
    if not any(free):
        return values
    first = length if free[0] else 0
    return values.take(np.arange(first, first + length), axis)
