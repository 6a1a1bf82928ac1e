"""Inputs of the networks: the checks of settings, pictures, codes and masks, and the reflected margin of a picture."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from impasto.errors import UsageError

MARGIN = 16
"""Width of the reflected margin around a picture, in pixels; networks crop it from the result.

Networks that detect a nearby border paint strips there, in colours that the picture lacks, because the loss is lower
there than inside. A margin of 16 removes all of them (`docs/networks.md`). With a margin of 8, networks of transport
paint strokes along the border."""

SMALLEST = 24
"""Smallest height and width of a picture, in pixels.

A reflection must be narrower than the picture, and the lower margin has up to `MARGIN + 7` rows."""


def check_whole_numbers(settings: object, **limits: tuple[int, int]) -> None:
    """Raise UsageError unless the settings in `limits` are whole numbers within these bounds.

    The settings in a network's file may be anything.

    >>> from types import SimpleNamespace
    >>> check_whole_numbers(SimpleNamespace(width=3), width=(4, 1024))
    Traceback (most recent call last):
        ...
    impasto.errors.UsageError: width is 3; allowed: whole numbers from 4 to 1024
    """
    for name, (least, most) in limits.items():
        value = getattr(settings, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise UsageError(f"{name} is {value!r}; allowed: whole numbers from {least} to {most}")


def check_inputs(image: Tensor, code: Tensor, masks: Tensor | None, code_size: int) -> None:
    """Raise UsageError unless image, code and masks are valid inputs of one pass of a network.

    image: `(B, C, H, W)`, with sides of at least `SMALLEST`.
    code: `(B, code_size)`, with masks `(B, K, code_size)`.
    masks: `(B, K, H, W)` or None.

    >>> import torch
    >>> check_inputs(torch.rand(1, 3, 20, 64), torch.rand(1, 8), None, 8)
    Traceback (most recent call last):
        ...
    impasto.errors.UsageError: a picture of 64x20 is too small; the least is 24x24
    """
    height, width = image.shape[-2:]
    if min(height, width) < SMALLEST:
        raise UsageError(f"a picture of {width}x{height} is too small; the least is {SMALLEST}x{SMALLEST}")
    if code.shape[-1] != code_size or code.ndim != (2 if masks is None else 3):
        shape = f"(B, {code_size})" if masks is None else f"(B, K, {code_size}) with masks"
        raise UsageError(f"the code is {tuple(code.shape)}; expected {shape}")
    if masks is not None and masks.shape[1] != code.shape[1]:
        raise UsageError(f"{masks.shape[1]} masks for {code.shape[1]} codes; there must be as many")
    if masks is not None and masks.shape[-2:] != image.shape[-2:]:
        mask_height, mask_width = masks.shape[-2:]
        raise UsageError(
            f"masks of {mask_width}x{mask_height} for a picture of {width}x{height}; they must be as large"
        )


def add_margin(picture: Tensor, multiple: int) -> Tensor:
    """Return `picture`, `(B, C, H, W)`, reflected by `MARGIN` on all sides.

    The right and the lower margin are wider where the sides would be no multiples of `multiple`.

    >>> import torch
    >>> add_margin(torch.rand(1, 3, 30, 45), 8).shape
    torch.Size([1, 3, 64, 80])
    """
    lower, right = (MARGIN + -side % multiple for side in picture.shape[-2:])
    return F.pad(picture, (MARGIN, right, MARGIN, lower), mode="reflect")
