"""The transformer network (Johnson 2016) with conditional norms: one network for one, many or any styles.

A style is a code: scales and shifts of all norms. Johnson's network has 9x9 convolutions at full resolution, a third of
its work. The default network begins with pixels rearranged into channels (Shi 2016) instead, and ends with few channels
and a 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import UsageError, choose
from impasto.networks.layers import Block, Conditions, Deep, Layer, ToPixels
from impasto.networks.norm import NORMS, ConditionalNorm, Moments

ENDS = ("shuffle", "convolution")
MARGIN = 16
"""Width of the reflected margin around the picture, in pixels; it is cut off from the result. Networks that detect a
nearby border paint strips there, in colours that the picture lacks, because the loss is lower there than inside. A
margin of 16 removes all of them (`docs/networks.md`)."""

SMALLEST = 24
"""Least shorter side of a picture, in pixels: more than the reflected margin."""


@dataclass(frozen=True)
class TransformerSettings:
    """Shape of a transformer.

    width: channels of the residual blocks, at a quarter of the resolution.
    ends: "convolution", Johnson's 9x9 and stride-2 convolutions, or "shuffle", 2x2 pixels rearranged into channels.
    detail: with "shuffle", channels at half the resolution; full resolution has half as many.
    deep: with "shuffle", number of blocks, in the middle, at an eighth of the resolution. Twice the channels cost the
        same there, have four times the weights and a receptive field of twice the width.
    """

    width: int = 48
    blocks: int = 5
    ends: str = "shuffle"
    norm: str = "instance"
    detail: int = 16
    deep: int = 3

    def __post_init__(self) -> None:
        choose({name: name for name in ENDS}, self.ends, "ends")
        choose({name: name for name in NORMS}, self.norm, "norm")
        whole(self, width=(4, 1024), blocks=(0, 64), detail=(2, 1024), deep=(0, 64))


def whole(settings: object, **limits: tuple[int, int]) -> None:
    """Raise UsageError unless the settings in `limits` are whole numbers within these bounds (a file may have any)."""
    for name, (least, most) in limits.items():
        value = getattr(settings, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise UsageError(f"{name} is {value!r}; allowed: whole numbers from {least} to {most}")


class Transformer(nn.Module):
    """Maps a picture and a code to the picture in the code's style."""

    def __init__(self, settings: TransformerSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TransformerSettings()
        self.head, self.tail, self.last = (_shuffled if settings.ends == "shuffle" else _convolved)(settings)
        deep = min(settings.deep, settings.blocks) if settings.ends == "shuffle" else 0
        blocks: list[nn.Module] = [Block(settings.width, settings.norm) for _ in range(settings.blocks - deep)]
        if deep:
            blocks.insert(len(blocks) // 2, Deep(settings.width, deep, settings.norm))
        self.blocks = nn.ModuleList(blocks)
        self.multiple = 8 if deep else 4
        """The sides, with margins, are reflected to a multiple of this; the result is cropped."""

    @property
    def norms(self) -> list[ConditionalNorm]:
        """Norms in the order of the pass and of the code."""
        parts = (self.head, self.blocks, self.tail)
        return [module for part in parts for module in part.modules() if isinstance(module, ConditionalNorm)]

    margin = MARGIN

    @property
    def code_size(self) -> int:
        """Length of a code: a scale and a shift for each channel of each norm."""
        return sum(2 * norm.channels for norm in self.norms)

    @property
    def reach(self) -> int:
        """Radius of the receptive field with given moments, in pixels; a multiple of `multiple`."""
        ends = 12 if self.settings.ends == "shuffle" else 20
        deep = sum(len(block.blocks) for block in self.blocks if isinstance(block, Deep))
        blocks = self.settings.blocks - deep
        return ends + 8 * blocks + (16 * deep + 20 if deep else 0)

    def plain_code(self) -> Tensor:
        """Return the code of scales 1 and shifts 0, `(1, code_size)`."""
        code, start = torch.zeros(1, self.code_size), 0
        for norm in self.norms:  # torch.cat and repeat would import most of torch's compiler
            code[:, start : start + norm.channels] = 1
            start += 2 * norm.channels
        return code

    def forward(
        self,
        image: Tensor,
        code: Tensor,
        masks: Tensor | None = None,
        given: Sequence[Moments] | None = None,
        seen: list[Moments] | None = None,
        *,
        alpha: Tensor | None = None,
    ) -> Tensor:
        """Return `image`, `(B, 3, H, W)` in [0, 1], in the style of `code`; clamped in `eval()` only.

        code: `(B, code_size)`; with masks `(B, K, code_size)`, region k has code k.
        masks: `(B, K, H, W)` with a sum of 1 everywhere.
        given: moments for the norms, in order, instead of the picture's own, for parts of a picture.
        seen: receives the moments that were used.
        alpha: weights of pixels in the picture's own moments, `(B, 1, H, W)`, not all 0.
        """
        height, width = image.shape[-2:]
        if min(height, width) < SMALLEST:
            raise UsageError(f"a picture of {width}x{height} is too small; the least is {SMALLEST}x{SMALLEST}")
        self._check(image, code, masks, given)
        x = self._padded(image).contiguous(memory_format=torch.channels_last)
        shown, visible = (None if each is None else self._padded(each) for each in (masks, alpha))
        conditions = Conditions(code, shown, given, seen, visible)
        if self.settings.ends == "shuffle":
            x = F.pixel_unshuffle(x, 2)
        for part in (*self.head, *self.blocks, *self.tail):
            x = part(x, conditions)
        made: Tensor = self.last(x)[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return made if self.training else made.clamp(0, 1)

    def _padded(self, x: Tensor) -> Tensor:
        """Return `x` reflected on all sides."""
        below, right = (MARGIN + -side % self.multiple for side in x.shape[-2:])
        return F.pad(x, (MARGIN, right, MARGIN, below), mode="reflect")

    def _check(self, image: Tensor, code: Tensor, masks: Tensor | None, given: Sequence[Moments] | None) -> None:
        if code.shape[-1] != self.code_size or code.ndim != (2 if masks is None else 3):
            wanted = f"(B, {self.code_size})" if masks is None else f"(B, K, {self.code_size}) with masks"
            raise UsageError(f"the code is {tuple(code.shape)}; expected {wanted}")
        if masks is not None and masks.shape[1] != code.shape[1]:
            raise UsageError(f"{masks.shape[1]} masks for {code.shape[1]} codes; there must be as many")
        if masks is not None and masks.shape[-2:] != image.shape[-2:]:
            (h, w), (height, width) = masks.shape[-2:], image.shape[-2:]
            raise UsageError(f"masks of {w}x{h} for a picture of {width}x{height}; they must be as large")
        if given is not None and len(given) != len(self.norms):
            raise UsageError(f"{len(given)} moments for {len(self.norms)} norms; there must be as many")


Ends = tuple[nn.ModuleList, nn.ModuleList, nn.Module]


def _shuffled(settings: TransformerSettings) -> Ends:
    width, half, norm = settings.width, settings.detail, settings.norm
    full = half // 2
    head = nn.ModuleList([Layer(12, half, norm=norm), Layer(half, width, stride=2, norm=norm)])
    return head, nn.ModuleList(_enlarged(width, half, full, norm)), ToPixels(full)


def _enlarged(width: int, half: int, full: int, norm: str) -> list[Layer]:
    """Return layers from a quarter of the resolution to a half, and to full resolution."""
    return [Layer(width, half, enlarging=True, norm=norm), Layer(half, full, enlarging=True, norm=norm)]


def _convolved(settings: TransformerSettings) -> Ends:
    width, norm = settings.width, settings.norm
    half, full = width // 2, width // 4
    head = [Layer(3, full, 9, norm=norm), Layer(full, half, stride=2, norm=norm)]
    head.append(Layer(half, width, stride=2, norm=norm))
    return nn.ModuleList(head), nn.ModuleList(_enlarged(width, half, full, norm)), ToPixels(full, 9)
