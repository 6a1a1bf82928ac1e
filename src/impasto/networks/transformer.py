"""The transformer network (Johnson 2016) with conditional norms: one body for one style, many styles and any style.

All that makes a style is its code, the scales and shifts of all norms. Where Johnson's network has 9x9 convolutions at
full resolution, a third of its work, the default one begins with pixels rearranged into channels (Shi 2016), and ends
with few channels and a 3x3.
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
"""Pixels that a network sees beyond the picture on every side, reflected, and whose result is cut off. Where it can
tell that a border is near it paints otherwise: strips of the colours that the picture lacks, cheaper there than inside.
16 take all that was seen of them (`docs/networks.md`)."""

SMALLEST = 24
"""Pixels of the shorter side of a picture: more than are reflected beyond it."""


@dataclass(frozen=True)
class TransformerSettings:
    """What a transformer is made of.

    `width`: channels of the residual blocks, at a quarter of the resolution; `ends`: "convolution", Johnson's 9x9 and
    stride-2 convolutions, or "shuffle", where 2x2 pixels are rearranged into channels. With the latter, `detail` is the
    number of channels at half the resolution, with half as many at all of it, and so many of the blocks as `deep` says,
    those in the middle, are at an eighth, where twice the channels cost the same, hold four times the weights and see
    twice as far.
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
    """Refuse settings named in `limits` that are no whole numbers from the least to the most given for them (a file may
    ask for anything)."""
    for name, (least, most) in limits.items():
        value = getattr(settings, name)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise UsageError(f"{name} is {value!r}; allowed: whole numbers from {least} to {most}")


class Transformer(nn.Module):
    """A picture and a code in, the picture in the code's style out."""

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
        """The picture's sides, with the margins, are reflected to a multiple of this, and the result cropped again."""

    @property
    def norms(self) -> list[ConditionalNorm]:
        """In the order in which a picture passes them, and the code holds their numbers."""
        parts = (self.head, self.blocks, self.tail)
        return [module for part in parts for module in part.modules() if isinstance(module, ConditionalNorm)]

    margin = MARGIN

    @property
    def code_size(self) -> int:
        """Numbers of a code: a scale and a shift for each channel of each norm."""
        return sum(2 * norm.channels for norm in self.norms)

    @property
    def reach(self) -> int:
        """How many pixels away, at most, the picture matters to a pixel of the result once the moments are given; a
        multiple of `multiple`."""
        ends = 12 if self.settings.ends == "shuffle" else 20
        deep = sum(len(block.blocks) for block in self.blocks if isinstance(block, Deep))
        blocks = self.settings.blocks - deep
        return ends + 8 * blocks + (16 * deep + 20 if deep else 0)

    def plain_code(self) -> Tensor:
        """`(1, code_size)`: scales 1 and shifts 0."""
        code, start = torch.zeros(1, self.code_size), 0
        for norm in self.norms:  # what would import most of torch's compiler where a file is read: torch.cat, repeat
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
        """`image`, `(B, 3, H, W)` in [0, 1], in the style of `code`, `(B, code_size)`; clamped in `eval()` only.

        With `masks`, `(B, K, H, W)` that add up to 1 everywhere, and `code` `(B, K, code_size)`, region k has code k.
        `given`: moments for the norms, in their order, instead of the picture's own, for parts of a picture; the
        moments used are appended to `seen`. Pixels count in the picture's own moments in proportion to `alpha`,
        `(B, 1, H, W)`, not all 0.
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
        """Reflected beyond all sides."""
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
    """From a quarter of the resolution to a half, and to all of it."""
    return [Layer(width, half, enlarging=True, norm=norm), Layer(half, full, enlarging=True, norm=norm)]


def _convolved(settings: TransformerSettings) -> Ends:
    width, norm = settings.width, settings.norm
    half, full = width // 2, width // 4
    head = [Layer(3, full, 9, norm=norm), Layer(full, half, stride=2, norm=norm)]
    head.append(Layer(half, width, stride=2, norm=norm))
    return nn.ModuleList(head), nn.ModuleList(_enlarged(width, half, full, norm)), ToPixels(full, 9)
