"""Layers of the networks: convolutions with reflection at the border, and the conditions of their norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.networks.norm import ConditionalNorm, Moments


class Conditions:
    """Conditions of the norms of one pass, in order: scale, shift and moments.

    code: `(B, D)`, for each norm its scales, then its shifts; with masks `(B, K, D)`.
    masks: `(B, K, H, W)`; scales and shifts are then maps: the masks, averaged to the size of the features, times the
        codes.
    alpha: weights of pixels in the moments, `(B, 1, H, W)`.
    """

    def __init__(
        self,
        code: Tensor,
        masks: Tensor | None = None,
        given: Sequence[Moments] | None = None,
        seen: list[Moments] | None = None,
        alpha: Tensor | None = None,
    ) -> None:
        self._code = code
        self._masks = masks
        self._given = None if given is None else iter(given)
        self._seen = seen
        self._at = 0
        self._alpha = alpha
        self._reduced: dict[tuple[str, int], Tensor] = {}

    def normalise(self, norm: ConditionalNorm, x: Tensor) -> Tensor:
        """Return `x` normalised by the next norm."""
        scale = self._spread(norm.channels, x)
        shift = self._spread(norm.channels, x)
        given = None if self._given is None else next(self._given)
        weights = None if self._alpha is None else self._averaged("alpha", self._alpha, x)
        return norm(x, scale, shift, given, self._seen, weights=weights)  # type: ignore[no-any-return]

    def _spread(self, channels: int, x: Tensor) -> Tensor:
        """Return the next `channels` numbers of the code over the positions of `x`."""
        part = self._code[..., self._at : self._at + channels]
        self._at += channels
        if self._masks is None:
            return part[..., None, None]
        return torch.einsum("bkc,bkhw->bchw", part, self._averaged("masks", self._masks, x))

    def _averaged(self, name: str, masks: Tensor, x: Tensor) -> Tensor:
        """Return `masks` at the size of the features `x`; cached by size."""
        ratio = masks.shape[-2] // x.shape[-2]
        if (name, ratio) not in self._reduced:
            self._reduced[name, ratio] = F.avg_pool2d(masks, ratio) if ratio > 1 else masks
        return self._reduced[name, ratio]


class Convolution(nn.Module):
    """A convolution whose input is reflected at the border (zeros would be a dark frame), or padded in another mode of
    torch. `up`: the factor of enlargement, before the stride."""

    up = 1

    def __init__(self, channels: int, out: int, kernel: int = 3, *, stride: int = 1, padding: str = "reflect") -> None:
        super().__init__()
        self.beyond = kernel // 2
        self.padding = padding
        self.convolution = nn.Conv2d(channels, out, kernel, stride)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of `x`."""
        if self.beyond:
            x = F.pad(x, (self.beyond,) * 4, mode=self.padding)
        return self.convolution(x)  # type: ignore[no-any-return]


class Enlarging(Convolution):
    """Nearest upsampling by 2 and a 3x3 convolution: flat areas stay flat, while transposed convolutions and pixel
    shuffles may leave a checkerboard (Odena 2016).

    The enlarged map is never computed: each of the 2x2 pixels of a position is a convolution of the small map, whose
    kernels are sums of the nine weights.
    """

    up = 2

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(B, out, 2H, 2W)`."""
        weight, bias = self.convolution.weight, cast(Tensor, self.convolution.bias)
        sums = weight.new_tensor(_SUMS)
        four = torch.einsum("oiab,yca,xdb->yxoicd", weight, sums, sums).flatten(0, 2)
        made = F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), four.contiguous(memory_format=_LAST), bias.repeat(4))
        batch, _, height, width = made.shape
        rows = made.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2 * len(bias)).transpose(2, 3)
        return rows.reshape(batch, 2 * height, 2 * width, len(bias)).permute(0, 3, 1, 2)


_LAST = torch.channels_last

_SUMS = [[[1.0, 0, 0], [0, 1, 1], [0, 0, 0]], [[0.0, 0, 0], [1, 1, 0], [0, 0, 1]]]
"""For the first and the second of two pixels: the weights of a kernel's row that fall on each of three positions."""


class Layer(nn.Module):
    """Convolution (3x3 to twice the size where `enlarging`), conditional norm, and a ReLU unless `linear`."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        enlarging: bool = False,
        norm: str = "instance",
        linear: bool = False,
    ) -> None:
        super().__init__()
        if enlarging:
            self.convolution: Convolution = Enlarging(channels, out)
        else:
            self.convolution = Convolution(channels, out, kernel, stride=stride)
        self.norm = ConditionalNorm(out, norm)
        self.linear = linear

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the output of the layer; it takes the next conditions."""
        x = conditions.normalise(self.norm, self.convolution(x))
        return x if self.linear else F.relu_(x)


class Block(nn.Module):
    """A residual block (He 2016; no ReLU after the sum, as in Gross and Wilber 2016)."""

    def __init__(self, channels: int, norm: str = "instance") -> None:
        super().__init__()
        self.first = Layer(channels, channels, norm=norm)
        self.second = Layer(channels, channels, norm=norm, linear=True)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the sum of `x` and the block's output."""
        return x + self.second(self.first(x, conditions), conditions)  # type: ignore[no-any-return]


class Deep(nn.Module):
    """Residual blocks of twice the channels at half the resolution, added to the input.

    Their receptive field is twice as wide for the same work. The enlargement is linear: blocks of pixels would pass
    through the sums behind.
    """

    def __init__(self, channels: int, blocks: int, norm: str = "instance") -> None:
        super().__init__()
        self.down = Layer(channels, 2 * channels, stride=2, norm=norm)
        self.blocks = nn.ModuleList(Block(2 * channels, norm) for _ in range(blocks))
        self.up = Layer(2 * channels, channels, norm=norm, linear=True)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the sum of `x` and the blocks' output."""
        y = self.down(x, conditions)
        for block in self.blocks:
            y = block(y, conditions)
        y = self.up(y, conditions)
        return x + F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)


class ToPixels(Convolution):
    """A convolution to colours; initially a grey of low contrast."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__(channels, 3, kernel)
        nn.init.xavier_normal_(self.convolution.weight, 0.1)
        nn.init.constant_(self.convolution.bias, 0.5)  # type: ignore[arg-type]
