"""Seamless cloning: the gradients of one picture within another (Perez et al. 2003, "Poisson image editing")."""

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
    seen: Tensor | None = None,
) -> Tensor:
    """Return `target` `(1, 3, H, W)` with the masked part of `source` cloned into it, `(1, 3, H, W)` in [0, 1].

    source, mask: `(1, 3, h, w)` and `(1, 1, h, w)`; pixels with a mask above 1/2 are cloned. Their top left corner lies
        at `at`, (x, y), of the target; the part beyond the target is cut off.
    gradients: "importing" takes those of the source (equation 11), "mixed" at each place the stronger of both pictures
        (equation 12).
    seen: bool `(1, 1, h, w)`, False for transparent pixels of the source.

    The result equals the target at the outline (equation 7, solved for each channel). It is free at the target's own
    border; a source that covers all of the target keeps the target's mean colour. Where the source has no gradients,
    beyond its edge and in transparent pixels, those of the target are used. Raises UsageError for unknown gradients,
    for shapes that do not fit, and if the mask and the target have no common pixel.
    """
    guide = choose(GRADIENTS, gradients, "gradients")
    _check(source, target, mask)
    inside, known, laid = _placed(source, target, mask, at, seen)
    rows, columns = _box(inside)
    inside, own = inside[rows, columns], target[0, :, rows, columns]
    excess = _excess(laid[:, rows, columns] - own, own, known[rows, columns], guide)
    change = _rectangle(inside, excess) if _is_rectangle(inside) else solve(inside, excess[:, None])[:, 0]
    result = target.clone()
    result[0, :, rows, columns] += change
    return result.clamp(0, 1)


def _importing(source: Tensor, _: Tensor) -> Tensor:
    return source


def _mixed(source: Tensor, target: Tensor) -> Tensor:
    return torch.where(target.abs() > source.abs(), target, source)


GRADIENTS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"importing": _importing, "mixed": _mixed}
"""Guiding gradients by name: functions of the differences of neighbours in source and target (equations 11, 13)."""


def _check(source: Tensor, target: Tensor, mask: Tensor) -> None:
    for name, image in (("source", source), ("target", target)):
        if image.ndim != 4 or image.shape[:2] != (1, 3):
            raise UsageError(f"the {name} has shape {tuple(image.shape)}; expected (1, 3, H, W)")
    expected = (1, 1, *source.shape[-2:])
    if mask.shape != expected:
        raise UsageError(f"the mask has shape {tuple(mask.shape)}; expected {expected}, as the source")


def _placed(
    source: Tensor, target: Tensor, mask: Tensor, at: tuple[int, int], seen: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return, on the target's grid: the mask within visible pixels, the visible pixels, and the source's colours."""
    seen = torch.ones_like(mask, dtype=torch.bool) if seen is None else seen
    (height, width), (rows, columns), (x, y) = target.shape[-2:], source.shape[-2:], at
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + rows, height), min(x + columns, width)
    inside = torch.zeros(height, width, dtype=torch.bool)
    known, laid = torch.zeros_like(inside), target[0].clone()
    if top < bottom and left < right:
        shown = (0, 0, slice(top - y, bottom - y), slice(left - x, right - x))
        inside[top:bottom, left:right] = (mask > 0.5)[shown] & seen[shown]
        known[top:bottom, left:right] = seen[shown]
        laid[:, top:bottom, left:right] = source[0, :, top - y : bottom - y, left - x : right - x]
    if not inside.any():
        raise UsageError(
            f"no part of the mask lies on the target: it is {width}x{height}, the mask {columns}x{rows} at {x},{y}"
        )
    return inside, known, laid


def _box(inside: Tensor) -> tuple[slice, slice]:
    """Return rows and columns of the region with a margin of one, within the target."""
    rows, columns = inside.any(1).nonzero(), inside.any(0).nonzero()
    return slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2), slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2)


def _excess(difference: Tensor, target: Tensor, known: Tensor, guide: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Return for each pixel the sum over its neighbours of the guiding gradient minus that of the target.

    The solution is then the difference to the target, 0 at the outline. Missing gradients of the source do not count.
    """
    total = torch.zeros_like(target)
    for axis in (1, 2):
        own, change = target.diff(dim=axis), difference.diff(dim=axis)
        both = known.narrow(axis - 1, 1, own.shape[axis]) & known.narrow(axis - 1, 0, own.shape[axis])
        extra = (guide(own + change, own) - own) * both
        total.narrow(axis, 1, own.shape[axis]).add_(extra)
        total.narrow(axis, 0, own.shape[axis]).sub_(extra)
    return total


def _is_rectangle(inside: Tensor) -> bool:
    return int(inside.sum()) == int(inside.any(0).sum()) * int(inside.any(1).sum())


def _rectangle(inside: Tensor, right_side: Tensor) -> Tensor:
    """Return the solution on a rectangle, by sines and cosines, in which the equation is diagonal."""
    rows, columns = inside.any(1), inside.any(0)
    values = right_side[:, rows][:, :, columns].double().numpy()
    ends = [(bool(line[0]), bool(line[-1])) for line in (rows, columns)]
    waves, (down, across) = values, (_eigenvalues(n, end) for n, end in zip(values.shape[1:], ends, strict=True))
    for axis, end in enumerate(ends, 1):
        waves = _transformed(waves, axis, end)
    total = down[:, None] + across
    total[total == 0] = np.inf  # the mean, which no equation determines
    waves = waves / total
    for axis, (n, end) in enumerate(zip(values.shape[1:], ends, strict=True), 1):
        waves = _restored(waves, axis, end, n)
    result = torch.zeros_like(right_side)
    result[:, inside] = torch.from_numpy(waves).to(result).flatten(1)
    return result


# Each end of an axis is held (0 beyond) or free. Both held: sines. Both free: cosines. One held: sines again, on the
# axis and its mirror image beyond the free end.

Ends = tuple[bool, bool]
Array = NDArray[np.float64]


def _eigenvalues(length: int, free: Ends) -> Array:
    if all(free):
        return np.asarray(2 - 2 * np.cos(np.pi * np.arange(length) / length))
    doubled = length * (1 + any(free))
    return np.asarray(2 - 2 * np.cos(np.pi * np.arange(1, doubled + 1) / (doubled + 1)))


def _transformed(values: Array, axis: int, free: Ends) -> Array:
    from scipy import fft  # noqa: PLC0415 (it takes a quarter of a second, and few commands blend)

    if all(free):
        return np.asarray(fft.dct(values, 2, axis=axis, workers=-1))
    if any(free):
        mirror = np.flip(values, axis)
        values = np.concatenate([mirror, values] if free[0] else [values, mirror], axis)
    return np.asarray(fft.dst(values, 1, axis=axis, workers=-1))


def _restored(waves: Array, axis: int, free: Ends, length: int) -> Array:
    from scipy import fft  # noqa: PLC0415 (it takes a quarter of a second, and few commands blend)

    if all(free):
        return np.asarray(fft.idct(waves, 2, axis=axis, workers=-1))
    values = np.asarray(fft.idst(waves, 1, axis=axis, workers=-1))
    if not any(free):
        return values
    first = length if free[0] else 0
    return values.take(np.arange(first, first + length), axis)
