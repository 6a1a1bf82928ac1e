"""The transformer network (Johnson et al. 2016) with conditional norms, for one style or many.

A code has the scales and shifts of all norms. Johnson's network has 9x9 convolutions at full resolution, which are a
third of its work. The default network begins with pixels rearranged into channels (Shi et al. 2016) instead, and ends
with few channels and a 3x3 convolution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.errors import UsageError, choose
from impasto.networks.inputs import MARGIN, add_margin, check_inputs, check_whole_numbers
from impasto.networks.layers import Block, Conditions, Deep, Layer, ToPixels
from impasto.networks.norm import NORMS, ConditionalNorm, Moments

ENDS = ("shuffle", "convolution")


@dataclass(frozen=True)
class TransformerSettings:
    """Shape of a transformer.

    width: channels of the residual blocks, at a quarter of the resolution.
    blocks: number of residual blocks.
    ends: "convolution", Johnson's 9x9 and stride-2 convolutions, or "shuffle", 2x2 pixels rearranged into channels.
    norm: "instance" or "batch"; see `ConditionalNorm`.
    detail: with "shuffle", channels at half the resolution; full resolution has half as many.
    deep: with "shuffle", number of blocks, in the middle, at an eighth of the resolution. There, twice the channels
        cost the same, with four times the weights and a receptive field of twice the width.

    Raises UsageError for unknown names, and for numbers that are not whole or out of range.
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
        check_whole_numbers(self, width=(4, 1024), blocks=(0, 64), detail=(2, 1024), deep=(0, 64))


class Transformer(nn.Module):
    """A network from a picture and a code to the picture in the code's style.

    The sides of the picture with its margin are multiples of `multiple`.

    >>> network = Transformer(TransformerSettings(width=8, blocks=1))
    >>> network(torch.rand(1, 3, 24, 32), network.plain_code()).shape
    torch.Size([1, 3, 24, 32])
    """

    margin = MARGIN

    def __init__(self, settings: TransformerSettings | None = None) -> None:
        super().__init__()
        self.settings = settings = settings or TransformerSettings()
        ends = _shuffle_ends if settings.ends == "shuffle" else _convolution_ends
        self.head, self.tail, self.last = ends(settings)
        deep = min(settings.deep, settings.blocks) if settings.ends == "shuffle" else 0
        blocks: list[nn.Module] = [Block(settings.width, settings.norm) for _ in range(settings.blocks - deep)]
        if deep:
            blocks.insert(len(blocks) // 2, Deep(settings.width, deep, settings.norm))
        self.blocks = nn.ModuleList(blocks)
        self.multiple = 8 if deep else 4

    @property
    def norms(self) -> list[ConditionalNorm]:
        """The norms, in the order of the pass and of the code."""
        parts = (self.head, self.blocks, self.tail)
        return [module for part in parts for module in part.modules() if isinstance(module, ConditionalNorm)]

    @property
    def code_size(self) -> int:
        """Length of a code: a scale and a shift for each channel of each norm."""
        return sum(2 * norm.channels for norm in self.norms)

    @property
    def reach(self) -> int:
        """Radius of the receptive field in pixels, with fixed moments; a multiple of `multiple`."""
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
        fixed_moments: Sequence[Moments] | None = None,
        used_moments: list[Moments] | None = None,
        *,
        alpha: Tensor | None = None,
    ) -> Tensor:
        """Return `image`, `(B, 3, H, W)` in [0, 1], in the style of `code`; clamped to [0, 1] in `eval()` only.

        code: `(B, code_size)`; with masks `(B, K, code_size)`, region k has code k.
        masks: `(B, K, H, W)` with a sum of 1 everywhere.
        fixed_moments: moments for the norms, in order, instead of those of the image, for a part of a picture.
        used_moments: a list that the moments of the pass are appended to.
        alpha: weights of pixels in the moments of the image, `(B, 1, H, W)`, not all 0.

        Raises UsageError for a picture smaller than 24x24, and for inputs whose shapes do not fit together.
        """
        check_inputs(image, code, masks, self.code_size)
        if fixed_moments is not None and len(fixed_moments) != len(self.norms):
            raise UsageError(f"{len(fixed_moments)} moments for {len(self.norms)} norms; there must be as many")
        x = add_margin(image, self.multiple).contiguous(memory_format=torch.channels_last)
        regions, weights = (None if x is None else add_margin(x, self.multiple) for x in (masks, alpha))
        conditions = Conditions(code, regions, fixed_moments, used_moments, weights)
        if self.settings.ends == "shuffle":
            x = F.pixel_unshuffle(x, 2)
        for part in (*self.head, *self.blocks, *self.tail):
            x = part(x, conditions)
        height, width = image.shape[-2:]
        result: Tensor = self.last(x)[..., MARGIN : MARGIN + height, MARGIN : MARGIN + width]
        return result if self.training else result.clamp(0, 1)


Ends = tuple[nn.ModuleList, nn.ModuleList, nn.Module]
"""Head, tail and last layer."""


def _shuffle_ends(settings: TransformerSettings) -> Ends:
    """Return the ends "shuffle"."""
    width, half, norm = settings.width, settings.detail, settings.norm
    full = half // 2
    head = nn.ModuleList([Layer(12, half, norm=norm), Layer(half, width, stride=2, norm=norm)])
    return head, nn.ModuleList(_upsampling_layers(width, half, full, norm)), ToPixels(full)


def _upsampling_layers(width: int, half: int, full: int, norm: str) -> list[Layer]:
    """Return layers from a quarter of the resolution to a half, and to full resolution."""
    return [Layer(width, half, upsampling=True, norm=norm), Layer(half, full, upsampling=True, norm=norm)]


def _convolution_ends(settings: TransformerSettings) -> Ends:
    """Return the ends "convolution", Johnson's."""
    width, norm = settings.width, settings.norm
    half, full = width // 2, width // 4
    head = [Layer(3, full, 9, norm=norm), Layer(full, half, stride=2, norm=norm)]
    head.append(Layer(half, width, stride=2, norm=norm))
    return nn.ModuleList(head), nn.ModuleList(_upsampling_layers(width, half, full, norm)), ToPixels(full, 9)
