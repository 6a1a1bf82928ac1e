"""Layers of the networks: convolutions with reflection at the border, and blocks with conditional norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.networks.norm import ConditionalNorm, Moments


class Conditions:
    """Conditions of the norms of one pass, in order: scales, shifts and moments.

    code: `(B, D)`, for each norm its scales, then its shifts; with masks `(B, K, D)`.
    masks: `(B, K, H, W)`. Scales and shifts are then maps: the sum over the masks, averaged to the size of the
        features, times their codes.
    fixed_moments, used_moments: see `ConditionalNorm.forward`.
    alpha: weights of pixels in the moments, `(B, 1, H, W)`.
    """

    def __init__(
        self,
        code: Tensor,
        masks: Tensor | None = None,
        fixed_moments: Sequence[Moments] | None = None,
        used_moments: list[Moments] | None = None,
        alpha: Tensor | None = None,
    ) -> None:
        self._code = code
        self._masks = masks
        self._fixed_moments = None if fixed_moments is None else iter(fixed_moments)
        self._used_moments = used_moments
        self._position = 0
        self._alpha = alpha
        self._averages: dict[tuple[str, int], Tensor] = {}

    def normalise(self, norm: ConditionalNorm, x: Tensor) -> Tensor:
        """Return `x` normalised by `norm`, with the next conditions."""
        scale = self._next_numbers(norm.channels, x)
        shift = self._next_numbers(norm.channels, x)
        moments = None if self._fixed_moments is None else next(self._fixed_moments)
        weights = None if self._alpha is None else self._average("alpha", self._alpha, x)
        return norm(x, scale, shift, moments, self._used_moments, weights=weights)  # type: ignore[no-any-return]

    def _next_numbers(self, channels: int, x: Tensor) -> Tensor:
        """Return the next `channels` numbers of the code, `(B, C, 1, 1)`, or a map of the size of `x` with masks."""
        numbers = self._code[..., self._position : self._position + channels]
        self._position += channels
        if self._masks is None:
            return numbers[..., None, None]
        return torch.einsum("bkc,bkhw->bchw", numbers, self._average("masks", self._masks, x))

    def _average(self, name: str, masks: Tensor, x: Tensor) -> Tensor:
        """Return `masks`, averaged to the size of the features `x`; cached by name and ratio."""
        ratio = masks.shape[-2] // x.shape[-2]
        if (name, ratio) not in self._averages:
            self._averages[name, ratio] = F.avg_pool2d(masks, ratio) if ratio > 1 else masks
        return self._averages[name, ratio]


class Convolution(nn.Module):
    """A convolution whose output has the size of its input over the stride.

    padding_mode: of `torch.nn.functional.pad`. The default is a reflection, because zeros would be a dark frame.

    >>> Convolution(3, 8, stride=2)(torch.rand(1, 3, 8, 10)).shape
    torch.Size([1, 8, 4, 5])
    """

    scale_factor = 1
    """Factor of the upsampling before the convolution."""

    def __init__(
        self, channels: int, out: int, kernel: int = 3, *, stride: int = 1, padding_mode: str = "reflect"
    ) -> None:
        super().__init__()
        self.padding = kernel // 2
        self.padding_mode = padding_mode
        self.convolution = nn.Conv2d(channels, out, kernel, stride)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Return the convolution of `x`."""
        if self.padding:
            x = F.pad(x, (self.padding,) * 4, mode=self.padding_mode)
        return self.convolution(x)  # type: ignore[no-any-return]


class NearestUpsampling(Convolution):
    """Nearest upsampling by 2 and a 3x3 convolution.

    Flat areas stay flat, while transposed convolutions and pixel shuffles may leave a checkerboard (Odena et al. 2016).
    The large map is never computed: each of the 2x2 pixels of a position is a convolution of the small map, whose
    kernels are sums of the nine weights.

    >>> NearestUpsampling(3, 8)(torch.rand(1, 3, 4, 5)).shape
    torch.Size([1, 8, 8, 10])
    """

    scale_factor = 2

    def __init__(self, channels: int, out: int) -> None:
        super().__init__(channels, out)

    def forward(self, x: Tensor) -> Tensor:
        """Return `(B, out, 2H, 2W)`."""
        weight, bias = self.convolution.weight, cast(Tensor, self.convolution.bias)
        sums = weight.new_tensor(_SUMS)
        kernels = torch.einsum("oiab,yca,xdb->yxoicd", weight, sums, sums).flatten(0, 2)
        kernels = kernels.contiguous(memory_format=torch.channels_last)
        pixels = F.conv2d(F.pad(x, (1,) * 4, mode="replicate"), kernels, bias.repeat(4))
        batch, _, height, width = pixels.shape
        rows = pixels.permute(0, 2, 3, 1).reshape(batch, height, width, 2, 2 * len(bias)).transpose(2, 3)
        return rows.reshape(batch, 2 * height, 2 * width, len(bias)).permute(0, 3, 1, 2)


_SUMS = [[[1.0, 0, 0], [0, 1, 1], [0, 0, 0]], [[0.0, 0, 0], [1, 1, 0], [0, 0, 1]]]
"""For the first and the second of two pixels: the weights of a kernel's row that fall on each of three positions."""


class Layer(nn.Module):
    """A convolution, a conditional norm, and a ReLU unless `linear`.

    upsampling: whether the convolution is a `NearestUpsampling`, which has no stride and a 3x3 kernel.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        upsampling: bool = False,
        norm: str = "instance",
        linear: bool = False,
    ) -> None:
        super().__init__()
        if upsampling:
            self.convolution: Convolution = NearestUpsampling(channels, out)
        else:
            self.convolution = Convolution(channels, out, kernel, stride=stride)
        self.norm = ConditionalNorm(out, norm)
        self.linear = linear

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the output of the layer, with the next conditions."""
        x = conditions.normalise(self.norm, self.convolution(x))
        return x if self.linear else F.relu_(x)


class Block(nn.Module):
    """A residual block (He et al. 2016), without a ReLU after the sum (Gross and Wilber 2016)."""

    def __init__(self, channels: int, norm: str = "instance") -> None:
        super().__init__()
        self.first = Layer(channels, channels, norm=norm)
        self.second = Layer(channels, channels, norm=norm, linear=True)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """Return the sum of `x` and the block's output."""
        return x + self.second(self.first(x, conditions), conditions)  # type: ignore[no-any-return]


class Deep(nn.Module):
    """Residual blocks of twice the channels at half the resolution, added to the input.

    Their receptive field is twice as wide for the same work. The upsampling is bilinear, because blocks of equal pixels
    would pass through the sums of later blocks.
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
    """A convolution to three colours; initially its output is grey, of low contrast."""

    def __init__(self, channels: int, kernel: int = 3) -> None:
        super().__init__(channels, 3, kernel)
        nn.init.xavier_normal_(self.convolution.weight, 0.1)
        nn.init.constant_(self.convolution.bias, 0.5)  # type: ignore[arg-type]
