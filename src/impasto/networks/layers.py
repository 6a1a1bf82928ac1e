"""The layers of the networks: convolutions that reflect at the border, and what their norms are told."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from impasto.networks.norm import ConditionalNorm, Moments


class Conditions:
    """What the norms of one pass are told, each in its turn: the scale, the shift, the moments.

    `code` is `(B, D)`: for each norm in order its scales, then its shifts. With `masks`, `(B, K, H, W)`, it is
    `(B, K, D)`, and scales and shifts are maps: the masks, averaged down to the size of the features, times the codes.
    """

    def __init__(
        self,
        code: Tensor,
        masks: Tensor | None = None,
        given: Sequence[Moments] | None = None,
        seen: list[Moments] | None = None,
    ) -> None:
        self._code = code
        self._masks = masks
        self._given = None if given is None else iter(given)
        self._seen = seen
        self._at = 0
        self._reduced: dict[int, Tensor] = {}

    def normalise(self, norm: ConditionalNorm, x: Tensor) -> Tensor:
        """`x` through the norm whose turn it is."""
        scale = self._spread(norm.channels, x)
        shift = self._spread(norm.channels, x)
        given = None if self._given is None else next(self._given)
        return norm(x, scale, shift, given, self._seen)  # type: ignore[no-any-return]

    def _spread(self, channels: int, x: Tensor) -> Tensor:
        """The next `channels` numbers of the code, over the positions of `x`."""
        part = self._code[..., self._at : self._at + channels]
        self._at += channels
        if self._masks is None:
            return part[..., None, None]
        ratio = self._masks.shape[-2] // x.shape[-2]
        if ratio not in self._reduced:
            self._reduced[ratio] = F.avg_pool2d(self._masks, ratio) if ratio > 1 else self._masks
        return torch.einsum("bkc,bkhw->bchw", part, self._reduced[ratio])


class Convolution(nn.Module):
    """A convolution whose input is reflected at the border (zeros would be a dark frame), or padded in another of
    torch's ways; after nearest upsampling where `up` is above 1 (a transposed convolution would leave a checkerboard:
    Odena 2016)."""

    def __init__(
        self, channels: int, out: int, kernel: int = 3, *, stride: int = 1, up: int = 1, padding: str = "reflect"
    ) -> None:
        super().__init__()
        self.up = up
        self.beyond = kernel // 2
        self.padding = padding
        self.convolution = nn.Conv2d(channels, out, kernel, stride)
        nn.init.kaiming_normal_(self.convolution.weight, nonlinearity="relu")
        nn.init.zeros_(self.convolution.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of `x`."""
        if self.up > 1:
            x = F.interpolate(x, scale_factor=self.up, mode="nearest")
        if self.beyond:
            x = F.pad(x, (self.beyond,) * 4, mode=self.padding)
        return self.convolution(x)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """Convolution, conditional norm, and a ReLU unless `linear`."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: int = 3,
        *,
        stride: int = 1,
        up: int = 1,
        norm: str = "instance",
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.convolution = Convolution(channels, out, kernel, stride=stride, up=up)
        self.norm = ConditionalNorm(out, norm)
        self.linear = linear

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """The layer's output; the next norm's turn is taken."""
        x = conditions.normalise(self.norm, self.convolution(x))
        return x if self.linear else F.relu_(x)


class Block(nn.Module):
    """A residual block (He 2016; no ReLU after the sum, as in Gross and Wilber 2016)."""

    def __init__(self, channels: int, norm: str = "instance") -> None:
        super().__init__()
        self.first = Layer(channels, channels, norm=norm)
        self.second = Layer(channels, channels, norm=norm, linear=True)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """`x` and what the block adds to it."""
        return x + self.second(self.first(x, conditions), conditions)  # type: ignore[no-any-return]


class Deep(nn.Module):
    """Residual blocks of twice the channels at half the resolution, added to what comes in.

    They see twice as far for the same work. Enlarging is linear: blocks of pixels would pass through the sums behind.
    """

    def __init__(self, channels: int, blocks: int, norm: str = "instance") -> None:
        super().__init__()
        self.down = Layer(channels, 2 * channels, stride=2, norm=norm)
        self.blocks = nn.ModuleList(Block(2 * channels, norm) for _ in range(blocks))
        self.up = Layer(2 * channels, channels, norm=norm, linear=True)

    def forward(self, x: Tensor, conditions: Conditions) -> Tensor:
        """`x` and what the blocks add to it."""
        y = self.down(x, conditions)
        for block in self.blocks:
            y = block(y, conditions)
        y = self.up(y, conditions)
        return x + F.interpolate(y, scale_factor=2, mode="bilinear", align_corners=False)


class ToPixels(nn.Module):
    """A convolution to `ratio^2` pixels of three colours a position, put in their places (Shi 2016).

    At the start the pixels of a position are the same (ICNR: Aitken 2017), which is nearest upsampling: no
    checkerboard to unlearn.
    """

    def __init__(self, channels: int, ratio: int, kernel: int = 3) -> None:
        super().__init__()
        self.ratio = ratio
        self.convolution = Convolution(channels, 3 * ratio**2, kernel)
        start = Convolution(channels, 3, kernel).convolution
        nn.init.xavier_normal_(start.weight, 0.1)  # the picture begins as a grey of little contrast
        with torch.no_grad():
            self.convolution.convolution.weight.copy_(start.weight.repeat_interleave(ratio**2, dim=0))
            nn.init.constant_(self.convolution.convolution.bias, 0.5)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """`(B, 3, ratio H, ratio W)`."""
        return F.pixel_shuffle(self.convolution(x), self.ratio)
